"""Shapes, settings and texts of structural rows: what fits, what is said where it does not, how it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.graph import ops
from gradcli.graph.describe import gate_text, rule_text
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import ShapeError, canonical, size
from tests.graph import structural_oracle as oracle
from tests.graph.structural_oracle import EXACT, numbers

TRIALS = list(oracle.trials())

# row, shapes, settings; what the message has to name; what the hint has to say
REFUSED: list[tuple[str, list[Any], dict[str, Any], list[str], str]] = [
    ("matmul", [(3, 2), (3, 2)], {}, ["3×2", "2 columns meet 3 rows"], "A @ B'"),
    ("matmul", [(3, 2), (3, 4)], {}, ["3×2", "3×4"], "A' @ B"),
    ("matmul", [(3, 2), (3,)], {}, ["3×2", "and 3 do not"], "A' @ B"),
    ("matmul", [(3,), (2,)], {}, ["3 columns meet 2 rows"], "equal"),
    ("matmul", [(), (2,)], {}, ["a number", "2"], "*"),
    ("matmul", [(2, 3, 2), (5, 2, 3)], {}, ["2×3×2", "5×2×3"], "or 1"),
    ("dot", [(3,), (2,)], {}, ["3 and 2"], "sum(a*b)"),
    ("dot", [(2, 2), (2, 2)], {}, ["2×2"], "@"),
    ("outer", [(2, 2), (2,)], {}, ["2×2 and 2"], "reshape"),
    ("mse", [(3,), (3, 1)], {}, ["3 and 3×1"], "reshape"),
    ("cross_entropy", [(4, 3), (3,)], {}, ["4×3", "targets 3"], "class numbers, 4"),
    ("cross_entropy", [(3,), (2,)], {}, ["logits 3", "targets 2"], "a number"),
    ("cross_entropy", [(), ()], {}, ["not a number"], "[a, b]"),
    ("cross_entropy", [(3, 0), (3,)], {}, ["3×0 have no classes"], "longer"),
    ("stack", [(2,), (3,)], {}, ["2 and 3"], "concat"),
    ("concat", [(2, 3), (2, 4)], {}, ["2×3 and 2×4", "axis 0"], "equal"),
    ("concat", [(2,), ()], {}, ["2 and a number"], "[a, b]"),
    ("concat", [()], {}, ["no axis 0", "no axes"], ""),
    ("reshape", [(3, 2)], {"shape": [4]}, ["3×2", "6 elements", "4 has 4"], "-1"),
    ("reshape", [(3, 2)], {"shape": [4, -1]}, ["3×2", "[4, -1]"], "divide"),
    ("reshape", [(3, 2)], {"shape": [-1, -1]}, ["one"], "numbers"),
    ("reshape", [(3, 2)], {"shape": [-2]}, ["-2"], ""),
    ("broadcast_to", [(3,)], {"shape": [3, 2]}, ["3 cannot become 3×2"], "reshape"),
    ("broadcast_to", [(3, 2)], {"shape": [2]}, ["3×2 cannot become 2"], "in front"),
    ("broadcast_to", [(3,)], {"shape": [-1]}, ["-1"], ""),
    ("sum_to", [(3, 2)], {"shape": [3]}, ["3×2 cannot become 3"], "reshape"),
    ("scatter", [(2,)], {"shape": [3], "starts": [2]}, ["beyond 3"], "larger"),
    ("scatter", [(2,)], {"shape": [3, 3], "starts": [0, 0]}, ["2 at [0, 0]", "3×3"], "reshape"),
    ("index", [(3, 2)], {"slots": (0,)}, ["3×2", "2 axes"], "per axis"),
    ("index", [(3, 2)], {"slots": (3, 0)}, ["3 is outside axis 0 of 3×2"], "0 to 2"),
    ("index", [(3,)], {"slots": ((1, 4),)}, ["1:4", "of 3"], "0 to 2"),
    ("transpose", [(3, 2)], {"order": [0, 0]}, ["every axis once"], ""),
    ("sum", [(3, 2)], {"axis": 2}, ["no axis 2", "0 to 1"], ""),
    ("sum", [(3, 2)], {"axis": [0, -2]}, ["twice"], ""),
    ("softmax", [()], {}, ["no axis -1"], ""),
    ("softmax", [(3, 0)], {}, ["no element"], "longer"),
    ("amax", [(0,)], {}, ["without elements"], "longer"),
    ("logsumexp", [(0, 2)], {"axis": 0}, ["without elements"], "longer"),
    ("one_hot", [(3,)], {}, ["count is missing"], ""),
    ("one_hot", [(3,)], {"count": 1.5}, ["1.5"], ""),
]


@pytest.mark.parametrize(("name", "shapes", "given", "named", "hinted"), REFUSED, ids=lambda x: str(x)[:40])
def test_what_does_not_fit_is_named(
    name: str, shapes: list[Any], given: dict[str, Any], named: list[str], hinted: str
) -> None:
    """The message names the shapes, the hint a way out."""
    with pytest.raises(ShapeError) as caught:
        oracle.layout(ops.ROWS[ops.CODES[name]], shapes, given)
    assert [part for part in named if part not in caught.value.message] == []
    assert hinted in (caught.value.hint or "")


def test_every_row_with_conditions_is_refused_somewhere() -> None:
    """The rows that can go wrong are in the table above."""
    free = {"mean", "prod", "var", "std", "norm", "amin", "flip", "cumsum", "logsoftmax"}  # as sum, amax and softmax
    assert {row.name for row in ops.STRUCTURAL} == {case[0] for case in REFUSED} | free


@pytest.mark.parametrize(
    ("before", "asked", "due"),
    [
        ((3, 2), [-1], (6,)),
        ((3, 2), [2, -1], (2, 3)),
        ((), [-1], (1,)),
        ((4,), [-1, 2, 2], (1, 2, 2)),
        ((0,), [2, -1], (2, 0)),
    ],
)
def test_an_extent_that_is_left_is_found(before: Any, asked: list[int], due: Any) -> None:
    made = oracle.layout(ops.ROWS[ops.CODES["reshape"]], [before], {"shape": asked})
    assert made.settings["shape"] == made.shape == due


@pytest.mark.parametrize("trial", TRIALS, ids=oracle.named)
def test_settings_are_final(trial: oracle.Trial) -> None:
    """Made canonical again they stay what they are, and two gates that are equal have equal settings."""
    settings = tuple(trial.layout.settings.items())
    assert canonical(trial.row.settings, trial.layout.settings, trial.layout.shapes) == settings
    assert hash(settings) == hash(canonical(trial.row.settings, dict(settings), trial.layout.shapes))


def _is_flat(trial: oracle.Trial) -> bool:
    """Where a textbook says 0/0: the deviation of one element."""
    return trial.row.name == "std" and size(trial.layout.shapes[0]) == 1


@pytest.mark.parametrize("trial", [trial for trial in TRIALS if not _is_flat(trial)], ids=oracle.named)
def test_rules_to_show_say_what_the_others_compute(trial: oracle.Trial) -> None:
    """In multiprecision, where no textbook's formula breaks, `rules` give the contributions of `vjps`."""
    row, made, xs = trial.row, trial.layout, trial.operands
    y = getattr(EXACT, row.name)(*xs, **made.settings)
    g = numbers(("shown", row.name), made.shape)
    for k, shape in enumerate(made.shapes):
        computing, shown = row.vjps, row.rules or row.vjps
        assert computing is not None
        assert shown is not None
        place = 0 if row.variadic else k
        first, second = (rules[place](EXACT, made.at(k), g, y, *xs) for rules in (computing, shown))  # type: ignore[misc]
        assert oracle.distance(np.broadcast_to(np.asarray(second, dtype=object), shape)[()], first) < 1e-90


def written(name: str, *shapes: Any, **given: Any) -> tuple[str, list[str]]:
    """A gate of the row on inputs a, b …, and the rules of its edges; the gate is y."""
    row, graph = ops.ROWS[ops.CODES[name]], Graph()
    made = oracle.layout(row, shapes, given)
    for letter, shape in zip("abcd", shapes, strict=False):
        graph.append(ops.INPUT, (), letter, 0, 0, (("shape", shape),) if shape else None)
    operands = tuple(range(len(shapes)))
    graph.output = graph.append(ops.CODES[name], operands, None, 0, 0, tuple(made.settings.items()))
    graph.stages[graph.output] = "y"
    return gate_text(graph, graph.output), [rule_text(graph, graph.output, k) for k in operands]


@pytest.mark.parametrize(
    ("found", "due"),
    [
        (written("matmul", (3, 2), (2, 4)), ("a @ b", ["g @ b'", "a' @ g"])),
        (written("matmul", (3, 2), (2,)), ("a @ b", ["outer(g, b)", "a' @ g"])),
        (written("matmul", (3,), (3, 2)), ("a @ b", ["g @ b'", "outer(a, g)"])),
        (written("matmul", (3,), (3,)), ("a @ b", ["g*b", "g*a"])),
        (written("outer", (3,), (2,)), ("outer(a, b)", ["g @ b", "a @ g"])),
        (written("dot", (3,), (3,)), ("dot(a, b)", ["g*b", "g*a"])),
        (written("transpose", (3, 2)), ("a'", ["g'"])),
        (written("transpose", (3, 2, 4), order=[1, 2, 0]),
         ("transpose(a, order=[1, 2, 0])", ["transpose(g, order=[2, 0, 1])"])),
        (written("reshape", (6,), shape=[2, -1]), ("reshape(a, [2, 3])", ["reshape(g, [6])"])),
        (written("stack", (), ()), ("[a, b]", ["g[0]", "g[1]"])),
        (written("stack", (2,), (2,), axis=-1), ("stack(a, b, axis=1)", ["g[:, 0]", "g[:, 1]"])),
        (written("concat", (2,), (3,)), ("concat(a, b)", ["g[0:2]", "g[2:]"])),
        (written("index", (3, 4), slots=(0, (1, 3))), ("a[0, 1:3]", ["scatter(reshape(g, [1, 2]), [3, 4], [0, 1])"])),
        (written("index", (3, 4), slots=(2, (0, 4))), ("a[2]", ["scatter(reshape(g, [1, 4]), [3, 4], [2, 0])"])),
        (written("index", (3, 4), slots=((0, 3), (1, 4))), ("a[:, 1:]", ["scatter(g, [3, 4], [0, 1])"])),
        (written("sum", (3, 2), axis=0), ("sum(a, axis=0)", ["broadcast_to(g, [3, 2])"])),
        (written("mean", (3, 2)), ("mean(a)", ["broadcast_to(g/6, [3, 2])"])),
        (written("prod", (3,)), ("prod(a)", ["g*y/a"])),
        (written("norm", (3,)), ("norm(a)", ["g*a/y"])),
        (written("var", (3,)), ("var(a)", ["2*g*(a - mean(a))/3"])),
        (written("std", (3,)), ("std(a)", ["g*(a - mean(a))/(3*y)"])),
        (written("amax", (3,)), ("amax(a)", ["g*(a == y)"])),
        (written("logsumexp", (3,)), ("logsumexp(a)", ["g*exp(a - y)"])),
        (written("softmax", (2, 3)), ("softmax(a)", ["y*(g - sum(g*y, axis=1, keepdims=1))"])),
        (written("logsoftmax", (3,)), ("logsoftmax(a)", ["g - exp(y)*sum(g)"])),
        (written("cross_entropy", (4, 3), (4,)), ("cross_entropy(a, b)", ["g*(softmax(a) - one_hot(b, 3))/4", "0"])),
        (written("cross_entropy", (3,), (3,)),
         ("cross_entropy(a, b)", ["g*(softmax(a)*sum(b) - b)", "-g*logsoftmax(a)"])),
        (written("mse", (4,), (4,)), ("mse(a, b)", ["2*g*(a - b)/4", "2*g*(b - a)/4"])),
        (written("cumsum", (4,)), ("cumsum(a)", ["flip(cumsum(flip(g)))"])),
    ],
    ids=lambda case: str(case[0]),
)  # fmt: skip
def test_texts(found: tuple[str, list[str]], due: tuple[str, list[str]]) -> None:
    """Gates and rules read as in a textbook."""
    assert found == due

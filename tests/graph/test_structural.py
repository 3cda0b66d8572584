"""Structural rows against textbook values and their differences in multiprecision, on numbers and on gates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.graph import ops
from gradcli.graph.derive import reverse_sweep
from gradcli.graph.emitting import Emitter, PlainEmitter
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import size
from gradcli.numeric import arrays
from tests.graph import structural_oracle as oracle
from tests.graph.structural_oracle import CLOSE, EXACT, FLOAT, Trial, distance, inner, numbers

TRIALS = list(oracle.trials())
EDGES = [(trial, k) for trial in TRIALS for k in range(len(trial.operands))]
SMOOTH = [(trial, k) for trial, k in EDGES if k in trial.smooth]


def edges(pairs: list[tuple[Trial, int]]) -> Any:
    return pytest.mark.parametrize(("trial", "k"), pairs, ids=[f"{oracle.named(trial)}-{k}" for trial, k in pairs])


def vjp(trial: Trial, k: int, m: Any, g: Any, y: Any, xs: list[Any]) -> Any:
    rules = trial.row.vjps
    assert rules is not None
    assert rules[0] is not None
    rule = rules[0 if trial.row.variadic else k]
    assert rule is not None
    return rule(m, trial.layout.at(k), g, y, *xs)


def jvp(trial: Trial, k: int, m: Any, t: Any, y: Any, xs: list[Any]) -> Any:
    rules = trial.row.jvps
    assert rules is not None
    return rules[0 if trial.row.variadic else k](m, trial.layout.at(k), t, y, *xs)


def run(trial: Trial, m: Any, xs: Any) -> Any:
    return getattr(m, trial.row.name)(*xs, **trial.layout.settings)


def flow(trial: Trial, name: str, shape: tuple[int, ...]) -> Any:
    return numbers((name, oracle.named(trial)), shape)


@pytest.mark.parametrize("row", ops.STRUCTURAL, ids=lambda row: row.name)
def test_every_row_is_complete(row: Op) -> None:
    """A value to compare with, trials of several shapes, a rule per operand in both directions."""
    assert row.name in oracle.VALUES
    assert len({shapes for shapes, _ in row.trials}) >= 2
    assert row.doc.endswith(".")
    assert not row.partials
    rules = 1 if row.variadic else len(row.parameters)
    assert row.vjps is not None
    assert len(row.vjps) == rules
    assert row.jvps is not None
    assert len(row.jvps) == rules
    assert row.rules is None or len(row.rules) == rules
    assert row.forward is None or callable(row.forward)


@pytest.mark.parametrize("row", [row for row in ops.STRUCTURAL if len(row.parameters) == 1], ids=lambda row: row.name)
def test_trials_have_ranks_and_extents_of_1(row: Op) -> None:
    shapes = [shape for trial, _ in row.trials for shape in trial]
    assert max(map(len, shapes)) >= 2
    assert any(1 in shape for shape in shapes) or row.name == "one_hot"


@pytest.mark.parametrize("row", ops.STRUCTURAL, ids=lambda row: row.name)
def test_trials_have_extents_of_0(row: Op) -> None:
    """Slices make arrays without elements; only a loss has no value for them."""
    shapes = [shape for trial, _ in row.trials for shape in trial]
    assert any(0 in shape for shape in shapes) or row.name in ("cross_entropy", "mse")


@pytest.mark.parametrize("trial", TRIALS, ids=oracle.named)
def test_values(trial: Trial) -> None:
    """The textbook's value in multiprecision, the same but for rounding on floats, of the shape that was promised."""
    due = oracle.value(trial.row, trial.layout, trial.operands)
    assert np.shape(due) == trial.layout.shape
    assert distance(run(trial, EXACT, trial.operands), due) < 1e-100
    floats = run(trial, FLOAT, trial.floats)
    assert distance(floats, due) < 4e-16 * max(4, *map(size, trial.layout.shapes))
    assert trial.layout.shape or type(floats) is float


@edges(SMOOTH)
def test_contributions_are_differences(trial: Trial, k: int) -> None:
    """The VJP of every operand, element by element, and the JVP in a direction."""
    xs, shape = list(trial.operands), trial.layout.shapes[k]
    y = run(trial, EXACT, xs)
    g, t = flow(trial, "g", trial.layout.shape), flow(trial, "t", shape)

    def value(operands: Any) -> Any:
        return oracle.value(trial.row, trial.layout, operands)

    contribution = vjp(trial, k, EXACT, g, y, xs)
    assert np.shape(contribution) == shape
    for place in oracle.corners(shape):
        unit = oracle.as_exact(np.zeros(shape)) if shape else oracle.MP.mpf(1)
        if shape:
            unit[place] = oracle.MP.mpf(1)
        due = inner(g, oracle.difference(value, xs, k, unit))
        assert distance(contribution[place] if shape else contribution, due) < CLOSE, place
    assert distance(jvp(trial, k, EXACT, t, y, xs), oracle.difference(value, xs, k, t)) < CLOSE


@edges([edge for edge in EDGES if edge not in SMOOTH])
def test_classes_have_no_slope(trial: Trial, k: int) -> None:
    """A class number contributes zeros of its shape, whatever flows."""
    xs = list(trial.operands)
    y = run(trial, EXACT, xs)
    back = vjp(trial, k, EXACT, flow(trial, "g", trial.layout.shape), y, xs)
    assert np.shape(back) == trial.layout.shapes[k]
    assert not np.any(back)
    assert not np.any(jvp(trial, k, EXACT, flow(trial, "t", trial.layout.shapes[k]), y, xs))


@edges(EDGES)
def test_both_directions_on_floats(trial: Trial, k: int) -> None:
    """On floats the rules give what they give in multiprecision, and are each other's transpose."""
    g, t = flow(trial, "g", trial.layout.shape), flow(trial, "t", trial.layout.shapes[k])
    exact, floats = list(trial.operands), trial.floats
    y, rounded = run(trial, EXACT, exact), run(trial, FLOAT, floats)
    with arrays.quiet():
        back = vjp(trial, k, FLOAT, oracle.as_floats(g), rounded, floats)
        ahead = jvp(trial, k, FLOAT, oracle.as_floats(t), rounded, floats)
    assert distance(back, vjp(trial, k, EXACT, g, y, exact)) < 1e-14
    assert distance(ahead, jvp(trial, k, EXACT, t, y, exact)) < 1e-14
    assert distance(inner(back, t), inner(g, ahead)) < 1e-13


@pytest.mark.parametrize("kind", [Emitter, PlainEmitter], ids=["simplified", "plain"])
@edges(EDGES)
def test_rules_on_gates(trial: Trial, k: int, kind: type[Emitter]) -> None:
    """Run on gates, both rules build a graph that evaluates to what they give on numbers."""
    graph, gate = oracle.gate_of(trial, trial.layout.shape, trial.layout.shapes[k])
    emitter = kind(graph)
    count = len(trial.operands)
    operands = [emitter.number(index) for index in range(count)]
    g, t = (emitter.number(count + index) for index in range(2))
    made = vjp(trial, k, emitter.system, g, emitter.number(gate), operands)  # type: ignore[arg-type]
    also = jvp(trial, k, emitter.system, t, emitter.number(gate), operands)  # type: ignore[arg-type]
    graph.verify()
    flows = [flow(trial, "g", trial.layout.shape), flow(trial, "t", trial.layout.shapes[k])]
    values = evaluated(trial, graph, list(trial.operands), flows)
    xs, y = list(trial.operands), values[gate]
    for found, due in ((made, vjp(trial, k, EXACT, flows[0], y, xs)), (also, jvp(trial, k, EXACT, flows[1], y, xs))):
        assert distance(values[found.index] if hasattr(found, "index") else found, due) < 1e-90


def evaluated(trial: Trial, graph: Any, operands: list[Any], flows: list[Any]) -> list[Any]:
    named = {f"x{index}": x for index, x in enumerate(operands)}
    return oracle.evaluated(graph, named | {f"f{index}": x for index, x in enumerate(flows)}, EXACT)


CURVED = [(trial, k) for trial, k in SMOOTH if not trial.row.linear]


@edges(CURVED)
def test_second_derivatives(trial: Trial, k: int) -> None:
    """The sweep over the gates of a contribution gives the differences of that contribution, by all operands and by
    what flows in."""
    row, layout, count = trial.row, trial.layout, len(trial.operands)
    graph, gate = oracle.gate_of(trial, layout.shape, layout.shapes[k])
    emitter = Emitter(graph)
    operands = [emitter.number(index) for index in range(count)]
    g, w = (emitter.number(count + index) for index in range(2))
    contribution = vjp(trial, k, emitter.system, g, emitter.number(gate), operands)  # type: ignore[arg-type]
    weighted = contribution * w
    total = emitter.system.sum(weighted) if layout.shapes[k] else weighted
    moving = [*trial.smooth, count]
    adjoints = reverse_sweep(emitter, moving, total.index)
    flows = [flow(trial, "g", layout.shape), flow(trial, "t", layout.shapes[k])]
    values = evaluated(trial, graph, list(trial.operands), flows)

    def first(all_of_them: Any) -> Any:
        *xs, g = all_of_them
        return inner(vjp(trial, k, EXACT, g, run(trial, EXACT, xs), xs), flows[1])

    for position in moving:
        shape = layout.shape if position == count else layout.shapes[position]
        direction = numbers(("second", row.name, position), shape)
        due = oracle.difference(first, [*trial.operands, flows[0]], position, direction)
        found = values[adjoints[position]] if position in adjoints else oracle.as_exact(np.zeros(shape))
        assert distance(inner(found, direction), due) < CLOSE, f"by operand {position}"


@pytest.mark.parametrize("trial", [one for one in TRIALS if one.row.linear], ids=oracle.named)
def test_linear_rows(trial: Trial) -> None:
    """f(2x + z) = 2 f(x) + f(z), and contributions do not depend on the operands."""
    xs = list(trial.operands)
    zs = [flow(trial, f"z{k}", shape) for k, shape in enumerate(trial.layout.shapes)]
    both = [2 * x + z for x, z in zip(xs, zs, strict=True)]
    assert distance(run(trial, EXACT, both), 2 * run(trial, EXACT, xs) + run(trial, EXACT, zs)) < 1e-90
    g = flow(trial, "g", trial.layout.shape)
    for k in range(len(xs)):
        here = vjp(trial, k, EXACT, g, run(trial, EXACT, xs), xs)
        assert distance(here, vjp(trial, k, EXACT, g, run(trial, EXACT, zs), zs)) == 0.0


@pytest.mark.parametrize("row", [row for row in ops.STRUCTURAL if not row.linear], ids=lambda row: row.name)
def test_what_is_not_linear_says_so(row: Op) -> None:
    """Doubling all operands does not double the result, in some trial at least."""
    own = [trial for trial in TRIALS if trial.row is row]

    def doubles(trial: Trial) -> bool:
        twice = run(trial, EXACT, [2 * x for x in trial.operands])
        return distance(twice, 2 * run(trial, EXACT, trial.operands)) < 1e-90

    bent = row.name in ("norm", "std", "amax", "amin")  # homogeneous, but the slopes depend on the operand
    assert bent or not all(map(doubles, own))

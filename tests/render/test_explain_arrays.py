"""An explanation of a program with arrays, read back: what it says is what the passes computed."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from pictures import NAMES, sample

import gradcli
from gradcli.render import Look
from gradcli.render.explain import FORMATS, Telling, renderer
from gradcli.render.explain.flows import received, with_named_output
from gradcli.traces import Trace

PASSES = re.compile(r"∂(.+?)/∂(\S+) \+= (.*) = (\[.*\]|\S+|\(\d.*\))")
ARRAYS = [name for name in NAMES if sample(name).graph.settings]
LAYER = ("h = tanh(W @ x + b)\nL = sum(h^2)\nL", {"W": [[1, 2], [3, 4]], "x": [0.5, -1], "b": [0.1, 0.2]})


def told(trace: Trace, format: str = "markdown", look: Look | None = None, **telling: object) -> str:
    return "".join(renderer(format)(trace, look or Look(every_gate=True), Telling(**telling)))  # type: ignore[arg-type]


def layer() -> Trace:
    return gradcli.evaluate(*LAYER)


def read(text: str) -> Any:
    return np.array(json.loads(text), dtype=np.float64)


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_passed_on_is_what_the_backward_pass_added_up(name: str) -> None:
    """Every contribution is said once, in the order of the backward pass, and its text is its number."""
    trace = sample(name)
    graph = with_named_output(trace).graph
    text = told(trace)
    found: dict[str, list[str]] = {}
    for formula in re.findall(r"^- `([^`]*)`", text, re.M):
        if match := PASSES.fullmatch(formula):
            found.setdefault(match[2], []).append(match[4])
    gates = [index for index, adjoint in enumerate(trace.adjoints) if adjoint is not None]
    parts = received(trace, gates)
    large = 0
    for index in gates:
        written = found.get(graph.label(index), [])
        assert len(written) == len(parts[index]), graph.label(index)
        for one, part in zip(written, parts[index], strict=True):
            if one.startswith("("):
                large += 1
                assert part.contribution.size > 12
                assert one.startswith("(" + "×".join(map(str, part.contribution.shape)))
            else:
                assert np.array_equal(read(one), part.contribution)
        if parts[index]:
            assert np.allclose(sum(part.contribution for part in parts[index]), trace.adjoints[index], rtol=1e-14)
    assert found
    assert large or name != "softmax-regression"


def test_gates_on_whole_arrays_have_a_rule_with_numbers() -> None:
    text = told(layer(), short=True)
    assert "`g3 = W @ x = [[1, 2], [3, 4]] @ [0.5, -1] = [-1.5, -2.5]` (Matrix product" in text
    assert "shapes 2×2, 2 → 2)" in text
    assert "`∂L/∂x += W' @ (∂L/∂g3) = [[1, 2], [3, 4]]' @ [-0.3827, -0.07725] = [-0.6145, -1.074]`" in text
    assert "`∂L/∂W += outer(∂L/∂g3, x) = outer([-0.3827, -0.07725], [0.5, -1]) = [[-0.1914, 0.3827]" in text
    assert "`L = sum(g7) = sum([0.7838, 0.9606]) = 1.744` (Sum of the elements" in text
    assert "∂g3/∂W" not in text, "there is no local gradient to name"


def test_elements_are_multiplied_one_by_one() -> None:
    text = told(layer(), short=True)
    assert "`∂L/∂g4 += ∂L/∂h · ∂h/∂g4 = [-1.771, -1.960] · [0.2162, 0.03941] = [-0.3827, -0.07725]`" in text
    assert "multiplies element by element" in text
    assert "element by element" not in told(gradcli.evaluate("x*y", x=1, y=2))


def test_what_was_repeated_is_added_up() -> None:
    text = told(gradcli.evaluate("sum(x*[1, 2, 3])", x=0.5))
    product = "`∂f/∂x += sum(∂f/∂g2 · ∂g2/∂x) = sum([1.0, 1.0, 1.0] · [1.0, 2.0, 3.0]) = 6.0`"
    assert f"{product} (added up over the 3 elements: it was repeated)" in text


def test_several_uses_add_up() -> None:
    text = told(gradcli.evaluate("sum(w*x) + 2*sum(w)", w=[1, 2], x=[3, 4]), short=True)
    assert "`∂f/∂w = [2, 2] + [3, 4] = [5, 6]` (2 contributions add up)" in text


def test_a_gate_twice_of_one_operand_says_which() -> None:
    text = told(gradcli.evaluate("x @ x", x=[1, 2]), short=True)
    assert "as its 1st operand" in text
    assert "as its 2nd operand" in text
    assert "∂f/∂x = [1, 2] + [1, 2] = [2, 4]" in text


def test_large_arrays_are_told_by_what_they_are_like() -> None:
    x = np.arange(20.0).reshape(4, 5)
    trace = gradcli.evaluate("sum(x @ y)", x=x, y=[1, 0, -1, 2, 0.5])
    text = told(trace)
    assert "`x = (4×5: min 0, mean 9.5, max 19, norm 49.70)`" in text
    assert "`g2 = x @ y = x @ [1.0, 0.0, -1.0, 2.0, 0.5] = " in text, "a large operand is called by its name"
    assert "`∂f/∂x += outer(∂f/∂g2, y) = outer([1.0, 1.0, 1.0, 1.0], [1.0, 0.0, -1.0, 2.0, 0.5]) = (4×5: " in text
    tex = told(trace, "latex")
    assert r"(4 \times 5\colon \text{min } 0, \text{mean } 9.5, \text{max } 19, \text{norm } 49.70)" in tex
    ones = gradcli.evaluate("sum(x)", x=np.where(x == 3, np.nan, x))
    assert "(4×5: 1 nan, min 0, " in told(ones)
    assert r"\text{1 nan}" in told(ones, "latex")
    assert "`∂f/∂x += broadcast_to(∂f/∂f, [4, 5]) = broadcast_to(1.0, [4, 5]) = (4×5: all 1.0)`" in told(ones)
    vector = gradcli.evaluate("sum(x)", x=[*range(13)])
    assert "`x = (13 elements: min 0, mean 6, max 12, norm 25.50)`" in told(vector)
    assert r"(\text{13 elements}\colon " in told(vector, "latex")


def test_a_gradient_that_is_transposed_is_in_parentheses() -> None:
    trace = gradcli.evaluate("sum(x'*[[1, 2], [3, -4]])", x=[[1, 2], [3, 4]])
    assert "∂f/∂x += (∂f/∂g1)' = [[1.0, 2.0], [3.0, -4.0]]' = [[1.0, 3.0], [2.0, -4.0]]" in told(trace)
    assert r"\left(\frac{\partial f}{\partial \mathit{g1}}\right)^{\top}" in told(trace, "latex")


def test_numbers_of_a_rule_are_not_computed_with() -> None:
    """LaTeX says 2 · 1.0 as the text does: what a rule folds would be missing."""
    trace = gradcli.evaluate("mse(a, b)", a=[1, 2], b=[0, 0.5])
    assert "2*1.0*" in told(trace)
    assert r"2 \cdot 1.0 \cdot" in told(trace, "latex")


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("width", [40, 80])
def test_long_arrays_go_on_behind_a_comma(name: str, width: int) -> None:
    for line in told(sample(name), "text", Look(width=width, every_gate=True)).splitlines():
        assert len(line) <= width or len(line.split()) <= 3


def test_one_gate_and_its_path() -> None:
    text = told(layer(), gate="W", short=True)
    assert "`W → g3: outer(∂L/∂g3, x)`" in text
    assert "`g3 → g4: 1`" in text
    assert "`h → g7: 2*h = [-1.771, -1.960]`" in text
    assert "`g7 → L: broadcast_to(∂L/∂L, [2])`" in text


def test_a_path_follows_the_larger_norm() -> None:
    text = told(gradcli.evaluate("a = x*3; b = x*[1, -5]; sum(a) + sum(b)", x=[1, 1]), gate="x")
    assert "x → b" in text
    assert "x → a" not in text


def test_where_on_arrays_speaks_of_no_single_branch() -> None:
    text = told(gradcli.evaluate("sum(where(x > 0, x, 2*x))", x=[1, -1]))
    assert "the branch that is chosen" not in text
    assert "not chosen" not in text
    assert "this branch is not chosen" in told(gradcli.evaluate("where(x > 0, x, sum([x, x]))", x=1))


@pytest.mark.parametrize("format", FORMATS)
def test_a_warning_of_an_array_stands_at_its_gate(format: str) -> None:
    text = told(gradcli.evaluate("r = relu(x); sum(r*2)", x=[0, 1]), format)
    assert "kink" in text.partition("Backward pass")[2]


@pytest.mark.parametrize("telling", [{}, {"brief": True}, {"gate": "x"}], ids=str)
def test_screens_without_unicode_get_signs_they_have(telling: dict[str, object]) -> None:
    assert told(layer(), "text", Look(unicode=False), **telling).isascii()

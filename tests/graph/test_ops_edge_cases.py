"""Numeric edge cases with exact answers, against other tools' ground truth.

tests/cases/edge.json is the collection "Cases written by others", numeric edge cases: exact values and derivatives from
60-digit arithmetic at the float64 nearest to each input, beside what PyTorch 2.13 and JAX 0.10 answer. Only the exact
numbers are used here; docs/numerics.md shows the others too.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

CASES = json.loads((Path(__file__).parents[1] / "cases/edge.json").read_text(encoding="utf-8"))["cases"]


class Lost(NamedTuple):
    """What float64 cannot hold when every gate of the formula as it is written is rounded to a float."""

    what: frozenset[str]  # the value f, or the gradient by an input
    why: str
    remedy: str | None  # the same function as a formula that holds


def _lost(what: str, why: str, remedy: str | None) -> Lost:
    return Lost(frozenset(what.split()), why, remedy)


NOT_HELD = {
    "sigmoid-11": _lost("f x", "`exp(800)` overflows, inf/inf is nan", "sigmoid(x)"),
    "softmax-1": _lost("f x y", "`exp(800)` overflows, inf/inf is nan", "sigmoid(x - y)"),
    "overflow-16": _lost("f x y", "`x^2` overflows", "hypot(x, y)"),
    "overflow-18": _lost("f", "`x*y` overflows before `z` makes the product small", "x*z*y"),
    "cancellation-1": _lost("f", "1 + 1e-20 is 1", "log1p(x)"),
    "cancellation-3": _lost("f", "`exp(1e-20)` is 1", "expm1(x)"),
    "cancellation-5": _lost("f", "1 + 1e-10 keeps 6 digits of `x`", "log1p(x)"),
    "cancellation-7": _lost("f", "`exp(1e-10)` keeps 6 digits of `x`", "expm1(x)"),
    "cancellation-9": _lost("f", "1 - 1e-16 is rounded to the next float", "log1p(x)"),
    "cancellation-11": _lost("f", "`exp(-1e-16)` is rounded to the next float", "expm1(x)"),
    "cancellation-13": _lost("f x", "`cos(1e-8)` is 1", "sinc(x/2)^2/2"),
    "cancellation-15": _lost("f x", "1e16 + 1 is 1e16", "1/(sqrt(x + 1) + sqrt(x))"),
    "cancellation-17": _lost("f", "1e16 + 1 is 1e16", "(x - x) + y"),
    "cancellation-19": _lost("f x", "`cosh(20)` and `sinh(20)` agree to 17 digits", "exp(-x)"),
    "trig range-4": _lost("f", "`pi` is the float next to π, and at that float the sine is 1.2e-16", None),
    "kink-28": _lost("x", "two kinks at one point: relu's slope at 0 is 0 in both, by convention", "x"),
    "atan2-14": _lost("x", "`y/x` is inf, where atan is flat; the number is the limit from the right", "atan2(y, x)"),
}


def _number(text: str | None) -> float | None:
    """An exact answer; None where it is in words."""
    try:
        return float(text or "")
    except ValueError:
        return None


def _run(case: dict[str, Any]) -> Trace:
    inputs = {name: float(x) for name, x in case["x"].items()}
    graph = lower(parse(case["expr"]), inputs)
    return evaluate_graph(graph, {name: inputs[name] for name in graph.inputs})


def _answers(case: dict[str, Any], trace: Trace) -> dict[str, tuple[float, float]]:
    """Ours and the exact one, where that is a number."""
    found = {"f": (trace.value, _number(case["exact"]["f"]))}
    for name, text in case["exact"]["g"].items():
        found[name] = (trace.gradients.get(name, 0.0), _number(text))
    return {name: (ours, exact) for name, (ours, exact) in found.items() if exact is not None}


def wrong(case: dict[str, Any]) -> set[str]:
    """Which of value f and gradients differ from the exact answers."""
    answers = _answers(case, _run(case))
    return {name for name, (ours, exact) in answers.items() if ours != pytest.approx(exact, rel=1e-14, abs=1e-323)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_exact_numbers(case: dict[str, Any]) -> None:
    lost = NOT_HELD[case["id"]].what if case["id"] in NOT_HELD else frozenset()
    assert wrong(case) == lost, f"{case['expr']} at {case['x']}: {_answers(case, _run(case))}"


@pytest.mark.parametrize("name", [name for name, lost in NOT_HELD.items() if lost.remedy])
def test_the_remedy_holds(name: str) -> None:
    """Another formula of the same function has all the exact answers."""
    case = next(case for case in CASES if case["id"] == name)
    assert not wrong(case | {"expr": NOT_HELD[name].remedy})


def test_what_is_not_held_are_cases() -> None:
    assert len(CASES) >= 114
    assert set(NOT_HELD) <= {case["id"] for case in CASES}


def test_answers_in_words_are_not_finite_or_a_convention() -> None:
    """Where the exact value is undefined ours is nan, or the convention of IEEE 754."""
    for case in CASES:
        if case["exact"]["f"] == "undefined":
            assert math.isnan(_run(case).value), case["id"]

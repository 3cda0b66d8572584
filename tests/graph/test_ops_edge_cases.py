"""Numeric edge cases with exact answers, against other tools' ground truth.

tests/cases/edge.json is the collection "Cases written by others", numeric edge cases: exact values and derivatives from
60-digit arithmetic at the float64 nearest to each input, beside what PyTorch 2.13 and JAX 0.10 answer. Only the exact
numbers are used here.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from gradcli.graph import ops
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

CASES = json.loads((Path(__file__).parents[1] / "cases/edge.json").read_text(encoding="utf-8"))["cases"]

LATER = {"logsumexp"}  # functions of later versions

# What float64 cannot hold when the formula is computed as it is written, and which of value f and gradients is lost.
# The remedy, where there is one, is another formula.
NOT_HELD: dict[str, tuple[set[str], str]] = {
    "sigmoid-11": ({"f", "x"}, "exp(800) overflows, inf/inf is nan; sigmoid(x) holds"),
    "softmax-1": ({"f", "x", "y"}, "exp(800) overflows, inf/inf is nan; sigmoid(x - y) holds"),
    "overflow-16": ({"f", "x", "y"}, "x^2 overflows; hypot(x, y) holds"),
    "overflow-18": ({"f"}, "x*y overflows before z makes the product small; x*z*y holds"),
    "cancellation-1": ({"f"}, "1 + 1e-20 is 1; log1p(x) holds"),
    "cancellation-3": ({"f"}, "exp(1e-20) is 1; expm1(x) holds"),
    "cancellation-5": ({"f"}, "1 + 1e-10 keeps 6 digits of x; log1p(x) holds"),
    "cancellation-7": ({"f"}, "exp(1e-10) keeps 6 digits of x; expm1(x) holds"),
    "cancellation-9": ({"f"}, "1 - 1e-16 is rounded to the next float; log1p(x) holds"),
    "cancellation-11": ({"f"}, "exp(-1e-16) is rounded to the next float; expm1(x) holds"),
    "cancellation-13": ({"f", "x"}, "cos(1e-8) is 1; 2*(sin(x/2)/x)^2 holds"),
    "cancellation-15": ({"f", "x"}, "1e16 + 1 is 1e16; 1/(sqrt(x + 1) + sqrt(x)) holds"),
    "cancellation-17": ({"f"}, "1e16 + 1 is 1e16"),
    "cancellation-19": ({"f", "x"}, "cosh(20) and sinh(20) agree to 17 digits; exp(-x) holds"),
    "trig range-4": ({"f"}, "pi is the float next to π: sin(pi) is what float64 leaves of it, 1.2e-16"),
    "kink-28": ({"x"}, "two kinks at one point: relu's slope at 0 is 0 in both, by convention"),
    "atan2-14": ({"x"}, "y/x is inf, where atan is flat; atan2(y, x) holds"),
}


def _number(text: str | None) -> float | None:
    """An exact answer; None where it is in words."""
    try:
        return float(text or "")
    except ValueError:
        return None


def _calls(case: dict[str, Any]) -> set[str]:
    return set(re.findall(r"([a-z]\w*)\(", case["expr"]))


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


def _wrong(case: dict[str, Any]) -> set[str]:
    answers = _answers(case, _run(case))
    return {name for name, (ours, exact) in answers.items() if ours != pytest.approx(exact, rel=1e-14, abs=1e-323)}


HELD = [case for case in CASES if not _calls(case) & LATER]


@pytest.mark.parametrize("case", HELD, ids=lambda case: case["id"])
def test_exact_numbers(case: dict[str, Any]) -> None:
    lost, reason = NOT_HELD.get(case["id"], (set(), ""))
    assert _wrong(case) == lost, f"{case['expr']} at {case['x']}: {_answers(case, _run(case))} {reason}"


def test_only_functions_of_later_versions_are_left_out() -> None:
    unknown = {name for case in CASES for name in _calls(case) if not ops.find(name)}
    assert unknown == LATER
    assert len(HELD) >= 100
    assert set(NOT_HELD) <= {case["id"] for case in HELD}


def test_answers_in_words_are_not_finite_or_a_convention() -> None:
    """Where the exact value is undefined ours is nan, or the convention of IEEE 754."""
    for case in HELD:
        if case["exact"]["f"] == "undefined":
            assert math.isnan(_run(case).value), case["id"]

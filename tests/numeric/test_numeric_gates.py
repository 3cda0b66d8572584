"""Gates as numbers, and what a number system says to a mistake in a rule."""

from __future__ import annotations

from typing import Any

import pytest

from gradcli.graph import ops
from gradcli.graph.ops import ELEMENTWISE
from gradcli.numeric import gates
from gradcli.passes import FLOATS

Log = list[tuple[str, Any]]


def _recorder() -> tuple[Any, Log]:
    """A system that writes down what is appended; positions count from 0, pi being the first."""
    log: Log = []

    def emit(name: str, operands: tuple[int, ...]) -> int:
        log.append((name, operands))
        return len(log) - 1

    def emit_constant(text: str) -> int:
        log.append(("constant", text))
        return len(log) - 1

    return ops.on(gates.primitives(((ops.attribute(r.name), r.name) for r in ELEMENTWISE), emit, emit_constant)), log


@pytest.mark.parametrize(
    ("formula", "appended"),
    [
        (lambda m, x: x + 1.0, [("constant", "1"), ("add", (0, 1))]),
        (lambda m, x: 1.0 + x, [("constant", "1"), ("add", (1, 0))]),
        (lambda m, x: x - x, [("sub", (0, 0))]),
        (lambda m, x: 2.5 - x, [("constant", "2.5"), ("sub", (1, 0))]),
        (lambda m, x: 2 * x, [("constant", "2"), ("mul", (1, 0))]),
        (lambda m, x: x * x, [("mul", (0, 0))]),
        (lambda m, x: -x, [("neg", (0,))]),
        (lambda m, x: m.sigmoid(x), [("sigmoid", (0,))]),  # rows stay one gate
        (lambda m, x: m.where(x, 0.0, m.number("nan")), [("constant", "nan"), ("constant", "0"), ("where", (0, 2, 1))]),
        (lambda m, x: m.exp_minus_square(x), [("constant", "2"), ("pow", (0, 1)), ("neg", (2,)), ("exp", (3,))]),
    ],
)
def test_formulas_append_gates(formula: Any, appended: Log) -> None:
    m, log = _recorder()
    x = m.gate(0)  # the first gate stands for an input here
    formula(m, x)
    assert log[1:] == appended


@pytest.mark.parametrize(
    ("x", "written"), [(2.0, "2"), (-3.0, "-3"), (0.5, "0.5"), (1e300, "1e+300"), (float("inf"), "inf"), (0.1, "0.1")]
)
def test_literals(x: float, written: str) -> None:
    assert gates.literal(x) == written
    assert float(written) == x


def test_a_rule_that_asks_for_an_unknown_function_is_told_its_name() -> None:
    with pytest.raises(AttributeError, match="this number system has no 'sine'"):
        FLOATS.sine(1.0)

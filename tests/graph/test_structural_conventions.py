"""Structural rows where a formula breaks: zeros, ties, infinities, nan, and numbers that leave no room for digits."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from gradcli.graph import ops
from gradcli.graph.derive import reverse_sweep
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import size
from gradcli.numeric import arrays
from tests.graph import structural_oracle as oracle
from tests.graph.structural_oracle import EXACT, FLOAT

INF, NAN = float("inf"), float("nan")


def array(*numbers: Any) -> Any:
    return np.array(numbers, dtype=np.float64)


def value(name: str, *xs: Any, m: Any = FLOAT, **settings: Any) -> Any:
    with arrays.quiet():
        return getattr(m, name)(*xs, **settings)


def flows(direction: str, name: str, flow: Any, *xs: Any, k: int = 0, m: Any = FLOAT, **settings: Any) -> Any:
    """A contribution, or what a tangent makes of the result."""
    row = ops.ROWS[ops.CODES[name]]
    made = oracle.layout(row, [np.shape(x) for x in xs], settings).at(k)
    rules: Any = row.vjps if direction == "back" else row.jvps
    with arrays.quiet():
        return rules[0 if row.variadic else k](m, made, flow, value(name, *xs, m=m, **settings), *xs)


def gradient(name: str, *xs: Any, k: int = 0, m: Any = FLOAT, **settings: Any) -> Any:
    return flows("back", name, 1.0, *xs, k=k, m=m, **settings)


def second(name: str, x: Any) -> Any:
    """The gradient of the sum of the gradient, both by gates."""
    graph = Graph()
    graph.append(ops.INPUT, (), "x", 0, 0, (("shape", x.shape),))
    emitter = Emitter(graph)
    y = getattr(emitter.system, name)(emitter.number(0))
    first = reverse_sweep(emitter, [0], y.index)[0]
    total = emitter.system.sum(emitter.number(first))
    adjoint = reverse_sweep(emitter, [0], total.index).get(0)
    with arrays.quiet():
        return oracle.evaluated(graph, {"x": x}, FLOAT)[adjoint] if adjoint is not None else 0.0 * x


@pytest.mark.parametrize("x", [array(0, 0, 0), array(0)], ids=["three", "one"])
def test_the_norm_of_the_zero_vector_is_flat(x: Any) -> None:
    assert value("norm", x) == 0.0
    assert not gradient("norm", x).any()
    assert not flows("ahead", "norm", np.ones_like(x), x)
    assert np.isfinite(second("norm", x)).all()


@pytest.mark.parametrize("x", [array(0.1, 0.1, 0.1), array(7), array(1.5e308, 1.5e308), np.full((3, 7), 0.1)], ids=str)
def test_equal_elements_deviate_by_exactly_0(x: Any) -> None:
    """Although their mean is rounded."""
    for name in ("std", "var"):
        assert value(name, x) == 0.0
        assert not gradient(name, x).any()
    assert np.isfinite(second("std", x)).all()


def test_one_flat_row_beside_others() -> None:
    """The convention holds row by row."""
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    made = flows("back", "norm", array(1, 1), x, axis=1)
    assert made.tolist() == [[0.0, 0.0], [0.6, 0.8]]


@pytest.mark.parametrize("name", ["amax", "amin"])
def test_ties_share(name: str) -> None:
    """n elements that tie get 1/n each, also along an axis."""
    sign = 1.0 if name == "amax" else -1.0
    assert gradient(name, sign * array(2, 5, 5, 1)).tolist() == [0.0, 0.5, 0.5, 0.0]
    assert gradient(name, array(3, 3, 3)).tolist() == [1 / 3] * 3
    x = sign * np.array([[1.0, 1.0], [0.0, 1.0]])
    assert flows("back", name, array(1, 10), x, axis=1).tolist() == [[0.5, 0.5], [0.0, 10.0]]
    assert gradient(name, array(INF, 1, -INF)).tolist() == ([1, 0, 0] if name == "amax" else [0, 0, 1])


@pytest.mark.parametrize(
    ("x", "due"),
    [
        (array(0, 2, 3), [6, 0, 0]),
        (array(0, 0, 3), [0, 0, 0]),
        (array(2, 0, INF), [NAN, INF, 0]),
        (array(2, 3, 4, 5, 6), [360, 240, 180, 144, 120]),
        (array(1, 2, 3, 0, 4, 5, 6), [0, 0, 0, 720, 0, 0, 0]),
    ],
    ids=str,
)
def test_products_with_zeros(x: Any, due: list[float]) -> None:
    """The others' product, never y/x."""
    assert np.array_equal(gradient("prod", x), due, equal_nan=True)
    if np.isfinite(x).all():
        unit = np.eye(len(x))
        assert [flows("ahead", "prod", unit[k], x) for k in range(len(x))] == due


def test_second_derivatives_of_a_product_with_a_zero() -> None:
    """∂²(abc)/∂a∂b = c, also where a factor is 0: the sum of the gradient, ab + bc + ca, has the slopes b + c …"""
    assert second("prod", array(0, 2, 3)).tolist() == [5.0, 3.0, 2.0]


def test_the_variance_is_that_of_the_population() -> None:
    assert value("var", array(1, 2, 3, 4)) == 1.25
    assert value("std", array(1, 2, 3, 4)) == pytest.approx(1.25**0.5, rel=1e-15)


@pytest.mark.parametrize("name", ["var", "std"])
def test_deviations_far_from_0(name: str) -> None:
    """The mean's rounding, 1.5e-8, is no part of deviations of 1e-7."""
    x = 1e8 + array(0, 1, 3, 7) * 2.0**-23
    exact = oracle.as_exact(x)
    assert relative(value(name, x), value(name, exact, m=EXACT)) < 1e-14
    assert relative(gradient(name, x), gradient(name, exact, m=EXACT)) < 1e-14


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_square_overflows_or_vanishes(scale: float) -> None:
    assert value("norm", array(3, 4) * scale) == pytest.approx(5 * scale, rel=1e-15)
    assert gradient("norm", array(3, 4) * scale) == pytest.approx([0.6, 0.8], rel=1e-15)
    assert value("std", array(-3, 3) * scale) == pytest.approx(3 * scale, rel=1e-15)
    assert gradient("std", array(-3, 3) * scale) == pytest.approx([-0.5, 0.5], rel=1e-15)


def relative(a: Any, b: Any) -> float:
    """The largest relative error of an element; of subnormal numbers, in units of the smallest normal one."""
    pairs = zip(np.ravel(np.asarray(a, dtype=object)), np.ravel(np.asarray(b, dtype=object)), strict=True)
    return max(float(abs(oracle.MP.mpf(x) - y) / max(abs(y), sys.float_info.min)) if x != y else 0.0 for x, y in pairs)


LOGITS = {
    "small": array(0.5, -1, 2),
    "large": array(1e4, 1e4 - 1, 1e4 + 2),
    "far below 0": array(-1e4, -1e4 + 0.5, -1e4 - 3),
    "saturated": array(40, 0, -3),
    "a thousand apart": array(500, 0, -200),
    "tied": array(1e4, 1e4, 1e4),
    "masked": array(1, -INF, 2),
}


@pytest.mark.parametrize("x", LOGITS.values(), ids=LOGITS)
def test_softmax_and_logsoftmax_keep_their_digits(x: Any) -> None:
    """Values and slopes, element by element, also where one probability is nearly 1. The bound grows with the spread
    of the logits: exp(x) turns an absolute error of x into a relative one."""
    exact = oracle.as_exact(x)
    bound = 1e-15 * (8 + np.ptp(x[np.isfinite(x)]))
    for name in ("softmax", "logsoftmax"):
        assert relative(value(name, x), value(name, exact, m=EXACT)) < bound
        for g in (array(1, 0, 0), array(0, 0, 1), array(1, 2, -3)):
            due = flows("back", name, oracle.as_exact(g), exact, m=EXACT)
            assert relative(flows("back", name, g, x), due) < bound
            if np.isfinite(x).all():
                assert (
                    relative(flows("ahead", name, g, x), flows("ahead", name, oracle.as_exact(g), exact, m=EXACT))
                    < bound
                )
    assert relative(gradient("logsumexp", x), gradient("logsumexp", exact, m=EXACT)) < bound


@pytest.mark.parametrize("x", LOGITS.values(), ids=LOGITS)
def test_the_composed_forms_keep_their_digits(x: Any) -> None:
    """What gates, and so unrolled graphs, compute on floats, where arrays of floats have a shorter way."""
    for name in ("softmax", "logsoftmax"):
        row = ops.ROWS[ops.CODES[name]]
        assert row.forward is not None
        with arrays.quiet():
            found = row.forward(FLOAT, oracle.layout(row, [x.shape], {}), x)
        due = value(name, oracle.as_exact(x), m=EXACT)
        assert relative(found, due) < 1e-15 * (8 + np.ptp(x[np.isfinite(x)]))


@pytest.mark.parametrize("x", LOGITS.values(), ids=LOGITS)
def test_cross_entropy_keeps_its_digits(x: Any) -> None:
    exact = oracle.as_exact(x)
    bound = 1e-15 * (8 + np.ptp(x[np.isfinite(x)]))
    for targets in (array(1, 0, 0), array(0, 0, 1), array(0.25, 0, 0.75), 2.0, 0.0):
        due = oracle.as_exact(targets)
        assert relative(value("cross_entropy", x, targets), value("cross_entropy", exact, due, m=EXACT)) < bound
        found = gradient("cross_entropy", x, targets)
        assert relative(found, gradient("cross_entropy", exact, due, m=EXACT)) < bound
        back = gradient("cross_entropy", x, targets, k=1)
        assert relative(back, gradient("cross_entropy", exact, due, k=1, m=EXACT)) < bound


def test_a_target_of_0_does_not_look_at_its_logit() -> None:
    """Neither value nor slope of the logits is 0·inf; the slope by that target is inf, as -log(0) is."""
    x, targets = array(0, -INF), array(1, 0)
    assert value("cross_entropy", x, targets) == 0.0
    assert gradient("cross_entropy", x, targets).tolist() == [0.0, 0.0]
    assert gradient("cross_entropy", x, targets, k=1).tolist() == [0.0, INF]


@pytest.mark.parametrize("target", [3.0, -1.0, 0.5, NAN])
def test_what_is_no_class_has_no_loss(target: float) -> None:
    """nan, not a loss of 0; of several examples one is enough."""
    assert np.isnan(value("cross_entropy", array(1, 2, 3), target))
    assert np.isnan(value("cross_entropy", np.ones((2, 3)), array(1, target)))
    assert np.isnan(gradient("cross_entropy", np.ones((2, 3)), array(1, target))[1]).all()
    assert value("one_hot", target, count=3).tolist() == [0, 0, 0]


def test_infinite_logits_share_as_in_logaddexp() -> None:
    assert value("logsumexp", array(-INF, -INF)) == -INF
    assert gradient("logsumexp", array(-INF, -INF)).tolist() == [0.5, 0.5]
    assert gradient("logsumexp", array(INF, 1, INF)).tolist() == [0.5, 0.0, 0.5]
    assert value("logsumexp", array(0, -40)) == value("logaddexp", 0.0, -40.0) > 0.0


EMPTY = np.zeros((0, 2))


@pytest.mark.parametrize("m", [FLOAT, EXACT], ids=["floats", "decimals"])
@pytest.mark.parametrize(
    ("name", "xs", "settings", "due"),
    [
        ("mean", [EMPTY], {}, NAN),
        ("var", [EMPTY], {}, NAN),
        ("std", [EMPTY], {}, NAN),
        ("mean", [EMPTY], {"axis": 0}, [NAN, NAN]),
        ("var", [EMPTY.T], {"axis": 1}, [NAN, NAN]),
        ("std", [EMPTY], {"axis": 0, "keepdims": True}, [[NAN, NAN]]),
        ("mse", [EMPTY, EMPTY], {}, NAN),
        ("cross_entropy", [EMPTY, EMPTY], {}, NAN),
        ("cross_entropy", [EMPTY, EMPTY[:, 0]], {}, NAN),
    ],
)
def test_no_elements_have_no_mean(m: Any, name: str, xs: list[Any], settings: dict[str, Any], due: Any) -> None:
    """Nor what is made of a mean; the contributions are as empty as the operands."""
    xs, flow = [as_operand(x, m) for x in xs], as_operand(np.array(due) if isinstance(due, list) else due, m)
    found = value(name, *xs, m=m, **settings)
    assert np.shape(found) == np.shape(due)
    assert np.isnan(oracle.as_floats(found)).all()
    for k, x in enumerate(xs):
        assert np.shape(flows("back", name, flow, *xs, k=k, m=m, **settings)) == np.shape(x)


def as_operand(x: Any, m: Any) -> Any:
    return x if m is FLOAT else oracle.as_exact(x)


@pytest.mark.parametrize("name", ["var", "std"])
def test_second_derivatives_of_no_elements(name: str) -> None:
    """Gates of the rules have shapes that fit, and the numbers are none."""
    assert second(name, EMPTY).shape == EMPTY.shape


ROWS = pytest.mark.parametrize("trial", list(oracle.trials()), ids=oracle.named)
MOVING = ("transpose", "reshape", "stack", "concat", "index", "broadcast_to", "scatter", "flip", "one_hot")


@pytest.mark.parametrize("poison", [NAN, INF, -INF])
@ROWS
def test_zero_times_anything(trial: oracle.Trial, poison: float) -> None:
    """What flows as exactly 0 contributes 0 in both directions, whatever the operands are."""
    row, made = trial.row, trial.layout
    xs = [np.full(shape, poison) if shape else poison for shape in made.shapes]
    y = value(row.name, *xs, **made.settings)
    for k in range(len(xs)):
        for rules, shape in ((row.vjps, made.shape), (row.jvps, made.shapes[k])):
            assert rules is not None
            rule: Any = rules[0 if row.variadic else k]
            with arrays.quiet():
                found = rule(FLOAT, made.at(k), np.zeros(shape) if shape else 0.0, y, *xs)
            assert not np.any(found), (k, found)


@ROWS
def test_nan_in_nan_out(trial: oracle.Trial) -> None:
    """A single nan reaches the result; rows that only move elements, and classes, apart."""
    row, made = trial.row, trial.layout
    for k, shape in enumerate(made.shapes):
        if not size(shape):
            continue
        xs = trial.floats
        poisoned = np.array(xs[k])
        poisoned[(0,) * len(shape)] = NAN
        xs[k] = poisoned if shape else NAN
        found = value(row.name, *xs, **made.settings)
        assert np.isnan(found).any() or row.name in MOVING or not size(made.shape)


@pytest.mark.parametrize("row", ops.STRUCTURAL, ids=lambda row: row.name)
def test_finite_rows_are_finite(row: Op) -> None:
    """A row that says so is finite at the largest finite numbers, but for overflow where it says that."""
    for trial in oracle.trials():
        if trial.row is row and row.finite:
            big = 1.7e308 if row.finite == 2 else 1e150 if row.name != "prod" else 1e15
            xs = [
                np.sign(x) * big if shape else big for x, shape in zip(trial.floats, trial.layout.shapes, strict=True)
            ]
            assert np.isfinite(value(row.name, *xs, **trial.layout.settings)).all()

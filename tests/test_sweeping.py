"""Grids: where their points are, in which order they come, and what is computed there."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

import gradcli
from gradcli.errors import LimitError
from gradcli.graph.lower import lower
from gradcli.kernels import kernel
from gradcli.kernels.counting import MOST_BLAMED
from gradcli.sweeping import (
    BLOCK,
    MOST_CURVES,
    MOST_DRAWN,
    MOST_LOOKED_AT,
    MOST_POINTS,
    Axis,
    Grid,
    Tally,
    check_conventions,
    conventions,
    curves,
    longest,
    run,
)

ENDS = st.floats(allow_nan=False, allow_infinity=False)


def line(name: str, low: float, high: float, size: int, logarithmic: bool = False) -> Axis:
    return Axis(name, size, (low, high), logarithmic=logarithmic)


def some(name: str, *numbers: float) -> Axis:
    return Axis(name, len(numbers), None, numbers)


def kernel_of(text: str, *wrt: str, **values: float) -> Any:
    return kernel(lower(gradcli.parse(text)), values, wrt)


@given(ENDS, ENDS, st.integers(2, 60))
def test_every_point_of_a_range_is_the_nearest_double(low: float, high: float, size: int) -> None:
    points = line("x", low, high, size).all().tolist()
    assert (points[0], points[-1]) == (low, high)
    for place, point in enumerate(points):
        exact = (Fraction(low) * (size - 1 - place) + Fraction(high) * place) / (size - 1)
        unit = Fraction(math.ulp(float(exact)))
        assert abs(Fraction(point) - exact) <= unit * (Fraction(1, 2) + Fraction(1, 2**40)) + Fraction(5e-324)


@given(ENDS, ENDS, st.integers(2, 60))
def test_a_descending_range_has_the_same_points(low: float, high: float, size: int) -> None:
    up, down = line("x", low, high, size).all(), line("x", high, low, size).all()
    assert np.allclose(up, down[::-1], rtol=3e-16, atol=5e-324)


def test_points_read_well() -> None:
    assert line("x", -5, 5, 101).all().tolist() == [round(-5 + 0.1 * place, 1) for place in range(101)]
    assert line("x", 0, 1, 11).all().tolist() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 40), st.sampled_from([1.0, -1.0]))
def test_logarithms_are_evenly_spaced(low: float, high: float, size: int, sign: float) -> None:
    points = line("x", sign * low, sign * high, size, logarithmic=True).all().tolist()
    assert (points[0], points[-1]) == (sign * low, sign * high)
    with mp.workdps(40):
        for place, point in enumerate(points):
            part = mp.mpf(place) / (size - 1)
            exact = sign * mp.mpf(low) ** (1 - part) * mp.mpf(high) ** part
            assert abs(point / exact - 1) < 1e-12


def test_powers_of_ten_are_exact() -> None:
    powers = [float(f"1e{power}") for power in range(-6, 7)]
    assert line("x", 1e-6, 1e6, 13, logarithmic=True).all().tolist() == powers
    assert line("x", 1e6, 1e-6, 13, logarithmic=True).all().tolist() == powers[::-1]


def test_the_largest_doubles_are_points() -> None:
    largest = 1.7976931348623157e308
    assert line("x", -largest, largest, 3).all().tolist() == [-largest, 0.0, largest]
    assert np.isfinite(line("x", 1e308, largest, 50, logarithmic=True).all()).all()


@pytest.mark.parametrize("size", [1, 2, 7, 24, 25, BLOCK])
def test_the_first_axis_varies_slowest_whatever_the_blocks(size: int) -> None:
    axes = [some("a", 3.0, 1.0), line("b", 0, 1, 3), some("c", 1.0, 2.0, 4.0, 8.0)]
    expected = list(itertools.product(*(axis.all().tolist() for axis in axes)))
    found: list[tuple[float, ...]] = []
    for columns in Grid(axes).blocks(size):
        assert list(columns) == ["a", "b", "c"]
        found += zip(*(column.tolist() for column in columns.values()), strict=True)
    assert found == expected


def test_axes_longer_than_a_block() -> None:
    grid = Grid([some("a", 1.0, 2.0), line("x", 0.0, 1.0, 3 * BLOCK + 2)])
    blocks = list(grid.blocks())
    assert sum(len(block["x"]) for block in blocks) == grid.count == 2 * (3 * BLOCK + 2)
    xs = np.concatenate([block["x"] for block in blocks])
    whole = line("x", 0.0, 1.0, 3 * BLOCK + 2).all()
    assert np.array_equal(xs, np.concatenate([whole, whole]))
    assert np.array_equal(np.concatenate([block["a"] for block in blocks]), np.repeat([1.0, 2.0], len(whole)))


@pytest.mark.parametrize(
    "text", ["x^2*sin(y)", "tanh(x)*exp(-y)", "q = x*y; where(q > 1, log(q), q^3)", "max(x, y) + relu(x)", "y + k*x"]
)
def test_numbers_are_those_of_single_points(text: str) -> None:
    grid = Grid([line("x", -2.0, 3.0, 11), some("y", 0.5, 1.0, math.pi)])
    fixed = {"k": 2.5} if "k" in text else {}
    tally = Tally()
    for columns, outputs in run(grid, kernel_of(text, "x", "y", **fixed), tally):
        for row in range(len(outputs.value)):
            trace = gradcli.evaluate(text, {**fixed, **{name: float(column[row]) for name, column in columns.items()}})
            assert outputs.value[row] == pytest.approx(trace.value, rel=1e-14, nan_ok=True)
            for name in ("x", "y"):
                found = float(outputs.gradients[name][row])
                assert found == pytest.approx(trace.gradients[name], rel=1e-14, nan_ok=True)
    assert tally.rows == 33


def test_what_is_handed_on_is_not_used_again() -> None:
    grid = Grid([line("x", 0.0, 1.0, 2 * BLOCK)])
    (_, first), (_, second) = run(grid, kernel_of("x^2", "x"), Tally())
    assert first.value[0] == 0.0
    assert second.value[-1] == 1.0
    assert not np.shares_memory(first.value, second.value)


def test_points_that_are_not_finite_are_counted_and_blamed() -> None:
    text = "y*log(x) + sqrt(x)"
    tally = Tally()
    for _ in run(Grid([line("x", -1.0, 1.0, 5), some("y", 1.0, 2.0)]), kernel_of(text, "x", "y"), tally):
        pass
    assert (tally.rows, tally.not_finite) == (10, 6)
    assert sum(tally.blamed.values()) == 6
    assert {text[start:end] for start, end in tally.blamed} <= {"log(x)", "sqrt(x)", "y*log(x)"}


def test_too_many_points() -> None:
    assert Grid([line("x", 0.0, 1.0, MOST_POINTS)]).count == MOST_POINTS
    with pytest.raises(LimitError, match=r"2,000,000,000 points, more than 1,000,000,000"):
        Grid([line("x", 0.0, 1.0, MOST_POINTS), some("y", 1.0, 2.0)])


def test_memory_does_not_grow_with_the_grid() -> None:
    """The first 40 blocks, and a peak that hundreds of millions of points would pass by far."""
    grid = Grid([line("x", 0.0, 1.0, 10_000), line("y", 0.0, 1.0, 50_000)])
    long = Grid([line("x", 0.0, 1.0, 500_000_000)])
    for one, text in ((grid, "x*y"), (long, "x^2")):
        made = kernel_of(text, *[axis.name for axis in one.axes])
        tracemalloc.start()
        for _ in itertools.islice(run(one, made, Tally()), 40):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000


def jumps(text: str, axis: Axis, name: str = "") -> list[tuple[float, float]]:
    """The intervals in which a line would be misleading."""
    found = curves(Grid([axis]), axis, kernel_of(text, "x"), Tally())[0]
    return [(found.points[at].item(), found.points[at + 1].item()) for at in found.jumps[name].nonzero()[0]]


def test_jumps_and_poles_are_found() -> None:
    assert jumps("floor(x)", line("x", 0.25, 2.25, 5)) == [(0.75, 1.25), (1.75, 2.25)]
    assert jumps("1/x", line("x", -1.0, 1.0, 10)) == [(pytest.approx(-1 / 9), pytest.approx(1 / 9))]
    assert jumps("tan(x)", line("x", 0.0, 3.0, 31)) == [(1.5, 1.6)]
    assert jumps("relu(x - 0.01)", line("x", -1.0, 1.0, 21), "x") == [(0.0, 0.1)]


@pytest.mark.parametrize("text", ["sigmoid(1e4*x)", "abs(x)", "x^3", "sin(40*x)", "exp(9*x)", "cbrt(x)", "2 + 0*x"])
def test_steep_curves_are_not_taken_for_jumps(text: str) -> None:
    assert jumps(text, line("x", -1.0, 1.0, 20)) == []


def test_curves_of_the_other_axes() -> None:
    grid = Grid([line("a", 0.0, 1.0, 5), line("x", 3.0, -3.0, 7), some("b", 2.0, 1.0)])
    along = longest(grid)
    assert along.name == "x"
    found = curves(grid, along, kernel_of("a + b*x", "x"), Tally())
    assert len(found) == MOST_CURVES
    assert [curve.fixed for curve in found[:3]] == [{"a": 0.0, "b": 2.0}, {"a": 0.0, "b": 1.0}, {"a": 0.25, "b": 2.0}]
    assert found[0].points.tolist() == [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    assert found[2].heights[""].tolist() == [0.25 + 2 * x for x in found[0].points.tolist()]
    assert found[1].heights["x"].tolist() == [1.0] * 7


def test_the_first_of_equally_long_axes_is_drawn_along() -> None:
    assert longest(Grid([some("y", 1.0), line("b", 0.0, 1.0, 5), line("a", 0.0, 1.0, 5)])).name == "b"


def test_a_curve_has_no_more_points_than_can_be_seen() -> None:
    axis = line("x", 0.0, 1.0, 100_000_000)
    found = curves(Grid([axis]), axis, kernel_of("x", "x"), Tally())[0]
    assert len(found.points) == MOST_DRAWN
    assert (found.points[0], found.points[-1]) == (0.0, 1.0)


def test_kinks_and_ties_are_counted_by_points() -> None:
    graph = lower(gradcli.parse("relu(x) + abs(x) + max(x, y)"))
    grid = Grid([some("x", -1.0, 0.0, 2.0), some("y", 0.0, 2.0)])
    assert conventions(grid, graph, {}, ["x", "y"]) == {"kink": 2, "tie": 2}
    assert conventions(grid, lower(gradcli.parse("x*y")), {}, ["x", "y"]) == {"kink": 0, "tie": 0}


def test_only_so_many_points_are_looked_at_one_by_one() -> None:
    """Where the program has something to look for; others may have as many points as they like."""
    many, few = (Grid([line("x", -1.0, 1.0, size)]) for size in (MOST_LOOKED_AT + 1, MOST_LOOKED_AT))
    check_conventions(few, lower(gradcli.parse("abs(x)")))
    check_conventions(many, lower(gradcli.parse("x^2")))
    with pytest.raises(LimitError, match="at most at 1,000,000 points") as refusal:
        check_conventions(many, lower(gradcli.parse("abs(x)")))
    assert "the grid has 1,000,001" in (refusal.value.hint or "")


def test_so_many_odd_points_are_followed() -> None:
    """Over all blocks; all of them are counted."""
    tally = Tally()
    for _ in run(Grid([line("x", -2.0, -1.0, BLOCK + 5)]), kernel_of("log(x)", "x"), tally):
        pass
    assert (tally.rows, tally.not_finite) == (BLOCK + 5, BLOCK + 5)
    assert (tally.followed, tally.blamed) == (MOST_BLAMED, {(0, 6): MOST_BLAMED})

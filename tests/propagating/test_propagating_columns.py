"""Uncertainties row by row are those of single points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.graph.lower import lower
from gradcli.kernels import kernel
from gradcli.language.parser import parse
from gradcli.propagating import combined as combined_at_a_point
from gradcli.propagating import propagate
from gradcli.propagating.columns import RESULT, Rows, Uncertain, combined
from gradcli.propagating.correlations import neighbours

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@pytest.mark.parametrize(
    "correlations", [{}, {("x", "y"): 0.3}, {("z", "x"): -1.0}, {("x", "y"): 0.5, ("y", "z"): 0.5}]
)
def test_rows_are_points(correlations: Mapping[tuple[str, str], float]) -> None:
    graph = lower(parse("x*exp(y) - z/x"))
    random = np.random.default_rng(7)
    x, y, error_x, error_z = random.uniform(0.5, 2.0, (4, 50))
    error_x[3] = error_z[4] = 0.0
    uncertain = [Uncertain("x", None), Uncertain("y", 0.25), Uncertain("z", None)]
    names = ["x", "y", "z"]
    rows = Rows(kernel(graph, {"z": 3.0}, names), uncertain, correlations, shares=True)
    assert rows.inputs == ("x", "y", "uncertainty of x", "uncertainty of z")
    found = rows.run({"x": x, "y": y, "uncertainty of x": error_x, "uncertainty of z": error_z})
    for row in range(50):
        if error_x[row] and error_z[row]:
            errors = {"x": float(error_x[row]), "y": 0.25, "z": float(error_z[row])}
            point = propagate(graph, {"x": float(x[row]), "y": float(y[row]), "z": 3.0}, errors, correlations)
            assert found.value[row] == pytest.approx(point.value, rel=1e-14)
            assert found.gradients[RESULT][row] == pytest.approx(point.uncertainty, rel=1e-12)
            shares = [found.gradients[name][row] for name in names]
            assert shares == pytest.approx([one.share for one in point.inputs], rel=1e-11)
    assert found.gradients["x"][3] == found.gradients["z"][4] == 0.0


ODD = (0.0, -0.0, math.inf, -math.inf, math.nan, 1e300, -1e-300, 1.0, -2.0)


@given(st.lists(st.sampled_from(ODD), min_size=3, max_size=3), st.sampled_from([0.0, 0.5, -1.0]))
def test_odd_numbers_are_combined_as_at_a_point(parts: list[float], r: float) -> None:
    near = neighbours(["x", "y", "z"], {("x", "y"): r} if r else {})
    expected, _, shares = combined_at_a_point(parts, near)
    with np.errstate(all="ignore"):
        found, columns = combined([np.array([part]) for part in parts], near)
    assert found[0] == pytest.approx(expected, rel=1e-15, nan_ok=True)
    for share, column in zip(shares, columns, strict=True):
        if share is None:
            assert column[0] == 0.0 if expected == 0 else math.isnan(column[0])
        else:
            assert column[0] == pytest.approx(share, rel=1e-14)


CANCELLING = {
    "of three": [0.1, 0.2, -0.3],
    "of seven": [0.1, 0.7, -0.3, 1e-3, 3.3, -3.8, -1e-3],
    "of different size": [1e6, 0.1, -1e6, 1e-9, -0.1, -1e-9],
    "of many": [0.1] * 60 + [-0.3] * 20,
    "of thirds": [1 / 3, 1 / 3, 1 / 3, -1.0],
}


@pytest.mark.parametrize("name", CANCELLING)
@pytest.mark.parametrize("scale", [1.0, 1e-200, 7e200])
def test_what_cancels_is_nothing_in_both_places(name: str, scale: float) -> None:
    """Errors that go together all the way, and whose effects add up to nothing but for rounding."""
    parts = [scale * part for part in CANCELLING[name]]
    names = [f"x{place}" for place in range(len(parts))]
    near = neighbours(names, dict.fromkeys(combinations(names, 2), 1.0))
    assert combined_at_a_point(parts, near) == (0.0, 0.0, [None] * len(parts))
    found, shares = combined([np.array([part]) for part in parts], near)
    assert found.tolist() == [0.0]
    assert [share.tolist() for share in shares] == [[0.0]] * len(parts)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=12), st.data())
def test_rows_and_points_cancel_alike(numbers: list[int], data: st.DataObject) -> None:
    """With signs, by which errors go together or against each other: the effects add up as numbers do."""
    signs = data.draw(st.lists(st.sampled_from([1.0, -1.0]), min_size=len(numbers) + 1, max_size=len(numbers) + 1))
    balanced = [*numbers, -sum(numbers)] if data.draw(st.booleans()) else [*numbers, 1]
    parts = [0.1 * sign * number for sign, number in zip(signs, balanced, strict=True)]
    names = [f"x{place}" for place in range(len(parts))]
    pairs = combinations(range(len(parts)), 2)
    near = neighbours(names, {(names[i], names[j]): signs[i] * signs[j] for i, j in pairs})
    uncertainty, _, _ = combined_at_a_point(parts, near)
    assert uncertainty == pytest.approx(0.1 * abs(sum(balanced)), rel=1e-9)
    found, _ = combined([np.array([part]) for part in parts], near)
    assert found[0] == pytest.approx(uncertainty, rel=1e-9)
    assert (found[0] == 0.0) == (uncertainty == 0.0) == (sum(balanced) == 0)


def test_a_small_difference_is_left() -> None:
    """Far below its terms, but far above rounding."""
    near = neighbours(["x", "y"], {("x", "y"): 1.0 - 1e-12})
    uncertainty, _, _ = combined_at_a_point([1.0, -1.0], near)
    assert uncertainty == pytest.approx(math.sqrt(2e-12), rel=1e-3)
    found, _ = combined([np.array([1.0]), np.array([-1.0])], near)
    assert found[0] == pytest.approx(uncertainty, rel=1e-12)


def test_an_exact_row_has_no_uncertainty_whatever_its_slope_is() -> None:
    rows = Rows(kernel(lower(parse("sqrt(x)")), {}, ["x"]), [Uncertain("x", None)], {}, shares=True)
    columns = {"x": np.array([0.0, 0.0, 4.0]), "uncertainty of x": np.array([0.0, 0.5, 0.5])}
    found = rows.run(columns)
    assert found.gradients[RESULT].tolist() == [0.0, math.inf, 0.125]
    assert found.gradients["x"][[0, 2]].tolist() == [0.0, 1.0]
    assert rows.blame(columns) == {(0, 7): 2}


def test_no_rows() -> None:
    rows = Rows(kernel(lower(parse("x*y")), {}, ["x"]), [Uncertain("x", 0.1)], {}, shares=True)
    found = rows.run({"x": np.empty(0), "y": np.empty(0)})
    assert [column.shape for column in (found.value, *found.gradients.values())] == [(0,)] * 3

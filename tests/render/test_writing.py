"""How arrays are written: whole for machines, in as much room as there is for people."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pytest

from gradcli.numeric.elements import norm
from gradcli.render import writing
from gradcli.render.writing import ROOM, hanging, line, nested, number, packed, rows, spread, summary

SHAPES = ((1,), (4,), (3, 2), (1, 5), (5, 1), (2, 3, 4), (1, 1, 1), (2, 1, 3, 2))
HOLLOW = ((0,), (0, 3), (3, 0), (2, 0, 2), (2, 3, 0))
ODD = (0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, -1.7976931348623157e308, 1 / 3, 1e22)


def array(shape: tuple[int, ...], seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def with_odd_ones(shape: tuple[int, ...]) -> Any:
    found = array(shape)
    found.flat[: len(ODD)] = ODD[: found.size]
    return found


def read(text: str) -> Any:
    """JSON as a float array; the names of numbers that are not finite are what float() reads."""

    def refuse(constant: str) -> Any:
        pytest.fail(f"{constant} is not JSON")

    return np.array(json.loads(text, parse_constant=refuse), dtype=np.float64)


def same(a: Any, b: Any) -> bool:
    """Equal to the sign of zero, and of the same shape."""
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("shape", [*SHAPES, *HOLLOW])
@pytest.mark.parametrize("kind", [array, with_odd_ones])
def test_json_round_trips(shape: tuple[int, ...], kind: Any) -> None:
    x = kind(shape)
    back = read(number(x))
    assert same(back.reshape(x.shape), x)
    assert 0 in shape or back.shape == x.shape
    assert number(x) == number(x.astype(object)), "elements of any system are written alike"


def test_json_of_other_numbers_is_by_their_own_writing() -> None:
    x = np.array([[1, 2], [3, math.inf]], dtype=object)
    assert number(x, lambda element: f"{element}00") == '[[100, 200], [300, "Infinity"]]'


@pytest.mark.parametrize(
    ("own", "shape"),
    [
        ((), (2, 3)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1,), (4,)), ((2, 3), (2, 3)), ((3, 1, 2), (2, 3, 4, 2)),
        ((1, 1), (0, 2)),
    ],
)  # fmt: skip
def test_a_local_gradient_is_spread_as_numpy_broadcasts(own: tuple[int, ...], shape: tuple[int, ...]) -> None:
    x = array(own) if own else 0.1
    assert json.loads(spread(x, shape)) == np.broadcast_to(x, shape).tolist()
    assert spread(None, shape) == "null"


def test_a_million_elements_are_written_in_less_than_three_seconds() -> None:
    x = array((1000, 1000))
    begin = time.perf_counter()
    number(x)
    spread(2.0, (1000, 1000))
    assert time.perf_counter() - begin < 3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [None, 80, 30, 1])
def test_rows_hold_every_element_and_are_aligned(shape: tuple[int, ...], width: int | None) -> None:
    x = array(shape)
    lines = rows(x, repr, width)
    assert same(read(" ".join(lines)), x)
    if width is None:
        assert len(lines) == x.size // shape[-1]
        assert len({len(text.rstrip(",]")) for text in lines}) == 1
        commas = {tuple(place for place, sign in enumerate(text.rstrip(",")) if sign == ",") for text in lines}
        assert len(commas) == 1
    else:
        assert all(len(text) <= width or len(text.split()) <= 2 for text in lines), "only an element alone is wider"


def test_a_small_matrix_as_rows() -> None:
    assert rows(np.array([[1.0, -20.5], [300.0, 4.0]])) == ["[[  1.0, -20.5],", " [300.0,   4.0]]"]
    assert rows(np.zeros((2, 1, 2)))[-1] == " [[0.0, 0.0]]]"
    assert rows(np.zeros((0, 2))) == ["[]"]
    assert nested(["1", "2"], (2, 1)) == "[[1], [2]]"


def test_a_summary_tells_shape_range_mean_norm_and_the_first_elements() -> None:
    x = np.array([[3.0, -4.0, 0.0], [12.0, 1 / 3, 0.0]])
    assert summary(x) == ["2×3", "min -4", "mean 1.889", "max 12", "norm 13.00", "[[3, -4, 0], [12, …"]
    assert summary(np.full((2, 3), 0.1)) == ["2×3", "all 0.1"]
    assert summary(np.zeros((0, 3))) == ["0×3", "no elements"]


def test_what_is_not_finite_is_counted_and_the_rest_is_told() -> None:
    told = summary(np.array([math.nan, 1.0, math.inf, 3.0, -math.inf, math.nan]))
    assert told == [
        "6 elements",
        "2 nan",
        "1 inf",
        "1 -inf",
        *["min 1", "mean 2", "max 3", "norm 3.162"],
        "[nan, 1, inf, 3, …",
    ]
    assert summary(np.array([math.nan, math.inf]))[:3] == ["2 elements", "1 nan", "1 inf"]
    assert not any("mean" in part for part in summary(np.array([math.nan, math.inf])))


def test_large_numbers_have_a_mean() -> None:
    """Their sum is larger than the largest double."""
    assert "mean 1.5e308" in summary(np.array([1.2e308, 1.6e308, 1.7e308]))


@pytest.mark.parametrize("scale", [1, 1e-30, 1e300, 1e5])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (40, 30)])
def test_the_cell_of_a_summary_fits_its_room(shape: tuple[int, ...], scale: float) -> None:
    lines = writing.cell(-scale * abs(array(shape)), repr)
    assert 2 <= len(lines) <= 6
    assert max(map(len, lines)) <= ROOM


def test_cells() -> None:
    assert writing.cell(None, repr) == []
    assert writing.cell(0.1, repr) == ["0.1"]
    assert writing.cell(np.array([1.0, 2.0]), repr) == ["[1.0, 2.0]"]
    assert writing.cell(array((3, 4)), repr, full=True, width=None) == rows(array((3, 4)))
    assert line(None, repr) == ""
    assert line(np.eye(2), repr) == "[[1.0, 0.0], [0.0, 1.0]]"
    assert line(np.eye(3), repr).startswith("3×3, min 0, mean 0.3333, max 1, norm 1.732, [[1, 0, 0], [0, …")
    assert line(np.eye(3), repr, full=True) == str(np.eye(3).tolist())
    assert not any(part.startswith(("min", "mean")) for part in writing.glance(array((3, 4)), repr))


def test_packed_lines_are_as_few_as_they_can_be() -> None:
    assert packed(["a", "b", "c"], None) == ["a, b, c"]
    assert packed(["aaa", "bbb", "ccc"], 9) == ["aaa, bbb,", "ccc"]
    assert packed(["aaa", "bbb", "ccc"], 8, indent=1) == ["aaa,", " bbb,", " ccc"]


def test_results_that_are_too_wide_go_below_their_name() -> None:
    assert list(hanging("x =", 0.1, repr, False, 4)) == ["x = 0.1"]
    assert list(hanging("x =", np.array([0.5, 1.0]), repr, False, 15)) == ["x = [0.5, 1.0]"]
    assert list(hanging("x =", np.array([0.5, 1.0]), repr, False, 14)) == ["x =", "    [0.5,", "     1.0]"]


def test_zero_finite_and_size() -> None:
    assert writing.is_zero(np.array([0.0, -0.0]))
    assert not writing.is_zero(np.array([0.0, math.nan]))
    assert writing.is_zero(0.0)
    assert not writing.is_finite(np.array([0.0, math.inf]))
    assert writing.is_finite(1.0)
    assert norm(np.array([3.0, -4.0])) == 5.0
    assert norm(-2.0) == 2.0

"""What is a number in a cell, against Python's own float."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tables_read import Cell, cells, same

from gradcli.tables.arrow_columns import as_lists, as_numbers, text_of
from gradcli.tables.blocks import Numbers
from gradcli.tables.cells import NUMBER, Beyond, joined, lists_of_values, of_values


def meant(text: str, nulls: tuple[str, ...] = ()) -> Cell:
    """What a cell of text is: Python's float says what a number is, but for its underscores and foreign digits."""
    text = text.strip(" \t")
    if text == "" or text in nulls:
        return None
    if not text.isascii() or "_" in text or text != text.strip():
        return "bad"
    try:
        return float(text)
    except ValueError:
        return "bad"


TEXTS = st.one_of(
    st.text("0123456789+-.eE xnaifty_\t", max_size=8),
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["", " ", "NaN", "nan", "+inf", "-Infinity", "iNf", "NA", "nan(1)", "1e400", "-1e-400", "٣", "1\0"]
    ),
    st.text(max_size=4),
)


@given(st.lists(TEXTS, max_size=8), st.sampled_from([(), ("NA",), ("NA", "-999", "nan")]))
@example(["nan(1)", "1"], ())
@example(["1", " +2 ", "1_0", "0x10"], ())
@example(["nan", "-999"], ("nan", "-999"))
def test_cells_of_text(texts: list[str], nulls: tuple[str, ...]) -> None:
    expected = [meant(text, nulls) for text in texts]
    array = pa.array(texts, pa.string())
    for kind in (array, array.cast(pa.large_string()), array.dictionary_encode()):
        assert same(cells(as_numbers(kind, nulls)), expected)
    with_null = pa.array([*texts, None], pa.string())
    assert same(cells(as_numbers(with_null.slice(1), nulls)), [*expected, None][1:])


@given(st.floats())
def test_every_float_reads_back(number: float) -> None:
    for text in (repr(number), f" {number!r}\t", f"+{number!r}".replace("+-", "-")):
        [found] = cells(as_numbers(pa.array([text, "q"]), ()))[:1]
        assert same([found], [number])


def test_the_pattern_is_of_whole_numbers() -> None:
    for text in ("1", "1.", ".5", "+1e-3", "Infinity", "nAN", "-inf"):
        assert re.fullmatch(NUMBER, text)
    for text in ("", ".", "e5", "1e", "infi", "--1", "1 2", "0x1", "1,5", "½"):
        assert not re.fullmatch(NUMBER, text)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1, None, -3], pa.int8()), [1.0, None, -3.0]),
        (pa.array([2**63 + 1], pa.uint64()), [2.0**63]),
        (pa.array([2**53 + 1], pa.int64()), [2.0**53]),
        (pa.array([0.1], pa.float32()), [float(np.float32(0.1))]),
        (pa.array([np.float16(1.5), None], pa.float16()), [1.5, None]),
        (pa.array([math.nan, None, -0.0, math.inf]), [math.nan, None, -0.0, math.inf]),
        (pa.array([True, False, None]), [1.0, 0.0, None]),
        (pa.array(["1.10", None]).cast(pa.decimal128(10, 2)), [1.1, None]),
        (pa.array([Decimal("12E3"), None], pa.decimal128(5, -3)), [12000.0, None]),
        (pa.nulls(2), [None, None]),
        (pa.array([1.5, None, 1.5]).dictionary_encode(), [1.5, None, 1.5]),
        (pa.array([], pa.float64()), []),
        (pa.array([], pa.string()), []),
        (pa.array([1.0, 2.0, 3.0]).slice(1), [2.0, 3.0]),
    ],
)
def test_columns_of_numbers(array: Any, expected: list[Cell]) -> None:
    assert same(cells(as_numbers(array, ())), expected)


DECIMALS = [(pa.decimal128, 38, 2), (pa.decimal128, 38, 20), (pa.decimal128, 18, 18), (pa.decimal256, 76, 30)]
DECIMALS += [
    (getattr(pa, name), digits, 2) for name, digits in (("decimal32", 9), ("decimal64", 18)) if hasattr(pa, name)
]


@given(
    st.sampled_from(DECIMALS), st.lists(st.none() | st.integers(-(10**76) + 1, 10**76 - 1), max_size=6), st.booleans()
)
@example((pa.decimal128, 38, 2), [42928, None, -(10**38) + 1], True)
@example((pa.decimal128, 18, 18), [1, -1, 0, 10**18 - 1], False)
def test_decimals_are_the_nearest_floats(kind: Any, whole: list[int | None], coded: bool) -> None:
    """Of any width and with any digits behind the point, in a dictionary too; as Python's float rounds them."""
    make, digits, scale = kind
    exact = [
        None if one is None else Decimal(f"{abs(one) % 10**digits * (-1 if one < 0 else 1)}e-{scale}") for one in whole
    ]
    array = pa.array(exact, make(digits, scale))
    expected = [None if one is None else float(one) for one in exact]
    places = pa.array(range(len(exact)), pa.int32())
    assert cells(as_numbers(pa.DictionaryArray.from_arrays(places, array) if coded else array, ())) == expected
    told = as_lists(pa.array([[one] for one in exact], pa.list_(array.type)), ())
    assert [cells(one) for one in told or []] == ([expected] if exact else [])


VALUES = st.one_of(
    st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=3),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "nan", "NA", 10**400, -(10**400), [1], {}]),
)  # fmt: skip


def meant_in_json(value: Any, nulls: tuple[str, ...]) -> Cell:
    if value is None or value in [*nulls]:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return "bad"
    if isinstance(value, str):
        return float(value) if value in ("NaN", "Infinity", "-Infinity") else "bad"
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, 1 if value > 0 else -1)


@given(st.lists(VALUES, max_size=8), st.integers(0, 8), st.sampled_from([(), ("NA",)]))
def test_values_of_json(values: list[Any], split: int, nulls: tuple[str, ...]) -> None:
    expected = [meant_in_json(value, nulls) for value in values]
    assert same(cells(of_values(values, nulls)), expected)
    assert same(cells(joined([of_values(part, nulls) for part in (values[:split], values[split:])])), expected)


def test_numbers_beyond_all_floats_are_infinite() -> None:
    assert cells(of_values([1, Beyond("1e999"), Beyond("-1.5E+400")], ())) == [1.0, math.inf, -math.inf]


def test_joining_nothing_is_no_rows() -> None:
    assert cells(joined([])) == []


ROWS = [[1, 2], None, [3], [None, 4.5], [5, 6]]
POSITIONS = [[1.0, None, "bad", None, 5.0], [2.0, None, "bad", 4.5, 6.0]]


def told(columns: list[Numbers] | None) -> list[list[Cell]]:
    assert columns is not None
    return [cells(one) for one in columns]


def test_lists_become_columns() -> None:
    for kind in (pa.list_(pa.float64()), pa.large_list(pa.float32())):
        assert told(as_lists(pa.array(ROWS, kind), ())) == POSITIONS
        assert told(as_lists(pa.array([[0], *ROWS], kind).slice(1), ())) == POSITIONS
    fixed = [row for row in ROWS if row is None or len(row) == 2]
    without = [[cell for cell in one if cell != "bad"] for one in POSITIONS]
    assert told(as_lists(pa.array(fixed, pa.list_(pa.float64(), 2)), ())) == without
    texts = pa.array([["1", "x"], [" 2", ""]], pa.list_(pa.string()))
    assert told(as_lists(texts, ())) == [[1.0, 2.0], ["bad", None]]
    assert told(lists_of_values(ROWS, ())) == POSITIONS
    assert told(lists_of_values([None, [1, "x"], 5, [True, {}]], ())) == [
        [None, 1.0, "bad", "bad"],
        [None, "bad", "bad", "bad"],
    ]


def test_what_is_no_column_of_lists() -> None:
    assert as_lists(pa.array([1.0]), ()) is None
    assert as_lists(pa.array([[[1.0]]]), ()) is None
    assert lists_of_values([1, None, "x"], ()) is None
    assert as_lists(pa.array([None, None], pa.list_(pa.float64())), ()) == []


def test_the_text_of_any_cell() -> None:
    """Never an error: what is shown in a message may be anything."""
    assert text_of(pa.array(["a", None]), 0) == "a"
    assert text_of(pa.array(["a", None]), 1) == ""
    assert text_of(pa.array([1.5]), 0) == "1.5"
    assert text_of(pa.array([b"\xff\xfea"]).view(pa.string()), 0) == "\\xff\\xfea"
    assert text_of(pa.array([10**18], pa.timestamp("s")), 0) == "timestamp[s]"
    assert text_of(pa.array([[1, None]]), 0) == "[1, None]"

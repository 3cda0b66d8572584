"""Reading NDJSON, against the json module line by line."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tables_read import CUTS, Cell, Pieces, cells, cut, kept_rows, pipe, same

from gradcli.errors import DataError
from gradcli.tables import ndjson_reader
from gradcli.tables.ndjson_reader import NdjsonReader
from gradcli.tables.reading import Broken, Lines, Options, open_table

NUMBERS = st.floats() | st.integers(-(2**70), 2**70)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=4) | st.sampled_from(["NaN", "Infinity", "-Infinity"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.sampled_from(["x", "y", "é", ""]), VALUES, max_size=3)
NO_ROWS = [
    '{"x":1},{"x":2}', '{"x":[1', "2]}", "1", "{}]", "[{}", "null", '"x"', "[]", "{", "}", "{}{}", '{"x":1}0', "\x00",
    '{"x":nan}', '{"x":+Infinity}', '{"x":01}', "[" * 3000, '{"x":1,}', "{'x':1}", "#", '{"x":[{}', '{"y":2}]}', "],[",
    '},{"":',
]  # fmt: skip


def written(value: Any) -> str:
    """An object as JSON; numbers that JSON does not have are the strings that gradcli writes."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps({"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)])
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}: {written(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def reader(content: bytes, places: Sequence[int] = (), **options: Any) -> NdjsonReader:
    return NdjsonReader(Pieces(cut(content, places)), Options(**{"keep": "lines", **options}), orjson.loads)


def is_row(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def meant(line: str, name: str) -> Cell:
    value = json.loads(line).get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if value is None or value in ("NaN", "Infinity", "-Infinity"):
        return None if value is None else float(value)
    return "bad"


WORDS = ['{"x":1e999}', '{"x":NaN}', '{"x":-Infinity,"y":Infinity}', '{"x":{"y":1e999}}']
LINES = st.lists(OBJECTS.map(written) | st.sampled_from([*NO_ROWS, "", "  ", *WORDS]), max_size=8)


@given(LINES, CUTS, st.integers(1, 5), st.sampled_from(["\n", "\r\n", " \n\t"]), st.booleans())
@example(['{"x":[1', "2]}", '{"x":1},{"x":2}'], [], 5, "\n", False)
@example(['{"x":[{}', '{"y":2}]}', '{},{"x":1}'], [], 5, "\n", False)
def test_a_line_is_one_row_or_broken(lines: list[str], places: list[int], size: int, end: str, last_end: bool) -> None:
    """However a pipe cuts the bytes and whatever stands in other lines; good lines pass byte for byte."""
    content = end.join(lines) + end * last_end
    present = [line.strip() for line in lines if line.strip()]
    rows = {number: line for number, line in enumerate(present, 1) if is_row(line)}
    found = reader(content.encode(), places, rows=size)
    numbers: list[int] = []
    kept: list[bytes] = []
    broken: list[Broken] = []
    got: list[Cell] = []
    for block in found.blocks(["x"], None):
        assert block.count <= size
        numbers += [block.row(position) for position in range(block.count)]
        broken += block.broken
        assert isinstance(block.kept, Lines)
        kept += block.kept.lines
        got += cells(block.numbers("x"))
        for position in range(block.count):
            value = json.loads(kept[position - block.count]).get("x")
            shown = block.content("x", position)
            assert shown == ("" if value is None else value) or json.loads(shown) == value or value != value
    assert numbers == list(rows)
    assert kept == [line.encode() for line in rows.values()]
    assert {one.row: one.content for one in broken} == {
        number: line for number, line in enumerate(present, 1) if number not in rows
    }
    assert all(one.why for one in broken)
    assert same(got, [meant(line, "x") for line in rows.values()])
    assert list(found.columns) == (list(json.loads(next(iter(rows.values())))) if rows else [])


def test_many_rows_keep_their_order() -> None:
    """Across the steps in which rows become objects, with a broken line and a cell of another kind in between."""
    lines = [b'{"x":%d,"y":{"z":[%d]}}' % (row, row) for row in range(5000)]
    lines[1500] = b"broken"
    lines[3000] = b'{"x":null}'
    [block] = reader(b"\xef\xbb\xbf" + b"\n".join(lines) + b"\n", rows=10_000).blocks(["x", "w"], None)
    assert [one.row for one in block.broken] == [1501]
    got = cells(block.numbers("x"))
    assert got == [None if row == 3000 else float(row) for row in range(5000) if row != 1500]
    assert cells(block.numbers("w")) == [None] * 4999
    assert block.row(1500) == 1502
    some = block.taken(np.array([4998, 1499, 1500, 2999]))
    assert [some.row(position) for position in range(4)] == [5000, 1500, 1502, 3001]
    assert cells(some.numbers("x")) == [4999.0, 1499.0, 1501.0, None]
    assert isinstance(some.kept, Lines)
    assert some.kept.lines == [lines[4999], lines[1499], lines[1501], lines[3000]]


def test_columns_of_lists() -> None:
    [block] = reader(b'{"w":[1,2]}\n{"w":[null,"q"]}\n{}\n{"w":[1]}\n').blocks(["w"], None)
    columns = block.lists("w")
    assert columns is not None
    assert [cells(one) for one in columns] == [[1.0, None, None, "bad"], [2.0, "bad", None, "bad"]]
    [plain] = reader(b'{"w":1}\n').blocks(["w"], None)
    assert plain.lists("w") is None


def test_columns_have_the_types_of_the_first_rows() -> None:
    text = [
        '{"i": 1, "f": 1, "b": true, "s": "a", "n": null, "o": {"k": [1]}, "m": 1, "t": 5}',
        '{"i": -9223372036854775808, "f": "NaN", "b": null, "s": "é", "o": [1.5], "m": "x", "t": "q"}',
    ]
    found = reader(("\n".join(text) + "\n").encode(), keep="columns", text=("t",))
    kinds = ["int64", "double", "bool", "string", "double", "string", "string", "string"]
    assert {field.name: str(field.type) for field in found.schema or ()} == dict(zip("ifbsnomt", kinds, strict=True))
    rows = kept_rows(found)
    assert str(rows[1].pop("f")) == "nan"
    assert rows == [
        {"i": 1, "f": 1.0, "b": True, "s": "a", "n": None, "o": '{"k": [1]}', "m": "1", "t": "5"},
        {"i": -(2**63), "b": None, "s": "é", "n": None, "o": "[1.5]", "m": "x", "t": "q"},
    ]
    only = reader(("\n".join(text) + "\n").encode(), keep="columns")
    assert kept_rows(only, ["s", "i"]) == [{"i": 1, "s": "a"}, {"i": -(2**63), "s": "é"}]
    [none] = reader(b'{"a":1}', keep="columns").blocks(["a"], [])
    assert none.kept is not None
    assert none.kept.num_rows == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("first", "later", "message"),
    [
        ('{"x": 1}', '{"x": 1.5}', "row 2, column x: 1.5 is not of type int64"),
        ('{"x": 1}', '{"x": 9223372036854775808}', "row 2, column x: 9223372036854775808 is not"),
        ('{"x": 1.5}', '{"x": "a"}', "row 2, column x: a is not of type double"),
        ('{"x": true}', '{"x": 1}', "row 2, column x: 1 is not of type bool"),
        ('{"x": 1}', '{"x": true}', "row 2, column x: true is not of type int64"),
        ('{"x": 1}', '{"x": 18446744073709551616}', "row 2, column x: 18446744073709551616 is not of type int64"),
        ('{"x": 1.5}', '{"x": 123456789012345678901}', "row 2, column x: 123456789012345678901 is not of type double"),
        ('{"x": 1.5}', '{"x": 9007199254740993}', "row 2, column x: 9007199254740993 is not of type double"),
        ('{"x": 1.5}', '{"x": 1e999}', "row 2, column x: 1e999 is not of type double"),
        ('{"x": "a"}', '{"x": "\\ud800"}', "row 2, column x: \ud800 holds half a character"),
        ('{"x": [1]}', '{"x": [1e999]}', "row 2, column x: ["),
        ('{"x": 1}', '{"x": 1, "y": 2}', "row 2: y is a key that the first rows do not have"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_an_error(
    first: str, later: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson_reader, "SAMPLE", 1)
    found = reader(f"{first}\n{later}\n".encode(), keep="columns")
    with pytest.raises(DataError) as caught:
        kept_rows(found)
    assert message in caught.value.message
    assert caught.value.hint
    assert "--only and --keep" in caught.value.hint
    if "key" in message:
        assert kept_rows(reader(f"{first}\n{later}\n".encode(), keep="columns", rows=1), ["x"]) == [{"x": 1}] * 2


def test_half_a_character_has_no_column() -> None:
    """JSON can write what no text can hold: in a value, inside a value, in a key."""
    line = b'{"x":1,"s":"\\ud800"}'
    for wrong in (line, b'{"x":1,"s":["\\udfff"]}'):
        with pytest.raises(DataError, match=r"row 1, column s: .* holds half a character"):
            kept_rows(reader(wrong, keep="columns"))
        assert kept_rows(reader(wrong, keep="columns"), ["x"]) == [{"x": 1}]
    [block] = reader(line).blocks(["s"], None)
    assert block.kept == Lines([line])
    assert block.content("s", 0) == "\ud800"
    for lines in (b'{"x":1,"\\ud800":3}', b'{"x":1}\n{"\\ud800":3}'):
        found = reader(lines, keep="columns")
        assert found.columns == ["x"]
        with pytest.raises(DataError, match="is a key with half a character"):
            kept_rows(found)
        assert kept_rows(reader(lines, keep="columns"), ["x"])[0] == {"x": 1}


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["123456789012345678901", "1"], ["123456789012345678901", "1"]),
        (["1", "9223372036854775808"], ["1", "9223372036854775808"]),
        (["-9223372036854775809"], ["-9223372036854775809"]),
        (["-9223372036854775808", "9223372036854775807"], [-(2**63), 2**63 - 1]),
        (["1.5", "9007199254740993"], ["1.5", "9007199254740993"]),
        (["1.5", "9007199254740994", "123456789012345680000"], [1.5, 2.0**53 + 2, 123456789012345680000.0]),
        (["1.5", "9223372036854775808"], ["1.5", "9223372036854775808"]),
        (["100000000000000000000"], ["100000000000000000000"]),
        (["0.5", "-1e-400"], [0.5, -0.0]),
        (["0.12345678901234567890123", "1e300"], [0.12345678901234567890123, 1e300]),
        (["1e999", "-1E+400", "2"], ["1e999", "-1E+400", "2"]),
        (["1", "-Infinity"], [1.0, -math.inf]),
        (['{"k":123456789012345678901}'], ['{"k": 123456789012345678901}']),
    ],
)
def test_no_number_changes_in_a_column(values: list[str], kept: list[Any]) -> None:
    """What 64 bits do not hold is text, digit by digit; also in rows next to many others."""
    lines = [f'{{"x":{value}}}' for value in values]
    assert [row["x"] for row in kept_rows(reader("\n".join(lines).encode(), keep="columns"))] == kept
    many = [*lines, *lines[:1] * 3000, *lines]
    rows = kept_rows(reader("\n".join(many).encode(), keep="columns"))
    assert [row["x"] for row in rows] == [*kept, *kept[:1] * 3000, *kept]
    assert [type(row["x"]) for row in rows] == [type(kept[0])] * len(many)


@given(
    st.lists(st.sampled_from(['{"x":1}', '{"x":1.5}', '{"x":"a"}', '{"y":true}', "broken", ""]), max_size=12),
    CUTS, st.integers(1, 5), st.integers(1, 100), st.booleans(),
)  # fmt: skip
@example(['{"x":1}', '{"x":1.5}'], [8], 1, 100, False)
@example(['{"x":1}', '{"x":1.5}', '{"y":true}'], [], 1, 1, False)
def test_types_do_not_depend_on_when_bytes_come(
    lines: list[str], places: list[int], size: int, sample: int, last_end: bool
) -> None:
    content = ("\n".join(lines) + "\n" * last_end).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ndjson_reader, "SAMPLE", sample)
        whole, cut_up = reader(content, keep="columns"), reader(content, places, keep="columns", rows=size)
    assert cut_up.schema == whole.schema
    assert cut_up.columns == whole.columns
    assert [_told(cut_up)] == [_told(whole)]


def _told(found: NdjsonReader) -> Any:
    try:
        return kept_rows(found)
    except DataError as error:
        return error.message


def test_a_slow_pipe_has_the_types_of_all_its_rows(tmp_path: Path) -> None:
    def write(file: int) -> None:
        for line in (b'{"x":1}\n', b'{"x":2}\n', b'{"x":1.5}'):
            os.write(file, line)
            time.sleep(0.1)

    with pipe(tmp_path / "pipe.ndjson", write) as path:
        assert kept_rows(open_table(path, Options())) == [{"x": 1.0}, {"x": 2.0}, {"x": 1.5}]


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
def test_no_rows(content: bytes) -> None:
    for keep in ("lines", "columns", "nothing"):
        found = reader(content, keep=keep)
        assert found.columns == []
        assert list(found.blocks(["x"], None)) == []


def test_what_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        reader(b"\xff\xfe{\0", [1])
    monkeypatch.setattr(ndjson_reader, "LONGEST", 1000)
    with pytest.raises(DataError, match="a line does not end within"):
        reader(b"x" * 2000, [1500])
    with pytest.raises(DataError, match="no JSON object in its first"):
        reader(b"no\n" * 2000, [2400])


def test_rows_of_a_pipe_come_before_it_ends(tmp_path: Path) -> None:
    seen = threading.Semaphore(0)

    def write(file: int) -> None:
        os.write(file, b'{"x":1}\n{"x"')
        assert seen.acquire(timeout=20), "the first row did not arrive"
        os.write(file, b":2}\n")
        assert seen.acquire(timeout=20), "the second row did not arrive"
        os.write(file, b'{"x":3}')

    with pipe(tmp_path / "pipe.ndjson", write) as path:
        found = open_table(path, Options(keep="lines"))
        got = []
        for block in found.blocks(["x"], None):
            got.append((block.first, cells(block.numbers("x"))))
            seen.release()
        found.close()
    assert got == [(1, [1.0]), (2, [2.0]), (3, [3.0])]


def test_standard_input_is_read_without_pyarrow() -> None:
    program = """
import sys
from gradcli.tables.reading import Options, open_table
table = open_table("-", Options(format="ndjson", keep="lines"))
for block in table.blocks(["x"], None):
    print(block.first, block.numbers("x").values.tolist(), block.kept.lines)
print("pyarrow" in sys.modules)
"""
    done = run([sys.executable, "-c", program], input=b'{"x":1}\n{"x":2.5}\n', capture_output=True, check=True)
    assert done.stdout.decode().split("\n") == ["1 [1.0, 2.5] [b'{\"x\":1}', b'{\"x\":2.5}']", "False", ""]

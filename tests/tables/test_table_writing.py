"""Tables that are written are read back by readers that are not gradcli's: csv, json and Arrow."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import DataError
from gradcli.tables import FORMATS, parquet_writer
from gradcli.tables.blocks import Lines
from gradcli.tables.ndjson_writer import clash
from gradcli.tables.writing import open_writer

ROOT = Path(__file__).parents[2]
SPECIAL = [
    2.0,
    -0.0,
    1e-5,
    1e16,
    1e300,
    5e-324,
    0.1,
    -1.7976931348623157e308,
    math.nan,
    math.inf,
    -math.inf,
    123456789.0,
]


class Memory(io.BytesIO):
    """A file that can't be moved in, as a pipe, if told so."""

    def __init__(self, seekable: bool = True) -> None:
        super().__init__()
        self.moves = seekable

    def seekable(self) -> bool:
        return self.moves


def written(
    format: str, blocks: Sequence[tuple[Any, Mapping[str, Any], Any]], schema: Any = None, seekable: bool = True
) -> bytes:
    """The table of some blocks: what is kept, results, what is missing."""
    sink = Memory(seekable)
    writer = open_writer(sink, format, schema, list(blocks[0][1]) if blocks else [])
    for block in blocks:
        writer.write(*block)
        writer.flush()
    writer.close()
    return sink.getvalue()


def columns(*found: Sequence[float]) -> dict[str, Any]:
    return {f"r{position}": np.array(column, dtype=np.float64) for position, column in enumerate(found)}


def bits(number: float) -> bytes:
    return b"nan" if math.isnan(number) else struct.pack("<d", number)


def cells(content: bytes, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=separator, strict=True))


def objects(content: bytes) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in content.decode().split("\n")[:-1]]


WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
texts = st.text(
    st.sampled_from("a1 ,\t\"\n\r\\'=+-@é\u2028\ufeff𝔸%{}:\x00\x1b") | st.characters(codec="utf-8"), max_size=6
)
numbers = st.floats() | st.sampled_from(SPECIAL)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.RecordBatch, dict[str, Any], Any]:
    """Some columns of text, results with names of any kind, and rows that are missing."""
    names = draw(st.lists(texts, unique=True, min_size=1, max_size=5))
    kept = draw(st.integers(0, len(names)))
    count = draw(st.integers(0, 4))
    rows = st.lists(st.none() | texts, min_size=count, max_size=count)
    batch = pa.RecordBatch.from_arrays([pa.array(draw(rows), pa.string()) for _ in range(kept)], names=names[:kept])
    results = {name: np.array(draw(st.lists(numbers, min_size=count, max_size=count))) for name in names[kept:]}
    missing = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=np.bool_)
    return batch, results, draw(st.sampled_from([None, missing]))


def expected(table: tuple[pa.RecordBatch, dict[str, Any], Any]) -> list[dict[str, Any]]:
    """The rows of a table, as Python has them."""
    batch, results, missing = table
    rows: list[dict[str, Any]] = [dict(zip(batch.schema.names, row, strict=True)) for row in _rows(batch)]
    rows = rows or [{} for _ in range(max([len(column) for column in results.values()], default=0))]
    for name, column in results.items():
        for position, row in enumerate(rows):
            row[name] = None if missing is not None and missing[position] else float(column[position])
    return rows


def _rows(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def same(found: Any, wanted: Any) -> bool:
    """Whether a cell that was read is the one that was written, bit for bit."""
    if isinstance(wanted, float):
        return isinstance(found, float) and bits(found) == bits(wanted)
    return bool(found == wanted and type(found) is type(wanted))


@settings(max_examples=300, deadline=None)
@given(tables(), st.sampled_from(["csv", "tsv"]))
def test_csv_is_lossless(table: tuple[pa.RecordBatch, dict[str, Any], Any], format: str) -> None:
    """Names, texts and numbers come back as they were; formulas too, since they are the user's own data."""
    batch, results, _ = table
    content = written(format, [_block(table)], batch.schema)
    header, *lines = cells(content, "\t" if format == "tsv" else ",")
    assert header == [*batch.schema.names, *results]
    wanted = expected(table)
    assert len(lines) == len(wanted)
    for line, row in zip(lines, wanted, strict=True):
        for cell, value in zip(line, row.values(), strict=True):
            if isinstance(value, float):
                assert bits(float(cell)) == bits(value)
            else:
                assert cell == (value or "")


def _block(table: tuple[pa.RecordBatch, dict[str, Any], Any]) -> tuple[Any, dict[str, Any], Any]:
    batch, results, missing = table
    return (batch if batch.num_columns else None), results, missing


@settings(max_examples=300, deadline=None)
@given(tables())
def test_ndjson_of_columns_is_lossless(table: tuple[pa.RecordBatch, dict[str, Any], Any]) -> None:
    found = objects(written("ndjson", [_block(table)]))
    wanted = expected(table)
    assert [list(row) for row in found] == [list(row) for row in wanted]
    for row, right in zip(found, wanted, strict=True):
        for name, value in right.items():
            number = isinstance(value, float) and not math.isfinite(value)
            assert same(WORDS[row[name]] if number else row[name], value)


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from(["parquet", "arrow"]))
def test_binary_formats_are_lossless(table: tuple[pa.RecordBatch, dict[str, Any], Any], format: str) -> None:
    batch, results, _ = table
    content = written(format, [_block(table)], batch.schema)
    source = pa.BufferReader(content)
    read = pq.read_table(source) if format == "parquet" else pa.ipc.open_file(source).read_all()
    wanted = expected(table)
    assert read.schema.names == [*batch.schema.names, *results]
    assert read.num_rows == len(wanted)
    for position, name in enumerate(read.schema.names):
        for cell, row in zip(read.column(position).to_pylist(), wanted, strict=True):
            assert same(cell, row[name])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(texts, json_values, max_size=3), min_size=1, max_size=5), st.data())
def test_lines_stay_as_they_were(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Results are put before the last brace; every byte before it is kept, and results come last."""
    spaces = data.draw(st.sampled_from(["", " ", "\t "]))
    lines = [json.dumps(row, ensure_ascii=data.draw(st.booleans()))[:-1] + spaces + "}" for row in rows]
    raw = [line.encode() for line in lines]
    names = data.draw(st.lists(texts, unique=True, max_size=3).map(lambda names: [f"{name}%d%%" for name in names]))
    results = {name: np.array(data.draw(st.lists(numbers, min_size=len(rows), max_size=len(rows)))) for name in names}
    content = written("ndjson", [(Lines(raw), results, None)])
    found = content.split(b"\n")
    assert found.pop() == b""
    for position, (line, before, row) in enumerate(zip(found, raw, rows, strict=True)):
        assert line.startswith(before[:-1])
        read = json.loads(line)
        for name in names:
            value = read.pop(name)
            assert same(WORDS[value] if isinstance(value, str) else value, float(results[name][position]))
        assert read == row


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ('{"x":1}', '{"x":1,"r0":2.0,"r1":"NaN"}'),
        ("{}", '{"r0":2.0,"r1":"NaN"}'),
        ("{ }", '{ "r0":2.0,"r1":"NaN"}'),
        ('{"a":{}}', '{"a":{},"r0":2.0,"r1":"NaN"}'),
        ('{"a":"{"}', '{"a":"{","r0":2.0,"r1":"NaN"}'),
        ('{"a": 1 }', '{"a": 1 ,"r0":2.0,"r1":"NaN"}'),
        ('{"%b": "%%"}', '{"%b": "%%","r0":2.0,"r1":"NaN"}'),
    ],
)
def test_results_in_a_line(line: str, result: str) -> None:
    assert written("ndjson", [(Lines([line.encode()]), columns([2.0], [math.nan]), None)]).decode() == result + "\n"


def test_many_blocks_are_one_table() -> None:
    """Rows come in the order of the blocks, whatever the sizes: of slices, templates and row groups."""
    count, sizes = 60_000, [1, 0, 4095, 4096, 4097, 20_000, 27_711]
    numbers = np.random.default_rng(0).normal(size=count)
    numbers[::7] = np.nan
    numbers[::11] = np.inf
    missing = np.arange(count) % 13 == 0
    labels = [f"row {number}" for number in range(count)]
    blocks: list[Any] = []
    first = 0
    for size in sizes:
        rows = slice(first, first + size)
        batch = pa.record_batch({"label": pa.array(labels[rows], pa.string())})
        blocks.append((batch, {"a": numbers[rows], "b": -numbers[rows]}, missing[rows]))
        first += size
    assert first == count
    wanted = [None if gone else float(number) for gone, number in zip(missing, numbers, strict=True)]
    for format in FORMATS:
        content = written(format, blocks, pa.schema([("label", pa.string())]))
        assert content == written(format, blocks, pa.schema([("label", pa.string())])), "the bytes are the same again"
        if format in ("csv", "tsv"):
            rows_read = cells(content, "\t" if format == "tsv" else ",")[1:]
            read = [[row[0] for row in rows_read]] + [
                [float(row[place]) if row[place] else None for row in rows_read] for place in (1, 2)
            ]
        elif format == "ndjson":
            read = [[WORDS.get(str(row[name]), row[name]) for row in objects(content)] for name in ("label", "a", "b")]
        else:
            source = pa.BufferReader(content)
            table = pq.read_table(source) if format == "parquet" else pa.ipc.open_file(source).read_all()
            read = [column.to_pylist() for column in table.columns]
        assert read[0] == labels
        for column, sign in zip(read[1:], (1, -1), strict=True):
            assert len(column) == count
            assert all(
                same(found, None if right is None else sign * right)
                for found, right in zip(column, wanted, strict=True)
            )


def test_numbers_in_text() -> None:
    """As many digits as needed to read back, always a float's; what is not finite by the words of each format."""
    results = columns([*SPECIAL, 1.0])
    missing = np.arange(len(SPECIAL) + 1) == len(SPECIAL)
    pair = {"a": results["r0"], "b": results["r0"]}
    found = cells(written("csv", [(None, pair, missing)]))
    assert found[0] == ["a", "b"]
    assert found[-1] == ["", ""]
    texts = [first for first, second in found[1:-1] if first == second]
    for text, number in zip(texts, SPECIAL, strict=True):
        assert bits(float(text)) == bits(number)
        if math.isfinite(number):
            assert Decimal(text) == Decimal(repr(number))
            assert set(text) & set(".e"), text
        else:
            assert text == repr(number)
    words = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
    lines = written("ndjson", [(None, results, missing)]).decode().splitlines()
    assert lines == [f'{{"r0":{words.get(text, text)}}}' for text in [*texts, "null"]]


def test_one_column_has_no_blank_line() -> None:
    """A row whose only cell is empty is still a row to all readers of CSV."""
    assert written("csv", [(None, {"a": np.array([1.0, 2.0])}, np.array([False, True]))]) == b'a\n1.0\n""\n'
    batch = pa.record_batch({"t": pa.array(["x", None, "", '"'])})
    assert written("csv", [(batch, {}, None)], batch.schema) == b't\nx\n""\n""\n""""\n'


def test_cells_are_quoted_where_they_need_it() -> None:
    batch = pa.record_batch({"t": ["a,b", "a\tb", 'say "x"', "two\nlines", "cr\r", " x ", "=1+1", "'", "", "é"]})
    results = columns([0.0] * 10)
    content = written("csv", [(batch, results, None)], batch.schema).decode().replace(",0.0\n", "|")
    assert content == 't,r0\n"a,b"|a\tb|"say ""x"""|"two\nlines"|"cr\r"| x |=1+1|\'||é|'
    content = written("tsv", [(batch, results, None)], batch.schema).decode().replace("\t0.0\n", "|")
    assert content == 't\tr0\na,b|"a\tb"|"say ""x"""|"two\nlines"|"cr\r"| x |=1+1|\'||é|'


DAY = datetime.datetime(2020, 1, 2, 3, 4, 5)
# A column, its cells in CSV, and in JSON.
COLUMNS: dict[str, tuple[pa.Array, list[str], list[Any]]] = {
    "integers": (pa.array([1, -(2**63), None]), ["1", str(-(2**63)), ""], [1, -(2**63), None]),
    "unsigned": (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)], [2**64 - 1]),
    "floats": (pa.array([0.1, math.nan, None]), ["0.1", "nan", ""], [0.1, "NaN", None]),
    "one float": (pa.array([-math.inf]), ["-inf"], ["-Infinity"]),
    "singles": (pa.array([0.1, 3.0], pa.float32()), ["0.1", "3.0"], [0.1, 3.0]),
    "halves": (pa.array([np.float16(0.5)]), ["0.5"], [0.5]),
    "booleans": (pa.array([True, False, None]), ["true", "false", ""], [True, False, None]),
    "decimals": (pa.array([Decimal("1.50"), None]), ["1.50", ""], [1.5, None]),
    "dates": (pa.array([DAY.date(), None]), ["2020-01-02", ""], ["2020-01-02", None]),
    "times": (pa.array([DAY.time()], pa.time32("s")), ["03:04:05"], ["03:04:05"]),
    "moments": (pa.array([DAY], pa.timestamp("s")), ["2020-01-02T03:04:05"], ["2020-01-02T03:04:05"]),
    "zones": (
        pa.array([DAY, None], pa.timestamp("ms", "Europe/Paris")),
        ["2020-01-02T03:04:05.000Z", ""],
        ["2020-01-02T03:04:05.000Z", None],
    ),
    "durations": (pa.array([datetime.timedelta(seconds=3)], pa.duration("ms")), ["3000"], [3000]),
    "large texts": (pa.array(["a,b", None], pa.large_string()), ['"a,b"', ""], ["a,b", None]),
    "views": (pa.array(["a", None], pa.string_view()), ["a", ""], ["a", None]),
    "categories": (pa.array(["a", None, "a"]).dictionary_encode(), ["a", "", "a"], ["a", None, "a"]),
    "bytes": (pa.array([b"\xff\x00", None]), ["/wA=", ""], ["/wA=", None]),
    "lists": (pa.array([[1.5, math.inf], None]), ['"[1.5,""Infinity""]"', ""], [[1.5, "Infinity"], None]),
    "records": (
        pa.array([{"a": 1, "b": DAY.date()}, None]),
        ['"{""a"":1,""b"":""2020-01-02""}"', ""],
        [{"a": 1, "b": "2020-01-02"}, None],
    ),
    "nulls": (pa.nulls(2), ["", ""], [None, None]),
    "runs": (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]), ["a", "a", "b"], ["a", "a", "b"]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_types_as_text(name: str) -> None:
    """Also of a part of a column, as blocks are."""
    column, as_csv, as_json = COLUMNS[name]
    whole = pa.concat_arrays([column, column]) if name != "runs" else column
    for batch in (pa.record_batch({"c": column}), pa.record_batch({"c": whole}).slice(len(whole) - len(column))):
        results = columns([1.0] * len(column))
        lines = written("csv", [(batch, results, None)], batch.schema).decode().splitlines()
        assert lines == ["c,r0", *(f"{cell},1.0" for cell in as_csv)]
        found = objects(written("ndjson", [(batch, results, None)]))
        assert found == [{"c": cell, "r0": 1.0} for cell in as_json]


def test_single_precision_reads_back() -> None:
    numbers = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    batch = pa.record_batch({"c": pa.array(numbers)})
    found = cells(written("csv", [(batch, columns(numbers), None)], batch.schema))[1:]
    assert [np.float32(row[0]) for row in found] == list(numbers)


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_kept_columns_keep_type_nullability_and_metadata(format: str) -> None:
    fields, arrays = [], []
    for name, (column, _, _) in COLUMNS.items():
        seconds = ("times", "moments")  # no unit of Parquet's
        if name in ("halves", "runs", "views", "nulls", *(seconds if format == "parquet" else ())):
            continue
        fields.append(pa.field(name, column.type, metadata={"unit": "m"}))
        arrays.append(column.take(pa.array([0, 0, 0])))
    fields.append(pa.field("sure", pa.int8(), nullable=False))
    arrays.append(pa.array([1, 2, 3], pa.int8()))
    schema = pa.schema(fields, metadata={"made": "by hand"})
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    content = written(format, [(batch, columns([1.0, 2.0, 3.0]), np.array([False, True, False]))], schema)
    source = pa.BufferReader(content)
    read = pq.read_table(source) if format == "parquet" else pa.ipc.open_file(source).read_all()
    wanted = schema.append(pa.field("r0", pa.float64()))
    assert read.schema.equals(wanted)
    assert read.schema.metadata == wanted.metadata
    assert [field.metadata for field in read.schema] == [field.metadata for field in wanted]
    for position, column in enumerate(arrays):
        assert read.column(position).combine_chunks().equals(column)
    assert read.column("r0").to_pylist() == [1.0, None, 3.0]


@pytest.mark.parametrize("format", FORMATS)
def test_no_rows(format: str) -> None:
    schema = pa.schema([("x", pa.string())])
    empty = pa.RecordBatch.from_arrays([pa.array([], pa.string())], schema=schema)
    for blocks in ([], [(empty, columns([]), None)], [(empty, columns([]), np.array([], dtype=np.bool_))]):
        sink = Memory()
        writer = open_writer(sink, format, schema, ["r0"])
        for block in blocks:
            writer.write(*block)
        writer.close()
        content = sink.getvalue()
        if format in ("parquet", "arrow"):
            source = pa.BufferReader(content)
            read = pq.read_table(source) if format == "parquet" else pa.ipc.open_file(source).read_all()
            assert (read.schema.names, read.num_rows) == (["x", "r0"], 0)
        else:
            assert content == {"csv": b"x,r0\n", "tsv": b"x\tr0\n", "ndjson": b""}[format]


def test_results_may_be_used_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel fills the same arrays for every block; a writer that gathers blocks must have copied them."""
    for format in FORMATS:
        sink = Memory()
        writer = open_writer(sink, format, None, ["r0"])
        again, missing = np.empty(3), np.zeros(3, np.bool_)
        for block in range(4):
            again[:] = block
            missing[:] = block == 2
            writer.write(None, {"r0": again}, missing)
        writer.close()
        if format in ("csv", "tsv"):
            read: list[Any] = [float(row[0]) if row[0] else None for row in cells(sink.getvalue())[1:]]
        elif format == "ndjson":
            read = [row["r0"] for row in objects(sink.getvalue())]
        else:
            source = pa.BufferReader(sink.getvalue())
            table = pq.read_table(source) if format == "parquet" else pa.ipc.open_file(source).read_all()
            read = table.column("r0").to_pylist()
        assert read == [0.0] * 3 + [1.0] * 3 + [None] * 3 + [3.0] * 3, format


class TestParquet:
    def test_row_groups_do_not_depend_on_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parquet_writer, "_ROWS", 100)
        monkeypatch.setattr(parquet_writer, "_FEWEST", 10)
        numbers = np.arange(1050.0)
        batch = pa.record_batch({"x": numbers, "t": [f"{number}" for number in numbers]})
        found = set()
        for size in (1, 7, 100, 333, 1050):
            blocks: list[Any] = [
                (batch.slice(first, size), {"v": numbers[first : first + size]}, None) for first in range(0, 1050, size)
            ]
            found.add(written("parquet", blocks, batch.schema))
        (content,) = found
        data = pq.ParquetFile(pa.BufferReader(content)).metadata
        assert [data.row_group(group).num_rows for group in range(data.num_row_groups)] == [100] * 10 + [50]

    def test_row_groups_of_many_columns_are_short(self) -> None:
        """A row group is gathered in memory, so 10 000 columns must not have a quarter of a million rows in one."""
        schema = pa.schema([(f"c{number}", pa.float64()) for number in range(10_000)])
        writer = parquet_writer.open_writer(Memory(), "parquet", schema, ["v"])
        assert writer.rows == 1024

    def test_long_texts_end_a_row_group(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parquet_writer, "_BYTES", 10_000)
        batch = pa.record_batch({"t": ["x" * 9000] * 10})
        content = written("parquet", [(batch, columns([0.0] * 10), None)] * 4, batch.schema)
        read = pq.ParquetFile(pa.BufferReader(content))
        assert read.metadata.num_row_groups == 4
        assert read.read().num_rows == 40

    def test_columns_are_compressed_where_it_pays(self) -> None:
        """Floats of all digits are not; what repeats is, also inside lists."""
        dense, even = np.random.default_rng(0).normal(size=10_000), np.ones(10_000)
        batch = pa.record_batch({"dense": dense, "list": pa.array([[1.0]] * 10_000), "text": ["abc"] * 10_000})
        content = written("parquet", [(batch, columns(dense, even), None)], batch.schema)
        group = pq.ParquetFile(pa.BufferReader(content)).metadata.row_group(0)
        found = {group.column(place).path_in_schema: group.column(place).compression for place in range(5)}
        assert found == {
            "dense": "UNCOMPRESSED",
            "list.list.element": "SNAPPY",
            "text": "SNAPPY",
            "r0": "UNCOMPRESSED",
            "r1": "SNAPPY",
        }
        assert len(content) < 2 * dense.nbytes + 20_000

    def test_a_pipe_will_do(self) -> None:
        content = written("parquet", [(None, columns([1.0, 2.0]), None)], seekable=False)
        assert pq.read_table(pa.BufferReader(content)).column("r0").to_pylist() == [1.0, 2.0]

    def test_a_type_that_it_has_no_place_for(self) -> None:
        schema = pa.schema([("d", pa.month_day_nano_interval())])
        with pytest.raises(DataError, match="Parquet can't hold"):
            open_writer(Memory(), "parquet", schema, ["v"])


class TestArrow:
    def test_pipes_get_streams(self) -> None:
        """Each block can be read when it was written."""
        sink = Memory(seekable=False)
        writer = open_writer(sink, "arrow", None, ["r0"])
        writer.write(None, columns([1.0]), None)
        reader = pa.ipc.open_stream(pa.BufferReader(sink.getvalue()))
        assert reader.read_next_batch().to_pydict() == {"r0": [1.0]}
        writer.write(None, columns([2.0]), np.array([True]))
        writer.close()
        read = pa.ipc.open_stream(pa.BufferReader(sink.getvalue())).read_all()
        assert read.column("r0").to_pylist() == [1.0, None]

    @pytest.mark.parametrize("seekable", [True, False])
    def test_blocks_with_dictionaries_of_their_own(self, seekable: bool) -> None:
        """A file has one dictionary for a column; it grows."""
        words = [["a", "b", None], ["b", "c"], ["a"], ["d", "a", "c", None]]
        kind = pa.dictionary(pa.int8(), pa.string())
        blocks: list[Any] = [
            (pa.record_batch({"t": pa.array(part, kind)}), columns([0.0] * len(part)), None) for part in words
        ]
        schema = pa.schema([("t", kind)])
        source = pa.BufferReader(written("arrow", blocks, schema, seekable))
        read = (pa.ipc.open_file if seekable else pa.ipc.open_stream)(source).read_all()
        assert read.schema.field("t").type == kind
        assert read.column("t").to_pylist() == [word for part in words for word in part]


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_thousands_of_columns_take_little_memory(format: str) -> None:
    """Text is made of fewer rows at once then."""
    wide = {f"r{number}": np.zeros(500) for number in range(5_000)}
    kept = pa.record_batch({f"c{number}": pa.array(np.zeros(500)) for number in range(5_000)})
    sizes = []

    class Counted(Memory):
        def write(self, content: Any) -> int:
            sizes.append(len(content))
            return len(content)

    writer = open_writer(Counted(), format, kept.schema, list(wide))
    writer.write(kept, wide, None)
    writer.close()
    assert sum(sizes) > 20_000_000
    assert max(sizes) < 15_000_000


def test_lines_that_have_a_name_already() -> None:
    lines = [b'{"x":1}', b'{"y":"value"}', b'{"z":{"value":1}}', b'{"x":2, "value" : 3}', b'{"value":1}']
    assert clash(Lines(lines), ["value", "grad_x"]) == 3
    assert clash(Lines(lines[:3]), ["value", "grad_x"]) is None
    assert clash(Lines(lines * 2000), ["grad_x"]) is None
    assert clash(Lines([b"{}"] * 5000 + lines), ["y"]) == 5001
    assert clash(Lines([]), ["value"]) is None


def test_ndjson_imports_no_arrow() -> None:
    """Importing it takes longer than most pipes run."""
    program = (
        "import sys\nimport numpy as np\nfrom gradcli.tables.outputs import Output\n"
        "from gradcli.tables.writing import open_writer\nfrom gradcli.tables.blocks import Lines\n"
        "with Output('-') as output:\n"
        "    writer = open_writer(output.sink, 'ndjson', None, ['v'])\n"
        "    writer.write(Lines([b'{}']), {'v': np.array([1.0])}, None)\n"
        "    writer.close()\n"
        "assert 'pyarrow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"v":1.0}\n', b"")

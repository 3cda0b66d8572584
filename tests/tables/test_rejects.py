"""Rejected rows are written with their place and with all that they had."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from gradcli.tables import format_of
from gradcli.tables.blocks import Lines, Options
from gradcli.tables.reading import open_table
from gradcli.tables.rejects import Reject, Rejects

OWN = pa.record_batch({"x": ["1", "abc"], "note": ["a,b", None]})
FOUND = [Reject("in.csv", 3, "x", "1,5"), Reject("in.csv", 70_001, "x", 'say "x"')]
BROKEN = [Reject("in.csv", 9, None, '"no\nend')]


@contextmanager
def opened(path: Path, schema: pa.Schema | None = None) -> Iterator[Rejects]:
    """Rejects that are written to a file, in the format of its name."""
    with open(path, "wb") as file:
        rejects = Rejects(file, format_of(str(path), None), schema)
        yield rejects
        rejects.close()


def written(path: Path) -> None:
    with opened(path, OWN.schema) as rejects:
        rejects.write(FOUND, OWN)
        rejects.write([], OWN.slice(0, 0))
        rejects.write(BROKEN)


def test_csv(tmp_path: Path) -> None:
    written(tmp_path / "bad.csv")
    content = (tmp_path / "bad.csv").read_bytes().decode()
    assert list(csv.reader(io.StringIO(content, newline=""), strict=True)) == [
        ["file", "row", "column", "content", "x", "note"],
        ["in.csv", "3", "x", "1,5", "1", "a,b"],
        ["in.csv", "70001", "x", 'say "x"', "abc", ""],
        ["in.csv", "9", "", '"no\nend', "", ""],
    ]


def test_ndjson(tmp_path: Path) -> None:
    written(tmp_path / "bad.ndjson")
    found = [json.loads(line) for line in (tmp_path / "bad.ndjson").read_text().splitlines()]
    assert found == [
        {"file": "in.csv", "row": 3, "column": "x", "content": "1,5", "record": {"x": "1", "note": "a,b"}},
        {"file": "in.csv", "row": 70_001, "column": "x", "content": 'say "x"', "record": {"x": "abc", "note": None}},
        {"file": "in.csv", "row": 9, "column": None, "content": '"no\nend', "record": None},
    ]


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_binary_formats(suffix: str, tmp_path: Path) -> None:
    written(tmp_path / f"bad.{suffix}")
    path = tmp_path / f"bad.{suffix}"
    read = pq.read_table(path) if suffix == "parquet" else pa.ipc.open_file(path).read_all()
    assert read.to_pydict() == {
        "file": ["in.csv"] * 3,
        "row": [3, 70_001, 9],
        "column": ["x", "x", None],
        "content": ["1,5", 'say "x"', '"no\nend'],
        "x": ["1", "abc", None],
        "note": ["a,b", None, None],
    }


def test_lines_stay_as_they_were(tmp_path: Path) -> None:
    """Under a key of their own, or as text in a column."""
    line = b'{"x": "abc", "y": [1.50, {"row": 1e400}]}'
    for suffix in ("ndjson", "csv", "parquet"):
        with opened(tmp_path / f"bad.{suffix}") as rejects:
            rejects.write([Reject("-", 1, "x", "abc")], Lines([line]))
            rejects.write([Reject("-", 2, None, "[1")])
    first, second = (tmp_path / "bad.ndjson").read_bytes().splitlines()
    assert first == b'{"file":"-","row":1,"column":"x","content":"abc","record":' + line + b"}"
    assert json.loads(second)["record"] is None
    assert pq.read_table(tmp_path / "bad.parquet").column("record").to_pylist() == [line.decode(), None]
    with open(tmp_path / "bad.csv", newline="") as file:
        assert [row["record"] for row in csv.DictReader(file)] == [line.decode(), ""]


def test_columns_of_the_same_names(tmp_path: Path) -> None:
    """The data's columns keep their names."""
    own = pa.record_batch({"row": [7], "file": ["f"], "file_": ["g"]})
    with opened(tmp_path / "bad.parquet", own.schema) as rejects:
        rejects.write([Reject("in", 3, "row", "x")], own)
    assert pq.read_table(tmp_path / "bad.parquet").to_pylist() == [
        {"file__": "in", "row_": 3, "column": "row", "content": "x", "row": 7, "file": "f", "file_": "g"}
    ]


def test_columns_that_were_never_null_may_be(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("x", pa.int8(), nullable=False)])
    own = pa.RecordBatch.from_arrays([pa.array([1], pa.int8())], schema=schema)
    with opened(tmp_path / "bad.parquet", schema) as rejects:
        rejects.write([Reject("in", 1, "y", "?")], own)
        rejects.write(BROKEN)
    assert pq.read_table(tmp_path / "bad.parquet").column("x").to_pylist() == [1, None]


def test_names_of_files_that_are_not_unicode(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.csv")
    for suffix in ("csv", "ndjson", "parquet"):
        with opened(tmp_path / f"bad.{suffix}") as rejects:
            rejects.write([Reject(name, 1, "x", "?")], Lines([b"{}"]))
    assert pq.read_table(tmp_path / "bad.parquet").column("file").to_pylist() == ["\\udcff.csv"]
    assert json.loads((tmp_path / "bad.ndjson").read_text())["file"] == "\\udcff.csv"


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_no_rows(suffix: str, tmp_path: Path) -> None:
    """It is a table even if nothing was rejected."""
    with opened(tmp_path / f"bad.{suffix}", OWN.schema):
        pass
    with closing(open_table(str(tmp_path / f"bad.{suffix}"), Options())) as reader:
        assert list(reader.columns) == ([] if suffix == "ndjson" else ["file", "row", "column", "content", "x", "note"])
        assert sum(block.count for block in reader.blocks((), None)) == 0

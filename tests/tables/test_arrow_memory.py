"""Arrow's columns as NumPy's and back, by their memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.tables import FORMATS
from gradcli.tables.arrow_memory import (
    batch_without_columns,
    column,
    empty,
    empty_batch,
    floats,
    nulls,
    truths,
    values,
    with_numbers,
)  # fmt: skip
from gradcli.tables.blocks import Numbers

CELLS = st.lists(st.one_of(st.none(), st.floats()), max_size=40)


@given(CELLS, st.integers(0, 12), st.integers(0, 40))
def test_numbers_of_any_slice(cells: list[float | None], start: int, length: int) -> None:
    array = pa.array(cells, pa.float64()).slice(start, length)
    assert np.array_equal(floats(array), array.to_numpy(zero_copy_only=False), equal_nan=True)
    assert nulls(array).tolist() == [cell is None for cell in array.to_pylist()]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 12), st.integers(0, 40))
def test_truth_values_of_any_slice(cells: list[bool], start: int, length: int) -> None:
    array = pa.array(cells, pa.bool_()).slice(start, length)
    assert truths(array).tolist() == array.to_pylist()


@given(CELLS)
def test_there_and_back(cells: list[float | None]) -> None:
    array = pa.array(cells, pa.float64())
    missing = nulls(array)
    for back in (column(floats(array), missing), column(floats(array)[::1], missing.copy())):
        back.validate(full=True)
        assert back.null_count == array.null_count
        assert nulls(back).tolist() == missing.tolist()
        assert np.array_equal(floats(back), floats(array), equal_nan=True)


def test_columns_that_are_not_contiguous() -> None:
    assert column(np.arange(6.0)[::2]).to_pylist() == [0.0, 2.0, 4.0]


def test_columns_of_nulls_alone() -> None:
    array = pa.nulls(3, pa.float64())
    assert np.isnan(floats(array)).all()
    assert nulls(array).all()


def test_a_table_without_rows() -> None:
    schema = pa.schema([pa.field("x", pa.int64(), nullable=False)], metadata={"a": "b"})
    assert empty(schema) == schema.empty_table()
    assert empty(schema).schema.equals(schema, check_metadata=True)


def test_numbers_in_place_of_text() -> None:
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "x": ["1", "", "oops"]})
    found = Numbers(np.array([1.0, np.nan, np.nan]), np.array([False, True, False]), np.array([2]))
    assert with_numbers(batch, {"x": found}).to_pydict() == {"id": ["a", "b", "c"], "x": [1.0, None, None]}


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=40))
def test_whole_numbers_of_python(found: list[int | None]) -> None:
    assert values(found, pa.int64()).equals(pa.array(found, pa.int64()))


@given(st.lists(st.one_of(st.none(), st.text()), max_size=40))
def test_texts_of_python(found: list[str | None]) -> None:
    array = values(found, pa.string())
    array.validate(full=True)
    assert array.equals(pa.array(found, pa.string()))


@given(st.lists(st.one_of(st.none(), st.booleans()), max_size=40))
def test_truth_values_of_python(found: list[bool | None]) -> None:
    assert values(found, pa.bool_()).equals(pa.array(found, pa.bool_()))


@given(st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=40), st.integers(0, 12))
def test_short_floats(cells: list[float | None], start: int) -> None:
    array = pa.array(cells, pa.float32()).slice(start)
    assert floats(array).dtype == np.float32
    assert np.array_equal(floats(array), array.to_numpy(zero_copy_only=False), equal_nan=True)


def test_what_has_no_place() -> None:
    with pytest.raises(OverflowError):
        values([2**63], pa.int64())
    with pytest.raises(UnicodeEncodeError):
        values(["\ud800"], pa.string())


def test_batches_without_rows_or_columns() -> None:
    schema = pa.schema([("x", pa.int64()), ("s", pa.string())])
    assert empty_batch(schema).equals(pa.RecordBatch.from_pylist([], schema=schema))
    assert (batch_without_columns(3).num_rows, batch_without_columns(3).num_columns) == (3, 0)


TABLE: Any = pa.table(
    {
        "x": [1.0, 2.0, None],
        "whole": pa.array([1, None, 3], pa.int64()),
        "text": ["a", 'say "b", c', None],
        "truth": pa.array([True, None, False]),
        "word": pa.array(["u", None, "u"]).dictionary_encode(),
        "short": pa.array([0.5, None, 1.5], pa.float32()),
        "time": pa.array([0, None, 10**6], pa.timestamp("us", "UTC")),
        "list": [[1, 2], None, []],
    }
)
ROWS = (
    b'{"x":1,"whole":1,"text":"a","truth":true}\n{"x":2.0,"whole":null,"text":"say \\"b\\"","truth":null}\n'
    b'{"x":null,"whole":3,"text":"c"}\n{"x":"oops","text":"d"}\n'
)


def sources(folder: Path) -> None:
    """The same table in all formats, more or less."""
    pq.write_table(TABLE, folder / "in.parquet")
    with pa.ipc.new_file(folder / "in.arrow", TABLE.schema) as file:
        file.write_table(TABLE)
    (folder / "in.ndjson").write_bytes(ROWS)
    for name, mark in (("csv", ","), ("tsv", "\t")):
        (folder / f"in.{name}").write_text(f'x{mark}text\n"1"{mark}"a{mark}1"\n{mark}b\noops{mark}c\n')


RUN = """
import sys
from gradcli.cli.app import run
for options in ([], ["--rejects", f"bad.{sys.argv[2]}"], ["--keep", "x"], ["--only"]):
    data = f"in.{sys.argv[1]}"
    status = run(["batch", "x*x", data, "-o", f"out.{sys.argv[2]}", "--quiet", "--on-error", "skip", *options])
    print(status, sorted(name for name in sys.modules if name.split(".")[0] == "pandas"))
"""


@pytest.mark.parametrize("sink", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_pandas_is_left_alone(source: str, sink: str, tmp_path: Path) -> None:
    """Arrow imports it for many an innocent call, which takes longer than the rest of a run."""
    (tmp_path / "pandas.py").write_text("__version__ = '2.2.2'")
    sources(tmp_path)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", RUN, source, sink],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0 []\n" * 4, "")

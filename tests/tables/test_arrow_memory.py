"""Arrow's columns as NumPy's and back, by their memory."""

from __future__ import annotations

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

from gradcli.tables.arrow_memory import column, doubles, empty, nulls, truths, with_numbers
from gradcli.tables.blocks import Numbers

CELLS = st.lists(st.one_of(st.none(), st.floats()), max_size=40)


@given(CELLS, st.integers(0, 12), st.integers(0, 40))
def test_numbers_of_any_slice(cells: list[float | None], start: int, length: int) -> None:
    array = pa.array(cells, pa.float64()).slice(start, length)
    assert np.array_equal(doubles(array), array.to_numpy(zero_copy_only=False), equal_nan=True)
    assert nulls(array).tolist() == [cell is None for cell in array.to_pylist()]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 12), st.integers(0, 40))
def test_truth_values_of_any_slice(cells: list[bool], start: int, length: int) -> None:
    array = pa.array(cells, pa.bool_()).slice(start, length)
    assert truths(array).tolist() == array.to_pylist()


@given(CELLS)
def test_there_and_back(cells: list[float | None]) -> None:
    array = pa.array(cells, pa.float64())
    missing = nulls(array)
    for back in (column(doubles(array), missing), column(doubles(array)[::1], missing.copy())):
        back.validate(full=True)
        assert back.null_count == array.null_count
        assert nulls(back).tolist() == missing.tolist()
        assert np.array_equal(doubles(back), doubles(array), equal_nan=True)


def test_columns_that_are_not_contiguous() -> None:
    assert column(np.arange(6.0)[::2]).to_pylist() == [0.0, 2.0, 4.0]


def test_columns_of_nulls_alone() -> None:
    array = pa.nulls(3, pa.float64())
    assert np.isnan(doubles(array)).all()
    assert nulls(array).all()


def test_a_table_without_rows() -> None:
    schema = pa.schema([pa.field("x", pa.int64(), nullable=False)], metadata={"a": "b"})
    assert empty(schema) == schema.empty_table()
    assert empty(schema).schema.equals(schema, check_metadata=True)


def test_numbers_in_place_of_text() -> None:
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "x": ["1", "", "oops"]})
    found = Numbers(np.array([1.0, np.nan, np.nan]), np.array([False, True, False]), np.array([2]))
    assert with_numbers(batch, {"x": found}).to_pydict() == {"id": ["a", "b", "c"], "x": [1.0, None, None]}


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
def test_pandas_is_left_alone(suffix: str, tmp_path: Path) -> None:
    """Arrow imports it for many an innocent call, which takes longer than the rest of a run."""
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas" / "__init__.py").write_text("raise SystemExit('pandas is imported')")
    table: Any = pa.table({"x": [1.0, 2.0, None], "y": [3.0, 4.0, 5.0]})
    pq.write_table(table, tmp_path / "in.parquet")
    (tmp_path / "in.csv").write_text('id,x,y\n"a,1",1,2\nb,,3\n')
    script = "from gradcli.__main__ import main; main()"
    arguments = ["batch", "x*y", f"in.{'csv' if suffix == 'csv' else 'parquet'}", "-o", f"out.{suffix}", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); {script}", *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / f"out.{suffix}").exists()

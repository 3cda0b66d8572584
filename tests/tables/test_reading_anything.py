"""Whatever bytes a file holds, reading it gives rows or one error that names it; never anything else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from tables_read import cells

from gradcli.errors import DataError, GradcliError, StreamError
from gradcli.tables import FORMATS
from gradcli.tables.reading import Options, open_table

TABLE = pa.table(
    {
        "x": [1.5, None, 3.0] * 9,
        "s": ["1", "text", None] * 9,
        "d": pa.array(["a", "b", "1"] * 9).dictionary_encode(),
        "w": [[1, 2], [3, 4], None] * 9,
    }
)


def samples() -> dict[str, bytes]:
    """A small table in each format."""
    text = b'x,s,d,w\n1.5,"a\nb",c,"d""e"\n,,,\nbad,\xc3\xa9,NaN,4\n'
    found = {"csv": text, "tsv": text.replace(b",", b"\t")}
    found["ndjson"] = b'{"x":1.5,"s":"a"}\n\n{"x":null,"w":[1,2]}\n{"x":{"y":1}}\nbroken\n'
    sink = io.BytesIO()
    parquet.write_table(TABLE, sink, row_group_size=10)
    found["parquet"] = sink.getvalue()
    for name, start in (("arrow", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        sink = io.BytesIO()
        with start(sink, TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=10)
        found[name] = sink.getvalue()
    return found


SAMPLES = samples()


def named(error: GradcliError, path: Path) -> int:
    """No rows more; the error has to say of which file it is."""
    assert str(path) in error.message
    return 0


def read_all(path: Path, form: str, keep: str) -> int:
    """How many rows there are, broken ones too; every cell is looked at."""
    count = 0
    try:
        table = open_table(str(path), Options(format=form, keep=keep, rows=7))
    except DataError as error:
        return named(error, path)
    try:
        for block in table.blocks(table.columns, None):
            for name in table.columns:
                numbers = cells(block.numbers(name)) if block.lists(name) is None else []
                assert len(numbers) in (0, block.count)
                assert all(isinstance(block.content(name, row), str) for row in range(block.count))
            kept: Any = block.kept
            assert kept is None or len(getattr(kept, "lines", kept)) == block.count
            count += block.count + len(block.broken)
    except (DataError, StreamError) as error:
        named(error, path)
    finally:
        table.close()
    return count


FORMS = st.sampled_from([(form, keep) for form in FORMATS for keep in ("columns", "lines", "nothing")])
PLACES = st.floats(0, 1, exclude_max=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)
@given(FORMS, st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, form: tuple[str, str], content: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    assert read_all(path, *form) >= 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=600)
@given(st.sampled_from(sorted(SAMPLES)), st.lists(st.tuples(PLACES, st.binary(min_size=1, max_size=3)), max_size=4))
def test_damaged_files(tmp_path: Path, name: str, damage: list[tuple[float, bytes]]) -> None:
    content = bytearray(SAMPLES[name])
    for place, bytes_ in damage:
        start = int(place * len(content))
        content[start : start + len(bytes_)] = bytes_
    path = tmp_path / "damaged"
    path.write_bytes(content)
    form = "arrow" if name == "stream" else name
    rows = read_all(path, form, "lines" if name == "ndjson" else "columns")
    if not damage:
        assert rows == {"csv": 3, "tsv": 3, "ndjson": 4}.get(name, 27)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_place_a_file_can_be_cut(name: str, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    form = "arrow" if name == "stream" else name
    for end in range(0, len(SAMPLES[name]), 1 + len(SAMPLES[name]) // 150):
        path.write_bytes(SAMPLES[name][:end])
        # A stream may end without a mark: where a batch ends, nothing tells that more should follow.
        assert read_all(path, form, "lines") < 27 + (name == "stream")

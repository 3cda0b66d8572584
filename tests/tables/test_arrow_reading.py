"""Reading Parquet and Arrow: types, row groups, pipes, and files that are not whole."""

from __future__ import annotations

import datetime
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tables_read import cells, column, kept_rows, pipe

from gradcli.errors import DataError, StreamError
from gradcli.tables.reading import Options, open_table

TABLE = pa.table(
    {
        "x": pa.array([1, None, 3, 4, 5], pa.int8()),
        "s": ["1", "q", None, " 2 ", ""],
        "w": pa.array([[1, 2], None, [3], [4, 5], [6, None]], pa.list_(pa.float32())),
        "d": pa.array(["1", "2", "1", None, "z"]).dictionary_encode(),
        "t": pa.array([1, 2, 3, 4, 5], pa.timestamp("us")),
        "a.b": [1.5, 2.0, 3.0, 4.0, 5.0],
        "a": [True, None, False, True, True],
    }
)


def write_parquet(path: Path, table: Any = TABLE) -> None:
    parquet.write_table(table, path, row_group_size=2)


def write_file(path: Path, table: Any = TABLE) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def write_stream(path: Any, table: Any = TABLE) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


WRITERS = [
    pytest.param("a.parquet", write_parquet, id="parquet"),
    pytest.param("a.arrow", write_file, id="file"),
    pytest.param("a.arrows", write_stream, id="stream"),
]
EXPECTED: dict[str, list[float | str | None]] = {
    "x": [1.0, None, 3.0, 4.0, 5.0],
    "s": [1.0, "bad", None, 2.0, None],
    "d": [1.0, 2.0, 1.0, None, "bad"],
    "a.b": [1.5, 2.0, 3.0, 4.0, 5.0],
    "a": [1.0, None, 0.0, 1.0, 1.0],
}


@pytest.mark.parametrize(("name", "write"), WRITERS)
@pytest.mark.parametrize("size", [1, 2, 4, 65_536])
def test_columns_as_numbers(name: str, write: Callable[[Path], None], size: int, tmp_path: Path) -> None:
    write(tmp_path / name)
    for one, expected in EXPECTED.items():
        for options in (Options(rows=size), Options(rows=size, keep="nothing")):
            assert column(open_table(str(tmp_path / name), options), one) == expected
    found = open_table(str(tmp_path / name), Options(rows=size))
    assert found.columns == TABLE.column_names
    assert found.size == os.path.getsize(tmp_path / name)
    lists = [block.lists("w") for block in found.blocks(["w"], [])]
    assert cells(lists[0][0])[0] == 1.0  # type: ignore[index]
    assert found.position() == found.size
    found.close()


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_what_is_kept_has_its_own_types(name: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / name)
    path = str(tmp_path / name)
    found = open_table(path, Options())
    assert found.schema is not None
    assert found.schema.types == TABLE.schema.types
    assert kept_rows(found) == TABLE.to_pylist()
    assert kept_rows(open_table(path, Options()), ["a", "t"]) == TABLE.select(["t", "a"]).to_pylist()
    assert kept_rows(open_table(path, Options()), []) == [{}] * 5
    with OpenBlocks(path) as blocks:
        assert all(block.kept is None for block in blocks(["a"], None, "nothing"))


class OpenBlocks:
    """The blocks of a file, which is closed afterwards."""

    def __init__(self, path: str) -> None:
        self.path, self.open = path, []  # type: ignore[var-annotated]

    def __enter__(self) -> Callable[..., list[Any]]:
        return self.blocks

    def blocks(self, needed: list[str], kept: Any, keep: str = "columns", groups: range | None = None) -> list[Any]:
        found = open_table(self.path, Options(keep=keep), groups)
        self.open.append(found)
        return list(found.blocks(needed, kept))

    def __exit__(self, *_: object) -> None:
        for one in self.open:
            one.close()


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_rows_taken_keep_their_numbers(name: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / name)
    with OpenBlocks(str(tmp_path / name)) as blocks:
        block = blocks(["x", "s", "t"][:2], ["t"])[-1]
        some = block.taken(np.array([block.count - 1]))
        assert (some.count, some.row(0), some.first) == (1, 5, 5)
        assert some.kept.to_pylist() == [{"t": datetime.datetime(1970, 1, 1, 0, 0, 0, 5)}]
        assert cells(some.numbers("x")) == [5.0]
        assert block.content("x", block.count - 1) == "5"


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_columns_of_other_types_are_told_before_any_row(
    name: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / name)
    found = open_table(str(tmp_path / name), Options())
    with pytest.raises(DataError, match=r"column t has values of type timestamp\[us\], which are not numbers"):
        found.blocks(["x", "t"], None)
    with pytest.raises(DataError, match="has no column zz"):
        found.blocks(["zz"], None)
    found.close()


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_no_rows_and_no_columns(name: str, write: Callable[..., None], tmp_path: Path) -> None:
    write(tmp_path / name, TABLE.slice(0, 0))
    assert kept_rows(open_table(str(tmp_path / name), Options())) == []
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    write(tmp_path / name, twice)
    with pytest.raises(DataError, match="two columns with the name x"):
        open_table(str(tmp_path / name), Options())


def test_row_groups(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    path = str(tmp_path / "a.parquet")
    whole = open_table(path, Options())
    assert (whole.rows, whole.groups) == (5, range(3))  # type: ignore[attr-defined]
    whole.close()
    with OpenBlocks(path) as blocks:
        for group, expected in enumerate(([1.0, None], [3.0, 4.0], [5.0])):
            [block] = blocks(["x"], [], groups=range(group, group + 1))
            assert (block.first, cells(block.numbers("x"))) == (1 + 2 * group, expected)
        assert blocks(["x"], [], groups=range(0)) == []
        assert blocks(["x"], [], groups=range(1, 3))[0].row(0) == 3
    part = open_table(path, Options(), range(1, 3))
    assert part.rows == 3
    part.close()


@pytest.mark.parametrize(("name", "write"), WRITERS)
@pytest.mark.parametrize("left", [0, 1, 7, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_is_not_whole_is_named(
    name: str, write: Callable[[Path], None], left: float, tmp_path: Path
) -> None:
    path = tmp_path / name
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[: left if isinstance(left, int) else int(len(content) * left)])
    what = "Parquet" if "parquet" in name else "Arrow"
    with pytest.raises(DataError) as caught:
        kept_rows(open_table(str(path), Options()))
    assert caught.value.message == f"{path} is not a whole {what} file"


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" * 50, b"x,y\n1,2\n" * 50, b"PAR1" * 90, b"ARROW1\0\0" * 50, b"FEA1" * 50]
)
def test_another_kind_of_file(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"is not a whole (Parquet|Arrow) file|first version"):
        kept_rows(open_table(str(tmp_path / name), Options()))


def test_damaged_pages_are_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"x": np.arange(10_000.0)}), path, use_dictionary=False, compression="zstd")
    content = bytearray(path.read_bytes())
    content[2000:3000] = b"\xff" * 1000
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="is not a whole Parquet file"):
        kept_rows(open_table(str(path), Options()))


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_what_cannot_be_opened(form: str, tmp_path: Path) -> None:
    for path in (tmp_path / f"none.{form}", tmp_path):
        with pytest.raises(StreamError) as caught:
            open_table(str(path), Options(format=form))
        assert str(path) in caught.value.message


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_pipes(name: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    """A Parquet file and an Arrow file are stored first; an Arrow stream is read as it comes."""
    write(tmp_path / name)
    content = (tmp_path / name).read_bytes()

    def send(file: int) -> None:
        os.write(file, content[:3])
        os.write(file, content[3:])

    with pipe(tmp_path / f"pipe.{name}", send) as path:
        assert column(open_table(path, Options()), "x") == EXPECTED["x"]


def test_batches_of_a_stream_come_before_it_ends(tmp_path: Path) -> None:
    seen = threading.Semaphore(0)

    def write(file: int) -> None:
        with os.fdopen(file, "wb", closefd=False) as stream:
            writer = pa.ipc.new_stream(stream, TABLE.schema)
            for start in range(5):
                writer.write_table(TABLE.slice(start, 1).unify_dictionaries())
                stream.flush()
                assert seen.acquire(timeout=20), "a batch did not arrive"
            writer.close()

    with pipe(tmp_path / "pipe.arrows", write) as path:
        found = open_table(path, Options())
        got = []
        for block in found.blocks(["x"], []):
            got.append((block.first, cells(block.numbers("x"))))
            seen.release()
        found.close()
    assert got == [(row, [value]) for row, value in enumerate(EXPECTED["x"], 1)]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_standard_input(name: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    """As a pipe, and as a file that the shell redirected."""
    write(tmp_path / name)
    form = "parquet" if "parquet" in name else "arrow"
    program = f"""
from gradcli.tables.reading import Options, open_table
table = open_table("-", Options(format={form!r}))
print([value for block in table.blocks(["a.b"], []) for value in block.numbers("a.b").values.tolist()])
"""
    content = (tmp_path / name).read_bytes()
    piped = run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
    with open(tmp_path / name, "rb") as file:
        redirected = run([sys.executable, "-c", program], stdin=file, capture_output=True, check=True)
    assert piped.stdout == redirected.stdout == b"[1.5, 2.0, 3.0, 4.0, 5.0]\n"


def test_uris(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n\n2\n")
    assert column(open_table(f"file://{tmp_path}/a.csv", Options()), "x") == [1.0, 2.0]
    for name, write in (("a.parquet", write_parquet), ("a.arrow", write_file), ("a.arrows", write_stream)):
        write(tmp_path / name)
        assert column(open_table(f"file://{tmp_path}/{name}", Options()), "x") == EXPECTED["x"]


PEAK = """
import sys
from pathlib import Path
from gradcli.tables.reading import Options, open_table
table = open_table(sys.argv[1], Options())
total = 0
for block in table.blocks(["x"], None):
    total += block.numbers("x").values.sum()
    block.kept
[peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(total, peak)
"""


def test_a_large_row_group_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Ten times the rows in one row group, at most a few megabytes more."""
    peaks = []
    for rows in (400_000, 4_000_000):
        table = pa.table({name: np.random.default_rng(7).normal(size=rows) for name in "xyz"})
        parquet.write_table(table, tmp_path / "a.parquet", row_group_size=rows)
        done = run([sys.executable, "-c", PEAK, str(tmp_path / "a.parquet")], capture_output=True, check=True)
        total, peak = done.stdout.split()
        assert float(total) == pytest.approx(table["x"].to_numpy().sum())
        peaks.append(int(peak) / 1024)
    assert peaks[1] < peaks[0] + 48, f"MiB: {peaks}; the rows are {4_000_000 * 24 >> 20}"

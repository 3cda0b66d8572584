"""Reading CSV, against the csv module: every cell, every row's number, every promise about what is wrong."""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tables_read import CUTS, Pieces, cells, column, cut, kept_rows, pipe

from gradcli.errors import DataError
from gradcli.tables import csv_reader
from gradcli.tables.csv_reader import CsvReader
from gradcli.tables.reading import Broken, Options, open_table

TEXT = st.text(
    st.sampled_from('abé "\n\r,\t;0\0') | st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"),
    max_size=6,
)


@st.composite
def tables(draw: Any) -> tuple[list[list[str]], str, bytes]:
    """Rows, the first of them a header of different names; the delimiter; and the text that the csv module writes."""
    width = draw(st.integers(1, 4))
    header = draw(st.lists(TEXT.filter(lambda name: "\0" not in name), min_size=width, max_size=width, unique=True))
    rows = [header, *draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=8))]
    delimiter = draw(st.sampled_from(",\t"))
    end, quoting = draw(st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]))
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return rows, delimiter, file.getvalue().encode()


def reader(content: bytes, places: Sequence[int] = (), delimiter: str = ",", **options: Any) -> CsvReader:
    return CsvReader(Pieces(cut(content, places)), delimiter, Options(**options))


@given(tables(), CUTS, st.integers(1, 5), st.booleans(), st.booleans())
def test_every_cell_is_read_back(
    table: tuple[list[list[str]], str, bytes], places: list[int], size: int, mark: bool, last_end: bool
) -> None:
    """However a pipe cuts the bytes and whatever the blocks' size; with a byte-order mark or without."""
    rows, delimiter, content = table
    if not last_end and content.endswith(b"\n"):
        content = content[:-1].removesuffix(b"\r")
    found = reader(b"\xef\xbb\xbf" * mark + content, places, delimiter, rows=size)
    assert found.columns == rows[0]
    assert found.schema is not None
    assert found.schema.names == rows[0]
    assert [list(row.values()) for row in kept_rows(found)] == rows[1:]


@given(tables(), CUTS, st.integers(1, 5))
def test_rows_are_counted_across_blocks(
    table: tuple[list[list[str]], str, bytes], places: list[int], size: int
) -> None:
    """Rows that follow blank lines, and broken rows, have the numbers that they have in the whole file."""
    rows, delimiter, content = table
    width = len(rows[0])
    broken_text = delimiter.join(["1"] * (width + 1))
    content = content + b"\n\r\n" + f"{broken_text}\n\n".encode() + content[:0] + delimiter.join(["2"] * width).encode()
    found = reader(content, places, delimiter, rows=size)
    numbers: list[int] = []
    broken: list[Broken] = []
    for block in found.blocks([], None):
        assert block.count <= size
        numbers += [block.row(position) for position in range(block.count)]
        broken += block.broken
    assert broken == [Broken(len(rows), broken_text, f"{width + 1} cells where the header has {width}")]
    assert numbers == [*range(1, len(rows)), len(rows) + 1]


@given(st.lists(st.sampled_from(["1,2", "3", "4,5,6"]), max_size=30), CUTS, st.integers(1, 5))
@example([*["1,2"] * 7, "3", "1,2"], [], 3)
@example(["3", *["1,2"] * 4, "3", "3", "1,2", "3"], [], 2)
def test_broken_rows_are_in_the_block_where_they_stand(lines: list[str], places: list[int], size: int) -> None:
    """So that whoever takes block by block comes across all rows in their order."""
    found = reader("\n".join(["x,y", *lines]).encode(), places, rows=size)
    order: list[int] = []
    broken: list[int] = []
    for block in found.blocks(["x"], None):
        numbers = [block.row(position) for position in range(block.count)]
        order += sorted([*numbers, *(one.row for one in block.broken)])
        broken += [one.row for one in block.broken]
    assert order == [*range(1, len(lines) + 1)]
    assert broken == [number for number, line in enumerate(lines, 1) if line != "1,2"]


@given(st.text('ab",\n', max_size=40), CUTS)
@example('5" x,1\n3,4" y\n', [])
@example('"ab"cd"e,5\n1,2\n', [2, 3, 9])
def test_stray_quotes_mean_what_the_csv_module_says(body: str, places: list[int]) -> None:
    expected = [row for row in csv.reader(io.StringIO(body, newline="")) if row]
    found = reader(b"p,q\n" + body.encode(), places)
    rows: dict[int, list[str] | int] = {}
    unclosed = False
    try:
        for block in found.blocks([], None):
            assert block.kept is not None
            for position, row in enumerate(block.kept.to_pylist()):
                rows[block.row(position)] = list(row.values())
            rows |= {one.row: -1 for one in block.broken}
    except DataError as error:
        unclosed = f"row {len(expected)}: a quoted cell begins and does not end" in error.message
    wanted = {number: row if len(row) == 2 else -1 for number, row in enumerate(expected, 1)}
    if unclosed:
        del wanted[len(expected)]
    assert rows == wanted


def test_needed_columns_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfx,s\r\n1,"a\r\nb"\r\n\r\n +2 ,c\r\n,d\r\nbad,"q""q"\r\nNA,e')
    found = open_table(str(tmp_path / "a.csv"), Options(nulls=("NA",)))
    assert found.size == os.path.getsize(tmp_path / "a.csv")
    block, last = found.blocks(["x"], ["s"])
    assert (last.row(0), cells(last.numbers("x"))) == (5, [None])
    assert cells(block.numbers("x")) == [1.0, 2.0, None, "bad"]
    assert block.lists("x") is None
    assert block.content("x", 3) == "bad"
    assert block.kept is not None
    assert block.kept.to_pydict() == {"s": ["a\r\nb", "c", "d", 'q"q']}
    some = block.taken(np.array([3, 1]))
    assert [some.row(0), some.row(1)] == [4, 2]
    assert some.first == 4
    assert cells(some.numbers("x")) == ["bad", 2.0]
    assert some.taken(np.array([1])).row(0) == 2
    assert found.position() == found.size
    found.close()


def test_what_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.tab"
    path.write_text("x\ty\tz\n1\t2\t 3\n")
    assert kept_rows(open_table(str(path), Options())) == [{"x": "1", "y": "2", "z": " 3"}]
    assert kept_rows(open_table(str(path), Options()), ["z", "x"]) == [{"x": "1", "z": " 3"}]
    assert kept_rows(open_table(str(path), Options()), []) == [{}]
    nothing = open_table(str(path), Options(keep="nothing"))
    assert nothing.schema is None
    [block] = nothing.blocks(["y"], None)
    nothing.close()
    assert block.kept is None
    assert cells(block.numbers("y")) == [2.0]


@pytest.mark.parametrize("content", [b"x,y", b"x,y\n", b"\xef\xbb\xbfx,y\r\n", b"\n\nx,y\n\n\n", b'"x","y"'])
def test_a_header_alone_has_no_rows(content: bytes) -> None:
    found = reader(content)
    assert found.columns == ["x", "y"]
    assert list(found.blocks(["x"], None)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "pieces is empty: it has no header"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\r\n\n", "is empty"),
        (b"x,y,x\n", "two columns with the name x"),
        (b",\n", "two columns with the name (empty)"),
        (b"\xff\xfex\0,\0", "UTF-16 text"),
        (b"\xfe\xff\0x", "UTF-16 text"),
        (b"caf\xe9,y\n", "the header: not UTF-8"),
        (b"x\0,\0y\0\n\0", "the header holds NUL bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "the header: not UTF-8"),
        (b'x,"y\n1,2\n', "row 0: a quoted cell begins and does not end"),
        (b"x," + b"y" * 200_000 + b"\n", "the header cannot be read"),
    ],
)
def test_what_is_no_header(content: bytes, message: str) -> None:
    for places in ([], [1], [2, 3, 5]):
        with pytest.raises(DataError) as caught:
            reader(content, places)
        assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"1,2\n\n3,\xff\n", "row 2: not UTF-8"),
        (b"\xff,2\n", "row 1: not UTF-8"),
        ("é,1\n".encode() * 300 + b'"a\n\xe9",2\n', "row 301: not UTF-8"),
        (b"1\n1,2\n3,\xe9", "row 3: not UTF-8"),
        (b'1,2\n3,"4\n5,6\n', "row 2: a quoted cell begins and does not end"),
    ],
)
def test_the_row_that_is_wrong_is_named(body: bytes, message: str) -> None:
    for places in ([], [5, 6, 7, 8, 9, 30]):
        with pytest.raises(DataError) as caught:
            for _ in reader(b"x,y\n" + body, places).blocks(["x"], None):
                pass
        assert message in caught.value.message
        assert caught.value.hint


def test_rows_before_one_that_is_no_text_come_first() -> None:
    """They may be wrong themselves, and are earlier."""
    found = reader(b"x,y\n1,2\n\n3\n4,5\n\xff,6\n").blocks(["x"], None)
    block = next(found)
    assert cells(block.numbers("x")) == [1.0, 4.0]
    assert [one.row for one in block.broken] == [2]
    with pytest.raises(DataError, match="row 4: not UTF-8"):
        next(found)


def test_a_quote_that_never_closes_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "LONGEST", 1 << 20)

    class Endless(Pieces):
        count = 0

        def read(self, size: int) -> bytes:
            self.count += 1
            return b'x,y\n1,2\n3,"' if self.count == 1 else b"4,5\n" * 16384

    source = Endless([])
    with pytest.raises(DataError, match=r"row 2: a quoted cell begins and does not end within 1 MiB"):
        for _ in CsvReader(source, ",", Options()).blocks(["x"], None):
            pass
    assert source.count < 20


def test_a_line_that_never_ends_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "LONGEST", 1 << 20)
    with open("/dev/zero", "rb"), pytest.raises(DataError, match=r"row 0: no line end within 1 MiB"):
        open_table("/dev/zero", Options(format="csv"))


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(DataError, match="pieces has no column zz"):
        reader(b"x\n1\n").blocks(["zz"], None)


def test_nul_bytes_are_no_numbers() -> None:
    assert column(reader(b"x\n1\0002\n1\0\n\0\n3\n"), "x") == ["bad", "bad", "bad", 3.0]


def test_ten_thousand_columns() -> None:
    """Only those that are needed or kept are made."""
    width = 10_000
    header = ",".join(f"c{i}" for i in range(width)).encode()
    body = b"".join(",".join(str(i * row) for i in range(width)).encode() + b"\n" for row in range(40))
    found = reader(header + b"\n" + body, [5, 1000, 60_000, 60_001, 400_000])
    blocks = list(found.blocks(["c1", "c9999"], ["c3"]))
    assert [value for block in blocks for value in cells(block.numbers("c9999"))] == [9999.0 * row for row in range(40)]
    assert [value for block in blocks for value in block.kept["c3"].to_pylist()] == [str(3 * row) for row in range(40)]  # type: ignore[index]


def test_rows_of_a_pipe_come_before_it_ends(tmp_path: Path) -> None:
    """The writer waits for each block before it goes on writing, even in the middle of a row."""
    seen = threading.Semaphore(0)

    def write(file: int) -> None:
        os.write(file, b"x,y\n1,2\n3,")
        assert seen.acquire(timeout=20), "the first row did not arrive"
        os.write(file, b"4\n")
        assert seen.acquire(timeout=20), "the second row did not arrive"
        os.write(file, b'"5",6')

    with pipe(tmp_path / "pipe.csv", write) as path:
        found = open_table(path, Options())
        assert found.size is None
        got = []
        for block in found.blocks(["x", "y"], None):
            got.append((block.first, cells(block.numbers("x")), cells(block.numbers("y"))))
            seen.release()
        found.close()
    assert got == [(1, [1.0], [2.0]), (2, [3.0], [4.0]), (3, [5.0], [6.0])]


def test_a_fast_pipe_comes_in_large_blocks(tmp_path: Path) -> None:
    rows = 200_000

    def write(file: int) -> None:
        with open(file, "wb", closefd=False) as stream:
            stream.write(b"x\n" + b"".join(b"%d\n" % row for row in range(rows)))

    with pipe(tmp_path / "pipe.csv", write) as path:
        found = open_table(path, Options(rows=rows))
        blocks = [block.numbers("x").values for block in found.blocks(["x"], [])]
        found.close()
    assert np.array_equal(np.concatenate(blocks), np.arange(rows))
    assert len(blocks) < 100

"""What the tests of reading share: bytes that come in pieces, and tables told cell by cell."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradcli.tables.blocks import Numbers, Reader
from gradcli.tables.sources import Source

Cell = float | None | str  # a number, missing, or bad


class Pieces(Source):
    """A pipe that brings its bytes in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.path = self.name = "pieces"
        self.size = None
        self.live = True
        self._pieces = iter([piece for piece in pieces if piece])

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")

    def position(self) -> int:
        return 0

    def close(self) -> None:
        pass


def cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    """content in pieces that end at these places."""
    ends = sorted({min(place, len(content)) for place in places} | {len(content)})
    return [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]


CUTS = st.lists(st.integers(0, 400), max_size=12)


def cells(numbers: Numbers) -> list[Cell]:
    """A column as Python values; also whether its parts fit together."""
    values, missing, bad = numbers
    assert values.dtype == np.float64
    assert values.flags.c_contiguous
    assert bad.dtype == np.int64
    assert list(bad) == sorted(set(bad.tolist()))
    found: list[Cell] = values.tolist()
    for position in bad:
        assert np.isnan(values[position])
        found[position] = "bad"
    if missing is not None:
        assert missing.dtype == np.bool_
        assert missing.any()
        for position in np.flatnonzero(missing):
            assert found[position] != "bad", "a missing cell is not bad"
            assert np.isnan(values[position])
            found[position] = None
    return found


def column(reader: Reader, name: str, **wanted: Any) -> list[Cell]:
    """A whole column as Python values; the rows' numbers have to be what they are."""
    found: list[Cell] = []
    for block in reader.blocks([name], wanted.get("kept")):
        assert [block.row(position) for position in range(block.count)] == [
            *range(block.first, block.first + block.count)
        ]
        assert block.first == len(found) + 1
        found += cells(block.numbers(name))
        assert not block.broken
    reader.close()
    return found


def kept_rows(reader: Reader, kept: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """All rows as what passes through."""
    rows: list[dict[str, Any]] = []
    for block in reader.blocks((), kept):
        found = block.kept.to_pylist()  # type: ignore[union-attr]
        assert len(found) == block.count
        rows += found
    reader.close()
    return rows


def same(one: Sequence[Cell], other: Sequence[Cell]) -> bool:
    """Whether cells are the same, nan like nan and 0 unlike -0."""
    return list(map(repr, one)) == list(map(repr, other))


@contextmanager
def pipe(path: Path, write: Callable[[int], None]) -> Iterator[str]:
    """A named pipe into which a thread writes; what goes wrong there is raised here."""
    os.mkfifo(path)
    wrong: list[BaseException] = []

    def run() -> None:
        try:
            file = os.open(path, os.O_WRONLY)
            try:
                write(file)
            finally:
                os.close(file)
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield str(path)
    thread.join(20)
    assert not thread.is_alive()
    assert not wrong, wrong

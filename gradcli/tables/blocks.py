"""What readers hand on: blocks of rows, and what becomes of their columns.

Enters: nothing; these are types. Leaves: the types that readers, writers and whoever joins them share. Invariant: a
block knows the number of every row in its file, whatever rows were left out before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Numbers(NamedTuple):
    """A column as numbers."""

    values: np.ndarray[Any, Any]  # float64, contiguous; nan where a cell is missing or bad
    missing: np.ndarray[Any, Any] | None  # bool, True where a cell is null; None if none is
    bad: np.ndarray[Any, Any]  # int64: positions of cells that are not numbers, in order; none of them is missing


class Broken(NamedTuple):
    """A row that could not be split into cells."""

    row: int  # its number in the file, 1 = first row of data
    content: str
    why: str


class Lines(NamedTuple):
    """Rows of NDJSON as they were written: each from its opening brace to its closing one, without a line end."""

    lines: list[bytes]


Kept: TypeAlias = "pa.RecordBatch | Lines"


class Block(Protocol):
    """Some rows of a table, one after the other."""

    @property
    def first(self) -> int:
        """The number of its first row in its file, 1 = first row of data."""

    @property
    def count(self) -> int:
        """How many rows it has, 0 too; those in `broken` are not among them."""

    @property
    def broken(self) -> Sequence[Broken]:
        """Rows that could not be split into cells; they stand between the block's rows, or next to them."""

    @property
    def kept(self) -> Kept | None:
        """What passes through to the output; None where nothing does."""

    def row(self, position: int) -> int:
        """The number in its file of the row at a position of the block."""

    def numbers(self, column: str) -> Numbers:
        """A column as numbers."""

    def lists(self, column: str) -> Sequence[Numbers] | None:
        """A column of lists of one length, as one column per position; None if it is none."""

    def content(self, column: str, row: int) -> str:
        """The text of a cell, for messages; row is its position in the block."""

    def taken(self, rows: np.ndarray[Any, Any]) -> Block:
        """The rows at these positions only, without the broken ones."""


class Options(NamedTuple):
    """How a table is read."""

    format: str | None = None  # None: by the file's name
    nulls: tuple[str, ...] = ()  # texts that mean null, beside the empty cell
    rows: int = 65_536  # of a block, at most
    keep: str = "columns"  # "columns", "lines" (of NDJSON) or "nothing"
    text: tuple[str, ...] = ()  # columns of NDJSON that are kept as texts, whatever they hold


class Reader(Protocol):
    """An open table."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of its columns; of NDJSON the keys of the first row."""

    @property
    def schema(self) -> pa.Schema | None:
        """Names and types of what can be kept as columns; None where lines are kept, or nothing."""

    @property
    def rows(self) -> int | None:
        """How many rows there are, where the format knows."""

    @property
    def size(self) -> int | None:
        """How many bytes there are, where that is known."""

    def position(self) -> int:
        """How many of these bytes have been read."""

    def blocks(self, needed: Collection[str], kept: Collection[str] | None) -> Iterator[Block]:
        """The rows, block by block: needed columns are asked for numbers, kept ones pass through (None: all).

        Called once. What is wrong with a needed column's type is found when this is called.
        """

    def close(self) -> None:
        """Give the file back."""

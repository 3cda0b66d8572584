"""Tables written block by block.

Enters: columns that pass through and columns of results. Leaves: a table of one of the formats, on a binary file.
Invariant: a writer keeps nothing of the arrays of results that it is given: they may be used again at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from gradcli.errors import MissingError
from gradcli.tables import FORMATS, load

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from gradcli.tables.blocks import Kept

_CELLS = 1 << 19  # of results, and
_BYTES = 1 << 24  # of columns that pass through, that become text at once


class Writer(Protocol):
    """Writes one table. Nothing but `close` makes it complete."""

    def write(
        self, kept: Kept | None, results: Mapping[str, np.ndarray[Any, Any]], missing: np.ndarray[Any, Any] | None
    ) -> None:
        """Write rows: what passes through, and float64 columns of results, null in the rows that are missing."""

    def flush(self) -> None:
        """Hand on what a reader of an unfinished table can use."""

    def close(self) -> None:
        """Write what is left, and the table's end. The file itself stays open."""


def at_once(kept: Any, width: int, most: int) -> int:
    """Of how many rows text is made at once: most, or fewer where there are thousands of columns or long cells.

    kept: a record batch, or None; width: how many columns of results there are.
    """
    rows = min(most, _CELLS // max(1, width))
    if kept is not None and kept.nbytes:
        rows = min(rows, kept.num_rows * _BYTES // kept.nbytes)
    return max(1, rows)


def open_writer(sink: BinaryIO, format: str, schema: pa.Schema | None, names: Sequence[str]) -> Writer:
    """A writer of one of FORMATS. schema: of the kept columns, if any are; names: of the results.

    Raises:
        MissingError: what the format needs is not installed.
        DataError: the format has no place for one of the columns.
    """
    try:
        opened = load(FORMATS[format].writer)
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        raise MissingError(f"writing {FORMATS[format].title}", "data") from None
    writer: Writer = opened(sink, format, schema, names)
    return writer

"""A column of texts, for tables that a program makes of its own results.

Enters: a name and cells. Leaves: what a writer takes as a column that passes through, and its schema. Invariant: the
only importer of Arrow for those who have nothing but text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradcli.errors import MissingError

if TYPE_CHECKING:
    import pyarrow as pa


def texts(name: str, cells: Sequence[str]) -> tuple[pa.Schema, pa.RecordBatch]:
    """The schema and the rows.

    Raises:
        MissingError: Arrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingError("a table with texts", "data") from None
    rows = pa.record_batch([pa.array(cells, pa.string())], names=[name])
    return rows.schema, rows

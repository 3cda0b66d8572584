"""Columns of numbers as text: the shortest that reads back as the same number, and always that of a float (2.0, not 2).

Enters: columns of floats. Leaves: their cells, row by row, in one piece of text. Invariant: a cell has no comma.

orjson writes a whole column at once, ten times as fast as Python writes its numbers one by one. It has one word,
null, for all that JSON has no number for, so the right words are put in afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import MissingError

Column = np.ndarray[Any, Any]


class Words(NamedTuple):
    """What is written for what is not a finite number."""

    nan: bytes
    infinity: bytes
    minus_infinity: bytes
    null: bytes


CSV = Words(b"nan", b"inf", b"-inf", b"")
JSON = Words(b'"NaN"', b'"Infinity"', b'"-Infinity"', b"null")


def orjson() -> Any:
    """The module, if it is installed.

    Raises:
        MissingError: it is not.
    """
    try:
        import orjson
    except ImportError:
        raise MissingError("writing tables of data", "data") from None
    return orjson


def number_text(columns: Sequence[Column], missing: Column | None, words: Words) -> bytes:
    """The cells of columns of one length, row by row, between commas. Rows that are missing have nulls throughout."""
    cells = np.stack(columns, axis=1).ravel() if len(columns) > 1 else np.ascontiguousarray(columns[0])
    null = None if missing is None or not missing.any() else np.repeat(missing, len(columns))
    if null is not None:
        cells = np.where(null, np.nan, cells)
    module = orjson()
    text: bytes = module.dumps(cells, option=module.OPT_SERIALIZE_NUMPY)[1:-1]
    finite = np.isfinite(cells)
    return text if finite.all() else _worded(text, cells, ~finite, null, words)


def _worded(text: bytes, cells: Column, odd: Column, null: Column | None, words: Words) -> bytes:
    """text with the right word in place of each null."""
    found = cells[odd]
    kinds = np.where(np.isnan(found), 0, np.where(found > 0, 1, 2))
    if null is not None:
        kinds[null[odd]] = 3
    if (kinds == kinds[0]).all():
        return text.replace(b"null", words[kinds[0]])
    parts = text.split(b"null")
    pieces = [b""] * (2 * len(parts) - 1)
    pieces[0::2] = parts
    pieces[1::2] = map(words.__getitem__, kinds.tolist())
    return b"".join(pieces)

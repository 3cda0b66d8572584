"""CSV: rows of numbers. One column is a vector, several are a matrix.

A first row without a number is taken for a header and skipped. What is not a number is never guessed: a missing cell,
a word, a decimal comma are errors that show the cell.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from gradcli.errors import BindingError
from gradcli.printable import shorten
from gradcli.readers import Number, text_of
from gradcli.readers.nested import NUMBER, array

_HINT = "a file of numbers has the same number of cells in every row, separated by commas"


def read(content: bytes, where: str, name: str, number: Number) -> Any:
    """The vector or the matrix of a file."""
    rows = csv.reader(io.StringIO(text_of(content, where), newline=""))
    numbers: list[float] = []
    count = width = seen = 0
    try:
        for cells in rows:
            cells = [cell.strip() for cell in cells]
            if not any(cells) and len(cells) < 2:  # an empty line
                continue
            seen += 1
            if seen == 1 and not any(map(NUMBER.fullmatch, cells)):
                width = len(cells)
                continue
            width = width or len(cells)
            if len(cells) != width:
                message = f"{where}: row {rows.line_num} has {_cells(len(cells))}, the first row has {width}"
                raise BindingError(message, hint=_HINT)
            for column, cell in enumerate(cells, 1):
                if NUMBER.fullmatch(cell) is None:
                    raise _no_number(where, rows.line_num, column, cell)
                numbers.append(number(cell))
            count += 1
    except csv.Error as error:
        raise BindingError(f"{where}: row {rows.line_num} is not CSV: {error}") from None
    if not count:
        raise BindingError(f"{where} has no row of numbers", hint=_HINT)
    return array((count,) if width == 1 else (count, width), numbers, number is not float)


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _no_number(where: str, row: int, column: int, cell: str) -> BindingError:
    content = f"not a number but {shorten(cell)}" if cell else "empty"
    hint = "cells are separated by commas, decimals have a point" if ";" in cell or "," in cell else None
    return BindingError(f"{where}: row {row}, column {column} is {content}", hint=hint)

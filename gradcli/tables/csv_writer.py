"""CSV and TSV out.

Enters: blocks of columns. Leaves: a header and lines. Invariant: every cell reads back as what it was; only cells
that hold a separator, a quote or a line end are quoted. Text is never changed for the sake of spreadsheets: it is the
user's own.

The numbers of a slice of rows are written as one text, the separators in it are the ends of Arrow's strings, and
Arrow joins them with the columns that pass through. That is twice as fast as Arrow's own writer, which is slow at
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gradcli.tables.arrow_memory import NOTHING
from gradcli.tables.arrow_memory import text as text_of_arrow
from gradcli.tables.cell_text import cell_text, cells, content, has_any, plain
from gradcli.tables.number_text import CSV, number_text
from gradcli.tables.writing import at_once

_ROWS = 16_384  # of a slice: its text stays in the processor's cache
_LINE_END, _QUOTE, _QUOTED_NOTHING = map(text_of_arrow, ("\n", '"', '""'))


def open_writer(sink: BinaryIO, format: str, schema: pa.Schema | None, names: Sequence[str]) -> CsvWriter:
    """Write the header, for kept columns and results."""
    return CsvWriter(sink, "\t" if format == "tsv" else ",", schema.names if schema is not None else (), names)


class CsvWriter:
    """Writes lines of cells."""

    def __init__(self, sink: BinaryIO, separator: str, kept: Sequence[str], names: Sequence[str]) -> None:
        self.sink = sink
        self.separator, self.between = separator, text_of_arrow(separator)
        self.single = len(kept) + len(names) == 1
        self.names = names
        self.words = CSV._replace(null=b'""') if self.single else CSV
        header = separator.join(self._name(name) for name in (*kept, *names))
        sink.write(f"{header}\n".encode())

    def write(self, kept: Any, results: Mapping[str, Any], missing: Any) -> None:
        columns = [results[name] for name in self.names]
        count = kept.num_rows if kept is not None else len(columns[0]) if columns else 0
        step = at_once(kept, len(columns), _ROWS)
        for start in range(0, count, step):
            rows = slice(start, start + step)
            lines = self._lines(
                None if kept is None else kept.slice(start, step),
                [column[rows] for column in columns],
                None if missing is None else missing[rows],
            )
            self.sink.write(lines)

    def flush(self) -> None:
        self.sink.flush()

    def close(self) -> None:
        self.sink.flush()

    def _lines(self, kept: Any, columns: Sequence[Any], missing: Any) -> Any:
        texts = [] if kept is None else [self._cells(column) for column in kept.columns]
        if not columns:
            lines = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, self.between)
            return content(pc.binary_join_element_wise(lines, _LINE_END, NOTHING))
        text, ends = self._tails(columns, missing)
        if not texts:
            return text
        return content(pc.binary_join_element_wise(*texts, cells(text, ends), self.between))

    def _tails(self, columns: Sequence[Any], missing: Any) -> tuple[Any, Any]:
        """The results of all rows, each row with its line end, and the positions behind these."""
        text = bytearray(number_text(columns, missing, self.words))
        text += b"\n"
        found = np.frombuffer(text, np.uint8)
        separators = np.flatnonzero(found == ord(","))
        if self.separator != ",":
            found[separators] = ord(self.separator)
        ends = np.append(separators[len(columns) - 1 :: len(columns)], len(found) - 1)
        found[ends] = ord("\n")
        return found, ends + 1

    def _cells(self, column: Any) -> Any:
        """A column as it is written: nulls are empty, and quoted is what needs it."""
        text = pc.fill_null(cell_text(plain(column), CSV), NOTHING)
        if self.single:  # an empty line would be no row
            return pc.if_else(pc.equal(text, NOTHING), _QUOTED_NOTHING, self._quoted(text))
        return self._quoted(text)

    def _quoted(self, text: Any) -> Any:
        if not has_any(text, self._needs_quotes):
            return text
        pattern = f'[{self.separator}"\r\n]'
        quoted = pc.binary_join_element_wise(_QUOTE, pc.replace_substring(text, '"', '""'), _QUOTE, NOTHING)
        return pc.if_else(pc.match_substring_regex(text, pattern), quoted, text)

    def _needs_quotes(self, found: Any) -> Any:
        return (found == ord(self.separator)) | (found == ord('"')) | (found == ord("\n")) | (found == ord("\r"))

    def _name(self, name: str) -> str:
        """A column's name as it is written. A byte order mark in the first would be dropped were it not quoted."""
        if not name or name.startswith("\ufeff") or any(sign in name for sign in (self.separator, '"', "\n", "\r")):
            return '"' + name.replace('"', '""') + '"'
        return name

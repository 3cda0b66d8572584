"""Matrices of derivatives: a table, LaTeX, the expressions one by one, or JSON of the schema gradcli.matrix/1.

Enters: the names of rows and columns, numbers or expressions or both. Leaves: text. Invariant: a number is never cut or
wrapped: a table that is too wide becomes one line per entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gradcli.numeric import latex
from gradcli.printable import printable
from gradcli.render import Look, derivatives
from gradcli.render.derivatives import Derivative, expressions, label, point_json
from gradcli.render.writing import number

SCHEMA = "gradcli.matrix/1"
NUMBERS, SYMBOLS = ("table", "latex"), ("text", "unicode", "latex")


class Matrix(NamedTuple):
    """A Hessian or a Jacobian.

    Attributes:
        kind: hessian or jacobian.
        source: the program's text.
        rows, columns: what they are called.
        point: the inputs' numbers, if there are any.
        values: the numbers there, by rows.
        entries: the expressions, by rows; None if they are not wanted.
    """

    kind: str
    source: str
    rows: list[str]
    columns: list[str]
    point: Mapping[str, float] | None
    values: list[list[float]] | None
    entries: list[list[Derivative]] | None

    def name(self, row: int, column: int, look: Look) -> str:
        """What an entry is called."""
        if self.kind == "hessian":
            return label("", (self.rows[row], self.columns[column]), look)
        return label(self.rows[row], (self.columns[column],), look)


def render(matrix: Matrix, format: str, look: Look) -> Iterator[str]:
    """In one of NUMBERS, or in one of SYMBOLS if the expressions are wanted."""
    if matrix.entries is not None:
        chosen = [
            entry
            for row, entries in enumerate(matrix.entries)
            for entry in (entries[row:] if matrix.kind == "hessian" else entries)  # the other half is the same
        ]
        yield from derivatives.render(chosen, matrix.point, format, look)
    elif matrix.values is not None:
        yield _typeset(matrix) if format == "latex" else _drawn(matrix, matrix.values, look)


def _drawn(matrix: Matrix, values: Sequence[Sequence[float]], look: Look) -> str:
    """A table; where that is too wide for the screen, a line per entry."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from gradcli.render.screen import draw

    heads = [printable(name) for name in matrix.rows], [printable(name) for name in matrix.columns]
    texts = [[repr(x) for x in row] for row in values]
    corner = look.signs("∂²/∂row∂column" if matrix.kind == "hessian" else "∂row/∂column")
    sizes = [max(map(len, column)) for column in zip(heads[1], *texts, strict=True)]
    width = 2 + max(len(corner), *map(len, heads[0])) + sum(3 + size for size in sizes)
    if look.width is not None and width > look.width:
        entries = ((row, column) for row in range(len(heads[0])) for column in range(len(heads[1])))
        lines = (Text(f"{matrix.name(*entry, look)} = {texts[entry[0]][entry[1]]}") for entry in entries)
        return draw(lines, look, look.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(corner, no_wrap=True, style="bold", header_style="dim")
    for name in heads[1]:
        table.add_column(Text(name), justify="right", no_wrap=True, style="red")
    for name, row in zip(heads[0], texts, strict=True):
        table.add_row(Text(name), *map(Text, row))
    return draw([table], look, width)


def _typeset(matrix: Matrix) -> str:
    rows = [" & ".join(latex.number(repr(x)).text for x in row) for row in matrix.values or ()]
    lines = " \\\\\n".join(f"  {row}" for row in rows)
    return f"\\[\n\\begin{{pmatrix}}\n{lines}\n\\end{{pmatrix}}\n\\]\n"


def as_json(matrix: Matrix, format: str) -> Iterator[str]:
    """A document of gradcli.matrix/1, in pieces."""
    yield f'{{"schema": "{SCHEMA}", "kind": "{matrix.kind}", "expression": {json.dumps(matrix.source)},\n'
    yield f' "rows": {json.dumps(matrix.rows)}, "columns": {json.dumps(matrix.columns)},\n'
    yield f' "at": {point_json(matrix.point)},\n "values": '
    if matrix.values is None:
        yield "null"
    else:
        yield "[" + ",\n  ".join(f"[{', '.join(map(number, row))}]" for row in matrix.values) + "]"
    if matrix.entries is not None:
        separator = ',\n "expressions": [['
        for entries in matrix.entries:
            for entry in entries:
                yield separator + json.dumps(expressions(entry, format))
                separator = ",\n  "
            separator = "],\n  ["
        yield "]]"
    yield "}\n"

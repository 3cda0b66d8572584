"""The tables of docs/numerics.md, between markers such as <!-- table: bounds --> and <!-- end -->."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradcli.graph.ops import Op
from gradcli.render.functions import domain

BOUNDS_HEADER = ("function", "value", "local gradients", "promised", "where")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = (header, [":---"] * len(header), *rows)
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def block(text: str, name: str) -> re.Match[str]:
    """Where a document has the table of that name: group 1 is all between the markers."""
    found = re.search(rf"<!-- table: {name} -->\n\n(.*?)\n<!-- end -->\n", text, re.DOTALL)
    assert found is not None, f"no markers for the table {name}"
    return found


def renewed(text: str, name: str, content: str) -> str:
    """The document with new content between those markers."""
    start, end = block(text, name).span(1)
    return text[:start] + content + text[end:]


def cells(text: str, name: str) -> list[list[str]]:
    """The rows of a document's table, without the header."""
    lines = [line for line in block(text, name).group(1).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def bounds_row(row: Op, errors: Sequence[float]) -> list[str]:
    """A row of the table of measured bounds: errors of the value and of each partial."""
    value, *partials = [f"{error:.2f}" for error in errors]
    return [f"`{row.signature()}`", value, ", ".join(partials), f"{row.ulp:g}", domain(row)]

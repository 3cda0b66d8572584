"""The points of a grid as a table for people: the inputs that vary, the value, the gradients.

Enters: the names of the columns, the first and the last rows. Leaves: text. Invariant: a number is never cut or
wrapped: where a table would be too wide, a point has lines of its own; what is left out stands as a line of dots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.screen import draw
from gradcli.render.writing import packed

Rows = Sequence[Sequence[float]]
_INPUT, _VALUE, _GRADIENT = "default", "green", "red"


def render(names: Sequence[str], inputs: int, first: Rows, last: Rows, left_out: int, look: Look) -> str:
    """The table.

    Args:
        names: of the columns: so many inputs, then the value, then gradients.
        first, last: the rows before and after those that are left out.
        left_out: how many these are.
    """
    heads = [printable(name) for name in names]
    texts = [[repr(x) for x in row] for row in (*first, *last)]
    styles = [_INPUT] * inputs + [_VALUE] + [_GRADIENT] * (len(names) - inputs - 1)
    sizes = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    width = sum(sizes) + 3 * (len(sizes) - 1) + 2
    dots = f"… {left_out:,} more" if left_out else ""
    if look.width is not None and width > look.width:
        return draw(_records(heads, inputs, texts, styles, len(first), dots, look.width), look, look.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name, style, size in zip(heads, styles, sizes, strict=True):
        table.add_column(Text(name), justify="right", no_wrap=True, style=style, min_width=size)
    for place, row in enumerate(texts):
        if left_out and place == len(first):
            table.add_row(*[Text("…")] * len(heads), style="dim")
        table.add_row(*map(Text, row))
    return draw([table], look, width)


def _records(
    heads: Sequence[str],
    inputs: int,
    texts: Rows | list[list[str]],
    styles: Sequence[str],
    before: int,
    dots: str,
    width: int,
) -> Iterator[Text]:
    """For screens too narrow for columns: the point, and set in under it a line per number."""
    margin = max(map(len, heads[inputs:]))
    for place, row in enumerate(texts):
        if dots and place == before:
            yield Text(dots, "dim")
        told = [f"{name} = {text}" for name, text in zip(heads[:inputs], row, strict=False)]
        for line in packed(told, width):
            yield Text(line, "bold")
        for name, text, style in list(zip(heads, row, styles, strict=True))[inputs:]:
            yield Text(f"    {name:<{margin}} ", "dim").append(str(text), style)

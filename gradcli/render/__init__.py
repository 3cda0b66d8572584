"""Output formats: each module turns a finished Trace into text.

`FORMATS` is the registry; a format is imported when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from gradcli.printable import printable, shorten
from gradcli.traces import Trace

FORMATS = {
    "table": "gradcli.render.table:render",
    "tree": "gradcli.render.tree:render",
    "json": "gradcli.render.json_trace:render",
    "ndjson": "gradcli.render.ndjson:render",
    "csv": "gradcli.render.csv_rows:render",
    "markdown": "gradcli.render.markdown:render",
}


_ASCII = {"∂": "d", "←": "<", "…": "...", "−": "-", "─": "-", "≤": "<=", "≥": ">=", "≠": "!=", "⚠": "!", "·": "*"}
_TO_ASCII = str.maketrans(_ASCII | {"│": "|", "├": "+", "└": "+"})  # and the lines of trees


class Look(NamedTuple):
    """What the reader's screen can show. Formats for machines ignore it."""

    width: int | None = None  # columns; None where lines may be as long as they like
    color: str | None = None  # rich's name of a colour system: standard, 256, truecolor; None for none
    unicode: bool = True  # whether ∂ and ← can be shown
    every_gate: bool = False  # show all gates of a large graph

    def signs(self, text: str) -> str:
        """text with gradcli's own signs replaced where the screen cannot show them."""
        return text if self.unicode else text.translate(_TO_ASCII)


def asked(trace: Trace) -> Iterator[tuple[str, Any]]:
    """What a summary adds where it was asked for: names and numbers of a seed and of a directional derivative."""
    if trace.seed is not None:
        yield "seed", trace.seed
    if trace.along is not None:
        moves = ", ".join(f"{printable(name)} = {trace.system.write(x)}" for name, x in trace.along.direction.items())
        yield f"along {shorten(moves, 200)}: derivative", trace.along.value


Renderer = Callable[[Trace, Look], Iterator[str]]


def renderer(name: str) -> Renderer:
    """The renderer of a format in the registry."""
    module, _, function = FORMATS[name].partition(":")
    found: Renderer = getattr(import_module(module), function)
    return found

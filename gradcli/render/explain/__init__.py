"""The chain rule, told step by step from a finished Trace.

`steps.py` says what is told, once for all formats; each format only writes it. `FORMATS` is the registry; a format is
imported when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from gradcli.render import Look
from gradcli.traces import Trace

FORMATS = {
    "text": "gradcli.render.explain.plain:render",
    "markdown": "gradcli.render.explain.marked:render",
    "latex": "gradcli.render.explain.tex:render",
}


class Telling(NamedTuple):
    """What is to be told.

    Attributes:
        gate: the name of a stage or an input, or an id, to tell of this gate alone.
        brief: a line per gate, with the chain rule alone.
        short: numbers with four significant digits.
        standalone: a whole document, where the format knows fragments.
        rows: of the data set whose rows are the elements of the first axes; 0 where there is none.
    """

    gate: str | None = None
    brief: bool = False
    short: bool = False
    standalone: bool = False
    rows: int = 0


Renderer = Callable[[Trace, Look, Telling], Iterator[str]]


def renderer(name: str) -> Renderer:
    """The renderer of a format in the registry."""
    module, _, function = FORMATS[name].partition(":")
    found: Renderer = getattr(import_module(module), function)
    return found

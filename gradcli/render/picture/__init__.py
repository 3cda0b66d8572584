"""Pictures of a graph: DOT, SVG, PNG, Mermaid, and what a system Graphviz can draw.

`FORMATS` is the registry: a format's function takes the graph, its traces and the options and returns text or bytes.
A format of `SYSTEM` is drawn by an installed Graphviz.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from gradcli.graph.graph import Graph
from gradcli.traces import Trace

FORMATS = {
    "dot": "gradcli.render.picture.formats:as_dot",
    "svg": "gradcli.render.picture.formats:as_svg",
    "png": "gradcli.render.picture.formats:as_png",
    "mermaid": "gradcli.render.picture.formats:as_mermaid",
}
# What a Graphviz of the system draws, by its own names for the formats.
SYSTEM = ("pdf", "ps", "eps", "jpg", "gif", "webp", "tif", "bmp", "svgz")
# How a format is called: by itself, and by the endings of file names.
SUFFIXES = {name: name for name in (*FORMATS, *SYSTEM)} | {"gv": "dot", "mmd": "mermaid", "jpeg": "jpg", "tiff": "tif"}
THEMES = ("auto", "light", "dark")
DIRECTIONS = ("LR", "TB")


class Options(NamedTuple):
    """How a picture is drawn.

    Attributes:
        theme: auto follows the reader's system where the format can; light, dark.
        rankdir: LR, TB, or None for what suits the graph.
        heat: weight and colour edges by |contribution|.
        legend: explain the colours.
        path: show only what this input or stage influences.
        depth: show at most so many edges back from the output.
        seconds: how long the layout may take.
        prefix: of the ids in an SVG, where several share a page.
        collapse: draw these as one node each: functions, stages, loop variables; a number: what is nested deeper.
        clusters: frames around calls, turns of loops and stages.
    """

    theme: str = "auto"
    rankdir: str | None = None
    heat: bool = False
    legend: bool = True
    path: str | None = None
    depth: int | None = None
    seconds: float = 20.0
    prefix: str = ""
    collapse: tuple[str, ...] = ()
    clusters: bool = True


class Drawn(NamedTuple):
    """A picture in some format, and what is to be said about it."""

    content: str | bytes
    note: str


def draw(graph: Graph, traces: Sequence[Trace], name: str, options: Options | None = None) -> Drawn:
    """The picture in a format of `FORMATS` or `SYSTEM`.

    Raises:
        UsageError: an option names nothing in the graph.
        LimitError: the layout takes too long.
        MissingError: the format needs an extra that is not installed.
        GradcliError: the format needs a Graphviz of the system, and there is none.
    """
    if name in SYSTEM:
        from gradcli.render.picture.formats import by_system

        return by_system(graph, traces, options or Options(), name)
    module, _, function = FORMATS[name].partition(":")
    found: Drawn = getattr(import_module(module), function)(graph, traces, options or Options())
    return found

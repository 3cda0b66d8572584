"""Pictures of a graph: DOT, SVG, PNG, Mermaid, and what a system Graphviz can draw.

`FORMATS` is the registry: a format's function takes the graph, its traces and the options and returns text or bytes.
A format of `SYSTEM` is drawn by an installed Graphviz.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from gradcli.graph.graph import Graph
from gradcli.render.picture.parts import Drawn, Options
from gradcli.traces import Trace

__all__ = ["DIRECTIONS", "FORMATS", "SUFFIXES", "SYSTEM", "THEMES", "Drawn", "Options", "draw"]

FORMATS = {
    "dot": "gradcli.render.picture.formats:as_dot",
    "svg": "gradcli.render.picture.formats:as_svg",
    "png": "gradcli.render.picture.formats:as_png",
    "mermaid": "gradcli.render.picture.formats:as_mermaid",
    "tikz": "gradcli.render.picture.tikz:as_tikz",
    "graphml": "gradcli.render.picture.graphml:as_graphml",
}
# What a Graphviz of the system draws, by its own names for the formats.
SYSTEM = ("pdf", "ps", "eps", "jpg", "gif", "webp", "tif", "bmp", "svgz")
# How a format is called: by itself, and by the endings of file names.
SUFFIXES = {name: name for name in (*FORMATS, *SYSTEM)} | {"gv": "dot", "mmd": "mermaid", "tex": "tikz"}
SUFFIXES |= {"jpeg": "jpg", "tiff": "tif"}
THEMES = ("auto", "light", "dark")
DIRECTIONS = ("LR", "TB")


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

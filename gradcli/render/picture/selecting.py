"""Which gates of a graph to show: all, what one input influences, or what stands near the output."""

from __future__ import annotations

from gradcli.errors import UsageError
from gradcli.graph.graph import Graph
from gradcli.printable import shorten
from gradcli.render.picture import sizes
from gradcli.render.picture.picture import Selection


def select(graph: Graph, path: str | None = None, depth: int | None = None) -> Selection:
    """The gates to show, and a note on what is left out.

    Args:
        graph: all gates.
        path: an input or a stage; only what it influences on the way to the output is shown.
        depth: at most so many edges from the output.

    Raises:
        UsageError: path is neither an input nor a stage.
    """
    shown = bytearray(b"\1" * len(graph))
    if path is not None:
        _keep_influenced(graph, path, shown)
    if depth is not None:
        _keep_near(graph, depth, shown)
    gates = [index for index in range(len(graph)) if shown[index]]
    return Selection(gates, _note(len(graph), len(gates)))


def _keep_influenced(graph: Graph, name: str, shown: bytearray) -> None:
    origin = next((i for i in range(len(graph)) if graph.name(i) == name), None)
    if origin is None:
        names = ", ".join(dict.fromkeys(found for i in range(len(graph)) if (found := graph.name(i))))
        hint = f"its inputs and stages are {shorten(names, 200)}"
        raise UsageError(f"--path {shorten(name)}: no input or stage of that name", hint=hint)
    influenced = bytearray(len(graph))
    influenced[origin] = 1
    for index, operands in enumerate(graph.operands):
        if any(influenced[operand] for operand in operands):
            influenced[index] = 1
    for index, flag in enumerate(influenced):
        shown[index] &= flag


def _keep_near(graph: Graph, depth: int, shown: bytearray) -> None:
    far = len(graph) + 1
    distance = [far] * len(graph)
    distance[graph.output] = 0
    for index in range(graph.output, -1, -1):
        for operand in graph.operands[index]:
            distance[operand] = min(distance[operand], distance[index] + 1)
    for index, edges in enumerate(distance):
        shown[index] &= edges <= depth


def _note(total: int, shown: int) -> str:
    parts = []
    if shown < total:
        parts.append(f"{shown:,} of {total:,} gates are shown")
    if shown > sizes.LABELLED:
        where = "" if shown > sizes.NUMBERED else " on edges"
        parts.append(f"{shown:,} gates are too many for numbers{where}: they are in the SVG's tooltips")
        parts.append("--path NAME, --depth N and --of NAME show less")
    return "; ".join(parts)

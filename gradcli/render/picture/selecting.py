"""Which gates of a graph to show: all, what one input influences, or what stands near the output; which are folded."""

from __future__ import annotations

from collections.abc import Sequence

from gradcli.errors import UsageError
from gradcli.graph.graph import Graph
from gradcli.printable import shorten
from gradcli.render.picture import sizes
from gradcli.render.picture.folding import Folded, fold
from gradcli.render.picture.framing import Framed, frame
from gradcli.render.picture.parts import Selection


def select(
    graph: Graph,
    path: str | None = None,
    depth: int | None = None,
    collapse: Sequence[str] = (),
    clusters: bool = True,
    page: bool = False,
) -> Selection:
    """The gates to show, and a note on what is left out.

    Args:
        graph: all gates.
        path: an input or a stage; only what it influences on the way to the output is shown.
        depth: at most so many edges from the output.
        collapse: what to draw as one node: see `fold`.
        clusters: whether there are frames.
        page: whether what is collapsed gets a frame instead, which a page closes.

    Raises:
        UsageError: path is neither an input nor a stage; collapse names nothing.
    """
    shown = bytearray(b"\1" * len(graph))
    if path is not None:
        _keep_influenced(graph, path, shown)
    if depth is not None:
        _keep_near(graph, depth, shown)
    gates = [index for index in range(len(graph)) if shown[index]]
    folded = fold(graph, gates, collapse)
    if page:
        framed = frame(graph, gates, _ends(folded), only_wanted=not clusters)
        return Selection(gates, _note(graph, len(gates), len(gates), page), framed)
    nodes = _nodes(gates, folded)
    framed = frame(graph, _places(nodes)) if clusters else Framed((), {})
    return Selection(nodes, _note(graph, len(gates), len(nodes)), framed)


def _ends(folded: Sequence[Folded]) -> set[tuple[int, int]]:
    """First and last gate of groups that a frame can hold."""
    for group in folded:
        if not group.is_range:
            hint = "a page folds functions, stages and loops"
            raise UsageError(f"--collapse {shorten(group.operation)}: its elements stand apart", hint=hint)
    return {(group.gates[0], group.gates[-1]) for group in folded}


def _nodes(gates: Sequence[int], folded: Sequence[Folded]) -> list[int | Folded]:
    """Gates, and groups in place of their first ones."""
    first = {group.gates[0]: group for group in folded}
    gone = {index for group in folded for index in group.gates}
    return [first.get(index, index) for index in gates if index in first or index not in gone]


def _places(nodes: Sequence[int | Folded]) -> list[int]:
    """Where nodes stand; not of groups whose gates stand apart, which can be in several frames."""
    found = []
    for node in nodes:
        if not isinstance(node, Folded):
            found.append(node)
        elif node.is_range:
            found.append(node.gates[0])
    return found


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


def _note(graph: Graph, shown: int, nodes: int, page: bool = False) -> str:
    """What is left out, and what would leave out more; a page draws all of what it folds."""
    parts, told = [], "in the table" if page else "in the SVG's tooltips"
    if shown < len(graph):
        parts.append(f"{shown:,} of {len(graph):,} gates are shown")
    if nodes > sizes.LABELLED:
        where = "" if nodes > sizes.NUMBERED else " on edges"
        what = "gates" if nodes == shown else "nodes"
        parts.append(f"{nodes:,} {what} are too many for numbers{where}: they are {told}")
        ways = "--path NAME, --depth N, --of NAME and --collapse NAME" if graph.groups and not page else _WAYS
        parts.append(f"{ways} show less")
    return "; ".join(parts)


_WAYS = "--path NAME, --depth N and --of NAME"

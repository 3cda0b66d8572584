"""Edges that the layout of a large graph is spared: those that pass many ranks.

Graphviz makes a node of its own for every rank that an edge passes: an input used in each of 1,000 steps costs it half
a million. The rest of the graph is laid out without such edges, and they are drawn over it. Invariant: every gate keeps
the edge from its latest operand, and every input and constant the one to its first use, so that no rank changes.
In a cycle, which folding can make, an edge that leads back is left out of the count.
"""

from __future__ import annotations

from gradcli.render.picture import sizes
from gradcli.render.picture.parts import Arrow, Picture
from gradcli.render.picture.placing import Box, Point

_TIP_LONG, _TIP_WIDE = 6.0, 2.1  # of an arrowhead


def far_arrows(picture: Picture) -> frozenset[str]:
    """The ids of edges to draw without laying them out; none in a graph of usual size."""
    if len(picture.arrows) < sizes.FEW_ARROWS:
        return frozenset()
    ranks = _ranks(picture)
    spans = {arrow.id: abs(ranks[arrow.head] - ranks[arrow.tail]) for arrow in picture.arrows}
    is_labelled = len(picture.nodes) <= sizes.LABELLED
    if sum(spans.values()) <= (sizes.MOST_LABELLED_RANKS if is_labelled else sizes.MOST_RANKS):
        return frozenset()
    most = sizes.LONG_LABELLED if is_labelled else sizes.LONG if len(picture.nodes) <= sizes.NUMBERED else 1
    return frozenset(name for name, span in spans.items() if span > most)


def _ranks(picture: Picture) -> dict[str, int]:
    """How many edges each node is from the inputs; what has no operand stands just before its first use."""
    arriving: dict[str, list[Arrow]] = {}
    leaving: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        arriving.setdefault(arrow.head, []).append(arrow)
        leaving.setdefault(arrow.tail, []).append(arrow)
    ranks: dict[str, int] = {}
    for node in picture.nodes:  # operands stand before their gates
        ranks[node.id] = 1 + max((ranks.get(arrow.tail, -1) for arrow in arriving.get(node.id, ())), default=-1)
    for node in picture.nodes:
        if node.id not in arriving and node.id in leaving:
            ranks[node.id] = min(ranks[arrow.head] for arrow in leaving[node.id]) - 1
    return ranks


def course(start: Box, end: Box, upright: bool) -> tuple[str, str]:
    """The path of such an edge and the points of its arrowhead.

    It is straight, but an arc beside the nodes where one stands right below (or, left to right, behind) the other, so
    that it does not hide behind those between them.
    """
    if not upright:
        path, tip = _downward(_turned(start), _turned(end))
        path, tip = [(y, x) for x, y in path], [(y, x) for x, y in tip]
    else:
        path, tip = _downward(start, end)
    first, *rest = (f"{x:.2f},{y:.2f}" for x, y in path)
    return f"M{first}C{' '.join(rest)}", " ".join(f"{x:.2f},{y:.2f}" for x, y in tip)


def _turned(box: Box) -> Box:
    return Box(box.top, box.left, box.bottom, box.right)


def _downward(start: Box, end: Box) -> tuple[list[Point], list[Point]]:
    if start.right > end.left and end.right > start.left:
        y0, y1 = (start.top + start.bottom) / 2, (end.top + end.bottom) / 2
        out = max(start.right, end.right) + min(200.0, 20.0 + (y1 - y0) / 10)
        back = end.right + _TIP_LONG
        tip = [(back, y1 - _TIP_WIDE), (end.right, y1), (back, y1 + _TIP_WIDE)]
        return [(start.right, y0), (out, y0), (out, y1), (back, y1)], tip
    x0, x1, low = (start.left + start.right) / 2, (end.left + end.right) / 2, end.top - _TIP_LONG
    bend = min(40.0, abs(end.top - start.bottom) / 3)
    tip = [(x1 - _TIP_WIDE, low), (x1, end.top), (x1 + _TIP_WIDE, low)]
    return [(x0, start.bottom), (x0, start.bottom + bend), (x1, low - bend), (x1, low)], tip

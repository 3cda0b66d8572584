"""What a picture of a graph says: every node and edge with its lines of text, before any drawing.

Enters: a Trace, or two at different points, or a Graph alone. Leaves: `Picture`, which the drawing formats share: DOT,
SVG and Mermaid say the same. Invariant: one node per gate shown and one edge per operand, but for groups that are
folded; short numbers in lines, full ones in tooltips.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.render.picture import folded, sizes, words
from gradcli.render.picture.folding import Folded
from gradcli.render.picture.parts import Arrow, Line, Node, Picture, Selection
from gradcli.render.picture.pen import BETWEEN, Drawing, Pen
from gradcli.traces import Trace

__all__ = ["Arrow", "Line", "Node", "Picture", "Selection", "draw"]


def draw(
    graph: Graph,
    traces: Sequence[Trace],
    selection: Selection,
    upward: bool = False,
    heat: bool = False,
    page: bool = False,
) -> Picture:
    """Say what the picture shows.

    Args:
        graph: the gates.
        traces: none for the structure with symbolic local gradients, one, or two points to compare.
        selection: from `select`.
        upward: whether the output stands below, so that gradients flow up.
        heat: whether edges are weighted by |contribution|.
        page: whether the numbers will change.
    """
    pen = Pen(graph, traces, "↑" if upward else "←", len(selection.nodes), page)
    wiring = folded.wiring(graph, selection.nodes)
    homes = selection.framed.homes
    nodes, inputs = [], []
    for part in selection.nodes:
        is_folded = isinstance(part, Folded)
        node = folded.node(pen, part, wiring) if is_folded else pen.node(part)  # type: ignore[arg-type]
        first = part.gates if isinstance(part, Folded) else [part]
        nodes.append(node._replace(frame=homes.get(first[0], "")))
        if all(graph.codes[index] == ops.INPUT for index in first):
            inputs.append(node.id)
    drawings = [
        pen.arrow(*wires[0], *ends) if folded.is_plain(ends, wires) else folded.arrow(pen, wires, *ends)
        for ends, wires in wiring.arrows
    ]
    arrows = _heated(drawings) if heat and traces else tuple(drawing.arrow for drawing in drawings)
    legend = _legend(pen, heat and bool(traces))
    title, description = words.title(graph, () if page else traces), "" if page else words.description(graph, traces)
    return Picture(
        title, description, tuple(nodes), arrows, legend, selection.note, tuple(inputs), selection.framed.frames,
        selection.framed.closed,
    )  # fmt: skip


def _heated(drawings: Sequence[Drawing]) -> tuple[Arrow, ...]:
    """The root keeps small contributions apart from none."""
    hottest = max((drawing.weight for drawing in drawings if drawing.weight is not None), default=0.0)
    return tuple(
        arrow if weight is None else arrow._replace(heat=_level(weight, hottest)) for arrow, weight in drawings
    )


def _level(weight: float, hottest: float) -> int:
    return round(sizes.HEAT_LEVELS * (weight / hottest) ** 0.5) if hottest else 0


def _legend(pen: Pen, heat: bool) -> tuple[Line, ...]:
    ruled = [Line("legend", "g: gradient of the gate")] if pen.with_labels and _has_rules(pen.graph) else []
    if not pen.traces:
        return (Line("local", "∂ local gradient"), *ruled) if pen.with_labels else ()
    lines = []
    if len(pen.traces) > 1:
        lines.append(Line("legend", f"first point{BETWEEN}second point:"))
    if pen.with_numbers:
        lines += [Line("value", "value"), Line("gradient", f"{pen.glyph} gradient")]
    if pen.with_labels:
        lines += [Line("legend", "on edges:"), Line("local", "∂ local gradient")]
        lines += [Line("contribution", f"{pen.glyph} contribution"), Line("legend", "= local × gradient"), *ruled]
    if heat:
        lines.append(Line("legend", "line width: |contribution|"))
    return tuple(lines)


def _has_rules(graph: Graph) -> bool:
    """Whether there are structural gates, whose edges have a rule with g in place of a local gradient."""
    return bool(graph.settings) and any(graph.rows[code].structural for code in {*graph.codes})

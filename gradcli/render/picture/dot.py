"""A Picture as DOT text, built with the `graphviz` package: the same facts as the SVG, in one colour per shape.

DOT cannot colour the lines of a label portably, so order (value above gradient) and the arrow before every gradient
tell them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from math import ceil

import graphviz

from gradcli.render.picture import sizes
from gradcli.render.picture.framing import Frame, nested
from gradcli.render.picture.palette import Palette, heat_color, heat_width
from gradcli.render.picture.parts import Arrow, Node, Picture

FONT = "DejaVu Sans"  # one name only: the layout knows its widths; SVG gets a list of fallbacks
_SPACE = "\u00a0"
_CLOSE = "4"  # how much more than others edges inside a frame pull their ends together
# How hard Graphviz tries where edges have no labels, and where nodes have no numbers either.
_QUICK = {"nslimit": "2", "nslimit1": "2", "mclimit": "0.2"}
_QUICKEST = {"nslimit": "0.1", "nslimit1": "0.1", "mclimit": "0.01", "searchsize": "5", "splines": "line"}


def render(picture: Picture, palette: Palette, rankdir: str, without: Collection[str] = ()) -> str:
    """The DOT source.

    Args:
        picture: what to say.
        palette: light or dark.
        rankdir: LR or TB.
        without: ids of edges to leave out, for a layout only.
    """
    graph = graphviz.Digraph("gradcli")
    graph.attr("graph", **_graph_attributes(picture, palette, rankdir))
    graph.attr(
        "node", shape="box", style="filled", fillcolor=palette.gate, color=palette.line, fontname=FONT,
        fontsize=f"{sizes.NODE_TEXT:g}", fontcolor=palette.ink, penwidth="1", width="0.4", height="0.3",
        margin="0.1,0.06",
    )  # fmt: skip
    graph.attr(
        "edge", color=palette.line, fontname=FONT, fontsize=f"{sizes.EDGE_TEXT:g}", fontcolor=palette.local,
        penwidth="1", arrowsize="0.6",
    )  # fmt: skip
    _add_nodes(graph, picture, palette)
    if 1 < len(picture.inputs) <= sizes.COLUMN_INPUTS and len(picture.nodes) <= sizes.COLUMN_GATES:
        with graph.subgraph() as column:
            column.attr(rank="source")
            for name in picture.inputs:
                column.node(name)
    frames = {node.id: node.frame for node in picture.nodes}
    for arrow in picture.arrows:
        if arrow.id not in without:
            inside = {"weight": _CLOSE} if frames[arrow.tail] == frames[arrow.head] != "" else {}
            graph.edge(arrow.tail, arrow.head, **_arrow_attributes(arrow, palette), **inside)
    return str(graph.source)


def _add_nodes(graph: graphviz.Digraph, picture: Picture, palette: Palette) -> None:
    """Nodes, those of a frame in a cluster."""
    inside = [graph]
    for frame, node in nested(picture.frames, [(node.frame, node) for node in picture.nodes]):
        if frame is not None:
            inside.append(graphviz.Digraph(cluster(frame), graph_attr=_frame_attributes(frame, palette)))
        elif node is not None:
            inside[-1].node(node.id, label(node), **_node_attributes(node, palette))
        else:
            closed = inside.pop()
            inside[-1].subgraph(closed)


def cluster(frame: Frame) -> str:
    """Its name; Graphviz frames what begins so."""
    return f"cluster_{frame.id}"


def _frame_attributes(frame: Frame, palette: Palette) -> dict[str, str]:
    caption = graphviz.nohtml(f"{_SPACE}{_escape(frame.caption)}{_SPACE}")
    return {
        "label": caption, "labelloc": "t", "labeljust": "l", "style": "rounded", "color": palette.frame,
        "penwidth": "1", "margin": f"{sizes.FRAME_MARGIN}",
        "fontsize": f"{sizes.CAPTION_TEXT:g}", "fontcolor": palette.muted,
    }  # fmt: skip


def _graph_attributes(picture: Picture, palette: Palette, rankdir: str) -> dict[str, str]:
    degrees = Counter(arrow.head for arrow in picture.arrows), Counter(arrow.tail for arrow in picture.arrows)
    crowded = max((most for degree in degrees for most in degree.values()), default=0) - 3
    base, most = 0.4 if rankdir == "LR" else 0.3, 1.0 if len(picture.nodes) <= sizes.LABELLED else 0.5
    attributes = {
        "rankdir": rankdir, "nodesep": "0.22", "ranksep": f"{min(most, base + 0.3 * max(0, crowded)):g}", "pad": "0.12",
        "bgcolor": palette.page, "fontname": FONT,
    }  # fmt: skip
    if picture.frames and len(picture.nodes) <= sizes.LABELLED:
        attributes["newrank"] = "true"  # else Graphviz lets edges between frames run backwards; of many it is slow
    elif len(picture.nodes) <= sizes.ORDERED:
        attributes["ordering"] = "in"
    if len(picture.nodes) > sizes.LABELLED:
        attributes |= _QUICK if len(picture.nodes) <= sizes.NUMBERED else _QUICKEST
    return attributes


def _escape(text: str) -> str:
    """Text for a label: no escape sequence of DOT, no line break, and spaces that stay."""
    escaped: str = graphviz.escape(text.replace(" ", _SPACE))
    return escaped


def heading(node: Node) -> str:
    return f"{node.operation}  {node.stage}" if node.stage else node.operation


def label(node: Node) -> str:
    """The lines of a node. The heading is padded, since bold letters are wider than the layout knows."""
    head = heading(node)
    pad = "" if node.kind == "constant" else _SPACE * max(1, ceil(0.12 * len(head)))
    lines = [pad + _escape(head) + pad or _SPACE, *(_escape(line.room) for line in node.lines)]
    joined: str = graphviz.nohtml("\\n".join(lines))  # text in angle brackets is text
    return joined


def _node_attributes(node: Node, palette: Palette) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if node.kind == "input":
        attributes = {"style": "rounded,filled", "fillcolor": palette.input, "margin": "0.13,0.06"}
    elif node.kind == "constant":
        attributes = {
            "style": "filled,dashed", "margin": "0.06,0.03", "width": "0.25", "height": "0.22",
            "fontsize": f"{sizes.CONSTANT_TEXT:g}", "fontcolor": palette.muted,
        }  # fmt: skip
    elif node.kind == "folded":
        attributes = {"fillcolor": palette.folded}
    if node.is_output:
        attributes |= {"peripheries": "2", "color": palette.ink}
    if node.mark:
        line, fill = (palette.warn, palette.warn_fill) if node.mark == "warn" else (palette.bad, palette.bad_fill)
        attributes |= {"color": line, "fillcolor": fill, "penwidth": "2"}
    return attributes


def _arrow_attributes(arrow: Arrow, palette: Palette) -> dict[str, str]:
    attributes = {"id": arrow.id}
    if arrow.lines:
        attributes["label"] = "\\n".join(f"{_SPACE * 2}{_escape(line.room)}{_SPACE * 2}" for line in arrow.lines)
    if arrow.kind == "inactive":
        attributes["style"] = "dotted"
    elif arrow.kind == "zero":
        attributes["style"] = "dashed"
    elif arrow.kind == "nan":
        attributes["color"] = palette.bad
    elif arrow.heat is not None:
        attributes |= {"color": heat_color(palette, arrow.heat), "penwidth": f"{heat_width(arrow.heat):g}"}
    return attributes

"""A Picture as a Mermaid flowchart, for Markdown pages that draw them: the same lines as text, colours by class."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.render.picture.dot import heading
from gradcli.render.picture.framing import Frame, nested
from gradcli.render.picture.palette import LIGHT
from gradcli.render.picture.parts import Arrow, Line, Node, Picture

# Mermaid reads labels as HTML, $$ as mathematics and %% as its own settings; it knows entity codes with a number sign,
# #35; for #.
_ESCAPES = {ord(c): f"#{ord(c)};" for c in '"#&<>`[]{}()|;\\%$'}
_ESCAPES[ord(" ")] = "\u00a0"


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _joined(head: str, lines: tuple[Line, ...]) -> str:
    return "<br>".join(_escape(text) for text in (head, *(line.text for line in lines)) if text)


def _node(node: Node) -> str:
    label = _joined(heading(node), node.lines)
    shape = f'("{label}")' if node.kind == "input" else f'["{label}"]'
    if node.is_output:
        shape = f'[["{label}"]]'
    return f"{node.id}{shape}:::{node.mark or node.kind}"


def _nodes(picture: Picture) -> Iterator[str]:
    """Nodes, those of a frame in a subgraph."""
    depth = 1
    for frame, node in nested(picture.frames, [(node.frame, node) for node in picture.nodes]):
        if frame is None and node is None:
            depth -= 1
        yield "  " * depth + (_begin(frame) if frame is not None else _node(node) if node is not None else "end") + "\n"
        if frame is not None:
            depth += 1


def _begin(frame: Frame) -> str:
    return f'subgraph {frame.id}["{_escape(frame.caption)}"]'


def _arrow(arrow: Arrow) -> str:
    stroke = "-.->" if arrow.kind in ("inactive", "zero") else "-->"
    label = f'|"{_joined("", arrow.lines)}"|' if arrow.lines else ""
    return f"  {arrow.tail} {stroke}{label} {arrow.head}\n"


def render(picture: Picture, rankdir: str) -> str:
    """The flowchart. rankdir is LR or TB."""
    p = LIGHT
    parts = [f"flowchart {rankdir}\n", *_nodes(picture), *map(_arrow, picture.arrows)]
    parts.append(f"  classDef input fill:{p.input},stroke:{p.line},color:{p.ink}\n")
    parts.append(f"  classDef gate fill:{p.gate},stroke:{p.line},color:{p.ink}\n")
    parts.append(f"  classDef constant fill:{p.gate},stroke:{p.line},color:{p.muted},stroke-dasharray:3\n")
    parts.append(f"  classDef warn fill:{p.warn_fill},stroke:{p.warn},color:{p.ink}\n")
    parts.append(f"  classDef bad fill:{p.bad_fill},stroke:{p.bad},color:{p.ink}\n")
    if any(node.kind == "folded" for node in picture.nodes):
        parts.append(f"  classDef folded fill:{p.folded},stroke:{p.line},color:{p.ink}\n")
    if picture.frames:
        parts.append(f"  classDef frame fill:none,stroke:{p.line},stroke-width:0.5px\n")
        parts.append(f"  class {','.join(frame.id for frame in picture.frames)} frame\n")
    return "".join(parts)

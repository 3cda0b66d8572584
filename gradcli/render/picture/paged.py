"""A Picture as SVG for a page: bare shapes, with ids and attributes by which scripts and style sheets find them.

Enters: the Picture and Graphviz's SVG of it. Leaves: an SVG without colours, fonts and tooltips, which the page
brings. Invariant: every text that changes is marked, and has room for whatever it may become.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from xml.etree import ElementTree

from gradcli.render.picture import placing, sizes
from gradcli.render.picture.dot import cluster
from gradcli.render.picture.framing import Frame
from gradcli.render.picture.palette import LIGHT
from gradcli.render.picture.parts import Arrow, Line, Node, Picture
from gradcli.render.picture.placing import Box
from gradcli.render.picture.svg import Drawing, Element, Style, element, is_sign

CHANGING = ("value", "gradient", "local", "contribution", "small")  # kinds of lines; the small ones are shapes
_BELOW = 4.5  # from a baseline to the heat maps


def render(picture: Picture, drawn: str, style: Style) -> str:
    """The SVG text."""
    return _Paged(picture, drawn, style, LIGHT).render()


def _number(x: float) -> str:
    """A coordinate, as short as can be."""
    return f"{x:.1f}".removesuffix(".0")


def _points(written: str) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in placing.numbers(written))


def _path(written: str) -> str:
    """A path of cubic Béziers."""
    first, _, rest = _points(written).partition(" ")
    return f"M{first}C{rest}"


def _shape(drawn: Element) -> dict[str, str]:
    path = drawn.get("d")
    return {"points": _points(drawn.get("points") or "")} if path is None else {"d": _path(path)}


def _rect(box: Box, **attributes: str) -> Element:
    size = {"width": _number(box.right - box.left), "height": _number(box.bottom - box.top)}
    return element("rect", **attributes, x=_number(box.left), y=_number(box.top), **size)


def _text(line: Line, x: float, y: float) -> Element:
    kind = {"data_line": line.kind} if line.kind in CHANGING else {"class_": line.kind}
    return element("text", line.text, **kind, x=_number(x), y=_number(y))


class _Paged(Drawing):
    def render(self) -> str:
        nodes = [self._node(node) for node in self.picture.nodes]
        body = element("g", class_="graph")
        captions = element("g", class_="captions")
        body.extend(self._frame(frame, captions) for frame in self.picture.frames)
        body.extend(self._edge(arrow) for arrow in self.picture.arrows)
        body.extend(nodes)
        body.append(captions)
        body.append(self._labels())
        box = Box.around_all(self.boxes).around(sizes.MARGIN)
        left, top = floor(box.left), floor(box.top)
        width, height = str(ceil(box.right) - left), str(ceil(box.bottom) - top)
        root = element("svg", xmlns="http://www.w3.org/2000/svg", width=width, height=height)
        root.set("viewBox", f"{left} {top} {width} {height}")
        root.attrib |= {"class": "gradcli-graph", "role": "group", "aria-label": self.picture.title}
        root.append(body)
        for group in body:
            group.tail = "\n"
        written = ElementTree.tostring(root, encoding="unicode")
        return written.replace(" />", "/>") + "\n"  # a > of a text is &gt; there

    def _node(self, node: Node) -> Element:
        drawn = self.nodes[node.id]
        group = element("g", id=node.id, class_=" ".join(["node", node.kind, *(["output"] if node.is_output else [])]))
        found = []
        for part in drawn:
            if part.tag in ("path", "polygon"):
                found.append(Box.of(placing.numbers(part.get("d") or part.get("points") or "")))
                group.append(_rect(found[-1], class_="ring" if part.get("fill") == "none" else "box"))
        place = self.places[node.id] = Box.around_all(found)
        self._keep(place, solid=True)
        kinds = [line.kind for line in node.lines]
        baseline = 0.0
        for line, text in zip([None, *node.lines], drawn.findall("text"), strict=True):
            x, y = float(text.get("x", 0)), float(text.get("y", 0))
            if line is None:
                group.append(self._head(node, x, y))
            elif line.kind != "map":
                group.append(_text(line, x, y))
            if line is None or line.kind != "map":
                baseline = y
        if "map" in kinds:
            names = [name for name in ("value", "gradient") if name in kinds]
            group.extend(_maps(names, (place.left + place.right) / 2, baseline + _BELOW))
        return group

    def _head(self, node: Node, x: float, y: float) -> Element:
        if node.kind == "constant":
            return _text(Line("head", node.operation), x, y)
        text = element("text", class_="head", x=_number(x), y=_number(y))
        kind = "name" if node.kind == "input" else "op sign" if is_sign(node) else "op"
        text.append(element("tspan", node.operation, class_=kind))
        if node.stage:
            text[0].tail = "\xa0"  # not dx, which some zooms lose
            text.append(element("tspan", node.stage, class_="stage"))
        return text

    def _frame(self, frame: Frame, captions: Element) -> Element:
        drawn = self.frames[cluster(frame)]
        group = element("g", id=frame.id, class_="frame")
        for part in drawn:
            if part.tag in ("path", "polygon"):
                part.tail = None
                self._keep(Box.of(placing.numbers(part.get("d") or part.get("points") or "")))
                group.append(element(part.tag, class_="outline", **_shape(part)))
        x, y, box = self._caption_place(frame)
        self._keep(box, solid=True)
        caption = element("g", class_="caption", data_frame=frame.id)
        caption.append(_rect(box, class_="plate"))
        caption.append(element("text", frame.caption, x=_number(x), y=_number(y)))
        captions.append(caption)
        return group

    def _edge(self, arrow: Arrow) -> Element:
        path, points, _ = self._course(arrow)
        group = element("g", id=arrow.id, class_=" ".join(["edge", *([arrow.kind] if arrow.kind else [])]))
        group.append(element("path", class_="line", d=_path(path)))
        group.append(element("polygon", class_="tip", points=_points(points)))
        self._keep(Box.of(placing.numbers(path)))
        self._keep(Box.of(placing.numbers(points)), solid=True)
        return group

    def _label(self, arrow: Arrow, box: Box) -> Element:
        """The plate is as wide as there is room; scripts fit it to its text."""
        self._keep(box)
        part = element("g", class_="edge-label", data_edge=arrow.id)
        part.append(_rect(box, class_="plate"))
        x = (box.left + box.right) / 2
        for row, line in enumerate(arrow.lines):
            part.append(_text(line, x, box.top + sizes.ASCENT + row * sizes.LINE_HEIGHT))
        part.tail = "\n"
        return part


def _maps(names: Sequence[str], x: float, top: float) -> list[Element]:
    """Empty places for heat maps, side by side."""
    step = sizes.MAP_WIDE + sizes.MAP_GAP
    left = x - (len(names) * step - sizes.MAP_GAP) / 2
    lefts = [left + step * position for position in range(len(names))]
    boxes = [Box(one, top, one + sizes.MAP_WIDE, top + sizes.MAP_HIGH) for one in lefts]
    return [_rect(box, class_="map", data_map=name) for name, box in zip(names, boxes, strict=True)]

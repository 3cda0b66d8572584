"""A Picture as SVG: Graphviz's drawing, rewritten with classes, colours, tooltips and labels that sit in their lines.

Enters: the Picture and Graphviz's SVG of it. Leaves: a self-contained SVG without links, scripts, fonts or images from
elsewhere. Invariant: every node and edge of the Picture is found by its id; the light colours are plain attributes, so
that a renderer that ignores media queries draws the light picture.
"""

from __future__ import annotations

from math import ceil, floor
from typing import NamedTuple
from xml.etree import ElementTree

from gradcli.render.picture import far, placing, sizes
from gradcli.render.picture.dot import cluster
from gradcli.render.picture.framing import Frame
from gradcli.render.picture.palette import DARK, LIGHT, Palette, heat_color, heat_width, text_colors
from gradcli.render.picture.parts import Arrow, Line, Node, Picture
from gradcli.render.picture.style import dark_style

Element = ElementTree.Element

FONTS = "'DejaVu Sans', Verdana, 'Bitstream Vera Sans', sans-serif"
_BOLD = ("name", "op", "bad")
_ROWS_UP = 3.2  # from the baselines of a label to its middle


class Style(NamedTuple):
    """How the picture looks. theme: auto follows the reader's system; light and dark are fixed."""

    theme: str = "auto"
    legend: bool = True
    upright: bool = False  # top to bottom
    prefix: str = ""  # of ids, where several pictures share a page


def render(picture: Picture, drawn: str, style: Style) -> str:
    """The SVG text."""
    return Drawing(picture, drawn, style, DARK if style.theme == "dark" else LIGHT).render()


def element(tag: str, text: str = "", **attributes: str) -> Element:
    element = ElementTree.Element(tag, {name.rstrip("_").replace("_", "-"): set_ for name, set_ in attributes.items()})
    element.text = text or None
    return element


def _plain(element: Element) -> Element:
    """The tree without namespaces; the root declares the only one."""
    for part in element.iter():
        part.tag = part.tag.rpartition("}")[2]
    return element


def _middle(texts: list[Element]) -> placing.Point:
    """Where Graphviz put a label."""
    xs, ys = zip(*((float(text.get("x", 0)), float(text.get("y", 0))) for text in texts), strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys) - _ROWS_UP


def _has_groups(picture: Picture) -> bool:
    """Whether it needs the styles of frames, folded nodes and arrays; most pictures do not."""
    written = [*(node.lines for node in picture.nodes), *(arrow.lines for arrow in picture.arrows)]
    return bool(picture.frames) or any(line.kind in ("small", "count") for lines in written for line in lines)


def _plate(box: placing.Box, palette: Palette) -> Element:
    """What breaks a line behind text."""
    size = {"width": f"{box.right - box.left:.1f}", "height": f"{box.bottom - box.top:.1f}"}
    corner = {"x": f"{box.left:.1f}", "y": f"{box.top:.1f}", "rx": "3"}
    return element("rect", class_="plate", fill=palette.page, fill_opacity="0.88", **corner, **size)


def _size(node: Node, line: Line | None) -> float:
    """The size of a line's letters; None is the heading."""
    if line is not None and line.text.startswith("⚠"):
        return sizes.WARNING_TEXT
    if line is not None and line.kind == "small":
        return sizes.SMALL_TEXT
    return sizes.CONSTANT_TEXT if node.kind == "constant" else sizes.NODE_TEXT


def is_sign(node: Node) -> bool:
    """Whether its operation is a sign, which is written larger."""
    return node.kind == "gate" and (len(node.operation) == 1 or not node.operation[0].isalpha())


class Drawing:
    def __init__(self, picture: Picture, drawn: str, style: Style, palette: Palette) -> None:
        self.picture, self.style, self.palette = picture, style, palette
        self.colors = text_colors(palette)
        groups = _plain(ElementTree.fromstring(drawn)).findall("./g/g")
        self.nodes = {group.findtext("title", ""): group for group in groups if group.get("class") == "node"}
        self.edges = {group.get("id", ""): group for group in groups if group.get("class") == "edge"}
        self.frames = {group.findtext("title", ""): group for group in groups if group.get("class") == "cluster"}
        self.places: dict[str, placing.Box] = {}  # of nodes
        self.boxes: list[placing.Box] = []  # of everything
        self.solid: list[placing.Box] = []  # what a label must not touch

    def render(self) -> str:
        nodes = [self._node(node) for node in self.picture.nodes]
        body = element("g", class_="graph", font_family=FONTS, text_rendering="geometricPrecision")
        background = element("rect", class_="bg", fill=self.palette.page)
        body.append(background)
        captions = element("g", class_="captions")
        body.extend(self._frame(frame, captions) for frame in self.picture.frames)
        body.extend(self._edge(arrow) for arrow in self.picture.arrows)
        body.extend(nodes)
        if self.picture.frames:
            body.append(captions)
        body.append(self._labels())
        if self.style.legend and self.picture.legend:
            body.append(self._legend())
        return self._document(body, background)

    def _document(self, body: Element, background: Element) -> str:
        box = placing.Box.around_all(self.boxes).around(sizes.MARGIN)
        # Whole pixels: half of one at an edge would show the page behind a dark picture.
        left, top = floor(box.left), floor(box.top)
        size = {"width": str(ceil(box.right) - left), "height": str(ceil(box.bottom) - top)}
        background.attrib |= {"x": str(left), "y": str(top), **size}
        ids = f"{self.style.prefix}gradcli-title", f"{self.style.prefix}gradcli-desc"
        root = element("svg", xmlns="http://www.w3.org/2000/svg", width=size["width"], height=size["height"])
        root.set("viewBox", f"{left} {top} {size['width']} {size['height']}")
        root.attrib |= {"class": "gradcli-graph", "role": "img", "aria-labelledby": " ".join(ids)}
        root.set("style", "max-width:100%;height:auto")
        root.append(element("title", self.picture.title, id=ids[0]))
        root.append(element("desc", self.picture.description, id=ids[1]))
        if self.style.theme == "auto":
            root.append(element("style", dark_style(_has_groups(self.picture))))
        root.append(body)
        for group in body:
            group.tail = "\n"
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def _text(self, line: Line, x: float, y: float, size: float) -> Element:
        bold = {"font_weight": "bold"} if line.kind in _BOLD else {}
        where = {"x": f"{x:.1f}", "y": f"{y:.1f}", "font_size": f"{size:g}", "text_anchor": "middle"}
        return element("text", line.text, class_=line.kind, fill=self.colors[line.kind], **where, **bold)

    def _node(self, node: Node) -> Element:
        drawn = self.nodes[node.id]
        classes = ["node", node.kind, *(["output"] if node.is_output else []), *([node.mark] if node.mark else [])]
        group = element("g", id=self.style.prefix + node.id, class_=" ".join(classes))
        group.append(element("title", node.tooltip))
        found = []
        for part in drawn:
            if part.tag in ("path", "polygon"):
                part.tail = None
                part.set("class", "ring" if part.get("fill") == "none" else "box")
                part.set("stroke-linejoin", "round")
                found.append(placing.Box.of(placing.numbers(part.get("d") or part.get("points") or "")))
                group.append(part)
        self.places[node.id] = placing.Box.around_all(found)
        self._keep(self.places[node.id], solid=True)
        for line, text in zip([None, *node.lines], drawn.findall("text"), strict=True):
            x, y, size = float(text.get("x", 0)), float(text.get("y", 0)), _size(node, line)
            group.append(self._heading(node, x, y, size) if line is None else self._text(line, x, y, size))
        return group

    def _heading(self, node: Node, x: float, y: float, size: float) -> Element:
        if node.kind == "constant":
            return self._text(Line("constant", node.operation), x, y, size)
        kind = "name" if node.kind == "input" else "op"
        text = element("text", class_="head", x=f"{x:.1f}", y=f"{y:.1f}", font_size=f"{size:g}", text_anchor="middle")
        large = {"font_size": f"{sizes.GLYPH_TEXT:g}"} if is_sign(node) else {}
        ink = self.colors[kind]
        text.append(element("tspan", node.operation, class_=kind, font_weight="bold", fill=ink, **large))
        if node.stage:
            text.append(element("tspan", node.stage, class_="stage", font_style="italic", dx="5", fill=ink))
        return text

    def _frame(self, frame: Frame, captions: Element) -> Element:
        """A frame, under everything; its caption stands on a plate above the edges that may cross it."""
        drawn = self.frames[cluster(frame)]
        group = element("g", id=self.style.prefix + frame.id, class_="frame")
        group.append(element("title", frame.tooltip))
        for part in drawn:
            if part.tag in ("path", "polygon"):
                part.tail = None
                part.attrib |= {"class": "outline", "fill": "none"}
                self._keep(placing.Box.of(placing.numbers(part.get("d") or part.get("points") or "")))
                group.append(part)
        x, y, box = self._caption_place(frame)
        self._keep(box, solid=True)
        captions.append(_plate(box, self.palette))
        captions.append(self._text(Line("caption", frame.caption), x, y, sizes.CAPTION_TEXT))
        return group

    def _caption_place(self, frame: Frame) -> tuple[float, float, placing.Box]:
        x, y = (float(self.frames[cluster(frame)].find("text").get(name, 0)) for name in "xy")  # type: ignore[union-attr]
        half = placing.text_width(frame.caption, sizes.CAPTION_TEXT) / 2
        return x, y, placing.Box(x - half, y - sizes.CAPTION_TEXT, x + half, y + 3)

    def _keep(self, box: placing.Box, solid: bool = False) -> None:
        self.boxes.append(box)
        if solid:
            self.solid.append(box)

    def _edge(self, arrow: Arrow) -> Element:
        path, points, dashes = self._course(arrow)
        stroke = {"stroke": self._stroke(arrow)} | ({"stroke_dasharray": dashes} if dashes else {})
        hot = arrow.heat is not None and arrow.kind == ""
        if hot and arrow.heat:
            stroke["stroke_width"] = f"{heat_width(arrow.heat):g}"
        classes = ["edge", *([arrow.kind] if arrow.kind else []), *([f"heat-{arrow.heat}"] if hot else [])]
        group = element("g", id=self.style.prefix + arrow.id, class_=" ".join(classes))
        group.append(element("title", arrow.tooltip))
        group.append(element("path", class_="line", d=path, fill="none", **stroke))
        color = self._stroke(arrow)
        group.append(element("polygon", class_="tip", points=points, fill=color, stroke=color))
        self._keep(placing.Box.of(placing.numbers(path)))
        self._keep(placing.Box.of(placing.numbers(points)), solid=True)
        return group

    def _course(self, arrow: Arrow) -> tuple[str, str, str]:
        """The path of a line, the points of its arrowhead, its dashes: Graphviz's, else ours."""
        drawn = self.edges.get(arrow.id)
        line, tip = (None, None) if drawn is None else (drawn.find("path"), drawn.find("polygon"))
        if line is not None and tip is not None:
            return line.get("d", ""), tip.get("points", ""), line.get("stroke-dasharray", "")
        path, points = far.course(self.places[arrow.tail], self.places[arrow.head], self.style.upright)
        return path, points, {"inactive": "1,5", "zero": "5,2"}.get(arrow.kind, "")

    def _stroke(self, arrow: Arrow) -> str:
        if arrow.heat is not None and arrow.kind == "":
            return heat_color(self.palette, arrow.heat)
        return self.palette.bad if arrow.kind == "nan" else self.palette.line

    def _labels(self) -> Element:
        """The last group: every label on a plate that breaks its line."""
        group = element("g", class_="labels")
        arrows = [arrow for arrow in self.picture.arrows if arrow.lines]
        if not arrows:
            return group
        curves = [placing.sampled(self._course(arrow)[0]) for arrow in self.picture.arrows]
        positions = {arrow.id: position for position, arrow in enumerate(self.picture.arrows)}
        labels = []
        for arrow in arrows:
            width = max(placing.text_width(line.room, sizes.EDGE_TEXT) for line in arrow.lines) + 5.0
            centre = _middle(self.edges[arrow.id].findall("text"))
            labels.append(placing.Label(positions[arrow.id], centre, width, len(arrow.lines) * sizes.LINE_HEIGHT))
        centres = placing.place(curves, labels, self.solid, self.style.upright)
        for arrow, label, centre in zip(arrows, labels, centres, strict=True):
            group.append(self._label(arrow, label.at(*centre)))
        return group

    def _label(self, arrow: Arrow, box: placing.Box) -> Element:
        self._keep(box)
        part = element("g", class_="edge-label")
        part.append(element("title", arrow.tooltip))
        part.append(_plate(box, self.palette))
        x = (box.left + box.right) / 2
        for row, line in enumerate(arrow.lines):
            part.append(self._text(line, x, box.top + sizes.ASCENT + row * sizes.LINE_HEIGHT, sizes.EDGE_TEXT))
        part.tail = "\n"
        return part

    def _legend(self) -> Element:
        drawn = placing.Box.around_all(self.boxes)
        below, width = drawn.bottom + 20, 0.0
        place = {"x": f"{drawn.left:.1f}", "y": f"{below:.1f}", "font_size": f"{sizes.LEGEND_TEXT:g}"}
        text = element("text", class_="legend", **place)
        for position, line in enumerate(self.picture.legend):
            gap = 0 if position == 0 else 4 if line.text.startswith("=") else 26 if line.text.startswith("on ") else 12
            text.append(element("tspan", line.text, class_=line.kind, fill=self.colors[line.kind], dx=str(gap)))
            width += gap + placing.text_width(line.text, sizes.LEGEND_TEXT)
        self._keep(placing.Box(drawn.left, below - 8, drawn.left + width, below + 3))
        return text

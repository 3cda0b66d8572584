r"""A picture as TikZ, for papers: the places of the SVG, formulas and numbers as LaTeX.

Enters: a graph and its traces. Leaves: a `tikzpicture` to \input, or a whole document. Invariant: it needs the package
tikz and none of its libraries; there is one \node per node and one \draw per arrow; nothing of the user's is a command.
The page is that of the SVG in points of 1/72 inch; letters are those of the document around it, a size smaller than the
layout reckons with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import hypot
from xml.etree import ElementTree

from gradcli.graph import typeset
from gradcli.graph.graph import Graph
from gradcli.numeric import latex
from gradcli.render.picture import placing, sizes, svg
from gradcli.render.picture.formats import laid_out
from gradcli.render.picture.palette import DARK, LIGHT, Palette, heat_width
from gradcli.render.picture.parts import Arrow, Drawn, Line, Node, Options, Picture
from gradcli.traces import Trace

Element = ElementTree.Element

_SMALL_TEXT, _SIGN_TEXT = 8, 12  # sizes of letters; those of others are in _STYLES
_MITRE = 1.5  # by which the outline of an arrowhead in the SVG is longer than the head
_COLORS = {
    "name": "ink", "op": "ink", "stage": "ink", "value": "value", "gradient": "gradient", "local": "local",
    "rule": "local", "contribution": "gradient", "warn": "warn", "bad": "bad",
}  # fmt: skip
_STYLES = """    gradcli node/.style={draw=gradcliline, fill=gradcligate, line width=0.6bp, inner sep=0bp, align=center,
      text=gradcliink, font=\\fontsize{10}{12}\\selectfont},
    gradcli gate/.style={gradcli node},
    gradcli input/.style={gradcli node, rounded corners=5bp, fill=gradcliinput},
    gradcli constant/.style={gradcli node, dashed, text=gradclimuted},
    gradcli folded/.style={gradcli node, fill=gradclifolded},
    gradcli output/.style={draw=gradcliink, line width=0.8bp, double=gradclipage,
      double distance=1.8bp},
    gradcli warn/.style={draw=gradcliwarn, fill=gradcliwarnfill, line width=1.2bp},
    gradcli bad/.style={draw=gradclibad, fill=gradclibadfill, line width=1.2bp},
    gradcli edge/.style={draw=gradcliline, line width=0.6bp, -latex},
    gradcli inactive/.style={dotted},
    gradcli zero/.style={dashed},
    gradcli nan/.style={draw=gradclibad},
    gradcli label/.style={fill=gradclipage, inner sep=1bp, align=center, font=\\fontsize{8}{9.5}\\selectfont},
    gradcli frame/.style={draw=gradcliframe, line width=0.6bp, rounded corners=5bp},
    gradcli caption/.style={gradcli label, text=gradclimuted},
"""
_DOCUMENT = r"""\documentclass{article}
\usepackage[paperwidth=%dbp,paperheight=%dbp,margin=0bp]{geometry}
\usepackage{tikz}
\pagestyle{empty}
\setlength{\parindent}{0bp}
\setlength{\topskip}{0bp}
\begin{document}
%s\end{document}
"""
_USE = r"""% \usepackage{tikz} in the preamble, then \input this file; to fit it into a column:
% \resizebox{\columnwidth}{!}{\input{graph}}
"""
_OTHER_LETTERS = "% It has letters that pdfLaTeX does not know: LuaLaTeX or XeLaTeX with a font that has them does.\n"


def as_tikz(graph: Graph, traces: Sequence[Trace], options: Options) -> Drawn:
    """The text."""
    laid = laid_out(graph, traces, options)
    theme = "light" if options.theme == "auto" else options.theme
    style = svg.Style(theme, options.legend, laid.rankdir == "TB")
    drawn = ElementTree.fromstring(svg.render(laid.picture, laid.drawn, style))
    made = _Tikz(graph, bool(traces), laid.picture, drawn, DARK if theme == "dark" else LIGHT)
    text = "".join(made.lines(options.legend))
    width, height = made.width, made.height
    document = _DOCUMENT % (width + 1, height + 1, text) if options.standalone else _USE + text
    others = _OTHER_LETTERS if any(letter > "\u017f" for letter in text) else ""
    return Drawn(others + document, laid.picture.note)


class _Tikz:
    """What is written of one picture. Places are the SVG's, with the origin at the lower left corner."""

    def __init__(self, graph: Graph, with_values: bool, picture: Picture, drawn: Element, palette: Palette) -> None:
        self.graph, self.with_values, self.picture, self.palette = graph, with_values, picture, palette
        for part in drawn.iter():
            part.tag = part.tag.rpartition("}")[2]
        self.left, self.top, self.width, self.height = (int(n) for n in drawn.get("viewBox", "").split())
        body = next(group for group in drawn if group.tag == "g")
        groups = [(part.get("class", "").partition(" ")[0], part) for part in body]
        self.parts = {part.get("id", ""): part for _, part in groups}
        self.labels = [label for kind, part in groups if kind == "labels" for label in part]
        self.captions = [text for kind, part in groups if kind == "captions" for text in part if text.tag == "text"]
        self.legend = next((part for kind, part in groups if kind == "legend"), None)

    def lines(self, legend: bool) -> Iterator[str]:
        yield "\\begin{tikzpicture}[x=1bp, y=1bp,\n" + _STYLES + "  ]\n"
        for name, color in self.palette._asdict().items():
            yield f"  \\definecolor{{gradcli{name.replace('_', '')}}}{{HTML}}{{{color[1:].upper()}}}\n"
        fill = "" if self.palette is LIGHT else "fill=gradclipage, "
        yield f"  \\path[{fill}use as bounding box] (0,0) rectangle ({self.width},{self.height});\n"
        for frame in self.picture.frames:
            box = _box(self.parts[frame.id])
            corners = self._place(box.left, box.bottom), self._place(box.right, box.top)
            yield f"  \\path[gradcli frame] {corners[0]} rectangle {corners[1]};\n"
        yield from map(self._edge, self.picture.arrows)
        yield from map(self._node, self.picture.nodes)
        for frame, caption in zip(self.picture.frames, self.captions, strict=True):
            place = self._place(float(caption.get("x", 0)), float(caption.get("y", 0)) - 3)
            yield f"  \\path {place} node[gradcli caption] {{{words(frame.caption)}}};\n"
        labelled = [arrow for arrow in self.picture.arrows if arrow.lines]
        for arrow, label in zip(labelled, self.labels, strict=True):
            yield self._label(arrow, label)
        if legend and self.legend is not None:
            yield self._legend(self.legend)
        yield "\\end{tikzpicture}\n"

    def _place(self, x: float, y: float) -> str:
        return f"({x - self.left:.1f},{self.top + self.height - y:.1f})"

    def _edge(self, arrow: Arrow) -> str:
        group = self.parts[arrow.id]
        line, tip = group.find("path"), group.find("polygon")
        points = placing.numbers("" if line is None else line.get("d", ""))
        points[-1] = _apex(placing.numbers("" if tip is None else tip.get("points", "")))
        styles = ["gradcli edge", *([f"gradcli {arrow.kind}"] if arrow.kind else [])]
        if arrow.heat and not arrow.kind:
            share = round(100 * arrow.heat / sizes.HEAT_LEVELS)
            styles.append(f"draw=gradcligradient!{share}!gradcliline, line width={0.6 * heat_width(arrow.heat):.2g}bp")
        places = [self._place(*point) for point in points]
        course = "".join(
            f" .. controls {places[i]} and {places[i + 1]} .. {places[i + 2]}" for i in range(1, len(places) - 2, 3)
        )
        return f"  \\draw[{', '.join(styles)}] {places[0]}{course};\n"

    def _node(self, node: Node) -> str:
        box = _box(self.parts[node.id])
        edge = 2.6 if node.is_output else 0.0  # the double line stands around its own middle
        styles = [f"gradcli {node.kind}", *(["gradcli output"] if node.is_output else [])]
        styles += [f"gradcli {node.mark}"] if node.mark else []
        width, height = box.right - box.left - edge, box.bottom - box.top - edge
        styles += [f"minimum width={width:.1f}bp", f"minimum height={height:.1f}bp"]
        place = self._place((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        lines = [
            self._heading(node),
            *(_line(line, small=line.kind in ("small", "warn", "bad")) for line in node.lines),
        ]
        return f"  \\node[{', '.join(styles)}] ({node.id}) at {place} {{{' '.join(_broken(lines))}}};\n"

    def _heading(self, node: Node) -> str:
        index = int(node.id[1:]) if node.id[1:].isdecimal() and node.id[0] == "g" else None
        if node.kind == "constant" and index is not None and index not in self.graph.shapes:
            literal = self.graph.literals[index] or ""
            return f"${latex.number(literal).text}$" if len(literal) <= sizes.NAME else words(node.operation)
        if node.kind == "input":
            return name(node.operation)
        sign = _SIGNS.get(node.operation)
        head = f"\\textbf{{{words(node.operation)}}}"
        if sign is not None:
            head = f"{{\\fontsize{{{_SIGN_TEXT}}}{{{_SIGN_TEXT}}}\\selectfont ${sign}$}}"
        return f"{head} \\ {name(node.stage)}" if node.stage else head

    def _label(self, arrow: Arrow, label: Element) -> str:
        plate = label.find("rect")
        x, y, width, height = (float("" if plate is None else plate.get(n, 0)) for n in ("x", "y", "width", "height"))
        lines = [self._rule(arrow, line) or _line(line) for line in arrow.lines]
        place = self._place(x + width / 2, y + height / 2)
        return f"  \\path {place} node[gradcli label] {{{' '.join(_broken(lines))}}};\n"

    def _rule(self, arrow: Arrow, line: Line) -> str:
        """A symbolic local gradient or contribution as a formula, where there is room for it."""
        found = re.fullmatch("g([0-9]+)-([0-9]+)", arrow.id)
        if found is None or line.kind not in ("local", "rule") or line.text.endswith("…"):
            return ""
        index, position = int(found[1]), int(found[2])
        structural = self.graph.rows[self.graph.codes[index]].structural
        if self.with_values and not structural:
            return ""
        written = typeset.rule(self.graph, index, position).text
        if any(tall in written for tall in _TALL):
            return ""
        for of_amsmath, plain in _PLAIN.items():
            written = written.replace(of_amsmath, plain)
        return _colored("local", f"${'' if structural else _PARTIAL}{written}$")

    def _legend(self, drawn: Element) -> str:
        place = self._place(float(drawn.get("x", 0)), float(drawn.get("y", 0)))
        text = " \\quad ".join(_line(line) for line in self.picture.legend)
        style = "anchor=base west, inner sep=0bp, font=\\fontsize{8}{9.5}\\selectfont"
        return f"  \\path {place} node[{style}] {{{text}}};\n"


_PARTIAL = r"\partial\;"
_TALL = (r"\begin", r"\sum")
_PLAIN = {r"\operatorname{": r"\mathrm{", r"\text{": r"\textrm{", r"\tfrac": r"\frac"}  # without amsmath
_SIGNS = {
    "+": "+", "−": "-", "×": r"\times", "÷": r"\div", "−·": r"-\,\cdot", "√": r"\surd", "σ": r"\sigma", "<": "<",
    "≤": r"\le", ">": ">", "≥": r"\ge", "=": "=", "≠": r"\ne", "1": "1",
}  # fmt: skip
_PICTURED = {
    "←": r"\ensuremath{\leftarrow}", "↑": r"\ensuremath{\uparrow}", "⚠": r"\textbf{!}", "×": r"\ensuremath{\times}",
    "▸": r"\ensuremath{\triangleright}", "÷": r"\ensuremath{\div}",
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])(−?)(\d[\d,]*(?:\.\d+)?)(?:e(−?\d+))?(?!\w)|−∞")
_DERIVATIVE = re.compile(r"(= )?∂([^∂]+)/∂([^∂]+)")


def words(text: str) -> str:
    """Text with numbers: −1.2e−7 as mathematics, everything else escaped."""
    written, place = [], 0
    for found in _NUMBER.finditer(text):
        written += [_plain(text[place : found.start()]), _number(found)]
        place = found.end()
    return "".join([*written, _plain(text[place:])])


def _plain(text: str) -> str:
    return "".join(_PICTURED.get(sign) or latex.escaped(sign) for sign in text)


def _number(found: re.Match[str]) -> str:
    if found[2] is None:
        return r"$-\infty$"
    sign, digits = "-" if found[1] else "", found[2].replace(",", "{,}")
    power = "" if found[3] is None else rf" \cdot 10^{{{found[3].replace('−', '-')}}}"
    return f"${sign}{digits}{power}$"


def name(text: str) -> str:
    """A name as a picture shows it, ∂f/∂x too; one that was shortened stands as text."""
    if "…" in text:
        return f"\\textit{{{_plain(text)}}}"
    if found := _DERIVATIVE.fullmatch(text):
        before = "=\\," if found[1] else ""
        return f"${before}\\partial {latex.name(found[2]).text}/\\partial {latex.name(found[3]).text}$"
    return f"${latex.name(text).text}$"


def _line(line: Line, small: bool = False) -> str:
    is_name = line.kind == "small" and "∂" in line.text
    text = name(line.text) if is_name else words(line.text)
    if small:
        text = f"\\fontsize{{{_SMALL_TEXT}}}{{{_SMALL_TEXT}}}\\selectfont {text}"
    return _colored(line.kind, text)


def _colored(kind: str, text: str) -> str:
    return f"\\textcolor{{gradcli{_COLORS.get(kind, 'muted')}}}{{{text}}}"


def _broken(lines: Sequence[str]) -> list[str]:
    return [f"{line}\\\\" for line in lines[:-1]] + [*lines[-1:]]


def _apex(tip: Sequence[placing.Point]) -> placing.Point:
    """Where an arrow ends, with the outline of its head; TikZ makes the line shorter by the head itself."""
    (x0, y0), (x1, y1), (x2, y2) = tip[:3]
    along = x1 - (x0 + x2) / 2, y1 - (y0 + y2) / 2
    stretch = _MITRE / (hypot(*along) or 1.0)
    return x1 + stretch * along[0], y1 + stretch * along[1]


def _box(group: Element) -> placing.Box:
    """Around all outlines of a node or a frame."""
    shapes = [part.get("d") or part.get("points") or "" for part in group if part.tag in ("path", "polygon")]
    return placing.Box.of([point for shape in shapes for point in placing.numbers(shape)])

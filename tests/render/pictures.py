"""What the tests of pictures share: the samples, drawn, and boxes read back from an SVG."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from gradcli.api import evaluate
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.render.picture import Options, draw, picture
from gradcli.render.picture.picture import Picture
from gradcli.render.picture.selecting import select
from gradcli.traces import Trace

SAMPLES = Path(__file__).parents[2] / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.grad"))
SCALARS = [
    name
    for name in NAMES
    if not any(isinstance(value, list) for value in json.loads((SAMPLES / f"{name}.json").read_text("utf-8")).values())
]  # those without arrays
SVG = "{http://www.w3.org/2000/svg}"


@lru_cache
def sample(name: str) -> Trace:
    program = (SAMPLES / f"{name}.grad").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return evaluate(program, values)


def picture_of(*traces: Trace, upward: bool = False, heat: bool = False, **selection: Any) -> Picture:
    graph = traces[0].graph
    return picture.draw(graph, traces, select(graph, **selection), upward, heat)


def graph_of(program: str) -> Graph:
    return lower(parse(program))


def structure(program: str) -> tuple[Graph, Picture]:
    graph = graph_of(program)
    return graph, picture.draw(graph, (), select(graph))


def text(trace: Trace | Graph, format: str, **options: Any) -> str:
    graph, traces = (trace, []) if isinstance(trace, Graph) else (trace.graph, [trace])
    content = draw(graph, traces, format, Options(**options)).content
    assert isinstance(content, str)
    return content


@lru_cache
def svg_of(name: str) -> str:
    return text(sample(name), "svg")


class Rect(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Rect) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Rect) -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


def _rect(element: ElementTree.Element) -> Rect:
    if "width" in element.attrib:
        x, y, width, height = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
        return Rect(x, y, x + width, y + height)
    found = [float(number) for number in re.findall(r"-?[0-9.]+", element.get("d") or element.get("points") or "")]
    return Rect(min(found[::2]), min(found[1::2]), max(found[::2]), max(found[1::2]))


def rects(root: ElementTree.Element, kind: str) -> Iterator[Rect]:
    """The boxes of all shapes of a class."""
    for element in root.iter():
        if element.get("class") == kind:
            yield _rect(element)

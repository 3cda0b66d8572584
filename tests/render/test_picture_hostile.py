"""Names that no program can hold, but a graph built by hand can, and long ones: pictures keep them inert."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from grouped import grouped
from hostile import TEXTS, hidden
from hostile_graphs import PLACES, evaluated
from pictures import SVG, text

from gradcli.api import evaluate
from gradcli.graph import ops
from gradcli.printable import printable, shorten
from gradcli.render.picture import FORMATS, Options, draw, picture, sizes
from gradcli.render.picture.layout import lay_out
from gradcli.render.picture.selecting import select
from gradcli.traces import Trace

AS_TEXT = [name for name in FORMATS if name not in ("svg", "png", "tikz")]  # what needs no layout: one text at a time


class Token(NamedTuple):
    kind: str
    text: str


_TOKEN = re.compile(r'(?P<blank>\s+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<word>-?[A-Za-z0-9_.]+)|(?P<sign>->|[{}\[\]=,;])')


def tokens_of_dot(source: str) -> Iterator[Token]:
    """DOT as Graphviz's scanner cuts it: no HTML text, no comment, and every text is in quotes."""
    place = 0
    while place < len(source):
        found = _TOKEN.match(source, place)
        assert found is not None, source[place : place + 60]
        place = found.end()
        if found.lastgroup != "blank":
            yield Token(str(found.lastgroup), found[0])


def _dot(source: str) -> object:
    """All but the labels; these hold no escape but for the line feed, the quote and the backslash."""
    shape: list[str] = []
    for token in tokens_of_dot(source):
        if token.kind == "quoted":
            assert not re.search(r'[^n"\\]', "".join(re.findall(r"\\(.)", token.text))), token.text
        shape.append("" if shape[-2:] == ["label", "="] else token.text)
    assert {"URL", "href", "tooltip", "image", "target"}.isdisjoint(shape)
    return shape


def _mermaid(source: str) -> object:
    """All but the labels; these hold codes, line breaks and characters that mean nothing to Mermaid."""
    for label in re.findall(r'"([^"\n]*)"', source):
        assert not re.search(r"[#&<>`\[\]{}()|;\\%$]", re.sub(r"#\d+;|<br>", "", label)), label
        assert not any(0xD800 <= int(code) < 0xE000 or int(code) < 32 for code in re.findall(r"#(\d+);", label))
    return re.sub(r'"[^"\n]*"', '""', source)


def _graphml(source: str) -> object:
    """All but the texts, and whether there is a name: an empty one is none."""
    elements = (part for part in ElementTree.fromstring(source).iter() if part.get("key") != "node_name")
    return [(part.tag, sorted(part.attrib.items())) for part in elements]


SHAPES: dict[str, Callable[[str], object]] = {"dot": _dot, "mermaid": _mermaid, "graphml": _graphml}


def test_every_format_has_its_structure_checked() -> None:
    assert set(SHAPES) == set(AS_TEXT)


@cache
def harmless(format: str, with_values: bool) -> object:
    trace = evaluated("harmless", *PLACES)
    return SHAPES[format](text(trace if with_values else trace.graph, format))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("format", AS_TEXT)
def test_texts(format: str, name: str) -> None:
    """The structure is that of harmless names, with values and without."""
    trace = evaluated(TEXTS[name], *PLACES)
    for shown in (trace, trace.graph):
        source = text(shown, format)
        assert not hidden(re.sub(r"^\t+", "", source, flags=re.MULTILINE))
        assert SHAPES[format](source) == harmless(format, shown is trace)


def _grouped(name: str, kind: str, format: str, **options: Any) -> str:
    return text(grouped("a = x*y + x + y + x*y + x\na*2", {"x": 1, "y": 2}, (name, kind, "..a")), format, **options)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("format", AS_TEXT)
def test_groups(format: str, name: str) -> None:
    """As a caption and as the heading of a folded node, also where the name has brackets or an equals sign."""
    for kind in ("call", "stage", "turn"):
        for options in ({}, {"collapse": ("0",)}):
            source = _grouped(TEXTS[name], kind, format, **options)
            assert not hidden(re.sub(r"^\t+", "", source, flags=re.MULTILINE))
            assert SHAPES[format](source) == SHAPES[format](_grouped("harmless", kind, format, **options))


@pytest.mark.parametrize("kind", ["call", "stage", "turn"])
def test_captions_in_a_drawing(kind: str) -> None:
    for name in ("script", "override", "nul"):
        root = ElementTree.fromstring(_grouped(TEXTS[name], kind, "svg"))
        plain_root = ElementTree.fromstring(_grouped("harmless", kind, "svg"))
        assert [part.tag for part in root.iter()] == [part.tag for part in plain_root.iter()]
        (caption,) = [part.text for part in root.iter(f"{SVG}text") if part.get("class") == "caption"]
        expected = shorten(printable(TEXTS[name]), sizes.NAME)
        assert caption == (f"{expected}(…)" if kind == "call" else expected)


def many(names: list[str]) -> Trace:
    """A trace with inputs, stages and constants of such names."""
    lines = [f"s{i} = abs(x{i})*0.5" for i in range(len(names))]
    trace = evaluate(
        "\n".join([*lines, "+".join(f"s{i}" for i in range(len(names)))]), {f"x{i}": 0.0 for i in range(len(names))}
    )
    graph = trace.graph
    constants = [index for index, code in enumerate(graph.codes) if code == ops.CONSTANT]
    for i, (stage, constant, name) in enumerate(zip(sorted(graph.stages), constants, names, strict=True)):
        graph.literals[i] = graph.literals[constant] = graph.stages[stage] = name
    graph.source = names[0]
    return trace


def _groups() -> Iterator[list[str]]:
    waiting = iter(TEXTS)
    while group := list(islice(waiting, 12)):
        yield group


@pytest.mark.parametrize("group", list(_groups()), ids=lambda group: group[0])
def test_drawings(group: list[str]) -> None:
    """In SVG no text becomes an element or an attribute, and every node is there with its text."""
    trace = many([TEXTS[name] for name in group])
    svg = text(trace, "svg", rankdir="LR")
    assert not hidden(svg)
    root = ElementTree.fromstring(svg)
    shown = picture.draw(trace.graph, [trace], select(trace.graph))
    allowed = {"svg", "title", "desc", "style", "g", "rect", "path", "polygon", "text", "tspan"}
    assert {part.tag for part in root.iter()} <= {SVG + tag for tag in allowed}
    assert {name for part in root.iter() for name in part.attrib} <= ATTRIBUTES
    ids = [part.get("id") for part in root.iter() if part.get("id")]
    assert sorted(ids) == sorted(
        ["gradcli-title", "gradcli-desc", *(n.id for n in shown.nodes), *(a.id for a in shown.arrows)]
    )
    for part in root.iter():
        assert part.get("class", "") == "" or re.fullmatch(r"[a-z0-9 -]+", part.get("class", ""))
        if part.tag != f"{SVG}style":
            assert len(part.text or "") <= 4000
    drawn = {part.get("id"): part for part in root.iter(f"{SVG}g") if "node" in part.get("class", "").split()}
    for node in shown.nodes:
        lines = ["".join(line.itertext()) for line in drawn[node.id].iter(f"{SVG}text")]
        assert lines == [node.operation + node.stage, *(line.text for line in node.lines)]
    for i, name in enumerate(group):
        assert drawn[f"g{i}"].findtext(f"{SVG}text/{SVG}tspan", "") == shorten(printable(TEXTS[name]), sizes.NAME)
    styles = [part.text for part in root.iter(f"{SVG}style")]
    assert styles == [part.text for part in plain().iter(f"{SVG}style")]


@cache
def plain() -> ElementTree.Element:
    return ElementTree.fromstring(text(many(["harmless"]), "svg"))


ATTRIBUTES = {
    "xmlns", "width", "height", "viewBox", "class", "role", "aria-labelledby", "style", "id", "x", "y", "rx", "d", "dx",
    "points", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "font-family",
    "font-size", "font-style", "font-weight", "text-anchor", "text-rendering",
}  # fmt: skip


@pytest.mark.parametrize("group", [[*TEXTS][:12], [*TEXTS][28:40]], ids=lambda group: group[0])
def test_graphviz_reads_the_same_graph_back(group: list[str]) -> None:
    trace = many([TEXTS[name] for name in group])
    drawn = ElementTree.fromstring(lay_out(text(trace, "dot"), 20.0))
    found = [(part.get("class"), part.get("id"), part.findtext(f"{SVG}title")) for part in drawn.iter(f"{SVG}g")]
    shown = picture.draw(trace.graph, [trace], select(trace.graph))
    assert {title for kind, _, title in found if kind == "node"} == {node.id for node in shown.nodes}
    assert {id_ for kind, id_, _ in found if kind == "edge"} == {arrow.id for arrow in shown.arrows}
    assert not list(drawn.iter(f"{SVG}a"))


def test_png_of_hostile_names() -> None:
    drawn = draw(*_arguments(many([TEXTS[name] for name in ("script", "override", "nul", "emoji")])), "png", Options())
    assert bytes(drawn.content).startswith(b"\x89PNG\r\n")  # type: ignore[arg-type]


def _arguments(trace: Trace) -> tuple[object, list[Trace]]:
    return trace.graph, [trace]

"""Names that no program can hold, but a graph built by hand can, and long ones: pictures keep them inert."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from pictures import SVG, text

from gradcli.api import evaluate
from gradcli.render.picture.layout import lay_out
from gradcli.traces import Trace

NAMES = (
    'a"];x[label="',
    "<script>alert(1)</script>",
    "</title><script>",
    "{a|b}",
    "\\N \\G \\n",
    "back\\",
    "\x1b[31m",
    "\x00",
    "x\u202ey",
    "😀👩\u200d🔬",
    "漢字",
    "a:b:c",
    "<b>bold</b>",
    "&lt;&#35;",
    "]]>",
    "--> x",
    "%%{init: {}}%%",
    "\ud800",
    "a\nb",
    "",
    "x" * 200,
)
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


@pytest.fixture(params=NAMES, ids=ascii)
def hostile(request: pytest.FixtureRequest) -> Trace:
    """A trace whose input and stage have such a name."""
    trace = evaluate("q = x*2\nq + x", x=3)
    trace.graph.literals[0] = request.param
    trace.graph.stages[next(iter(trace.graph.stages))] = request.param
    trace.graph.source = request.param
    return trace


def test_svg(hostile: Trace) -> None:
    svg = text(hostile, "svg")
    assert not CONTROLS.search(svg)
    root = ElementTree.fromstring(svg)
    assert {part.tag for part in root.iter()} <= {
        SVG + tag for tag in ("svg", "title", "desc", "style", "g", "rect", "path", "polygon", "text", "tspan")
    }
    ids = {part.get("id") for part in root.iter()} - {None}
    assert ids == {"g0", "g1", "g2", "g3", "g2-0", "g2-1", "g3-0", "g3-1", "gradcli-title", "gradcli-desc"}
    assert all(len(part.text or "") <= 600 for part in root.iter() if part.tag != f"{SVG}style")


def test_dot(hostile: Trace) -> None:
    dot = text(hostile, "dot")
    assert not CONTROLS.search(dot)
    drawn = ElementTree.fromstring(lay_out(dot, 20.0))
    titles = [part.findtext(f"{SVG}title") for part in drawn.iter(f"{SVG}g") if part.get("class") == "node"]
    assert sorted(map(str, titles)) == ["g0", "g1", "g2", "g3"]
    assert not list(drawn.iter(f"{SVG}a"))


def test_mermaid(hostile: Trace) -> None:
    source = text(hostile, "mermaid")
    assert not CONTROLS.search(source)
    for line in source.splitlines()[1:9]:
        assert re.fullmatch(
            r'  g\d+ ?(\("[^"]*"\)|\["[^"]*"\]|\[\["[^"]*"\]\]|-\.?->(\|"[^"]*"\|)? g\d+)(:::\w+)?', line
        ), line
        assert not re.search(r"<(?!br>)", line)

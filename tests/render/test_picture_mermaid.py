"""Mermaid: the same lines, escaped for what reads labels as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from pictures import NAMES, graph_of, picture_of, sample, text

from gradcli.api import evaluate

GOLDEN = ("product", "stages", "micrograd")


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/{name}.mmd", text(sample(name), "mermaid"))


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_and_edge(name: str) -> None:
    picture, lines = picture_of(sample(name)), text(sample(name), "mermaid").splitlines()
    assert lines[0] == "flowchart LR"
    lines = [line for line in lines if not re.match(" *(subgraph |end$)", line)]
    assert [line.split("(")[0].split("[")[0].strip() for line in lines[1 : len(picture.nodes) + 1]] == [
        node.id for node in picture.nodes
    ]
    assert sum("-->" in line or "-.->" in line for line in lines) == len(picture.arrows)


def test_shapes_and_strokes() -> None:
    source = text(evaluate("relu(2x) + y", x=-1, y=2), "mermaid")
    assert re.search(r'g0\("x<br>−1<br>←\u00a00"\):::input', source)
    assert ":::constant" in source
    assert '[["' in source
    assert "-.->" in source


def test_structure() -> None:
    assert "∂\u00a02·x" in text(graph_of("x²"), "mermaid")


def test_escapes() -> None:
    trace = evaluate("q = x*2\nq + x", x=3)
    trace.graph.literals[0] = '<b>"|]#;`&'
    lines = text(trace, "mermaid").splitlines()
    assert lines[1] == '  g0("#60;b#62;#34;#124;#93;#35;#59;#96;#38;<br>3<br>←\u00a03"):::input'

"""DOT: the same facts as text, valid, and inert whatever the names."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from pictures import NAMES, SVG, graph_of, picture_of, sample, text

from gradcli.api import evaluate
from gradcli.render.picture import Options, draw
from gradcli.render.picture.layout import lay_out

GOLDEN = ("product", "stages", "micrograd")


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/{name}.dot", text(sample(name), "dot"))


@pytest.mark.parametrize("name", NAMES)
def test_graphviz_reads_it_and_finds_every_fact(name: str) -> None:
    trace = sample(name)
    drawn = ElementTree.fromstring(lay_out(text(trace, "dot"), 20.0))
    groups = {group.get("class"): [] for group in drawn.iter(f"{SVG}g")}  # type: ignore[var-annotated]
    for group in drawn.iter(f"{SVG}g"):
        groups[group.get("class")].append(group)
    picture = picture_of(trace)
    assert len(groups["node"]) == len(picture.nodes)
    assert {group.get("id") for group in groups["edge"]} == {arrow.id for arrow in picture.arrows}
    shown = {group.findtext(f"{SVG}title"): [t.text for t in group.iter(f"{SVG}text")] for group in groups["node"]}
    for node in picture.nodes:
        assert shown[node.id][1:] == [line.text.replace(" ", "\u00a0") for line in node.lines]


def test_ids_and_lines() -> None:
    source = text(sample("product"), "dot")
    assert re.search(r"g0 -> g3 \[.*\bid=\"g3-0\"|g0 -> g3 \[.*\bid=g3-0", source) or 'id="g3-0"' in source
    assert "← −4" in source.replace("\u00a0", " ")
    assert "tooltip" not in source
    assert "URL" not in source


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_themes(theme: str) -> None:
    assert ('bgcolor="#12161c"' in text(sample("product"), "dot", theme=theme)) == (theme == "dark")


def test_shapes_tell_inputs_constants_and_output_apart() -> None:
    lines = text(evaluate("2x + y", x=1, y=2), "dot").splitlines()
    by_id = {line.split()[0]: line for line in lines if re.match(r"\s*g\d+ \[", line)}
    assert 'style="rounded,filled"' in by_id["g0"]
    assert 'style="filled,dashed"' in next(line for line in by_id.values() if "label=2" in line)
    assert [line for line in by_id.values() if "peripheries=2" in line] == [by_id[max(by_id)]]


def test_edges_of_no_effect_are_broken() -> None:
    source = text(evaluate("relu(x) + 2", x=-1), "dot")
    assert source.count("style=dashed") == 1
    assert source.count("style=dotted") == 1


def test_structure() -> None:
    assert "∂\u00a02·x" in text(graph_of("x²"), "dot")


def test_direction() -> None:
    trace = sample("product")
    assert "rankdir=LR" in text(trace, "dot")
    upright = draw(trace.graph, [trace], "dot", Options(rankdir="TB")).content
    assert "rankdir=TB" in str(upright)
    assert "↑" in str(upright)
    assert "←" not in str(upright)

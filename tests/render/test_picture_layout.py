"""The layout ends in time, large graphs included; PNG."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from grouped import recurrent
from pictures import SVG, picture_of, sample, svg_of, text

from gradcli.api import evaluate
from gradcli.errors import LimitError, MissingError
from gradcli.render.picture import Options, draw
from gradcli.render.picture import fonts as fonts_module
from gradcli.render.picture.far import far_arrows
from gradcli.render.picture.layout import lay_out
from gradcli.traces import Trace


def chain(count: int, step: str = "a{0}*y") -> Trace:
    lines = ["a0 = x*y", *(f"a{i} = {step.format(i - 1)}" for i in range(1, count)), f"a{count - 1}"]
    return evaluate("\n".join(lines), x=0.5, y=0.99)


def test_the_time_limit() -> None:
    dot = (
        "digraph {"
        + "".join(f"{i} -> {(i * 7919) % 997 + 1000}; {i * 31 % 997 + 1000} -> {i};" for i in range(900))
        + "}"
    )
    start = time.monotonic()
    with pytest.raises(LimitError) as failed:
        lay_out(dot, 0.2)
    assert time.monotonic() - start < 5
    assert "0.2 seconds" in failed.value.message
    assert "--depth" in (failed.value.hint or "")


def test_without_a_folder_for_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(blocked / "below"))
    assert text(sample("product"), "svg") == svg_of("product")


def test_an_input_used_in_every_step_of_a_thousand() -> None:
    trace = chain(1000)
    picture = picture_of(trace)
    far = far_arrows(picture)
    assert 900 < len(far) < 1000
    heads = {arrow.head for arrow in picture.arrows}
    assert heads == {arrow.head for arrow in picture.arrows if arrow.id not in far}
    drawn = draw(trace.graph, [trace], "svg", Options())
    root = ElementTree.fromstring(drawn.content)
    groups = [part.get("class", "").split()[:1] for part in root.iter(f"{SVG}g")]
    assert groups.count(["node"]) == len(picture.nodes)
    assert groups.count(["edge"]) == len(picture.arrows)
    assert f"{len(far)} long edges are drawn over the rest" in drawn.note


def test_weights_used_in_each_of_twenty_turns() -> None:
    """With labels, too: edges over many ranks took the layout half a minute."""
    trace = recurrent(20)
    start = time.monotonic()
    drawn = draw(trace.graph, [trace], "svg", Options())
    assert time.monotonic() - start < 10
    root = ElementTree.fromstring(drawn.content)
    groups = [part.get("class", "").split()[:1] for part in root.iter(f"{SVG}g")]
    picture = picture_of(trace)
    far = far_arrows(picture)
    labels = sum(bool(arrow.lines) and arrow.id not in far for arrow in picture.arrows)
    assert (groups.count(["edge"]), groups.count(["edge-label"])) == (len(picture.arrows), labels)
    assert drawn.note == f"{len(far)} long edges are drawn over the rest, their numbers are in the SVG's tooltips"


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_large_graphs_are_drawn_either_way(rankdir: str) -> None:
    trace = chain(300)
    root = ElementTree.fromstring(text(trace, "svg", rankdir=rankdir))
    assert sum(part.get("class", "").startswith("node") for part in root.iter(f"{SVG}g")) == len(trace.graph)


def test_no_edge_of_a_usual_graph_is_far() -> None:
    assert not far_arrows(picture_of(sample("network")))


@pytest.mark.parametrize("step", ["a{0}*y", "sin(a{0})"])
def test_ten_thousand_gates_are_drawn_or_refused_with_advice(step: str) -> None:
    trace = chain(10_000, step)
    start = time.monotonic()
    with suppress(LimitError):
        draw(trace.graph, [trace], "svg", Options(seconds=0.5))
    assert time.monotonic() - start < 10
    assert len(draw(trace.graph, [trace], "dot").content) > 10_000


def png(trace: Trace, **options: Any) -> bytes:
    content = draw(trace.graph, [trace], "png", Options(**options)).content
    assert isinstance(content, bytes)
    return content


def test_png() -> None:
    pytest.importorskip("resvg_py")
    found = png(sample("product"))
    assert found[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", found[16:24])
    root = ElementTree.fromstring(svg_of("product"))
    assert abs(width - 2 * float(root.get("width", 0))) <= 2
    assert abs(height - 2 * float(root.get("height", 0))) <= 2
    assert png(sample("product"), theme="dark") != found


def test_png_on_a_machine_without_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resvg_py")
    pytest.importorskip("fontpkg_inter")
    with_system = png(sample("product"))
    monkeypatch.setattr(fonts_module, "_FOLDERS", ())
    found = fonts_module.fonts()
    assert found is not None
    assert found.family == "Inter"
    bare = png(sample("product"))
    assert bare != with_system
    monkeypatch.setattr(fonts_module, "_packaged", lambda: None)
    assert len(png(sample("product"))) > 0


def test_png_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(MissingError) as failed:
        png(sample("product"))
    assert "gradcli[images]" in (failed.value.hint or "")

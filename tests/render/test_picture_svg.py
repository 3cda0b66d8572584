"""SVG: well formed, self-contained, readable in light and dark, nothing over anything else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from xml.etree import ElementTree

import pytest
from pictures import NAMES, SAMPLES, SVG, Rect, picture_of, rects, sample, svg_of, text

from gradcli.api import evaluate
from gradcli.render.picture import sizes
from gradcli.render.picture.palette import DARK, LIGHT, Palette, heat_color, text_colors
from gradcli.render.picture.style import dark_style

GOLDEN = ("product", "stages", "micrograd")
TAGS = {"svg", "title", "desc", "style", "g", "rect", "path", "polygon", "text", "tspan"}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/{name}.svg", svg_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_and_edge_is_there_and_nothing_foreign(name: str) -> None:
    root = ElementTree.fromstring(svg_of(name))
    picture = picture_of(sample(name))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    parts = {node.id for node in picture.nodes} | {arrow.id for arrow in picture.arrows}
    parts |= {frame.id for frame in picture.frames}
    assert set(ids) == parts | {"gradcli-title", "gradcli-desc"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= TAGS
    for element in root.iter():
        for key, value in element.attrib.items():
            assert "href" not in key
            assert not key.startswith("on")
            assert "url(" not in value
            assert "http" not in value
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "gradcli-title gradcli-desc")
    assert root.findtext(f"{SVG}desc", "").startswith(f"{len(picture.nodes)} gates.")


def group(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(element for element in root.iter() if element.get("id") == name)


def test_classes() -> None:
    root = ElementTree.fromstring(text(evaluate("relu(a-b)+sqrt(u*u)*2", a=2, b=2, u=0), "svg"))
    classes = {element.get("class") for element in root.iter(f"{SVG}g")}
    assert {"node input", "node constant", "node gate warn", "node gate bad", "node gate output"} <= classes
    assert {"edge zero", "edge nan", "edge inactive", "edge", "labels", "edge-label"} <= classes
    root = ElementTree.fromstring(svg_of("product"))
    lines = [
        (part.get("class"), part.text) for part in group(root, "g0").iter() if part.tag in (f"{SVG}text", f"{SVG}tspan")
    ]
    assert lines[1:] == [("name", "x"), ("value", "2"), ("gradient", "← −4")]
    assert group(root, "g3").findtext(f"{SVG}title") == "q · add (g3)\nx + y\nvalue 5.0\nglobal gradient -4.0"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_and_nothing_is_clipped(name: str) -> None:
    root = ElementTree.fromstring(svg_of(name))
    left, top, width, height = map(float, root.get("viewBox", "").split())
    page = Rect(left, top, left + width, top + height)
    boxes, plates, tips = list(rects(root, "box")), list(rects(root, "plate")), list(rects(root, "tip"))
    for box in (*boxes, *plates, *tips, *rects(root, "line"), *rects(root, "ring")):
        assert page.holds(box)
    for one, other in combinations(plates, 2):
        assert not one.overlaps(other)
    for plate in plates:
        assert not any(plate.overlaps(box) for box in (*boxes, *tips))
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("name", NAMES)
def test_labels_sit_in_their_lines(name: str) -> None:
    root = ElementTree.fromstring(svg_of(name))
    lines = {
        part.findtext(f"{SVG}title"): part
        for part in root.iter(f"{SVG}g")
        if (part.get("class") or "").startswith("edge ")
    }
    lines |= {part.findtext(f"{SVG}title"): part for part in root.iter(f"{SVG}g") if part.get("class") == "edge"}
    labels = [part for part in root.iter(f"{SVG}g") if part.get("class") == "edge-label"]
    away = 0
    for label in labels:
        (plate,) = rects(label, "plate")
        (line,) = rects(lines[label.findtext(f"{SVG}title")], "line")
        away += not plate.overlaps(line)
    assert away <= len(labels) // 20


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(palette: Palette) -> None:
    p, text_color = palette, text_colors(palette)
    on_nodes = {p.gate, p.input, p.warn_fill, p.bad_fill, p.folded}
    for kind, color in text_color.items():
        fills = {
            "warn": {p.warn_fill},
            "constant": {p.gate},
            "legend": {p.page},
            "caption": {p.page},
            "count": {p.page},
            "local": {p.page},
        }.get(kind, on_nodes)
        fills = fills | ({p.page} if kind in ("contribution", "gradient", "value", "bad") else set())
        for fill in fills:
            assert contrast(color, fill) >= 4.5, (kind, fill)
    for line, fills in (
        (p.line, (p.page,)),
        (p.warn, (p.page, p.warn_fill)),
        (p.bad, (p.page, p.bad_fill)),
        (p.ink, (p.page,)),
    ):
        assert all(contrast(line, fill) >= 3 for fill in fills)
    assert all(contrast(heat_color(p, heat), p.page) >= 3 for heat in range(sizes.HEAT_LEVELS + 1))


def attributes(svg: str) -> set[str]:
    """Every colour written as an attribute."""
    return set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg))


def test_themes() -> None:
    trace = evaluate("relu(a-b)+sqrt(u*u)*2", a=2, b=2, u=0)
    light, dark, auto = (text(trace, "svg", theme=theme) for theme in ("light", "dark", "auto"))
    assert attributes(light) <= set(LIGHT)
    assert attributes(dark) <= set(DARK)
    assert "<style>" not in light
    assert "<style>" not in dark
    assert auto.replace(dark_style(groups=False), "").replace("<style></style>", "") == light


@pytest.mark.parametrize("heat", [False, True])
def test_dark_style_reaches_every_colour(heat: bool) -> None:
    """Each element with a light colour has a rule; rules are two classes or tag.class under .gradcli-graph."""
    trace = evaluate("relu(a-b)+sqrt(u*u)*2", a=2, b=2, u=0)
    rules = dict(re.findall(r"^(.*)\{(.*)\}$", dark_style().partition("\n@media")[2], re.MULTILINE))
    selectors = {part.removeprefix(".gradcli-graph ") for selector in rules for part in selector.split(",")}
    root = ElementTree.fromstring(text(trace, "svg", heat=heat))

    def walk(element: ElementTree.Element, above: tuple[str, ...]) -> None:
        own = element.get("class", "").split()
        tag = element.tag.removeprefix(SVG)
        if {element.get("fill", "none"), element.get("stroke", "none")} != {"none"}:
            wanted = {f".{o}" for o in own} | {f"{tag}.{o}" for o in own} | {f".{a} .{o}" for a in above for o in own}
            assert wanted & selectors, (tag, own)
        for child in element:
            walk(child, (*above, *own))

    walk(root, ())


def test_the_same_bytes_in_another_process() -> None:
    script = "from pictures import svg_of; import sys; sys.stdout.buffer.write(svg_of('stages').encode())"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(SAMPLES.parent / "tests" / "render")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment)
    assert done.stdout.decode("utf-8") == svg_of("stages")


def test_prefix() -> None:
    svg = text(sample("product"), "svg", prefix="p1-")
    assert set(re.findall(r'\bid="([^"]*)"', svg)) == {
        f"p1-{name}"
        for name in ("g0", "g1", "g2", "g3", "g4", "g3-0", "g3-1", "g4-0", "g4-1", "gradcli-title", "gradcli-desc")
    }
    assert 'aria-labelledby="p1-gradcli-title p1-gradcli-desc"' in svg


def test_no_legend() -> None:
    assert 'class="legend"' in svg_of("product")
    assert 'class="legend"' not in text(sample("product"), "svg", legend=False)


def test_heat_is_width_and_colour() -> None:
    svg = text(sample("stages"), "svg", heat=True)
    assert f"heat-{sizes.HEAT_LEVELS}" in svg
    assert f'stroke="{heat_color(LIGHT, sizes.HEAT_LEVELS)}"' in svg
    assert f'stroke-width="{1 + sizes.HEAT_WIDTH:g}"' in svg

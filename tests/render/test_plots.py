"""Plots: what a terminal shows, and pictures that are the same bytes in every run."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import matplotlib
import pytest

from gradcli.errors import MissingError
from gradcli.render import Look
from gradcli.render.plots import SUFFIXES, Line, Panel, Plot
from gradcli.render.plots.figure import picture
from gradcli.render.plots.screen import drawn

XS = [place / 10 for place in range(-30, 31)]
NAN, LARGEST, LEAST = math.nan, sys.float_info.max, 5e-324


def plot(*curves: Callable[[float], float], title: str = "x^2*sin(y)", x: str = "x", logarithmic: bool = False) -> Plot:
    """A plot of functions on XS; of several, each has a label."""
    labels = [f"y = {number + 1}" if len(curves) > 1 else "" for number in range(len(curves))]
    lines = [Line(label, XS, [curve(x) for x in XS]) for label, curve in zip(labels, curves, strict=True)]
    return Plot(title, x, logarithmic, [Panel("value", lines), Panel(f"∂/∂{x}", lines)])


def of(ys: list[float], xs: list[float] | None = None) -> Plot:
    """A plot of one curve with these heights."""
    return Plot("f", "x", False, [Panel("value", [Line("", xs or [float(at) for at in range(len(ys))], ys)])])


SEVERAL = plot(lambda x: x * x, lambda x: 4 * math.sin(x), lambda x: -x)


@pytest.mark.parametrize(
    ("name", "shown", "look"),
    [
        ("one-curve", plot(math.sin), Look(80)),
        ("several-curves", SEVERAL, Look(80)),
        ("ascii", SEVERAL, Look(80, unicode=False)),
        ("narrow", SEVERAL, Look(44)),
        ("colors", plot(math.sin, math.cos), Look(50, "standard")),
        ("gaps", of([0, 1, 2, NAN, 4, NAN, 2, 1, math.inf, 0]), Look(60)),
        ("logarithmic", of([-1, 0, 1, 2], [0.1, 1, 10, 100])._replace(logarithmic=True), Look(60)),
    ],
)  # fmt: skip
def test_what_a_terminal_shows(name: str, shown: Plot, look: Look, golden: Callable[[str, str], None]) -> None:
    golden(f"render/golden/plots/{name}.txt", drawn(shown, look))


@pytest.mark.parametrize("width", [40, 41, 57, 80, 200])
def test_nothing_is_wider_than_the_screen(width: int) -> None:
    title = "exp(-(x - mean)^2/(2*deviation^2))/(deviation*sqrt(2*pi)) + " * 9
    for unicode in (True, False):
        text = drawn(SEVERAL._replace(title=title, x="a_long_name_" * 30), Look(width, unicode=unicode))
        assert max(map(len, text.splitlines())) <= width
        assert text.isascii() is not unicode


def test_there_are_no_colors_where_there_are_none() -> None:
    assert "\x1b" not in drawn(SEVERAL, Look(80))
    assert "\x1b[32m" in drawn(SEVERAL, Look(80, "standard"))


def test_every_curve_has_a_letter_at_its_end_and_in_the_legend() -> None:
    rows = drawn(SEVERAL, Look(80)).splitlines()
    assert rows[-1].split() == ["a", "y", "=", "1", "b", "y", "=", "2", "c", "y", "=", "3"]
    for letter in "abc":
        assert any(row.rstrip("abc") != row and letter in row[-3:] for row in rows[2:12])


@pytest.mark.parametrize(
    "ys",
    [
        [-LARGEST, 0.0, LARGEST], [LARGEST, LARGEST], [0.0, LEAST, 0.0], [LEAST, LEAST], [1.0, 1.0 + 2e-16], [NAN, NAN],
        [math.inf, -math.inf], [0.0], [1e-300, 2e-300], [123456789.0, 123456790.0], [0.0, 0.0], [-1e-5, -2e-5],
    ],
)  # fmt: skip
def test_heights_of_any_size_are_drawn(ys: list[float]) -> None:
    text = drawn(of(ys), Look(80))
    assert max(map(len, text.splitlines())) <= 80
    finite = any(map(math.isfinite, ys))
    assert any(0x2800 < ord(sign) < 0x2900 for sign in text) is finite
    assert ElementTree.fromstring(picture(of(ys), "svg")).tag.endswith("svg")


def test_ends_of_the_scale_are_on_the_first_and_the_last_row() -> None:
    rows = drawn(of([0.0, 10.0]), Look(80)).splitlines()[2:12]
    assert rows[0].startswith("10 ┤")
    assert rows[-1].startswith(" 0 ┤⣀") or rows[-1].startswith(" 0 ┤⡠")
    assert rows[0][-1] > "\u2800"


def test_a_gap_is_not_bridged() -> None:
    rows = drawn(of([0.0, 0.0, NAN, 1.0, 1.0]), Look(60)).splitlines()[2:12]
    assert all(set(row.partition("│")[2]) <= {" "} for row in rows[1:-1] if "│" in row)


@pytest.mark.parametrize("format", SUFFIXES.values())
def test_a_picture_is_the_same_bytes_in_every_run(format: str) -> None:
    first = picture(SEVERAL, format)
    assert first == picture(SEVERAL, format)
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[format])
    assert b"date" not in first[:2000].lower()


def test_an_svg_is_well_formed_whatever_the_names_are() -> None:
    for title in (
        r"$x_1$ \alpha $\frac{1$ <b>&amp;]]>--",
        "θ₁ · σ(x)",
        "\x1b[31m\x00\u202e",
        "漢字",
        "$",
        "x--y --> z",
    ):
        shown = SEVERAL._replace(title=title, x=title)
        lines = [line._replace(label=title) for line in shown.panels[0].lines]
        shown = shown._replace(panels=[Panel(title, lines)])
        content = picture(shown, "svg")
        assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        assert picture(shown, "png").startswith(b"\x89PNG")


def test_dollar_signs_mean_nothing() -> None:
    """What is drawn for $x$ has its dollar signs; as mathematics it would be a slanted x."""
    glyphs = [picture(plot(math.sin, title=title), "svg").count(b"<use ") for title in ("$x$", "x")]
    assert glyphs[0] == glyphs[1] + 2


def test_gaps_are_gaps_in_pictures_and_lonely_points_are_dots() -> None:
    ys = [float(at % 7) for at in range(60)]
    whole, broken = ys, [*ys[:20], NAN, ys[21], NAN, *ys[23:]]
    drawings = [ElementTree.fromstring(picture(of(one), "svg")) for one in (whole, broken)]
    paths = [[path.get("d", "") for path in drawing.iter() if path.tag.endswith("path")] for drawing in drawings]
    strokes = [max(d.count("M") for d in found if d.count("L") > 30) for found in paths]
    assert strokes[0] == 1
    assert strokes[1] > 1
    assert len(paths[1]) == len(paths[0]) + 1  # the dot's shape


def test_settings_of_the_user_neither_matter_nor_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = picture(SEVERAL, "svg")
    monkeypatch.setitem(matplotlib.rcParams, "figure.facecolor", "black")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", None)
    assert picture(SEVERAL, "svg") == before
    assert matplotlib.rcParams["font.size"] == 30.0


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "plotille", None)
    with pytest.raises(MissingError, match=r'a plot needs the extra plot\nhint: pip install "gradcli\[plot\]"'):
        picture(SEVERAL, "svg")
    with pytest.raises(MissingError, match="a plot needs the extra plot"):
        drawn(SEVERAL, Look(80))

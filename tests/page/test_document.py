"""The file of a page: whole, valid, inert whatever the program holds, small, and the same in every run."""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import TEXTS, hidden
from numpy import array

import gradcli.page
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.page import PageOptions, page
from gradcli.page.document import SCRIPTS as PARTS
from gradcli.page.document import columns
from gradcli.page.ranges import usual_range
from gradcli.passes import evaluate_graph
from gradcli.render.picture import Options
from gradcli.render.picture.palette import DARK, LIGHT
from gradcli.traces import Trace

ASSETS = Path(gradcli.page.__file__).parent / "assets"
SCRIPTS = [name for name, _ in PARTS]
# What has to be closed, in HTML.
VOID = {"meta", "link", "input", "br", "hr", "img"}


def trace(text: str, **values: Any) -> Trace:
    return evaluate_graph(lower(parse(text), values), values)


def content(text: str, options: PageOptions | None = None, **values: Any) -> str:
    return page(trace(text, **values), options).content


class Document(HTMLParser):
    """The elements of a page, what its scripts and titles hold, and whether they nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def within(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.within("script")[0])
        return found

    def policy(self) -> str:
        metas = [attributes for tag, attributes in self.elements if tag == "meta"]
        return next(one["content"] or "" for one in metas if one.get("http-equiv") == "Content-Security-Policy")


def digest(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


class TestParts:
    def test_every_script_is_in_it_and_allowed(self) -> None:
        """Those of the folder, no others; data is no script."""
        assert {*SCRIPTS} == {path.stem for path in ASSETS.glob("*.js")}
        assert len({*SCRIPTS}) == len(SCRIPTS)
        found = Document(content("x*y", x=2.0, y=3.0))
        allowed = re.search("script-src ([^;]*)", found.policy())
        assert allowed
        scripts = found.within("script")
        assert allowed[1].split() == [digest(script) for script in scripts[1:]]
        code = [line.strip() for line in scripts[-1].split("\n")]
        for name, fact in PARTS:
            if fact:
                continue
            lines = (line.strip() for line in (ASSETS / f"{name}.js").read_text(encoding="utf-8").split("\n"))
            wanted = [line for line in lines if line and not line.startswith("//")]
            start = code.index(wanted[0])
            assert code[start : start + len(wanted)] == wanted

    def test_what_a_page_does_not_need_is_left_out(self) -> None:
        """Folding without frames, heat maps without arrays."""
        numbers, arrays = content("x*y", x=2.0, y=3.0), content("sum(x)", x=array([1.0, 2.0]))
        frames = content("h = 0; for t in 0..3 { h = tanh(w*h + t) }; h", w=0.5)
        assert ["function heatMap(" in one for one in (numbers, arrays, frames)] == [False, True, False]
        assert ["function clusters(" in one for one in (numbers, arrays, frames)] == [False, False, True]

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_lines_can_be_taken_for_themselves(self, name: str) -> None:
        """Indentation and lines of comment are left out, so no text and no comment may go over several lines."""
        for line in (ASSETS / f"{name}.js").read_text(encoding="utf-8").split("\n"):
            bare = re.sub(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|//.*""", "", line)
            assert bare.count("`") % 2 == 0, line
            assert bare.count("/*") <= bare.count("*/"), line

    def test_nothing_is_asked_of_anybody(self) -> None:
        """Nothing may be requested, and no element tries to."""
        found = Document(content("x*y", x=2.0, y=3.0))
        assert "default-src 'none'" in found.policy()
        for tag, attributes in found.elements:
            assert tag not in ("iframe", "object", "embed", "base", "img", "image", "use", "foreignobject", "a")
            assert not any(name.startswith("on") for name in attributes), (tag, attributes)
            assert not {"src", "action", "formaction", "srcset", "xlink:href", "style"} & {*attributes}
            assert (attributes.get("href") or "data:").startswith(("data:", "#"))
        styles = "".join(found.within("style"))
        assert "@import" not in styles
        assert re.findall(r"url\((?!#)", styles) == []

    def test_no_mark_of_the_template_is_left(self) -> None:
        text = content("x*y", x=2.0, y=3.0)
        assert re.findall("<!--[a-z]+-->", text) == []
        assert Document(text).comments == []

    def test_the_same_bytes_again(self) -> None:
        program, values = "h = tanh(w*x + b)\nsum(h*h)", {"w": 2.0, "x": 0.5, "b": 1.0}
        assert content(program, **values) == content(program, **values)

    @pytest.mark.parametrize("theme", ["auto", "light", "dark"])
    def test_themes(self, theme: str) -> None:
        """Every colour of both palettes is a custom property; the root says which are taken."""
        found = Document(content("x*x", PageOptions(theme=theme), x=1.0))
        assert found.elements[0][1]["data-theme"] == theme
        styles = "".join(found.within("style"))
        for palette, count in ((LIGHT, 1), (DARK, 2)):
            for name, color in palette._asdict().items():
                assert styles.count(f"--{name.replace('_', '-')}:{color}") >= count, name
        assert "@media (prefers-color-scheme:dark){:root:not([data-theme=light])" in styles

    def test_every_property_is_defined(self) -> None:
        found = Document(content("x*x", x=1.0))
        styles = "".join(found.within("style"))
        defined = {*re.findall(r"(--[a-z-]+)\s*:", styles)}
        scripted = {*re.findall(r"--[a-z-]+", "".join(found.within("script")))}
        assert {*re.findall(r"var\((--[a-z-]+)\)", styles)} <= defined | scripted

    def test_a_hundred_gates_are_below_300_kb(self) -> None:
        lines = ["a0 = x0*w0", *(f"a{i} = tanh(a{i - 1}*w{i % 7} + x{i % 5})" for i in range(1, 30)), "a29"]
        values = {f"w{i}": 0.1 + i / 10 for i in range(7)} | {f"x{i}": -0.2 + i / 7 for i in range(5)}
        found = trace("\n".join(lines), **values)
        assert len(found.graph) == 100
        text = page(found).content
        assert len(text.encode()) < 300_000
        drawn = text[text.index("<svg xmlns") :]
        assert len(drawn[: drawn.index("</svg>")].encode()) < 130_000


class TestFacts:
    PROGRAM = "f(a, b) = tanh(a*b + 1)\ng(a) = f(a, a) + f(a, 2)\nh = g(x)\nh*y"

    def test_of_the_picture(self) -> None:
        """Frames are nested ranges of gates, each drawn under its id."""
        text = content(self.PROGRAM, x=0.5, y=2.0)
        facts = Document(text).facts()
        frames = {one["id"]: one for one in facts["frames"]}
        assert len(frames) >= 3
        assert facts["folded"] == []
        assert facts["room"] == 10
        for name, one in frames.items():
            first, end = one["gates"]
            assert 0 <= first < end <= len(facts["gates"])
            assert f'<g id="{name}" class="frame">' in text
            assert f'data-frame="{name}"' in text
            if one["parent"]:
                outer = frames[one["parent"]]["gates"]
                assert outer[0] <= first < end <= outer[1]

    def test_what_is_folded_has_a_frame(self) -> None:
        """Also where there would be none: the two calls of f and, without frames, nothing else."""
        asked = Options(collapse=("f",), clusters=False)
        facts = Document(content(self.PROGRAM, PageOptions(asked), x=0.5, y=2.0)).facts()
        assert len(facts["folded"]) == 2
        assert [one["id"] for one in facts["frames"]] == facts["folded"]
        whole = Document(content(self.PROGRAM, PageOptions(Options(collapse=("0",))), x=0.5, y=2.0)).facts()
        assert len(whole["folded"]) == 1
        assert {*whole["folded"]} < {one["id"] for one in whole["frames"]}
        nothing = Document(content(self.PROGRAM, PageOptions(Options(clusters=False)), x=0.5, y=2.0)).facts()
        assert (nothing["frames"], nothing["folded"]) == ([], [])

    def test_of_a_large_graph(self) -> None:
        """Its edges carry no numbers; the note says where they are."""
        lines = ["a0 = x", *(f"a{i} = sin(a{i - 1})" for i in range(1, 160)), "a159"]
        made = page(trace("\n".join(lines), x=1.0))
        facts = Document(made.content).facts()
        assert facts["note"]
        assert made.note.startswith(facts["note"])
        assert "--" not in facts["note"]
        assert "in the table" in made.note

    def test_numbers_that_a_page_can_not_compute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are Python's; what JSON has no number for is a text."""
        monkeypatch.setattr("gradcli.page.document.computing", lambda trace: None)
        found = trace("x/y + sum(W)", x=2.0, y=0.0, W=array([[1.0, 2.0]]))
        facts = Document(page(found).content).facts()
        assert facts["live"] is False
        assert facts["columns"] == json.loads(json.dumps(columns(found)))
        assert facts["columns"]["value"] == "Infinity"
        assert facts["columns"]["gradients"]["W"] == [[1.0, 1.0]]
        for index, value in enumerate(facts["columns"]["values"]):
            shown = value if isinstance(value, list) else [value]
            assert all(isinstance(one, (int, float, str, list)) for one in shown), index

    def test_numbers_that_it_can(self) -> None:
        facts = Document(content("x*y", x=2.0, y=3.0)).facts()
        assert facts["live"] is True
        assert "columns" not in facts


def _assert_inert(text: str) -> None:
    found = Document(text)
    assert [tag for tag, _ in found.elements].count("script") == 3
    assert found.comments == []
    assert found.facts()["gates"]
    assert not hidden(re.sub("[\n\t]", "", text))
    allowed = re.search("script-src ([^;]*)", found.policy())
    assert allowed
    assert allowed[1].split() == [digest(script) for script in found.within("script")[1:]]


class TestHostile:
    @pytest.mark.parametrize("name", TEXTS)
    def test_any_text(self, name: str) -> None:
        """In a comment of the program: the facts hold it, and nothing but text comes of it."""
        _assert_inert(content("# " + TEXTS[name].replace("\n", " ").replace("\r", " ") + "\nx*y", x=1.0, y=2.0))

    @pytest.mark.parametrize(
        "text", ["</script>", "</SCRIPT >", "<!--script-->", "<!--facts-->", "<!--", "]]>", "</style></svg>", "😀"]
    )
    def test_what_ends_an_element_or_stands_for_a_part(self, text: str) -> None:
        _assert_inert(content(f"# {text}\nx*y # {text}", x=1.0, y=2.0))

    def test_a_line_of_ten_thousand_characters(self) -> None:
        long = "+".join(["x"] + ["0.125"] * 40) + " #" + "<" * 10_000
        text = content(long, x=1.0)
        _assert_inert(text)
        title = "".join(Document(text).within("title"))
        assert len(title) <= 80

    def test_names_that_scripts_know(self) -> None:
        names = ("constructor", "__proto__", "toString", "document", "window", "gradcliTrace", "facts", "eval")
        _assert_inert(content("*".join(names), **dict.fromkeys(names, 1.5)))

    @pytest.mark.parametrize("source", ["", "\n\n", "  # only\n"])
    def test_a_program_that_begins_late(self, source: str) -> None:
        _assert_inert(content(f"{source}x*y", x=1.0, y=2.0))


class TestUsualRange:
    @pytest.mark.parametrize(
        ("value", "reach"),
        [
            (0.0, 1.0), (0.01, 1.0), (0.25, 1.0), (0.3, 2.0), (1.0, 5.0), (2.0, 10.0), (-4.0, 20.0), (300.0, 2000.0),
            (3e-8, 2e-7), (1e-3, 1.0), (5e-324, 2e-323), (1e100, 5e100), (math.inf, 1.0), (math.nan, 1.0),
        ],
    )  # fmt: skip
    def test_of_numbers(self, value: float, reach: float) -> None:
        assert usual_range([value]) == (-reach, reach)

    def test_of_arrays(self) -> None:
        assert usual_range([0.5, -3.0, math.inf]) == (-20.0, 20.0)
        assert usual_range([]) == (-1.0, 1.0)

    @pytest.mark.parametrize("value", [2e307, -2e307, 1e308, -1e308, 1.7976931348623157e308, -1.7976931348623157e308])
    def test_of_the_largest_there_are(self, value: float) -> None:
        low, high = usual_range([value])
        assert low <= value <= high
        assert math.isfinite(high - low)

    def test_a_value_is_always_within(self) -> None:
        for exponent in range(-323, 307):
            for digits in ("1", "1.2499", "1.25", "2.5", "4.99", "9.999999"):
                value = float(f"{digits}e{exponent}")
                low, high = usual_range([value])
                assert 0 < value < high == -low

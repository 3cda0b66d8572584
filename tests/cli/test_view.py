"""gradcli view: options, streams and files, the browser, what is refused. The page itself: tests/page."""

from __future__ import annotations

import json
import re
import stat
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from drawn import only
from outcomes import Cli, Refused

from gradcli.page import Page, PageOptions

PRODUCT = ["view", "(x+y)*z", "--x", "2", "--y", "3", "--z", "-4"]
ARRAY = ["view", "sum(W*W)", "--W", "[[1, 2], [3, -4]]"]


def facts(text: str) -> dict[str, Any]:
    found = re.search(r'<script id="facts" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[PageOptions]:
    """The options that pages would have been made with; none is made."""
    seen: list[PageOptions] = []

    def page(trace: Any, options: PageOptions) -> Page:
        seen.append(options)
        return Page("page", "")

    monkeypatch.setattr("gradcli.cli.view.page", page)
    return seen


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser is asked to show."""
    places: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda place: places.append(place) is None)
    return places


class TestOutput:
    def test_to_standard_output_and_to_a_file(self, cli: Cli, tmp_path: Path) -> None:
        outcome = cli(*PRODUCT)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out.startswith("<!doctype html>")
        assert cli(*PRODUCT, "-o", f"{tmp_path}/page.html") == (0, "", "")
        assert (tmp_path / "page.html").read_bytes().decode() == outcome.out
        only(tmp_path, "page.html")

    def test_a_terminal_gets_none(self, refused: Refused) -> None:
        message = refused(*PRODUCT, terminal=True)
        assert "a page is not for a terminal" in message
        assert "-o page.html" in message

    @pytest.mark.parametrize("name", ["page.pdf", "page.svg", "page.html.txt"])
    def test_another_format_is_refused(self, name: str, refused: Refused, tmp_path: Path) -> None:
        """Rather than written under a name that says something else."""
        message = refused("view", "x*2", "--x", "1", "-o", str(tmp_path / name))
        assert "a page is HTML" in message
        assert "-o page.html" in message
        assert not [*tmp_path.iterdir()]

    def test_a_file_that_exists_stays_until_a_page_is_made(self, cli: Cli, refused: Refused, tmp_path: Path) -> None:
        out = tmp_path / "page.html"
        out.write_text("before")
        out.chmod(0o640)
        refused("view", "(x+y)*z", "--x", "2", "-o", str(out))
        assert out.read_text() == "before"
        assert cli(*PRODUCT, "-o", str(out)).status == 0
        assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
        assert stat.S_IMODE(out.stat().st_mode) == 0o640
        assert "No such file" in refused(*PRODUCT, "-o", f"{tmp_path}/no/page.html", status=74)

    def test_notes_and_warnings(self, cli: Cli) -> None:
        outcome = cli("view", "r = x*2\nq = x\nabs(q)", "--vars", "-", stdin=b'{"x": 0, "b": 1}')
        assert outcome.status == 0
        assert outcome.err.splitlines()[0].startswith("note: not used by the program: b")
        assert "note: not needed for the output and left out: r" in outcome.err
        assert "warning: " in outcome.err
        strict = cli("view", "abs(x)", "--x", "0", "--strict")
        assert strict.status == 1
        assert strict.out.startswith("<!doctype html>")


class TestBrowser:
    def test_a_named_file_is_shown(self, cli: Cli, opened: list[str], tmp_path: Path) -> None:
        assert cli(*PRODUCT, "--open", "-o", f"{tmp_path}/a page.html") == (0, "", "")
        assert opened == [(tmp_path / "a page.html").as_uri()]

    def test_without_a_name_its_place_is_told(self, cli: Cli, opened: list[str]) -> None:
        """Also on a terminal, since nothing goes there."""
        for terminal in (False, True):
            outcome = cli(*PRODUCT, "--open", terminal=terminal)
            assert (outcome.status, outcome.out) == (0, "")
            place = Path(unquote(urlparse(opened[-1]).path))
            assert outcome.err == f"note: the page is {place}\n"
            assert place.read_text(encoding="utf-8").startswith("<!doctype html>")
            if hasattr(place, "owner"):
                assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700

    def test_a_machine_without_one(self, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The page is written: that is no failure."""

        def fails(place: str) -> bool:
            raise webbrowser.Error("could not locate runnable browser")

        out = f"{tmp_path}/page.html"
        for opens in (fails, lambda place: False):
            monkeypatch.setattr(webbrowser, "open", opens)
            told = cli(*PRODUCT, "--open", "-o", out)
            assert told == (0, "", f"note: no browser could be started; open {out} in one\n")

    def test_nothing_is_shown_unasked_or_after_a_failure(
        self, cli: Cli, refused: Refused, opened: list[str], tmp_path: Path
    ) -> None:
        cli(*PRODUCT, "-o", f"{tmp_path}/page.html")
        refused("view", "x*y", "--x", "1", "--open")
        refused(*PRODUCT, "--open", "-o", f"{tmp_path}/no/page.html", status=74)
        assert "--open needs a file" in refused(*PRODUCT, "--open", "-o", "-")
        assert opened == []


class TestRanges:
    def test_what_sliders_get(self, cli: Cli, asked: list[PageOptions]) -> None:
        assert cli(*PRODUCT, "--range", "x=-3..2pi", "--range", "z = -4 .. 1e3").status == 0
        assert cli(*ARRAY, "--range", "W=-5..5").status == 0
        assert cli(*ARRAY, "--range", "W=-5..5", "--unroll").status == 0
        assert [one.ranges for one in asked] == [
            {"x": (-3.0, pytest.approx(6.283185307179586)), "z": (-4.0, 1000.0)},
            {"W": (-5.0, 5.0)},
            {f"W[{row},{column}]": (-5.0, 5.0) for row in range(2) for column in range(2)},
        ]

    def test_they_are_on_the_page(self, cli: Cli) -> None:
        inputs = facts(cli(*PRODUCT, "--range", "x=-3..2").out)["inputs"]
        assert [(one["name"], one["low"], one["high"]) for one in inputs] == [
            ("x", -3.0, 2.0), ("y", -20.0, 20.0), ("z", -20.0, 20.0),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("range_", "message", "hint"),
        [
            ("w=1..2", "the program has no input w", "x, y, z"),
            ("x", "--range x has no value", ""),
            ("=1..3", "--range =1..3 has no name", ""),
            ("x=3", "the range of x is not LOW..HIGH: 3", "--range x=LOW..HIGH"),
            ("x=", "the range of x is not LOW..HIGH", "--range x=LOW..HIGH"),
            ("x=3..1", "the range of x is reversed: 3..1", "--range x=LOW..HIGH"),
            ("x=2..2", "the range of x ends where it begins: 2..2", "--range x=LOW..HIGH"),
            ("x=2..inf", "the range of x is not finite: 2..inf", "--range x=LOW..HIGH"),
            ("x=nan..2", "the range of x is not finite: nan..2", "--range x=LOW..HIGH"),
            ("x=-1e308..1e308", "the range of x is too wide", "--range x=LOW..HIGH"),
            ("x=a..2", "the value of x is not a number: a", ""),
            ("x=3..5", "the range of x does not hold its value 2.0", "wider"),
        ],
    )
    def test_refused(self, range_: str, message: str, hint: str, refused: Refused) -> None:
        told = refused(*PRODUCT, "--range", range_)
        assert message in told
        assert hint in told

    def test_twice_and_of_what_has_no_slider(self, cli: Cli, refused: Refused) -> None:
        assert "x is given twice" in refused(*PRODUCT, "--range", "x=1..3", "--range", "x=1..4")
        program = ["view", "r = 2u\nx*x", "--x", "1", "--u", "1"]
        assert "u is not needed for the output: it has no slider" in cli(*program, "--range", "u=0..2").err
        program = ["view", "x^2*[3, 4][k]", "--x", "1", "--k", "1"]
        assert "k was used up when the graph was built" in refused(*program, "--range", "k=0..2")
        assert "q is computed by the program" in refused("view", "q = x\nq*q", "--x", "1", "--range", "q=0..2")


class TestOptions:
    def test_what_a_page_is_asked_for(self, cli: Cli, asked: list[PageOptions]) -> None:
        options = ["--rankdir", "tb", "--path", "x", "--depth", "3", "--seconds", "5", "--collapse", "f, 2"]
        assert cli(*PRODUCT, *options, "--no-clusters", "--theme", "DARK").status == 0
        assert cli(*PRODUCT).status == 0
        first, second = asked
        drawn = first.picture
        assert (drawn.rankdir, drawn.path, drawn.depth, drawn.seconds) == ("TB", "x", 3, 5.0)
        assert (drawn.collapse, drawn.clusters, first.theme) == (("f", "2"), False, "dark")
        assert second == PageOptions()

    def test_less_is_drawn_and_all_is_computed(self, cli: Cli) -> None:
        outcome = cli("view", "q = x*y\nq + sin(z)", "--x", "1", "--y", "2", "--z", "3", "--depth", "1")
        assert "note: 3 of 6 gates are shown" in outcome.err
        assert {*re.findall(r'<g id="(g\d+)"', outcome.out)} == {"g3", "g4", "g5"}
        assert len(facts(outcome.out)["gates"]) == 6

    def test_rewriting(self, cli: Cli) -> None:
        def operations(*options: str) -> set[str]:
            return {gate["op"] for gate in facts(cli(*options).out)["gates"]}

        program = ("view", "sigmoid(x)*sigmoid(x)", "--x", "1")
        assert operations(*program) == {"input", "sigmoid", "mul"}
        assert "exp" in operations(*program, "--expand", "all")
        assert len(facts(cli(*program, "--share").out)["gates"]) == 3
        assert operations("view", "1/(1 + exp(-x))", "--x", "1", "--fuse") == {"input", "sigmoid"}
        assert len(facts(cli(*ARRAY, "--unroll").out)["inputs"]) == 4

    @pytest.mark.parametrize(
        ("options", "message", "hint"),
        [
            (["--theme", "blue"], "--theme can't be blue", "auto, light, dark"),
            (["--rankdir", "RL"], "--rankdir can't be RL", "LR, TB"),
            (["--seconds", "nan"], "--seconds nan is not a time", ""),
            (["--path", "w"], "--path w: no input or stage of that name", ""),
            (["--collapse", "w"], "--collapse w: no function, stage or loop of that name", ""),
            (["--wrt", "w"], "w is not an input", ""),
            (["--max-gates", "2"], "gates", "--max-gates"),
        ],
    )
    def test_bad_values(self, options: list[str], message: str, hint: str, refused: Refused) -> None:
        told = refused(*PRODUCT, *options)
        assert message in told
        assert hint in told


class TestRefused:
    def test_without_values(self, refused: Refused) -> None:
        assert refused("view", "(x+y)*z", "--x", "2") == (
            "gradcli: no value for y, z\nhint: give them as --y VALUE --z VALUE\n"
        )

    def test_nothing_to_differentiate_by(self, refused: Refused) -> None:
        assert "no input to differentiate by" in refused("view", "2*3")

    def test_an_array_as_the_output(self, refused: Refused) -> None:
        message = refused("view", "x*[1, 2]", "--x", "1")
        assert "only a number has a gradient" in message
        assert "sum(…)" in message

    def test_too_many_gates_for_a_layout_in_time(self, refused: Refused) -> None:
        many = "; ".join(["a0 = x", *(f"a{i} = sin(a{i - 1})*a{i // 2}" for i in range(1, 300)), "a299"])
        message = refused("view", many, "--x", "1", "--seconds", "0.01")
        assert "the layout took more than 0.01 seconds" in message
        assert message.splitlines()[1] == "hint: show less (--path, --depth, --of), or allow more (--seconds)"

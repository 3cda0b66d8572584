"""gradcli dot: values or structure, options, streams and files, what is missing. Formats: test_dot_formats.py."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from drawn import PRODUCT, kind_of, only
from outcomes import Cli, Refused
from processes import GRADCLI, environment, fails, process, shell

from gradcli.render.picture import Drawn, Options


def _tangled(stages: int) -> str:
    """A program whose every stage uses two stages anywhere before it: a layout of long duration."""
    number = Random(1).randrange
    lines = [f"a{i} = a{number(i)}*sin(a{number(i)} + {i}) + a{i - 1}" for i in range(1, stages)]
    return "\n".join(["a0 = x", *lines, f"a{stages - 1}"])


LARGE = _tangled(400)


class TestValues:
    def test_without_any_the_structure(self, cli: Cli) -> None:
        outcome = cli("dot", "(x+y)*z")
        assert (outcome.status, outcome.err) == (0, "")
        assert "∂" in outcome.out
        assert cli(*PRODUCT).out != outcome.out
        assert "-12" not in outcome.out

    def test_a_program_without_inputs_has_its_values(self, cli: Cli) -> None:
        assert "6" in cli("dot", "2*3").out

    def test_some_but_not_all(self, refused: Refused, tmp_path: Path) -> None:
        assert refused("dot", "(x+y)*z", "--x", "2") == (
            "gradcli: no value for y, z\n"
            "hint: give them as --y VALUE --z VALUE; or leave out the values: the structure needs none\n"
        )
        for values in (b"{}", b'{"x": 1}', b'{"other": 1}'):
            assert "no value for" in refused("dot", "(x+y)*z", "--vars", "-", stdin=values)
        refused("dot", "x*y", "--set", "x=1", "-o", f"{tmp_path}/g.svg")
        only(tmp_path)

    def test_unknown_and_misspelt(self, refused: Refused) -> None:
        assert "the program has no input w" in refused("dot", "x", "--x", "1", "--w", "2")
        assert "did you mean --theme?" in refused("dot", "x", "--x", "1", "--thme", "dark")
        assert 'gradcli dot "(x+y)*z"' in refused("dot")

    @pytest.mark.parametrize("options", [["--heat"], ["--wrt", "x"]])
    def test_options_that_need_values(self, options: list[str], refused: Refused) -> None:
        assert f"{options[0]} needs values" in refused("dot", "x*y", *options)

    def test_notes_and_warnings(self, cli: Cli) -> None:
        outcome = cli("dot", "r = x*2\nq = x\nabs(q)", "--vars", "-", stdin=b'{"x": 0, "b": 1}')
        assert outcome.status == 0
        assert outcome.err.splitlines()[0].startswith("note: not used by the program: b")
        assert "note: not needed for the output and left out: r" in outcome.err
        assert "warning: " in outcome.err
        second = cli("dot", "abs(x)", "--x", "1", "--against", "x=0")
        assert second.err.startswith("warning: at the second point: ")

    def test_a_large_graph_says_what_it_leaves_out(self, cli: Cli) -> None:
        outcome = cli("dot", LARGE, "--x", "1")
        assert outcome.status == 0
        assert outcome.err.startswith("note: ")
        assert "gates" in outcome.err


LESS: list[list[str]] = [[], ["--path", "z"], ["--path", "r"], ["--depth", "0"]]


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message", "hint"),
        [
            (["--theme", "blue"], "--theme can't be blue", "it is one of auto, light, dark"),
            (["--theme", ""], "--theme can't be empty", "it is one of auto, light, dark"),
            (["--rankdir", "RL"], "--rankdir can't be RL", "it is one of LR, TB"),
            (["--depth", "-1"], "-1 is not in the range", "--help"),
            (["--depth", "x"], "x' is not a valid int", "--help"),
            (["--seconds", "0"], "0.0 is not in the range", "--help"),
            (["--seconds", "inf"], "inf is not in the range", "--help"),
            (["--seconds", "nan"], "--seconds nan is not a time", "--seconds 20"),
            (["--path", "w"], "--path w: no input or stage of that name", "x, y, z"),
            (["--path", ""], "--path", "x, y, z"),
            (["--collapse", "w"], "--collapse w: no function, stage or loop of that name", ""),
            (["--collapse", " , "], "--collapse names nothing", "--collapse NAME"),
            (["--against", "x"], "--against x has no value", "write --against x=VALUE"),
            (["--against", "=1"], "--against =1 has no name", "write --against NAME=VALUE"),
            (["--against", "x=two"], "the value of x is not a number", ""),
            (["--against", "x=1", "--against", "x=2"], "x is given twice", ""),
            (["--against", "w=1"], "the program has no input w", "x, y, z"),
            (["--wrt", "w"], "w is not an input", ""),
        ],
    )
    def test_bad_values(self, options: list[str], message: str, hint: str, refused: Refused) -> None:
        told = refused(*PRODUCT, *options)
        assert message in told
        assert hint in told

    def test_against(self, cli: Cli, refused: Refused) -> None:
        both = cli(*PRODUCT, "--against", "x=10", "--against", "z=1").out
        assert re.search("2.[│|].10", both)
        assert "needs a first point" in refused("dot", "x*y", "--against", "x=3")
        message = refused("dot", "q = 2x\nq*x", "--x", "1", "--against", "q=3")
        assert "q is computed by the program" in message
        only = "only one of the expression, --vars and a value can come from standard input"
        assert only in refused("dot", "-", "--x", "1", "--against", "x=@-", stdin=b"x")

    def test_theme_and_direction(self, cli: Cli) -> None:
        pictures = {cli(*PRODUCT, "-Tsvg", "--theme", theme).out for theme in ("auto", "light", "dark", "DARK")}
        assert len(pictures) == 3
        assert "prefers-color-scheme" in cli(*PRODUCT, "-Tsvg").out
        for direction in ("LR", "TB"):
            for written in (direction, direction.lower()):
                assert f"rankdir={direction}" in cli(*PRODUCT, "--rankdir", written).out

    def test_less_is_shown(self, cli: Cli) -> None:
        program = ("dot", "q = x*y\nr = sin(z)\nq + r", "--x", "1", "--y", "2", "--z", "3")
        shown = [set(re.findall(r"^\t(g\d+) \[", cli(*program, *more).out, re.MULTILINE)) for more in LESS]
        assert shown == [{"g0", "g1", "g2", "g3", "g4", "g5"}, {"g2", "g4", "g5"}, {"g4", "g5"}, {"g5"}]
        assert cli(*program, "--depth", "0").err.startswith("note: 1 of 6 gates are shown")

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ([], ()),
            (["f"], ("f",)),
            (["f, g", "2"], ("f", "g", "2")),
            (["W[0,1],t = 2"], ("W[0,1]", "t = 2")),
            (["µ,,"], ("μ",)),
        ],
    )
    def test_what_collapse_names(
        self, given: list[str], names: tuple[str, ...], cli: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Options] = []

        def drawn(graph: Any, traces: Any, name: str, options: Options) -> Drawn:
            seen.append(options)
            return Drawn("", "")

        monkeypatch.setattr("gradcli.cli.dot.draw", drawn)
        assert cli(*PRODUCT, *[part for name in given for part in ("--collapse", name)]).status == 0
        assert cli(*PRODUCT, "--no-clusters").status == 0
        assert [(one.collapse, one.clusters) for one in seen] == [(names, True), ((), False)]

    def test_a_path_is_named_in_any_form(self, cli: Cli) -> None:
        assert cli("dot", "μ*2", "--path", "µ").status == 0

    def test_heat_and_legend(self, cli: Cli) -> None:
        assert "penwidth=4" in cli(*PRODUCT, "--heat").out
        assert 'class="legend"' in cli(*PRODUCT, "-Tsvg").out
        assert 'class="legend"' not in cli(*PRODUCT, "-Tsvg", "--no-legend").out

    @pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
    def test_the_layout_ends_when_interrupted(self) -> None:
        running = subprocess.Popen(
            [*GRADCLI, "dot", _tangled(1500), "-Tsvg", "--seconds", "600"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        time.sleep(2.5)
        assert running.poll() is None, "it should take longer"
        running.send_signal(signal.SIGINT)
        started = time.monotonic()
        assert running.communicate(timeout=60) == (b"", b"gradcli: interrupted\n")
        assert running.returncode == 130
        assert time.monotonic() - started < 5

    def test_the_layout_ends_in_time(self, refused: Refused, tmp_path: Path) -> None:
        out = tmp_path / "g.svg"
        started = time.monotonic()
        message = refused("dot", LARGE, "--x", "1", "-o", str(out), "--seconds", "0.01")
        assert time.monotonic() - started < 10
        assert "the layout took more than 0.01 seconds" in message
        for way in ("--path", "--depth", "--of", "--collapse", "-T dot", "--seconds"):
            assert way in message
        only(tmp_path)


class TestWholeOrNotAtAll:
    def test_a_file_that_exists(self, cli: Cli, refused: Refused, tmp_path: Path) -> None:
        out = tmp_path / "g.svg"
        out.write_text("before")
        out.chmod(0o640)
        refused("dot", "(x+y)*z", "--x", "2", "-o", str(out))
        assert out.read_text() == "before"
        assert cli(*PRODUCT, "-o", str(out)) == (0, "", "")
        assert kind_of(out.read_bytes()) == "svg"
        assert stat.S_IMODE(out.stat().st_mode) == 0o640

    def test_failures(self, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "No such file or directory" in refused(*PRODUCT, "-o", f"{tmp_path}/no/g.svg", status=74)

        def full(*_: Any) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", full)
        assert "No space left on device" in refused(*PRODUCT, "-o", f"{tmp_path}/g.svg", status=74)
        only(tmp_path)

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
    def test_full_closed_and_missing_streams(self) -> None:
        fails(shell('"$@" >/dev/full', *PRODUCT), 74, "No space left on device")
        fails(shell('"$@" >&-', *PRODUCT), 74, "standard output is closed")
        many = ["dot", "+".join(f"sin(x*{i})" for i in range(1500))]
        done = shell('"$@" | head -c 10; exit ${PIPESTATUS[0]}', *many)
        assert (done.returncode, done.stdout, done.stderr) == (141, b"digraph gr", b"")


class TestBytes:
    PROGRAM = ("dot", "θ = x₁*sin(y)\nθ + max(x₁, y) + 1/z", "--x₁", "2", "--y", "3", "--z", "0")

    @pytest.mark.parametrize("name", ["dot", "svg", "mermaid"])
    def test_the_same_in_every_environment(self, name: str) -> None:
        settings: list[dict[str, str]] = [{"PYTHONIOENCODING": encoding} for encoding in ("latin-1", "ascii", "utf-16")]
        settings += [{"PYTHONHASHSEED": seed} for seed in ("0", "1", "random")]
        settings += [{"LC_ALL": "C"}, {"COLUMNS": "20", "FORCE_COLOR": "1"}]
        outputs = {process(*self.PROGRAM, "-T", name, **setting).stdout for setting in settings}
        assert len(outputs) == 1
        assert "θ" in next(iter(outputs)).decode("utf-8")


class TestMissing:
    def test_the_extra_for_png(self, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "resvg_py", None)
        message = refused(*PRODUCT, "-o", f"{tmp_path}/g.png")
        assert message == 'gradcli: PNG needs the extra images\nhint: pip install "gradcli[images]"\n'
        only(tmp_path)

    @pytest.mark.parametrize("home", [None, "/proc"])
    def test_an_empty_path_and_no_home(self, home: str | None, tmp_path: Path) -> None:
        """/proc takes no file from anyone; the layout then compiles without a cache."""
        setting = environment(PATH="") | ({} if home is None else {"HOME": home})
        if home is None:
            del setting["HOME"]
        done = subprocess.run([*GRADCLI, *PRODUCT, "-T", "svg"], capture_output=True, env=setting, timeout=60)
        assert (done.returncode, done.stderr, kind_of(done.stdout)) == (0, b"", "svg")

    def test_a_user_without_a_home(self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As in a container that runs under a number without a name."""
        pytest.importorskip("resvg_py")

        def unknown(number: int) -> Any:
            raise KeyError(number)

        monkeypatch.setattr(pytest.importorskip("pwd"), "getpwuid", unknown)
        monkeypatch.delenv("HOME", raising=False)
        assert cli(*PRODUCT, "-o", f"{tmp_path}/g.png") == (0, "", "")

"""A little of tests/fuzzing.py, the same in every run: whatever the input, an answer or one message."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import fuzzing
import pytest
from fuzz_input import HUGE, Arguments, Line, Texts, shrunk, shrunk_line
from fuzzing import Finding, Outcome, Report

import gradcli
from gradcli.cli.app import COMMANDS


def _expect_nothing(report: Report) -> None:
    assert not report.findings, "\n".join(f"{problem}\n{line}" for problem, line in report.findings.items())


def test_any_text_is_answered_or_refused() -> None:
    """By the parser, by `gradcli.evaluate`, by the printer of programs."""
    report = Report()
    assert fuzzing.fuzz_texts(400_000, Random("texts"), report) >= 400_000
    _expect_nothing(report)
    seen = report.counts["texts"]
    assert seen.keys() == {"evaluated", "ParseError", "ProgramError", "BindingError", "LimitError"}
    assert min(seen[kind] for kind in ("evaluated", "ParseError", "ProgramError", "BindingError")) > 20


@pytest.mark.parametrize("text", HUGE)
def test_little_text_can_not_ask_for_much(text: str) -> None:
    """Of gates, turns, elements, axes: it is refused before it takes time or memory."""
    assert fuzzing.try_text(text) in ("LimitError", "ProgramError")


def test_any_command_line_is_answered_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With documented statuses, without tracebacks or pieces of results, and no file is written that nobody named."""
    monkeypatch.delenv("GRADCLI_TRACEBACK", raising=False)
    here, report = Path.cwd(), Report()
    assert fuzzing.fuzz_lines(200_000, Random("command lines"), report, layout=0.0) >= 200_000
    _expect_nothing(report)
    assert Path.cwd() == here
    seen = report.counts["command lines"]
    assert {"0", "2", "74", "141"} <= seen.keys() <= {"0", "1", "2", "74", "141"}
    assert seen["0"] > 10


def test_every_command_and_option_is_tried() -> None:
    """Command lines come from the commands' own parameters."""
    source, words = Arguments(Random(0), 0.1), Counter[str]()
    for _ in range(11_000):
        words.update(argument.partition("=")[0] for argument in source.arguments())
    for command in COMMANDS:
        assert words[command] > 50, command
        for parameter in source.parameters[command]:
            if parameter.param_type_name == "option":
                assert all(words[name] for name in parameter.opts), parameter.opts


def test_the_same_seed_gives_the_same_input() -> None:
    one, other = (Texts(Random(5)) for _ in range(2))
    assert [one.text() for _ in range(200)] == [other.text() for _ in range(200)]
    first, second = (Arguments(Random(5), 0.1) for _ in range(2))
    assert [first.line() for _ in range(50)] == [second.line() for _ in range(50)]


# The checks themselves


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(70, b"", "gradcli: a bug in gradcli: KeyError: 'x'\n"),
        Outcome(1, b"", "Traceback (most recent call last):\n"),
        Outcome(2, b"{", "gradcli: no\n"),
        Outcome(0, b'{"value": 1, "gates": [\n', ""),
        Outcome(0, b'{"value": NaN}\n', ""),
        Outcome(2, b"", "no\n"),
        Outcome(2, b"", "gradcli: one\ngradcli: two\n"),
        Outcome(2, b"", "gradcli: one\n2\n3\n4\n5\n"),
        Outcome(2, b"", "gradcli: \x1b[31m\n"),
        Outcome(2, b"", "gradcli: " + "x" * 3000 + "\n"),
    ],
)
def test_what_must_not_happen_is_seen(outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "invoke", lambda line: outcome)
    with pytest.raises(Finding):
        fuzzing.try_line(Line(["eval", "x"], b"", {}, None), tmp_path)


@pytest.mark.parametrize(("status", "named", "seen"), [(0, "out", False), (0, "other", True), (2, "out", True)])
def test_a_file_that_nobody_named_is_seen(
    status: int, named: str, seen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invoke(line: Line) -> Outcome:
        (tmp_path / "out").write_text("")
        return Outcome(status, b"", "gradcli: no\n")

    monkeypatch.setattr(fuzzing, "invoke", invoke)
    line = Line(["eval", "x", "-o", named], b"", {"program": b"x"}, None)
    if seen:
        with pytest.raises(Finding, match="written"):
            fuzzing.try_line(line, tmp_path)
    else:
        assert fuzzing.try_line(line, tmp_path) == str(status)
    assert [path.name for path in tmp_path.iterdir()] == ["program"]


def test_slow_input_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "SECONDS", -1.0)  # less than any input takes
    with pytest.raises(Finding, match="took"):
        fuzzing.try_text("x + 1")


def test_endless_input_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has a timer for processor time; without one, the run says afterwards how long it took."""
    if not hasattr(signal, "setitimer"):
        return

    def parse(text: str) -> Any:
        while True:
            pass

    monkeypatch.setattr(fuzzing, "SECONDS", 0.1)
    monkeypatch.setattr(gradcli, "parse", parse)
    with pytest.raises(Finding, match="does not end"):
        fuzzing.try_text("x")


def test_findings_are_made_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def parse(text: str) -> Any:
        if "$" in text:
            raise KeyError("a bug")
        raise gradcli.ParseError("no")

    report = Report()
    monkeypatch.setattr(gradcli, "parse", parse)
    fuzzing.attempt(report, "texts", fuzzing.try_text, "a + b$ - c", shrunk)
    assert report.findings == {"KeyError: 'a bug'": "'$'"}

    def run(line: Line) -> str:
        if any("7" in argument for argument in line.arguments):
            raise KeyError("another")
        return "0"

    whole = Line(["eval", "x*7 + 2", "--x", "1"], b"1", {"program": b"2"}, None)
    fuzzing.attempt(report, "command lines", run, whole, shrunk_line)
    assert report.findings["KeyError: 'another'"] == repr(Line(["7"], b"", {"program": b""}, None))


@pytest.mark.parametrize("fault", [BrokenPipeError, OSError])
def test_a_result_that_cannot_be_written(fault: type[OSError], tmp_path: Path) -> None:
    status = fuzzing.try_line(Line(["eval", "x", "--x", "1"], b"", {}, fault), tmp_path)
    assert status == ("141" if fault is BrokenPipeError else "74")


def test_the_long_run_is_one_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts what it did, and says whether anything was found."""
    monkeypatch.setattr(
        "sys.argv", ["fuzzing.py", "--bytes", "2000", "--programs", "5", "--arrays", "6", "--seed", "3"]
    )
    assert fuzzing.main() == 0
    shown = capsys.readouterr().out.splitlines()
    told = [line.split(" s  ")[1].split(":")[0] for line in shown if " s  " in line]
    assert told == ["texts", "command lines", "programs", "programs with arrays"]
    assert shown[-1] == "seed 3: 0 findings"

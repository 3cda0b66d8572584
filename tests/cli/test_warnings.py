"""Warnings on standard error, marks in the output, and --strict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from outcomes import Cli, Golden, Refused

EVERYTHING = "relu(x) + sigmoid(40*x) + 1/y + max(y, 0) + abs(y) + exp(-800 + y) + exp(800 + y) - exp(800 + y)"
POINT = ("--x", "-3", "--y", "0")


def _warnings(err: str) -> list[str]:
    return [line.removeprefix("warning: ") for line in err.splitlines() if line.startswith("warning: ")]


def test_the_most_severe_comes_first(cli: Cli, golden: Golden) -> None:
    arguments = ("eval", EVERYTHING, *POINT)
    outcome = cli(*arguments, COLUMNS="80")
    golden("cli/golden/eval/warnings-80-columns.txt", outcome.transcript(arguments))
    told = [
        "is inf at y", "is inf at g", "is inf at g", "is undefined at", "has a tie", "has a kink",
        "underflows", "is saturated", "passes no gradient",
    ]  # fmt: skip
    for warning, words in zip(_warnings(outcome.err), told, strict=True):
        assert words in warning


def test_the_first_number_that_is_not_finite_shows_its_place_and_a_way_out(cli: Cli) -> None:
    outcome = cli("eval", "q = 1/(1 + exp(-x))\nq*abs(y)", "--x", "-800", "--y", "0")
    assert outcome.err.splitlines() == [
        "warning: exp(g4) is inf at g4 = 800.0",
        "  line 1: q = 1/(1 + exp(-x))",
        "                     ^^^^^^^",
        "hint: write sigmoid(x) for 1/(1 + exp(-x))",
        "warning: abs(y) has a kink at y = 0.0: the slopes are -1 and 1; 0 is taken",
    ]
    assert "hint" not in cli("eval", "log(x)", "--x", "-1").err
    assert cli("eval", "relu(x)", "--x", "0").err.count("\n") == 2, "a kink is told by its message alone"


def test_warnings_beyond_five_of_a_kind_are_counted(cli: Cli) -> None:
    text = "+".join([*(f"abs(x - {i} + {i})" for i in range(30)), *(f"relu(x - {i})" for i in range(1, 4)), "1/x"])
    outcome = cli("eval", text, "--x", "0")
    lines = _warnings(outcome.err)
    assert len(lines) == 1 + 5 + 3 + 1
    assert lines[-1] == "and 25 more (kink: 25); gradcli eval --json lists them"


@pytest.mark.parametrize("format", ["table", "tree", "markdown"])
@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "⚠"), ("ascii", "!")])
def test_every_gate_with_a_warning_is_marked(format: str, encoding: str, sign: str, cli: Cli) -> None:
    outcome = cli("eval", EVERYTHING, *POINT, "--format", format, encoding=encoding)
    document = cli("eval", EVERYTHING, *POINT, "--json").trace
    kinds: dict[str, list[str]] = {}
    for warning in document["warnings"]:
        kinds.setdefault(warning["gate"], []).append(warning["kind"])
    if format == "markdown":
        sign, encoding = "⚠", "utf-8"
        outcome = cli("eval", EVERYTHING, *POINT, "--format", format)
    marked = {}
    for line in outcome.out.splitlines():
        if f" {sign} " in line:
            mark = re.split(r"   |\|", line.partition(f" {sign} ")[2])[0].strip()
            marked[re.findall(r"\bg\d+\b", line)[0]] = mark.split(", ")
    written = {gate: [kind.replace("·", "*") if sign == "!" else kind for kind in told] for gate, told in kinds.items()}
    assert marked == written


def test_marks_are_yellow_and_machines_see_none(cli: Cli) -> None:
    assert "\x1b[33m  ⚠ kink, dead" in cli("eval", "relu(x)", "--x", "0", FORCE_COLOR="1").out
    for format in ("json", "ndjson", "csv"):
        out = cli("eval", "relu(x)", "--x", "0", "--format", format).out
        assert "⚠" not in out
        assert "\\u26a0" not in out


@pytest.mark.parametrize("width", [5, 20, 40, 60, 80, 120])
def test_marks_leave_numbers_whole(width: int, cli: Cli) -> None:
    text = "relu(0*sin(x*1/3))*max(1/3 + x, x + 1/3) + tanh(100*x)"
    gates = cli("eval", text, "--x", "0.1", "--json").trace["gates"]
    words = cli("eval", text, "--x", "0.1", COLUMNS=str(width)).out.split()
    for gate in gates:
        assert repr(gate["value"]) in words


@pytest.mark.parametrize(
    ("text", "values", "told"),
    [
        ("x^2 + relu(x)", {"x": "2"}, None),
        ("relu(x) + sigmoid(x)*exp(x)", {"x": "-800"}, None),  # dead, saturated and lost, but certain
        ("relu(x)", {"x": "0"}, "1 kink"),
        ("max(x, y, 2)*abs(y - x)", {"x": "2", "y": "2"}, "1 kink, 1 tie"),
        ("sqrt(x)", {"x": "0"}, "2 numbers that are not finite"),
        ("where(x > 1, sqrt(x), x)", {"x": "0"}, "1 number that is not finite"),
        ("x", {"x": "inf"}, "1 number that is not finite"),
        ("1e200*(1e200*x)", {"x": "0"}, "1 number that is not finite"),  # the global gradient alone
    ],
)
def test_strict(text: str, values: dict[str, str], told: str | None, cli: Cli) -> None:
    point = [word for name, value in values.items() for word in (f"--{name}", value)]
    loose = cli("eval", text, *point)
    strict = cli("eval", text, *point, "--strict")
    assert loose.status == 0
    assert strict.out == loose.out, "the result is delivered all the same"
    line = "" if told is None else f"gradcli: --strict: {told}\n"
    assert (strict.status, strict.err) == (0 if told is None else 1, loose.err + line)
    assert cli("dot", text, *point, "--strict").status == strict.status


def test_strict_pictures(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    out = tmp_path / "graph.dot"
    outcome = cli("dot", "abs(x)", "--x", "1", "--against", "x=0", "--strict", "-o", str(out))
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1] == "gradcli: --strict: at the second point: 1 kink"
    assert out.read_text(encoding="utf-8").startswith("digraph")
    assert cli("dot", "abs(x)", "--x", "1", "--strict").status == 0
    assert "--strict needs values" in refused("dot", "abs(x)", "--strict")


def test_an_input_called_strict(cli: Cli, refused: Refused) -> None:
    assert "by --set strict=2" in refused("eval", "strict*2", "--strict", "2")
    assert cli("eval", "strict*2", "--set", "strict=2", "--json").trace["value"] == 4.0

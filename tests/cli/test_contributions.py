"""gradcli eval --contributions: what adds up to the gradient of a shared weight."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from outcomes import Cli, Golden, Refused

SAMPLES = Path(__file__).parents[2] / "samples"
RECURRENT = (
    "h = 0\nfor t in 0..len(x) {\n  h = tanh(w*x[t] + u*h)\n}\nloss = (h - target)^2\nloss",
    "--x", "[1, -0.5, 0.25]", "--w", "0.75", "--u", "0.5", "--target", "1",
)  # fmt: skip
MATRIX = (
    "h = [0, 0]\nfor t in 0..len(X) {\n  h = tanh(W @ h + X[t])\n}\nloss = sum(h^2)\nloss",
    "--X", "[[1, 2], [-0.5, 1], [0.25, 0]]", "--W", "[[1, 2], [-1, 0.5]]",
)  # fmt: skip
WIDE = ("sum(w*w) + sum(tanh(w))", "--w", "[0.1, -0.2, 0.3, -0.4, 0.5, 1]")
FORMATS = ("table", "json", "csv", "markdown")


@pytest.fixture
def schema(cli: Cli) -> Any:
    document = json.loads(cli("schema", "contributions").out)
    Draft202012Validator.check_schema(document)
    return document


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("recurrent", (*RECURRENT, "--contributions", "w")),
        ("matrix", (*MATRIX, "--contributions", "W")),
        ("wide", (*WIDE, "--contributions", "w")),
        ("stage", ("q = x*y\nq*q + q", "--x", "2", "--y", "3", "--contributions", "q")),
    ],
)
def test_formats(name: str, arguments: tuple[str, ...], format: str, cli: Cli, golden: Golden) -> None:
    outcome = cli("eval", *arguments, "--format", format, COLUMNS="80")
    transcript = outcome.transcript(("eval", *arguments, "--format", format))
    golden(f"cli/golden/eval/contributions-{name}.{format}.txt", transcript)
    if format == "table":
        assert max(map(len, outcome.out.splitlines())) <= 80


def test_fifty_steps_add_up_to_the_gradient(cli: Cli, schema: Any) -> None:
    """Every use says its turn; the running sum ends at the gradient, to the last digit."""
    program = ("eval", f"@{SAMPLES / 'rnn.grad'}", "--vars", str(SAMPLES / "rnn-50.json"))
    gradients = cli(*program, "--json").trace["gradients"]
    for name in ("w", "u", "b"):
        document = cli(*program, "--contributions", name, "--json").trace
        Draft202012Validator(schema).validate(document)
        uses = document["uses"]
        assert [use["turns"]["t"] for use in uses] == [*range(49, -1, -1)]
        assert document["global_gradient"] == gradients[name] == uses[-1]["sum"]
        total = uses[0]["contribution"]
        for before, use in pairwise(uses):
            total += use["contribution"]
            assert (before["sum"] + use["contribution"], total) == (use["sum"], use["sum"])
    out = cli(*program, "--contributions", "w").out
    assert out.count(" t = ") == 50
    assert "50 contributions add up" in out


def test_contributions_are_those_of_the_trace(cli: Cli, schema: Any) -> None:
    for program, name in ((RECURRENT, "u"), (MATRIX, "W"), (WIDE, "w")):
        document = cli("eval", *program, "--contributions", name, "--json").trace
        Draft202012Validator(schema).validate(document)
        gates = {gate["id"]: gate for gate in cli("eval", *program, "--json").trace["gates"]}
        for use in document["uses"]:
            edge = gates[use["gate"]]["operands"][use["operand"]]
            assert edge["id"] == document["gate"]
            assert (edge["contribution"], edge["rule"]) == (use["contribution"], use["rule"])
        assert np.allclose(sum(np.array(use["contribution"]) for use in document["uses"]), document["global_gradient"])
        assert len(document["uses"]) == sum(
            edge["id"] == document["gate"] for gate in gates.values() for edge in gate["operands"]
        )


def test_turns_of_nested_loops_from_the_outermost_in(cli: Cli) -> None:
    program = "s = 1\nfor i in 0..2 {\n  for k in 0..3 {\n    s = s*w + i\n  }\n  s = s + w\n}\ns"
    uses = cli("eval", program, "--w", "0.5", "--contributions", "w", "--json").trace["uses"]
    found = [list(use["turns"].items()) for use in uses if use["text"].split(" = ")[-1].split()[-1] == "w"]
    inner = [[("i", i), ("k", k)] for i in (0, 1) for k in (0, 1, 2)]
    assert [turns for turns in found if len(turns) == 2] == inner[::-1]
    assert [turns for turns in found if len(turns) == 1] == [[("i", 1)], [("i", 0)]]


def test_csv_and_markdown_have_a_row_per_use(cli: Cli) -> None:
    uses = cli("eval", *MATRIX, "--contributions", "W", "--json").trace["uses"]
    rows = list(csv.DictReader(io.StringIO(cli("eval", *MATRIX, "--contributions", "W", "--format", "csv").out)))
    assert [json.loads(row["contribution"]) for row in rows] == [use["contribution"] for use in uses]
    assert [row["turns"] for row in rows] == ["t = 2", "t = 1", "t = 0"]
    lines = cli("eval", *MATRIX, "--contributions", "W", "--format", "markdown").out.splitlines()
    assert sum(re.match(r"\| g\d", line) is not None for line in lines) == len(uses)


def test_a_use_as_both_operands_is_two_uses(cli: Cli) -> None:
    uses = cli("eval", "x*x", "--x", "3", "--contributions", "x", "--json").trace["uses"]
    assert [(use["gate"], use["operand"], use["contribution"], use["sum"]) for use in uses] == [
        ("g1", 0, 3.0, 3.0),
        ("g1", 1, 3.0, 6.0),
    ]


def test_a_gate_that_nothing_uses_says_so(cli: Cli) -> None:
    output = cli("eval", "x*2", "--x", "3", "--contributions", "g2")
    assert "∂/∂g2 = 1.0\nthe output itself: the backward pass starts here\n" in output.out
    assert cli("eval", "x*2", "--x", "3", "--contributions", "g2", "--json").trace["uses"] == []
    assert "1 contribution\n" in cli("eval", "x*2", "--x", "3", "--contributions", "x").out
    unrolled = (*WIDE, "--unroll", "--contributions", "w[ 1 ]")
    assert "∂/∂w[1] = " in cli("eval", *unrolled).out


def test_numbers_that_are_not_finite_add_up_quietly(cli: Cli) -> None:
    program = ("sum(w*[inf, 1]) - sum(w*[inf, 2])", "--w", "[1, 2]", "--contributions", "w")
    outcome = cli("eval", *program, "--json")
    assert outcome.trace["uses"][-1]["sum"] == ["NaN", -1.0]
    assert "RuntimeWarning" not in outcome.err


def test_many_uses_show_both_ends(cli: Cli) -> None:
    program = ("+".join(f"x*{k}" for k in range(1, 301)), "--x", "1", "--contributions", "x")
    out = cli("eval", *program).out
    assert "… 100 left out: --all shows them, --json has them" in " ".join(out.split())
    assert "300 contributions add up" in out
    assert "left out" not in cli("eval", *program, "--all").out
    assert cli("eval", *program, "--all").out.count("x * ") == 300


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
@pytest.mark.parametrize("program", [RECURRENT, MATRIX])
def test_no_number_is_cut_at_any_width(program: tuple[str, ...], width: int, cli: Cli) -> None:
    name = "w" if program is RECURRENT else "W"
    uses = cli("eval", *program, "--contributions", name, "--json").trace["uses"]
    out = cli("eval", *program, "--contributions", name, COLUMNS=str(width)).out
    for use in uses:
        for element in np.ravel([use["contribution"], use["sum"]]).tolist():
            assert repr(element) in out


def test_screens_without_unicode_get_signs_they_have(cli: Cli) -> None:
    assert cli("eval", *WIDE, "--contributions", "w", encoding="ascii").out.isascii()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x*y", "--x", "1", "--y", "2", "--contributions", "z"), "--contributions z: there is no such gate"),
        (("x*y", "--x", "1", "--y", "2", "--contributions", ""), "there is no such gate"),
        (("x*y", "--x", "1", "--y", "2", "--wrt", "y", "--contributions", "x"), "no gradient flows through x"),
        (("2*3", "--contributions", "g0"), "no gradient flows through g0"),
        (("x", "--x", "1", "--contributions", "x", "--tree"), "there is no format tree"),
        (("x", "--x", "1", "--contributions", "x", "--jvp", "x=1"), "different questions"),
        (("x", "--x", "1", "--contributions", "x\x1b[31m"), "x\\x1b[31m"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str, refused: Refused) -> None:
    assert message in refused("eval", *arguments)

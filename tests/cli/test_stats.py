"""gradcli eval --stats: how the gradient fares through the stages of a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from outcomes import Cli, Golden, Refused

RECURRENT = f"@{Path(__file__).parents[2] / 'samples' / 'rnn.grad'}"
SMALL_WEIGHTS = (
    "h = 0\nfor t in 0..30 {\n  h = tanh(w*x[t] + u*h)\n}\nloss = (h - target)^2\nloss",
    "--x", str([0.5, -0.25, 1.0] * 10), "--w", "0.5", "--u", "0.25", "--target", "1",
)  # fmt: skip
BADLY_INITIALISED = (
    "layer(W, x, b) = relu(x @ W + b)\n"
    "hidden = layer(W1, X, b1)\nsecond = layer(W2, hidden, 0)\ncost = mean((second - target)^2)\ncost",
    "--X", "[[0.5, 1], [1, 0.25], [0.75, 0.5]]", "--W1", "[[1, -0.5, 0.5, 1], [0.5, 1, -1, 0.25]]",
    "--b1", "[-3, -3, -3, -0.5]", "--W2", "[[1, 0.5], [0.5, 1], [1, 1], [1, -1]]", "--target", "[1, 1]",
)  # fmt: skip


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize(
    ("name", "arguments"), [("recurrent", SMALL_WEIGHTS), ("dead", BADLY_INITIALISED)], ids=["recurrent", "dead"]
)
def test_formats(name: str, arguments: tuple[str, ...], format: str, cli: Cli, golden: Golden) -> None:
    outcome = cli("eval", *arguments, "--stats", "--format", format, COLUMNS="80")
    golden(f"cli/golden/eval/stats-{name}.{format}.txt", outcome.transcript(("eval", *arguments, "--stats")))
    if format == "table":
        assert max(map(len, outcome.out.splitlines())) <= 80


def test_json_is_valid(cli: Cli) -> None:
    schema = json.loads(cli("schema", "statistics").out)
    Draft202012Validator.check_schema(schema)
    for program in (SMALL_WEIGHTS, BADLY_INITIALISED):
        document = cli("eval", *program, "--stats", "--json").trace
        Draft202012Validator(schema).validate(document)
    assert {finding["kind"] for finding in document["findings"]} == {"dead"}


ON_AND_OFF = (
    "h = relu(X @ W); loss = mse(h, T); loss",
    "--X", "[[1, 0], [0, 1], [-1, 0], [0, -1]]", "--W", "[[1, -1, 1], [1, 1, -1]]",
    "--T", "[[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]",
)  # fmt: skip
INSIDE = ("loss = mean(relu(X @ W)); q = 2*loss; q", *ON_AND_OFF[1:5])


@pytest.mark.parametrize("program", [SMALL_WEIGHTS, BADLY_INITIALISED, ON_AND_OFF, INSIDE])
def test_elements_have_the_same_norms(program: tuple[str, ...], cli: Cli) -> None:
    """--unroll shows single weights, and the stages are what they were, with all that is found."""
    whole, single = (cli("eval", *program, "--stats", "--json", *more).trace for more in ((), ("--unroll",)))
    assert len(whole["stages"]) > 1
    assert single == whole


def test_gradient_by_one_weight(cli: Cli) -> None:
    """--wrt W[0,0] needs the elements; a unit is still one over all examples."""
    elements = "W[0,0],X[0,0],X[1,0],X[2,0],X[3,0]"
    found = cli("eval", *ON_AND_OFF, "--stats", "--json", "--unroll", "--wrt", elements).trace
    assert [(stage["name"], stage["dead"], stage["rectified"]) for stage in found["stages"]] == [
        ("h", 0, 3),
        ("loss", 0, 0),
    ]
    assert found["findings"] == []


def test_questions_that_exclude_each_other(refused: Refused) -> None:
    assert "different questions" in refused("eval", "x^2", "--x", "1", "--stats", "--contributions", "x")
    assert "leave --digits out" in refused("eval", "q = x^2; q + 1", "--x", "1", "--stats", "--digits", "30")


def test_a_program_without_stages(cli: Cli) -> None:
    outcome = cli("eval", "x^2", "--x", "1", "--stats", "--json")
    assert outcome.trace["stages"] == []
    assert "name the stages" in outcome.err

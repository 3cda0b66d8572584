"""diff, hessian and jacobian on programs with arrays: text that runs again, nested lists, names of elements."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from outcomes import Cli, Refused

import gradcli
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.passes import forward

SAMPLES = Path(__file__).parents[2] / "samples"
SCHEMA = json.loads((files("gradcli") / "schemas" / "derivative-1.json").read_text(encoding="utf-8"))
REGRESSION = "sum((X@w-y)^2)"
VALUES = ("--X", "[[1, 2], [3, 4]]", "--w", "[1, 2]", "--y", "[3, 5]")


def test_a_gradient_is_a_program_of_arrays(cli: Cli) -> None:
    assert cli("diff", REGRESSION, "--wrt", "w", "--shapes", "X=5x3,w=3,y=5").out == "X' @ (2 * (X @ w - y))\n"


def test_what_is_printed_runs_again(cli: Cli) -> None:
    out = cli("diff", REGRESSION, "--wrt", "w", *VALUES).out
    assert out.splitlines()[1].startswith("# = [40.0, 56.0] at X = [[1.0, 2.0], [3.0, 4.0]], w = [1.0, 2.0]")
    again = f"g = {out.splitlines()[0]}\nsum(g*[1, 10])"
    assert cli("eval", "-", *VALUES, "--json", stdin=again.encode()).trace["value"] == 600.0


def test_values_are_nested_lists(cli: Cli) -> None:
    document = cli("diff", REGRESSION, *VALUES, "--json").trace
    jsonschema.validate(document, SCHEMA)
    assert document["at"] == {"X": [[1.0, 2.0], [3.0, 4.0]], "w": [1.0, 2.0], "y": [3.0, 5.0]}
    values = {name: found["value"] for name, found in document["derivatives"].items()}
    assert values == {"X": [[4.0, 8.0], [12.0, 24.0]], "w": [40.0, 56.0], "y": [-4.0, -12.0]}


def test_large_values_are_told_in_text_and_written_in_json(cli: Cli) -> None:
    ones = json.dumps([[1] * 10] * 10)
    assert cli("diff", "sum(A^2)", "--A", ones).out.startswith("2 * A\n# = 10×10, all 2.0 at A = 10×10, all 1.0\n")
    found = cli("diff", "sum(A^2)", "--A", ones, "--json").trace["derivatives"]["A"]["value"]
    assert found == [[2.0] * 10] * 10


def test_higher_orders_are_by_numbers(cli: Cli, refused: Refused) -> None:
    program, values = "sum(w*x)^2", ("--w", "[1, 2]", "--x", "3")
    assert "# = 18.0 at" in cli("diff", program, "--order", "2", "--wrt", "x", *values).out
    message = refused("diff", program, "--order", "2", "--wrt", "w", *values)
    assert "w is an array" in message
    assert "gradcli hessian" in message


def test_an_array_has_no_gradient(refused: Refused) -> None:
    assert "gradcli jacobian" in refused("diff", "A@x", "--shapes", "A=2x2,x=2")


@pytest.mark.parametrize("name", ["neuron-vector", "network-4-2-1", "softmax-regression", "rnn", "attention"])
@pytest.mark.parametrize("how", [(), ("--textbook",)], ids=["", "textbook"])
def test_stages_are_a_program_of_all_gradients(name: str, how: tuple[str, ...], cli: Cli) -> None:
    """Every gradient can be picked, and is the one of the backward pass."""
    program, values = SAMPLES / f"{name}.grad", SAMPLES / f"{name}.json"
    staged = cli("diff", f"@{program}", "--vars", str(values), "--stages", *how).out
    given = {input: arrays.asarray(x) for input, x in json.loads(values.read_text(encoding="utf-8")).items()}
    picks = re.search(r"--of picks a gradient instead: (.*)", staged)
    assert picks is not None
    gradients = gradcli.evaluate(program.read_text(encoding="utf-8"), given).gradients
    for pick, (input, gradient) in zip(picks[1].split(", "), gradients.items(), strict=True):
        assert pick == f"d_{input}"
        graph = lower(parse(staged), given, pick)
        inputs = {used: given[used] for used in graph.inputs}
        found = forward(graph, inputs)[graph.output]
        np.testing.assert_allclose(np.broadcast_to(found, np.shape(gradient)), gradient, rtol=1e-11, atol=1e-17)


def test_rows_and_columns_of_a_hessian_are_elements(cli: Cli) -> None:
    document = cli("hessian", "sum(x^3)*y", "--x", "[1, 2]", "--y", "3", "--json").trace
    assert document["rows"] == document["columns"] == ["x[0]", "x[1]", "y"]
    assert document["values"] == [[18.0, 0.0, 3.0], [0.0, 36.0, 12.0], [3.0, 12.0, 0.0]]
    out = cli("hessian", "sum(x^3)", "--shapes", "x=2", "--symbolic").out
    assert out == "∂²/∂x[0]² = 6 * x[0]\n∂²/∂x[0]∂x[1] = 0\n∂²/∂x[1]² = 6 * x[1]\n"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("A@x", ["(A@x)[0]", "(A@x)[1]"]),
        ("h = A@x; h", ["h[0]", "h[1]"]),
        ("x", ["x[0]", "x[1]"]),
        ("[sum(A), x[0]*2]", ["sum(A)", "x[0]*2"]),
    ],
)
def test_rows_of_a_jacobian_are_elements(text: str, rows: list[str], cli: Cli) -> None:
    values = ("--x", "[5, 6]", *(("--A", "[[1, 2], [3, 4]]") if "A" in text else ()))
    document = cli("jacobian", text, "--wrt", "x", "--json", *values).trace
    assert document["rows"] == rows
    assert document["columns"] == ["x[0]", "x[1]"]
    if "@" in text:
        assert document["values"] == [[1.0, 2.0], [3.0, 4.0]]

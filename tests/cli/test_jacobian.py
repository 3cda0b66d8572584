"""gradcli jacobian: the derivatives of several outputs."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from outcomes import Cli, Golden, Refused

import gradcli

SCHEMA = json.loads((files("gradcli") / "schemas" / "matrix-1.json").read_text(encoding="utf-8"))
POINT = ("--x", "2", "--y", "3")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("array", ("[x*y, x+y]", *POINT)),
        ("stages", ("q = x*y; r = sin(q)/x; q + r", "--of", "q,r", *POINT)),
        ("one-output", ("x*y", *POINT)),
        ("named-and-not", ("q = x*y; [q, q*q, 3, y]", *POINT)),
        ("too-wide", ("[x/3, exp(y)/7, sin(x/y)]", *POINT, "--wrt", "x")),
        ("symbolic", ("q = x*y; [q, q/(x + y)]", "--symbolic")),
        ("symbolic-latex", ("[x*y, x^2]", "--symbolic", "--format", "latex")),
        ("json", ("[log(x), y]", "--x", "0", "--y", "1", "--json")),
        ("warnings", ("[relu(x), sqrt(x)]", "--x", "0")),
        ("unknown-stage", ("q = x*y; q", "--of", "q,r", *POINT)),
        ("empty-stage", ("q = x*y; q", "--of", "q,", *POINT)),
        ("nested-array", ("[x, [y]]", *POINT)),
        ("missing", ("[x, y]", "--x", "2")),
        ("too-many-gates", ("[sin(x*y)*exp(y), x]", *POINT, "--max-gates", "12")),
    ],
)
def test_what_a_person_reads(name: str, arguments: tuple[str, ...], cli: Cli, golden: Golden) -> None:
    outcome = cli("jacobian", *arguments, COLUMNS="40" if name == "too-wide" else "80")
    golden(f"cli/golden/jacobian/{name}.txt", outcome.transcript(("jacobian", *arguments)))


def test_json_has_its_schema(cli: Cli) -> None:
    for how in (POINT, ("--symbolic",), ("--symbolic", *POINT)):
        document = cli("jacobian", "[x*y, x/y, 2]", *how, "--json").trace
        jsonschema.validate(document, SCHEMA)
        assert (document["rows"], document["columns"]) == (["x*y", "x/y", "2"], ["x", "y"])


def test_expressions_give_the_numbers(cli: Cli) -> None:
    text = "q = x*y; [sin(q)/x, exp(q - 6), q]"
    document = cli("jacobian", text, "--symbolic", "--json", *POINT).trace
    for numbers, expressions in zip(document["values"], document["expressions"], strict=True):
        for number, expression in zip(numbers, expressions, strict=True):
            trace = gradcli.evaluate(expression["text"], _used(expression["text"]))
            assert trace.value == pytest.approx(number, rel=1e-14)


def _used(text: str) -> dict[str, float]:
    from gradcli.graph.lower import lower

    return {name: {"x": 2.0, "y": 3.0}[name] for name in lower(gradcli.parse(text)).free}


@pytest.mark.parametrize("command", ["eval", "diff", "hessian", "dot", "check", "explain"])
def test_other_commands_refuse_an_array(command: str, refused: Refused) -> None:
    message = refused(command, "[x*y, x+y]", *POINT)
    assert "the output is an array of shape 2" in message
    assert "`gradcli jacobian`" in message


def test_a_stage_of_a_program_with_an_array_can_be_evaluated(cli: Cli) -> None:
    assert cli("eval", "q = x*y; [q, x]", *POINT, "--of", "q", "--json").trace["value"] == 6.0


def test_rows_are_called_by_their_code_alone(cli: Cli) -> None:
    text = "[x + # \x1b[31m red\n  y, x]"
    assert cli("jacobian", text, *POINT, "--json").trace["rows"] == ["x + y", "x"]


def test_strict(cli: Cli, refused: Refused) -> None:
    assert cli("jacobian", "[x, abs(x)]", "--x", "0", "--strict").status == 1
    assert "--strict needs values" in refused("jacobian", "x", "--symbolic", "--strict")

"""gradcli hessian: the matrix of second derivatives as numbers and as expressions."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from outcomes import Cli, Golden, Refused

import gradcli

SCHEMA = json.loads((files("gradcli") / "schemas" / "matrix-1.json").read_text(encoding="utf-8"))
POINT = ("--w", "0.5", "--x", "2")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("vanishing", ("(w*x-1)^2", *POINT)),
        ("wrt", ("(w*x-1)^2", *POINT, "--wrt", "w")),
        ("branches", ("where(x > y, sqrt(x - y), x^2*y)", "--x", "1", "--y", "3")),
        ("too-wide", ("exp(a*b*c*d*p)", "--a", ".1", "--b", ".2", "--c", ".3", "--d", ".4", "--p", ".5")),
        ("latex", ("x^3*y/7", "--x", "1", "--y", "2", "--format", "latex")),
        ("json", ("x^3*log(y)", "--x", "1", "--y", "0", "--json")),
        ("symbolic", ("q = x*y; q^2*sin(x)", "--symbolic")),
        ("symbolic-values", ("x^2*y", "--symbolic", "--x", "1", "--y", "2")),
        ("symbolic-latex", ("x^2*θ", "--symbolic", "--format", "latex")),
        ("symbolic-json", ("x^2*y", "--symbolic", "--json", "--format", "unicode")),
        ("missing", ("x*y", "--x", "2")),
        ("unknown-input", ("x*y", "--x", "2", "--y", "3", "--wrt", "z")),
        ("too-many-gates", ("sin(x*y)*exp(y)", "--x", "2", "--y", "3", "--max-gates", "20")),
        ("format", ("x", "--x", "2", "--format", "unicode")),
        ("format-unknown", ("x", "--x", "2", "--format", "dot")),
    ],
)
def test_what_a_person_reads(name: str, arguments: tuple[str, ...], cli: Cli, golden: Golden) -> None:
    outcome = cli("hessian", *arguments, COLUMNS="80")
    golden(f"cli/golden/hessian/{name}.txt", outcome.transcript(("hessian", *arguments)))


def test_json_has_its_schema(cli: Cli) -> None:
    for how in (POINT, ("--symbolic",), ("--symbolic", *POINT), ("--symbolic", "--format", "latex")):
        document = cli("hessian", "(w*x-1)^2", *how, "--json").trace
        jsonschema.validate(document, SCHEMA)
        assert (document["values"] is None) == (POINT[0] not in how)
        assert ("expressions" in document) == ("--symbolic" in how)


def test_expressions_give_the_numbers(cli: Cli) -> None:
    text, point = "q = x*y; tanh(q)*exp(-x^2) + softplus(q)/y", {"x": 0.7, "y": -1.3}
    document = cli("hessian", text, "--symbolic", "--json", "--x", "0.7", "--y", "-1.3").trace
    for numbers, expressions in zip(document["values"], document["expressions"], strict=True):
        for number, expression in zip(numbers, expressions, strict=True):
            assert gradcli.evaluate(expression["text"], point).value == pytest.approx(number, rel=1e-13)
    assert document["values"][0][1] == document["values"][1][0]


@pytest.mark.parametrize("width", [10, 30, 60, 80])
def test_no_number_is_cut(width: int, cli: Cli) -> None:
    arguments = ("hessian", "sin(x*y)/z", "--x", "0.7", "--y", "1.3", "--z", "3")
    document = cli(*arguments, "--json").trace
    shown = cli(*arguments, COLUMNS=str(width)).out
    for number in (x for row in document["values"] for x in row):
        assert repr(number) in shown.split()


def test_strict(cli: Cli, refused: Refused) -> None:
    assert cli("hessian", "abs(x)", "--x", "0", "--strict").status == 1
    assert "--strict needs values" in refused("hessian", "x", "--symbolic", "--strict")


def test_results_that_are_not_finite_are_told(cli: Cli) -> None:
    """Value and gradient are finite here, so nothing else would tell."""
    for command in (("hessian", "x^1.5"), ("diff", "x^1.5", "--order", "2")):
        outcome = cli(*command, "--x", "0", "--strict")
        assert outcome.status == 1
        assert " is inf\n" in outcome.err
        assert "gradcli: --strict: 1 result that is not finite\n" in outcome.err
        assert cli(*command, "--x", "4", "--strict").status == 0


def test_rewriting(cli: Cli) -> None:
    for option in (["--expand", "all"], ["--fuse"], ["--share"]):
        plain = cli("hessian", "sigmoid(x)*y + 1/(1+exp(-y))", "--x", "1", "--y", "2", "--json")
        done = cli("hessian", "sigmoid(x)*y + 1/(1+exp(-y))", "--x", "1", "--y", "2", "--json", *option)
        for row, wanted in zip(json.loads(done.out)["values"], json.loads(plain.out)["values"], strict=True):
            assert row == pytest.approx(wanted, rel=1e-13)


def test_rewriting_keeps_every_output(cli: Cli) -> None:
    program = ["[sigmoid(x)*y, x, 1/(1+exp(-y))]", "--x", "1", "--y", "2", "--json"]
    plain = json.loads(cli("jacobian", *program).out)["values"]
    for option in (["--expand", "all"], ["--fuse"], ["--share"]):
        found = json.loads(cli("jacobian", *program, *option).out)["values"]
        for row, wanted in zip(found, plain, strict=True):
            assert row == pytest.approx(wanted, rel=1e-13)

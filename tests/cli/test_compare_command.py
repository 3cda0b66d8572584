"""gradcli compare: verdicts and their statuses, tables, JSON, random points, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from outcomes import Cli, Golden, Refused

PAIRS: dict[str, tuple[int, tuple[str, ...]]] = {
    "equal": (0, ("sin(x+y)", "sin(x)*cos(y) + cos(x)*sin(y)", "--x", "0.5", "--y", "2")),
    "parts": (1, ("log(1+exp(x))", "softplus(x)", "--x", "1000")),
    "different": (1, ("sin(x+y)", "sin(x)*cos(y) - cos(x)*sin(y)", "--x", "0.5", "--y", "2")),
    "slightly-different": (1, ("x", "x + 1e-25", "--x", "0.5")),
    "undecided": (1, ("1 - erf(x)", "erfc(x)", "--x", "61")),
    "kink": (1, ("relu(x)", "max(x, 0)", "--x", "0")),
    "undefined": (0, ("log(x)", "2*log(sqrt(x))", "--x", "-1")),
    "constants": (0, ("1/2 + 1/3", "5/6")),
    "one-input-more": (0, ("x + 0*y", "x", "--x", "2", "--y", "3", "--wrt", "y")),
    "anywhere": (1, ("log(1+exp(x))", "softplus(x)")),
    "anywhere-different": (1, ("(x+y)^2", "x^2 + y^2")),
    "anywhere-undefined": (1, ("log(x*y)", "log(x) + log(y)", "--point", "random:20")),
    "random": (1, ("exp(x)/(1+exp(x))", "sigmoid(x)", "--x", "-800..800", "--point", "random:20", "--seed", "3")),
    "random-equal": (0, ("sin(x)^2 + cos(x)^2", "1", "--x", "-5..5", "--point", "random:6")),
    "huge": (0, ("exp(x)*y", "y*exp(x)", "--x", "1e300", "--y", "1")),
}


@pytest.mark.parametrize("width", ["80", "40"])
@pytest.mark.parametrize("name", PAIRS)
def test_table(name: str, width: str, cli: Cli, golden: Golden) -> None:
    status, arguments = PAIRS[name]
    outcome = cli("compare", *arguments, COLUMNS=width)
    assert outcome.status == status
    golden(f"cli/golden/compare/{name}-{width}.txt", outcome.transcript(("compare", *arguments)))
    told = outcome.out.splitlines()
    assert width == "40" or all(len(line) <= 80 for line in told if not line.startswith(("A, gate", "B, gate")))


@pytest.fixture
def schema(cli: Cli) -> Any:
    document = json.loads(cli("schema", "comparison").out)
    Draft202012Validator.check_schema(document)
    return document


@pytest.mark.parametrize("name", PAIRS)
def test_json_follows_its_schema_and_the_table(name: str, cli: Cli, schema: Any) -> None:
    status, arguments = PAIRS[name]
    outcome = cli("compare", *arguments, "--json")
    document = json.loads(outcome.out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    Draft202012Validator(schema).validate(document)
    assert outcome.status == status
    assert document["holds"] == (status == 0)
    assert (document["counterexample"] is not None) == (document["verdict"] == "different")
    assert outcome.out.isascii()
    assert cli("compare", *arguments, "--format", "json") == outcome
    table = cli("compare", *arguments)
    assert table.out.splitlines()[0] == document["because"]


def test_every_number_of_the_point_is_in_the_table(cli: Cli) -> None:
    arguments = PAIRS["parts"][1]
    document = json.loads(cli("compare", *arguments, "--json").out)
    told = cli("compare", *arguments, COLUMNS="20").out
    for quantity in document["points"][0]["quantities"]:
        for program in "AB":
            number = quantity[program]["float64"]
            assert {"Infinity": "inf"}.get(number, repr(number)) in told


def test_a_difference_that_twenty_digits_do_not_show_is_shown(cli: Cli) -> None:
    assert "0.5000000000000000000000001" in cli("compare", *PAIRS["slightly-different"][1]).out


def test_json_names_the_gate_to_blame(cli: Cli) -> None:
    (blamed,) = json.loads(cli("compare", *PAIRS["parts"][1], "--json").out)["points"][0]["blamed"]
    assert blamed == {
        "program": "A", "gate": "g2", "start": 6, "end": 12, "kind": "overflow",
        "message": "exp(x) is inf at x = 1000.0",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_output(cli: Cli) -> None:
    arguments = ("compare", "x^2", "x*x", "--x", "0..1", "--point", "random:5", "--json")
    assert cli(*arguments).out == cli(*arguments, "--seed", "0").out != cli(*arguments, "--seed", "1").out


def test_without_values_the_points_are_told(cli: Cli) -> None:
    outcome = cli("compare", "(x+1)^2", "x^2 + 2x + 1", "--point", "random:3", "--json")
    assert outcome.err.startswith(
        "note: no values are given: compared at 3 random points (magnitudes from 1e-09 to 1000"
    )
    assert len(json.loads(outcome.out)["points"]) == 3


def test_the_digits_that_have_to_agree(cli: Cli) -> None:
    arguments = ("compare", "1 - cos(x)", "2*sin(x/2)^2", "--x", "1e-3")
    assert cli(*arguments).status == 1
    assert cli(*arguments, "--digits-agree", "9").status == 0


def test_programs_come_from_files_and_standard_input(cli: Cli, tmp_path: Path) -> None:
    file, values = tmp_path / "square.grad", tmp_path / "values.json"
    file.write_text("q = x + 1\nq^2\n", encoding="utf-8")
    values.write_text('{"x": 3, "unused": 1}', encoding="utf-8")
    outcome = cli("compare", f"@{file}", "-", "--vars", str(values), stdin=b"x^2 + 2x + 1")
    assert outcome.status == 0
    assert outcome.err == "note: not used by the program: unused\n"
    assert outcome.out.splitlines()[1:3] == ["A: q = x + 1 q^2", "B: x^2 + 2x + 1"]


def test_stages_of_both_are_compared(cli: Cli) -> None:
    outcome = cli("compare", "q = x*y; q + 1", "q = y*x; q + 2", "--of", "q", "--x", "2", "--y", "3")
    assert outcome.status == 0


def test_a_file_gets_the_result_and_the_verdict_is_told(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    outcome = cli("compare", *PAIRS["parts"][1], "-o", str(target))
    verdict = "the same function, but float64 parts: fewer than 12 digits agree here"
    assert (outcome.status, outcome.out, outcome.err) == (1, "", f"gradcli: {verdict}\n")
    assert target.read_text(encoding="utf-8").splitlines()[0] == verdict


def test_many_gradients_are_left_out_unless_asked_for(cli: Cli) -> None:
    names = [f"x{i}" for i in range(300)]
    total, values = " + ".join(names), [part for name in names for part in (f"--{name}", "1")]
    outcome = cli("compare", total, total, *values)
    assert "gradients left out: --all shows them, --json has them" in outcome.out
    assert "∂/∂x299" in cli("compare", total, total, "--all", *values).out


def test_a_terminal_sees_the_progress_alone(cli: Cli) -> None:
    arguments = ("compare", "x + 1", "1 + x", "--x", "0..1", "--point", "random:25")
    assert "comparing at point 25 of 25" in cli(*arguments, terminal=True).err
    assert cli(*arguments).err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "there is no expression"),
        (("x",), "there is one expression only"),
        (("x", "x", "x"), "there is an argument too many: x"),
        (("x", "y", "--x", "2"), "no value for y"),
        (("x", "x", "--x", "2", "--z", "2"), "the program has no input z"),
        (("x +", "x", "--x", "2"), "an operand is missing"),
        (("x", "x y", "--x", "2"), "  x y"),
        (("x", "q = y; q", "--x", "1", "--q", "3"), "q is computed by the program"),
        (("q = x; q", "x", "--of", "q", "--x", "1"), "B: q is not a stage"),
        (("x", "x", "--x", "1..2"), "the value of x is a range"),
        (("x", "x", "--x", "1", "--point", "random:3"), "nothing to draw random points from"),
        (("x", "y", "--x", "1..2", "--point", "random:3"), "no value for y"),
        (("x", "x", "--point", "random:0"), "there are no points random:0"),
        (("x", "x", "--point", "3"), "there are no points 3"),
        (("x", "x", "--x", "2..1", "--point", "random:3"), "reversed"),
        (("x", "x", "--wrt", "z", "--x", "1"), "z is not an input of the programs"),
        (("x", "q = y; x", "--wrt", "y", "--x", "1"), "the outputs do not depend on y"),
        (("x", "x", "--x", "1", "--digits-agree", "17"), "17"),
        (("x", "x", "--x", "1", "--format", "csv"), "there is no format csv"),
        (("x", "x", "--x", "1", "--json", "--format", "table"), "json and table are different formats"),
        (("-", "-", "--x", "1"), "only one of the expression"),
        (("json + 1", "x", "--json", "--x", "1"), "--json is an option here and also an input"),
        (("[x, x]", "x", "--x", "1"), "the output is an array"),
        (("x", "x*x*x", "--x", "1", "--max-gates", "2"), "more than 2"),
    ],
)
def test_what_is_wrong_is_told_alone(arguments: tuple[str, ...], told: str, refused: Refused) -> None:
    assert told in refused("compare", *arguments)

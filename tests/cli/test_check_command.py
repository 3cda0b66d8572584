"""gradcli check and --digits: tables, JSON, random points, statuses, what is refused."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from outcomes import Cli, Golden, Refused
from processes import process

WRONG = "f(a, b) = a^3*b with grad (2*a^2*b, a^3)\nq = f(x, y)\nq^2"
PROGRAMS = {
    "cancellation": ("(1-cos(x))/x^2", "--x", "1e-8"),
    "product": ("(x+y)*z", "--x", "2", "--y", "3", "--z", "-4"),
    "kinks": ("abs(x) + max(x, y) + floor(y) + sqrt(x)", "--x", "0", "--y", "0"),
    "refuted": (WRONG, "--x", "2", "--y", "3"),
    "proved": (WRONG.replace("2*a^2", "3*a^2"), "--x", "2", "--y", "3"),
    "overflow": ("exp(x)*y", "--x", "1000", "--y", "1e-300"),
    "lost-in-the-sum": ("x - sin(x)", "--x", "1e-8"),
    "decimals": ("0.1*x - 0.03", "--x", "0.3", "--digits", "20"),
    "random": ("x*exp(-x) - y", "--x", "1e-3..700", "--y", "3", "--point", "random:12"),
    "random-failing": ("(1-cos(x))/x^2", "--x", "1e-9..1", "--point", "random:5", "--seed", "3"),
    "constant": ("2*pi",),
    "wrt": ("(x+y)*z", "--x", "2", "--y", "3", "--z", "-4", "--wrt", "x"),
}


@pytest.mark.parametrize("width", ["80", "40"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_table(name: str, width: str, cli: Cli, golden: Golden) -> None:
    outcome = cli("check", *PROGRAMS[name], COLUMNS=width)
    golden(f"cli/golden/check/{name}-{width}.txt", outcome.transcript(("check", *PROGRAMS[name])))
    assert width == "40" or max(map(len, outcome.out.splitlines()[:-1])) <= 80


@pytest.fixture
def schema(cli: Cli) -> Any:
    document = json.loads(cli("schema", "check").out)
    Draft202012Validator.check_schema(document)
    return document


@pytest.mark.parametrize("name", PROGRAMS)
def test_json_follows_its_schema(name: str, cli: Cli, schema: Any) -> None:
    outcome = cli("check", *PROGRAMS[name], "--json")
    document = json.loads(outcome.out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    Draft202012Validator(schema).validate(document)
    assert document["holds"] == (outcome.status == 0)
    assert outcome.out.isascii()
    assert document == json.loads(cli("check", *PROGRAMS[name], "--format", "json").out)


def test_non_finite_numbers_are_strings(cli: Cli, schema: Any) -> None:
    document = json.loads(cli("check", "sqrt(x)/y", "--x", "0", "--y", "inf", "--json").out)
    Draft202012Validator(schema).validate(document)
    assert document["points"][0]["point"] == {"x": 0.0, "y": "Infinity"}


def test_a_hint_is_given_where_it_helps(cli: Cli) -> None:
    outcome = cli("check", *PROGRAMS["cancellation"])
    assert outcome.status == 1
    assert outcome.err.splitlines() == [
        "hint: write 2*sin(x/2)^2 for 1-cos(x)",
        "gradcli: the check does not hold: ∂/∂x keeps 0.0 correct digits, fewer than 6",
    ]


def test_statuses(cli: Cli) -> None:
    """1 for lost digits and a refuted derivative; what is enough can be chosen."""
    assert cli("check", "x - sin(x)", "--x", "1e-5").status == 0
    assert cli("check", "x - sin(x)", "--x", "1e-5", "--require-digits", "10").status == 1
    assert cli("check", "(1-cos(x))/x^2", "--x", "1e-8", "--require-digits", "0").status == 0
    refuted = cli("check", *PROGRAMS["refuted"])
    assert refuted.status == 1
    assert "declared as 24.0 where it is 36.0, at a = 2.0, b = 3.0" in refuted.err
    assert cli("check", *PROGRAMS["proved"]).status == 0


def test_every_point_is_in_the_json(cli: Cli) -> None:
    document = json.loads(cli("check", *PROGRAMS["random"], "--json").out)
    points = [point["point"] for point in document["points"]]
    assert len(points) == 12
    assert all(point["y"] == 3.0 and 1e-3 <= point["x"] <= 700 for point in points)
    assert document["seed"] == 0
    other = json.loads(cli("check", *PROGRAMS["random"], "--seed", "1", "--json").out)
    assert other["points"][0]["point"] != points[0]


def test_options_of_eval_work_here(cli: Cli, tmp_path: Any) -> None:
    assert cli("check", "q = x*y\nq + z", "--of", "q", "--x", "1", "--y", "2").status == 0
    assert "exp(g" in cli("check", "sigmoid(x)", "--x", "1", "--expand", "sigmoid").out
    assert cli("check", "x*y", "--set", "x=1", "--vars", "-", stdin=b'{"y": 2}').status == 0
    path = tmp_path / "report.json"
    assert cli("check", "x*y", "--x", "1", "--y", "2", "--json", "-o", str(path)).out == ""
    assert json.loads(path.read_text())["holds"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x+1", "--x", "1..2"), "add --point random:20"),
        (("x+1", "--x", "5..2", "--point", "random:3"), "write --x 2..5"),
        (("x+1", "--x", "0..inf", "--point", "random:3"), "is not finite"),
        (("x+1", "--x", "a..2", "--point", "random:3"), "is not a number"),
        (("x+1", "--x", "1", "--point", "random:3"), "such as --x 0..1"),
        (("x+1", "--x", "1..2", "--point", "random:0"), "random:N with N from 1"),
        (("x+1", "--x", "1..2", "--point", "random:1000000"), "random:N with N from 1"),
        (("x+1", "--x", "1..2", "--point", "7"), "random:N with N from 1"),
        (("x+1", "--x", "1..2", "--point", "random:3", "--digits", "20"), "can't go with --point"),
        (("x+1",), "give it as --x VALUE"),
        (("x+1", "--x", "1", "--format", "svg"), "the formats are table, json"),
        (("x+1", "--x", "1", "--json", "--format", "table"), "different formats"),
        (("x+1", "--x", "1", "--digits", "0"), "--digits"),
        (("x+1", "--x", "1", "--digits", "1000000000"), "--digits"),
        (("x+1", "--x", "1", "--digits", "many"), "--digits"),
        (("x+1", "--x", "1", "--require-digits", "17"), "--require-digits"),
        (("x+1", "--x", "1", "--wrt", "y"), "is not an input"),
        (("sin(exp(x))", "--x", "1e5"), "can't be computed"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str, refused: Refused) -> None:
    assert message in refused("check", *arguments)


def test_only_what_needs_a_look_is_shown_of_a_large_program(cli: Cli) -> None:
    program = " + ".join(["x*y"] * 150)
    shown = cli("check", program, "--x", "1", "--y", "2")
    assert "gates without a loss left out: --all shows them" in shown.out
    assert len(shown.out.splitlines()) < 30
    assert len(cli("check", program, "--x", "1", "--y", "2", "--all").out.splitlines()) > 900


# --digits


@pytest.mark.parametrize("format", ["table", "tree", "json", "ndjson", "csv", "markdown"])
def test_digits_in_every_format(format: str, cli: Cli) -> None:
    outcome = cli("eval", "x/3", "--x", "0.1", "--digits", "25", "--format", format)
    assert outcome.status == 0
    assert "0.03333333333333333333333333" in outcome.out  # a tenth of a third
    assert "0.033333333333333333333333333" not in outcome.out
    assert " 0.1" in outcome.out or ",0.1" in outcome.out


def test_numbers_are_read_as_decimals(cli: Cli) -> None:
    """Literals, bindings, constant expressions, settings and JSON."""
    assert cli("eval", "0.1+0.2-0.3", "--digits", "30", "--json").trace["value"] == 0.0
    assert cli("eval", "x+y-z", "--x", "0.1", "--y", "2/10", "--set", "z=0.3", "--digits", "30").out.count("= 0.0") == 1
    file = cli("eval", "x+y-z", "--vars", "-", "--digits", "30", "--json", stdin=b'{"x": 0.1, "y": 0.2, "z": 0.3}')
    assert file.trace["value"] == 0.0
    assert cli("eval", "sin(x)", "--x", "pi", "--digits", "30", "--json").trace["value"] == 0.0
    assert cli("eval", "sin(x)", "--x", "pi", "--json").trace["value"] == 1.2246467991473532e-16


def test_json_numbers_have_all_digits(cli: Cli) -> None:
    outcome = cli("eval", "e^(pi*sqrt(163))", "--digits", "50", "--json")
    document = json.loads(outcome.out, parse_float=Decimal)
    assert document["value"] == Decimal("262537412640768743.99999999999925007259719818568888")


def test_nothing_overflows(cli: Cli) -> None:
    outcome = cli("eval", "exp(1000*x)", "--x", "1", "--digits", "20", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert rows[-1]["value"] == "1.9700711140170469939e+434"
    assert outcome.err == ""
    large = cli("eval", "x*2", "--x", "1e400", "--digits", "5", "--format", "csv")
    assert "2.0e+400" in large.out
    assert large.err == ""


@pytest.mark.parametrize("digits", ["0", "-3", "10001", "1e3", "all"])
def test_digits_that_make_no_sense(digits: str, refused: Refused) -> None:
    assert "--digits" in refused("eval", "x", "--x", "1", "--digits", digits)


def test_only_digits_import_mpmath() -> None:
    loaded = "import sys; from gradcli.cli.app import run; run({}); print('mpmath' in sys.modules, file=sys.stderr)"
    for more, wanted in (([], "False"), (["--digits", "20"], "True")):
        code = loaded.format(["eval", "x*x", "--x", "3", *more])
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr.strip() == wanted


def test_progress_is_for_terminals_only() -> None:
    """Standard error of a process that is long at work stays empty in a pipe."""
    done = process("check", " + ".join(["x*y"] * 600), "--x", "1", "--y", "2")
    assert (done.returncode, done.stderr) == (0, b"")

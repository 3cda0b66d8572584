"""gradcli propagate at a point: what a person reads, what a program reads, what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from outcomes import Cli, Golden, Refused
from uncertainties import ufloat

SCHEMA = json.loads((files("gradcli") / "schemas" / "uncertainty-1.json").read_text(encoding="utf-8"))
PENDULUM = ("4*pi^2*L/T^2", "--L", "0.9985(5)", "--T", "2.007 ± 0.003")
PRODUCT = ("x*y", "--x", "2.0(1)", "--y", "3.0 +- 0.2")
THREE = ("x*y*z", "--x", "2(1)", "--y", "3(1)", "--z", "1(1)")
LONG = ("a*sin(b)", "--a", "0.12345678901234567 ± 0.012345678901234567", "--b", "pi/7 ± pi/700")

TRANSCRIPTS = {
    "pendulum": PENDULUM,
    "correlated": (*PRODUCT, "--corr", "x,y=0.3"),
    "second-order": (*PRODUCT, "--second-order"),
    "markdown": (*PENDULUM, "--format", "markdown"),
    "csv": (*PRODUCT, "--second-order", "--format", "csv"),
    "json": (*PRODUCT, "--corr", "y,x=0.3", "--second-order", "--json"),
    "stage": ("g = 4*pi^2*L/T^2; g/2", *PENDULUM[1:], "--of", "g"),
    "elements": ("sum(w*x)", "--w", "[1.0±0.1, 2.0(5), 3]", "--x", "[1, 2, 3]", "--corr", "w[0],w[1]=0.5"),
    "exact": ("x*y", "--x", "2", "--y", "3"),
    "without-inputs": ("2*3",),
    "flat": ("x^2", "--x", "0 ± 0.1", "--second-order"),
    "kink": ("abs(x)", "--x", "0 ± 0.1"),
    "nonlinear": ("exp(x)", "--x", "0 ± 1"),
    "pole": ("1/x", "--x", "0 ± 0.1"),
    "too-wide": LONG,
    "no-uncertainty": ("x", "--x", "2.0±"),
    "negative": ("x", "--x", "2±-0.1"),
    "not-a-number": ("x", "--x", "abc"),
    "not-finite": ("x", "--x", "2±nan"),
    "share-of-nothing": ("x", "--x", "0 ± 5%"),
    "in-parentheses": ("x", "--x", "3*(2±0.1)"),
    "counts": ("w[n]", "--w", "[1, 2]", "--n", "1±1"),
    "corr-unknown": (*PRODUCT, "--corr", "x,z=0.3"),
    "corr-exact": ("x*y", "--x", "2(1)", "--y", "3", "--corr", "x,y=0.3"),
    "corr-twice": (*PRODUCT, "--corr", "x,y=0.3", "--corr", "y,x=0.3"),
    "corr-too-large": (*PRODUCT, "--corr", "x,y=1.3"),
    "corr-one-name": (*PRODUCT, "--corr", "x=0.3"),
    "corr-itself": (*PRODUCT, "--corr", "x,x=1"),
    "corr-not-a-number": (*PRODUCT, "--corr", "x,y=much"),
    "corr-contradicting": (*THREE, "--corr", "x,y=.9", "--corr", "y,z=.9", "--corr", "x,z=-.9"),
    "corr-array": ("sum(w)*x", "--w", "[1, 2]", "--x", "1(1)", "--corr", "w,x=0.3"),
    "wrt-unknown": (*PRODUCT, "--wrt", "q"),
    "array-output": ("w*2", "--w", "[1±1, 2]"),
    "option-of-tables": (*PRODUCT, "--shares"),
    "format-unknown": (*PRODUCT, "--format", "tree"),
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_what_a_person_reads(name: str, cli: Cli, golden: Golden) -> None:
    outcome = cli("propagate", *TRANSCRIPTS[name], COLUMNS="80")
    golden(f"cli/golden/propagate/{name}.txt", outcome.transcript(("propagate", *TRANSCRIPTS[name])))
    if outcome.out and "--format" not in TRANSCRIPTS[name] and "--json" not in TRANSCRIPTS[name]:
        assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.parametrize("name", [name for name, arguments in TRANSCRIPTS.items() if "--format" not in arguments])
def test_json_has_its_schema(name: str, cli: Cli) -> None:
    """NaN, Infinity and null included; what is refused is refused whatever the format is."""
    outcome = cli("propagate", *TRANSCRIPTS[name], *(["--json"] if "--json" not in TRANSCRIPTS[name] else []))
    if outcome.status:
        assert outcome.status == 2
        assert outcome.out == ""
    else:
        jsonschema.validate(json.loads(outcome.out), SCHEMA)


def test_numbers_of_all_formats_agree(cli: Cli) -> None:
    length, period = ufloat(0.9985, 0.0005), ufloat(2.007, 0.003)
    expected = 4 * math.pi**2 * length / period**2
    document = cli("propagate", *PENDULUM, "--json").trace
    assert document["value"] == pytest.approx(expected.nominal_value, rel=1e-14)
    assert document["uncertainty"] == pytest.approx(expected.std_dev, rel=1e-13)
    assert document["short"] == f"{expected:.2uS}"
    assert document["text"].replace(" ± ", "±") == f"{expected:.2uP}"
    rows = list(csv.DictReader(io.StringIO(cli("propagate", *PENDULUM, "--format", "csv").out)))
    assert [row["what"] for row in rows] == ["input", "input", "output"]
    assert float(rows[-1]["uncertainty"]) == document["uncertainty"]
    for row, one in zip(rows, document["inputs"], strict=False):
        assert (row["name"], float(row["gradient"])) == (one["name"], one["gradient"])
        assert (float(row["contribution"]), float(row["share"])) == (one["contribution"], one["share"])


WAYS = ("2.0 ± 0.1", "2.0+-0.1", "2.0+/-0.1", "2.0(1)", "2.0 ± 5%", "(20 ± 1)e-1", "4/2 ± 1/10")


def _numbers(document: dict[str, Any]) -> list[float]:
    inputs = [number for one in document["inputs"] for number in list(one.values())[1:]]
    return [document["value"], document["uncertainty"], *inputs]


@pytest.mark.parametrize("text", WAYS)
def test_ways_to_give_an_uncertainty(text: str, cli: Cli, tmp_path: Path) -> None:
    """By --x, --set, a file, standard input and --vars they mean the same."""
    (tmp_path / "x").write_text(text + "\n", encoding="utf-8")
    (tmp_path / "vars.json").write_text(json.dumps({"x": text, "y": 3}), encoding="utf-8")
    expected = cli("propagate", "x*y", "--x", "2.0 ± 0.1", "--y", "3", "--json").trace
    for how in (["--x", text], ["--set", f"x={text}"], ["--x", f"@{tmp_path}/x"], ["--x", "@-"]):
        outcome = cli("propagate", "x*y", *how, "--y", "3", "--json", stdin=text.encode())
        assert _numbers(outcome.trace) == pytest.approx(_numbers(expected), rel=1e-15)
    found = cli("propagate", "x*y", "--vars", f"{tmp_path}/vars.json", "--json").trace
    assert _numbers(found) == pytest.approx(_numbers(expected), rel=1e-15)


def test_vars_in_json(cli: Cli, refused: Refused) -> None:
    w = ["1.0±0.1", 2, {"value": 3, "uncertainty": 0.2}]
    content = {"x": {"value": 2.0, "uncertainty": 0.1}, "w": w, "q": "1±1"}
    outcome = cli("propagate", "x*sum(w)", "--vars", "-", "--json", stdin=json.dumps(content).encode())
    found = outcome.trace
    assert [(one["name"], one["uncertainty"]) for one in found["inputs"]] == [("x", 0.1), ("w[0]", 0.1), ("w[2]", 0.2)]
    assert found["value"] == 12.0
    assert "note: not used by the program: q\n" in outcome.err
    for wrong, message in {
        '{"x": {"value": 2, "error": 1}}': "x is an object, but no value with its uncertainty",
        '{"x": {"value": 2, "uncertainty": -1}}': "the uncertainty of x is negative: -1.0",
        '{"x": {"value": "2", "uncertainty": 1}}': "the value of x is not a number but the text",
        '{"x": "2±"}': "the value of x has no number after ±",
        '{"x": "2"}': 'x is not a number but the text "2"',
        '{"x": ["1±1", [2]]}': "x[1] has 1 element but x[0] is a number",
        "[1]": "standard input is not a JSON object",
    }.items():
        assert message in refused("propagate", "x", "--vars", "-", stdin=wrong.encode())
    assert "given twice" in refused("propagate", "x", "--x", "1", "--vars", "-", stdin=b'{"x": "2(1)"}')


def test_a_product_is_still_a_product(cli: Cli) -> None:
    """Only digits in parentheses are an uncertainty."""
    found = cli("propagate", "x*y", "--x", "2(3+1)", "--y", "12(3)", "--json").trace
    assert [(one["name"], one["value"], one["uncertainty"]) for one in found["inputs"]] == [("y", 12.0, 3.0)]
    assert found["at"] == {"x": 8.0, "y": 12.0}


def test_wrt_leaves_inputs_out(cli: Cli) -> None:
    found = cli("propagate", *PRODUCT, "--wrt", "y", "--json").trace
    assert [one["name"] for one in found["inputs"]] == ["y"]
    assert found["uncertainty"] == 0.4
    elements = cli("propagate", "sum(w*x)", "--w", "[1±1, 2±2]", "--x", "[1, 1]", "--wrt", "w[1],x", "--json").trace
    assert [one["name"] for one in elements["inputs"]] == ["w[1]", "x[0]", "x[1]"]
    assert elements["uncertainty"] == 2.0


def test_exact_arrays_stay_whole(cli: Cli) -> None:
    outcome = cli("propagate", "sum(tanh(w*x))", "--w", "[[1, 2], [3, 4]]", "--x", "0.5(1)", "--json")
    assert outcome.trace["at"]["w"] == [[1.0, 2.0], [3.0, 4.0]]
    assert "unrolled" not in outcome.err
    second = cli("propagate", "sum(tanh(w*x))", "--w", "[[1, 2], [3, 4]]", "--x", "0.5(1)", "--json", "--second-order")
    assert second.trace["uncertainty"] == pytest.approx(outcome.trace["uncertainty"], rel=1e-14)
    assert second.trace["second_order"]["shift"] < 0


def test_strict_ends_with_status_1(cli: Cli) -> None:
    assert cli("propagate", "abs(x)", "--x", "0 ± 0.1", "--strict").status == 1
    assert cli("propagate", *PENDULUM, "--strict").status == 0


def test_a_screen_without_unicode(cli: Cli) -> None:
    """The result stands there in signs that every screen has."""
    outcome = cli("propagate", *PENDULUM, encoding="ascii")
    assert "value = 9.786 +/- 0.030, or 9.786(30)" in outcome.out


@pytest.mark.parametrize("width", [10, 40, 80])
def test_numbers_are_never_cut(width: int, cli: Cli) -> None:
    document = cli("propagate", *LONG, "--json").trace
    shown = cli("propagate", *LONG, COLUMNS=str(width)).out
    for one in document["inputs"]:
        assert all(repr(one[key]) in shown for key in ("value", "uncertainty", "gradient"))
    assert repr(document["uncertainty"]) in shown


def test_a_table_of_many_inputs_shows_the_largest(cli: Cli) -> None:
    values = ", ".join(f"{k} ± 1" for k in range(300))
    outcome = cli("propagate", "sum(w^2)", "--w", f"[{values}]", COLUMNS="80")
    assert "… 100 that contribute less left out: --json has them" in outcome.out
    assert " w[100] " in outcome.out
    assert " w[99] " not in outcome.out
    assert len(cli("propagate", "sum(w^2)", "--w", f"[{values}]", "--json").trace["inputs"]) == 300


def test_a_file_does_not_lead_to_another_one(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "x").write_text("@y", encoding="utf-8")
    assert "the value of x is not a number: @y" in refused("propagate", "x", "--x", f"@{tmp_path}/x")


def test_without_an_expression(refused: Refused) -> None:
    assert "there is no expression" in refused("propagate", "--x", "2(1)")


def test_overflow_of_the_second_order_is_infinite_not_an_error(cli: Cli) -> None:
    found = cli(
        "propagate", "1e200*x^2 - 1e200*y^2", "--x", "1.0(1)e60", "--y", "1.0(1)e60", "--second-order", "--json"
    ).trace
    jsonschema.validate(found, SCHEMA)
    assert found["second_order"]["variance"] == "Infinity"


@pytest.mark.parametrize("command", ["propagate", "eval"])
def test_the_format_follows_the_name_of_the_output(command: str, cli: Cli, tmp_path: Path) -> None:
    """Where no option asks for another one; any other name is that of a table."""
    called = (command, "x*y", "--x", "2", "--y", "3")
    formats = {"json": "json", "JSON": "json", "csv": "csv", "md": "markdown", "txt": "table", "out": "table"}
    if command == "eval":
        formats |= {"ndjson": "ndjson", "jsonl": "ndjson"}
    for end, format in formats.items():
        path = tmp_path / f"r.{end}"
        for asked, expected in (((), format), (("--format", "csv"), "csv"), (("--json",), "json")):
            assert cli(*called, *asked, "-o", str(path)).status == 0
            assert path.read_text(encoding="utf-8") == cli(*called, "--format", expected).out


def test_a_name_asks_for_no_format_that_an_answer_does_not_have(cli: Cli, tmp_path: Path) -> None:
    for question, end in (("--stats", "ndjson"), ("--jacobians", "md")):
        path, called = tmp_path / f"r.{end}", ("eval", "h = x*2; h", "--x", "2", question)
        assert cli(*called, "-o", str(path)).status == 0
        assert path.read_text(encoding="utf-8") == cli(*called).out

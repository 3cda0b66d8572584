"""gradcli eval of programs with arrays: every format, --full, --jacobians, seeds and directions."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from outcomes import Cli, Golden, Refused

from gradcli.render import FORMATS

WIDE = json.dumps([[(7 * row + 3 * column) % 11 / 8 - 0.5 for column in range(8)] for row in range(5)])
PROGRAMS = {
    "layer": (
        "h = tanh(W @ x + b)\nL = sum(h^2)\nL", "--W", "[[1, 2], [3, 4]]", "--x", "[0.5, -1]", "--b", "[0.1, 0.2]",
    ),
    "wide-layer": (
        "h = tanh(W @ x + b)\nL = sum(h^2)\nL", "--W", WIDE, "--x", "[1, -1, 0.5, 2, 0, 1, 1, -2]", "--b", "0.25",
    ),
    "not-finite": ("sum(log(x)/y)", "--x", "[0, 1, 2, -1, 4, 5]", "--y", "[1, 0, 2, 2, 2, 2]"),
    "rows": ("sum(A[0]*A[1] + A[2, 1:])", "--A", "[[1, 2], [3, 4], [5, 6]]"),
    "wrt": ("sum(softmax(A)*B)", "--A", "[[1, 2, 3], [3, 1, 2]]", "--B", "[[1, 0, 0], [0, 0, 1]]", "--wrt", "A"),
    "three-axes": ("sum(A)", "--A", "[[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]]"),
}  # fmt: skip


@pytest.fixture
def schema(cli: Cli) -> Any:
    return json.loads(cli("schema").out)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_formats(name: str, format: str, cli: Cli, golden: Golden) -> None:
    arguments = ("eval", *PROGRAMS[name], "--format", format)
    outcome = cli(*arguments, COLUMNS="80")
    golden(f"cli/golden/eval/array-{name}.{format}.txt", outcome.transcript(arguments))
    if format == "table":
        assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "arguments", "columns"),
    [
        ("full", (*PROGRAMS["wide-layer"], "--full"), "80"),
        ("full-wide", (*PROGRAMS["wide-layer"], "--full"), "250"),
        ("full-markdown", (*PROGRAMS["rows"], "--full", "--format", "markdown"), "80"),
        ("full-tree", (*PROGRAMS["rows"], "--full", "--tree"), "80"),
        ("jacobians", (*PROGRAMS["layer"], "--jacobians"), "80"),
        ("jacobians-full", (*PROGRAMS["layer"], "--jacobians", "--full"), "120"),
        ("narrow", PROGRAMS["layer"], "40"),
        ("unrolled", (*PROGRAMS["layer"], "--unroll", "--format", "markdown"), "80"),
        ("seed", ("tanh(x)", "--x", "[1, 2]", "--seed-gradient", "[1, -0.5]"), "80"),
        ("jvp", ("sum(x*y)", "--x", "[1, 2]", "--y", "[3, 4]", "--jvp", "x=[1, 0.5]", "--jvp", "y=[0, 1]"), "80"),
    ],
)
def test_options(name: str, arguments: tuple[str, ...], columns: str, cli: Cli, golden: Golden) -> None:
    outcome = cli("eval", *arguments, COLUMNS=columns)
    golden(f"cli/golden/eval/array-option-{name}.txt", outcome.transcript(("eval", *arguments)))
    if "markdown" not in arguments and "--tree" not in arguments and name != "narrow":
        assert max(map(len, outcome.out.splitlines())) <= int(columns)


def values(cell: Any) -> Any:
    """What JSON says of a number or an array."""
    if isinstance(cell, list):
        return np.array([values(part) for part in cell])
    return float(cell)


@pytest.mark.parametrize("name", PROGRAMS)
def test_json_follows_the_schema_and_shapes_are_what_they_say(name: str, schema: Any, cli: Cli) -> None:
    """A local gradient has the gate's shape, a contribution the operand's; contributions add up."""
    document = cli("eval", *PROGRAMS[name], "--json").trace
    Draft202012Validator(schema).validate(document)
    shapes = {gate["id"]: tuple(gate["shape"]) for gate in document["gates"]}
    sums: dict[str, Any] = {document["output"]: 1.0}
    for gate in reversed(document["gates"]):
        assert np.shape(values(gate["value"])) == shapes[gate["id"]]
        for edge in gate["operands"]:
            if edge["contribution"] is None:
                assert edge["local_gradient"] is None
                assert edge["rule"] is None
                continue
            assert np.shape(values(edge["contribution"])) == shapes[edge["id"]]
            if edge["local_gradient"] is not None:
                assert np.shape(values(edge["local_gradient"])) == shapes[gate["id"]]
            assert edge["rule"]
            with np.errstate(invalid="ignore"):
                sums[edge["id"]] = sums.get(edge["id"], 0.0) + values(edge["contribution"])
    for gate in document["gates"]:
        if gate["global_gradient"] is not None:
            found = values(gate["global_gradient"])
            assert np.shape(found) == shapes[gate["id"]]
            assert np.array_equal(found, sums[gate["id"]], equal_nan=True)


def test_json_has_a_rule_where_a_gate_works_on_whole_arrays(cli: Cli) -> None:
    gates = {gate["text"]: gate for gate in cli("eval", *PROGRAMS["layer"], "--json").trace["gates"]}
    first, second = gates["W @ x"]["operands"]
    assert (first["local_gradient"], second["local_gradient"]) == (None, None)
    assert (first["rule"], second["rule"]) == ("outer(g, x)", "W' @ g")
    (tanh,) = gates["tanh(g4)"]["operands"]
    assert len(tanh["local_gradient"]) == 2


def test_json_names_what_is_not_finite(cli: Cli, schema: Any) -> None:
    document = cli("eval", *PROGRAMS["not-finite"], "--json").trace
    Draft202012Validator(schema).validate(document)
    (logs,) = (gate["value"] for gate in document["gates"] if gate["text"] == "log(x)")
    assert logs == ["-Infinity", 0.0, math.log(2), "NaN", math.log(4), math.log(5)]


def test_jacobians_are_of_both_shapes(cli: Cli, schema: Any) -> None:
    """The contribution is the global gradient times the Jacobian."""
    document = cli("eval", *PROGRAMS["layer"], "--jacobians", "--json").trace
    Draft202012Validator(schema).validate(document)
    shapes = {gate["id"]: tuple(gate["shape"]) for gate in document["gates"]}
    found = 0
    for gate in document["gates"]:
        for edge in gate["operands"]:
            assert ("jacobian" in edge) == (edge["rule"] is not None and edge["local_gradient"] is None)
            if "jacobian" in edge:
                found += 1
                jacobian, adjoint = values(edge["jacobian"]), values(gate["global_gradient"])
                assert np.shape(jacobian) == shapes[gate["id"]] + shapes[edge["id"]]
                product = np.tensordot(adjoint, jacobian, axes=np.ndim(adjoint))
                assert np.allclose(product, values(edge["contribution"]), rtol=1e-14)
    assert found == 3
    lines = cli("eval", *PROGRAMS["layer"], "--jacobians", "--format", "ndjson").out.splitlines()
    assert [json.loads(line) for line in lines] == document["gates"]


def test_the_jacobian_of_a_number_by_a_number_is_a_number(cli: Cli, schema: Any) -> None:
    document = cli("eval", "sum(x)*2", "--x", "3", "--jacobians", "--json").trace
    Draft202012Validator(schema).validate(document)
    assert document["gates"][1]["operands"][0]["jacobian"] == 1.0
    assert "array(" not in cli("eval", "sum(x)*2", "--x", "3", "--jacobians").out


@pytest.mark.parametrize("name", PROGRAMS)
def test_ndjson_and_csv_say_what_json_says(name: str, cli: Cli) -> None:
    gates = cli("eval", *PROGRAMS[name], "--json").trace["gates"]
    lines = cli("eval", *PROGRAMS[name], "--format", "ndjson").out.splitlines()
    assert [json.loads(line) for line in lines] == gates
    rows = list(csv.DictReader(io.StringIO(cli("eval", *PROGRAMS[name], "--format", "csv").out, newline="")))
    expected = [(gate, edge) for gate in gates for edge in gate["operands"] or [None]]
    assert len(rows) == len(expected)
    for row, (gate, edge) in zip(rows, expected, strict=True):
        assert _cell(row["value"], gate["value"])
        assert _cell(row["global_gradient"], gate["global_gradient"])
        assert _cell(row["contribution"], edge and edge["contribution"])
        if not (edge and row["local_gradient"] and gate["shape"]):
            assert _cell(row["local_gradient"], edge and edge["local_gradient"])
        else:
            local = values(json.loads(row["local_gradient"]) if "[" in row["local_gradient"] else row["local_gradient"])
            spread = np.broadcast_to(local, gate["shape"])
            assert np.array_equal(spread, values(edge["local_gradient"]), equal_nan=True)


def _cell(cell: str, number: Any) -> bool:
    """Whether a cell of CSV says what JSON says."""
    if number is None:
        return cell == ""
    found = values(json.loads(cell)) if cell.startswith("[") else float(cell)
    return bool(np.array_equal(found, values(number), equal_nan=True))


@pytest.mark.parametrize("width", [30, 60, 80, 120])
@pytest.mark.parametrize("name", PROGRAMS)
def test_full_shows_every_element_and_cuts_none(name: str, width: int, cli: Cli) -> None:
    gates = cli("eval", *PROGRAMS[name], "--json").trace["gates"]
    out = cli("eval", *PROGRAMS[name], "--full", COLUMNS=str(width)).out
    words = re.findall(r"-?(?:inf|nan|[0-9.]+(?:e[-+]?[0-9]+)?)", out)
    for gate in gates:
        for x in (gate["value"], gate["global_gradient"]):
            for element in np.ravel(values(x)).tolist() if x is not None else ():
                assert repr(element) in words


def test_what_is_not_finite_is_counted_in_a_summary(cli: Cli) -> None:
    out = cli("eval", *PROGRAMS["not-finite"], "--format", "markdown").out
    assert "6 elements, 1 nan, 1 -inf, min 0," in out


def test_a_large_constant_is_shortened_in_the_table_and_whole_in_json(cli: Cli) -> None:
    constant = json.dumps([k / 8 for k in range(60)])
    out = cli("eval", f"sum(x*{constant})", "--x", "2", COLUMNS="80").out
    assert "…" in out
    assert max(map(len, out.splitlines())) <= 80
    gates = cli("eval", f"sum(x*{constant})", "--x", "2", "--json").trace["gates"]
    assert gates[1]["text"] == constant


def test_an_array_is_a_seed(cli: Cli, schema: Any, tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text("[1, -0.5]")
    outcomes = [
        cli("eval", "x*[1, 2]", "--x", "[3, 4]", name, seed, "--json")
        for name in ("--vjp", "--seed-gradient")
        for seed in ("[1, -0.5]", "[1, -1/2]", f"@{file}")
    ]
    assert len({outcome.out for outcome in outcomes}) == 1
    document = outcomes[0].trace
    Draft202012Validator(schema).validate(document)
    assert document["seed"] == [1.0, -0.5]
    assert document["gradients"] == {"x": [1.0, -1.0]}


def test_a_direction_has_arrays(cli: Cli, schema: Any) -> None:
    document = cli("eval", "x*y", "--x", "[3, 4]", "--y", "2", "--jvp", "x=[1, 0.5]", "--vjp", "[1, 1]", "--json").trace
    Draft202012Validator(schema).validate(document)
    assert document["jvp"] == {"direction": {"x": [1.0, 0.5]}, "value": [2.0, 1.0]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "--x", "[1, 2]"), "the output is an array"),
        (("x", "--x", "[1, 2]", "--vjp", "[1, 2, 3]"), "the seed has the shape 3"),
        (("x", "--x", "[1, 2]", "--vjp", "1"), "the seed is a number"),
        (("x*2", "--x", "3", "--vjp", "[1, 2]"), "the seed is an array of shape 2, and the output a number"),
        (("x", "--x", "[1, 2]", "--vjp", "[[1, 2]"), "a ] is missing"),
        (("x", "--x", "[1, 2]", "--vjp", "[1, 2]", "--seed-gradient", "[1, 2]"), "is given twice"),
        (("sum(x)", "--x", "[1, 2]", "--jvp", "x=1"), "the value of x is a number"),
        (("sum(x)", "--x", "[1, 2]", "--jvp", "x=[[1, 2]]"), "the value of x is of shape 1×2"),
        (("sum(x)", "--x", "[1, 2]", "--jacobians", "--format", "csv"), "--jacobians is for the table of gates"),
        (("sum(x)", "--x", "[1, 2]", "--jacobians", "--contributions", "x"), "--jacobians is for the table of gates"),
        (("sum(x @ x)", "--x", json.dumps([[0.5] * 40] * 40), "--jacobians"), "g1 by x has 2,560,000 elements"),
    ],
)  # fmt: skip
def test_what_is_refused(arguments: tuple[str, ...], message: str, refused: Refused) -> None:
    assert message in refused("eval", *arguments)


def test_a_program_of_numbers_has_nothing_to_show_for_full_and_jacobians(cli: Cli) -> None:
    program = ("eval", "(x+y)*z", "--x", "2", "--y", "3", "--z", "-4")
    assert cli(*program, "--full", "--jacobians") == cli(*program)
    assert cli(*program, "--jacobians", "--json") == cli(*program, "--json")

"""gradcli functions: the op table for people and for machines."""

from __future__ import annotations

import json

import numpy as np
import pytest
from outcomes import Cli, Golden, Refused

from gradcli.graph import ops
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.render.functions import contributions, example, signature

SHOWN = [row for row in ops.ROWS if not row.hidden]


def test_the_table_fits_80_columns(cli: Cli) -> None:
    lines = cli("functions", COLUMNS="80").out.splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for row in SHOWN:
        assert f"\n {signature(row)} " in text, row.name
        assert row.doc.split()[0] in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_without_unicode(encoding: str, cli: Cli) -> None:
    out = cli("functions", encoding=encoding).out
    assert "d/dx = " in out
    assert "\\u2202" not in out
    assert "\\u2500" not in out
    assert "max(x, ...)" in out
    assert "-1 <= x <= 1" in cli("functions", "asin", encoding=encoding).out


@pytest.mark.parametrize("name", ["tanh", "+", "max", "log", "σ", "clamp", "@", "sum", "softmax"])
def test_one_function(name: str, cli: Cli, golden: Golden) -> None:
    arguments = ("functions", name)
    file = {"+": "plus", "σ": "sigma", "@": "matmul"}.get(name, name)
    golden(f"cli/golden/functions/{file}.txt", cli(*arguments).transcript(arguments))


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.name)
def test_every_function_can_be_shown(row: ops.Op, cli: Cli) -> None:
    for name in (row.name, row.symbol or row.name, *row.aliases):
        outcome = cli("functions", name)
        assert outcome.status == 0
        assert signature(row) in outcome.out
        assert row.doc in outcome.out


def test_json(cli: Cli) -> None:
    listed = json.loads(cli("functions", "--json").out)
    assert [entry["name"] for entry in listed] == [row.name for row in SHOWN]
    for entry in listed:
        assert entry["documentation"]
        assert entry["local_gradients"] or entry["contributions"]
    assert [entry["name"] for entry in json.loads(cli("functions", "tanh", "--json").out)] == ["tanh"]


@pytest.mark.parametrize("row", ops.STRUCTURAL, ids=lambda row: row.name)
def test_what_functions_of_arrays_pass_on(row: ops.Op) -> None:
    """The formulas are programs that give contributions of the operands' shapes."""
    names, layout = example(row)
    bound = dict(zip(names, map(np.ones, layout.shapes), strict=True)) | {"g": np.ones(layout.shape)}
    bound["out"] = bound["g"]
    for (_, formula), shape in zip(contributions(row), layout.shapes, strict=True):
        graph = lower(parse(formula), bound)
        assert graph.shapes.get(graph.output, ()) in (shape, ())  # a number is for all elements


def test_settings_in_json(cli: Cli) -> None:
    (listed,) = json.loads(cli("functions", "sum", "--json").out)
    assert listed["settings"] == {"axis": None, "keepdims": False}
    assert listed["contributions"] == {"x": "broadcast_to(g, [3, 2])"}
    assert listed["example"] == "sum(x) for x of 3×2"
    assert "settings" not in json.loads(cli("functions", "sin", "--json").out)[0]


def test_what_is_not_a_function(refused: Refused) -> None:
    assert "did you mean sigmoid?" in refused("functions", "sigmiod")
    assert "`gradcli functions` lists them" in refused("functions", "quux" * 100)
    assert "--json" in refused("functions", "--jsn")
    refused("functions", "sin", "cos")


def test_costs_of_derivatives(cli: Cli) -> None:
    """Of every row, in 80 columns and in JSON."""
    shown = cli("functions", "--cost", COLUMNS="80").out
    assert max(map(len, shown.splitlines())) <= 80
    listed = json.loads(cli("functions", "--cost", "--json").out)
    for row, entry in zip(SHOWN, listed, strict=True):
        cost = entry["cost"]
        assert cost["gates"] == cost["rules"] + cost["contributions"] + cost["additions"]
        line = next(line for line in shown.splitlines() if line.startswith(f" {signature(row)} "))
        assert line.split()[-4:] == [str(cost[name]) for name in ("rules", "contributions", "additions", "gates")]
    assert len(cli("functions", "sin", "--cost").out.splitlines()) < 12
    assert "depends on shapes" in cli("functions", "sum", "--cost").out
    assert "cost" not in json.loads(cli("functions", "sin", "--json").out)[0]

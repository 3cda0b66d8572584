"""Names and texts that no program can hold, but a graph built by hand can: every format keeps them inert."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from gradcli.api import evaluate
from gradcli.render import FORMATS, Look, renderer
from gradcli.traces import Trace

NAMES = (
    "[red]x[/]",
    ":smile:",
    "\x1b[31m",
    "\x9b2J\x07",
    "x\u202ey",
    "=cmd()",
    "a|b`c",
    "<b>&amp;",
    "a\nb",
    '"',
    "[/]",
    "\\[",
)
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
LOOKS = (Look(), Look(width=30), Look(width=200, color="truecolor"), Look(unicode=False), Look(every_gate=True))


@pytest.fixture(params=NAMES, ids=ascii)
def hostile(request: pytest.FixtureRequest) -> tuple[str, Trace]:
    """A trace whose input and stage have such a name."""
    trace = evaluate("q = x*2\nq + x", x=3)
    trace.graph.literals[0] = request.param
    stage = next(iter(trace.graph.stages))
    trace.graph.stages[stage] = request.param
    return request.param, trace


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(format: str, hostile: tuple[str, Trace]) -> None:
    for look in LOOKS:
        text = "".join(renderer(format)(hostile[1], look))
        assert not CONTROLS.search(re.sub(r"\x1b\[[0-9;]*m", "", text) if look.color else text)
        assert "9.0" in text


def test_json_holds_the_name_as_it_is(hostile: tuple[str, Trace]) -> None:
    name, trace = hostile
    document = json.loads(trace.to_json())
    assert document["gates"][0]["name"] == name
    assert document["gradients"] == {name: 3.0}


def test_the_table_shows_markup_as_text(hostile: tuple[str, Trace]) -> None:
    name, trace = hostile
    text = "".join(renderer("table")(trace, Look()))
    if not CONTROLS.search(name) and "\n" not in name:
        assert name in text


def test_no_cell_of_a_csv_starts_a_formula(hostile: tuple[str, Trace]) -> None:
    text = "".join(renderer("csv")(hostile[1], Look()))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or float(cell) < 0 or cell in ("-0.0", "-inf")


def test_markdown_keeps_its_cells(hostile: tuple[str, Trace]) -> None:
    text = "".join(renderer("markdown")(hostile[1], Look()))
    table = text.partition("\n\n")[0].splitlines()
    assert len(table) == 2 + 4
    for row in table:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
        assert "<b>" not in re.sub(r"`[^`]*`", "", row)

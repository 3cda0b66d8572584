"""Names and texts that no program can hold, but a graph built by hand can: every format of a trace keeps them inert."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hostile import COLOR, TEXTS, hidden
from hostile_graphs import PLACES, evaluated

from gradcli.render import FORMATS, Look, renderer
from gradcli.traces import Trace

LOOKS = (Look(), Look(width=30), Look(width=200, color="truecolor"), Look(unicode=False), Look(every_gate=True))


def written(format: str, trace: Trace, look: Look | None = None) -> str:
    return "".join(renderer(format)(trace, look or Look()))


@cache
def for_screens(format: str) -> bool:
    """Whether the format heeds what the screen can show."""
    trace = evaluated("harmless")
    return len({written(format, trace, look) for look in LOOKS}) > 1


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_hidden_gets_through(format: str, name: str) -> None:
    """No control, no invisible or reordering character; with colour, colours alone. The numbers are still there."""
    trace = evaluated(TEXTS[name], *PLACES)
    for look in LOOKS if for_screens(format) else LOOKS[:1]:
        text = written(format, trace, look)
        assert not hidden(COLOR.sub("", text) if look.color else text)
        assert "9.0" in text


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", TEXTS)
def test_the_structure_is_that_of_harmless_names(name: str, place: str) -> None:
    hostile = evaluated(TEXTS[name], place)
    for format, structure in STRUCTURES.items():
        assert structure(hostile, written(format, hostile)) == harmless(format), format


@cache
def harmless(format: str) -> object:
    trace = evaluated("harmless", *PLACES)
    return STRUCTURES[format](trace, written(format, trace))


def _document(trace: Trace, text: str) -> object:
    """RFC 8259 and ASCII; the names come back as they were."""
    assert text.isascii()
    document = json.loads(text, parse_constant=refuse)
    assert document["expression"] == trace.graph.source
    assert list(document["gradients"]) == list(trace.gradients)
    assert [gate["name"] for gate in document["gates"]] == [gate.name for gate in trace.gates]
    assert [gate["text"] for gate in document["gates"]] == [gate.text for gate in trace.gates]
    assert [gate["op"] for gate in document["gates"]] == [gate.op for gate in trace.gates]
    return [[*document], [[*gate, len(gate["operands"])] for gate in document["gates"]]]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def _lines_of_json(trace: Trace, text: str) -> object:
    gates = [json.loads(line, parse_constant=refuse) for line in text.split("\n")[:-1]]
    assert len(text.splitlines()) == len(gates)
    assert [gate["name"] for gate in gates] == [gate.name for gate in trace.gates]
    return [[*gate] for gate in gates]


def _rows(trace: Trace, text: str) -> object:
    """No cell begins a formula; a sign may begin a number."""
    assert "\r" not in text
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(("=", "+", "@", "\t", "\r", "＝", "＋", "－", "＠"))
        assert not cell.startswith("-") or re.fullmatch(r"-[0-9.]+(e[-+]?[0-9]+)?|-inf", cell)
    return [(row[0], row[4:9], len(row)) for row in rows]


def _cells(trace: Trace, text: str) -> object:
    """Every cell is plain or a code span, and no character of the text ends either."""
    table, _, below = text.partition("\n\n")
    spans, rows = r"`[^`|]+`", table.split("\n")
    for row in rows:
        assert re.fullmatch(rf"\|(([^`|\\]|{spans})+\|){{5}}", row)
        assert not re.search(r"<(?!br>)|\]\(", re.sub(spans, "", row))
    for line in below.split("\n")[:-1]:
        assert re.fullmatch(rf"- {spans} = \S+", line)
    return len(rows), len(below.split("\n"))


def _screen(trace: Trace, text: str) -> object:
    """Every gate is shown once, markup as it was written."""
    for gate in trace.gates:
        if gate.name and len(gate.name) < 20 and not hidden(gate.name + gate.name.replace("\n", "\0")):
            assert gate.name in text
    return {*re.findall(r"\bg[0-9]+\b", text)}


STRUCTURES: dict[str, Callable[[Trace, str], object]] = {
    "json": _document,
    "ndjson": _lines_of_json,
    "csv": _rows,
    "markdown": _cells,
    "table": _screen,
    "tree": _screen,
}


def test_every_format_has_its_structure_checked() -> None:
    assert set(STRUCTURES) == set(FORMATS)


def lines_of(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text.splitlines())


@pytest.mark.parametrize("format", ["table", "tree"])
def test_numbers_stay_whole_beside_long_names(format: str) -> None:
    trace = evaluated("x" * 10_000, "input", "stage")
    for width in (5, 40, 200, None):
        assert any(
            re.search(r"(?<![\d.])9\.0(?![\d.])", line) for line in lines_of(written(format, trace, Look(width)))
        )

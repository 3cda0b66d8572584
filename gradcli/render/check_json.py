"""A Report as one JSON document, schema gradcli.check/1.

Enters: a Report. Leaves: pieces of text. Invariant: floats are numbers that round-trip, or strings: NaN, Infinity and
-Infinity; true numbers are decimal strings, since no JSON reader keeps thirty digits or 1e434.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from gradcli.checking import Checked, GateCheck, Hint, InputCheck, Report
from gradcli.checking.verdicts import EdgeCheck
from gradcli.graph.describe import gate_text
from gradcli.graph.graph import Graph
from gradcli.render import Look

SCHEMA = "gradcli.check/1"
_NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _number(x: float | None) -> float | str | None:
    return x if x is None or x - x == 0 else _NAMES[repr(x)]


def _true(text: str | None) -> str | None:
    return _NAMES.get(text, text) if text is not None else None


def _rounded(digits: float | None) -> float | None:
    return None if digits is None else round(digits, 2)


def _edge(edge: EdgeCheck) -> dict[str, Any]:
    return {
        "id": f"g{edge.operand}", "rule": edge.rule, "local_gradient": _number(edge.local),
        "true_local_gradient": _true(edge.true), "left": _true(edge.left), "right": _true(edge.right),
        "declared": _true(edge.declared), "error_ulp": _number(edge.error), "bound_ulp": edge.bound,
        "verdict": edge.verdict,
    }  # fmt: skip


def _gate(graph: Graph, gate: GateCheck, edges: list[EdgeCheck]) -> dict[str, Any]:
    start, end = graph.span(gate.gate)
    return {
        "id": f"g{gate.gate}", "op": graph.rows[graph.codes[gate.gate]].name, "name": graph.name(gate.gate),
        "text": gate_text(graph, gate.gate), "start": start, "end": end,
        "value": _number(gate.value), "true_value": _true(gate.true), "correct_digits": _rounded(gate.digits),
        "digits_lost": _rounded(gate.lost), "beyond": gate.beyond,
        "global_gradient": _number(gate.gradient), "true_global_gradient": _true(gate.true_gradient),
        "gradient_correct_digits": _rounded(gate.gradient_digits),
        "gradient_digits_lost": _rounded(gate.gradient_lost), "gradient_beyond": gate.gradient_beyond,
        "operands": [_edge(edge) for edge in edges],
    }  # fmt: skip


def _input(given: InputCheck) -> dict[str, Any]:
    return {
        "name": given.name, "value": _number(given.value), "gradient": _number(given.gradient),
        "true_gradient": _true(given.true), "correct_digits": _rounded(given.digits), "beyond": given.beyond,
        "holds": given.holds,
    }  # fmt: skip


def _hint(hint: Hint) -> dict[str, Any]:
    return {
        "gate": f"g{hint.gate}", "for": hint.written, "write": hint.replacement,
        "value_digits": _rounded(hint.value_digits), "gradient_digits": _rounded(hint.gradient_digits),
    }  # fmt: skip


def _listed(items: Iterator[Any], margin: str) -> Iterator[str]:
    """A JSON array with an item per line."""
    separator = "["
    for item in items:
        yield f"{separator}\n{margin}{json.dumps(item, allow_nan=False)}"
        separator = ","
    yield "]" if separator == "," else "[]"


def _point(graph: Graph, checked: Checked) -> Iterator[str]:
    output = checked.gates[graph.output]
    head = {
        "point": {name: _number(x) for name, x in checked.point.items()}, "holds": checked.holds,
        "reasons": checked.reasons, "value": _number(output.value), "true_value": _true(output.true),
        "correct_digits": _rounded(output.digits),
    }  # fmt: skip
    yield "\n {" + json.dumps(head, allow_nan=False)[1:-1] + ',\n  "inputs": '
    yield from _listed(map(_input, checked.inputs), "   ")
    yield ',\n  "gates": '
    edges: dict[int, list[EdgeCheck]] = {}
    for edge in checked.edges:
        edges.setdefault(edge.gate, []).append(edge)
    yield from _listed((_gate(graph, gate, edges.get(gate.gate, [])) for gate in checked.gates), "   ")
    yield ',\n  "hints": '
    yield from _listed(map(_hint, checked.hints), "   ")
    yield "}"


def render(report: Report, look: Look) -> Iterator[str]:
    """The document in pieces. Pure ASCII."""
    graph = report.graph
    yield f'{{"schema": "{SCHEMA}", "expression": {quoted(graph.source)}, "output": "g{graph.output}", '
    yield f'"holds": {json.dumps(report.holds)}, "required_digits": {json.dumps(report.required)}, '
    yield f'"seed": {json.dumps(report.seed)},\n "points": ['
    for position, checked in enumerate(report.points):
        yield "," if position else ""
        yield from _point(graph, checked)
    yield "]}\n"

"""A Comparison as one JSON document, schema gradcli.comparison/1.

Enters: a Comparison. Leaves: pieces of text, a point per piece. Invariant: floats are numbers that round-trip, or the
strings NaN, Infinity and -Infinity; exact numbers are decimal strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gradcli.comparing.comparison import PROGRAMS, Comparison, remarks, summary
from gradcli.comparing.pointwise import Compared, Quantity
from gradcli.render import Look

SCHEMA = "gradcli.comparison/1"
_NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _number(x: float) -> float | str:
    return x if x - x == 0 else _NAMES[repr(x)]


def _side(quantity: Quantity, program: int) -> dict[str, Any]:
    exact, digits = quantity.exact[program], quantity.digits[program]
    return {
        "float64": _number(quantity.floats[program]),
        "exact": None if exact is None else _NAMES.get(exact, exact),
        "correct_digits": None if digits is None else round(digits, 2),
    }


def _quantity(quantity: Quantity) -> dict[str, Any]:
    return {
        "quantity": "gradient" if quantity.name else "value", "input": quantity.name or None,
        "verdict": quantity.verdict, "agreed_digits": round(quantity.agreed, 2),
        PROGRAMS[0]: _side(quantity, 0), PROGRAMS[1]: _side(quantity, 1),
    }  # fmt: skip


def _blamed(found: Comparison, compared: Compared) -> Iterator[dict[str, Any]]:
    for blamed in compared.blamed:
        start, end = found.graphs[blamed.program].span(blamed.gate)
        yield {
            "program": PROGRAMS[blamed.program], "gate": f"g{blamed.gate}", "start": start, "end": end,
            "kind": blamed.kind, "message": blamed.message,
        }  # fmt: skip


def _point(found: Comparison, compared: Compared) -> str:
    """A point, with a quantity per line."""
    head = {
        "point": {name: _number(x) for name, x in compared.point.items()}, "verdict": compared.verdict,
        "doubt": compared.doubt or None, "blamed": list(_blamed(found, compared)),
    }  # fmt: skip
    lines = ",\n   ".join(json.dumps(_quantity(quantity), allow_nan=False) for quantity in compared.quantities)
    return f'{{{json.dumps(head, allow_nan=False)[1:-1]},\n  "quantities": [\n   {lines}]}}'


def _programs(found: Comparison) -> list[dict[str, Any]]:
    return [
        {"program": program, "expression": graph.source, "output": f"g{graph.output}", "inputs": list(graph.inputs)}
        for program, graph in zip(PROGRAMS, found.graphs, strict=True)
    ]


def _points(found: Comparison, points: Sequence[Compared]) -> Iterator[str]:
    yield "["
    for position, compared in enumerate(points):
        yield ",\n " if position else "\n "
        yield _point(found, compared)
    yield "]"


def render(found: Comparison, look: Look) -> Iterator[str]:
    """The document in pieces. Pure ASCII."""
    head = {
        "schema": SCHEMA, "verdict": found.verdict, "holds": found.holds, "because": ": ".join(summary(found)),
        "remarks": remarks(found), "digits_agree": found.required, "seed": found.draw.seed, "wrt": list(found.wrt),
        "programs": _programs(found),
    }  # fmt: skip
    yield f'{{{json.dumps(head, allow_nan=False)[1:-1]},\n "counterexample": '
    yield "null" if found.counterexample is None else _point(found, found.counterexample)
    yield ',\n "points": '
    yield from _points(found, found.points)
    yield "}\n"

"""Every row of the op table is complete, and every number system brings every primitive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from gradcli.graph import ops
from gradcli.graph.describe import TEXT
from gradcli.graph.lower import lower
from gradcli.graph.ops import ELEMENTWISE, ROWS, Op
from gradcli.language.parser import parse
from gradcli.numeric import floats, gates
from gradcli.numeric.decimals import Decimals
from gradcli.passes import FLOATS

TESTED = [row for row in ELEMENTWISE if not row.hidden or row.name == "chain"]


def _shape_defects(row: Op) -> list[str]:
    """What does not fit the number of operands."""
    expected = 1 if row.variadic else len(row.parameters)
    found = []
    if not row.parameters or len(set(row.parameters)) != len(row.parameters):
        found.append("parameters")
    if len(row.partials) != expected:
        found.append("one partial per operand")
    if len(row.domain) != expected or not all(low < high for low, high in row.domain):
        found.append("one domain interval per operand")
    if not row.samples or not all(row.accepts(len(point)) for point in row.samples):
        found.append("samples of as many numbers as operands")
    if row.rules is not None and len(row.rules) != expected:
        found.append("one rule per operand")
    if row.vjps is not None and len(row.vjps) != expected:
        found.append("one vjp per operand")
    if row.terms is not None and len(row.terms) != expected + 1:
        found.append("terms of the value and of each partial")
    return found


def _definition_defects(row: Op) -> list[str]:
    """A composed row, and no other, has a definition of its parameters."""
    if (row.forward is None) != (row.definition is None):
        return ["a definition, as it has a forward rule" if row.definition is None else "a forward rule"]
    if row.definition is None:
        return []
    graph = lower(parse(row.definition), row.parameters)
    return [] if set(graph.inputs) <= set(row.parameters) else ["a definition of its parameters only"]


def defects(row: Op) -> list[str]:
    """What a row lacks, in words."""
    found = _shape_defects(row)
    if found:
        return found
    found += _definition_defects(row)
    if not row.doc.endswith(".") or "\n" in row.doc:
        found.append("one line of documentation")
    if (row.symbol is None) != (row.precedence == 0):
        found.append("a precedence, as it has a symbol" if row.symbol else "a symbol, as it has a precedence")
    defaults = [name for name, _ in row.defaults]
    if defaults != list(row.parameters[len(row.parameters) - len(defaults) :]):
        found.append("defaults of its last operands")
    if not all(math.isfinite(float(literal)) for _, literal in row.defaults):
        found.append("finite defaults")
    if row.latex is not None and not row.latex.format(*row.parameters):
        found.append("a LaTeX template")
    if row.kink is not None and not (row.kink.convention and row.kink.at(FLOATS, *row.samples[0]) in (0.0, 1.0)):
        found.append("a kink that says what is taken")
    if not row.ulp > 0:
        found.append("an error bound")
    return found


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.name)
def test_row_is_complete(row: Op) -> None:
    assert not defects(row), f"{row.name} needs " + "; ".join(defects(row))


_GOOD: dict[str, Any] = {
    "name": "twice", "parameters": ("x",), "doc": "2*x.", "partials": (2.0,), "forward": lambda m, x: 2.0 * x,
    "definition": "2*x", "domain": ((-1.0, 1.0),), "samples": ((0.5,),),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"samples": ()}, "samples"),
        ({"samples": ((1.0, 2.0),)}, "samples"),
        ({"domain": ()}, "domain"),
        ({"domain": ((1.0, 1.0),)}, "domain"),
        ({"doc": ""}, "documentation"),
        ({"doc": "two\nlines."}, "documentation"),
        ({"partials": ()}, "partial"),
        ({"parameters": ("x", "y")}, "partial"),
        ({"definition": None}, "definition"),
        ({"definition": "2*z"}, "definition"),
        ({"forward": None}, "forward"),
        ({"rules": (None, None)}, "rule"),
        ({"vjps": ()}, "vjp"),
        ({"terms": (None,)}, "terms"),
        ({"symbol": "?"}, "precedence"),
        ({"defaults": (("y", "1"),)}, "defaults"),
        ({"ulp": 0.0}, "bound"),
    ],
    ids=str,
)
def test_an_incomplete_row_is_noticed(change: dict[str, Any], lacks: str) -> None:
    assert not defects(Op(**_GOOD))
    assert lacks in " ".join(defects(Op(**(_GOOD | change))))


def test_names_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for name in ops.names():  # of a structural row of the same name keywords tell
        arities = [len(row.parameters) for row in ops.find(name) if not row.structural]
        assert len(set(arities)) == len(arities), f"{name} can mean two rows"


def _systems() -> dict[str, Mapping[str, Any]]:
    rows = [(ops.attribute(row.name), row.name) for row in ELEMENTWISE]
    return {
        "floats": floats.PRIMITIVES,
        "decimals": Decimals(20).primitives,
        "gates": gates.primitives(rows, lambda name, operands: 0, lambda text: 0),
        "text": vars(TEXT),
    }


def missing(required: list[str], systems: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The primitives that a number system does not bring: "decimals: expm1"."""
    required = [*map(ops.attribute, required), "number", "pi"]
    return [f"{system}: {name}" for system, has in systems.items() for name in required if name not in has]


def test_every_number_system_brings_every_primitive() -> None:
    absent = missing(ops.primitives(), _systems())
    assert not absent, "missing in number systems: " + ", ".join(absent)


def test_a_missing_primitive_is_named() -> None:
    systems = {name: {k: v for k, v in has.items() if k != "tan"} for name, has in _systems().items()}
    assert missing(ops.primitives(), systems) == ["floats: tan", "decimals: tan", "gates: tan", "text: tan"]


def test_a_number_system_only_replaces_what_rules_know() -> None:
    known = {ops.attribute(row.name) for row in ELEMENTWISE} | set(ops.REFINED) | {"number", "pi"}
    assert set(floats.PRIMITIVES) <= known
    assert set(Decimals(20).primitives) <= known

"""What a page knows of a graph before anything is computed: gates, edges, inputs, in plain data for its scripts.

Enters: a Trace. Leaves: a dictionary that JSON can hold. Invariant: all text is printable; what depends on the inputs'
values is not here, but in the columns that the generated function computes.

Besides what every script reads, there is what sentences and warnings are made of; of this, empty things are left out.

- `called`: how sentences call the output, where it has no name.
- `rows`: what gates have in common that compute the same function; `gate.row` is a place in it. `called`: how it is
  called; `written`: a template, where it is an operator instead; `loose`: whether it binds as loosely as =;
  `structural`, `variadic`; `flat`: the operands by which the slope is 0 everywhere; `kink`: its kind and convention;
  `steepest`; `rectifies`.
- of a gate: `written`, the template of a function of whole arrays; `remark`, on shapes.
- of an input: `uses`, where else than at `start` it stands in the program.
- of an edge that has a gradient: `rule`; `told`, the same as sentences have it, where the output's name makes a
  difference; `own`, the local gradient's shape, where it is repeated to have the gate's; of a function of whole arrays
  `passed`, what it passes on, and `numbers`, the template of that.

A template has {0} for the first operand, {y} for the gate's value, {g} for its gradient; in {0-} a number with a minus
is in parentheses. It is for numbers and small arrays; large ones stand there by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gradcli.errors import ParseError
from gradcli.graph import ops
from gradcli.graph.describe import TEXT, contribution, gate_text, operation_text, rule_text
from gradcli.graph.graph import Graph
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import size
from gradcli.language.nodes import NAME, Definition
from gradcli.language.parser import parse
from gradcli.numeric import text
from gradcli.numeric.elements import shape_of
from gradcli.numeric.text import ATOM, Text
from gradcli.printable import printable
from gradcli.render.explain.flows import with_named_output
from gradcli.render.explain.steps import Teller
from gradcli.render.explain.tokens import Token
from gradcli.render.explain.words import Words
from gradcli.traces import Trace, rules_on

_KEPT = "\n\t"  # of the characters that printable() escapes
_LOOSE = 5  # the precedence of a sum; comparisons and logic bind more loosely
_MARKS = 0xF0000  # code points of private use: the first one stands for an operand's place, and so on
_FIRST = 7  # the precedence of a number with a minus at the beginning; elsewhere it needs parentheses
_PRODUCT = 6
MOST_INLINE = 12  # elements of an array that sentences write whole


def facts(trace: Trace, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """All facts. ranges: of sliders, where they are given."""
    graph, named = trace.graph, with_named_output(trace)
    program, moved = _program(graph.source)
    codes = {code: place for place, code in enumerate(dict.fromkeys(graph.codes))}
    told = _Told(trace, named.graph, Words(named, False), Teller(trace, False).shapes)
    uses = _uses(graph, moved)
    found: dict[str, Any] = {
        "program": program,
        "output": graph.output,
        "arrays": bool(graph.shapes or graph.settings),
        "inputs": [_input(trace, name, index, ranges) for name, index in graph.inputs.items()],
        "rows": [_row(graph.rows[code]) for code in codes],
        "gates": [
            _gate(told, index, moved) | {"row": codes[code]} | uses.get(index, {})
            for index, code in enumerate(graph.codes)
        ],
    }
    return found if named is trace else found | {"called": named.graph.label(graph.output)}


def _program(source: str) -> tuple[str, Callable[[int], int]]:
    """The program for a page, its lines kept, and where places of the source are in it."""
    if source.isascii() and source.replace("\n", "").replace("\t", "").isprintable():
        return source, lambda place: place
    signs = [sign if sign in _KEPT else printable(sign) for sign in source]
    ends = [0]
    for sign in signs:
        ends.append(ends[-1] + len(sign))
    return "".join(signs), lambda place: ends[min(place, len(source))] if place >= 0 else place


def _uses(graph: Graph, moved: Callable[[int], int]) -> dict[int, dict[str, Any]]:
    """Gate of an input → its places in the program but the first. In a definition a name is a parameter."""
    try:
        program = parse(graph.source)
    except ParseError:  # a graph that was built by hand
        return {}
    hidden = [statement.span for statement in program.statements if isinstance(statement, Definition)]
    nodes, found = program.nodes, dict[int, list[list[int]]]()
    for node, (kind, name) in enumerate(zip(nodes.kinds, nodes.values, strict=True)):
        gate = graph.inputs.get(name or "") if kind == NAME else None
        start, end = nodes.span(node)
        if gate is None or start == graph.starts[gate] or any(span.start <= start < span.end for span in hidden):
            continue
        found.setdefault(gate, []).append([moved(start), moved(end)])
    return {gate: {"uses": sorted(places)} for gate, places in found.items()}


def _input(trace: Trace, name: str, index: int, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    value = trace.values[index]
    low, high = ranges.get(name, (-10.0, 10.0))
    return {
        "name": printable(name),
        "gate": index,
        "shape": [*trace.graph.shapes.get(index, ())],
        "value": plain(value),
        "low": low,
        "high": high,
        "active": trace.adjoints[index] is not None,
    }


def _row(row: Op) -> dict[str, Any]:
    """What all gates of a row have in common."""
    if row.name in (ops.ROWS[ops.INPUT].name, ops.ROWS[ops.CONSTANT].name):
        return {}
    found: dict[str, Any] = {"called": printable(row.called)}
    if row.symbol is not None and not row.structural:
        found["written"] = _numbered(len(row.parameters), lambda xs: text.write("", row.symbol, row.precedence, xs))
        found["loose"] = row.precedence < _LOOSE
    found |= {"structural": row.structural, "variadic": row.variadic, "rectifies": row.rectifies}
    found["flat"] = [i for i, rule in enumerate(row.partials) if isinstance(rule, float) and rule == 0.0]
    if row.kink is not None:
        convention = row.kink.convention
        said = convention if row.structural else convention.removeprefix(f"a {row.kink.kind}: ")
        found["kink"] = [row.kink.kind, said]
    return _filled(found) | ({} if row.steepest is None else {"steepest": row.steepest})


class _Told:
    """What facts of gates are made of.

    Attributes:
        trace: the numbers; of these only which gates are differentiated.
        named: the graph with a name for its output.
        words: how explanations write its tokens.
        remark: what a gate makes of arrays, in words.
    """

    def __init__(self, trace: Trace, named: Graph, words: Words, remark: Callable[[int], str]) -> None:
        self.trace, self.named, self.words, self.remark = trace, named, words, remark


def _gate(told: _Told, index: int, moved: Callable[[int], int]) -> dict[str, Any]:
    graph, operands = told.trace.graph, told.trace.graph.operands[index]
    row, name, span = graph.rows[graph.codes[index]], graph.name(index), graph.span(index)
    found = {
        "op": printable(row.name),
        "kind": {ops.INPUT: "input", ops.CONSTANT: "constant"}.get(graph.codes[index], "gate"),
        "name": None if name is None else printable(name),
        "label": printable(graph.label(index)),
        "text": printable(gate_text(graph, index)),
        "start": moved(span.start),
        "end": moved(span.end),
        "shape": [*graph.shapes.get(index, ())],
        "operands": [*operands],
        "active": told.trace.adjoints[index] is not None,
        "edges": _edges(told, index),
    }
    if row.structural:
        write = partial(operation_text, graph, index, name=row.called, symbol=row.symbol)
        found["written"] = _numbered(len(operands), lambda texts: write(operands=texts))
    return found | _filled({"remark": told.remark(index) if operands else ""})


def _edges(told: _Told, index: int) -> list[dict[str, Any]]:
    trace, row = told.trace, told.trace.graph.rows[told.trace.graph.codes[index]]
    rule, shape, slopes = rules_on(trace.graph, index), trace.graph.shapes.get(index, ()), trace.partials[index]
    found: list[dict[str, Any]] = []
    for position, operand in enumerate(trace.graph.operands[index]):
        edge: dict[str, Any] = {}
        if trace.adjoints[operand] is not None:
            edge["rule"] = printable(rule(position))
            if row.structural:
                edge["passed"] = told.words.write(Token("passed", index, position))
                edge["numbers"] = _passed_numbers(trace.graph, index, position)
            elif (own := shape_of(slopes[position])) != shape:
                edge["own"] = [*own]
            if (
                index == trace.graph.output
                and (name := printable(rule_text(told.named, index, position))) != edge["rule"]
            ):
                edge["told"] = name
        found.append(edge)
    return found


def _numbered(count: int, write: Callable[[list[Text]], Text]) -> str:
    """The template of a gate of count operands."""
    signed = [_FIRST if count > 1 and place == 0 else 0 for place in range(count)]
    return _template({str(place): (ATOM, precedence) for place, precedence in enumerate(signed)}, write)


def _passed_numbers(graph: Graph, index: int, position: int) -> str:
    """The template of what a gate on whole arrays passes on."""
    layout, row = graph.layout(index).at(position), graph.rows[graph.codes[index]]
    # By its name, ∂f/∂q, a gradient is a fraction.
    adjoint = (_PRODUCT, _PRODUCT) if size(graph.shapes.get(index, ())) > MOST_INLINE else (ATOM, _FIRST)

    def write(texts: list[Text]) -> Text:
        *operands, y, g = texts
        return text.of(contribution(row, TEXT, layout, lambda _: g, y, operands))

    places = map(str, range(len(graph.operands[index])))
    return _template({**dict.fromkeys([*places, "y"], (ATOM, _FIRST)), "g": adjoint}, write)


def _template(places: Mapping[str, tuple[int, int]], write: Callable[[list[Text]], Text]) -> str:
    """What is written of texts, with {…} in their places.

    Written twice, with and without signs, it shows where a sign needs parentheses.

    Args:
        places: for each text its name in the template, and its precedence without and with a sign.
    """
    names, marks = [*places], [chr(_MARKS + place) for place in range(len(places))]
    plain, signed = (
        write([Text(mark, both[which]) for mark, both in zip(marks, places.values(), strict=True)]).text
        for which in (0, 1)
    )
    found, at = [], 0
    for sign in plain:
        place, kept = ord(sign) - _MARKS, signed[at : at + 1] != sign
        is_place = 0 <= place < len(names)
        assert not kept or (is_place and signed[at : at + 3] == f"({sign})"), "a sign changes more than parentheses"
        found.append(f"{{{names[place]}{'-' if kept else ''}}}" if is_place else printable(sign))
        at += 3 if kept else 1
    return "".join(found)


def _filled(found: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty or false."""
    return {name: x for name, x in found.items() if x}


def plain(x: Any) -> Any:
    """A number, nested lists or None; what JSON has no number for as a string."""
    if x is None:
        return None
    if hasattr(x, "tolist"):
        return plain(x.tolist())
    if isinstance(x, list):
        return [plain(one) for one in x]
    return x if x - x == 0 else "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"

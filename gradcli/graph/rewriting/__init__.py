"""Graph → Graph: composed functions expanded, common gates shared, known forms fused into one gate.

Enters: a Graph. Leaves: another that computes the same from the same inputs. Invariant: names, spans and the order of
operands stay what the program's author wrote; no step changes the graph it is given.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NoReturn

from gradcli.errors import LimitError, UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, lower
from gradcli.graph.rewriting.definitions import written_out
from gradcli.graph.rewriting.matching import Values
from gradcli.graph.rewriting.patterns import key
from gradcli.graph.rewriting.stable import fusing
from gradcli.graph.rewriting.suggest import Suggestion, suggestions
from gradcli.graph.rewriting.template import Piece, Template, copied, rebuilt, repeated, template
from gradcli.language.parser import parse
from gradcli.printable import shorten

__all__ = ["ALL", "Suggestion", "expand", "fuse", "share", "suggestions"]

ALL = "all"


def expand(graph: Graph, names: Iterable[str], max_gates: int = MAX_GATES, known: Collection[str] = ()) -> Graph:
    """The graph with the gates of some functions replaced by the gates of their definitions.

    Args:
        names: functions by name, alias or operator, of the table or of the program; "all" means every composed one.
        max_gates: the most gates that may be built.
        known: further functions of the program, which lowering has expanded already.

    Raises:
        UsageError: a name is not a function, or an elementary one.
        LimitError: more than max_gates.
    """
    codes = _codes(graph, names, known)
    if codes.isdisjoint(graph.codes):
        return graph
    templates = _templates(graph, codes, max_gates)

    def put(found: Graph, index: int, moved: array[int]) -> int:
        inner = templates[_call(graph, index)] if graph.codes[index] in codes else None
        _check_limit(len(found) + (1 if inner is None else len(inner)), max_gates)
        if inner is None:
            return copied(graph, found, index, moved)
        operands = [moved[operand] for operand in graph.operands[index]]
        place = inner.put(found, operands, (graph.starts[index], graph.ends[index]))
        return repeated(found, graph, index, place)

    return rebuilt(graph, put)


def _check_limit(count: int, max_gates: int) -> None:
    if count > max_gates:
        hint = "raise it with --max-gates, or expand fewer functions"
        raise LimitError(f"the expanded program needs more than {max_gates} gates", hint=hint)


def _codes(graph: Graph, names: Iterable[str], known: Collection[str]) -> set[int]:
    """The codes of the rows that names mean."""
    found: set[int] = set()
    for name in names:
        if name == ALL and name not in known:
            found.update(code for code, row in enumerate(graph.rows) if row.definition is not None)
            continue
        meant = [code for code, row in enumerate(graph.rows) if not row.hidden and name in _called(row)]
        composed = [code for code in meant if graph.rows[code].definition is not None]
        if not composed and name not in known:
            _refuse(graph, name, known, bool(meant))
        found.update(composed)
    return found


def _called(row: ops.Op) -> tuple[str | None, ...]:
    return row.name, row.symbol, *row.aliases


def _refuse(graph: Graph, name: str, known: Collection[str], elementary: bool) -> NoReturn:
    shown = shorten(name) or "(empty)"
    if elementary:
        hint = "composed functions can be expanded, such as sigmoid; `gradcli functions` lists their definitions"
        raise UsageError(f"{shown} is elementary: it has no definition to expand", hint=hint)
    from difflib import get_close_matches

    names = {n for row in graph.rows if row.definition for n in (row.name, *row.aliases)} | {*known, ALL}
    close = get_close_matches(name[:40], sorted(names), n=1)
    hint = f"did you mean {close[0]}?" if close else "`gradcli functions` lists them; all stands for all of them"
    raise UsageError(f"there is no function {shown} to expand", hint=hint)


_Call = tuple[Any, ...]  # what calls of one template have in common


def _call(graph: Graph, index: int) -> _Call:
    """A row; where it works on whole arrays, also its settings and the shapes of its operands."""
    code = graph.codes[index]
    if not graph.rows[code].structural:
        return (code,)
    return code, graph.settings.get(index, ()), graph.layout(index).shapes


def _calls(graph: Graph, codes: Collection[int]) -> list[_Call]:
    """The calls of these rows in a graph, each once, in order."""
    found = (_call(graph, index) for index, code in enumerate(graph.codes) if code in codes)
    return list(dict.fromkeys(found))


def _templates(graph: Graph, codes: set[int], max_gates: int) -> dict[_Call, Template]:
    """The definitions of the rows that the graph uses, each expanded itself, from the inside out."""
    found: dict[_Call, Template] = {}
    bodies: dict[_Call, Graph] = {}
    waiting = _calls(graph, codes)[::-1]
    while waiting:
        call = waiting[-1]
        if call in found:
            waiting.pop()
            continue
        body = bodies.get(call) or bodies.setdefault(call, _body(graph, call))
        if missing := [inner for inner in _calls(body, codes) if inner not in found]:
            waiting.extend(missing)
            continue
        found[call] = _inlined(body, graph.rows[call[0]].parameters, codes, found, max_gates)
        waiting.pop()
    return found


def _body(graph: Graph, call: _Call) -> Graph:
    """What a row of the program or of the table computes."""
    code: int = call[0]
    if code >= len(ops.ROWS):
        return graph.bodies[code - len(ops.ROWS)]
    row = graph.rows[code]
    return written_out(row, *call[1:]) if row.structural else lower(parse(row.definition or ""), row.parameters)


def _inlined(
    body: Graph, parameters: Sequence[str], codes: Collection[int], inner: dict[_Call, Template], max_gates: int
) -> Template:
    """What a graph computes, with the calls of others written out."""
    outer = template(body, parameters)
    indices = (index for index, code in enumerate(body.codes) if code != ops.INPUT)
    gates: list[Piece] = []
    places: list[int] = []

    def at(k: int) -> int:
        return places[k] if k >= 0 else k

    for index, (code, own, literal, settings) in zip(indices, outer.gates, strict=True):
        operands = tuple(map(at, own))
        called = inner[_call(body, index)] if code in codes else None
        _check_limit(len(gates) + (1 if called is None else len(called)), max_gates)
        base = len(gates)
        if called is None:
            gates.append((code, operands, literal, settings))
            places.append(base)
            continue
        for part, parts, text, of_part in called.gates:
            gates.append((part, tuple(base + k if k >= 0 else operands[~k] for k in parts), text, of_part))
        places.append(base + called.output if called.output >= 0 else operands[~called.output])
    return Template(gates, at(outer.output))


def share(graph: Graph) -> Graph:
    """The graph with equal gates made one: the same row, operands in the same order, the same number.

    Of the names of stages that become one gate the first stays.
    """
    seen: dict[tuple[object, ...], int] = {}

    def put(found: Graph, index: int, moved: array[int]) -> int:
        operands = tuple(moved[operand] for operand in graph.operands[index])
        own = key(graph.codes[index], operands, graph.literals[index], graph.settings.get(index))
        if own not in seen:
            seen[own] = copied(graph, found, index, moved)
        return seen[own]

    return rebuilt(graph, put)


def fuse(graph: Graph) -> Graph:
    """The graph with every known form of a function replaced by that function's gate."""
    rules = fusing()
    values = Values(graph, rules)
    chosen = {index: match for index in range(len(graph)) if (match := values.visit(index)) is not None}
    if not chosen:
        return graph
    added: dict[int, int] = {}

    def put(found: Graph, index: int, moved: array[int]) -> int:
        match = chosen.get(index)
        return copied(graph, found, index, moved) if match is None else values.put(match, found, index, moved, added)

    return rebuilt(graph, put)

"""A Trace as one JSON document, schema gradcli.trace/1 (RFC 8259: non-finite numbers are strings).

Enters: a Trace. Leaves: pieces of text, one per gate, so that a million gates need no second copy in memory. Invariant:
pure ASCII, the same bytes on every run; arrays are whole, as nested lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from gradcli.diagnose import Warned, warnings
from gradcli.render import Look, by_rule, wanted_jacobians
from gradcli.render.writing import number as number
from gradcli.render.writing import spread
from gradcli.traces import Edge, Trace, TracedGate

SCHEMA = "gradcli.trace/1"
Jacobians = Callable[[int, int], Any]  # of a gate and the position of an operand


def _name(name: str | None) -> str:
    return "null" if name is None else quoted(name)


def _edge(edge: Edge, shape: tuple[int, ...], write: Callable[[Any], str], jacobian: str = "") -> str:
    local = spread(edge.local_gradient, shape, write) if shape else number(edge.local_gradient, write)
    return (
        f'{{"id": "{edge.id}", "local_gradient": {local}, '
        f'"contribution": {number(edge.contribution, write)}, "rule": {_name(edge.rule)}{jacobian}}}'
    )


def gate(traced: TracedGate, write: Callable[[Any], str] = repr, jacobians: Jacobians | None = None) -> str:
    """One gate as a JSON object.

    Args:
        traced: the gate.
        write: gives the text of a finite number.
        jacobians: gives the Jacobian of an edge, if those of structural edges are wanted.
    """
    found = [""] * len(traced.operands)
    if jacobians is not None:
        for position, edge in enumerate(traced.operands):
            if by_rule(edge):
                found[position] = f', "jacobian": {number(jacobians(int(traced.id[1:]), position), write)}'
    edges = zip(traced.operands, found, strict=True)
    operands = ", ".join([_edge(edge, traced.shape, write, jacobian) for edge, jacobian in edges])
    return (
        f'{{"id": "{traced.id}", "op": {quoted(traced.op)}, "name": {_name(traced.name)}, '
        f'"text": {quoted(traced.text)}, "start": {traced.span.start}, "end": {traced.span.end}, '
        f'"shape": {list(traced.shape)}, "value": {number(traced.value, write)}, '
        f'"global_gradient": {number(traced.global_gradient, write)}, "operands": [{operands}]}}'
    )


def _detail(x: Any, write: Callable[[Any], str]) -> str:
    """A detail of a warning: text, a truth, a number, or lists and objects of them."""
    if isinstance(x, str):
        return quoted(x)
    if isinstance(x, dict):
        return f"{{{', '.join([f'{quoted(name)}: {_detail(part, write)}' for name, part in x.items()])}}}"
    if isinstance(x, list):
        return f"[{', '.join([_detail(part, write) for part in x])}]"
    if isinstance(x, int):
        return str(x).lower()  # of a truth: true
    return number(x, write)


def _warning(warned: Warned, write: Callable[[Any], str]) -> str:
    place = {"kind": warned.kind, "gate": warned.gate, "start": warned.span.start, "end": warned.span.end}
    return _detail(place | {"message": warned.message} | warned.details, write)


def _listed(items: Iterator[str]) -> Iterator[str]:
    """The items of a JSON array, one per line."""
    separator = "\n  "
    for item in items:
        yield separator + item
        separator = ",\n  "


def _asked(trace: Trace) -> Iterator[str]:
    """A seed and a directional derivative, if they were asked for."""
    write = trace.system.write
    if trace.seed is not None:
        yield f' "seed": {number(trace.seed, write)},\n'
    if trace.along is not None:
        moves = ", ".join(f"{quoted(name)}: {number(x, write)}" for name, x in trace.along.direction.items())
        yield f' "jvp": {{"direction": {{{moves}}}, "value": {number(trace.along.value, write)}}},\n'


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The document in pieces."""
    write, jacobians = trace.system.write, wanted_jacobians(trace, look)
    gradients = ", ".join(f"{quoted(name)}: {number(value, write)}" for name, value in trace.gradients.items())
    yield f'{{"schema": "{SCHEMA}", "expression": {quoted(trace.graph.source)}, "output": "g{trace.graph.output}", '
    yield f'"value": {number(trace.value, write)},\n "gradients": {{{gradients}}},\n'
    yield from _asked(trace)
    yield ' "gates": ['
    yield from _listed(gate(traced, write, jacobians) for traced in trace.gates)
    yield '],\n "warnings": ['
    yield from _listed(_warning(warned, write) for warned in warnings(trace))
    yield "]}\n"

"""A Trace as one JSON document, schema gradcli.trace/1 (RFC 8259: non-finite numbers are strings).

Enters: a Trace. Leaves: pieces of text, one per gate, so that a million gates need no second copy in memory. Invariant:
pure ASCII, the same bytes on every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any

from gradcli.diagnose import Warned
from gradcli.render import Look
from gradcli.traces import Edge, Trace, TracedGate

SCHEMA = "gradcli.trace/1"


def number(x: Any) -> str:
    """A float that reads back as the same float; NaN and infinities as protobuf's JSON mapping writes them."""
    if x is None:
        return "null"
    if isfinite(x):
        return repr(x)
    return '"NaN"' if x != x else '"Infinity"' if x > 0 else '"-Infinity"'


def _name(name: str | None) -> str:
    return "null" if name is None else quoted(name)


def _edge(edge: Edge) -> str:
    return (
        f'{{"id": "{edge.id}", "local_gradient": {number(edge.local_gradient)}, '
        f'"contribution": {number(edge.contribution)}, "rule": {_name(edge.rule)}}}'
    )


def gate(traced: TracedGate) -> str:
    """One gate as a JSON object."""
    return (
        f'{{"id": "{traced.id}", "op": "{traced.op}", "name": {_name(traced.name)}, "text": {quoted(traced.text)}, '
        f'"start": {traced.span.start}, "end": {traced.span.end}, "shape": {list(traced.shape)}, '
        f'"value": {number(traced.value)}, "global_gradient": {number(traced.global_gradient)}, '
        f'"operands": [{", ".join(map(_edge, traced.operands))}]}}'
    )


def _warning(warned: Warned) -> str:
    return (
        f'{{"kind": {quoted(warned.kind)}, "gate": "{warned.gate}", "start": {warned.span.start}, '
        f'"end": {warned.span.end}, "message": {quoted(warned.message)}}}'
    )


def _listed(items: Iterator[str]) -> Iterator[str]:
    """The items of a JSON array, one per line."""
    separator = "\n  "
    for item in items:
        yield separator + item
        separator = ",\n  "


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The document in pieces."""
    gradients = ", ".join(f"{quoted(name)}: {number(value)}" for name, value in trace.gradients.items())
    yield f'{{"schema": "{SCHEMA}", "expression": {quoted(trace.graph.source)}, "output": "g{trace.graph.output}", '
    yield f'"value": {number(trace.value)},\n "gradients": {{{gradients}}},\n "gates": ['
    yield from _listed(gate(traced) for traced in trace.gates)
    yield '],\n "warnings": ['
    yield from _listed(_warning(warned) for warned in trace.warnings)
    yield "]}\n"

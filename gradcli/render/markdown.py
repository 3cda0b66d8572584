"""A Trace as a Markdown table, for notes and issue trackers: a row per gate, its local gradients in one cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.diagnose import marks
from gradcli.printable import printable
from gradcli.render import Look, asked
from gradcli.traces import Edge, Trace, TracedGate

_ENDS = str.maketrans("|`", "¦'")  # the language has neither


def _code(text: str) -> str:
    """A code span that holds inside a table cell: backslashes are text there, so what would end it is replaced."""
    inert = printable(text).translate(_ENDS)
    return f"`{inert or ' '}`"


def _number(trace: Trace, x: Any) -> str:
    return "" if x is None else trace.system.write(x)


def _local(trace: Trace, edge: Edge) -> str:
    label = trace.graph.label(int(edge.id[1:]))
    return f"{_code('∂/∂' + label + ' = ' + (edge.rule or ''))} {_number(trace, edge.local_gradient)}"


def _row(trace: Trace, gate: TracedGate) -> str:
    locals_ = "<br>".join(_local(trace, edge) for edge in gate.operands if edge.local_gradient is not None)
    text = gate.text if gate.name in (None, gate.text) else f"{gate.name} = {gate.text}"
    mark = marks(trace).get(int(gate.id[1:]))
    computes = _code(text) + (f" {mark}" if mark else "")
    cells = [gate.id, computes, _number(trace, gate.value), locals_, _number(trace, gate.global_gradient)]
    return f"| {' | '.join(cells)} |\n"


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The table, then the output and its gradients as a list."""
    yield "| gate | computes | value | local gradients | global gradient |\n"
    yield "| :--- | :--- | ---: | :--- | ---: |\n"
    for gate in trace.gates:
        yield _row(trace, gate)
    yield f"\n- {_code('value')} = {_number(trace, trace.value)}\n"
    for name, gradient in trace.gradients.items():
        yield f"- {_code('∂/∂' + name)} = {_number(trace, gradient)}\n"
    for name, x in asked(trace):
        yield f"- {_code(name)} = {_number(trace, x)}\n"

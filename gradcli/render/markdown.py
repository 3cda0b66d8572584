"""A Trace as a Markdown table, for notes and issue trackers: a row per gate, its local gradients in one cell.

An array has its summary in its cell; all elements where that is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.diagnose import marks
from gradcli.printable import printable
from gradcli.render import Look, asked, by_rule, edge_label, gate_label
from gradcli.render.writing import line
from gradcli.traces import Edge, Trace, TracedGate

_ENDS = str.maketrans("|`", "¦'")  # the language has neither


def code(text: str) -> str:
    """A code span that holds inside a table cell: backslashes are text there, so what would end it is replaced."""
    inert = printable(text).translate(_ENDS)
    return f"`{inert or ' '}`"


def _local(trace: Trace, edge: Edge, full: bool) -> str:
    label = edge_label(trace, edge)
    if by_rule(edge):
        return f"{code(f'∂/∂{label}: {edge.rule}')} ← {_number(trace, edge.contribution, full)}"
    return f"{code('∂/∂' + label + ' = ' + (edge.rule or ''))} {_number(trace, edge.local_gradient, full)}"


def _number(trace: Trace, x: Any, full: bool) -> str:
    return line(x, trace.system.write, full)


def _row(trace: Trace, gate: TracedGate, full: bool) -> str:
    locals_ = "<br>".join(_local(trace, edge, full) for edge in gate.operands if edge.contribution is not None)
    mark = marks(trace).get(int(gate.id[1:]))
    computes = code(gate_label(trace, gate)) + (f" {mark}" if mark else "")
    cells = [gate.id, computes, _number(trace, gate.value, full), locals_, _number(trace, gate.global_gradient, full)]
    return f"| {' | '.join(cells)} |\n"


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The table, then the output and its gradients as a list."""
    yield "| gate | computes | value | local gradients | global gradient |\n"
    yield "| :--- | :--- | ---: | :--- | ---: |\n"
    full = look is not None and look.full
    for gate in trace.gates:
        yield _row(trace, gate, full)
    yield f"\n- {code('value')} = {_number(trace, trace.value, full)}\n"
    for name, gradient in trace.gradients.items():
        yield f"- {code('∂/∂' + name)} = {_number(trace, gradient, full)}\n"
    for name, x in asked(trace):
        yield f"- {code(name)} = {_number(trace, x, full)}\n"

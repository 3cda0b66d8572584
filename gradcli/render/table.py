"""A Trace as a Rich table for people: a line per gate with its value and global gradient, under it a line per operand
with the local gradient, its rule and the contribution.

Invariant: a number is never cut or wrapped, whatever the width; what is left out of a large graph is said, with the way
to get it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from gradcli.diagnose import marks
from gradcli.printable import printable
from gradcli.render import Look, asked
from gradcli.render.screen import draw
from gradcli.traces import Trace

SHOWN = 200  # gates shown of a large graph
_LEAST_LABEL, _MOST_LABEL = 24, 80  # the first column: below, the layout turns into records; above, it is folded
_BETWEEN = 8  # blanks around the columns

_VALUE, _GRADIENT, _QUIET, _WARNED = "green", "red", "dim", "yellow"
_HEADS = "  ∂/∂operand = rule", "local gradient", "global gradient"
_MARK = "← "


class Line(NamedTuple):
    """One line: a gate (value, global gradient) or an edge (local gradient, contribution)."""

    label: Text
    value: Text
    gradient: Text
    is_gate: bool


def _number(trace: Trace, x: Any, style: str, mark: str = "") -> Text:
    return Text("" if x is None else mark + trace.system.write(x), style=style)


def _gate_lines(trace: Trace, index: int) -> Iterator[Line]:
    gate, label = trace.gates[index], Text()
    margin = len(f"g{len(trace.graph) - 1}") + 2
    label.append(gate.id.ljust(margin), style=_QUIET)
    if gate.name is not None:
        label.append(printable(gate.name), style="bold")
    if gate.text != gate.name:
        label.append((" = " if gate.name else "") + printable(gate.text))
    if mark := marks(trace).get(index):
        label.append(f"  {mark}", _WARNED)
    yield Line(
        label, _number(trace, gate.value, _VALUE), _number(trace, gate.global_gradient, f"bold {_GRADIENT}"), True
    )
    for edge in gate.operands:
        if edge.local_gradient is None:
            continue
        operand = printable(trace.graph.label(int(edge.id[1:])))
        rule = Text(" " * margin + f"∂/∂{operand} = {printable(edge.rule or '')}", style=_QUIET)
        yield Line(
            rule, _number(trace, edge.local_gradient, ""), _number(trace, edge.contribution, _GRADIENT, _MARK), False
        )


def _chosen(trace: Trace, look: Look) -> tuple[range, range]:
    """The gates to show: all, or the first and the last ones of a large graph."""
    count = len(trace.graph)
    if look.every_gate or count <= SHOWN:
        return range(count), range(0)
    return range(SHOWN // 2), range(count - SHOWN // 2, count)


def _table(lines: list[Line], left_out: tuple[int, Text] | None) -> Table:
    heads = Text("gate\n"), Text("value\n", _VALUE), Text("global gradient\n", f"bold {_GRADIENT}")
    heads[0].append(_HEADS[0], _QUIET)
    heads[1].append(_HEADS[1], "default")
    heads[2].append("← contribution", f"not bold {_GRADIENT}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")
    table.add_column(heads[0], overflow="fold")
    table.add_column(heads[1], justify="right", no_wrap=True)
    table.add_column(heads[2], justify="right", no_wrap=True)
    for position, line in enumerate(lines):
        if left_out is not None and position == left_out[0]:
            table.add_row(left_out[1], Text(""), Text(""))
        table.add_row(line.label, line.value, line.gradient)
    return table


def _records(lines: list[Line], left_out: tuple[int, Text] | None) -> Iterator[Text]:
    """For screens too narrow for columns: every number on a line of its own, which nobody cuts."""
    for position, line in enumerate(lines):
        if left_out is not None and position == left_out[0]:
            yield left_out[1]
        yield line.label if line.is_gate else Text("    " + line.label.plain.lstrip(), _QUIET)
        names = ("value", "global gradient") if line.is_gate else ("local gradient", "contribution")
        for name, number in zip(names, (line.value, line.gradient), strict=True):
            if number.plain:
                yield Text(f"    {name:<15} ", _QUIET).append(number.plain.removeprefix(_MARK), number.style)
    yield Text("")


def _output(trace: Trace) -> str:
    """How the output is called: by its stage, by the expression where that is all there is, else by its id."""
    graph, source = trace.graph, trace.graph.source.strip()
    if graph.name(graph.output) is None and not any(sign in source for sign in ";\n#{") and len(source) <= 60:
        return source
    return graph.label(graph.output)


def _summary(trace: Trace, look: Look) -> Iterator[Text]:
    yield Text(f"{printable(_output(trace))} = ").append(trace.system.write(trace.value), f"bold {_VALUE}")
    gradients = list(trace.gradients.items())
    for name, gradient in gradients if look.every_gate else gradients[:SHOWN]:
        yield Text(f"∂/∂{printable(name)} = ").append(trace.system.write(gradient), f"bold {_GRADIENT}")
    if len(gradients) > SHOWN and not look.every_gate:
        yield Text(f"… {len(gradients) - SHOWN:,} more gradients: --all shows them, --json has them", _QUIET)
    for name, x in asked(trace):
        yield Text(f"{name} = ").append(trace.system.write(x), f"bold {_GRADIENT}")


def render(trace: Trace, look: Look) -> Iterator[str]:
    """The table, then the output's value and its gradients."""
    first, last = _chosen(trace, look)
    lines = [line for index in first for line in _gate_lines(trace, index)]
    left_out = None
    if last:
        note = f"… {len(trace.graph) - len(first) - len(last):,} gates left out: --all shows them, --json has them"
        left_out = len(lines), Text(note, _QUIET)
        lines += [line for index in last for line in _gate_lines(trace, index)]
    label, value, gradient = (
        max(len(head), *(cell.cell_len for cell in cells))
        for head, *cells in zip(_HEADS, *(line[:3] for line in lines), strict=True)
    )
    numbers = value + gradient + _BETWEEN
    if look.width is not None and look.width < numbers + min(label, _LEAST_LABEL):
        yield draw([*_records(lines, left_out), *_summary(trace, look)], look, look.width)
    else:
        width = numbers + min(label, _MOST_LABEL) if look.width is None else look.width
        yield draw([_table(lines, left_out), *_summary(trace, look)], look, width)

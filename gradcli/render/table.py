"""A Trace as a Rich table for people: a line per gate with its value and global gradient, under it a line per operand
with the local gradient, its rule and the contribution.

Invariant: a number is never cut or wrapped, whatever the width; what is left out of a large graph is said, with the way
to get it. An array has some short lines that tell of it; all its elements where it is small, or where that is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from gradcli.diagnose import marks
from gradcli.printable import printable
from gradcli.render import Look, asked, by_rule, edge_label, gate_label, wanted_jacobians
from gradcli.render.screen import draw
from gradcli.render.writing import ROOM, cell, hanging
from gradcli.traces import Trace

SHOWN = 200  # gates shown of a large graph
_LEAST_LABEL, _MOST_LABEL = 24, 80  # the first column: below, the layout turns into records; above, it is folded
_BETWEEN = 8  # blanks around the columns
_SPARE = 1  # of these that the table does not use
_NAMED = 20  # columns before a number in a record
_SCREEN = 80  # columns of a summary where lines may be as long as they like

_VALUE, _GRADIENT, _QUIET, _WARNED = "green", "red", "dim", "yellow"
_HEADS = "  ∂/∂operand = rule", "local gradient", "global gradient"
_MARK = "← "


class Line(NamedTuple):
    """One line: a gate (value, global gradient) or an edge (local gradient or Jacobian, contribution)."""

    label: Text
    value: Text
    gradient: Text
    is_gate: bool
    jacobian: bool = False


class Drawing(NamedTuple):
    """How numbers are written: all elements of arrays, or a summary; a cell's columns, None for no limit."""

    trace: Trace
    full: bool
    room: int | None

    def number(self, x: Any, style: str, mark: str = "") -> Text:
        lines = cell(x, self.trace.system.write, self.full, self.room)
        return Text(mark + f"\n{' ' * len(mark)}".join(lines) if lines else "", style=style)


def _gate_lines(drawing: Drawing, index: int, jacobians: Any) -> Iterator[Line]:
    trace, number = drawing.trace, drawing.number
    gate, label = trace.gates[index], Text()
    margin = len(f"g{len(trace.graph) - 1}") + 2
    label.append(gate.id.ljust(margin), style=_QUIET)
    if gate.name is not None:
        label.append(printable(gate.name), style="bold")
    if gate.text != gate.name:
        label.append(printable(gate_label(trace, gate)).removeprefix(printable(gate.name or "")))
    if mark := marks(trace).get(index):
        label.append(f"  {mark}", _WARNED)
    yield Line(label, number(gate.value, _VALUE), number(gate.global_gradient, f"bold {_GRADIENT}"), True)
    for position, edge in enumerate(gate.operands):
        if edge.contribution is None:
            continue
        local, sign = edge.local_gradient, " ="
        if by_rule(edge):
            local, sign = jacobians(index, position) if jacobians else None, ":"
        told = f"∂/∂{printable(edge_label(trace, edge))}{sign} {printable(edge.rule or '')}"
        rule = Text(" " * margin + told, style=_QUIET)
        contribution = number(edge.contribution, _GRADIENT, _MARK)
        yield Line(rule, number(local, ""), contribution, False, by_rule(edge))


def _chosen(trace: Trace, look: Look) -> tuple[range, range]:
    """The gates to show: all, or the first and the last ones of a large graph."""
    count = len(trace.graph)
    if look.every_gate or count <= SHOWN:
        return range(count), range(0)
    return range(SHOWN // 2), range(count - SHOWN // 2, count)


def block(text: Text, width: int) -> Text:
    """Several lines, moved to the right together; one line as it is."""
    if "\n" not in text.plain:
        return text
    indent = " " * (width - columns(text))
    moved = "\n".join(indent + line for line in text.plain.split("\n"))
    return Text(moved, style=text.style, justify="left")


def _folded(label: Text, room: int | None) -> Text:
    """An edge's label on lines that are set in as its first one."""
    if room is None or label.cell_len <= room:
        return label
    indent = " " * (len(label.plain) - len(label.plain.lstrip()) + 2)
    lines = wrap(label.plain, room, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)
    return Text("\n".join(lines), style=label.style)


def _table(
    lines: list[Line], left_out: tuple[int, Text] | None, value: int, gradient: int, room: int | None = None
) -> Table:
    """The table; room: of the first column, where its lines are to be folded here."""
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
        label = line.label if line.is_gate else _folded(line.label, room)
        local = Text("Jacobian\n").append(line.value) if line.jacobian and line.value.plain else line.value
        table.add_row(label, block(local, value), block(line.gradient, gradient))
    return table


def _records(lines: list[Line], left_out: tuple[int, Text] | None) -> Iterator[Text]:
    """For screens too narrow for columns: every number on a line of its own, which nobody cuts."""
    for position, line in enumerate(lines):
        if left_out is not None and position == left_out[0]:
            yield left_out[1]
        yield line.label if line.is_gate else Text("    " + line.label.plain.lstrip(), _QUIET)
        local = "jacobian" if line.jacobian else "local gradient"
        names = ("value", "global gradient") if line.is_gate else (local, "contribution")
        for name, number in zip(names, (line.value, line.gradient), strict=True):
            if number.plain:
                marked = len(_MARK) if number.plain.startswith(_MARK) else 0
                first, *more = (text[marked:] for text in number.plain.split("\n"))
                yield Text(f"    {name:<15} ", _QUIET).append(first, number.style)
                if more:
                    yield Text("\n".join(" " * _NAMED + text for text in more), number.style)
    yield Text("")


def _output(trace: Trace) -> str:
    """How the output is called: by its stage, by the expression where that is all there is, else by its id."""
    graph, source = trace.graph, trace.graph.source.strip()
    if graph.name(graph.output) is None and not any(sign in source for sign in ";\n#{") and len(source) <= 60:
        return source
    return graph.label(graph.output)


def result(head: str, x: Any, trace: Trace, look: Look, style: str) -> Iterator[Text]:
    """What something is, below a table: x = 3.0; a large array goes on in lines of its own."""
    first, *more = hanging(f"{head} =", x, trace.system.write, look.full, look.width or _SCREEN)
    yield Text(first[: len(head) + 3]).append(first[len(head) + 3 :], style)
    if more:
        yield Text("\n".join(more), style)


def _summary(trace: Trace, look: Look) -> Iterator[Text]:
    yield from result(printable(_output(trace)), trace.value, trace, look, f"bold {_VALUE}")
    gradients = list(trace.gradients.items())
    for name, gradient in gradients if look.every_gate else gradients[:SHOWN]:
        yield from result(f"∂/∂{printable(name)}", gradient, trace, look, f"bold {_GRADIENT}")
    if len(gradients) > SHOWN and not look.every_gate:
        yield Text(f"… {len(gradients) - SHOWN:,} more gradients: --all shows them, --json has them", _QUIET)
    for name, x in asked(trace):
        yield from result(name, x, trace, look, f"bold {_GRADIENT}")


def _lines(trace: Trace, look: Look, room: int | None) -> tuple[list[Line], tuple[int, Text] | None]:
    """All lines, and what is left out, with the place where it would stand."""
    drawing, jacobians = Drawing(trace, look.full, room), wanted_jacobians(trace, look)
    first, last = _chosen(trace, look)
    lines = [line for index in first for line in _gate_lines(drawing, index, jacobians)]
    if not last:
        return lines, None
    note = f"… {len(trace.graph) - len(first) - len(last):,} gates left out: --all shows them, --json has them"
    left_out = len(lines), Text(note, _QUIET)
    return lines + [line for index in last for line in _gate_lines(drawing, index, jacobians)], left_out


def columns(text: Text) -> int:
    """The columns of the widest line."""
    return max(map(cell_len, text.plain.split("\n")))


def render(trace: Trace, look: Look) -> Iterator[str]:
    """The table, then the output's value and its gradients."""
    lines, left_out = _lines(trace, look, None if look.full else ROOM)
    label, value, gradient = (
        max(len(head), *map(columns, cells)) for head, *cells in zip(_HEADS, *(line[:3] for line in lines), strict=True)
    )
    numbers = value + gradient + _BETWEEN
    if look.width is not None and look.width < numbers + min(label, _LEAST_LABEL):
        if trace.graph.shapes:
            lines, left_out = _lines(trace, look, max(1, look.width - _NAMED))
        yield draw([*_records(lines, left_out), *_summary(trace, look)], look, look.width)
    else:
        width = numbers + min(label, _MOST_LABEL) if look.width is None else look.width
        room = width - numbers + _SPARE if trace.graph.settings else None
        yield draw([_table(lines, left_out, value, gradient, room), *_summary(trace, look)], look, width)

"""A Report as tables for people: the gates with their correct digits, the edges with their verdicts, the inputs.

Invariant: a number is never cut or wrapped, whatever the width; what is left out of a large graph is said. True values
are rounded to twenty digits unless more are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from gradcli.checking import Checked, GateCheck, InputCheck, Report
from gradcli.checking.verdicts import NONE, EdgeCheck
from gradcli.graph.describe import gate_text, operand_text
from gradcli.graph.graph import Graph
from gradcli.graph.ops import INPUT
from gradcli.printable import printable, shorten
from gradcli.render import Look
from gradcli.render.screen import draw

SHOWN = 200  # gates or edges shown
_FAILING = 20  # points that are listed
_LEAST_LABEL, _MOST_LABEL = 24, 80  # the first column, as in the table of an evaluation
_QUIET, _GOOD, _BAD = "dim", "green", "bold red"
_ROUNDED = Context(prec=20)

Cell = list[Text]  # its lines


class Section(NamedTuple):
    """A table to be: a first column of text, then numbers. heads: one or two lines each."""

    heads: list[tuple[str, ...]]
    rows: list[list[Cell]]
    note: str = ""


def _lines(*texts: str | Text | None) -> Cell:
    return [text if isinstance(text, Text) else Text(text) for text in texts if text is not None]


def _true(text: str | None, report: Report) -> Text:
    """A true value, beside a float."""
    if text is None:
        return Text("")
    try:
        rounded = text if report.digits is not None else str(_ROUNDED.create_decimal(Decimal(text))).lower()
    except InvalidOperation:  # an exponent that decimal has not
        rounded = text
    return Text(text if len(text) <= len(rounded) else rounded, _QUIET)


def _digits(digits: float | None, least: float) -> Text:
    if digits is None:
        return Text("")
    return Text(f"{digits:.1f}", _BAD if digits < least else _GOOD)


def _chosen(items: Sequence[Any], noteworthy: Callable[[Any], bool], look: Look, what: str) -> tuple[list[Any], str]:
    """All, or of many those that need a look, and a note of what is left out."""
    if look.every_gate or len(items) <= SHOWN:
        return list(items), ""
    found = [item for item in items if noteworthy(item)][:SHOWN]
    return found, f"… {len(items) - len(found):,} {what} left out: --all shows them, --json has them"


# The sections of one point


def _gates(report: Report, checked: Checked, look: Look) -> Section:
    graph = report.graph
    chosen, note = _chosen(
        checked.gates, lambda gate: bool(gate.lost or gate.beyond or gate.gradient_lost), look, "gates without a loss"
    )
    margin = len(f"g{len(graph) - 1}") + 2
    rows = [_gate_row(report, gate, margin) for gate in chosen]
    return Section([("gate",), ("value", "true value"), ("correct", "digits"), ("digits", "lost")], rows, note)


def _gate_row(report: Report, gate: GateCheck, margin: int) -> list[Cell]:
    graph = report.graph
    name, text = graph.name(gate.gate), gate_text(graph, gate.gate)
    label = Text(f"g{gate.gate}".ljust(margin), _QUIET)
    label.append(printable(text if name in (None, text) else f"{name} = {text}"), "default")
    true = _true(gate.true, report) if report.digits or gate.digits < report.required or gate.beyond else None
    lost = Text(f"{gate.lost:.1f}", _BAD) if gate.lost else Text("")
    beyond = Text(gate.beyond, "yellow") if gate.beyond else None
    numbers = _lines(repr(gate.value), true)
    digits = _lines(_digits(gate.digits, report.required), beyond)
    if gate.gradient_lost and graph.codes[gate.gate] != INPUT:
        rest = len(numbers) - 1
        label = Text("\n").join([label, *[Text("")] * rest, Text(" " * margin + "its global gradient", _QUIET)])
        numbers += [Text(repr(gate.gradient)), _true(gate.true_gradient, report)]
        digits += [Text("")] * (rest + 1 - len(digits)) + [_digits(gate.gradient_digits, report.required)]
        lost = Text("\n").join([lost, *[Text("")] * rest, Text(f"{gate.gradient_lost:.1f}", _BAD)])
    return [_lines(*label.split()), numbers, digits, _lines(*lost.split())]


def _edge_label(graph: Graph, edge: EdgeCheck) -> Text:
    gate, operand = graph.label(edge.gate), operand_text(graph, edge.operand).text
    return Text(printable(f"∂{gate}/∂{operand} = {edge.rule}"))


def _verdict(edge: EdgeCheck) -> Text:
    verdict = "no promise" if edge.verdict == NONE else edge.verdict
    return Text(verdict, _BAD if edge.reason else _QUIET if edge.verdict == NONE else _GOOD)


def _error(error: float | None) -> str:
    return "" if error is None else f"{error:.2f}" if error < 1000 else f"{error:.0e}"


def _edge_row(report: Report, edge: EdgeCheck) -> list[Cell]:
    true = _lines(_true(edge.true, report))
    if edge.true is None:
        true = [] if edge.left is None else [_true(edge.left, report), _true(edge.right, report)]
    sides = _lines("  from the left", "from the right") if len(true) == 2 else []
    label = [_edge_label(report.graph, edge), *(Text(side.plain.strip().rjust(20), _QUIET) for side in sides)]
    bound = "" if edge.bound is None else f"{edge.bound:g}"
    return [label, [Text(repr(edge.local)), *true], _lines(_error(edge.error)), _lines(bound), [_verdict(edge)]]


def _edges(report: Report, checked: Checked, look: Look) -> Section:
    chosen, note = _chosen(checked.edges, lambda edge: edge.reason is not None, look, "edges that hold")
    heads = [("edge",), ("local gradient", "true"), ("error", "ulp"), ("bound",), ("verdict",)]
    return Section(heads, [_edge_row(report, edge) for edge in chosen], note)


def _inputs(report: Report, checked: Checked, look: Look) -> Section:
    chosen, note = _chosen(checked.inputs, lambda given: not given.holds, look, "inputs that hold")
    rows = [_input_row(report, given) for given in chosen]
    heads: list[tuple[str, ...]] = [("input",), ("gradient", "true gradient"), ("correct", "digits")]
    lost = [_lost_in_sum(checked, given) for given in chosen]
    if any(lost):
        rows = [[*row, [cell]] for row, cell in zip(rows, lost, strict=True)]
        heads.append(("lost in", "the sum"))
    return Section(heads, rows, note)


def _lost_in_sum(checked: Checked, given: InputCheck) -> Text:
    """The digits that the contributions to an input's gradient have and their sum has not."""
    lost = checked.gates[checked.trace.graph.inputs[given.name]].gradient_lost
    return Text(f"{lost:.1f}", _BAD) if lost else Text("")


def _input_row(report: Report, given: InputCheck) -> list[Cell]:
    digits = _lines(_digits(given.digits, report.required), Text(given.beyond, "yellow") if given.beyond else None)
    return [_lines(printable(given.name)), [Text(repr(given.gradient)), _true(given.true, report)], digits]


# The sections of many points


def _worst_edges(report: Report, look: Look) -> Section:
    """For each edge the point where it is worst."""
    columns = list(zip(*(checked.edges for checked in report.points), strict=True))
    worst = [max(enumerate(column, 1), key=_badness) for column in columns]
    chosen, note = _chosen(worst, lambda item: item[1].reason is not None, look, "edges that hold")
    rows = []
    for position, edge in chosen:
        bound = "" if edge.bound is None else f"{edge.bound:g}"
        label = [_edge_label(report.graph, edge)]
        rows.append([label, _lines(_error(edge.error)), _lines(bound), [_verdict(edge)], _lines(str(position))])
    return Section([("edge",), ("worst error", "ulp"), ("bound",), ("verdict",), ("point",)], rows, note)


def _badness(item: tuple[int, EdgeCheck]) -> tuple[bool, float, int]:
    position, edge = item
    promised = edge.error is not None and edge.bound is not None
    return edge.reason is not None, edge.error or 0.0 if promised else -1.0, -position


def _worst_inputs(report: Report, look: Look) -> Section:
    columns = list(zip(*(checked.inputs for checked in report.points), strict=True))
    worst = [min(enumerate(column, 1), key=lambda item: (item[1].digits, item[0])) for column in columns]
    chosen, note = _chosen(worst, lambda item: not item[1].holds, look, "inputs that hold")
    rows = [[*_input_row(report, given), _lines(str(position))] for position, given in chosen]
    heads = [("input",), ("worst gradient", "true gradient"), ("correct", "digits"), ("point",)]
    return Section(heads, rows, note)


def _failing(report: Report) -> Iterator[Text]:
    failing = [(position, checked) for position, checked in enumerate(report.points, 1) if not checked.holds]
    for position, checked in failing[:_FAILING]:
        at = ", ".join(f"{shorten(name)} = {x!r}" for name, x in checked.point.items())
        yield Text(f"point {position}: {shorten(at, 200)}")
        yield Text(f"  {checked.reasons[0]}", _BAD)
    if len(failing) > _FAILING:
        yield Text(f"… {len(failing) - _FAILING:,} more points that fail: --json has them", _QUIET)


# Layout


def _summary(report: Report) -> Text:
    if not report.holds:
        return Text("does not hold: ", _BAD).append(printable(report.reason()), "default")
    edges = [edge for checked in report.points for edge in checked.edges]
    judged = sum(edge.verdict != NONE for edge in edges)
    text = f"{judged:,} of {len(edges):,} local gradients proved right" if edges else "no local gradients"
    if (
        least := min((given.digits for checked in report.points for given in checked.inputs), default=None)
    ) is not None:
        text += f"; every gradient keeps {least:.1f} correct digits or more"
    return Text("holds: ", f"bold {_GOOD}").append(text, "default")


def _sections(report: Report, look: Look) -> list[Section]:
    if len(report.points) == 1 and report.seed is None:
        checked = report.points[0]
        found = [_gates(report, checked, look), _edges(report, checked, look), _inputs(report, checked, look)]
    else:
        found = [_worst_edges(report, look), _worst_inputs(report, look)]
    return [section for section in found if section.rows or section.note]


def _widths(section: Section) -> list[int]:
    columns = zip(section.heads, *section.rows, strict=True)
    return [
        max(len(head) if isinstance(head, str) else head.cell_len for cell in column for head in cell)
        for column in columns
    ]


def _table(section: Section) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")
    for position, head in enumerate(section.heads):
        text = Text(head[0])
        for line in head[1:]:
            text.append(f"\n{line}", _QUIET)
        if position == 0:
            table.add_column(text, overflow="fold")
        else:
            table.add_column(text, justify="right", no_wrap=True)
    for row in section.rows:
        table.add_row(*(Text("\n").join(cell) for cell in row))
    return table


def _records(section: Section) -> Iterator[Text]:
    """For screens too narrow for columns: every number on a line of its own."""
    for row in section.rows:
        yield row[0][0]
        for head, cell in zip(section.heads[1:], row[1:], strict=True):
            whole = " ".join(head)
            names = head if head[-1].startswith("true") else (whole,)
            for position, line in enumerate(cell):
                if line.plain:
                    name = names[min(position, len(names) - 1)]
                    yield Text(f"    {name:<16} ", _QUIET).append(line.plain, line.style)
    yield Text("")


def render(report: Report, look: Look) -> Iterator[str]:
    """The tables, then the verdict."""
    items: list[Table | Text] = []
    widest = 0
    for section in _sections(report, look):
        label, *others = _widths(section) if section.rows else [0]
        needed = sum(others) + 3 * len(others) + 2
        widest = max(widest, needed + min(label, _MOST_LABEL))
        if not section.rows:
            pass
        elif look.width is not None and look.width < needed + min(label, _LEAST_LABEL):
            items += _records(section)
        else:
            items.append(_table(section))
        if section.note:
            items.append(Text(section.note, _QUIET))
    if report.seed is not None:
        items += _failing(report)
    yield draw([*items, _summary(report)], look, look.width or max(widest, 1))

"""An output with its uncertainty and where that comes from: a table, Markdown, CSV, or JSON of gradcli.uncertainty/1.

Enters: `Propagated`. Leaves: text. Invariant: what is rounded stands beside the whole number, except contributions and
shares in tables; a number is never cut or wrapped: a table that is too wide becomes lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from json import dumps
from math import inf
from typing import TYPE_CHECKING, Any

from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.derivatives import point_json
from gradcli.render.rounding import rounded
from gradcli.render.writing import brief, number

if TYPE_CHECKING:
    from gradcli.propagating import Input, Propagated, SecondOrder
    from gradcli.propagating.misleading import Note

SCHEMA = "gradcli.uncertainty/1"
SHOWN = 20  # correlations in a table
MOST = 200  # inputs in a table
_HEADS = "input", "value", "uncertainty", "gradient", "contribution", "share"
_QUIET = "dim"
_GAP = 3  # columns between two of a table
_STYLES = {"gradient": "red", "contribution": "", "share": "bold"}


def render(
    found: Propagated, point: Mapping[str, Any], notes: Sequence[Note], format: str, look: Look
) -> Iterator[str]:
    """In one of the formats."""
    return _FORMATS[format](found, point, notes, look)


def percent(x: float | None) -> str:
    """A share for people; nothing where there is none."""
    return "" if x is None else f"{100 * x:.1f} %" if x == 0 or abs(x) >= 0.0005 else f"{100 * x:.1g} %"


def _cells(one: Input) -> list[str]:
    numbers = [repr(x) for x in (one.value, one.uncertainty, one.gradient)]
    return [printable(one.name), *numbers, brief(one.contribution), percent(one.share)]


def _largest(inputs: Sequence[Input]) -> tuple[list[Input], str]:
    """The inputs that a table shows, in their order, and what is said of the others."""
    if len(inputs) <= MOST:
        return [*inputs], ""
    order = sorted(range(len(inputs)), key=lambda i: -inputs[i].contribution if inputs[i].contribution >= 0 else -inf)
    left_out = len(inputs) - MOST
    return [inputs[i] for i in sorted(order[:MOST])], f"… {left_out:,} that contribute less left out: --json has them"


def _head(found: Propagated) -> str:
    """What the output is called."""
    return printable(found.trace.graph.name(found.trace.graph.output) or "value")


def _results(found: Propagated) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each result as one reports it, and its whole numbers by name."""
    text, short = rounded(found.value, found.uncertainty)
    facts = [("value", repr(found.value)), ("uncertainty", repr(found.uncertainty))]
    if found.value and abs(found.value) != float("inf") and found.uncertainty == found.uncertainty:
        relative = 100 * (found.uncertainty / abs(found.value))
        facts.append(("relative", f"{relative:.0f} %" if 10 <= relative < 1e6 else f"{relative:.2g} %"))
    pairs = list(found.correlations.items())
    facts += [(f"correlation of {printable(a)}, {printable(b)}", repr(r)) for (a, b), r in pairs[:SHOWN]]
    if len(pairs) > SHOWN:
        facts.append(("correlations", f"and {len(pairs) - SHOWN:,} more"))
    yield _named(_head(found), text, short), facts
    if second := found.second_order:
        text, short = rounded(second.value, second.uncertainty)
        facts = [("value", repr(second.value)), ("shift", repr(second.shift))]
        yield _named("second order", text, short), [*facts, ("uncertainty", repr(second.uncertainty))]


def _named(head: str, text: str, short: str) -> str:
    return f"{head} = {text}" if text == short else f"{head} = {text}, or {short}"


def _table(found: Propagated, point: Mapping[str, Any], notes: Sequence[Note], look: Look) -> Iterator[str]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from gradcli.render.screen import draw

    shown, left_out = _largest(found.inputs)
    rows = [_cells(one) for one in shown]
    sizes = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    width = sum(sizes) + _GAP * len(sizes)
    items: list[Any] = []
    if rows and look.width is not None and width > look.width + _GAP:
        for row in rows:
            items.append(Text(row[0], "bold"))
            items += [Text(f"    {head:<12} {cell}") for head, cell in zip(_HEADS[1:], row[1:], strict=True) if cell]
        items.append(Text(""))
    elif rows:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for head in _HEADS:
            right = "left" if head == "input" else "right"
            table.add_column(head, justify=right, no_wrap=True, style=_STYLES.get(head))  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*map(Text, row))
        items.append(table)
    if left_out:
        items += [Text(left_out, _QUIET), Text("")]
    for head, facts in _results(found):
        items.append(Text(head, "bold"))
        room = max(len(name) for name, _ in facts)
        items += [Text(f"    {name:<{room}}  ", _QUIET).append(told, "not dim") for name, told in facts]
    drawn = draw(items, look, width if look.width is None else max(look.width, width))
    yield drawn if look.unicode else drawn.replace("±", "+/-")


def _markdown(found: Propagated, point: Mapping[str, Any], notes: Sequence[Note], look: Look) -> Iterator[str]:
    from gradcli.render.markdown import code

    yield f"| {' | '.join(_HEADS)} |\n| :--- |{' ---: |' * (len(_HEADS) - 1)}\n"
    for one in found.inputs:
        yield f"| {code(one.name)} | {' | '.join(_cells(one)[1:])} |\n"
    yield "\n"
    for head, facts in _results(found):
        yield f"- {code(head)}\n"
        yield from (f"  - {name}: {told}\n" for name, told in facts)
    for note in notes:
        yield f"\n**{note.kind}**: {printable(note.message)}\n"


def _csv(found: Propagated, point: Mapping[str, Any], notes: Sequence[Note], look: Look) -> Iterator[str]:
    """A row per input, then one per result; numbers round-trip, and an empty cell means none."""
    from gradcli.render.csv_rows import inert

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["what", "name", *_HEADS[1:]])
    for one in found.inputs:
        numbers = (one.value, one.uncertainty, one.gradient, one.contribution)
        writer.writerow(["input", inert(one.name), *map(repr, numbers), "" if one.share is None else repr(one.share)])
    name = inert(found.trace.graph.name(found.trace.graph.output))
    writer.writerow(["output", name, repr(found.value), repr(found.uncertainty), "", "", ""])
    if second := found.second_order:
        writer.writerow(["second_order", name, repr(second.value), repr(second.uncertainty), "", "", ""])
    yield buffer.getvalue()


def _json(found: Propagated, point: Mapping[str, Any], notes: Sequence[Note], look: Look) -> Iterator[str]:
    graph = found.trace.graph
    yield f'{{"schema": "{SCHEMA}", "expression": {dumps(graph.source)}, '
    yield f'"output": {dumps(graph.name(graph.output))},\n '
    yield f"{_numbers(value=found.value, uncertainty=found.uncertainty, variance=found.variance)}, "
    yield f'{_reported(found.value, found.uncertainty)},\n "at": {point_json(point)},\n "inputs": ['
    yield _listed(_input(one) for one in found.inputs)
    yield '],\n "correlations": ['
    pairs = found.correlations.items()
    yield _listed(f'{{"inputs": {dumps(pair)}, "correlation": {number(r)}}}' for pair, r in pairs)
    yield f'],\n "second_order": {_second(found.second_order)},\n "notes": ['
    yield _listed(dumps({"kind": note.kind, "input": note.input, "message": note.message}) for note in notes)
    yield "]}\n"


def _listed(items: Iterator[str]) -> str:
    lines = ",\n  ".join(items)
    return f"\n  {lines}" if lines else ""


def _numbers(**numbers: float | None) -> str:
    return ", ".join(f'"{name}": {number(x)}' for name, x in numbers.items())


def _reported(value: float, uncertainty: float) -> str:
    text, short = rounded(value, uncertainty)
    return f'"text": {dumps(text)}, "short": {dumps(short)}'


def _input(one: Input) -> str:
    numbers = _numbers(**{name: x for name, x in one._asdict().items() if name != "name"})
    return f'{{"name": {dumps(one.name)}, {numbers}}}'


def _second(second: SecondOrder | None) -> str:
    if second is None:
        return "null"
    return f"{{{_numbers(**second._asdict())}, {_reported(second.value, second.uncertainty)}}}"


_Render = Callable[["Propagated", Mapping[str, Any], Sequence["Note"], Look], Iterator[str]]
_FORMATS: dict[str, _Render] = {"table": _table, "json": _json, "csv": _csv, "markdown": _markdown}

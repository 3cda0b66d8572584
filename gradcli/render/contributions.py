"""What adds up to one gate's global gradient: a table, Markdown, CSV, or JSON of the schema gradcli.contributions/1.

Enters: a Trace and a gate. Leaves: `Use`s, then text. Invariant: uses stand in the order in which the backward pass met
them, so that the last running sum is the gate's global gradient to the last digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from json import dumps
from typing import Any, NamedTuple

from gradcli.errors import UsageError
from gradcli.graph.describe import gate_text
from gradcli.graph.graph import Graph, Group
from gradcli.numeric.elements import is_array
from gradcli.printable import printable, shorten
from gradcli.render import Look
from gradcli.render.explain import flows
from gradcli.render.writing import ROOM, glance, line, number
from gradcli.traces import Trace, rules_on

SCHEMA = "gradcli.contributions/1"
SHOWN = 200  # uses shown of a gate that has more
_LONGEST = 60  # columns of a gate's text
_GRADIENT, _QUIET = "red", "dim"


class Use(NamedTuple):
    """One edge from the gate to another one that uses it.

    Attributes:
        gate: which uses it; position: as which of its operands.
        text: what that gate computes.
        rule: of the edge.
        turns: of the loops it stands in, from the outermost in: t = 2.
        contribution: what comes back along the edge.
        sum: of all contributions so far.
    """

    gate: int
    position: int
    text: str
    rule: str
    turns: tuple[str, ...]
    contribution: Any
    sum: Any


class Contributions(NamedTuple):
    """All that adds up to the global gradient of a gate."""

    trace: Trace
    gate: int
    uses: list[Use]

    @property
    def title(self) -> str:
        """∂loss/∂w; ∂/∂w where the output has no name."""
        graph = self.trace.graph
        return f"∂{printable(graph.name(graph.output) or '')}/∂{printable(graph.label(self.gate))}"

    @property
    def total(self) -> Any:
        return self.trace.adjoints[self.gate]


def contributions(trace: Trace, name: str) -> Contributions:
    """The contributions to an input, a stage, or a gate by its id.

    Raises:
        UsageError: there is no such gate, or no gradient flows through it.
    """
    index = flows.find(trace.graph, name, "--contributions")
    if trace.adjoints[index] is None:
        hint = "it depends on no input that is differentiated"
        raise UsageError(f"no gradient flows through {shorten(name)}", hint=hint)
    parts = flows.received(trace, [index])[index]
    turns = turns_of(trace.graph, [part.gate for part in parts])
    describe, uses = _describing(trace.graph), []
    for part, total in zip(parts, _sums(part.contribution for part in parts), strict=True):
        text, rule = describe(part)
        uses.append(Use(part.gate, part.position, text, rule, turns[part.gate], part.contribution, total))
    return Contributions(trace, index, uses)


def _describing(graph: Graph) -> Callable[[flows.Part], tuple[str, str]]:
    """Edge → what its gate computes, and its rule; what the edges of one gate share is found once."""

    @cache
    def of_gate(index: int) -> tuple[str, Callable[[int], str]]:
        name, text = graph.name(index), gate_text(graph, index)
        return text if name is None else f"{name} = {text}", rules_on(graph, index)

    def of_edge(part: flows.Part) -> tuple[str, str]:
        text, rule = of_gate(part.gate)
        return text, rule(part.position)

    return of_edge


def _sums(terms: Iterable[Any]) -> Iterator[Any]:
    """The running sums of numbers or arrays."""
    total = None
    for term in terms:
        if total is None:
            total = term
        elif is_array(term):
            from gradcli.numeric.arrays import quiet

            with quiet():
                total = total + term
        else:
            total = total + term
        yield total


def turns_of(graph: Graph, gates: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """For each of these gates, the turns of the loops that it stands in, from the outermost in."""
    found: dict[int, tuple[str, ...]] = {}
    waiting = [group for group in graph.groups if group.kind == "turn"]
    waiting.sort(key=lambda group: (group.first, -group.last), reverse=True)
    inside: list[Group] = []
    for gate in sorted({*gates}):
        while waiting and waiting[-1].first <= gate:
            inside = [group for group in inside if group.last > waiting[-1].first]
            inside.append(waiting.pop())
        inside = [group for group in inside if group.last > gate]
        found[gate] = tuple(group.name for group in inside)
    return found


def render(found: Contributions, format: str, look: Look) -> Iterator[str]:
    """As a table, json, csv or markdown."""
    return FORMATS[format](found, look)


def _nothing(found: Contributions) -> str:
    """Why nothing adds up, in words; "" where something does."""
    if found.uses:
        return ""
    seed = "the output itself: the backward pass starts here"
    return seed if found.gate == found.trace.graph.output else "nothing that the output depends on uses it"


def _table(found: Contributions, look: Look) -> Iterator[str]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from gradcli.render.screen import draw
    from gradcli.render.table import block, columns, result

    shown = found.uses if look.every_gate else [*found.uses[: SHOWN // 2], *found.uses[SHOWN // 2 :][-SHOWN // 2 :]]
    left_out, write = len(found.uses) - len(shown), found.trace.system.write
    heads = ["gate", "computes", "turn", "contribution", "sum so far"]
    rows = []
    for use in shown:
        numbers = [
            "\n".join(glance(x, write, look.full, None if look.full else ROOM)) for x in (use.contribution, use.sum)
        ]
        rows.append([f"g{use.gate}", printable(shorten(use.text, _LONGEST)), ", ".join(use.turns), *numbers])
    sizes = [max(columns(Text(text)) for text in column) for column in zip(heads, *rows, strict=True)]
    width, room = sum(sizes) + 3 * len(heads), look.width
    if room is not None and width > room and room < width - sizes[1] + min(sizes[1], ROOM):
        items: list[Any] = list(_records(heads, rows))
    else:
        items = [Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")]
        for place, head in enumerate(heads):
            style = _QUIET if place in (0, 2) else _GRADIENT if place == 3 else ""
            right = "right" if place > 2 else "left"
            items[0].add_column(head, style=style, justify=right, no_wrap=place != 1, overflow="fold")
        for place, row in enumerate(rows):
            if left_out and place == SHOWN // 2:
                items[0].add_row("", Text(f"… {left_out:,} left out: --all shows them, --json has them", _QUIET))
            items[0].add_row(*(block(Text(text), size) for text, size in zip(row, sizes, strict=True)))
    items = items if rows else []
    count = len(found.uses)
    told = _nothing(found) or ("1 contribution" if count == 1 else f"{count:,} contributions add up")
    items += result(found.title, found.total, found.trace, look, f"bold {_GRADIENT}")
    items.append(Text(told, _QUIET))
    yield draw(items, look, width if room is None else room)


def _records(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Any]:
    """For screens too narrow for columns."""
    from rich.text import Text

    for identity, text, turn, *numbers in rows:
        yield Text(f"{identity}  ", _QUIET).append(text, "not dim").append(f"  {turn}" if turn else "", _QUIET)
        for head, written in zip(heads[3:], numbers, strict=True):
            for place, told in enumerate(written.split("\n")):
                yield Text(f"    {'' if place else head:<12} ", _QUIET).append(told, f"not dim {_GRADIENT}")
    yield Text("")


def _json(found: Contributions, look: Look) -> Iterator[str]:
    trace, write = found.trace, found.trace.system.write
    graph = trace.graph
    name = dumps(graph.name(found.gate))
    yield f'{{"schema": "{SCHEMA}", "expression": {dumps(graph.source)}, "output": "g{graph.output}", '
    yield f'"gate": "g{found.gate}", "name": {name},\n "global_gradient": {number(found.total, write)},\n "uses": ['
    separator = "\n  "
    for use in found.uses:
        span, turns = (
            graph.span(use.gate),
            dumps({name: int(t) for name, _, t in (x.partition(" = ") for x in use.turns)}),
        )
        yield (
            f'{separator}{{"gate": "g{use.gate}", "operand": {use.position}, "text": {dumps(use.text)}, '
            f'"start": {span.start}, "end": {span.end}, "turns": {turns}, "rule": {dumps(use.rule)}, '
            f'"contribution": {number(use.contribution, write)}, "sum": {number(use.sum, write)}}}'
        )
        separator = ",\n  "
    yield "]}\n"


def _csv(found: Contributions, look: Look) -> Iterator[str]:
    """A row per use; an array is one cell, as `csv_rows` has it."""
    from gradcli.render.csv_rows import cell, inert

    buffer, write = io.StringIO(), found.trace.system.write
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["gate", "operand", "text", "turns", "rule", "contribution", "sum"])
    for use in found.uses:
        told = [f"g{use.gate}", use.position, inert(use.text), ", ".join(use.turns), inert(use.rule)]
        writer.writerow([*told, cell(use.contribution, write), cell(use.sum, write)])
    yield buffer.getvalue()


def _markdown(found: Contributions, look: Look) -> Iterator[str]:
    from gradcli.render.markdown import code

    write = found.trace.system.write
    yield "| gate | computes | turn | contribution | sum so far |\n| :--- | :--- | :--- | ---: | ---: |\n"
    for use in found.uses:
        numbers = (line(use.contribution, write, look.full), line(use.sum, write, look.full))
        yield f"| g{use.gate} | {code(use.text)} | {', '.join(use.turns)} | {' | '.join(numbers)} |\n"
    told = f" ({_nothing(found)})" if _nothing(found) else ""
    yield f"\n- {code(found.title)} = {line(found.total, write, look.full)}{told}\n"


FORMATS = {"table": _table, "json": _json, "csv": _csv, "markdown": _markdown}

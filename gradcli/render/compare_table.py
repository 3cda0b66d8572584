"""A Comparison for people: the verdict, then the numbers of both programs where they matter.

Enters: a Comparison. Leaves: pieces of text. Invariant: the verdict is the first line; a number is never cut or
wrapped, whatever the width. Exact numbers are rounded to twenty digits unless that hides a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from gradcli.comparing.comparison import PROGRAMS, Comparison, called, remarks, summary, where
from gradcli.comparing.pointwise import CONVENTION, DIFFERENT, PARTS, SAME, UNDECIDED, Compared, Quantity
from gradcli.printable import printable, shorten
from gradcli.render import Look
from gradcli.render.screen import draw

SHOWN = 200  # gradients shown
_WORST = 3  # points shown
_LEAST_LABEL, _MOST_LABEL = 16, 60  # the first column
_QUIET, _GOOD, _BAD, _WARNED = "dim", "green", "bold red", "yellow"
_ROUNDED = Context(prec=20)
_LONGEST_EXPONENT = 15  # characters; JSON has longer ones


class Row(NamedTuple):
    """A line of a table: a label, and cells that are not folded."""

    label: Text
    cells: tuple[Text, ...]


class Section(NamedTuple):
    """A table to be. heads: of one or two lines."""

    heads: tuple[str, ...]
    rows: list[Row]


def _rounded(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    if len(exponent) > _LONGEST_EXPONENT:
        return f"{'-' if mantissa.startswith('-') else ''}10^({Decimal(exponent):.6e})"
    try:
        rounded = str(_ROUNDED.create_decimal(Decimal(text))).lower()
    except InvalidOperation:  # an exponent that decimal has not
        return text
    return text if len(text) <= len(rounded) else rounded


def _exact(quantity: Quantity) -> list[str]:
    """The exact numbers of both as they are shown."""
    texts = ["unknown" if text is None else text for text in quantity.exact]
    short = [_rounded(text) for text in texts]
    hidden = quantity.verdict == DIFFERENT and None not in quantity.exact and _equal(*short)
    return texts if hidden else short


def _equal(a: str, b: str) -> bool:
    return a == b or ("^" not in a + b and Decimal(a) == Decimal(b))


def _digits(digits: float | None, least: float) -> Text:
    return Text("" if digits is None else f"{digits:.1f}", _GOOD if digits is None or digits >= least else _BAD)


# One point


def _quantity(quantity: Quantity, required: float) -> Iterator[Row]:
    """The exact number, once if both programs have the same, and the floats."""
    label = Text(printable(called(quantity).removeprefix("the ")))
    exact = _exact(quantity)
    apart = quantity.verdict in (DIFFERENT, UNDECIDED) or quantity.exact[0] != quantity.exact[1]
    lines: list[tuple[str, Text, Text]] = [] if apart else [("exact", Text(exact[0], _QUIET), Text(""))]
    for position, program in enumerate(PROGRAMS):
        if apart:
            lines.append((f"{program} exact", Text(exact[position], _QUIET), Text("")))
        number = Text(repr(quantity.floats[position]))
        known = None if quantity.undefined[position] else quantity.digits[position]
        lines.append((f"{program} float64", number, _digits(known, required)))
    for position, (which, number, digits) in enumerate(lines):
        yield Row(label if position == 0 else Text(""), (Text(which, _QUIET), number, digits))


def _numbers(quantities: Sequence[Quantity], required: float) -> Section:
    rows = [row for quantity in quantities for row in _quantity(quantity, required)]
    return Section(("quantity", "", "number", "correct\ndigits"), rows)


def _chosen(quantities: Sequence[Quantity], look: Look) -> tuple[list[Quantity], str]:
    """All, or of many those that need a look, and a note of what is left out."""
    if look.every_gate or len(quantities) <= SHOWN:
        return list(quantities), ""
    found = [one for one in quantities if one.verdict != SAME or not one.name][:SHOWN]
    return found, f"… {len(quantities) - len(found):,} gradients left out: --all shows them, --json has them"


def _point(compared: Compared, required: float, look: Look, title: str, noteworthy: bool) -> Iterator[Section | Text]:
    """The numbers at a point, and what is to blame there."""
    if title:
        yield Text(title, "bold")
    wanted = [one for one in compared.quantities if one.verdict != SAME] if noteworthy else compared.quantities
    shown, left_out = _chosen(wanted, look)
    yield _numbers(shown, required)
    if left_out:
        yield Text(left_out, _QUIET)
    for blamed in compared.blamed:
        line = Text(f"{PROGRAMS[blamed.program]}, gate g{blamed.gate}: ", _QUIET)
        yield line.append(printable(blamed.message), _WARNED)


# Many points


def _overview(found: Comparison, look: Look) -> Iterator[Section | Text]:
    """For each quantity the fewest digits that are correct, and at how many points floats part."""
    columns = list(zip(*(compared.quantities for compared in found.points), strict=True))
    by_name = {column[0].name: column for column in columns}
    noted = [_worst(column) for column in columns]
    shown, left_out = _chosen(noted, look)
    rows = []
    for quantity in shown:
        column = by_name[quantity.name]
        cells = [_digits(_least(column, position), found.required) for position in (0, 1)]
        count = sum(one.verdict == PARTS for one in column)
        parts = Text(f"{count:,} of {len(column):,}" if count else "never", _BAD if count else _QUIET)
        rows.append(Row(Text(printable(called(quantity).removeprefix("the "))), (*cells, parts)))
    heads = "quantity", "fewest correct\ndigits of A", "\nof B", "float64\nparts"
    yield Section(heads, rows)
    if left_out:
        yield Text(left_out, _QUIET)


def _worst(column: Sequence[Quantity]) -> Quantity:
    return next((quantity for quantity in column if quantity.verdict != SAME), column[0])


def _least(column: Sequence[Quantity], position: int) -> float | None:
    return min((d for one in column if (d := one.digits[position]) is not None), default=None)


def worst_points(found: Comparison) -> list[tuple[int, Compared]]:
    """Where float64 parts: of every group of points with the same gates to blame the worst one, with its number."""
    groups: dict[tuple[tuple[int, int, str], ...], tuple[float, int, Compared]] = {}
    for position, compared in enumerate(found.points, 1):
        if compared.verdict != PARTS:
            continue
        key = tuple(blamed[:3] for blamed in compared.blamed)
        agreed = sum(quantity.agreed for quantity in compared.quantities if quantity.verdict == PARTS)
        parted = sum(quantity.verdict == PARTS for quantity in compared.quantities)
        rank = agreed / parted - parted  # the fewest digits of the most numbers
        if key not in groups or rank < groups[key][0]:
            groups[key] = rank, position, compared
    return [(position, compared) for _, position, compared in sorted(groups.values(), key=lambda group: group[:2])]


def _body(found: Comparison, look: Look) -> Iterator[Section | Text]:
    given = found.draw.seed is None
    if found.counterexample is not None:
        yield from _point(found.counterexample, found.required, look, "", False)
    elif given:
        yield from _point(found.points[0], found.required, look, "", False)
    else:
        yield from _overview(found, look)
        worst = worst_points(found)
        for position, compared in worst[:_WORST]:
            if compared is not worst[0][1]:
                yield Text("")
            yield from _point(compared, found.required, look, f"point {position}{where(compared.point)}", True)
        if len(worst) > _WORST:
            others = found.count(PARTS) - _WORST
            yield Text(f"… {others:,} more points at which float64 parts: --json has them", _QUIET)


# Layout


def _head(found: Comparison) -> Iterator[Text]:
    style = {"equal": _GOOD, CONVENTION: _WARNED, UNDECIDED: _WARNED, PARTS: _WARNED}.get(found.verdict, _BAD)
    verdict, because = summary(found)
    style = style if style.startswith("bold") else f"bold {style}"
    yield Text(f"{verdict}: ", style).append(printable(because), "default")
    for remark in remarks(found):
        yield Text(f"  {printable(remark)}", _QUIET)
    for program, graph in zip(PROGRAMS, found.graphs, strict=True):
        source = " ".join(graph.source.split())
        yield Text(f"{program}: ", _QUIET).append(printable(shorten(source, 76)), "default")


def _widths(section: Section) -> list[int]:
    columns = zip(*((row.label, *row.cells) for row in section.rows), strict=True)
    return [
        max(*map(len, [*head.split("\n"), ""]), *(cell.cell_len for cell in column))
        for head, column in zip(section.heads, columns, strict=True)
    ]


def _table(section: Section) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="")
    for position, head in enumerate(section.heads):
        if position == 0:
            table.add_column(Text(head), overflow="fold")
        else:
            table.add_column(Text(head), justify="left" if not head else "right", no_wrap=True)
    for row in section.rows:
        table.add_row(row.label, *row.cells)
    return table


def _records(section: Section) -> Iterator[Text]:
    """For screens too narrow for columns: every number on a line of its own."""
    for row in section.rows:
        if row.label.plain:
            yield row.label
        which = ""
        for head, cell in zip(section.heads[1:], row.cells, strict=True):
            if head and cell.plain:
                yield Text(f"    {' '.join(f'{which} {head}'.split())} ", _QUIET).append(cell.plain, cell.style)
            which = "" if head else cell.plain
    yield Text("")


def render(found: Comparison, look: Look) -> Iterator[str]:
    """The verdict, what else is to be known, the tables."""
    items: list[Table | Text] = list(_head(found))
    widest = 1
    for part in _body(found, look):
        if isinstance(part, Text):
            items.append(part)
            continue
        label, *others = _widths(part)
        needed = sum(others) + 3 * len(others) + 2
        widest = max(widest, needed + min(label, _MOST_LABEL))
        if look.width is not None and look.width < needed + min(label, _LEAST_LABEL):
            items += _records(part)
        else:
            items.append(_table(part))
    yield draw(items, look, look.width or widest).rstrip("\n") + "\n"

"""The result of a training or a fit for people: a table, or Markdown.

Enters: a `Training`. Leaves: text. Invariant: a number is never cut or wrapped: a table that is too wide becomes lines;
an array that is not shown whole has its shape beside it, and what is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isnan
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.rewriting.unroll import element_names
from gradcli.numeric.elements import elements, shape_of
from gradcli.printable import printable, shorten
from gradcli.render import Look
from gradcli.render.writing import brief, cell, line

if TYPE_CHECKING:
    from gradcli.training.results import Fit, Training

MOST = 200  # rows of parameters in a table
_SCREEN = 80
_GAP = 3  # columns between two of a table
_LEAST_ROOM = 23  # columns of an array's lines
_QUIET, _VALUE, _WARNED = "dim", "green", "yellow"
_TOLD = (
    ("optimizer", "{}"),
    ("learning_rate", "learning rate {}"),
    ("batch_size", "batches of {}"),
    ("seed", "seed {}"),
)
_FIT_HEADS = "parameter", "value", "standard error", "relative"


class Fact(NamedTuple):
    """What there is to say of a run. style: of what is told."""

    name: str
    told: str
    style: str = ""


def table(result: Training, look: Look) -> Iterator[str]:
    """Parameters, then what there is to say of the run."""
    from rich.text import Text

    from gradcli.render.screen import draw

    rows, left_out = _rows(result, look)
    items, width = _drawn(rows, look)
    if left_out:
        items += [Text(left_out, _QUIET), Text("")]
    head, *facts = _facts(result, look.unicode)
    items.append(Text(f"{head.name} = ", "bold").append(head.told, head.style))
    room = max(len(fact.name) for fact in facts)
    for fact in facts:
        for place, told in enumerate(_folded(fact.told, None if look.width is None else look.width - room - 6)):
            name = "" if place else fact.name
            items.append(Text(f"    {name:<{room}}  ", _QUIET).append(told, f"not dim {fact.style}"))
    yield draw(items, look, width if look.width is None else max(look.width, width))


def _folded(told: str, room: int | None) -> list[str]:
    """Words on as many lines as they need."""
    return (
        [told] if room is None else wrap(told, max(room, _LEAST_ROOM), break_long_words=False, break_on_hyphens=False)
    )


def markdown(result: Training, look: Look) -> Iterator[str]:
    """The same as Markdown."""
    from gradcli.render.markdown import code

    heads = _FIT_HEADS if result.fit else _FIT_HEADS[:2]
    yield f"| {' | '.join(heads)} |\n| :--- |{' ---: |' * (len(heads) - 1)}\n"
    rows, left_out = _rows(result, look, inline=True)
    for name, *cells in rows:
        yield f"| {code(name)} | {' | '.join(' '.join(one) for one in cells)} |\n"
    yield f"\n{left_out}\n" if left_out else ""
    head, *facts = _facts(result, unicode=True)
    yield f"\n**{head.name} = {head.told}**\n\n"
    yield from (f"- {fact.name}: {fact.told}\n" for fact in facts)


Row = tuple[Any, ...]  # a name, then the lines of every cell


def _rows(result: Training, look: Look, inline: bool = False) -> tuple[list[Row], str]:
    """The parameters, and what is said of those that are left out. inline: an array on one line."""
    if result.fit is not None:
        rows = _fitted(result)
    else:
        names = [printable(name) for name in result.parameters]
        room = (look.width or _SCREEN) - max(map(len, names), default=0) - 2 * _GAP
        rows = [
            (name, [line(x, _write, look.full)] if inline else cell(x, _write, look.full, max(room, _LEAST_ROOM)))
            for name, x in zip(names, result.parameters.values(), strict=True)
        ]
    if look.every_gate or look.full or len(rows) <= MOST:
        return rows, ""
    left_out = f"… {len(rows) - MOST:,} more left out: --json has them"
    return [*rows[: MOST // 2], *rows[-MOST // 2 :]], left_out


def _write(x: Any) -> str:
    return repr(float(x))


def _fitted(result: Training) -> list[Row]:
    """A row per number that was fitted."""
    fit, found = result.fit, list[Row]()
    errors = dict(zip(fit.names, fit.standard_errors, strict=True)) if fit is not None else {}
    for name, x in result.parameters.items():
        for one, number in zip(element_names(name, shape_of(x)), elements(x), strict=True):
            error = errors.get(one)
            told = [] if error is None or isnan(error) else [_write(error)]
            found.append((printable(one), [_write(number)], told, [_relative(float(number), error)]))
    return found


def _relative(x: float, error: float | None) -> str:
    """How large an error is beside the number; nothing where that means nothing."""
    if error is None or not x or not isfinite(x) or not isfinite(error):
        return ""
    percent = 100 * (error / abs(x))
    return f"{percent:.0f} %" if 10 <= percent < 1e6 else f"{percent:.2g} %"


def _drawn(rows: list[Row], look: Look) -> tuple[list[Any], int]:
    """The parameters as a table, or as lines where it would be too wide; and its width."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return [], 0
    heads = _FIT_HEADS[: len(rows[0])]
    names, *columns = zip(*rows, strict=True)
    sizes = [max(map(len, (heads[0], *names)))]
    for head, column in zip(heads[1:], columns, strict=True):
        sizes.append(max(len(head), *(len(text) for lines in column for text in lines), 0))
    width = sum(sizes) + _GAP * len(sizes)
    if look.width is not None and width > look.width + _GAP:
        return [*_lines(rows, heads)], width
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        right = "right" if place and len(heads) > 2 else "left"
        found.add_column(head, justify=right, no_wrap=True, style=(_VALUE if place == 1 else ""))  # type: ignore[arg-type]
    for name, *cells in rows:
        found.add_row(Text(name), *(Text("\n".join(lines)) for lines in cells))
    return [found], width


def _lines(rows: list[Row], heads: tuple[str, ...]) -> Iterator[Any]:
    """Every number on a line of its own, which nobody cuts."""
    from rich.text import Text

    for name, *cells in rows:
        yield Text(name, "bold")
        for head, lines in zip(heads[1:], cells, strict=True):
            for place, text in enumerate(lines):
                label = "" if place or len(heads) == 2 else head
                yield Text(f"    {label:<16}" if len(heads) > 2 else "    ", _QUIET).append(text, "not dim")
    yield Text("")


def _facts(result: Training, unicode: bool) -> Iterator[Fact]:
    """What there is to say, the main thing first."""
    if result.fit is not None:
        fit = result.fit
        yield Fact("residual standard deviation", _write(fit.residual_standard_deviation), f"bold {_VALUE}")
        yield Fact("degrees of freedom", f"{fit.degrees_of_freedom:,}")
        yield from _squares(result, fit, unicode)
        if fit.r_squared == fit.r_squared:
            yield Fact("R²" if unicode else "R^2", _write(fit.r_squared))
    else:
        first = result.start_loss
        start = "" if first is None or not result.steps else f"{brief(first)} {'→' if unicode else '->'} "
        yield Fact("loss", start + _write(result.loss), f"bold {_VALUE}")
        if result.validation_loss is not None:
            yield Fact("validation loss", _write(result.validation_loss))
    fine = result.converged or result.reason == "epochs"
    yield Fact("ended", f"{printable(result.message)} ({_count(result)})", "" if fine else _WARNED)
    if how := _how(result):
        yield Fact("optimizer", how)
    count = f"{result.rows:,} row{'s' if result.rows != 1 else ''}, " if result.rows else ""
    rows = f"{count}engine {printable(result.engine)}"
    yield Fact("data" if result.rows else "computed by", rows)


def _squares(result: Training, fit: Fit, unicode: bool) -> Iterator[Fact]:
    """The sum of squares, called χ² where the target's uncertainties are known, and what errors are made of."""
    squares = _write(fit.residual_sum_of_squares)
    if result.settings.get("sigma") is None:
        yield Fact("sum of squares", squares)
        return
    chi = "χ²" if unicode else "chi^2"
    yield Fact(f"sum of squares ({chi})", squares)
    if fit.degrees_of_freedom > 0:
        yield Fact(f"reduced {chi}", _write(fit.residual_sum_of_squares / fit.degrees_of_freedom))
    absolute = result.settings.get("absolute_sigma")
    yield Fact("standard errors", "of sigma as it is" if absolute else "scaled by the residual standard deviation")


def _count(result: Training) -> str:
    """How many steps, and epochs where they are something else."""
    steps = f"{result.steps:,} step{'s' if result.steps != 1 else ''}"
    if result.epochs in (0, result.steps):
        return steps
    return f"{steps} in {result.epochs:,} epoch{'s' if result.epochs != 1 else ''}"


def _how(result: Training) -> str:
    """The settings that a person asks for first."""
    given = {name: x for name, x in result.settings.items() if x is not None}
    return ", ".join(told.format(shorten(printable(str(given[name])), 60)) for name, told in _TOLD if name in given)

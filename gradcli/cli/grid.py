"""A grid on its way out: as a table, as data in a format, as a plot; and what there is to say of it.

Enters: a program, its axes. Leaves: text and bytes where they are wanted, notes on standard error. Invariant: whatever
is wrong with names and formats is told before a point is computed.
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Iterator
from math import nan
from typing import Any, NamedTuple

from gradcli.cli import program, row_options, streams
from gradcli.cli.choices import check_format
from gradcli.errors import BindingError, ExitStatus, Span, UsageError, place
from gradcli.kernels import Kernel, choose_engine, kernel
from gradcli.printable import shorten
from gradcli.render.plots import SUFFIXES, Line, Panel, Plot
from gradcli.sweeping import (
    MOST_CURVES,
    MOST_DRAWN,
    Axis,
    Curve,
    Grid,
    Tally,
    check_conventions,
    conventions,
    curves,
    longest,
    run,
)
from gradcli.tables import FORMATS, format_of

TABLE = "table"
SHOWN = 200  # points in a table
_NO_FORMAT = ("", ".txt", ".dat", ".out")  # suffixes that promise nothing: CSV
_BLAMED = 3  # gates
_MOST_PANELS = 5


class Job(NamedTuple):
    """A grid and the program there.

    Attributes:
        values: of the inputs that don't vary.
        wrt: the inputs to differentiate by.
    """

    grid: Grid
    loaded: program.Loaded
    values: dict[str, float]
    wrt: list[str]
    kernel: Kernel


def chosen_format(to: str | None, output: str | None) -> str:
    """The format of the points: by name, by the file's name, or what suits standard output."""
    if to is not None:
        check_format(to, (TABLE, *FORMATS))
    elif output in (None, "-"):
        to = TABLE if streams.is_terminal(output) else "csv"
    elif os.path.splitext(output)[1].lower() in SUFFIXES:
        raise UsageError(f"{shorten(output, 80)} is a picture, and points are numbers", hint="add --plot to draw them")
    elif os.path.splitext(output)[1].lower() in _NO_FORMAT:
        to = "csv"
    found = to or format_of(output or "-", None, "--to")
    if found != TABLE:
        row_options.check_terminal(found, output)
    return found


def plot_format(to: str | None, output: str | None, only: bool, prefix: str) -> str:
    """The format of a picture; "text" for the terminal's."""
    for option, given in (("--to", to), ("--only", only), ("--prefix", prefix)):
        if given:
            raise UsageError(f"{option} is for points, not for a plot", hint=f"leave out {option} or --plot")
    if output in (None, "-"):
        return "text"
    suffix = os.path.splitext(output)[1].lower()
    if suffix != ".txt" and suffix not in SUFFIXES:
        hint = f"plots are {', '.join(SUFFIXES)}, and .txt; without --plot the points are written"
        raise UsageError(f"there is no plot of the kind of {shorten(output, 80)}", hint=hint)
    return SUFFIXES.get(suffix, "text")


def made(
    loaded: program.Loaded, axes: list[Axis], chosen: bool, engine: str, max_gates: int, plot: bool, strict: bool
) -> Job:
    """What is to be computed.

    Args:
        chosen: whether --wrt says by which inputs to differentiate; otherwise it is those that vary.
        strict: whether kinks and ties are looked for.
    """
    graph, grid = loaded.graph, Grid(axes)
    if strict:
        check_conventions(grid, graph)
    names = [axis.name for axis in axes]
    for name in names:
        if name in graph.consumed:
            message = f"{shorten(name)} can't vary: the graph is built by it, as the end of a loop or an index"
            raise BindingError(message, hint="run the command once for each of its numbers")
        if name not in graph.inputs:
            message = f"the output does not depend on {shorten(name)}"
            raise BindingError(message, hint="leave it out, or give it one number")
    along = [longest(grid).name] if plot else []
    wrt = list(dict.fromkeys(loaded.wrt or ())) if chosen else along if plot else names or [*graph.inputs]
    if plot and len(wrt) >= _MOST_PANELS:
        raise UsageError(f"a plot has room for {_MOST_PANELS - 1} derivatives, not for {len(wrt)}")
    values = {name: x for name, x in loaded.points[0].items() if name not in names}
    rows = None if plot else grid.count
    made = kernel(graph, values, wrt, engine=choose_engine(engine, graph, rows), max_gates=max_gates)
    return Job(grid, loaded, values, wrt, made)


def _names(job: Job, only: bool, prefix: str) -> list[str]:
    """The columns: the inputs that vary, the value, the gradients."""
    inputs = [] if only else [axis.name for axis in job.grid.axes]
    names = [*inputs, f"{prefix}value", *(f"{prefix}grad_{name}" for name in job.wrt)]
    if len({*names}) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise UsageError(f"two columns would be called {shorten(twice)}", hint="write --prefix d_, or --only")
    return names


def _blocks(job: Job, tally: Tally, names: list[str]) -> Iterator[dict[str, Any]]:
    """The columns by name, block by block."""
    for columns, outputs in run(job.grid, job.kernel, tally):
        results = [outputs.value, *(outputs.gradients[name] for name in job.wrt)]
        inputs = [] if len(names) == len(results) else list(columns.values())
        yield dict(zip(names, [*inputs, *results], strict=True))


def write(job: Job, format: str, output: str | None, only: bool, prefix: str) -> tuple[Tally, list[str]]:
    """The points, in a format; and notes."""
    names = _names(job, only, prefix)
    tally = Tally()
    if format == TABLE:
        streams.deliver([_table(job, tally, names, output)], output)
        told = f"note: {SHOWN} of {job.grid.count:,} points are shown; --to csv, or -o FILE, has all of them"
        return tally, [told] if job.grid.count > SHOWN else []
    from gradcli.cli.signals import Leaving
    from gradcli.tables.outputs import Output
    from gradcli.tables.writing import open_writer

    try:
        with Leaving(), Output(output or "-", row_options.standard_output(output)) as out:
            writer = open_writer(out.sink, format, None, names)
            for columns in _blocks(job, tally, names):
                writer.write(None, columns, None)
            writer.close()
    except BrokenPipeError:
        raise streams.ClosedPipe from None
    return tally, []


def _table(job: Job, tally: Tally, names: list[str], output: str | None) -> str:
    """A table of the points; of many points the first and the last ones."""
    from gradcli.render.grid_table import render

    first: list[tuple[float, ...]] = []
    last: list[tuple[float, ...]] = []
    for columns in _blocks(job, tally, names):
        rows = list(zip(*(column[: SHOWN - len(first)].tolist() for column in columns.values()), strict=True))
        first += rows
        ends = list(zip(*(column[-SHOWN // 2 :].tolist() for column in columns.values()), strict=True))
        last = [*last, *ends][-SHOWN // 2 :]
    left_out = max(0, job.grid.count - SHOWN)
    if left_out:
        first = first[: SHOWN // 2]
    inputs = len(names) - 1 - len(job.wrt)
    return render(names, inputs, first, last if left_out else [], left_out, streams.look(path=output))


def draw(job: Job, format: str, output: str | None) -> tuple[Tally, list[str]]:
    """The plot, on the terminal or as a picture; and notes."""
    tally = Tally()
    along = longest(job.grid)
    found = curves(job.grid, along, job.kernel, tally)
    drawing = _plot(job, along, found)
    if format == "text":
        from gradcli.render.plots.screen import drawn

        streams.deliver([drawn(drawing, streams.look(path=output))], output)
    else:
        from gradcli.render.plots.figure import picture

        streams.deliver(picture(drawing, format), output)
    count, notes = job.grid.count // along.size, []
    if count > MOST_CURVES:
        notes.append(f"note: the first {MOST_CURVES} of {count:,} curves are drawn; the points have all of them")
    if along.size > MOST_DRAWN:
        notes.append(f"note: the plot has {MOST_DRAWN:,} points of {shorten(along.name)}, not {along.size:,}")
    return tally, notes


def _plot(job: Job, along: Axis, found: list[Curve]) -> Plot:
    """The curves as panels: the value, and a derivative for each input to differentiate by."""
    logarithmic = along.logarithmic and bool(found[0].points[0] > 0)
    panels = []
    for name in found[0].heights:
        lines = [Line(_label(curve), *_with_gaps(curve, name)) for curve in found]
        panels.append(Panel(f"∂/∂{name}" if name else "value", lines))
    return Plot(job.loaded.graph.source, along.name, logarithmic, panels)


def _label(curve: Curve) -> str:
    return ", ".join(f"{name} = {number:.6g}" for name, number in curve.fixed.items())


def _with_gaps(curve: Curve, name: str) -> tuple[list[float], list[float]]:
    """A curve's points, with a gap where it jumps."""
    xs, ys = curve.points.tolist(), curve.heights[name].tolist()
    for at in reversed(curve.jumps[name].nonzero()[0].tolist()):
        xs.insert(at + 1, xs[at])
        ys.insert(at + 1, nan)
    return xs, ys


def warn(job: Job, tally: Tally) -> None:
    """Say at how many points something is not finite, and since which gates."""
    count = tally.not_finite
    if count:
        have = "has" if count == 1 else "have"
        streams.note(f"warning: {count:,} of {tally.rows:,} points {have} a value or a gradient that is not finite")
        some = "" if tally.followed == count else f" of the first {tally.followed:,}"
        for span, rows in sorted(tally.blamed.items(), key=lambda item: (-item[1], item[0]))[:_BLAMED]:
            if lines := place(job.loaded.graph.source, Span(*span)):
                lines[-1] += f" {rows:,} point{'s' if rows > 1 else ''}{some}"
                streams.tell(lines)


def report(job: Job, tally: Tally) -> ExitStatus:
    """What --strict says."""
    found = {"point that is not finite": tally.not_finite}
    for kind, met in conventions(job.grid, job.loaded.graph, job.values, job.wrt).items():
        found[f"point on a {kind}"] = met
    told = [f"{met:,} {what.replace('point', 'points', 1) if met > 1 else what}" for what, met in found.items() if met]
    if told:
        streams.note(f"gradcli: --strict: {', '.join(told).replace('points that is', 'points that are')}")
        return ExitStatus.NOT_HELD
    return ExitStatus.DONE

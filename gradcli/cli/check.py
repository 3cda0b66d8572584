"""gradcli check: every edge and every gradient against multiprecision arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli import options, program, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import one_format, random_points
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.checking import Checked, Report
    from gradcli.render import Look

FORMATS = ("table", "json")
_LONG_WORK = 1000  # gates times points


def run(
    context: typer.Context,
    expression: options.Expression = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; table if not given.")
    ] = None,
    require_digits: Annotated[
        float,
        typer.Option(
            "--require-digits", metavar="N", min=0, max=16, help="Correct digits that a gradient has to keep."
        ),
    ] = 6,
    point: Annotated[
        str | None,
        typer.Option("--point", metavar="random:N", help="Check N random points; ranges are given as --x LOW..HIGH."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Choose other random points.")] = 0,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    digits: options.Digits = None,
    every_gate: Annotated[bool, typer.Option("--all", help="Show every gate of a large graph in the table.")] = False,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
) -> int:
    """Check every gradient against multiprecision arithmetic.

    There is no step size to choose: the precision is doubled until nothing changes any more. The status is 1 if a local
    gradient is off by more than its function promises, if a declared derivative is wrong, or if rounding leaves too few
    digits of a gradient.

    \b
      gradcli check "(1-cos(x))/x^2" --x 1e-8
      gradcli check "x*exp(-x)" --x 1e-3..700 --point random:20
      gradcli check "log(1+exp(x))" --x -30 --json
    """
    rewriting = program.Rewriting(expand, fuse, share, unroll)
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates, rewriting=rewriting,
        decimals=digits is not None, ranges=True, scalars=True,
    )  # fmt: skip
    chosen = one_format(FORMATS, "table", format, json=json)
    count = None if point is None else random_points(point)
    _check_ranges(loaded, count, digits)
    report = _checked(loaded, require_digits, count, seed, digits)
    streams.deliver(_rendered(report, chosen, streams.look(every_gate, output)), output)
    for hint in dict.fromkeys((hint.replacement, hint.written) for checked in report.points for hint in checked.hints):
        streams.note(f"hint: write {hint[0]} for {' '.join(hint[1].split())}")
    if report.holds:
        return ExitStatus.DONE
    streams.note(f"gradcli: the check does not hold: {report.reason()}")
    return ExitStatus.NOT_HELD


def _rendered(report: Report, format: str, look: Look) -> Iterator[str]:
    from gradcli.render import check_json, check_table

    return check_json.render(report, look) if format == "json" else check_table.render(report, look)


def _check_ranges(loaded: program.Loaded, count: int | None, digits: int | None) -> None:
    """Ranges and random points need each other."""
    if loaded.ranges and count is None:
        name = shorten(next(iter(loaded.ranges)))
        raise UsageError(f"the value of {name} is a range", hint="add --point random:20 to check 20 points of it")
    if count is not None and not loaded.ranges:
        hint = "give an input as a range, such as --x 0..1"
        raise UsageError("there is nothing to draw random points from", hint=hint)
    if count is not None and digits is not None:
        raise UsageError("--digits reads one point as it is written: it can't go with --point")


def _checked(loaded: program.Loaded, required: float, count: int | None, seed: int, digits: int | None) -> Report:
    from gradcli.checking import Decimals, Report, check
    from gradcli.checking.sampling import draw

    decimals = None if digits is None else Decimals(loaded.numbers, digits)
    points: Iterable[dict[str, float]] = loaded.points
    if count is not None:
        points = draw(loaded.points[0], loaded.ranges, count, seed)
    found = (check(loaded.graph, at, loaded.wrt, required, decimals) for at in points)
    all_of_it = len(loaded.graph) * (count or 1)
    shown = _progress(found, count or 1) if all_of_it > _LONG_WORK else found
    return Report(loaded.graph, required, digits, seed if count is not None else None, list(shown))


def _progress(checked: Iterator[Checked], count: int) -> Iterator[Checked]:
    """The same, with a line on standard error that counts, where that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from checked
        return
    sys.stderr.write(f"\rchecking 1 of {count} … ")
    for position, one in enumerate(checked, 1):
        yield one
        sys.stderr.write(f"\rchecking {min(position + 1, count)} of {count} … ")
        sys.stderr.flush()
    sys.stderr.write("\r" + " " * 40 + "\r")


run.command_class = BindingCommand  # type: ignore[attr-defined]

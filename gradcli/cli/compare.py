"""gradcli compare: two programs, the same value and gradients?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli import options, pair, program, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import one_format, random_points
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.comparing import Comparison
    from gradcli.render import Look

FORMATS = ("table", "json")
_DEFAULT_POINTS = 100
_FEW_POINTS = 20  # that need no counting

First = Annotated[
    str | None,
    typer.Argument(metavar="EXPR_A", show_default=False, help="A program: text, @FILE, or - for standard input."),
]
Second = Annotated[
    str | None, typer.Argument(metavar="EXPR_B", show_default=False, help="The other program, likewise.")
]
Agree = Annotated[
    float,
    typer.Option("--digits-agree", metavar="N", min=1, max=16, help="Digits that float64 results have to agree to."),
]
Random = Annotated[
    str | None,
    typer.Option("--point", metavar="random:N", help="Compare at N random points; ranges are given as --x LOW..HIGH."),
]


def run(
    context: typer.Context,
    expression: First = None,
    other: Second = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; table if not given.")
    ] = None,
    agree: Agree = 12,
    point: Random = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Choose other random points.")] = 0,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    every_input: Annotated[bool, typer.Option("--all", help="Show every gradient of many in the table.")] = False,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
    shapes: options.Shapes = None,
) -> int:
    """Compare two programs: the same value and gradients?

    Whether they are the same function is decided in multiprecision; then it is told where float64 keeps different
    digits of them, and which gate is to blame. Without values they are compared at 100 random points. The status is 1
    if they are different, or if float64 parts.

    \b
      gradcli compare "log(1+exp(x))" "softplus(x)" --x 40
      gradcli compare "1/(1+exp(-x))" "sigmoid(x)" --x -800..800 \\
          --point random:50
      gradcli compare "sin(x)^2 + cos(x)^2" "1"
    """
    chosen = one_format(FORMATS, "table", format, json=json)
    count = None if point is None else random_points(point)
    rewriting = program.Rewriting(expand, fuse, share, unroll)
    loaded = pair.load(context, (expression, other), variables, settings, of, wrt, max_gates, rewriting, shapes)
    found = _compared(loaded, agree, count, seed)
    streams.deliver(_rendered(found, chosen, streams.look(every_input, output)), output)
    if found.holds:
        return ExitStatus.DONE
    if chosen != "table" or output is not None:  # else it is the first line of the result
        streams.note(f"gradcli: {_verdict(found)}")
    return ExitStatus.NOT_HELD


def _rendered(found: Comparison, format: str, look: Look) -> Iterator[str]:
    from gradcli.render import compare_json, compare_table

    return compare_json.render(found, look) if format == "json" else compare_table.render(found, look)


def _verdict(found: Comparison) -> str:
    from gradcli.comparing.comparison import summary

    return ": ".join(summary(found))


def _compared(loaded: pair.Pair, agree: float, count: int | None, seed: int) -> Comparison:
    from gradcli.checking.sampling import draw
    from gradcli.comparing import compare
    from gradcli.comparing.comparison import Draw, inputs
    from gradcli.comparing.draws import HIGH, LOW, anywhere

    _check_ranges(loaded, count)
    pair.notes(loaded)
    points: Iterable[Mapping[str, float]]
    if loaded.point is None:
        count = count or _DEFAULT_POINTS
        points, drawn = anywhere(inputs(loaded.graphs), count, seed), Draw(seed, anywhere=True)
        where = f"{count:,} random points" if count > 1 else "a random point"
        magnitudes = f"magnitudes from {LOW:g} to {HIGH:g}, of both signs"
        streams.note(f"note: no values are given: compared at {where} ({magnitudes})")
    elif count is not None:
        points, drawn = draw(loaded.point, loaded.ranges, count, seed), Draw(seed, loaded.ranges)
    else:
        points, drawn = [loaded.point], Draw()
    return compare(*loaded.graphs, _counted(points, count or 1), loaded.wrt, agree, drawn)


def _check_ranges(loaded: pair.Pair, count: int | None) -> None:
    """Ranges and random points need each other."""
    if loaded.ranges and count is None:
        name = shorten(next(iter(loaded.ranges)))
        raise UsageError(f"the value of {name} is a range", hint="add --point random:20 to compare at 20 points of it")
    if count is not None and loaded.point is not None and not loaded.ranges:
        hint = "give an input as a range, such as --x 0..1, or no values at all"
        raise UsageError("there is nothing to draw random points from", hint=hint)


def _counted(points: Iterable[Mapping[str, float]], count: int) -> Iterator[Mapping[str, float]]:
    """The same, with a line on standard error that counts, where that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty() or count < _FEW_POINTS:
        yield from points
        return
    for position, point in enumerate(points, 1):
        sys.stderr.write(f"\rcomparing at point {position} of {count} … ")
        sys.stderr.flush()
        yield point
    sys.stderr.write("\r" + " " * 50 + "\r")


run.command_class = BindingCommand  # type: ignore[attr-defined]

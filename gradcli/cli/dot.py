"""gradcli dot: the graph as a picture."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Annotated, ClassVar

import typer

from gradcli.binding import UnboundError
from gradcli.cli import options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.redirect import redirected_name
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.language.parser import normalise
from gradcli.passes import evaluate_graph
from gradcli.printable import shorten
from gradcli.render.picture import DIRECTIONS, FORMATS, SUFFIXES, SYSTEM, THEMES, Options, draw

_KNOWN = f"{', '.join(FORMATS)}; with Graphviz installed also {', '.join(SYSTEM)}"


class DotCommand(BindingCommand):
    """Takes -Tsvg as well as -T svg, as Graphviz does."""

    joined: ClassVar = {"-T": tuple(SUFFIXES)}


Format = Annotated[
    str | None,
    typer.Option("-T", "--format", metavar="NAME", help=f"One of {_KNOWN}."),
]
Theme = Annotated[str, typer.Option("--theme", metavar="NAME", help="light, dark, or auto: as the reader's system is.")]
Rankdir = Annotated[
    str | None,
    typer.Option("--rankdir", metavar="LR|TB", help="Left to right, or top to bottom; what fits better if not given."),
]
Heat = Annotated[bool, typer.Option("--heat", help="Weight and colour edges by |contribution|.")]
Against = Annotated[
    list[str] | None, typer.Option("--against", metavar="NAME=VALUE", help="Show a second point beside the first.")
]
Path = Annotated[
    str | None, typer.Option("--path", metavar="NAME", help="Show only what this input or stage influences.")
]
Depth = Annotated[int | None, typer.Option("--depth", metavar="N", min=0, help="Show N edges back from the output.")]
Collapse = Annotated[
    list[str] | None,
    typer.Option(
        "--collapse",
        metavar="NAME|N",
        help="Draw a function, a stage, a loop's turns (t, t=2) as one node; a number: what is nested deeper.",
    ),
]
NoClusters = Annotated[bool, typer.Option("--no-clusters", help="Leave out frames around calls, turns and stages.")]
NoLegend = Annotated[bool, typer.Option("--no-legend", help="Leave the legend out.")]
Seconds = Annotated[
    float, typer.Option("--seconds", metavar="N", min=0.01, max=86_400, help="How long the layout may take.")
]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    format: Format = None,
    output: options.Output = None,
    theme: Theme = "auto",
    rankdir: Rankdir = None,
    heat: Heat = False,
    against: Against = None,
    path: Path = None,
    depth: Depth = None,
    collapse: Collapse = None,
    no_clusters: NoClusters = False,
    no_legend: NoLegend = False,
    seconds: Seconds = 20.0,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
    shapes: options.Shapes = None,
) -> int:
    """Draw the graph with every gate's value and gradients.

    Without values: the structure, with symbolic local gradients. The format is -T,
    else the ending of the file's name (also of a redirect), else DOT:

    \b
      gradcli dot "(x+y)*z" --x 2 --y 3 --z -4 > graph.svg
      gradcli dot "(x+y)*z" --x 2 --y 3 --z -4 | dot -Tpng > graph.png
    """
    chosen = _format(format, output)
    if chosen in _BINARY and streams.is_terminal(output):
        hint = f"write it to a file: -o graph.{chosen}, or > graph.{chosen}"
        raise UsageError(f"{chosen.upper()} is not for a terminal", hint=hint)
    options = Options(
        _choice("--theme", theme.lower(), THEMES),
        None if rankdir is None else _choice("--rankdir", rankdir.upper(), DIRECTIONS),
        heat, not no_legend, None if path is None else normalise(path), depth, _seconds(seconds),
        collapse=_collapsed(collapse or []), clusters=not no_clusters,
    )  # fmt: skip
    with _all_or_none(variables):
        loaded = program.load(
            context, expression, variables, settings, of, wrt, max_gates, against=against, structure=True, drawn=True,
            rewriting=program.Rewriting(expand, fuse, share, unroll), shapes=shapes,
        )  # fmt: skip
    _check_values(loaded, {"--heat": heat, "--wrt": wrt is not None, "--strict": strict})
    traces = [evaluate_graph(loaded.graph, point, loaded.wrt) for point in loaded.points]
    drawn = draw(loaded.graph, traces, chosen, options)
    streams.deliver(drawn.content if isinstance(drawn.content, bytes) else drawn.content.encode("utf-8"), output)
    if drawn.note:
        streams.note(f"note: {drawn.note}")
    places = zip(traces, ("", "at the second point: "), strict=False)
    return max((reporting.report(trace, where, strict) for trace, where in places), default=ExitStatus.DONE)


def _check_values(loaded: program.Loaded, given: dict[str, bool]) -> None:
    """Refuse options that say something of values where there are none."""
    for option, is_given in given.items():
        if is_given and not loaded.points:
            raise UsageError(f"{option} needs values; without any, the structure is shown", hint=program.NO_POINT)


@contextmanager
def _all_or_none(variables: str | None) -> Iterator[None]:
    """Where some inputs have a value and others none, say that a picture needs no values at all."""
    try:
        yield
    except UnboundError as error:
        leave_out = "the values" if variables is None else "--vars"
        error.hint = f"{error.hint}; or leave out {leave_out}: the structure needs none"
        raise


_BINARY = ("png", *SYSTEM)


def _format(format: str | None, output: str | None) -> str:
    """-T, else the ending of the output's name, else of the redirect's, else DOT."""
    if format is not None:
        name = SUFFIXES.get(format.lower())
        if name is None:
            raise UsageError(f"there is no format {shorten(format) or '(empty)'}", hint=f"the formats are {_KNOWN}")
        return name
    if output is not None and output != "-":
        ending = _ending(output)
        if ending and ending not in SUFFIXES:
            hint = f"known endings are {', '.join(SUFFIXES)}; -T NAME decides otherwise"
            raise UsageError(f"no format goes by the ending .{shorten(ending)}", hint=hint)
        return SUFFIXES.get(ending, "dot")
    redirect = redirected_name() if sys.stdout is sys.__stdout__ else None
    return SUFFIXES.get(_ending(redirect or ""), "dot")


def _ending(path: str) -> str:
    return PurePath(path).suffix.removeprefix(".").lower()


def _choice(option: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise UsageError(f"{option} can't be {shorten(value) or 'empty'}", hint=f"it is one of {', '.join(choices)}")
    return value


def _collapsed(given: list[str]) -> tuple[str, ...]:
    """Names and numbers; a comma inside brackets is part of a name: W[0,1]."""
    names = [normalise(name.strip()) for text in given for name in re.split(r",(?![^\[]*\])", text) if name.strip()]
    if given and not names:
        raise UsageError("--collapse names nothing", hint="write --collapse NAME, or --collapse 0")
    return tuple(names)


def _seconds(seconds: float) -> float:
    if seconds != seconds:  # nan is in every range
        raise UsageError("--seconds nan is not a time", hint="write --seconds 20")
    return seconds


run.command_class = DotCommand  # type: ignore[attr-defined]

"""gradcli dot: the graph as a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Annotated, ClassVar

import typer

from gradcli.binding import UnboundError
from gradcli.cli import drawing, options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.redirect import redirected_name
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.language.parser import normalise
from gradcli.passes import evaluate_graph
from gradcli.printable import shorten
from gradcli.render.picture import DIRECTIONS, FORMATS, SUFFIXES, SYSTEM, THEMES, Drawn, Options, draw
from gradcli.traces import Trace

_KNOWN = f"{', '.join(FORMATS)}; with Graphviz installed also {', '.join(SYSTEM)}"


class DotCommand(BindingCommand):
    """Takes -Tsvg as well as -T svg, as Graphviz does."""

    joined: ClassVar = {"-T": tuple(SUFFIXES)}


Format = Annotated[
    str | None,
    typer.Option("-T", "--format", metavar="NAME", help=f"One of {_KNOWN}."),
]
Theme = Annotated[str, typer.Option("--theme", metavar="NAME", help="light, dark, or auto: as the reader's system is.")]
Heat = Annotated[bool, typer.Option("--heat", help="Weight and colour edges by |contribution|.")]
Against = Annotated[
    list[str] | None, typer.Option("--against", metavar="NAME=VALUE", help="Show a second point beside the first.")
]
Collapse = Annotated[
    list[str] | None,
    typer.Option(
        "--collapse",
        metavar="NAME|N",
        help="Draw a function, a stage, a loop's turns (t, t=2) as one node; a number: what is nested deeper.",
    ),
]
NoLegend = Annotated[bool, typer.Option("--no-legend", help="Leave the legend out.")]
Backward = Annotated[
    bool, typer.Option("--backward", help="Draw both passes: the gates that compute the gradient, too.")
]
Rules = Annotated[
    str | None,
    typer.Option(
        "--rules",
        metavar="NAME",
        help="Of --backward: textbook (the default), guarded: as gradcli computes, raw: every edge a product.",
    ),
]
Standalone = Annotated[bool, typer.Option("--standalone", help="TikZ: a whole document, not a picture to \\input.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    format: Format = None,
    output: options.Output = None,
    theme: Theme = "auto",
    rankdir: drawing.Rankdir = None,
    heat: Heat = False,
    against: Against = None,
    path: drawing.Path = None,
    depth: drawing.Depth = None,
    collapse: Collapse = None,
    no_clusters: drawing.NoClusters = False,
    no_legend: NoLegend = False,
    backward: Backward = False,
    rules: Rules = None,
    standalone: Standalone = False,
    seconds: drawing.Seconds = 20.0,
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
      gradcli dot "tanh(w*x+b)" --backward -o graph.svg
      gradcli dot "(x+y)*z" --x 2 --y 3 --z -4 -o graph.tex
    """
    chosen = _format(format, output)
    _check_together(chosen, output, backward, standalone, {"--heat": heat, "--depth": depth is not None}, rules)
    options = Options(
        drawing.choice("--theme", theme.lower(), THEMES),
        None if rankdir is None else drawing.choice("--rankdir", rankdir.upper(), DIRECTIONS),
        heat, not no_legend, None if path is None else normalise(path), depth, drawing.checked_seconds(seconds),
        collapse=drawing.collapsed(collapse or []), clusters=not no_clusters, standalone=standalone,
    )  # fmt: skip
    with _all_or_none(variables):
        loaded = program.load(
            context, expression, variables, settings, of, wrt, max_gates, against=against, structure=True, drawn=True,
            rewriting=program.Rewriting(expand, fuse, share, unroll), shapes=shapes,
        )  # fmt: skip
    _check_values(loaded, {"--heat": heat, "--wrt": wrt is not None and not backward, "--strict": strict})
    traces = [evaluate_graph(loaded.graph, point, loaded.wrt) for point in loaded.points]
    drawer = _draw_backward if backward else _draw
    _deliver(drawer(loaded, traces, chosen, options, "textbook" if rules is None else rules, max_gates), output)
    places = zip(traces, ("", "at the second point: "), strict=False)
    return max((reporting.report(trace, where, strict) for trace, where in places), default=ExitStatus.DONE)


def _check_together(
    chosen: str, output: str | None, backward: bool, standalone: bool, others: dict[str, bool], rules: str | None
) -> None:
    """Refuse options that make no sense together."""
    if chosen in _BINARY and streams.is_terminal(output):
        hint = f"write it to a file: -o graph.{chosen}, or > graph.{chosen}"
        raise UsageError(f"{chosen.upper()} is not for a terminal", hint=hint)
    if standalone and chosen != "tikz":
        raise UsageError(f"--standalone makes a document of TikZ, and this is {chosen}", hint="write -T tikz")
    if rules is not None and not backward:
        raise UsageError("--rules says how --backward writes local gradients", hint="add --backward")
    for option in (option for option, is_given in others.items() if is_given and backward):
        raise UsageError(f"{option} and --backward can't be combined", hint=_REASONS[option])


_REASONS = {
    "--heat": "there are no contributions on its edges: they are gates",
    "--depth": "it has several outputs; --wrt, --of, --path and --collapse show less",
}


def _draw(
    loaded: program.Loaded, traces: list[Trace], chosen: str, options: Options, rules: str, max_gates: int
) -> Drawn:
    """The program's own graph."""
    return draw(loaded.graph, traces, chosen, options)


def _deliver(drawn: Drawn, output: str | None) -> None:
    streams.deliver(drawn.content if isinstance(drawn.content, bytes) else drawn.content.encode("utf-8"), output)
    if drawn.note:
        streams.note(f"note: {drawn.note}")


def _draw_backward(
    loaded: program.Loaded, traces: list[Trace], chosen: str, options: Options, rules: str, max_gates: int
) -> Drawn:
    """Both passes as one graph, and where its numbers are not those of the backward pass."""
    from gradcli.graph.both_passes import RULES, both_passes
    from gradcli.render.picture import backward

    names = program.differentiated(loaded)
    passes = both_passes(loaded.graph, names, drawing.choice("--rules", rules.lower(), tuple(RULES)), max_gates)
    points = zip(traces, loaded.points, strict=True)
    both = [backward.values(passes, trace, point) for trace, point in points]
    drawn = draw(passes.graph, both, chosen, options._replace(passes=passes))
    pairs = zip(both, traces, strict=True)
    other = dict.fromkeys(name for one, trace in pairs for name in backward.differences(passes, one, trace))
    told = f"by these rules the gradient of {shorten(', '.join(other), 200)} is not what the backward pass gives here"
    notes = [drawn.note, f"{told}: --rules guarded draws its gates" if other else ""]
    return drawn._replace(note="; ".join(filter(None, notes)))


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
            page = "`gradcli view` makes a page; " if ending in ("html", "htm") else ""
            hint = f"{page}known endings are {', '.join(SUFFIXES)}; -T NAME decides otherwise"
            raise UsageError(f"no format goes by the ending .{shorten(ending)}", hint=hint)
        return SUFFIXES.get(ending, "dot")
    redirect = redirected_name() if sys.stdout is sys.__stdout__ else None
    return SUFFIXES.get(_ending(redirect or ""), "dot")


def _ending(path: str) -> str:
    return PurePath(path).suffix.removeprefix(".").lower()


run.command_class = DotCommand  # type: ignore[attr-defined]

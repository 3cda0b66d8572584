"""gradcli view: a page that steps through both passes, and computes them anew when an input moves."""

from __future__ import annotations

import math
import os
from pathlib import PurePath
from typing import Annotated, Any

import typer

from gradcli.binding import check_known
from gradcli.cli import drawing, options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand, collect
from gradcli.cli.values import interval
from gradcli.errors import BindingError, LimitError, UsageError
from gradcli.graph import wanted
from gradcli.graph.lower import MAX_GATES
from gradcli.language.parser import normalise
from gradcli.numeric.elements import elements
from gradcli.page import Page, PageOptions, page
from gradcli.passes import evaluate_graph
from gradcli.printable import shorten
from gradcli.render.picture import DIRECTIONS, THEMES, Options
from gradcli.traces import Trace

Range = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="NAME=LOW..HIGH", help="How far the slider of this input goes."),
]
Open = Annotated[bool, typer.Option("--open", help="Show the page in the browser; without -o, a temporary file.")]
Theme = Annotated[
    str, typer.Option("--theme", metavar="NAME", help="light, dark, or auto: as the reader's system is, to begin with.")
]
Collapse = Annotated[
    list[str] | None,
    typer.Option(
        "--collapse",
        metavar="NAME|N",
        help="Fold a function, a stage, a loop's turns (t, t=2) to begin with; a number: what is nested deeper.",
    ),
]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    output: options.Output = None,
    open_page: Open = False,
    ranges: Range = None,
    theme: Theme = "auto",
    rankdir: drawing.Rankdir = None,
    path: drawing.Path = None,
    depth: drawing.Depth = None,
    collapse: Collapse = None,
    no_clusters: drawing.NoClusters = False,
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
) -> int:
    """Write a page that steps through both passes, with sliders for the inputs.

    The page is one HTML file that needs nothing else. It computes every value and
    gradient anew when an input moves, and its address keeps the inputs:

    \b
      gradcli view "(x+y)*z" --x 2 --y 3 --z -4 -o page.html
      gradcli view "(x+y)*z" --x 2 --y 3 --z -4 --open
      gradcli view "relu(w*x)" --w 2 --x 1 --range w=-3..3 -o page.html
    """
    _check_output(output, open_page)
    asked, chosen = _asked(rankdir, path, depth, seconds, collapse, no_clusters), theme.lower()
    drawing.choice("--theme", chosen, THEMES)
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates,
        rewriting=program.Rewriting(expand, fuse, share, unroll),
    )  # fmt: skip
    program.differentiated(loaded)
    wanted.check_output(loaded.graph)
    trace = evaluate_graph(loaded.graph, loaded.points[0], loaded.wrt)
    made = _made(trace, PageOptions(asked, _ranges(loaded, ranges or []), chosen))
    place = _temporary() if open_page and output is None else output
    streams.deliver(made.content.encode("utf-8"), place)
    if made.note:
        streams.note(f"note: {made.note}")
    status = reporting.report(trace, strict=strict)
    if open_page and place is not None:
        _show(place, told=output is None)
    return status


def _check_output(output: str | None, open_page: bool) -> None:
    if open_page and output == "-":
        raise UsageError("--open needs a file", hint="write -o page.html, or leave -o out")
    ending = PurePath(output or "").suffix.removeprefix(".").lower()
    if ending not in ("", "html", "htm"):
        hint = "write -o page.html; `gradcli dot` makes pictures"
        raise UsageError(f"a page is HTML, and no .{shorten(ending)}", hint=hint)
    if streams.is_terminal(output) and not (open_page and output is None):
        hint = "write it to a file: -o page.html, or > page.html; or show it: --open"
        raise UsageError("a page is not for a terminal", hint=hint)


def _asked(
    rankdir: str | None,
    path: str | None,
    depth: int | None,
    seconds: float,
    collapse: list[str] | None,
    no_clusters: bool,
) -> Options:
    """How the graph is to be drawn."""
    return Options(
        rankdir=None if rankdir is None else drawing.choice("--rankdir", rankdir.upper(), DIRECTIONS),
        path=None if path is None else normalise(path), depth=depth, seconds=drawing.checked_seconds(seconds),
        collapse=drawing.collapsed(collapse or []), clusters=not no_clusters,
    )  # fmt: skip


def _made(trace: Trace, options: PageOptions) -> Page:
    """The page. Where the layout takes too long, it is told what helps; what is folded is laid out all the same."""
    try:
        return page(trace, options)
    except LimitError as error:
        error.hint = "show less (--path, --depth, --of), or allow more (--seconds)"
        raise


def _ranges(loaded: program.Loaded, given: list[str]) -> dict[str, tuple[float, float]]:
    """The ranges of --range; that of an array that is unrolled is for all its elements.

    Raises:
        BindingError: a name is no input, or LOW..HIGH is no range that holds the input's value.
    """
    written = {"".join(name.split()): text for name, text in collect([], given, "--range").items()}
    check_known(loaded.graph, [name for name in written if name not in loaded.arrays])
    found: dict[str, tuple[float, float]] = {}
    for name, text in written.items():
        ends = _ends(name, text)
        for one in program.by_elements([name], loaded.arrays):
            _check_held(one, ends, loaded)
            found[one] = ends
    return found


def _ends(name: str, text: str) -> tuple[float, float]:
    hint = f"write --range {shorten(name)}=LOW..HIGH, such as {shorten(name)}=-5..5"
    try:
        ends = interval(text, name)
    except BindingError as error:
        error.hint = error.hint and hint  # that of a value would be another
        raise
    if ends is None:
        raise BindingError(f"the range of {shorten(name)} is not LOW..HIGH: {shorten(text)}", hint=hint)
    if ends[0] == ends[1]:
        raise BindingError(f"the range of {shorten(name)} ends where it begins: {shorten(text)}", hint=hint)
    if not math.isfinite(ends[1] - ends[0]):
        raise BindingError(f"the range of {shorten(name)} is too wide for a slider: {shorten(text)}", hint=hint)
    return ends


def _check_held(name: str, ends: tuple[float, float], loaded: program.Loaded) -> None:
    """An input without a gate has no slider; a slider stands at its input's value."""
    if name not in loaded.graph.inputs:
        used_up = name in loaded.graph.consumed
        why = "was used up when the graph was built" if used_up else "is not needed for the output"
        raise BindingError(f"{shorten(name)} {why}: it has no slider", hint="leave it out of --range")
    numbers: list[Any] = elements(loaded.points[0][name])
    outside = [number for number in numbers if math.isfinite(number) and not ends[0] <= number <= ends[1]]
    if outside:
        message = f"the range of {shorten(name)} does not hold its value {float(outside[0])!r}"
        raise BindingError(message, hint="a slider begins at the value: make the range wider")


def _temporary() -> str:
    """A file in a folder of its own, which stays until the system clears it."""
    from tempfile import mkdtemp

    return os.path.join(mkdtemp(prefix="gradcli-"), "page.html")


def _show(place: str, told: bool) -> None:
    """Open the page in the browser. That a machine has none is no failure: the page is written.

    Args:
        told: whether its place is to be told, since nobody knows it.
    """
    import webbrowser
    from pathlib import Path

    if told:
        streams.note(f"note: the page is {place}")
    try:
        is_open = webbrowser.open(Path(place).resolve().as_uri())
    except (webbrowser.Error, OSError):
        is_open = False
    if not is_open:
        streams.note(f"note: no browser could be started; open {place} in one")


run.command_class = BindingCommand  # type: ignore[attr-defined]

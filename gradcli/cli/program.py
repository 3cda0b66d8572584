"""From a command's arguments to a graph with numbers: what every command that takes an expression does first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from gradcli.binding import bind, check_known
from gradcli.cli import streams
from gradcli.cli.bindings import (
    Exact,
    Sorted,
    collect,
    constant,
    exactly,
    from_json,
    interval,
    missing_expression,
    overflowed,
    refuse_option_of_others,
)  # fmt: skip
from gradcli.errors import BindingError, ParseError, UsageError
from gradcli.graph import wanted
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, lower
from gradcli.graph.names import resolve
from gradcli.language.nodes import Definition, Program
from gradcli.language.parser import normalise, parse
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.numeric.system import NumberSystem


class Rewriting(NamedTuple):
    """What is done to a program's graph, in this order; as the options --expand, --fuse and --share say it."""

    expand: list[str] | None = None
    fuse: bool = False
    share: bool = False


class Loaded(NamedTuple):
    """A graph and the points at which to look at it, each with a number for every input.

    Attributes:
        graph: of the program.
        points: one; two with a point to compare; none for the structure alone.
        wrt: the inputs to differentiate by; None means all.
        ranges: the inputs that are given as a range; the points hold its lower end.
        written: the first point as it was written, if that is to be kept.
    """

    graph: Graph
    points: list[dict[str, float]]
    wrt: list[str] | None
    ranges: dict[str, tuple[float, float]] = {}  # noqa: RUF012
    written: dict[str, float] = {}  # noqa: RUF012

    def numbers(self, m: NumberSystem) -> dict[str, Any]:
        """The first point in a number system, as it was written."""
        given = {name: self.written[name] for name in self.graph.inputs}
        return {name: x.on(m) if isinstance(x, Exact) else m.number(repr(x)) for name, x in given.items()}


def load(
    context: typer.Context,
    expression: str | None,
    variables: str | None = None,
    settings: list[str] | None = None,
    of: str | None = None,
    wrt: str | None = None,
    max_gates: int = MAX_GATES,
    *,
    against: list[str] | None = None,
    structure: bool = False,
    rewriting: Rewriting | None = None,
    decimals: bool = False,
    ranges: bool = False,
    several: bool = False,
) -> Loaded:
    """Read, parse and lower the program, rewrite its graph, and bind its inputs.

    Args:
        context, expression, variables, settings, of, wrt, max_gates: as the command got them.
        against: settings that change the point to a second one.
        structure: whether it is fine that no value is given at all.
        rewriting: what is done to the graph.
        decimals: whether the values are kept as they were written.
        ranges: whether a value may be a range LOW..HIGH.
        several: whether the program may have several outputs.

    Raises:
        GradcliError: anything that is wrong with the program or the values.
    """
    arguments, option_names = arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, option_names, context.info_name or "eval")
    settings, against = settings or [], against or []
    check_standard_input([expression, variables], arguments, [*settings, *against])
    program = parsed(expression)
    written, from_file = values_of([program], arguments, variables, settings, exactly if decimals else float)
    given_names = {*written, *from_file}
    graph = lower(program, given_names, None if of is None else normalise(of), max_gates, several=several)
    stages = list(graph.stages.values())
    if rewriting is not None and any(rewriting):
        graph = rewritten(program, graph, rewriting, max_gates)
    used = {name: value for name, value in from_file.items() if name in graph.free}
    for name in written:
        if name not in graph.free and name not in graph.assigned:
            refuse_option_of_others(f"--{name}")
    check_known(graph, dict.fromkeys([*written, *used]), option_names)
    spans = {name: ends for name, value in written.items() if ranges and (ends := interval(value, name))}
    read = exactly if decimals else constant
    given = used | {name: spans[name][0] if name in spans else read(value, name) for name, value in written.items()}
    without = structure and graph.inputs and not written and variables is None
    points = [] if without else [bind(graph, given)]
    if against:
        points.append(_second(graph, points, against))
    names = names_of(wrt)
    # Notes come last, so that an error stands alone.
    note_values([name for name in from_file if name not in used], {} if decimals else written)
    note_left_out(graph, stages)
    return Loaded(graph, points, names, spans, given if decimals else {})


def values_of(
    programs: Sequence[Program],
    arguments: Sorted,
    variables: str | None,
    settings: list[str],
    number: Callable[[str], float] = float,
) -> tuple[dict[str, str], dict[str, float]]:
    """The values for the programs' inputs: those of the command line as they are written, and those of a file.

    Raises:
        GradcliError: a value is given twice, or an option that is given has the name of an input.
    """
    taken = {name for program in programs for name in _taken(program, arguments)}
    _refuse(taken & {"set", "vars"} - {setting.partition("=")[0].strip() for setting in settings})
    written = collect(arguments.bindings, settings)
    from_file = from_json(variables, number) if variables is not None else {}
    for name in from_file:
        if name in written:
            raise BindingError(f"{shorten(name)} is given twice: by itself and by --vars {shorten(variables or '')}")
    _refuse(taken - {*written, *from_file})
    return written, from_file


def note_values(unused: list[str], written: dict[str, str]) -> None:
    """Say which values of a file the program does not use, and which are not what they look like."""
    if unused:
        streams.note(f"note: not used by the program: {shorten(', '.join(unused), 200)}")
    for name, text in written.items():
        if overflowed(text):
            streams.note(f"warning: {shorten(name)} = {shorten(text)} is too large for a double: it is inf")


def note_left_out(graph: Graph, stages: list[str]) -> None:
    """Say which stages have no gate: those that the output never needed, and those of `stages` that rewriting took."""
    if graph.omitted:
        streams.note(f"note: not needed for the output and left out: {shorten(', '.join(graph.omitted), 200)}")
    kept = {*graph.stages.values()}
    if lost := [name for name in stages if name not in kept]:
        streams.note(f"note: without a gate of their own after rewriting: {shorten(', '.join(lost), 200)}")


def rewritten(program: Program, graph: Graph, wanted: Rewriting, max_gates: int) -> Graph:
    """The graph as --expand, --fuse and --share want it."""
    from gradcli.graph import rewriting

    if wanted.expand:
        names = [normalise(name.strip()) for given in wanted.expand for name in given.split(",") if name.strip()]
        if not names:
            raise UsageError("--expand names no function", hint="write --expand sigmoid,gelu or --expand all")
        known = {s.name for s in program.statements if isinstance(s, Definition) and s.gradients is None}
        graph = rewriting.expand(graph, names, max_gates, known)
    if wanted.fuse:
        graph = rewriting.fuse(graph)
    return rewriting.share(graph) if wanted.share else graph


def _second(graph: Graph, points: list[dict[str, float]], against: list[str]) -> dict[str, float]:
    """The first point with some values changed."""
    written = collect([], against, "--against")
    check_known(graph, written)
    if not points:
        raise UsageError("--against needs a first point to compare with", hint=NO_POINT)
    return points[0] | {name: constant(value, name) for name, value in written.items()}


def differentiated(loaded: Loaded) -> list[str]:
    """The inputs to differentiate by, of which there has to be one.

    Raises:
        BindingError: there is none, a name of --wrt is not an input, or the output does not depend on it.
    """
    names = wanted.differentiated(loaded.graph, loaded.wrt)
    if not loaded.graph.inputs:
        raise BindingError("the program has no input to differentiate by", hint="write names for what can vary: x^2")
    return names


def direction(loaded: Loaded, settings: list[str]) -> dict[str, float]:
    """By how much each input moves, as --jvp NAME=VALUE says it.

    Raises:
        BindingError: a name is not an input that is differentiated.
    """
    written = collect([], settings, "--jvp")
    check_known(loaded.graph, written)
    for name in written:
        if name not in loaded.graph.inputs:
            raise BindingError(f"the output does not depend on {shorten(name)}", hint="leave it out of --jvp")
        if loaded.wrt is not None and name not in loaded.wrt:
            raise BindingError(f"--jvp moves {shorten(name)}, which --wrt leaves out", hint="add it to --wrt")
    return {name: constant(value, name) for name, value in written.items()}


NO_POINT = "give every input a value"


def arguments_of(context: typer.Context) -> tuple[Sorted, list[str]]:
    arguments, option_names = context.obj
    return arguments, option_names


def check_standard_input(sources: list[str | None], arguments: Sorted, settings: list[str]) -> None:
    """Standard input can be read once."""
    values = [value for _, value in arguments.bindings] + [setting.partition("=")[2] for setting in settings]
    if sum(source in ("-", "@-") for source in sources) + values.count("@-") > 1:
        raise UsageError("only one of the expression, --vars and a value can come from standard input")


def _taken(program: Program, arguments: Sorted) -> set[str]:
    """The inputs whose names are options that were given."""
    names = {option[2:] for option in arguments.given if option.startswith("--")}
    if names.isdisjoint(program.nodes.values):
        return set()
    return names & {*resolve(program).inputs}


def _refuse(taken: set[str]) -> None:
    for name in sorted(taken):
        hint = f"give the input by --set {name}=VALUE, or rename it in the program"
        raise UsageError(f"--{name} is an option here and also an input of the program", hint=hint)


def parsed(expression: str) -> Program:
    try:
        return parse(_text(expression))
    except ParseError as error:
        if "." in expression and len(expression) < 1000 and os.path.isfile(expression):
            error.hint = f"that is a file: did you mean @{expression}?"
        raise


def _text(expression: str) -> str:
    if expression == "-":
        return streams.read_text("-")
    return streams.read_text(expression[1:]) if expression.startswith("@") else expression


def names_of(wrt: str | None) -> list[str] | None:
    if wrt is None:
        return None
    names = [normalise(name.strip()) for name in wrt.split(",") if name.strip()]
    if not names:
        raise UsageError("--wrt names no input", hint="write --wrt x,y")
    return names

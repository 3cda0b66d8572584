"""From a command's arguments to a graph with numbers: what every command that takes an expression does first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from gradcli.binding import bind, check_known
from gradcli.cli import streams
from gradcli.cli.bindings import Sorted, collect, constant, from_json, missing_expression, overflowed
from gradcli.diagnose import Warned
from gradcli.errors import BindingError, ParseError, UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, lower
from gradcli.graph.names import resolve
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise, parse
from gradcli.printable import shorten

Expression = Annotated[
    str | None,
    typer.Argument(metavar="EXPR", show_default=False, help="The program: text, @FILE, or - for standard input."),
]
Vars = Annotated[
    str | None, typer.Option("--vars", metavar="FILE", help="Values in a JSON object; - for standard input.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value, also for a name that is an option here."),
]
Of = Annotated[str | None, typer.Option("--of", metavar="NAME", help="Take this stage as the output.")]
Wrt = Annotated[str | None, typer.Option("--wrt", metavar="X,Y", help="Differentiate by these inputs only.")]
MaxGates = Annotated[int, typer.Option("--max-gates", metavar="N", min=1, help="Refuse programs with more gates.")]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file, whole or not at all.")
]


class Loaded(NamedTuple):
    """A graph and the points at which to look at it, each with a number for every input.

    Attributes:
        graph: of the program.
        points: one; two with a point to compare; none for the structure alone.
        wrt: the inputs to differentiate by; None means all.
    """

    graph: Graph
    points: list[dict[str, float]]
    wrt: list[str] | None


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
) -> Loaded:
    """Read, parse and lower the program, and bind its inputs.

    Args:
        context, expression, variables, settings, of, wrt, max_gates: as the command got them.
        against: settings that change the point to a second one.
        structure: whether it is fine that no value is given at all.

    Raises:
        GradcliError: anything that is wrong with the program or the values.
    """
    arguments, option_names = _arguments(context)
    if expression is None:
        raise missing_expression(arguments, option_names, context.info_name or "eval")
    settings, against = settings or [], against or []
    _check_standard_input([expression, variables], arguments, [*settings, *against])
    program = _parsed(expression)
    taken = _taken(program, arguments)
    _refuse(taken & {"set", "vars"} - {setting.partition("=")[0].strip() for setting in settings})
    written = collect(arguments.bindings, settings)
    from_file = from_json(variables) if variables is not None else {}
    for name in from_file:
        if name in written:
            raise BindingError(f"{shorten(name)} is given twice: by itself and by --vars {shorten(variables or '')}")
    _refuse(taken - {*written, *from_file})
    graph = lower(program, {*written, *from_file}, None if of is None else normalise(of), max_gates)
    used = {name: value for name, value in from_file.items() if name in graph.free}
    check_known(graph, dict.fromkeys([*written, *used]), option_names)
    given = used | {name: constant(value, name) for name, value in written.items()}
    without = structure and graph.inputs and not written and variables is None
    points = [] if without else [bind(graph, given)]
    if against:
        points.append(_second(graph, points, against))
    names = _names(wrt)
    # Notes come last, so that an error stands alone.
    if len(used) < len(from_file):
        unused = ", ".join(name for name in from_file if name not in used)
        streams.note(f"note: not used by the program: {shorten(unused, 200)}")
    for name, text in written.items():
        if overflowed(text):
            streams.note(f"warning: {shorten(name)} = {shorten(text)} is too large for a double: it is inf")
    if graph.omitted:
        streams.note(f"note: not needed for the output and left out: {shorten(', '.join(graph.omitted), 200)}")
    return Loaded(graph, points, names)


def _second(graph: Graph, points: list[dict[str, float]], against: list[str]) -> dict[str, float]:
    """The first point with some values changed."""
    written = collect([], against, "--against")
    check_known(graph, written)
    if not points:
        raise UsageError("--against needs a first point to compare with", hint=NO_POINT)
    return points[0] | {name: constant(value, name) for name, value in written.items()}


NO_POINT = "give every input a value"


def report(warnings: Sequence[Warned], where: str = "") -> None:
    """The first warnings, on standard error."""
    for warning in warnings[:_WARNINGS]:
        streams.note(f"warning: {where}{warning.message}")
    if len(warnings) > _WARNINGS:
        streams.note(f"warning: {where}and {len(warnings) - _WARNINGS:,} more; gradcli eval --json lists them")


_WARNINGS = 10


def _arguments(context: typer.Context) -> tuple[Sorted, list[str]]:
    arguments, option_names = context.obj
    return arguments, option_names


def _check_standard_input(sources: list[str | None], arguments: Sorted, settings: list[str]) -> None:
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


def _parsed(expression: str) -> Program:
    try:
        return parse(_text(expression))
    except ParseError as error:
        if "." in expression and len(expression) < 1000 and Path(expression).is_file():
            error.hint = f"that is a file: did you mean @{expression}?"
        raise


def _text(expression: str) -> str:
    if expression == "-":
        return streams.read_text("-")
    return streams.read_text(expression[1:]) if expression.startswith("@") else expression


def _names(wrt: str | None) -> list[str] | None:
    if wrt is None:
        return None
    names = [normalise(name.strip()) for name in wrt.split(",") if name.strip()]
    if not names:
        raise UsageError("--wrt names no input", hint="write --wrt x,y")
    return names

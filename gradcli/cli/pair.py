"""Two programs bound by one set of values.

Enters: the arguments of a command with two expressions. Leaves: two graphs and a number for every input of both.
Invariant: a value has to be of use to one of them; what the other one does not need is said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import typer

from gradcli.binding import bind, check_known
from gradcli.cli import program, streams
from gradcli.cli.bindings import constant, interval, refuse_option_of_others
from gradcli.errors import BindingError, GradcliError, UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise
from gradcli.printable import shorten


class Pair(NamedTuple):
    """Two graphs.

    Attributes:
        graphs: of both programs.
        point: a number for every input of both; None if no value was given at all.
        ranges: the inputs that are given as a range; the point holds its lower end.
        wrt: the inputs to differentiate by; None means all.
        written: the values of the command line.
        unused: the values of a file that neither program needs.
    """

    graphs: tuple[Graph, Graph]
    point: dict[str, float] | None
    ranges: dict[str, tuple[float, float]]
    wrt: list[str] | None
    written: dict[str, str]
    unused: list[str]


class _Both(NamedTuple):
    """What both programs need."""

    free: dict[str, Any]
    inputs: dict[str, Any]
    assigned: tuple[str, ...]


_AS_WRITTEN = program.Rewriting()


def load(
    context: typer.Context,
    expressions: tuple[str | None, str | None],
    variables: str | None,
    settings: list[str] | None,
    of: str | None,
    wrt: str | None,
    max_gates: int,
    rewriting: program.Rewriting = _AS_WRITTEN,
) -> Pair:
    """Read, parse and lower both programs and bind the inputs of both.

    Args:
        context, variables, settings, of, wrt, max_gates: as the command got them; `of` is for both programs.
        rewriting: what is done to both graphs.

    Raises:
        GradcliError: anything that is wrong with a program or the values.
    """
    arguments, option_names = program.arguments_of(context)
    first, second = expressions
    if first is None or second is None:
        there = "no expression" if first is None else "one expression only"
        hint = 'write both in quotes: gradcli compare "log(1+exp(x))" "softplus(x)" --x 40'
        raise UsageError(f"there is {there}", hint=hint)
    settings = settings or []
    program.check_standard_input([first, second, variables], arguments, settings)
    programs = program.parsed(first), program.parsed(second)
    written, from_file = program.values_of(programs, arguments, variables, settings)
    names, stage = {*written, *from_file}, None if of is None else normalise(of)
    graphs = (
        _lowered(programs[0], names, stage, max_gates, "A", rewriting),
        _lowered(programs[1], names, stage, max_gates, "B", rewriting),
    )
    both = _together(graphs)
    used = {name: value for name, value in from_file.items() if name in both.free}
    for name in written:
        if name not in both.free and name not in both.assigned:
            refuse_option_of_others(f"--{name}")
    check_known(both, dict.fromkeys([*written, *used]), option_names)
    ranges = {name: ends for name, value in written.items() if (ends := interval(value, name))}
    given = used | {
        name: ranges[name][0] if name in ranges else constant(value, name) for name, value in written.items()
    }
    point = bind(both, given) if written or variables is not None or not both.inputs else None
    wanted = _checked(both, program.names_of(wrt))
    ranges = {name: ends for name, ends in ranges.items() if name in both.inputs}
    return Pair(graphs, point, ranges, wanted, written, [name for name in from_file if name not in used])


def _lowered(
    source: Program, names: set[str], of: str | None, max_gates: int, which: str, rewriting: program.Rewriting
) -> Graph:
    try:
        graph = lower(source, names, of, max_gates)
        return program.rewritten(source, graph, rewriting, max_gates) if any(rewriting) else graph
    except GradcliError as error:
        if error.source is None:  # nothing else tells which program is meant
            error.message = f"{which}: {error.message}"
        raise


def notes(pair: Pair) -> None:
    """Say what was not used, and which inputs only one of the programs has."""
    program.note_values(pair.unused, pair.written)
    for graph in pair.graphs:
        program.note_left_out(graph, [])
    _note_alone(pair.graphs)


def _together(graphs: tuple[Graph, Graph]) -> _Both:
    first, second = graphs
    free = {**first.free, **second.free}
    assigned = dict.fromkeys(name for name in (*first.assigned, *second.assigned) if name not in free)
    return _Both(free, dict.fromkeys([*first.inputs, *second.inputs]), tuple(assigned))


def _checked(both: _Both, wrt: list[str] | None) -> list[str] | None:
    """The inputs to differentiate by, each once; one of the programs has to depend on each."""
    for name in wrt or ():
        if name not in both.free:
            hint = f"their inputs are {shorten(', '.join(both.free), 200) or 'none'}"
            raise BindingError(f"{shorten(name)} is not an input of the programs", hint=hint)
        if name not in both.inputs:
            raise BindingError(f"the outputs do not depend on {shorten(name)}", hint="its gradients are 0")
    return None if wrt is None else list(dict.fromkeys(wrt))


def _note_alone(graphs: tuple[Graph, Graph]) -> None:
    """Say which inputs only one of the programs has."""
    for own, other, program_with, program_without in ((*graphs, "A", "B"), (*graphs[::-1], "B", "A")):
        names = [name for name in own.inputs if name not in other.inputs]
        if names:
            shown = shorten(", ".join(map(shorten, names)), 200)
            streams.note(f"note: inputs of {program_with} alone: {shown}; their gradients in {program_without} are 0")

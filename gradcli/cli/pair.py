"""Two programs bound by one set of values.

Enters: the arguments of a command with two expressions. Leaves: two graphs and a number for every input of both.
Invariant: a value has to be of use to one of them; what the other one does not need is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from gradcli.binding import bind
from gradcli.cli import given, program, streams
from gradcli.errors import BindingError, GradcliError, UsageError
from gradcli.graph import wanted
from gradcli.graph.graph import Graph
from gradcli.graph.lower import has_arrays
from gradcli.language.nodes import Program
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.ops.layout import Shape


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
    inputs: dict[str, int]  # numbered
    assigned: tuple[str, ...]
    shapes: dict[int, Shape]


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
    shapes: str | None = None,
) -> Pair:
    """Read, parse and lower both programs and bind the inputs of both.

    Args:
        context, variables, settings, of, wrt, max_gates, shapes: as the command got them; `of` is for both programs.
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
    given.check_standard_input([first, second, variables], arguments, settings)
    programs = program.parsed(first), program.parsed(second)
    known = given.read(programs, arguments, option_names, variables, settings, ranges=True, shapes=shapes)
    lowered = [
        _named(which, given.lowered, one, known, of, max_gates, words=option_names, others=programs, structure=True)
        for which, one in zip("AB", programs, strict=True)
    ]
    both = _together(lowered)
    values = given.used(both, known, option_names)
    point = None if both.inputs and given.is_structure(known, *lowered) else bind(both, values)
    arrays = {name: both.shapes[place] for name, place in both.inputs.items() if place in both.shapes}
    unrolled = any(map(has_arrays, lowered))
    graphs = [
        _named(which, _rewritten, one, graph, rewriting, max_gates)
        for which, one, graph in zip("AB", programs, lowered, strict=True)
    ]
    if unrolled and point is not None:
        point = _by_elements(point, arrays)
    wanted = program.names_of(wrt)
    wanted = _checked(_together(graphs), program.by_elements(wanted, arrays) if wanted and arrays else wanted)
    ranges = {name: ends for name, ends in known.ranges.items() if name in both.inputs}
    program.note_unrolled(sum(map(len, graphs)) if unrolled and not rewriting.unroll else 0)
    return Pair((graphs[0], graphs[1]), point, ranges, wanted, known.written, known.unused(both))


def _rewritten(source: Program, graph: Graph, rewriting: program.Rewriting, max_gates: int) -> Graph:
    """The graph of a program as the options want it, without arrays."""
    if has_arrays(graph):
        from gradcli.graph.rewriting.unroll import unroll

        wanted.check_output(graph)
        graph = unroll(graph, max_gates)
    return program.rewritten(source, graph, rewriting, max_gates)


def _by_elements(point: dict[str, Any], arrays: Mapping[str, Shape]) -> dict[str, Any]:
    """The point of both graphs, with elements in place of arrays."""
    from gradcli.graph.rewriting.unroll import element_names
    from gradcli.numeric.elements import elements

    return {
        element: x
        for name, whole in point.items()
        for element, x in zip(element_names(name, arrays.get(name, ())), elements(whole), strict=True)
    }


def _named(which: str, build: Callable[..., Graph], *arguments: Any, **how: Any) -> Graph:
    """A graph; if it can't be built, the error says which program's it is."""
    try:
        return build(*arguments, **how)
    except GradcliError as error:
        if error.source is None:  # nothing else tells which program is meant
            error.message = f"{which}: {error.message}"
        raise


def notes(pair: Pair) -> None:
    """Say what was not used, and which inputs only one of the programs has."""
    given.note_values(pair.unused, pair.written)
    for graph in pair.graphs:
        program.note_left_out(graph, [])
    _note_alone(pair.graphs)


def _together(graphs: Sequence[Graph]) -> _Both:
    first, second = graphs
    free = {**first.free, **second.free}
    assigned = dict.fromkeys(name for name in (*first.assigned, *second.assigned) if name not in free)
    arrays = program.arrays_of(first) | program.arrays_of(second)
    inputs = {name: number for number, name in enumerate(dict.fromkeys([*first.inputs, *second.inputs]))}
    return _Both(free, inputs, tuple(assigned), {inputs[name]: shape for name, shape in arrays.items()})


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

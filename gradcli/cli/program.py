"""From a command's arguments to a graph with numbers: what every command that takes an expression does first."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from gradcli.binding import bind, check_known
from gradcli.cli import given, streams
from gradcli.cli.bindings import Sorted, collect, missing_expression
from gradcli.cli.values import Exact, exact_text, same_shape, value
from gradcli.errors import BindingError, ParseError, UsageError
from gradcli.graph import wanted
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, has_arrays
from gradcli.language.nodes import Definition, Program
from gradcli.language.parser import normalise, parse
from gradcli.numeric.elements import shape_of
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.ops.layout import Shape
    from gradcli.numeric.system import NumberSystem


class Rewriting(NamedTuple):
    """What is done to a program's graph, as --unroll (which comes first), --expand, --fuse and --share say it."""

    expand: list[str] | None = None
    fuse: bool = False
    share: bool = False
    unroll: bool = False


class Loaded(NamedTuple):
    """A graph and the points at which to look at it, each with a value for every input.

    Attributes:
        graph: of the program.
        points: one; two with a point to compare; none for the structure alone.
        wrt: the inputs to differentiate by; None means all.
        ranges: the inputs that are given as a range; the points hold its lower end.
        written: the first point as it was written, if that is to be kept.
        arrays: the inputs that are arrays in the program, and elements in an unrolled graph.
        constants: the inputs that are none in the graph, since they have a value and others have none.
    """

    graph: Graph
    points: list[dict[str, Any]]
    wrt: list[str] | None
    ranges: dict[str, tuple[float, float]] = {}  # noqa: RUF012
    written: dict[str, Any] = {}  # noqa: RUF012
    arrays: dict[str, Shape] = {}  # noqa: RUF012
    constants: dict[str, Any] = {}  # noqa: RUF012

    def numbers(self, m: NumberSystem) -> dict[str, Any]:
        """The first point in a number system, as it was written."""
        given = {name: self.written[name] for name in self.graph.inputs}
        return {name: x.on(m) if isinstance(x, Exact) else m.number(exact_text(x)) for name, x in given.items()}


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
    partly: bool = False,
    drawn: bool = False,
    rewriting: Rewriting | None = None,
    decimals: bool = False,
    ranges: bool = False,
    several: bool = False,
    scalars: bool = False,
    shapes: str | None = None,
    quiet: bool = False,
) -> Loaded:
    """Read, parse and lower the program, bind its inputs, and rewrite its graph.

    Args:
        context, expression, variables, settings, of, wrt, max_gates, shapes, rewriting: as the command got them.
        against: settings that change the point to a second one.
        structure, partly: whether it is fine that no input has a value; that some have none: the others are constants.
        drawn: whether the structure is not differentiated, so that its output may be an array.
        decimals: whether the values are kept as they were written.
        ranges: whether a value may be a range LOW..HIGH.
        several: whether the program may have several outputs.
        scalars: whether arrays have to be unrolled.
        quiet: whether notes are left out.

    Raises:
        GradcliError: anything that is wrong with the program or the values.
    """
    arguments, option_names = arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, option_names, context.info_name or "eval")
    given.check_standard_input([expression, variables], arguments, [*(settings or ()), *(against or ())])
    program = parsed(expression)
    known = given.read(
        [program], arguments, option_names, variables, settings or [], decimals=decimals, ranges=ranges, shapes=shapes
    )
    graph = given.lowered(
        program, known, of, max_gates, words=option_names, several=several, structure=structure, partly=partly
    )
    values, asked = given.used(graph, known, option_names), rewriting or Rewriting()
    loaded = _bound(graph, known, values, names_of(wrt), structure, partly)
    loaded, whole = loaded._replace(written=values if decimals else {}), loaded.graph
    if asked.unroll or scalars or decimals:
        loaded = _unrolled(loaded, max_gates, several or (drawn and not loaded.points))
    unrolled = _check_wrt(loaded)
    loaded = loaded._replace(graph=rewritten(program, unrolled, asked, max_gates))
    loaded.points.extend([_second(loaded, against)] if against else [])
    if not quiet:
        unasked = unrolled is not whole and not asked.unroll
        _tell(loaded.graph, unrolled, unasked, known.unused(graph), {} if decimals else known.written)
    return loaded


def _bound(
    graph: Graph, known: given.Given, values: dict[str, Any], wrt: list[str] | None, structure: bool, partly: bool
) -> Loaded:
    """The graph at its point; without one, where there may be none."""
    if structure and partly and (constants := _constants(graph, values, wrt)):
        from gradcli.graph.rewriting.fixing import fix

        return Loaded(fix(graph, constants), [], wrt, constants=constants)
    without = structure and graph.inputs and given.is_structure(known, graph)
    return Loaded(graph, [] if without else [bind(graph, values)], wrt, known.ranges)


def _constants(graph: Graph, values: Mapping[str, Any], wrt: list[str] | None) -> dict[str, Any]:
    """The inputs with a value, if there are others without one.

    Raises:
        BindingError: one of them is to be differentiated by.
    """
    found = {name: values[name] for name in graph.inputs if name in values}
    if len(found) == len(graph.inputs):
        return {}
    for name in wrt or ():
        if (whole := name.partition("[")[0]) in found:
            message = f"{shorten(whole)} has a value, and is a constant of the function: it has no gradient"
            raise BindingError(message, hint="leave it out of --wrt, or give it no value")
    return found


def _tell(graph: Graph, unrolled: Graph, unasked: bool, unused: list[str], written: dict[str, str]) -> None:
    """What a person should know; it comes last, so that an error stands alone."""
    note_unrolled(len(unrolled) if unasked else 0)
    given.note_values(unused, written)
    note_left_out(graph, list(unrolled.stages.values()))


def note_left_out(graph: Graph, stages: list[str]) -> None:
    """Say which stages have no gate: those that the output never needed, and those of `stages` that rewriting took."""
    if graph.omitted:
        streams.note(f"note: not needed for the output and left out: {shorten(', '.join(graph.omitted), 200)}")
    kept = {*graph.stages.values()}
    if lost := [name for name in stages if name not in kept]:
        streams.note(f"note: without a gate of their own after rewriting: {shorten(', '.join(lost), 200)}")


def note_unrolled(count: int) -> None:
    """Say that arrays were taken apart unasked. count: the gates that there are then; 0 if they were not."""
    if count:
        streams.note(f"note: arrays are unrolled here, as by --unroll: {count:,} gates in all")


def _unrolled(loaded: Loaded, max_gates: int, several: bool) -> Loaded:
    """The same with elements in place of arrays. several: whether the output may be an array."""
    if not has_arrays(loaded.graph):
        return loaded
    if not several:
        wanted.check_output(loaded.graph)
    from gradcli.graph.rewriting.unroll import unroll, unrolled_values

    graph, arrays = loaded.graph, arrays_of(loaded.graph)
    return loaded._replace(
        graph=unroll(graph, max_gates),
        points=[unrolled_values(graph, point) for point in loaded.points],
        wrt=None if loaded.wrt is None else by_elements(loaded.wrt, arrays),
        written=unrolled_values(graph, loaded.written),
        arrays=arrays,
    )


def arrays_of(graph: Graph) -> dict[str, Shape]:
    """The inputs that are arrays, and their shapes."""
    return {name: graph.shapes[index] for name, index in graph.inputs.items() if index in graph.shapes}


def by_elements(names: list[str], arrays: Mapping[str, Shape]) -> list[str]:
    """Names of inputs, those of arrays replaced by those of all their elements."""
    from gradcli.graph.rewriting.unroll import element_names

    return [one for name in names for one in element_names(name, arrays.get(name, ()))]


def _check_wrt(loaded: Loaded) -> Graph:
    """The graph; names in --wrt that are no inputs are refused, and x[0] where x is one input."""
    for name in loaded.wrt or ():
        array, bracket, _ = name.partition("[")
        if bracket and array in loaded.graph.inputs:
            raise BindingError(f"{shorten(name)} is no input but a part of {shorten(array)}", hint=ELEMENT_HINT)
    if loaded.wrt is not None:
        wanted.differentiated(loaded.graph, loaded.wrt)
    return loaded.graph


ELEMENT_HINT = "--unroll makes an input of every element"


def rewritten(program: Program, graph: Graph, wanted: Rewriting, max_gates: int) -> Graph:
    """The graph as --expand, --fuse and --share want it."""
    if not (wanted.expand or wanted.fuse or wanted.share):
        return graph
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


def _second(loaded: Loaded, against: list[str]) -> dict[str, Any]:
    """The first point with some values changed."""
    written = _by_name(against, "--against")
    _check_inputs(loaded, written)
    if not loaded.points:
        raise UsageError("--against needs a first point to compare with", hint=NO_POINT)
    return loaded.points[0] | _values_for(loaded, written)


def _by_name(settings: list[str], option: str) -> dict[str, str]:
    """The texts of settings by name; an element may be written with blanks, W[0, 1]."""
    return {re.sub(r"\s+", "", name): text for name, text in collect([], settings, option).items()}


def _check_inputs(loaded: Loaded, names: Iterable[str]) -> None:
    check_known(loaded.graph, [name for name in names if name not in loaded.arrays])


def _values_for(loaded: Loaded, written: Mapping[str, str]) -> dict[str, Any]:
    """Values for inputs of the graph; those of an array that is unrolled for its elements.

    Raises:
        BindingError: a value is none, or has another shape than the input.
    """
    graph, inputs = loaded.graph, loaded.graph.inputs
    found: dict[str, Any] = {}
    for name, text in written.items():
        x = value(text, name)
        shape = loaded.arrays.get(name) or graph.shapes.get(inputs.get(name, -1), ())
        same_shape(name, shape_of(x), shape, "the program's input is")
        if name in loaded.arrays:
            from gradcli.graph.rewriting.unroll import element_names
            from gradcli.numeric.elements import elements

            found.update(zip(element_names(name, shape), elements(x), strict=True))
        else:
            found[name] = x
    return found


def differentiated(loaded: Loaded) -> list[str]:
    """The inputs to differentiate by, of which there has to be one.

    Raises:
        BindingError: there is none, a name of --wrt is not an input, or the output does not depend on it.
    """
    names = wanted.differentiated(loaded.graph, loaded.wrt)
    if not loaded.graph.inputs:
        raise BindingError("the program has no input to differentiate by", hint="write names for what can vary: x^2")
    return names


def direction(loaded: Loaded, settings: list[str]) -> dict[str, Any]:
    """By how much each input moves, as --jvp NAME=VALUE says it.

    Raises:
        BindingError: a name is not an input that is differentiated.
    """
    written = _by_name(settings, "--jvp")
    _check_inputs(loaded, written)
    for name in by_elements(list(written), loaded.arrays) if loaded.arrays else written:
        if name not in loaded.graph.inputs:
            raise BindingError(f"the output does not depend on {shorten(name)}", hint="leave it out of --jvp")
        if loaded.wrt is not None and name not in loaded.wrt:
            raise BindingError(f"--jvp moves {shorten(name)}, which --wrt leaves out", hint="add it to --wrt")
    return _values_for(loaded, written)


NO_POINT = "give every input a value"


def arguments_of(context: typer.Context) -> tuple[Sorted, list[str]]:
    arguments, option_names = context.obj
    return arguments, option_names


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
    """The names of --wrt; a comma inside an element's brackets is part of its name."""
    if wrt is None:
        return None
    parts = re.split(r",(?![^\[]*\])", wrt)
    names = [normalise(re.sub(r"\s+(?=[^\[]*\])", "", part.strip())) for part in parts if part.strip()]
    if not names:
        raise UsageError("--wrt names no input", hint="write --wrt x,y")
    return names

"""A program bound to values with uncertainties.

Enters: the arguments of a command. Leaves: `Measurements`. Invariant: a VALUE without an uncertainty means what it
means to every other command; in --vars a value with one is "2.0 ± 0.1" or {"value": 2.0, "uncertainty": 0.1}.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import typer

from gradcli.binding import bind
from gradcli.cli import given, program, streams
from gradcli.cli.bindings import missing_expression
from gradcli.cli.values import constant
from gradcli.errors import BindingError, UsageError
from gradcli.graph import wanted
from gradcli.graph.graph import Graph
from gradcli.graph.lower import has_arrays
from gradcli.language.parser import normalise
from gradcli.printable import shorten
from gradcli.propagating.notation import checked_uncertainty, measured
from gradcli.readers import reader

Uncertain = float | dict[int, float]  # of a number; of an array's elements by their position, row by row


class Measurements(NamedTuple):
    """A graph at a point with uncertainties.

    Attributes:
        graph: with elements in place of arrays where an element has an uncertainty, or where that is asked for.
        point: a value for every input.
        uncertainties: of the inputs that have one.
        correlations: of pairs of these.
        wrt: the inputs to consider.
        unused: the values of a file that are not needed.
        written: the values of the command line.
        unrolled: how many gates there are after unrolling; 0 if that was not needed.
    """

    graph: Graph
    point: dict[str, Any]
    uncertainties: dict[str, float]
    correlations: dict[tuple[str, str], float]
    wrt: list[str]
    unused: list[str]
    written: dict[str, str]
    unrolled: int


def tell(found: Measurements) -> None:
    """What a person should know of the values, as every command says it."""
    program.note_unrolled(found.unrolled)
    given.note_values(found.unused, found.written)
    program.note_left_out(found.graph, list(found.graph.stages.values()))


def load(
    context: typer.Context,
    expression: str | None,
    variables: str | None,
    settings: list[str],
    correlations: list[str],
    of: str | None,
    wrt: str | None,
    max_gates: int,
    scalars: bool,
) -> Measurements:
    """Read, parse and lower the program, and bind its inputs.

    Args:
        context, expression, variables, settings, of, wrt, max_gates: as the command got them.
        correlations: of --corr.
        scalars: whether arrays have to be unrolled in any case.

    Raises:
        GradcliError: anything that is wrong with the program or the values.
    """
    arguments, option_names = program.arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, option_names, context.info_name or "propagate")
    given.check_standard_input([expression, variables], arguments, settings)
    parsed = program.parsed(expression)
    uncertain: dict[str, Uncertain] = {}
    bindings = plain_bindings(arguments.bindings, uncertain)
    settings = plain_settings(settings, uncertain)
    known = given.read([parsed], arguments._replace(bindings=bindings), option_names, None, settings)
    if variables is not None:
        known = _with_file(known, variables, uncertain)
    graph = given.lowered(parsed, known, of, max_gates, words=option_names)
    point = bind(graph, given.used(graph, known, option_names))
    wanted.check_output(graph)
    names = program.names_of(wrt)
    pairs = correlations_of(correlations)
    bound = Measurements(graph, point, {}, pairs, [], known.unused(graph), known.written, 0)
    found = _unrolled(bound, uncertain, names, scalars, max_gates)
    _check_names(found)
    return found


def _unrolled(
    bound: Measurements, uncertain: Mapping[str, Uncertain], names: list[str] | None, scalars: bool, max_gates: int
) -> Measurements:
    """With elements in place of arrays, where that is of use."""
    graph, point = bound.graph, bound.point
    for name in uncertain:
        check_counted(name, graph.consumed)
    arrays, unrolled = program.arrays_of(graph), 0
    asked = any(name.partition("[")[0] in arrays for name in names or ())
    if has_arrays(graph) and (scalars or asked or any(isinstance(one, dict) for one in uncertain.values())):
        from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values

        point = unrolled_values(graph, point)
        uncertain = {
            (element_names(name, arrays[name])[position] if isinstance(one, dict) else name): error
            for name, one in uncertain.items()
            if not isinstance(one, dict) or name in arrays
            for position, error in (one.items() if isinstance(one, dict) else [(0, one)])
        }
        graph = unroll(graph, max_gates)
        names = None if names is None else program.by_elements(names, arrays)
        unrolled = len(graph)
    numbers = {name: error for name, error in uncertain.items() if isinstance(error, float)}
    if names is None:
        considered = [name for name in graph.inputs if numbers.get(name)]
        names = considered or [name for name, index in graph.inputs.items() if index not in graph.shapes]
    else:
        names = wanted.differentiated(graph, names)
    return bound._replace(graph=graph, point=point, uncertainties=numbers, wrt=names, unrolled=unrolled)


def check_counted(name: str, consumed: Collection[str]) -> None:
    """Refuse an uncertain number that counts something."""
    if name in consumed:
        message = f"{shorten(name)} was used up when the graph was built: it counts turns, indices or axes"
        raise BindingError(message, hint="such a number has no uncertainty")


def _check_names(found: Measurements) -> None:
    """Refuse correlations of what is no input, or is exact."""
    graph = found.graph
    for name in (name for pair in found.correlations for name in pair):
        if name not in graph.free:
            hint = f"its inputs are {shorten(', '.join(graph.free), 200) or 'none'}"
            raise BindingError(f"--corr: {shorten(name)} is not an input of the program", hint=hint)
        if graph.inputs.get(name, -1) in graph.shapes:
            message = f"--corr: {shorten(name)} is an array"
            raise BindingError(message, hint="name two of its elements, which need uncertainties")


def correlations_of(settings: list[str]) -> dict[tuple[str, str], float]:
    """The coefficients of --corr x,y=0.3 by pairs.

    Raises:
        GradcliError: it is not written like that, or a pair is given twice.
    """
    found: dict[tuple[str, str], float] = {}
    for setting in settings:
        left, equals, text = setting.rpartition("=")
        names = program.names_of(left) if left.strip() else None
        if not equals or names is None or len(names) != 2:
            shown = shorten(setting) or "(empty)"
            raise UsageError(f"--corr {shown} is not two inputs and a number", hint="write --corr x,y=0.3")
        one, other = names
        if one == other:
            raise BindingError(f"--corr: {shorten(one)} can't be correlated with itself")
        if (one, other) in found or (other, one) in found:
            raise BindingError(f"the correlation of {shorten(one)} and {shorten(other)} is given twice")
        try:
            found[one, other] = constant(text.strip(), "--corr")
        except BindingError as error:
            what = f"the correlation of {shorten(one)} and {shorten(other)}"
            error.message = error.message.replace("the value of --corr", what, 1)
            raise
    return found


def plain_bindings(bindings: list[tuple[str, str]], uncertain: dict[str, Uncertain]) -> list[tuple[str, str]]:
    """Bindings without their uncertainties, which are added to those that are known."""
    return [(name, _plain(text, normalise(name), uncertain)) for name, text in bindings]


def plain_settings(settings: list[str], uncertain: dict[str, Uncertain]) -> list[str]:
    """The same of --set NAME=VALUE."""
    parts = [setting.partition("=") for setting in settings]
    return [f"{x}={_plain(text, normalise(x.strip()), uncertain)}" if equals else x for x, equals, text in parts]


def _plain(text: str, name: str, uncertain: dict[str, Uncertain]) -> str:
    """A VALUE without its uncertainties, which are added to those that are known."""
    if text.startswith("@") and reader(text[1:]) is None:
        content = streams.read_text(text[1:]).strip()
        if content.startswith("@"):  # a file does not lead to another one
            raise BindingError(f"the value of {shorten(name)} is not a number: {shorten(content)}")
        text = content
    listed = text.strip().removeprefix("\ufeff").lstrip()
    if listed.startswith("["):
        return _plain_array(listed, name, uncertain)
    found = measured(listed, name, constant)
    if found is None:
        return text
    uncertain[name] = found.uncertainty
    return repr(found.value)


_PART = re.compile(r"[^\[\](),]+|.", re.DOTALL)


def _plain_array(text: str, name: str, uncertain: dict[str, Uncertain]) -> str:
    """The text of an array, the uncertainties of its elements taken out."""
    if not re.search(r"[±(]|(?<![eE])\+|\+/?[-−]", text):
        return text
    pieces, element, errors, count, depth = [], "", {}, 0, 0
    for part in _PART.findall(text):
        depth += (part == "(") - (part == ")")
        if part not in ("[", "]", ",") or depth > 0:
            element += part
            continue
        if element.strip():
            if found := measured(element.strip().strip("\"'"), f"an element of {name}", constant):
                errors[count] = found.uncertainty
                element = repr(found.value)
            count += 1
        pieces += [element, part]
        element = ""
    if errors:
        uncertain[name] = errors
    return "".join([*pieces, element])


def _with_file(known: given.Given, source: str, uncertain: dict[str, Uncertain]) -> given.Given:
    """The values of the command line, and those of --vars."""
    values = values_of_file(source, known.written, uncertain)
    return known._replace(values={**values, **known.values}, from_file=list(values))


def values_of_file(source: str, written: Collection[str], uncertain: dict[str, Uncertain]) -> dict[str, Any]:
    """The values of --vars without their uncertainties, which are added to those that are known.

    Args:
        written: the names that have a value already.

    Raises:
        GradcliError: it is no object of values, or one of them is given twice.
    """
    from gradcli.readers.json_values import OBJECT_HINT, decoded

    where = "standard input" if source == "-" else source
    content = decoded(streams.read(source), where, float, "an object of numbers", OBJECT_HINT, normalise)
    if isinstance(content, dict) and isinstance(content.get("parameters"), dict):
        content = content["parameters"]
    if not isinstance(content, dict):
        raise BindingError(f"{where} is not a JSON object", hint=OBJECT_HINT)
    for name in content:
        if name in written:
            raise BindingError(f"{shorten(name)} is given twice: by itself and by --vars {shorten(source)}")
    return {name: _from_json(part, name, where, uncertain) for name, part in content.items()}


def _from_json(part: Any, name: str, where: str, uncertain: dict[str, Uncertain]) -> Any:
    """The number or the array that a part of a JSON document stands for."""
    from gradcli.readers.json_values import value
    from gradcli.readers.nested import array, flattened, place

    if not isinstance(part, list):
        number, error = _json_number(part, name, where)
        if error is not None:
            uncertain[name] = error
        return number
    if not re.search("['{]", repr(part)):  # numbers alone
        return value(part, name, where)
    shape, elements = flattened(part, name)
    pairs = [_json_number(one, place(name, at, shape), where) for at, one in enumerate(elements)]
    if errors := {at: error for at, (_, error) in enumerate(pairs) if error is not None}:
        uncertain[name] = errors
    return array(shape, [number for number, _ in pairs])


def _json_number(part: Any, name: str, where: str) -> tuple[float, float | None]:
    """A number and its uncertainty, if it has one."""
    from gradcli.readers.json_values import value

    if isinstance(part, str) and (found := measured(part, name, constant)):
        return found
    if isinstance(part, dict):
        if {*part} != {"value", "uncertainty"}:
            hint = 'write {"value": 2.0, "uncertainty": 0.1}'
            raise BindingError(f"{where}: {shorten(name)} is an object, but no value with its uncertainty", hint=hint)
        number, error = (value(part[key], f"the {key} of {name}", where) for key in ("value", "uncertainty"))
        return number, checked_uncertainty(error, name, repr(error))
    return value(part, name, where), None

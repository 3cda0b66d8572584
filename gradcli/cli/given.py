"""The values that a command was given, against its program.

Enters: a program, a command's bindings, --vars and --shapes. Leaves: `Given`, and the graph, whose shapes come
from the values. Invariant: of several mistakes the one in the program's text is told first, then names that the program
does not have, then values that are none; nothing is ignored silently.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from gradcli.binding import Needs, bind, check_known
from gradcli.cli import streams
from gradcli.cli.bindings import Sorted, collect, refuse_option_of_others
from gradcli.cli.values import (
    Shaped,
    exactly,
    from_json,
    interval,
    overflowed,
    same_shape,
    shapes_of,
    value,
)
from gradcli.errors import BindingError, GradcliError, ProgramError, UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower, may_have_statics
from gradcli.graph.names import resolve
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise
from gradcli.numeric.elements import shape_of
from gradcli.printable import shorten


class Given(NamedTuple):
    """Values by name.

    Attributes:
        values: numbers and arrays; of a range its lower end.
        ranges: the names that are given as a range.
        written: the values of the command line, as they are written.
        from_file: the names that a file gives; None if there is no file.
        shapes: what is known of names without a value.
    """

    values: dict[str, Any]
    ranges: dict[str, tuple[float, float]]
    written: dict[str, str]
    from_file: list[str] | None
    shapes: dict[str, Shaped]

    def shaped(self) -> dict[str, Any]:
        """What a graph is built from."""
        return {**self.values, **self.shapes}

    def unused(self, needs: Needs) -> list[str]:
        """The names of a file that are not used."""
        return [name for name in self.from_file or () if name not in needs.free]


class _Names(NamedTuple):
    """What programs need, as far as it is known without values."""

    free: dict[str, Any]
    inputs: dict[str, Any]
    assigned: Collection[str]


def read(
    programs: Sequence[Program],
    arguments: Sorted,
    words: Collection[str],
    variables: str | None,
    settings: list[str],
    *,
    decimals: bool = False,
    ranges: bool = False,
    shapes: str | None = None,
    elsewhere: Collection[str] = (),
) -> Given:
    """The values for the programs' inputs.

    Args:
        words: the command's options.
        variables, settings, shapes: as the command got them.
        decimals: whether numbers are kept as they were written.
        ranges: whether a value may be a range LOW..HIGH.
        elsewhere: inputs that get their numbers from somewhere else, such as the columns of a file.

    Raises:
        GradcliError: a value is given twice, or is none; an option that is given has the name of an input.
    """
    taken = {name for program in programs for name in _taken(program, arguments)}
    _refuse(taken & {"set", "vars"} - {setting.partition("=")[0].strip() for setting in settings})
    written = collect(arguments.bindings, settings)
    values = from_json(variables, exactly if decimals else float) if variables is not None else {}
    from_file = list(values)
    for name in from_file:
        if name in written:
            raise BindingError(f"{shorten(name)} is given twice: by itself and by --vars {shorten(variables or '')}")
    _refuse(taken - {*written, *from_file, *elsewhere})
    given = Given(
        values, {}, written, None if variables is None else from_file, {} if shapes is None else shapes_of(shapes)
    )
    try:
        for name, text in written.items():
            if ranges and (ends := interval(text, name)):
                given.ranges[name] = ends
            values[name] = given.ranges[name][0] if name in given.ranges else value(text, name, decimals)
    except GradcliError:
        check_names(programs, given, words)
        raise
    for name in [name for name in given.shapes if name in values]:
        same_shape(name, shape_of(values[name]), given.shapes.pop(name).shape, "--shapes says")
    return given


def lowered(
    program: Program,
    given: Given,
    of: str | None,
    max_gates: int,
    *,
    words: Collection[str] = (),
    several: bool = False,
    structure: bool = False,
    partly: bool = False,
    others: Sequence[Program] = (),
) -> Graph:
    """The graph of a program with the shapes of the values.

    Args:
        words: the command's options.
        several: as for `lower`.
        structure: whether it is fine that inputs have no values.
        partly: whether it is fine that others then have one.
        others: further programs, which the values are for as well.
    """
    shaped = given.shaped()
    try:
        return lower(program, shaped, None if of is None else normalise(of), max_gates, several=several)
    except ProgramError:
        whole = any(shape_of(x) for x in given.values.values())
        if whole or given.shapes or may_have_statics(program):  # what does not fit may be for want of a value
            check_names([program, *others], given, words, complete=(whole and not partly) or not structure)
        raise


def check_names(programs: Sequence[Program], given: Given, words: Collection[str], complete: bool = False) -> None:
    """Say which names are unknown, and which have no value, before anything is known of the values."""
    names = {*given.shaped(), *given.written}
    found = [resolve(program, names) for program in programs]
    inputs = {name: span for one in found for name, span in one.inputs.items()}
    needs = _Names(inputs, inputs, [name for one in found for name in one.stages if name not in inputs])
    _check_own(needs, given, words)
    if complete:
        bind(needs, dict.fromkeys(names & {*inputs}, 0.0))


def _check_own(needs: Any, given: Given, words: Collection[str]) -> list[str]:
    """The names that have a value, or a shape, and are inputs. Those of the command line have to be."""
    names = [*given.written, *given.shapes]
    for name in names:
        if name not in needs.free and name not in needs.assigned:
            refuse_option_of_others(f"--{name}")
    names += [name for name in given.from_file or () if name in needs.free]
    check_known(needs, dict.fromkeys(names), words)
    return names


def used(needs: Any, given: Given, words: Collection[str]) -> dict[str, Any]:
    """The values of the inputs.

    Raises:
        BindingError: a name of the command line is not an input.
    """
    return {name: given.values[name] for name in _check_own(needs, given, words) if name in given.values}


def is_structure(given: Given, *graphs: Graph) -> bool:
    """Whether no input has a value: none was given, or only names that were used up when the graphs were built."""
    if given.from_file is None and not given.written:
        return True
    consumed = {name for graph in graphs for name in graph.consumed}
    named = {name for graph in graphs for name in graph.free if name in given.values}
    return bool(named) and all(name in consumed for name in named)


def note_values(unused: list[str], written: dict[str, str]) -> None:
    """Say which values of a file the program does not use, and which are not what they look like."""
    streams.tell(value_notes(unused, written))


def value_notes(unused: list[str], written: dict[str, str]) -> list[str]:
    """What `note_values` says."""
    notes = [f"note: not used by the program: {shorten(', '.join(unused), 200)}"] if unused else []
    for name, text in written.items():
        if overflowed(text):
            notes.append(f"warning: {shorten(name)} = {shorten(text)} is too large for a double: it is inf")
    return notes


def check_standard_input(
    sources: list[str | None],
    arguments: Sorted,
    settings: list[str],
    what: str = "the expression, --vars and a value",
) -> None:
    """Standard input can be read once. what: that could be read from it."""
    values = [value for _, value in arguments.bindings] + [setting.partition("=")[2] for setting in settings]
    if sum(source in ("-", "@-") for source in sources) + values.count("@-") > 1:
        raise UsageError(f"only one of {what} can come from standard input")


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

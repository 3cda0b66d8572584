"""Which names a program computes, defines and needs.

Enters: a Program and the names that are bound. Leaves: `Names`. Invariant: only the text decides, apart from pi, e and
tau, which are constants unless they are bound or assigned.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gradcli.errors import ProgramError, Span
from gradcli.graph import ops
from gradcli.language.nodes import CALL, NAME, Definition, Loop, Program, Result, Stage
from gradcli.printable import shorten

NAMED_CONSTANTS = {"pi": "pi", "e": "e", "tau": "tau", "π": "pi", "τ": "tau"}
FIXED_CONSTANTS = {"inf": "inf", "nan": "nan"}
FUNCTION_HINT = "only built-in functions and functions defined above can be called"


class Names(NamedTuple):
    """inputs: free names by first appearance, each with its first place. stages: assigned names."""

    inputs: dict[str, Span]
    stages: dict[str, Stage]
    functions: dict[str, Definition]

    def constants(self, bound: Collection[str]) -> dict[str, str]:
        """The names that stand for a constant here, and its literal."""
        return FIXED_CONSTANTS | _unbound_constants(bound, self.stages)


def resolve(program: Program, bound: Collection[str] = ()) -> Names:
    """Find the names of a program.

    Raises:
        ProgramError: a name is assigned twice, used before its assignment, or hides a built-in function's definition; a
            function sees more than its parameters, or is called before its definition (so that nothing is recursive).
    """
    names = Names({}, {}, {})
    later = {s.name for s in program.statements if isinstance(s, Definition)}
    assigned = {s.name for s in program.statements if isinstance(s, Stage)}
    visible = _constant_names(bound, assigned)
    for statement in program.statements:
        if isinstance(statement, Loop):
            raise ProgramError("for loops are not part of this version", source=program.text, span=statement.span)
        if isinstance(statement, Definition):
            _define(program, names, statement, bound, assigned, later)
            continue
        _collect(program, names, statement, visible, assigned)
        _check_calls(program, names, statement.root, later)
        if isinstance(statement, Stage):
            _assign(program, names, statement)
    return names


def _constant_names(bound: Collection[str], assigned: Collection[str]) -> set[str]:
    return {*FIXED_CONSTANTS, *_unbound_constants(bound, assigned)}


def _unbound_constants(bound: Collection[str], assigned: Collection[str]) -> dict[str, str]:
    """pi, e and tau under all their names, but for those with another meaning here: π and pi are never two numbers."""
    taken = {NAMED_CONSTANTS[name] for name in NAMED_CONSTANTS if name in bound or name in assigned}
    return {name: constant for name, constant in NAMED_CONSTANTS.items() if constant not in taken}


def _collect(program: Program, names: Names, statement: Stage | Result, visible: set[str], assigned: set[str]) -> None:
    """Add the free names of one expression."""
    nodes, inputs, stages = program.nodes, names.inputs, names.stages
    kinds, values = nodes.kinds, nodes.values
    for index in range(nodes.firsts[statement.root], statement.root + 1):
        if kinds[index] is not NAME:
            continue
        name = values[index] or ""
        if name in inputs or name in stages or name in visible:
            continue
        if name in assigned:
            raise _used_early(program, statement, name, nodes.span(index))
        inputs[name] = nodes.span(index)


def _used_early(program: Program, statement: Stage | Result, name: str, span: Span) -> ProgramError:
    hint = f"write the line {shorten(name)} = … above this one"
    if isinstance(statement, Stage) and statement.name == name:
        hint = "a stage cannot use itself; give the new value another name"
        if "\n" in program.text[statement.span.start : span.start]:
            hint += ", or end the line above with ; if a new statement begins here"
    return ProgramError(f"{shorten(name)} is used before it is assigned", source=program.text, span=span, hint=hint)


def _assign(program: Program, names: Names, stage: Stage) -> None:
    if stage.name in FIXED_CONSTANTS:
        raise ProgramError(f"{stage.name} is a constant", source=program.text, span=stage.name_span)
    if stage.name in names.stages:
        hint = "a name is assigned once; give the second value another name"
        raise ProgramError(
            f"{shorten(stage.name)} is assigned twice", source=program.text, span=stage.name_span, hint=hint
        )
    names.stages[stage.name] = stage


def _define(
    program: Program,
    names: Names,
    definition: Definition,
    bound: Collection[str],
    assigned: Collection[str],
    later: Collection[str],
) -> None:
    text, nodes = program.text, program.nodes
    if ops.find(definition.name):
        hint = "choose another name"
        message = f"{definition.name} is a built-in function and can't be redefined"
        raise ProgramError(message, source=text, span=definition.name_span, hint=hint)
    if definition.gradients is not None and definition.name in ops.CODES:
        hint = "a function with a derivative of its own is a gate too; choose another name"
        message = f"{definition.name} is the name of a gate"
        raise ProgramError(message, source=text, span=definition.name_span, hint=hint)
    if definition.name in names.functions:
        raise ProgramError(f"{shorten(definition.name)} is defined twice", source=text, span=definition.name_span)
    parameters = set()
    for parameter in definition.parameters:
        if parameter.name in parameters or parameter.name in FIXED_CONSTANTS:
            what = "a constant" if parameter.name in FIXED_CONSTANTS else "a parameter twice"
            raise ProgramError(f"{shorten(parameter.name)} is {what}", source=text, span=parameter.span)
        parameters.add(parameter.name)
    _check_gradients(program, definition)
    known = parameters | _constant_names(bound, assigned)
    for root in (definition.root, *(definition.gradients or ())):
        for index in range(nodes.firsts[root], root + 1):
            if nodes.kinds[index] is NAME and (name := nodes.values[index] or "") not in known:
                hint = f"a function sees only its parameters and constants; make it {_with_parameter(definition, name)}"
                message = f"{shorten(name)} is not a parameter of {shorten(definition.name)}"
                raise ProgramError(message, source=text, span=nodes.span(index), hint=hint)
        _check_calls(program, names, root, later, definition.name)
    names.functions[definition.name] = definition


def _check_gradients(program: Program, definition: Definition) -> None:
    """One declared derivative per parameter."""
    if definition.gradients is None or len(definition.gradients) == len(definition.parameters):
        return
    given, wanted = len(definition.gradients), len(definition.parameters)
    first, last = definition.gradients[0], definition.gradients[-1]
    span = Span(program.nodes.starts[first], program.nodes.ends[last])
    message = f"{shorten(definition.name)} has {wanted} parameter{'' if wanted == 1 else 's'} but {given} derivative"
    hint = "with grad gives one derivative per parameter, in their order"
    raise ProgramError(message + ("" if given == 1 else "s"), source=program.text, span=span, hint=hint)


def _with_parameter(definition: Definition, name: str) -> str:
    parameters = ", ".join([*(shorten(p.name) for p in definition.parameters), shorten(name)])
    return f"{shorten(definition.name)}({shorten(parameters, 200)})"


def _check_calls(program: Program, names: Names, root: int, later: Collection[str], own: str | None = None) -> None:
    """Refuse calls of functions that are not defined yet; `own` is the function that is being defined."""
    nodes, functions = program.nodes, names.functions
    if len(functions) == len(later):
        return
    for index in range(nodes.firsts[root], root + 1):
        if nodes.kinds[index] is not CALL or (name := nodes.values[index] or "") in functions or name not in later:
            continue
        if ops.find(name):
            continue
        if name == own:
            message, hint = f"{shorten(name)} is recursive", "a function cannot call itself"
        else:
            message = f"{shorten(name)} is called before it is defined"
            hint = "write its definition above this line; functions cannot call each other in a circle"
        raise ProgramError(message, source=program.text, span=program.name_span(index), hint=hint)

"""Which names a program computes, defines and needs.

Enters: a Program and the names that are bound. Leaves: `Names`. Invariant: only the text decides, apart from pi, e and
tau, which are constants unless they are bound or assigned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, NoReturn

from gradcli.errors import LimitError, ProgramError, Span
from gradcli.graph import ops
from gradcli.language.nodes import CALL, NAME, Definition, Loop, Program, Result, Stage, Statement, in_order
from gradcli.printable import shorten

NAMED_CONSTANTS = {"pi": "pi", "e": "e", "tau": "tau", "π": "pi", "τ": "tau"}
FIXED_CONSTANTS = {"inf": "inf", "nan": "nan"}
FUNCTION_HINT = "only built-in functions and functions defined above can be called"


_DEEPEST_LOOP = 100
LENGTH = "len"  # a function of shapes, known when the graph is built: no row of the table


def built_in(name: str) -> bool:
    """Whether it is a function that every program can call."""
    return name == LENGTH or bool(ops.find(name))


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
            function sees more than its parameters, or is called before its definition (so that nothing is recursive); a
            loop's variable is something else as well.
        LimitError: loops are nested too deep.
    """
    statements = tuple(in_order(program.statements)) if program.nodes.static else program.statements
    resolution = _Resolution(program, bound, statements)
    for statement in statements:
        resolution.take(statement)
    return resolution.names


class _Resolution:
    """The names so far, while the statements are taken as they are written: a loop's body once.

    Attributes:
        later: the functions that are defined anywhere.
        assigned: the stages that are assigned anywhere.
        variables: of all loops.
        running: the loops that the statement is in, by variable.
        inner: the stages that each of these has assigned so far.
    """

    def __init__(self, program: Program, bound: Collection[str], statements: Sequence[Statement | None]) -> None:
        self.program, self.names = program, Names({}, {}, {})
        self.later = {s.name for s in program.statements if isinstance(s, Definition)}
        self.assigned = {s.name for s in statements if isinstance(s, Stage)}
        self.variables = {s.name for s in statements if isinstance(s, Loop)} if program.nodes.static else set()
        self.visible = {*FIXED_CONSTANTS, *_unbound_constants(bound, self.assigned | self.variables)}
        self.running: dict[str, Loop] = {}
        self.inner: list[set[str]] = []

    def take(self, statement: Statement | None) -> None:
        if isinstance(statement, Stage):
            self.expression(statement.root, statement)
            self.assign(statement)
        elif isinstance(statement, Result):
            self.expression(statement.root)
        elif isinstance(statement, Definition):
            self.define(statement)
        elif isinstance(statement, Loop):
            self.enter(statement)
        else:  # where a loop ends
            self.running.popitem()
            self.inner.pop()

    def expression(self, root: int, stage: Stage | None = None) -> None:
        """Add the free names of one expression, that of a stage if it is one."""
        nodes, inputs, stages, visible = self.program.nodes, self.names.inputs, self.names.stages, self.visible
        kinds, values, running = nodes.kinds, nodes.values, self.running
        for index in range(nodes.firsts[root], root + 1):
            if kinds[index] is not NAME:
                continue
            name = values[index] or ""
            if name in inputs or name in stages or name in visible or name in running:
                continue
            if name in self.variables:
                hint = "it has a value in the loop's body only; choose another name here"
                self.fail(f"{shorten(name)} is the variable of a loop", nodes.span(index), hint)
            if name in self.assigned:
                self.used_early(name, nodes.span(index), stage)
            inputs[name] = nodes.span(index)
        if len(self.names.functions) < len(self.later):
            _check_calls(self.program, self.names, root, self.later)

    def enter(self, loop: Loop) -> None:
        """The head of a loop."""
        self.expression(loop.start)
        self.expression(loop.stop)
        name, hint = loop.name, "choose another name for it"
        if name in FIXED_CONSTANTS:
            self.fail(f"{name} is a constant", loop.name_span)
        if name in self.running:
            self.fail(f"{shorten(name)} is the variable of the loop around this one", loop.name_span, hint)
        if name in self.names.inputs or name in self.assigned:
            what = "a stage" if name in self.assigned else "an input"
            self.fail(f"{shorten(name)} is {what} and can't be the variable of a loop", loop.name_span, hint)
        if len(self.running) == _DEEPEST_LOOP:
            message = f"loops are nested more than {_DEEPEST_LOOP} deep"
            raise LimitError(message, source=self.program.text, span=loop.name_span)
        self.running[name] = loop
        self.inner.append(set())

    def used_early(self, name: str, span: Span, stage: Stage | None) -> NoReturn:
        hint = f"write the line {shorten(name)} = … above this one"
        if self.running:
            hint = f"give {shorten(name)} its first value above the loop: {shorten(name)} = 0"
        elif stage is not None and stage.name == name:
            hint = "a stage cannot use itself; give the new value another name"
            if "\n" in self.program.text[stage.span.start : span.start]:
                hint += ", or end the line above with ; if a new statement begins here"
        self.fail(f"{shorten(name)} is used before it is assigned", span, hint)

    def assign(self, stage: Stage) -> None:
        name, stages = stage.name, self.names.stages
        if name in FIXED_CONSTANTS:
            self.fail(f"{name} is a constant", stage.name_span)
        if self.running:
            if name in self.inner[-1]:
                hint = "a loop's body assigns a name once; give the second value another name"
                self.fail(f"{shorten(name)} is assigned twice", stage.name_span, hint)
            self.inner[-1].add(name)
            stages.setdefault(name, stage)
            return
        if name in stages:
            hint = "a name is assigned once; give the second value another name"
            self.fail(f"{shorten(name)} is assigned twice", stage.name_span, hint)
        stages[name] = stage

    def define(self, definition: Definition) -> None:
        if self.running:
            hint = "write the definition above the loop"
            self.fail(f"{shorten(definition.name)} is defined in a loop", definition.name_span, hint)
        _define(self.program, self.names, definition, self.visible, self.later)

    def fail(self, message: str, span: Span, hint: str | None = None) -> NoReturn:
        raise ProgramError(message, source=self.program.text, span=span, hint=hint)


def _unbound_constants(bound: Collection[str], assigned: Collection[str]) -> dict[str, str]:
    """pi, e and tau under all their names, but for those with another meaning here: π and pi are never two numbers."""
    taken = {NAMED_CONSTANTS[name] for name in NAMED_CONSTANTS if name in bound or name in assigned}
    return {name: constant for name, constant in NAMED_CONSTANTS.items() if constant not in taken}


def _define(
    program: Program,
    names: Names,
    definition: Definition,
    visible: set[str],
    later: Collection[str],
) -> None:
    text, nodes = program.text, program.nodes
    if built_in(definition.name):
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
    known = parameters | visible
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
        if built_in(name):
            continue
        if name == own:
            message, hint = f"{shorten(name)} is recursive", "a function cannot call itself"
        else:
            message = f"{shorten(name)} is called before it is defined"
            hint = "write its definition above this line; functions cannot call each other in a circle"
        raise ProgramError(message, source=program.text, span=program.name_span(index), hint=hint)

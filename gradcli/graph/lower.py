"""AST → Graph: names become edges, functions are expanded, every constant and operation becomes a gate.

Enters: a Program, the names that are bound, the stage wanted as output. Leaves: a Graph that holds only what this
output needs. Invariant: one pass over the nodes with an explicit stack; no recursion, whatever the depth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NoReturn

from gradcli.errors import LimitError, ProgramError, Span
from gradcli.graph import ops
from gradcli.graph.defined import row as defined_row
from gradcli.graph.graph import Graph, prune
from gradcli.graph.names import FUNCTION_HINT, Names, resolve
from gradcli.language.nodes import ARRAY, BINARY, CALL, NAME, NUMBER, UNARY, Definition, Program, Result, Stage
from gradcli.printable import shorten

MAX_GATES = 5_000_000
_DEEPEST = 100


def lower(
    program: Program,
    bound: Collection[str] = (),
    of: str | None = None,
    max_gates: int = MAX_GATES,
    *,
    several: bool = False,
) -> Graph:
    """Build the graph of a program.

    Args:
        program: what `parse` returned.
        bound: names with a value; pi, e and tau are inputs if they are among them.
        of: the stage to take as output; None takes the program's result.
        max_gates: the most gates that may be built.
        several: whether several outputs are fine: an array of expressions as the result, or `of` naming several stages.

    Raises:
        ProgramError: a function is unknown or has the wrong number of arguments, a name is misused, `of` is no stage.
        LimitError: more than max_gates.
    """
    names = resolve(program, bound)
    defined = _Defined()
    constants = names.constants(bound)
    for definition in names.functions.values():
        if definition.gradients is not None:
            _define(definition, program, names, constants, max_gates, defined)
    lowering = _Lowering(program, names, constants, max_gates, defined, names.inputs)
    lowering.graph.assigned = tuple(names.stages)
    outputs: list[int] = []
    for statement in program.statements:
        if isinstance(statement, Stage):
            lowering.stage(statement)
        elif isinstance(statement, Result):
            outputs = lowering.result(statement.root, several, of is not None)
    if of is not None:
        outputs = [_stage(lowering, names, name.strip()) for name in (of.split(",") if several else [of])]
    return prune(lowering.graph, *outputs)


def _stage(lowering: _Lowering, names: Names, name: str) -> int:
    if name not in names.stages:
        raise ProgramError(f"{shorten(name) or '(empty)'} is not a stage of the program", hint=_stages_hint(names))
    return lowering.scope[name]


def _stages_hint(names: Names) -> str:
    if not names.stages:
        return "the program names no stage; write one as q = x + y"
    return "its stages are " + shorten(", ".join(names.stages), 200)


class _Defined:
    """The rows of the functions that bring their own derivative, so far.

    Attributes:
        codes: by the function's name.
        costs: by code, how many gates computing value and derivatives takes.
        depths: by code, how many such functions are inside one another, each of which nests a Python call.
    """

    def __init__(self) -> None:
        self.rows: tuple[ops.Op, ...] = ops.ROWS
        self.bodies: tuple[Graph, ...] = ()
        self.codes: dict[str, int] = {}
        self.costs: dict[int, int] = {}
        self.depths: dict[int, int] = {}


def _define(
    definition: Definition,
    program: Program,
    names: Names,
    constants: Mapping[str, str],
    max_gates: int,
    defined: _Defined,
) -> None:
    """Add the row of a function; those that it calls are there already."""
    parameters = {parameter.name: parameter.span for parameter in definition.parameters}
    graphs, cost, depth = [], 0, 1
    for root in (definition.root, *(definition.gradients or ())):
        lowering = _Lowering(program, names, constants, max_gates, defined, parameters)
        lowering.graph.output = lowering.expression(root)
        graphs.append(lowering.graph)
        cost += len(lowering.graph) + lowering.handed_over
        depth = max(depth, *(defined.depths.get(code, 0) + 1 for code in lowering.graph.codes))
    if depth > _DEEPEST:
        message = f"functions with their own derivative are nested more than {_DEEPEST} deep"
        raise LimitError(message, source=program.text, span=definition.name_span)
    body, *gradients = graphs
    code = defined.codes[definition.name] = len(defined.rows)
    text = program.text[slice(*program.nodes.span(definition.root))]
    defined.rows = (*defined.rows, defined_row(definition.name, list(parameters), text, body, gradients))
    defined.bodies = (*defined.bodies, body)
    defined.costs[code], defined.depths[code] = cost, depth


class _Frame:
    """A range of nodes being lowered: a statement's expression, or a function's body with its parameters."""

    __slots__ = ("last", "next", "scope")

    def __init__(self, first: int, last: int, scope: dict[str, int]) -> None:
        self.next, self.last, self.scope = first, last, scope


class _Lowering:
    """One expression after another becomes gates.

    Args:
        constants: names that stand for a constant, and its literal.
        defined: the rows that the program has defined so far.
        inputs: the names that become input gates, with their first places.
    """

    def __init__(
        self,
        program: Program,
        names: Names,
        constants: Mapping[str, str],
        max_gates: int,
        defined: _Defined,
        inputs: dict[str, Span],
    ) -> None:
        self.program, self.names, self.max_gates = program, names, max_gates
        self.graph = Graph(program.text)
        self.graph.rows, self.graph.bodies = defined.rows, defined.bodies
        self.graph.free = inputs
        self.defined = defined
        self.constants = constants
        self.parameters: dict[int, list[str]] = {}  # call of a defined function → its parameters
        self.handed_over = 0  # what calls cost beside the gates that they make: operands, gates inside one gate
        self.scope: dict[str, int] = {}  # inputs and stages so far
        for name, span in inputs.items():
            self.scope[name] = self.graph.append(ops.INPUT, (), name, *span)

    def stage(self, statement: Stage) -> None:
        index = self.expression(statement.root)
        self.scope[statement.name] = index
        if self.graph.codes[index] != ops.INPUT:
            self.graph.stages.setdefault(index, statement.name)

    def result(self, root: int, several: bool, unused: bool) -> list[int]:
        """Lower the program's result: one gate, or those of an array of expressions if several are fine."""
        if self.program.nodes.kinds[root] is not ARRAY:
            return [self.expression(root)]
        if not several and not unused:
            span, hint = self.program.nodes.span(root), "`gradcli jacobian` shows the derivatives of all its elements"
            raise ProgramError("the result is an array, not one number", source=self.program.text, span=span, hint=hint)
        return [self.expression(element) for element in self.program.nodes.operands(root)]

    def expression(self, root: int) -> int:
        """Lower the subtree under root and return its gate."""
        stack: list[int] = []
        frames = [_Frame(self.program.nodes.firsts[root], root, self.scope)]
        while frames:
            called = self._run(frames[-1], stack)
            if called is None:
                frames.pop()
                self._check_limit()
            else:
                frames.append(called)
        return stack[0]

    def _run(self, frame: _Frame, stack: list[int]) -> _Frame | None:
        """Lower nodes until the frame ends (None) or a defined function is called (its frame)."""
        nodes, append, codes = self.program.nodes, self.graph.append, ops.CODES
        kinds, values, starts, ends = nodes.kinds, nodes.values, nodes.starts, nodes.ends
        scope = frame.scope
        for index in range(frame.next, frame.last + 1):
            kind = kinds[index]
            if kind is NAME:
                gate = scope.get(values[index])  # type: ignore[arg-type]
                stack.append(self._constant(index, values[index] or "") if gate is None else gate)
            elif kind is BINARY and (code := codes.get(values[index])):  # type: ignore[arg-type]
                right = stack.pop()
                stack[-1] = append(code, (stack[-1], right), None, starts[index], ends[index])
            elif kind is NUMBER:
                stack.append(append(ops.CONSTANT, (), values[index], starts[index], ends[index]))
            elif kind is UNARY and values[index] != "transpose":
                self._unary(index, stack)
            elif kind is CALL:
                definition = self.names.functions.get(values[index])  # type: ignore[arg-type]
                if definition is None:
                    self._call(index, stack)
                    continue
                operands = self._arguments(index, definition, stack)
                if definition.gradients is not None:
                    self._call_defined(index, operands, stack)
                    continue
                frame.next = index + 1
                first = nodes.firsts[definition.root]
                return _Frame(first, definition.root, operands)
            else:
                self._fail("arrays and indexing are not part of this version", index)
        return None

    def _constant(self, index: int, name: str) -> int:
        nodes = self.program.nodes
        return self.graph.append(ops.CONSTANT, (), self.constants[name], nodes.starts[index], nodes.ends[index])

    def _unary(self, index: int, stack: list[int]) -> None:
        nodes, graph = self.program.nodes, self.graph
        place = nodes.starts[index], nodes.ends[index]
        if nodes.values[index] == "neg" and nodes.kinds[index - 1] is NUMBER:  # -3 is a constant
            digits = graph.literals[stack[-1]] or ""
            graph.literals[stack[-1]] = digits[1:] if digits.startswith("-") else "-" + digits
            graph.starts[stack[-1]], graph.ends[stack[-1]] = place
            return
        stack[-1] = graph.append(ops.CODES[nodes.values[index] or ""], (stack[-1],), None, *place)

    def _call(self, index: int, stack: list[int]) -> None:
        """A call of a built-in function."""
        nodes, name = self.program.nodes, self.program.nodes.values[index] or ""
        count = len(nodes.operands(index))
        rows = ops.find(name)
        if not rows:
            self._unknown(index, name)
        row = next((row for row in rows if row.accepts(count)), None)
        if row is None:
            self._wrong_count(index, [row.signature() for row in rows], count)
        arguments = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        place = nodes.starts[index], nodes.ends[index]
        if not row.variadic and (count < len(row.parameters) or index in nodes.keywords):
            found = self._bind(index, row.parameters, arguments)
            defaults = dict(row.defaults)
            missing = [p for p in row.parameters if p not in found and p not in defaults]
            if missing:
                self._fail(f"{name} needs {missing[0]}", index, f"write {row.signature()}")
            for parameter in row.parameters:
                if parameter not in found:
                    found[parameter] = self.graph.append(ops.CONSTANT, (), defaults[parameter], *place)
            arguments = [found[parameter] for parameter in row.parameters]
        elif index in nodes.keywords:
            self._fail(f"{name} has no argument {shorten(nodes.keywords[index][0])}", index, f"write {row.signature()}")
        stack.append(self.graph.append(ops.CODES[row.name], tuple(arguments), None, *place))

    def _arguments(self, index: int, definition: Definition, stack: list[int]) -> dict[str, int]:
        """The operands of a call of a defined function, by parameter."""
        parameters = self.parameters.get(index)
        if parameters is None:  # the first time that this call is reached
            parameters = self.parameters[index] = [parameter.name for parameter in definition.parameters]
            given = len(self.program.nodes.operands(index))
            if given != len(parameters):
                shown = ", ".join(map(shorten, parameters))
                self._wrong_count(index, [f"{shorten(definition.name)}({shorten(shown, 200)})"], given)
        count = len(parameters)
        arguments = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        self._hand_over(max(1, count))
        return self._bind(index, parameters, arguments)

    def _call_defined(self, index: int, operands: dict[str, int], stack: list[int]) -> None:
        """A call of a function that brings its own derivative: one gate."""
        nodes = self.program.nodes
        code = self.defined.codes[nodes.values[index] or ""]
        self._hand_over(self.defined.costs[code])
        ordered = tuple(operands[parameter] for parameter in self.defined.rows[code].parameters)
        stack.append(self.graph.append(code, ordered, None, nodes.starts[index], nodes.ends[index]))

    def _hand_over(self, count: int) -> None:
        self.handed_over += count
        if len(self.graph) > self.max_gates or self.handed_over > MAX_GATES:
            self._check_limit()

    def _bind(self, index: int, parameters: Sequence[str], arguments: list[int]) -> dict[str, int]:
        """Pair parameters with arguments, the last of which may be given by keyword."""
        keywords = self.program.nodes.keywords.get(index, ())
        if not keywords:
            return dict(zip(parameters, arguments, strict=False))
        positional = len(arguments) - len(keywords)
        found = dict(zip(parameters, arguments[:positional], strict=False))
        for keyword, argument in zip(keywords, arguments[positional:], strict=True):
            if keyword not in parameters or keyword in found:
                what = "is given twice" if keyword in found else "is not one of its arguments"
                name = shorten(self.program.nodes.values[index] or "")
                hint = f"they are {shorten(', '.join(map(shorten, parameters)), 200)}"
                self._fail(f"{shorten(keyword)} {what} in {name}", index, hint)
            found[keyword] = argument
        return found

    def _check_limit(self) -> None:
        hint = "raise it with --max-gates, or write the program with fewer calls"
        most_operands = max(self.max_gates, MAX_GATES)
        if len(self.graph) > self.max_gates:
            raise LimitError(f"the program needs more than {self.max_gates} gates", hint=hint)
        if self.handed_over > most_operands:
            raise LimitError(f"the program's calls have more than {most_operands} operands in all", hint=hint)

    def _fail(self, message: str, index: int, hint: str | None = None) -> NoReturn:
        raise ProgramError(message, source=self.program.text, span=self.program.nodes.span(index), hint=hint)

    def _wrong_count(self, index: int, signatures: list[str], count: int) -> NoReturn:
        name = shorten(self.program.nodes.values[index] or "")
        given = f"{count} argument{'' if count == 1 else 's'}" if count else "no argument"
        self._fail(f"{name} can't be called with {given}", index, "write " + " or ".join(signatures))

    def _unknown(self, index: int, name: str) -> NoReturn:
        """An unknown function: a misspelt one, or a product written without its sign."""
        from difflib import get_close_matches

        nodes, text = self.program.nodes, self.program.text
        span = Span(nodes.starts[index], nodes.starts[index] + len(name))
        shown = shorten(name)
        known = name in self.scope or name in self.constants
        if known or (len(name) == 1 and len(nodes.operands(index)) == 1):
            message, hint = f"{shown} is not a function", FUNCTION_HINT
            if len(nodes.operands(index)) == 1 and index not in nodes.keywords:
                inside = text[span.end : nodes.ends[index]].strip()
                hint = f"did you mean {shown}*{shorten(inside)}?"
        else:
            close = get_close_matches(name[:40], [*self.names.functions, *ops.names()], n=1)
            message = f"there is no function {shown}"
            hint = f"did you mean {close[0]}?" if close else FUNCTION_HINT + "; `gradcli functions` lists them"
        raise ProgramError(message, source=text, span=span, hint=hint)

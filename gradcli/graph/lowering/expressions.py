"""Expressions become gates, one after another.

Enters: roots of expressions, in the order of the program. Leaves: gates at the end of a graph. Invariant: one pass over
the nodes with an explicit stack; no recursion, whatever the depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from gradcli.errors import LimitError, ProgramError, Span
from gradcli.graph import ops
from gradcli.graph.defined import Defined
from gradcli.graph.graph import Graph, Group
from gradcli.graph.names import Names
from gradcli.graph.ops.layout import Shape, ShapeError, shown
from gradcli.language.nodes import BINARY, CALL, NAME, NUMBER, UNARY, Program
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.lowering.statics import Statics

MAX_GATES = 5_000_000
DEEPEST_GROUP = 16  # calls and turns further inside are not told apart
_DEEPEST_LENGTH = 50
_LONGEST = 40  # characters of an expression that an error repeats
_CALLS_TOLD = 2  # the innermost ones
group: Callable[[tuple[Any, ...]], Group] = partial(tuple.__new__, Group)  # a third of the time of Group(…)
_ELEMENTWISE = {row.name: ops.CODES[row.name] for row in ops.ELEMENTWISE}


def _calls() -> Any:
    """What lowers calls; a program may have none."""
    from gradcli.graph.lowering import calls

    return calls


class _Frame:
    """Nodes being lowered: those of a statement's expression, or of a function's body with its parameters.

    Attributes:
        function: whose body it is; None for a statement.
        first, groups: how many gates and groups there were before.
    """

    __slots__ = ("first", "function", "groups", "nodes", "scope")

    def __init__(self, root: int, lowering: Expressions, scope: dict[str, int], function: str | None = None) -> None:
        if lowering.statics is None:
            self.nodes: Iterator[int] = iter(range(lowering.program.nodes.firsts[root], root + 1))
        else:
            self.nodes = iter(lowering.statics.sequence(root))
        self.scope, self.function = scope, function
        self.first, self.groups = len(lowering.graph), len(lowering.graph.groups)


class Expressions:
    """The state of lowering.

    Args:
        statics: what is known when the graph is built; None for a program of numbers.
        constants: names that stand for a constant, and its literal.
        defined: the rows that the program has defined so far.
        own: the function with its own derivative whose body this is.

    Attributes:
        given: values by name, as far as they are known.
        scope: inputs and stages so far.
        known: whole numbers that gates have whatever the inputs are.
        handed_over: what calls cost beside the gates that they make: operands, gates inside one gate, turns of loops.
        place: of the loop that is running.
        called: the calls of functions whose bodies are being lowered, the innermost one last.
    """

    def __init__(
        self,
        program: Program,
        names: Names,
        statics: Statics | None,
        constants: Mapping[str, str],
        max_gates: int,
        defined: Defined,
        own: str | None = None,
    ) -> None:
        self.program, self.names, self.statics, self.max_gates = program, names, statics, max_gates
        self.graph = Graph(program.text)
        self.graph.rows, self.graph.bodies = defined.rows, defined.bodies
        self.defined, self.own = defined, own
        self.given: Mapping[str, Any] = {}
        self.constants = {**constants}
        self.scope: dict[str, int] = {}
        self.known: dict[int, int | None] = {}
        self.handed_over = 0
        self.place: Span | None = None
        self.called: list[int] = []
        self.parameters: dict[int, list[str]] = {}  # call of a defined function → its parameters
        self._measuring = 0  # calls of len, each inside the one before

    def inputs(
        self,
        names: dict[str, Span],
        given: Mapping[str, Any] | None = None,
        shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Append the inputs; those that the graph is built by become constants.

        Args:
            names: with their first places.
            given, shapes: see `lower`.
        """
        graph, self.given = self.graph, given or {}
        graph.free = names
        whole_numbers = self.statics.names if self.statics is not None and self.own is None else ()
        graph.consumed = tuple(name for name in names if name in whole_numbers)
        for name, span in names.items():
            value = self.given.get(name)
            shape = tuple(map(int, (shapes or {}).get(name, ()) if value is None else getattr(value, "shape", ())))
            if name not in whole_numbers:
                settings = (("shape", shape),) if shape else None
                self.scope[name] = graph.append(ops.INPUT, (), name, *span, settings)
            elif not shape:
                from gradcli.graph.lowering import whole

                if (found := whole.read(value)) is not None:
                    self.constants[name] = str(found)

    def expression(self, root: int, scope: dict[str, int] | None = None) -> int:
        """Lower the subtree under root and return its gate."""
        stack: list[int] = []
        graph = self.graph
        frames = [_Frame(root, self, self.scope if scope is None else scope)]
        while frames:
            called = self._run(frames[-1], stack)
            if called is not None:
                frames.append(called)
                continue
            frame = frames.pop()
            if frames:
                self.called.pop()
            if frames and len(graph) > frame.first and len(frames) <= DEEPEST_GROUP:
                graph.groups.insert(frame.groups, group((frame.function, "call", frame.first, len(graph))))
            if len(graph) > self.max_gates or self.handed_over > MAX_GATES:
                self.check_limit()
        return stack[0]

    def _run(self, frame: _Frame, stack: list[int]) -> _Frame | None:
        """Lower nodes until the frame ends (None) or a defined function is called (its frame)."""
        nodes, append, codes = self.program.nodes, self.graph.append, _ELEMENTWISE
        kinds, values, starts, ends = nodes.kinds, nodes.values, nodes.starts, nodes.ends
        scope, functions, index = frame.scope, self.names.functions, 0
        calls: Any = None  # imported where there is one
        try:
            for index in frame.nodes:
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
                    calls = calls or _calls()
                    definition = functions.get(values[index])  # type: ignore[arg-type]
                    if definition is None:
                        calls.built_in(self, index, stack, scope)
                        continue
                    operands = calls.operands(self, index, definition, stack)
                    if definition.gradients is not None:
                        calls.defined(self, index, operands, stack)
                        continue
                    self.called.append(index)
                    return _Frame(definition.root, self, operands, definition.name)
                else:
                    from gradcli.graph.lowering import structures  # programs of numbers do without

                    structures.lower(self, index, stack, scope)
        except ShapeError as error:
            from gradcli.graph.lowering import structures

            structures.refuse(self, index, error)
        return None

    def _constant(self, index: int, name: str) -> int:
        nodes = self.program.nodes
        return self.graph.append(ops.CONSTANT, (), self.literal(index, name), nodes.starts[index], nodes.ends[index])

    def literal(self, index: int, name: str) -> str:
        """The literal that a name stands for: pi, a loop's variable, a whole number that the program is built by."""
        found = self.constants.get(name)
        return self._without_literal(index, name) if found is None else found

    def _without_literal(self, index: int, name: str) -> NoReturn:
        value, name = self.given.get(name), shorten(name)
        if self.program.nodes.values[index] in self.names.stages:
            hint = f"the loop makes no turn; give {name} its first value above it: {name} = 0"
            self.fail(f"{name} has no value", index, hint)
        if value is None:
            self.fail(f"{name} has to be known when the graph is built", index, f"give it as --{name} 50")
        shape = tuple(getattr(value, "shape", ()))
        given = f"an array of shape {shown(shape)}" if shape else shorten(str(value))
        self.fail(f"{name} has to be a whole number, not {given}", index, "the graph is built by it")

    def _unary(self, index: int, stack: list[int]) -> None:
        nodes, graph = self.program.nodes, self.graph
        place = nodes.starts[index], nodes.ends[index]
        if nodes.values[index] == "neg" and nodes.kinds[index - 1] is NUMBER:  # -3 is a constant
            digits = graph.literals[stack[-1]] or ""
            graph.literals[stack[-1]] = digits[1:] if digits.startswith("-") else "-" + digits
            graph.starts[stack[-1]], graph.ends[stack[-1]] = place
            return
        stack[-1] = graph.append(ops.CODES[nodes.values[index] or ""], (stack[-1],), None, *place)

    def known_sequence(self, root: int) -> Sequence[int]:
        """The nodes of an expression in a static place."""
        if self.statics is None:
            return range(self.program.nodes.firsts[root], root + 1)
        return self.statics.known_sequence(root)

    def measured(self, index: int, scope: dict[str, int]) -> int:
        """The extent that a call of len has in a static place."""
        operands = self.program.nodes.operands(index)
        if len(operands) != 1 or index in self.program.nodes.keywords:
            from gradcli.graph.lowering.pairing import wrong_count

            wrong_count(self.program, index, ["len(x)"], len(operands))
        if self._measuring == _DEEPEST_LENGTH:
            self.fail(f"len is nested more than {_DEEPEST_LENGTH} deep", index)
        self._measuring += 1
        gate = self.expression(operands[0], scope)
        self._measuring -= 1
        return self.extent(index, gate)

    def extent(self, index: int, gate: int) -> int:
        """The extent of an array's first axis, for a call of len."""
        if not (shape := self.shape(gate)):
            what = self.text(self.program.nodes.operands(index)[0])
            self.misfit(f"{what} is a number and has no length", index, self.number_hint([gate]))
        return shape[0]

    def shape(self, gate: int) -> Shape:
        return self.graph.shapes.get(gate, ())

    def text(self, index: int, otherwise: str = "this") -> str:
        """A node as it is written, where that is short."""
        nodes, source = self.program.nodes, self.program.text
        start, end = nodes.starts[index], nodes.ends[index]
        return source[start:end] if end - start <= _LONGEST and "\n" not in source[start:end] else otherwise

    def number_hint(self, operands: Iterable[int]) -> str | None:
        """For an input that is a number where an array is wanted."""
        for operand in operands if self.own is None else ():
            if self.graph.codes[operand] == ops.INPUT and operand not in self.graph.shapes:
                name = shorten(self.graph.literals[operand] or "")
                return f"{name} is a number here; give it an array as its value, or its shape by --shapes"
        return None

    def check_limit(self) -> None:
        looping, most_operands = self.place is not None, max(self.max_gates, MAX_GATES)
        if len(self.graph) > self.max_gates:
            message = f"the program needs more than {self.max_gates} gates"
        elif self.handed_over > most_operands:
            what = ("calls and loops have", "operands and turns") if looping else ("calls have", "operands")
            message = f"the program's {what[0]} more than {most_operands} {what[1]} in all"
        else:
            return
        way = "give the loop fewer turns" if looping else "write the program with fewer calls"
        hint = f"raise it with --max-gates, or {way}"
        raise LimitError(message, source=self.program.text if looping else None, span=self.place, hint=hint)

    def hand_over(self, count: int) -> None:
        self.handed_over += count
        if len(self.graph) > self.max_gates or self.handed_over > MAX_GATES:
            self.check_limit()

    def misfit(self, message: str, index: int, hint: str | None = None) -> NoReturn:
        """Refuse the program for its shapes. In a function the hint names the calls, since they decide on shapes."""
        nodes, text = self.program.nodes, self.program.text
        told = [] if hint is None else [hint]
        for call in self.called[: -_CALLS_TOLD - 1 : -1]:
            lines = text.count("\n", 0, nodes.starts[call]) + 1
            place = f" on line {lines}" if "\n" in text else ""
            told.append(f"in the call {self.text(call, shorten(nodes.values[call] or ''))}{place}")
        self.fail(message, index, "; ".join(told) or None)

    def fail(self, message: str, index: int, hint: str | None = None) -> NoReturn:
        raise ProgramError(message, source=self.program.text, span=self.program.nodes.span(index), hint=hint)

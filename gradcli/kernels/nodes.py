"""A derived graph as single steps on columns: the nodes that the NumPy engine computes.

Enters: a Derived, the numbers of inputs that are the same in all rows and runs. Leaves: `Nodes`, flat columns like a
graph's. Invariant: what depends on constants alone is a number, computed by the system of floats; what depends on these
and on inputs that are the same in all rows of a run is a scalar, computed once per run by the same system; equal nodes
are one; operands stand before the node that uses them; terms and factors stay in the order of the program.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from math import isfinite, nan
from typing import Any

from gradcli.graph import ops
from gradcli.graph.defined import constant
from gradcli.graph.derive import Derived
from gradcli.graph.graph import Graph
from gradcli.kernels.derived import PREFIX, needed
from gradcli.kernels.expanding import EXPANSIONS, FORWARDS, MASKS, PARTS
from gradcli.numeric import floats, gates
from gradcli.numeric.gates import GateNumber
from gradcli.numeric.system import NumberSystem
from gradcli.passes import FLOATS

INPUT, NUMBER = "input", "number"
_FUNCTIONS = [name for name, function in floats.PRIMITIVES.items() if callable(function) and name != "number"]


class Nodes:
    """Single steps, each a name and operands; the numbers of a system that rules of the op table run on.

    Attributes:
        names: of steps; INPUT and NUMBER are leaves.
        operands: positions of nodes.
        numbers: node → its number, where it is one.
        scalars: nodes that are one number in each run.
        columns: node → the position of the input column.
        varying: node → the position among the numbers that vary from run to run.
        unguarded: outputs, by position, that come of products that stand for guarded ones.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.operands: list[tuple[int, ...]] = []
        self.numbers: dict[int, float] = {}
        self.scalars: set[int] = set()
        self.columns: dict[int, int] = {}
        self.varying: dict[int, int] = {}
        self.unguarded: set[int] = set()
        self._known: dict[Any, int] = {}
        rows = [(name, name) for name in (*_FUNCTIONS, *PARTS)]
        self.system: NumberSystem = ops.on(gates.primitives(rows, self.emit, self._constant))
        self.system.defined_function = lambda row: partial(row.forward, self.system)  # type: ignore[attr-defined]

    def gate(self, index: int) -> GateNumber:
        """A node as a number for rules."""
        found: GateNumber = self.system.gate(index)
        return found

    def input(self, column: int) -> int:
        """The node of an input column."""
        found = self._append(INPUT, ())
        self.columns[found] = column
        return found

    def varying_input(self, position: int) -> int:
        """The node of a number that varies from run to run."""
        found = self._append(INPUT, ())
        self.varying[found] = position
        self.scalars.add(found)
        return found

    def is_fixed(self, index: int) -> bool:
        """Whether a node is the same in all rows of a run."""
        return index in self.numbers or index in self.scalars

    def number(self, x: float) -> int:
        """The node of a number."""
        key = NUMBER, repr(x)  # 0 and -0 are two
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._append(NUMBER, ())
            self.numbers[found] = x
        return found

    def emit(self, name: str, operands: tuple[int, ...]) -> int:
        """The node of a step; of its parts where it is made of such; a number or scalar where all operands are."""
        key = name, operands
        found = self._known.get(key)
        if found is None:
            self._known[key] = found = self._made(name, operands)
        return found

    def _made(self, name: str, operands: tuple[int, ...]) -> int:
        numbers = self.numbers
        if name not in PARTS and all(map(self.is_fixed, operands)):
            if all(operand in numbers for operand in operands):
                return self.number(float(getattr(FLOATS, name)(*[numbers[operand] for operand in operands])))
            found = self._append(name, operands)
            self.scalars.add(found)
            return found
        if (rule := EXPANSIONS.get(name)) is not None:
            parts = rule(self, *map(self.gate, operands))
            if parts is not None:
                return self.place(parts)
        return self._append(name, operands)

    def place(self, x: Any) -> int:
        """The node of what a rule gave."""
        return x.index if isinstance(x, GateNumber) else self.number(float(x))

    def mask(self, condition: GateNumber, inverted: bool = False) -> GateNumber | None:
        """A condition as bits, for selecting; None where it is not known to be one, or no column."""
        name = self.names[condition.index]
        if name not in MASKS or condition.index in self.scalars:
            return None
        part = "none_of" if inverted else "all_of"
        return self.gate(self.emit(part + "_" + name, self.operands[condition.index]))

    def sum(self, sides: tuple[int, ...]) -> int:
        """A node that is no column: the sum of a column, or of the products of two."""
        return self._append("sum" if len(sides) == 1 else "dot", sides)

    def _constant(self, literal: str) -> int:
        return self.number(constant(FLOATS, literal))

    def _append(self, name: str, operands: tuple[int, ...]) -> int:
        self.names.append(name)
        self.operands.append(operands)
        return len(self.names) - 1


def nodes_of(
    found: Derived,
    columns: Sequence[str],
    values: Mapping[str, float],
    wrt: Sequence[str],
    varying: Sequence[str],
    guarded: bool,
) -> tuple[Nodes, list[int]]:
    """The nodes of value and gradients, and which ones these are.

    Args:
        columns: the inputs that are columns.
        values: of the inputs that are the same in all rows and runs.
        varying: the inputs that are the same in all rows of a run.
        guarded: whether every contribution is guarded; else those are plain products whose nan reaches an output.
    """
    graph, flags, made = found.graph, needed(found), Nodes()
    outputs = [found.value, *(found.gradients[name] for name in wrt)]
    positions = {name: partial(made.input, position) for position, name in enumerate(columns)}
    positions |= {name: partial(made.varying_input, position) for position, name in enumerate(varying)}
    plain = _plain_products(graph, flags) if not guarded else ()
    functions = _functions(graph, made)
    places: list[int] = [0] * len(graph)
    tainted = bytearray(len(graph))
    for index, code in enumerate(graph.codes):
        if not flags[index]:
            continue
        literal, operands = graph.literals[index] or "", graph.operands[index]
        if code == ops.INPUT:
            places[index] = made.number(values[literal]) if literal in values else positions[literal]()
        elif code == ops.CONSTANT:
            places[index] = made.number(constant(FLOATS, literal))
        else:
            own = tuple(places[operand] for operand in operands)
            tainted[index] = any(tainted[operand] for operand in operands)
            if code == _CHAIN and _needs_no_guard(made, *own):
                places[index] = made.emit("mul", own)
            elif index in plain and not all(map(made.is_fixed, own)):
                tainted[index] = 1
                places[index] = made.emit("mul", own)
            elif isinstance(function := functions[code], str):
                places[index] = made.emit(function, own)
            else:
                places[index] = made.place(function(*map(made.gate, own)))
    made.unguarded = {place for place, gate in enumerate(outputs) if tainted[gate]}
    return made, [places[gate] for gate in outputs]


def _needs_no_guard(nodes: Nodes, adjoint: int, partial: int) -> bool:
    """Whether a number tells that the product is no 0 times infinity or nan."""
    return nodes.numbers.get(adjoint, 0.0) != 0.0 or isfinite(nodes.numbers.get(partial, nan))


def _functions(graph: Graph, made: Nodes) -> list[Any]:
    """For each code the name of a step, or a rule on nodes."""
    system = made.system
    found: list[Any] = []
    for row in graph.rows:
        name = ops.attribute(row.name.removeprefix(PREFIX))
        if name in floats.PRIMITIVES:
            found.append(name)
        elif row.forward is not None and not row.structural:
            found.append(partial(FORWARDS.get(row.name, row.forward), system))
        else:
            found.append(name)
    return found


_NAN_PASSES = {ops.CODES[name] for name in ("add", "sub", "mul", "div", "neg", "chain", "where")}
_CHAIN = ops.CODES["chain"]


def _plain_products(graph: Graph, flags: bytearray) -> Collection[int]:
    """The contributions that may be plain products: if the guard were needed, an output would be nan.

    On the way to the outputs there are only functions of which a nan comes out wherever one goes in and matters.
    """
    lost = bytearray(len(graph))
    found = set()
    for index in range(len(graph) - 1, -1, -1):
        if not flags[index]:
            continue
        code = graph.codes[index]
        if code == _CHAIN and not lost[index]:
            found.add(index)
        if lost[index] or code not in _NAN_PASSES:
            for operand in graph.operands[index]:
                lost[operand] = 1
    return found

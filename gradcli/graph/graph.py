"""The gate graph: flat columns, operands always before the gate that uses them.

Enters: gates, one by one. Leaves: `Graph`, which evaluation, rewriting and rendering read. Invariant (`verify`): every
operand's position is smaller than its gate's, so the list is a topological order, the forward pass is the list and the
backward pass the list reversed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

from gradcli.errors import LimitError, Span
from gradcli.graph.ops import CONSTANT, INPUT, ROWS, Op
from gradcli.graph.ops.layout import Layout, Settings, Shape, ShapeError, broadcast, shown, size

# A few words of a program can ask for more numbers than there is memory. Inputs are not counted: they are there.
MOST_ELEMENTS = 100_000_000  # of one array
MOST_ELEMENTS_TOGETHER = 1_000_000_000
MOST_AXES = 32  # as many as any of the libraries has that code is generated for


class Gate(NamedTuple):
    """A light view of one position."""

    position: int
    op: Op
    name: str | None  # the input's or the stage's name
    literal: str | None  # of a constant
    operands: tuple[int, ...]
    span: Span
    shape: tuple[int, ...]

    @property
    def id(self) -> str:
        return f"g{self.position}"


NO_OPERAND = -1  # used as an index it means the last place of a list: see `reachable`


class Operands(Sequence[tuple[int, ...]]):
    """Each gate's operands, filled by `Graph.append`; the tuples are made when looked at.

    Nearly all gates have at most two. Two columns of integers hold these in a tenth of the memory that tuples take, and
    memory is what the passes wait for: they visit operands all over the graph.

    Attributes:
        firsts: each gate's first operand, or NO_OPERAND.
        seconds: its second operand, or NO_OPERAND.
        many: gate of more than two operands → all of them.
    """

    __slots__ = ("firsts", "many", "seconds")

    def __init__(self) -> None:
        self.firsts = array("i")
        self.seconds = array("i")
        self.many: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self.firsts)

    @overload
    def __getitem__(self, index: int) -> tuple[int, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, ...] | list[tuple[int, ...]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        first, second = self.firsts[index], self.seconds[index]
        if second == NO_OPERAND:
            return () if first == NO_OPERAND else (first,)
        if self.many and (operands := self.many.get(index if index >= 0 else index + len(self))):
            return operands
        return first, second


class Group(NamedTuple):
    """Gates that belong together: those of a stage, of a function's call, of one turn of a loop.

    Groups are nested or apart, an outer one before those in it.

    Attributes:
        name: of the stage or the function; of a loop's turn its variable and number, t = 2.
        kind: "stage", "call" or "turn".
        first, last: its gates are first ≤ i < last.
    """

    name: str
    kind: str
    first: int
    last: int


class Graph:
    """Columns of gates; `inputs` by first appearance, then constants and gates as written."""

    __slots__ = (
        "assigned", "bodies", "codes", "consumed", "elements", "ends", "free", "gating", "groups", "literals",
        "omitted", "operands", "output", "outputs", "rows", "settings", "shapes", "source", "stages", "starts",
    )  # fmt: skip

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.rows = ROWS  # of the table, then those that the program defines itself
        self.bodies: tuple[Graph, ...] = ()  # what these compute: the body of rows[len(ROWS) + i]
        self.codes = array("H")  # positions in rows
        self.operands = Operands()
        self.literals: list[str | None] = []  # of constants; an input's name
        self.starts = array("i")
        self.ends = array("i")
        self.shapes: dict[int, Shape] = {}  # of the gates that are arrays; a number has none
        self.settings: dict[int, Settings] = {}  # of structural gates; of an input that is an array its shape
        self.elements = 0  # of all arrays but inputs
        self.groups: list[Group] = []
        self.gating: set[int] = set()  # gates of a derivative that are 0 because a branch was not chosen
        self.stages: dict[int, str] = {}  # gate → the name of its stage
        self.free: dict[str, Span] = {}  # every input the program names, also those its output does not need
        self.consumed: tuple[str, ...] = ()  # of these the whole numbers that it was built by; no gates
        self.assigned: tuple[str, ...] = ()  # every stage that the program names
        self.omitted: tuple[str, ...] = ()  # stages that the output does not need
        self.output = -1
        self.outputs: tuple[int, ...] = ()  # where several are wanted: all of them; output is the last gate of these

    def __len__(self) -> int:
        return len(self.codes)

    def append(
        self,
        code: int,
        operands: tuple[int, ...],
        literal: str | None,
        start: int,
        end: int,
        settings: Settings | None = None,
    ) -> int:
        """Add a gate and return its position.

        Args:
            settings: of a structural row, canonical; of an input that is an array, (("shape", (2, 3)),).

        Raises:
            ShapeError: the operands' shapes do not fit together.
            LimitError: the arrays are too large.
        """
        index, count, columns = len(self.codes), len(operands), self.operands
        if self.shapes or settings is not None or (code == CONSTANT and literal is not None and literal[0] == "["):
            self._note_shape(index, code, operands, literal, settings)
            if code != INPUT and index in self.shapes:
                self._count_elements(self.shapes[index], Span(start, end))
        if count > 2:
            columns.many[index] = operands
        self.codes.append(code)
        columns.firsts.append(operands[0] if count else NO_OPERAND)
        columns.seconds.append(operands[1] if count > 1 else NO_OPERAND)
        self.literals.append(literal)
        self.starts.append(start)
        self.ends.append(end)
        return index

    def _note_shape(
        self, index: int, code: int, operands: tuple[int, ...], literal: str | None, settings: Settings | None
    ) -> None:
        """Find the shape of a gate that is about to be added."""
        if code == INPUT:
            shape: Shape = dict(settings or ()).get("shape", ())
        elif code == CONSTANT:
            shape = literal_shape(literal or "")
        else:
            shapes = [self.shapes.get(operand, ()) for operand in operands]
            shape = result_shape(self.rows[code], shapes, settings or ())
        if shape:
            self.shapes[index] = shape
        if settings is not None:
            self.settings[index] = settings

    def _count_elements(self, shape: Shape, span: Span) -> None:
        """Refuse an array that is too large, before there is one."""
        count = size(shape)
        self.elements += count
        if len(shape) > MOST_AXES:
            message = f"an array has at most {MOST_AXES} axes, and this one has {len(shape)}"
        elif count > MOST_ELEMENTS:
            message = f"an array of shape {shown(shape)} has more than {MOST_ELEMENTS} elements"
        elif self.elements > MOST_ELEMENTS_TOGETHER:
            message = f"the program's arrays have more than {MOST_ELEMENTS_TOGETHER} elements"
        else:
            return
        source = self.source if span.start >= 0 else None
        raise LimitError(message, source=source, span=span, hint="make smaller arrays, or fewer of them")

    def layout(self, index: int) -> Layout:
        """Shapes and settings of a gate."""
        shapes = [self.shapes.get(operand, ()) for operand in self.operands[index]]
        return Layout(shapes, self.settings.get(index, ()), self.shapes.get(index, ()))

    def copy(self) -> Graph:
        """The same gates in columns of their own, to append to."""
        copied = Graph(self.source)
        for name in ("rows", "bodies", "free", "consumed", "assigned", "omitted", "output", "outputs", "elements"):
            setattr(copied, name, getattr(self, name))
        copied.shapes, copied.settings, copied.groups = dict(self.shapes), dict(self.settings), [*self.groups]
        copied.codes, copied.starts, copied.ends = self.codes[:], self.starts[:], self.ends[:]
        copied.literals, copied.stages, copied.gating = self.literals[:], dict(self.stages), set(self.gating)
        columns, own = self.operands, copied.operands
        own.firsts, own.seconds, own.many = columns.firsts[:], columns.seconds[:], dict(columns.many)
        return copied

    @property
    def inputs(self) -> dict[str, int]:
        """Input names and their gates, by first appearance."""
        found: dict[str, int] = {}
        for index, code in enumerate(self.codes):
            if code != INPUT:
                break
            found[self.literals[index] or ""] = index
        return found

    def span(self, index: int) -> Span:
        return Span(self.starts[index], self.ends[index])

    def name(self, index: int) -> str | None:
        """The name of an input or a stage."""
        return self.literals[index] if self.codes[index] == INPUT else self.stages.get(index)

    def label(self, index: int) -> str:
        """How other gates' texts refer to this one: by name, constants by their literal, else by id."""
        name = self.name(index)
        if name is None and self.codes[index] == CONSTANT:
            name = self.literals[index]
        return f"g{index}" if name is None else name

    def __getitem__(self, index: int) -> Gate:
        literal = self.literals[index] if self.codes[index] == CONSTANT else None
        op, name = self.rows[self.codes[index]], self.name(index)
        return Gate(index, op, name, literal, self.operands[index], self.span(index), self.shapes.get(index, ()))

    def __iter__(self) -> Iterator[Gate]:
        return (self[index] for index in range(len(self)))

    def verify(self) -> None:
        """Raise AssertionError where the columns are not a graph; for tests and for whoever writes a rewriting step."""
        count = len(self)
        assert len(self.operands) == len(self.literals) == len(self.starts) == len(self.ends) == count
        assert 0 <= self.output < count, "the output is not a gate"
        names, inputs_end = set(), False
        for gate in self:
            assert all(0 <= operand < gate.position for operand in gate.operands), f"{gate.id} uses a later gate"
            if gate.op is ROWS[INPUT]:
                assert not inputs_end, f"input {gate.id} stands after another gate"
                assert gate.name not in names, f"{gate.name} is an input twice"
                names.add(gate.name)
                continue
            inputs_end = True
            if gate.op is ROWS[CONSTANT]:
                assert gate.literal is not None, f"{gate.id} has no number"
            else:
                given = len(gate.operands)
                assert gate.op.accepts(given), f"{gate.id}: {gate.op.name} of {given} operands"
                shapes, settings = self.layout(gate.position).shapes, self.settings.get(gate.position, ())
                assert gate.shape == result_shape(gate.op, shapes, settings), f"{gate.id} has another shape"
                wanted = [part.name for part in gate.op.settings]
                assert [name for name, _ in settings] == wanted, f"{gate.id} has other settings"
            assert -1 <= gate.span.start <= gate.span.end <= len(self.source), f"{gate.id} points outside the source"


def result_shape(row: Op, shapes: Sequence[Shape], settings: Settings) -> Shape:
    """The shape of a gate's value.

    Raises:
        ShapeError: the operands' shapes do not fit together.
    """
    if row.shape is not None:
        return row.shape(Layout(shapes, settings))
    try:
        return broadcast(shapes)
    except ShapeError as error:
        error.message = f"{row.symbol or row.called}: {error.message}"
        raise


def literal_shape(literal: str) -> Shape:
    """The shape of a constant, [[1, 2], [3, 4]] or a number. All rows are as long as the first one."""
    extents: list[int] = []
    depth, closed = 0, set()
    for sign in literal:
        if sign == "[":
            depth += 1
            if depth > len(extents):
                extents.append(1)
        elif sign == "]":
            closed.add(depth)
            depth -= 1
        elif sign == "," and depth not in closed:  # of the first array of this depth
            extents[depth - 1] += 1
    return tuple(extents)


def moved_groups(groups: Iterable[Group], kept: Sequence[int]) -> list[Group]:
    """Groups after the gates whose flag is 0 are gone; empty ones go too."""
    groups = list(groups)
    if not groups:
        return []
    before = array("i", [0])
    for flag in kept:
        before.append(before[-1] + (1 if flag else 0))
    found = [group._replace(first=before[group.first], last=before[group.last]) for group in groups]
    return [group for group in found if group.first < group.last]


def active_gates(graph: Graph) -> bytearray:
    """A flag per gate: whether it depends on an input, so that its derivative is not 0 by construction."""
    return dependents(graph, graph.inputs.values())


def dependents(graph: Graph, gates: Iterable[int]) -> bytearray:
    """A flag per gate: whether it is one of these gates or depends on one."""
    active = bytearray(len(graph) + 1)  # the last place is for NO_OPERAND
    for index in gates:
        active[index] = 1
    columns = graph.operands
    for index, first, second in zip(range(len(graph)), columns.firsts, columns.seconds, strict=True):
        if active[first] or active[second]:
            active[index] = 1
    for index, operands in columns.many.items():
        if not active[index] and any(active[operand] for operand in operands):
            return _dependents(graph, active)
    active.pop()
    return active


def _dependents(graph: Graph, active: bytearray) -> bytearray:
    """The same, where a gate's third operand or a later one matters."""
    for index, operands in enumerate(graph.operands):
        if any(active[operand] for operand in operands):
            active[index] = 1
    active.pop()
    return active


def reachable(graph: Graph, *outputs: int) -> bytearray:
    """A flag per gate: whether one of the outputs depends on it."""
    needed = bytearray(len(graph) + 1)  # the last place is for NO_OPERAND
    for output in outputs:
        needed[output] = 1
    firsts, seconds, many = graph.operands.firsts, graph.operands.seconds, graph.operands.many
    for index in range(max(outputs), -1, -1):
        if needed[index]:
            needed[firsts[index]] = needed[seconds[index]] = 1
            for operand in many.get(index, ()):
                needed[operand] = 1
    needed.pop()
    return needed


def prune(graph: Graph, output: int, *others: int) -> Graph:
    """The graph of what `output` depends on, and the other outputs if there are any; gates keep their order."""
    outputs = (output, *others)
    last = max(outputs)
    needed = reachable(graph, *outputs)
    if last == len(graph) - 1 and all(needed):
        graph = graph if graph.output in (last, -1) else graph.copy()  # with another output it is somebody else's
        graph.output, graph.outputs = last, outputs if others else ()
        return graph
    kept, moved = Graph(graph.source), array("i", bytes(4 * len(graph)))
    kept.rows, kept.bodies = graph.rows, graph.bodies
    for index, wanted in enumerate(needed):
        if wanted:
            operands = tuple(moved[operand] for operand in graph.operands[index])
            place = graph.starts[index], graph.ends[index]
            settings = graph.settings.get(index)
            moved[index] = kept.append(graph.codes[index], operands, graph.literals[index], *place, settings)
    kept.groups = moved_groups(graph.groups, needed)
    kept.stages = {moved[index]: name for index, name in graph.stages.items() if needed[index]}
    kept.gating = {moved[index] for index in graph.gating if needed[index]}
    kept.omitted = tuple(name for index, name in graph.stages.items() if not needed[index])
    kept.output, kept.free, kept.assigned, kept.consumed = moved[last], graph.free, graph.assigned, graph.consumed
    kept.outputs = tuple(moved[one] for one in outputs) if others else ()
    return kept

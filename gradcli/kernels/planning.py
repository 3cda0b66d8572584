"""Where the numbers of every step go: buffers that are used again as soon as nobody needs what is in them.

Enters: nodes. Leaves: a `Plan`. Invariant: no step writes where something is that a later step reads; an output is
written once, at its place; what is the same in all rows is computed once per run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.graph.derive import Derived
from gradcli.kernels.nodes import NUMBER, Nodes, nodes_of
from gradcli.kernels.steps import ANY, FIRST, NOTES, STEPS, copied, noted
from gradcli.passes import FLOATS

Steps = tuple[tuple[Callable[..., Any], tuple[int, ...]], ...]  # functions and the slots that they take

_SHOWING = frozenset({"add", "sub", "mul", "div", "neg"})  # nan wherever an operand is


class Plan(NamedTuple):
    """Steps on slots: input columns, then output columns, a list of notes, what is the same in all rows, buffers.

    Attributes:
        steps: a function of columns and the slots of operands, scratch, and the result.
        columns, outputs: how many input and output columns there are.
        numbers: the numbers in their slots, which those of a run and the scalars follow.
        scalars: a function of floats and the places of its operands among all of these.
        fixed: node → its place there.
        buffers: how many of them.
        checked: outputs, by position, one of which is nan in every row in which a product should have been guarded.
            Each is noted when it has just been written, while it is in a near cache.
    """

    steps: Steps
    columns: int
    outputs: int
    numbers: tuple[float, ...]
    scalars: Steps
    fixed: Mapping[int, int]
    buffers: int
    checked: tuple[int, ...]

    def all_fixed(self, numbers: Sequence[float]) -> list[float]:
        """What is the same in all rows of a run, in the order of the slots."""
        found = [*self.numbers, *numbers]
        for function, places in self.scalars:
            found.append(float(function(*[found[place] for place in places])))
        return found


def plan(
    found: Derived,
    columns: Sequence[str],
    values: Mapping[str, float],
    wrt: Sequence[str],
    varying: Sequence[str] = (),
    *,
    guarded: bool,
) -> Plan:
    """Plan value and gradients.

    Args:
        columns: the inputs that are columns.
        values: of the inputs that are the same in all rows and runs.
        varying: the inputs that are the same in all rows of a run.
        guarded: whether contributions are guarded, or plain products.
    """
    nodes, places = nodes_of(found, columns, values, wrt, varying, guarded)
    return Planning(nodes, places, needed(nodes, places), len(columns), len(varying)).run()


class Planning:
    """A plan under construction.

    Attributes:
        order: of the nodes, an order in which they can be computed.
        last: node → the step after which it is not needed; outputs are always.
        slots: node → slot.
        free: buffers that may be used.
    """

    def __init__(self, nodes: Nodes, outputs: Sequence[int], order: Sequence[int], columns: int, varying: int) -> None:
        self.nodes, self.outputs, self.order, self.columns, self.varying = nodes, outputs, order, columns, varying
        self.notes = columns + len(outputs)
        self.last: dict[int, int] = {}
        for index in self.order:
            for operand in nodes.operands[index]:
                self.last[operand] = index
        self.slots: dict[int, int] = {}
        self.free: list[int] = []
        self.buffers = 0

    def run(self) -> Plan:
        nodes, outputs, slots, notes = self.nodes, self.outputs, self.slots, self.notes
        numbers, fixed, scalars = self._fixed()
        slots.update((index, notes + 1 + place) for index, place in fixed.items())
        slots.update((index, nodes.columns[index]) for index in self.order if index in nodes.columns)
        self.base = notes + 1 + len(numbers) + self.varying + len(scalars)
        steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
        written: dict[int, int] = {}
        checked = _checked(nodes, outputs) if outputs else set[int]()
        for position, index in enumerate(outputs):
            if index not in slots and index not in written:
                written[index] = self.columns + position
        for index in self.order:
            if index not in slots:
                steps.append(self._step(index, written.get(index)))
                if index in written and written[index] - self.columns in checked:
                    steps.append((noted, (written[index], notes)))
        for position, index in enumerate(outputs):
            if slots[index] != self.columns + position:
                steps.append((copied, (slots[index], self.columns + position)))
                if position in checked:
                    steps.append((noted, (self.columns + position, notes)))
        shape = self.columns, len(outputs)
        return Plan(tuple(steps), *shape, numbers, scalars, fixed, self.buffers, tuple(sorted(checked)))

    def _fixed(self) -> tuple[tuple[float, ...], dict[int, int], Steps]:
        """Numbers; where these, the numbers of a run and scalars stand; how the scalars are computed."""
        nodes = self.nodes
        literals = [index for index in self.order if nodes.names[index] == NUMBER]
        places = {index: place for place, index in enumerate(literals)}
        places |= {index: len(literals) + nodes.varying[index] for index in self.order if index in nodes.varying}
        next_place = len(literals) + self.varying
        steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
        for index in self.order:
            if index in nodes.scalars and index not in nodes.varying:
                places[index] = next_place + len(steps)
                operands = tuple(places[operand] for operand in nodes.operands[index])
                steps.append((getattr(FLOATS, nodes.names[index]), operands))
        return tuple(nodes.numbers[index] for index in literals), places, tuple(steps)

    def _step(self, index: int, output: int | None) -> tuple[Callable[..., Any], tuple[int, ...]]:
        nodes, slots = self.nodes, self.slots
        operands = nodes.operands[index]
        read = tuple(slots[operand] for operand in operands)
        given_back = list(dict.fromkeys(slots[o] for o in operands if self.last[o] == index and slots[o] >= self.base))
        if (note := NOTES.get(nodes.names[index])) is not None:
            self.free += given_back
            return note, (*read, self.notes)
        call, scratch, in_place = STEPS[nodes.names[index]]
        beside = [self._buffer() for _ in range(scratch)]
        early = [slot for slot in given_back if in_place == ANY or (in_place == FIRST and read.index(slot) == 0)]
        self.free += early
        result = self._buffer() if output is None else output
        self.free += [slot for slot in given_back if slot not in early]
        self.free += beside
        slots[index] = result
        return call, (*read, *beside, result)

    def _buffer(self) -> int:
        """The one that was given back last, which is in the cache."""
        if self.free:
            return self.free.pop()
        self.buffers += 1
        return self.base + self.buffers - 1


def _checked(nodes: Nodes, outputs: Sequence[int]) -> set[int]:
    """Positions of the outputs to look at for nan: of those that are not guarded, but what others show anyway.

    An adjoint that is an output need not be looked at beside its product with another column.
    """
    firsts = {outputs[position]: position for position in sorted(nodes.unguarded, reverse=True)}
    shown = bytearray(len(nodes.names))
    found = set()
    for index in range(len(shown) - 1, -1, -1):
        if index in firsts and not shown[index]:
            found.add(firsts[index])
            shown[index] = 1
        if shown[index] and nodes.names[index] in _SHOWING:
            for operand in nodes.operands[index]:
                shown[operand] = 1
    return found


def needed(nodes: Nodes, outputs: Sequence[int]) -> list[int]:
    """The nodes that outputs depend on, in their order."""
    wanted = bytearray(len(nodes.names))
    for index in outputs:
        wanted[index] = 1
    for index in range(len(wanted) - 1, -1, -1):
        if wanted[index]:
            for operand in nodes.operands[index]:
                wanted[operand] = 1
    return [index for index, flag in enumerate(wanted) if flag]

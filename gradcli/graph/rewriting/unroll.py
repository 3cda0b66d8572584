"""Arrays as their elements: a graph of numbers that computes what a graph of arrays does.

Enters: a Graph with arrays. Leaves: one without. Invariant: it is the forward pass, run on arrays whose elements are
gates, so that no function needs a rule for it; an elementwise gate becomes one gate per element, what only arranges
elements becomes none, nothing is folded and nothing shared. Inputs stay at the front, also those that nothing needs.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import partial
from typing import Any

from gradcli.errors import LimitError, ProgramError, Span
from gradcli.graph import ops
from gradcli.graph.graph import Graph, Group, reachable
from gradcli.graph.lower import MAX_GATES, has_arrays
from gradcli.graph.ops.layout import Shape, size
from gradcli.graph.rewriting.template import copied, empty_like, rebuilt
from gradcli.numeric import gates
from gradcli.numeric.elements import elements
from gradcli.numeric.gates import GateNumber
from gradcli.numeric.system import NumberSystem

_ATTRIBUTES = [(ops.attribute(row.name), row.name) for row in ops.ELEMENTWISE]


def element_names(name: str, shape: Shape) -> list[str]:
    """What the elements of an array are called, row by row: W[0,0], W[0,1] …; a number is called as it is."""
    indices = [""]
    for extent in shape:
        indices = [f"{before},{k}" if before else str(k) for before in indices for k in range(extent)]
    return [f"{name}[{index}]" for index in indices] if shape else [name]


def unrolled_values(graph: Graph, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for the inputs of the unrolled graph.

    Args:
        graph: before it was unrolled.
        values: of its inputs, or of some; what is no input is left out.
    """
    found: dict[str, Any] = {}
    for name, index in graph.inputs.items():
        if name in values:
            names = element_names(name, graph.shapes.get(index, ()))
            found.update(zip(names, elements(values[name]), strict=True))
    return found


def unroll(graph: Graph, max_gates: int = MAX_GATES) -> Graph:
    """The graph with every array replaced by its elements; the graph itself if there is none.

    Args:
        max_gates: the most gates that may be built.

    Raises:
        LimitError: more than max_gates.
        ProgramError: the output has no elements.
    """
    if not has_arrays(graph):
        return graph
    _check_size(graph, max_gates)
    return _needed(_Unrolling(graph, max_gates).run())


def unrolled(graph: Graph, max_gates: int = MAX_GATES) -> tuple[Graph, list[list[int]]]:
    """The same with all elements, also those that the output does not need, and where they are.

    Args:
        max_gates: the most gates that may be built.

    Returns:
        the graph, and for each gate of the old one the positions of its elements, row by row.

    Raises:
        LimitError: more than max_gates.
        ProgramError: the output has no elements.
    """
    if not has_arrays(graph):
        return graph, [[index] for index in range(len(graph))]
    _check_size(graph, max_gates)
    unrolling = _Unrolling(graph, max_gates)
    found = unrolling.run()
    return found, [*map(unrolling.positions, range(len(graph)))]


class _Unrolling:
    """The forward pass on gates.

    Attributes:
        found: the graph that grows.
        values: per gate of the old graph one of the new graph, or an array of these.
        firsts, ends: per gate of the old graph, between which positions it made gates.
        place: the span of the gate that is being unrolled.
    """

    def __init__(self, graph: Graph, max_gates: int) -> None:
        self.graph, self.found, self.max_gates = graph, empty_like(graph), max_gates
        self.codes = {row.name: code for code, row in enumerate(graph.rows)}
        self.values: list[Any] = []
        self.firsts, self.ends = array("q"), array("q")
        self.place = (0, 0)

    def run(self) -> Graph:
        graph, found = self.graph, self.found
        named: list[list[int]] = []
        for name, index in graph.inputs.items():
            self._at(index)
            names = element_names(name, graph.shapes.get(index, ()))
            named.append([self._append(ops.INPUT, (), element) for element in names])
            self.ends.append(len(found))
        functions = self._begin()
        for index in range(len(graph)):
            if index < len(named):
                self.values.append(self._shaped(named[index], index))
                continue
            self._at(index)
            self.values.append(self._unrolled(index, functions))
            self.ends.append(len(found))
        self._finish()
        return found

    def _at(self, index: int) -> None:
        """Gates that are made from now on are those of this gate."""
        self.firsts.append(len(self.found))
        self.place = self.graph.starts[index], self.graph.ends[index]

    def _append(self, code: int, operands: tuple[int, ...], literal: str | None = None) -> int:
        if len(self.found) >= self.max_gates:
            raise _too_many(self.max_gates)
        return self.found.append(code, operands, literal, *self.place)

    def _begin(self) -> list[Any]:
        """Each row's function on arrays of gates."""
        from gradcli.numeric import arrays

        started = False
        system = gates.primitives(
            _ATTRIBUTES,
            lambda name, operands: self._append(self.codes[name], operands),
            lambda literal: self._append(ops.CONSTANT, (), literal) if started else -1,
        )
        del system["pi"]  # made for the system, before there is a gate that needs it
        started = True
        self.number = system["gate"]
        self._array = partial(arrays.shaped, exact=True)
        self.m: NumberSystem = arrays.over(ops.on(system))
        return ops.functions(self.m)

    def _unrolled(self, index: int, functions: list[Any]) -> Any:
        """What a gate is that is not an input."""
        graph, code = self.graph, self.graph.codes[index]
        operands = [self.values[operand] for operand in graph.operands[index]]
        if graph.rows[code].structural:
            return self._all_gates(functions[code](*operands, **dict(graph.settings.get(index, ()))))
        if code == ops.CONSTANT:
            texts = (graph.literals[index] or "").replace("[", "").replace("]", "").split(",")
            return self._shaped([self._append(code, (), text.strip()) for text in texts], index)
        shape = graph.shapes.get(index, ())
        if not shape:
            return self.number(self._append(code, tuple(x.index for x in operands)))
        columns = [elements(self.m.broadcast_to(x, shape=shape)) for x in operands]
        made = [self._append(code, tuple(x.index for x in of_one)) for of_one in zip(*columns, strict=True)]
        return self._shaped(made, index)

    def _shaped(self, places: list[int], index: int) -> Any:
        """New gates in the shape of an old one."""
        numbers = list(map(self.number, places))
        shape = self.graph.shapes.get(index, ())
        return self._array(numbers, shape) if shape else numbers[0]

    def _all_gates(self, x: Any) -> Any:
        """The same, with gates for what is a plain number, such as the zeros around a block."""
        if x.__class__ is GateNumber:
            return x
        found = elements(x)
        if any(one.__class__ is not GateNumber for one in found):
            found = [one if one.__class__ is GateNumber else self._constant(one) for one in found]
            x = self._array(found, x.shape) if hasattr(x, "shape") else found[0]
        return x

    def _constant(self, x: Any) -> GateNumber:
        found: GateNumber = self.number(self._append(ops.CONSTANT, (), gates.literal(float(x))))
        return found

    def positions(self, index: int) -> list[int]:
        return [x.index for x in elements(self.values[index])]

    def _finish(self) -> None:
        """Names, groups, outputs."""
        graph, found = self.graph, self.found
        found.free = _free(graph)
        names = _stage_names(graph)
        for index in sorted(names):
            for place, element in zip(self.positions(index), names[index], strict=True):
                if found.codes[place] != ops.INPUT:
                    found.stages.setdefault(place, element)
        found.groups = self._groups()
        outputs = [place for index in graph.outputs or (graph.output,) for place in self.positions(index)]
        if not outputs:
            raise ProgramError("the output has no elements", hint="take a longer part of the array")
        found.output, found.outputs = max(outputs), tuple(outputs) if len(outputs) > 1 else ()

    def _groups(self) -> list[Group]:
        """The old groups, and one for each gate that made several."""
        graph, firsts, ends = self.graph, self.firsts, self.ends
        found = [group._replace(first=firsts[group.first], last=ends[group.last - 1]) for group in graph.groups]
        found = [group for group in found if group.first < group.last]
        known = {*found}
        for index in range(len(graph)):
            if ends[index] - firsts[index] > 1:
                name = graph.name(index) or graph.rows[graph.codes[index]].name
                own = Group(name, "stage", firsts[index], ends[index])
                if own not in known:
                    found.append(own)
        # An outer one stands before those in it; of equal ones the old one, which was there before its gates.
        return sorted(found, key=lambda group: (group.first, -group.last))


def _stage_names(graph: Graph) -> dict[int, list[str]]:
    """What the elements of each stage are called. An array's get h_[1] where a loop's turn is called h[1]."""
    shapes = graph.shapes
    found = {index: element_names(name, shapes.get(index, ())) for index, name in graph.stages.items()}
    numbers = {name for index, name in graph.stages.items() if index not in shapes}.union(graph.omitted)
    clashing = [index for index in sorted(found) if index in shapes and not numbers.isdisjoint(found[index])]
    if clashing:
        taken = numbers.union(graph.free, *found.values())
        for index in clashing:
            name = graph.stages[index]
            while not taken.isdisjoint(found[index]):
                name += "_"
                found[index] = element_names(name, shapes[index])
            taken.update(found[index])
    return found


def _free(graph: Graph) -> dict[str, Span]:
    """The names that can be given; elements in place of an array."""
    found: dict[str, Span] = {}
    for name, span in graph.free.items():
        index = graph.inputs.get(name)
        shape = () if index is None else graph.shapes.get(index, ())
        found.update(dict.fromkeys(element_names(name, shape), span))
    return found


def _needed(graph: Graph) -> Graph:
    """The inputs, and the gates that the outputs depend on."""
    needed = reachable(graph, graph.output, *graph.outputs)
    if all(wanted or code == ops.INPUT for wanted, code in zip(needed, graph.codes, strict=True)):
        return graph
    graph.stages = {index: name for index, name in graph.stages.items() if needed[index]}
    return rebuilt(graph, lambda found, index, moved: copied(graph, found, index, moved) if needed[index] else 0)


def _check_size(graph: Graph, max_gates: int) -> None:
    """Refuse what certainly needs more gates, before there are any."""
    count = 0
    for index, code in enumerate(graph.codes):
        layout = graph.layout(index)
        count += graph.rows[code].least_gates(layout)
        if count > max_gates or size(layout.shape) > max(max_gates, MAX_GATES):
            raise _too_many(max_gates)


def _too_many(max_gates: int) -> LimitError:
    hint = "raise it with --max-gates, or take smaller arrays"
    return LimitError(f"the unrolled program needs more than {max_gates} gates", hint=hint)

"""Pieces of graph that take the place of a gate, and graphs with some gates replaced.

Enters: a graph, and what stands in for some of its gates. Leaves: a new graph. Invariant: inputs keep their order and
positions, also those that nothing needs any more, since they are the program's; a replaced gate's name and span go to
the gate that has its result.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from gradcli.graph import ops
from gradcli.graph.graph import Graph, moved_groups, reachable
from gradcli.graph.ops.layout import Settings

Place = tuple[int, int]  # a span's start and end
Piece = tuple[int, tuple[int, ...], str | None, Settings | None]  # code, operands, literal, settings


class Template:
    """Gates whose operands are parameters or one another.

    Attributes:
        gates: an operand k ≥ 0 is the k-th gate, else parameter ~k.
        output: the gate or the parameter that is the result, in the same way.
    """

    __slots__ = ("gates", "output")

    def __init__(self, gates: list[Piece], output: int) -> None:
        self.gates, self.output = gates, output

    def __len__(self) -> int:
        return len(self.gates)

    def put(self, graph: Graph, operands: Sequence[int], place: Place) -> int:
        """Append the gates, with these operands as parameters, and return the position of the result."""
        base = len(graph)
        for code, own, literal, settings in self.gates:
            graph.append(code, tuple(base + k if k >= 0 else operands[~k] for k in own), literal, *place, settings)
        return base + self.output if self.output >= 0 else operands[~self.output]


def template(graph: Graph, parameters: Sequence[str]) -> Template:
    """What a graph computes from its inputs.

    Args:
        parameters: the names of inputs, in the order in which operands will be given.
    """
    places: list[int] = []
    gates: list[Piece] = []
    columns = zip(graph.codes, graph.operands, graph.literals, strict=True)
    for index, (code, operands, literal) in enumerate(columns):
        if code == ops.INPUT:
            places.append(~parameters.index(literal or ""))
        else:
            places.append(len(gates))
            gates.append((code, tuple(places[operand] for operand in operands), literal, graph.settings.get(index)))
    return Template(gates, places[graph.output])


def empty_like(graph: Graph) -> Graph:
    """A graph without gates of the same program."""
    found = Graph(graph.source)
    found.rows, found.bodies, found.free = graph.rows, graph.bodies, graph.free
    found.assigned, found.omitted, found.consumed = graph.assigned, graph.omitted, graph.consumed
    return found


def rebuilt(graph: Graph, put: Callable[[Graph, int, array[int]], int]) -> Graph:
    """The graph with every gate but the inputs put anew; what nothing needs then is left out.

    Args:
        put: put(new graph, position in the old graph, old position → new position so far) appends what stands for a
            gate and returns where its result is.
    """
    found, moved = empty_like(graph), array("i", bytes(4 * len(graph)))
    befores = array("i")  # how many new gates there were before a gate was put
    for index, code in enumerate(graph.codes):
        befores.append(len(found))
        moved[index] = copied(graph, found, index, moved) if code == ops.INPUT else put(found, index, moved)
    befores.append(len(found))
    groups = (group._replace(first=befores[group.first], last=befores[group.last]) for group in graph.groups)
    found.groups = [group for group in groups if group.first < group.last]
    for index, name in sorted(graph.stages.items()):
        if found.codes[moved[index]] != ops.INPUT:
            found.stages.setdefault(moved[index], name)
    found.output, found.outputs = moved[graph.output], tuple(moved[one] for one in graph.outputs)
    return _needed(found)


def copied(graph: Graph, found: Graph, index: int, moved: Sequence[int]) -> int:
    """Append a gate as it is."""
    operands = tuple(moved[operand] for operand in graph.operands[index])
    place = graph.starts[index], graph.ends[index]
    return found.append(graph.codes[index], operands, graph.literals[index], *place, graph.settings.get(index))


def repeated(found: Graph, graph: Graph, index: int, place: int) -> int:
    """The gate of what stands for a gate of an old graph, repeated to the old shape where it has another one."""
    shape = graph.shapes.get(index, ())
    if found.shapes.get(place, ()) == shape:
        return place
    span = graph.starts[index], graph.ends[index]
    return found.append(ops.CODES["broadcast_to"], (place,), None, *span, (("shape", shape),))


def _needed(graph: Graph) -> Graph:
    """The inputs, and the gates that the outputs depend on."""
    needed = reachable(graph, graph.output, *graph.outputs)
    kept = bytearray(wanted or code == ops.INPUT for wanted, code in zip(needed, graph.codes, strict=True))
    if all(kept):
        return graph
    found, moved = empty_like(graph), array("i", bytes(4 * len(graph)))
    for index, wanted in enumerate(kept):
        if wanted:
            moved[index] = copied(graph, found, index, moved)
    found.groups = moved_groups(graph.groups, kept)
    found.stages = {moved[index]: name for index, name in graph.stages.items() if needed[index]}
    found.output, found.outputs = moved[graph.output], tuple(moved[one] for one in graph.outputs)
    return found

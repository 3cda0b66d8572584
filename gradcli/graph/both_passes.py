"""Both passes of a program as one graph, to be shown: its gates, then those that compute its gradient.

Enters: a Graph. Leaves: `BothPasses`. Invariant: the gates of the program come first, in their order; the seed, a 1
that is multiplied like any other number, comes next, so that every product with a local gradient is a gate.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gradcli.graph import ops
from gradcli.graph.derive import reverse_sweep
from gradcli.graph.describe import output_name
from gradcli.graph.emitting import Emitter, PlainEmitter, TextbookEmitter
from gradcli.graph.graph import Graph, Group, dependents, prune, reachable
from gradcli.graph.traits import FINITE
from gradcli.graph.wanted import check_output

# How local gradients are written: as in textbooks; as gradcli computes them, guards and all; every edge a product.
RULES: dict[str, type[Emitter]] = {"textbook": TextbookEmitter, "guarded": Emitter, "raw": PlainEmitter}
_LISTED = 3  # names of a gate that is several gradients


class BothPasses(NamedTuple):
    """A program and its gradient.

    Attributes:
        graph: the gates of both; its output is the program's. Gates that are gradients of inputs or stages are stages
            with names such as ∂f/∂x, or ∂f/∂x = ∂f/∂y.
        forward: how many gates are the program's; the seed is the next one.
        adjoints: gate of the program → the gate of its global gradient; several may share one.
        gradients: input → the gate of its gradient.
        flowing: a flag per gate: whether the gradient flows there. Other gates behind the program's are parts of local
            gradients.
    """

    graph: Graph
    forward: int
    adjoints: Mapping[int, int]
    gradients: Mapping[str, int]
    flowing: bytearray

    def names(self, only_named: bool = False) -> dict[int, list[str]]:
        """Gate → what it is the gradient of: ∂f/∂x, of gates without a name, unless these are left out, ∂f/∂g3."""
        found: dict[int, list[str]] = {}
        for index, gate in self.adjoints.items():
            if not only_named or self.graph.name(index) is not None:
                found.setdefault(gate, []).append(partial(self.graph, index))
        return found


def partial(graph: Graph, index: int) -> str:
    """∂f/∂x for the output f and a gate x."""
    return f"∂{graph.label(graph.output)}/∂{graph.label(index)}"


def both_passes(
    graph: Graph, wrt: Collection[str] | None = None, rules: str = "textbook", max_gates: int | None = None
) -> BothPasses:
    """The program and its backward pass.

    Args:
        graph: its output is a number; it is not changed.
        wrt: the inputs to differentiate by; None means all.
        rules: one of RULES.
        max_gates: the most gates that both may have.

    Raises:
        BindingError: the output is an array.
        LimitError: there would be more gates.
    """
    check_output(graph)
    grown, count = graph.copy(), len(graph)
    if (name := output_name(graph)) is not None:
        grown.stages = {**graph.stages, graph.output: name}
    emitter = _marking(RULES[rules])(grown, max_gates)
    emitter.span = grown.starts[grown.output], grown.ends[grown.output]
    seed, inputs = _opaque(emitter, "1"), {n: i for n, i in graph.inputs.items() if wrt is None or n in wrt}
    emitter.marks.clear()
    adjoints = reverse_sweep(emitter, inputs.values(), grown.output, seed)
    grown.groups += _groups_of_backward(graph, adjoints, emitter.marks, len(grown))
    for index in inputs.values():
        if index not in adjoints:  # the slope of a step is 0 everywhere
            adjoints[index] = emitter.spread(_opaque(emitter, "0"), emitter.shape(index))
    return _pruned(grown, count, seed, inputs, adjoints)


class _Marks(Emitter):
    """An emitter that notes how many gates there are whenever the sweep goes on to another gate.

    Every use of a constant has one of its own: a 2 that forty gates share would be forty long lines.
    """

    marks: list[int]

    @property
    def span(self) -> tuple[int, int]:
        return self._span

    @span.setter
    def span(self, place: tuple[int, int]) -> None:
        self._span = place
        self.__dict__.setdefault("marks", []).append(len(self.graph))

    def constant(self, literal: str) -> int:
        found = self.graph.append(ops.CONSTANT, (), literal, *self.span)
        self._note_constant(literal, found)
        return found


def _marking(kind: type[Emitter]) -> Any:
    return type("Marking", (_Marks, kind), {})


def _opaque(emitter: Emitter, literal: str) -> int:
    """A constant that simplifications do not see through, and that nothing else shares."""
    found = emitter.graph.append(ops.CONSTANT, (), literal, *emitter.span)
    emitter.traits.append(FINITE)
    return found


def _groups_of_backward(graph: Graph, adjoints: Mapping[int, int], marks: list[int], count: int) -> list[Group]:
    """For every group of the program the gates that its gates have emitted: they follow each other too."""
    visited = sorted(index for index in adjoints if graph.codes[index] > ops.CONSTANT)
    bounds = [*marks, count]  # of the gates visited, the last one first
    if len(marks) != len(visited):
        raise AssertionError(f"{len(visited)} gates were visited, {len(marks)} were noted")
    found = []
    for group in graph.groups:
        low, high = bisect_left(visited, group.first), bisect_left(visited, group.last)
        first, last = bounds[len(visited) - high], bounds[len(visited) - low]
        if first < last:
            found.append(group._replace(first=first, last=last))
    return found


def _pruned(grown: Graph, count: int, seed: int, inputs: Mapping[str, int], adjoints: Mapping[int, int]) -> BothPasses:
    """Without what no gradient of an input needs; the gates of the program stay, and so does the seed."""
    output = grown.output
    wanted = [output, seed, *(adjoints[index] for index in inputs.values())]
    needed = reachable(grown, *wanted)
    kept = prune(grown, *wanted)
    places = array("i", bytes(4 * (len(needed) + 1)))
    for index, flag in enumerate(needed):
        places[index + 1] = places[index] + flag
    first = {output: -1}  # the seed is ∂f/∂f above all
    order = sorted(adjoints, key=lambda index: first.get(index, index))
    found = {places[i]: places[adjoints[i]] for i in order if needed[i] and needed[adjoints[i]]}
    kept.output, kept.outputs = places[output], ()
    kept.stages = {**kept.stages, **_stages(kept, found)}
    gradients = {name: places[adjoints[index]] for name, index in inputs.items()}
    return BothPasses(kept, places[count], found, gradients, dependents(kept, [places[seed]]))


def _stages(graph: Graph, adjoints: Mapping[int, int]) -> dict[int, str]:
    """The names of gates that are gradients: of inputs first, since these are what is asked for."""
    named: dict[int, list[str]] = {}
    for index, gate in adjoints.items():
        if graph.name(index) is not None:
            named.setdefault(gate, []).append(partial(graph, index))
    return {
        gate: " = ".join(names if len(names) <= _LISTED else [*names[: _LISTED - 1], "…", names[-1]])
        for gate, names in named.items()
    }

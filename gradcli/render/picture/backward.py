"""The picture of a gradient as a graph: the gates of the program, and those that compute its gradient.

Enters: `BothPasses`, and what its gates come to at one or two points. Leaves: a `Picture`. Invariant: one node per
gate, one edge per operand, as in every picture; there are values only, since gradients are values here. What the
gradient flows through is told apart by the frame of its pass, by red wires and numbers, and by names such as ∂f/∂x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any

from gradcli.diagnose import warnings
from gradcli.graph import ops
from gradcli.graph.both_passes import BothPasses, partial
from gradcli.numeric.elements import elements
from gradcli.passes import FLOATS, forward
from gradcli.printable import printable, shorten
from gradcli.render.picture import folded, sizes, words
from gradcli.render.picture.folding import Folded
from gradcli.render.picture.framing import Frame, Framed
from gradcli.render.picture.parts import Arrow, Line, Node, Picture, Selection
from gradcli.render.picture.pen import Pen
from gradcli.render.picture.short import brief
from gradcli.traces import Trace

_WIRE = 4  # how hot a wire is that the gradient flows through
_NAMES = 3  # lines of names under a gate that is several gradients
_NEAR = 1e-6  # relative: rounding is not worth a note


def values(passes: BothPasses, trace: Trace, point: Mapping[str, Any]) -> Trace:
    """The values of all gates; what the program's own trace warns of is warned of here too."""
    count = len(passes.graph)
    found = Trace(passes.graph, forward(passes.graph, point), [None] * count, [None] * count, FLOATS)
    found.cache["warnings"] = warnings(trace) if passes.forward == len(trace.graph) else []
    return found


def differences(passes: BothPasses, both: Trace, trace: Trace) -> list[str]:
    """The inputs whose gradient is another number here than in the backward pass."""
    return [
        name
        for name, gradient in trace.gradients.items()
        if not all(map(_same, elements(gradient), elements(both.values[passes.gradients[name]])))
    ]


def _same(a: float, b: float) -> bool:
    return (a != a and b != b) or isclose(a, b, rel_tol=_NEAR)


def draw(passes: BothPasses, traces: Sequence[Trace], selection: Selection, clusters: bool = True) -> Picture:
    """Say what the picture shows.

    Args:
        passes: both passes.
        traces: none for the structure, one, or two points to compare; from `values`.
        selection: of the gates of both passes.
        clusters: whether each pass has a frame.
    """
    graph, pen = passes.graph, _Pen(passes, traces, len(selection.nodes))
    wiring = _with_gradients(passes, folded.wiring(graph, selection.nodes), selection.nodes)
    framed = _framed(passes, selection) if clusters else selection.framed
    nodes, inputs = [], []
    for part in selection.nodes:
        node = pen.folded_node(part, wiring) if isinstance(part, Folded) else pen.node(part)
        gates = part.gates if isinstance(part, Folded) else [part]
        nodes.append(node._replace(frame=framed.homes.get(gates[0], "")))
        if all(graph.codes[index] == ops.INPUT for index in gates):
            inputs.append(node.id)
    arrows = tuple(
        pen.wire(*wires[0], *ends) if folded.is_plain(ends, wires) else pen.wires(wires, *ends)
        for ends, wires in wiring.arrows
    )
    title = words.title(graph, traces).replace("Computational graph of", "Forward and backward pass of", 1)
    return Picture(
        title, _description(passes, traces), tuple(nodes), arrows, _legend(pen), selection.note, tuple(inputs),
        framed.frames,
    )  # fmt: skip


def _with_gradients(passes: BothPasses, found: folded.Wiring, nodes: Sequence[int | Folded]) -> folded.Wiring:
    """The same; gradients leave a folded group though no gate takes them."""
    gradients = {*passes.gradients.values()}
    leaving = {
        node.id: list(dict.fromkeys([*found.leaving[node.id], *(i for i in node.gates if i in gradients)]))
        for node in nodes
        if isinstance(node, Folded)
    }
    return found._replace(leaving=leaving)


def _framed(passes: BothPasses, selection: Selection) -> Framed:
    """A frame around each pass, outside of all others. Inputs stand before both."""
    graph, homes = passes.graph, dict(selection.framed.homes)
    inside, parents = selection.framed.frames, {frame.id: frame.parent for frame in selection.framed.frames}
    own: dict[str, str] = {}  # outermost frame of the program → pass
    counts = {"forward": 0, "backward": 0}
    for part in selection.nodes:
        index = part.gates[0] if isinstance(part, Folded) else part
        if graph.codes[index] == ops.INPUT:
            continue
        name = "forward" if index < passes.forward else "backward"
        counts[name] += 1
        if index in homes:
            outermost = homes[index]
            while parents[outermost]:
                outermost = parents[outermost]
            own[outermost] = name
        else:
            homes[index] = name
    frames = [Frame(name, f"{name} pass", "", f"{count:,} nodes") for name, count in counts.items() if count]
    frames += [frame if frame.parent else frame._replace(parent=own.get(frame.id, "forward")) for frame in inside]
    return Framed(tuple(frames), homes)


class _Pen(Pen):
    """Nodes and wires of both passes."""

    def __init__(self, passes: BothPasses, traces: Sequence[Trace], count: int) -> None:
        super().__init__(passes.graph, traces, "", count)
        self.passes = passes
        self.gradients = {*passes.gradients.values()}
        self.named, self.called = passes.names(only_named=True), passes.names()

    def node(self, index: int) -> Node:
        found, names = super().node(index), self.named.get(index, [])
        stage = words.name_of(names[0]) if names else found.stage if self.graph.name(index) is not None else ""
        tooltip = found.tooltip
        if told := self._gradient_of(index):
            tooltip = f"{tooltip}\n{told}"
        is_seed = index == self.passes.forward
        return found._replace(
            kind="gate" if is_seed or index in self.gradients else found.kind,
            stage=stage if found.kind != "input" else "",
            lines=(*self._more_names(names), *found.lines),
            is_output=index == self.graph.output or index in self.gradients,
            tooltip=tooltip,
        )

    def _more_names(self, names: Sequence[str]) -> list[Line]:
        if not self.with_lines:
            return []
        shown = names[1:] if len(names) <= 1 + _NAMES else names[1:_NAMES]
        lines = [Line("small", f"= {words.name_of(name)}") for name in shown]
        more = len(names) - 1 - len(shown)
        return [*lines, Line("small", f"= … {more:,} more")] if more > 0 else lines

    def _gradient_of(self, index: int) -> str:
        if index < self.passes.forward:
            return ""
        names = [shorten(printable(name), 2 * sizes.NAME) for name in self.called.get(index, [])[: sizes.FIRST]]
        if names:
            return f"gradient: {' = '.join(names)}"
        return "the gradient flows here" if self.passes.flowing[index] else "part of a local gradient"

    def numbers(self, gates: Sequence[int]) -> list[Line]:
        """Values in the colour of what they are."""
        lines = super().numbers(gates)
        if not gates or gates[0] < self.passes.forward:
            return lines
        kind = "gradient" if self.passes.flowing[gates[0]] else "local"
        return [line._replace(kind=kind) if line.kind == "value" else line for line in lines]

    def folded_node(self, group: Folded, wiring: folded.Wiring) -> Node:
        found = folded.node(self, group, wiring)
        names = [name for index in group.gates if index in self.gradients for name in self.named.get(index, ())]
        told = tuple(Line("small", words.name_of(name)) for name in names[:_NAMES]) if self.with_lines else ()
        if len(names) > _NAMES and told:
            told = (*told[:-1], Line("small", f"… {len(names) - _NAMES + 1:,} more"))
        return found._replace(
            lines=(*found.lines[:1], *told, *found.lines[1:]), is_output=found.is_output or bool(names)
        )

    def wire(self, index: int, position: int, tail: str, head: str) -> Arrow:
        """The edge from an operand."""
        place = words.place(self.graph, index, position)
        return Arrow(f"g{index}-{position}", tail, head, (), *self._look([(index, position)]), place)

    def wires(self, wires: Sequence[folded.Wire], tail: str, head: str) -> Arrow:
        """Operands of the same two nodes."""
        name = f"g{wires[0][0]}-{wires[0][1]}" if len(wires) == 1 else f"{head}-{tail}"
        lines = (Line("count", f"×{len(wires):,}"),) if len(wires) > 1 and self.with_labels else ()
        told = [words.place(self.graph, *wire) for wire in wires[: sizes.FIRST]]
        told += [f"and {len(wires) - len(told):,} more"] if len(wires) > len(told) else []
        return Arrow(name, tail, head, lines, *self._look(wires), "\n".join(told))

    def _look(self, wires: Sequence[folded.Wire]) -> tuple[str, int | None]:
        """The kind of an arrow, and its heat."""
        operands = [self.graph.operands[index][position] for index, position in wires]
        if any(self.passes.flowing[operand] for operand in operands):
            return "", _WIRE
        return "" if any(self.active[operand] for operand in operands) else "inactive", None


def _legend(pen: _Pen) -> tuple[Line, ...]:
    wires = Line("legend", "red lines: the gradient flows")
    if not pen.with_numbers:
        return (wires,)
    return (Line("value", "value"), Line("gradient", "gradient"), Line("local", "part of a local gradient"), wires)


def _description(passes: BothPasses, traces: Sequence[Trace]) -> str:
    """How many gates, the value and the gradients."""
    graph = passes.graph
    told = [f"{passes.forward:,} gates of the program, {len(graph) - passes.forward:,} of its gradient."]
    for point, trace in zip(words.points(traces), traces, strict=True):
        found = [(partial(graph, graph.inputs[name]), gate) for name, gate in passes.gradients.items()]
        shown = (f"{words.name_of(name)} {brief(trace.values[gate])}" for name, gate in found[: sizes.LISTED])
        more = "…" if len(found) > sizes.LISTED else "."
        told.append(f"{point}Value {brief(trace.value)}. Gradients: {', '.join(shown)}{more}")
    return " ".join(told)

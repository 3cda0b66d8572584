"""A Trace as a Rich tree from the output down: under each gate its operands, with local gradient and contribution.

Invariant: a gate that is used more than once is shown once and referred to afterwards, so that the tree is as long as
the graph; what is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text
from rich.tree import Tree

from gradcli.diagnose import marks
from gradcli.printable import printable
from gradcli.render import Look, asked, by_rule, edge_label, gate_label
from gradcli.render.screen import draw
from gradcli.render.writing import line
from gradcli.traces import Edge, Trace

SHOWN = 200  # gates shown of a large graph
_DEEPEST, _LIMIT = 24, 1000  # levels shown, and with --all; a level costs four columns, so a chain costs its square
_VALUE, _GRADIENT, _QUIET, _WARNED = "green", "red", "dim", "yellow"


def _gate(trace: Trace, index: int, full: bool) -> Text:
    gate = trace.gates[index]
    text = Text(f"{gate.id}  ", style=_QUIET)
    if gate.name is not None:
        text.append(printable(gate.name), "not dim bold")
    if gate.text != gate.name:
        text.append(printable(gate_label(trace, gate)).removeprefix(printable(gate.name or "")), "not dim")
    if mark := marks(trace).get(index):
        text.append(f"  {mark}", f"not dim {_WARNED}")
    text.append(f"   {line(gate.value, trace.system.write, full)}", f"not dim {_VALUE}")
    if gate.global_gradient is not None:
        text.append(f"   ← {line(gate.global_gradient, trace.system.write, full)}", f"not dim bold {_GRADIENT}")
    return text


def _edge(trace: Trace, edge: Edge, full: bool) -> Text:
    operand, write = printable(edge_label(trace, edge)), trace.system.write
    if by_rule(edge):
        text = Text(f"∂/∂{operand}: {printable(edge.rule or '')}", style=_QUIET)
    else:
        number = line(edge.local_gradient, write, full)
        rule = "" if f"{edge.rule}.0" == number else f"{printable(edge.rule or '')} = "
        text = Text(f"∂/∂{operand} = {rule}", style=_QUIET).append(number, "not dim")
    return text.append(f"   ← {line(edge.contribution, write, full)}\n", f"not dim {_GRADIENT}")


class _Growth:
    """The tree under construction: gates waiting, each with the branch it hangs on and its depth."""

    def __init__(self, trace: Trace, most: int, deepest: int, full: bool) -> None:
        self.trace, self.most, self.deepest, self.full = trace, most, deepest, full
        self.shown: set[int] = set()
        self.width = 0
        self.root = Tree(_gate(trace, trace.graph.output, full), guide_style=_QUIET)

    def grow(self) -> Tree:
        waiting: list[tuple[int, Edge | None, Tree, int]] = [(self.trace.graph.output, None, self.root, 0)]
        while waiting:
            index, edge, branch, depth = waiting.pop()
            below = self._hang(index, edge, branch, depth)
            if below is None:
                continue
            operands = zip(self.trace.graph.operands[index], self.trace.edges(index), strict=True)
            waiting += [(operand, part, below, depth + 1) for operand, part in reversed(list(operands))]
        return self.root

    def _hang(self, index: int, edge: Edge | None, branch: Tree, depth: int) -> Tree | None:
        """Show a gate under a branch; None if nothing is to follow below it."""
        label = Text() if edge is None or edge.contribution is None else _edge(self.trace, edge, self.full)
        repeated = index in self.shown and bool(self.trace.graph.operands[index])
        if repeated:
            name = self.trace.graph.name(index)
            label.append(f"g{index}  {printable(name)}   shown above" if name else f"g{index}   shown above", _QUIET)
        elif len(self.shown) >= self.most:
            return None
        else:
            label.append_text(_gate(self.trace, index, self.full))
            self.shown.add(index)
        self.width = max(self.width, 4 * depth + max(map(len, label.plain.split("\n"))))
        below = self.root if edge is None else branch.add(label)
        if repeated:
            return None
        if depth >= self.deepest and self.trace.graph.operands[index]:
            below.add(Text("…", _QUIET))
            return None
        return below


def render(trace: Trace, look: Look) -> Iterator[str]:
    """The tree, and what it leaves out."""
    most, deepest = (len(trace.graph), _LIMIT) if look.every_gate else (SHOWN, _DEEPEST)
    growth = _Growth(trace, most, deepest, look.full)
    items: list[Any] = [growth.grow()]
    if missing := len(trace.graph) - len(growth.shown):
        note = f"… {missing:,} gates left out: --all shows them, --of NAME begins at a stage, --json has them"
        items.append(Text(note, _QUIET))
    write = trace.system.write
    for name, x in asked(trace):
        items.append(Text(f"{name} = ").append(line(x, write, look.full), f"bold {_GRADIENT}"))
    yield draw(items, look, growth.width + 8)

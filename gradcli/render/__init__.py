"""Output formats: each module turns a finished Trace into text.

`FORMATS` is the registry; a format is imported when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from gradcli.printable import printable, shorten
from gradcli.traces import Edge, Trace, TracedGate

FORMATS = {
    "table": "gradcli.render.table:render",
    "tree": "gradcli.render.tree:render",
    "json": "gradcli.render.json_trace:render",
    "ndjson": "gradcli.render.ndjson:render",
    "csv": "gradcli.render.csv_rows:render",
    "markdown": "gradcli.render.markdown:render",
}


_ASCII = {"∂": "d", "←": "<", "…": "...", "−": "-", "─": "-", "≤": "<=", "≥": ">=", "≠": "!=", "⚠": "!", "·": "*"}
_TO_ASCII = str.maketrans(_ASCII | {"×": "x", "│": "|", "├": "+", "└": "+"})  # and the lines of trees


class Look(NamedTuple):
    """What the reader's screen can show, and what is wanted. Formats for machines ignore all but the last."""

    width: int | None = None  # columns; None where lines may be as long as they like
    color: str | None = None  # rich's name of a colour system: standard, 256, truecolor; None for none
    unicode: bool = True  # whether ∂ and ← can be shown
    every_gate: bool = False  # show all gates of a large graph
    full: bool = False  # show all elements of every array
    jacobians: bool = False  # show the Jacobian of every edge whose local gradient is a rule

    def signs(self, text: str) -> str:
        """text with gradcli's own signs replaced where the screen cannot show them."""
        return text if self.unicode else text.translate(_TO_ASCII)


def asked(trace: Trace) -> Iterator[tuple[str, Any]]:
    """What a summary adds where it was asked for: names and numbers of a seed and of a directional derivative."""
    if trace.seed is not None:
        yield "seed", trace.seed
    if trace.along is not None:
        write = trace.system.write
        from gradcli.render.writing import line

        moves = ", ".join(f"{printable(name)} = {line(x, write)}" for name, x in trace.along.direction.items())
        yield f"along {shorten(moves, 200)}: derivative", trace.along.value


_LONGEST = 120  # columns of a label of a program with arrays, whose constants may be long


def gate_label(trace: Trace, gate: TracedGate) -> str:
    """What stands for a gate: q = x + y; a name, or what it computes."""
    text = gate.text if gate.name in (None, gate.text) else f"{gate.name} = {gate.text}"
    return shorten(text, _LONGEST) if trace.graph.shapes else text


def edge_label(trace: Trace, edge: Edge) -> str:
    """What an edge's operand is called."""
    label = trace.graph.label(int(edge.id[1:]))
    return shorten(label, _LONGEST) if trace.graph.shapes else label


def by_rule(edge: Edge) -> bool:
    """Whether an edge has a rule in place of a local gradient: what it passes on is no product of numbers."""
    return edge.local_gradient is None and edge.contribution is not None


def wanted_jacobians(trace: Trace, look: Look | None) -> Callable[[int, int], Any] | None:
    """What gives the Jacobian of the edge to an operand, if Jacobians are wanted: of a gate, and the position."""
    if look is None or not look.jacobians or not trace.graph.settings:
        return None
    from gradcli.array_passes import structural_jacobian

    def jacobian(index: int, position: int) -> Any:
        found = structural_jacobian(trace, index, position)
        return found.tolist() if getattr(found, "shape", None) == () else found  # without axes it is a number

    return jacobian


Renderer = Callable[[Trace, Look], Iterator[str]]


def renderer(name: str) -> Renderer:
    """The renderer of a format in the registry."""
    module, _, function = FORMATS[name].partition(":")
    found: Renderer = getattr(import_module(module), function)
    return found

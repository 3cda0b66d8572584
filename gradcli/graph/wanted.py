"""What is to be differentiated, and by which inputs: what is asked for against what the graph has."""

from __future__ import annotations

from collections.abc import Collection

from gradcli.errors import BindingError
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import shown
from gradcli.printable import shorten


def differentiated(graph: Graph, wrt: Collection[str] | None = None) -> list[str]:
    """The inputs to differentiate by: those of wrt, or all, in the graph's order.

    Raises:
        BindingError: a name of wrt is not an input, or the output does not depend on it.
    """
    known = graph.inputs
    for name in wrt or ():
        if name not in graph.free:
            hint = f"its inputs are {shorten(', '.join(graph.free), 200) or 'none'}"
            raise BindingError(f"{shorten(name)} is not an input of the program", hint=hint)
        if name in graph.consumed:
            message = f"{shorten(name)} was used up when the graph was built: it counts turns, indices or axes"
            raise BindingError(message, hint="it has no gradient; leave it out")
        if name not in known:
            raise BindingError(f"the output does not depend on {shorten(name)}", hint="its gradient is 0")
    return [name for name in known if wrt is None or name in wrt]


def check_output(graph: Graph, output: int | None = None, more: str = "") -> None:
    """Refuse an array as what is differentiated.

    Args:
        output: a gate; None means the graph's output.
        more: a further way out, for the hint.

    Raises:
        BindingError: the gate is an array.
    """
    place = graph.output if output is None else output
    if shape := graph.shapes.get(place):
        message = f"only a number has a gradient, and the output is an array of shape {shown(shape)}"
        hint = "sum(…) makes one number of it; `gradcli jacobian` shows the derivatives of all its elements" + more
        raise BindingError(message, source=graph.source, span=graph.span(place), hint=hint)

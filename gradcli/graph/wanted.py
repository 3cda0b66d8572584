"""The inputs to differentiate by: what is asked for against what the graph has."""

from __future__ import annotations

from collections.abc import Collection

from gradcli.errors import BindingError
from gradcli.graph.graph import Graph
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
        if name not in known:
            raise BindingError(f"the output does not depend on {shorten(name)}", hint="its gradient is 0")
    return [name for name in known if wrt is None or name in wrt]

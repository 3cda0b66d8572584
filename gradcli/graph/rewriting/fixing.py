"""Inputs with a value as constants: a graph that is a function of the other inputs alone.

Enters: a Graph, values for some of its inputs. Leaves: a graph with a constant in place of each of these. Invariant: no
other gate moves, so that ids, stages, groups and spans stay; a literal reads back as the very same double.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Any

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.rewriting.template import copied, empty_like
from gradcli.numeric import gates
from gradcli.numeric.elements import elements, shape_of


def fix(graph: Graph, values: Mapping[str, Any]) -> Graph:
    """The graph with some inputs replaced by constants; the graph itself if there are none.

    Args:
        values: a number or an array for each of these, of the shape that the graph was made for; names that are no
            inputs of the graph are passed over.
    """
    inputs = graph.inputs
    chosen = {name: index for name, index in inputs.items() if name in values}
    if not chosen:
        return graph
    found, moved = empty_like(graph), array("i", bytes(4 * len(graph)))
    found.free = {name: span for name, span in graph.free.items() if name not in chosen}
    for name, index in inputs.items():
        if name not in chosen:
            moved[index] = copied(graph, found, index, moved)
    for name, index in chosen.items():  # behind the inputs that stay, since inputs are at the front
        place = moved[index] = len(found)
        found.append(ops.CONSTANT, (), literal(values[name]), graph.starts[index], graph.ends[index])
        if index in graph.shapes:
            found.stages[place] = name  # an array is not written where it is used, as a number is
    for index in range(len(inputs), len(graph)):
        moved[index] = copied(graph, found, index, moved)
    found.groups, found.gating = [*graph.groups], set(graph.gating)
    found.stages |= graph.stages
    found.output, found.outputs = moved[graph.output], tuple(moved[one] for one in graph.outputs)
    return found


def literal(x: Any) -> str:
    """The literal of a number or an array: 2, -0.5, [[1, nan], [-0.0, inf]]."""
    texts = [_number(float(element)) for element in elements(x)]
    for extent in reversed(shape_of(x)):
        texts = [f"[{', '.join(texts[k : k + extent])}]" for k in range(0, len(texts), extent)]
    return texts[0]


def _number(x: float) -> str:
    """A literal of the language, which keeps the sign of a zero."""
    return "-0.0" if x == 0.0 and math.copysign(1.0, x) < 0.0 else gates.literal(x)

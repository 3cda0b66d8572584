"""How many gates a gate's derivative takes: counted from its row, by running the row's own rules on gates.

Enters: a row. Leaves: a `Cost`. Invariant: the gates that `derive` adds to a program of numbers are at most one for its
seed and the costs of the rows of all gates together, so derivatives grow linearly. Arrays add at most one gate more to
each product, contribution and addition, which repeats a value to a shape or sums it to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.emitting import PlainEmitter
from gradcli.graph.graph import Graph
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import Settings, Shape, canonical

# A contribution is one product. In a branch that is not chosen it is guarded: a product, a comparison, a choice and its
# 0. A product of two constants may be folded into a third one.
_GUARDED = 4


class Cost(NamedTuple):
    """The gates that the derivative of one gate adds to a graph, at most.

    Attributes:
        rules: of its local gradients, constants included.
        contributions: of their products with the global gradient.
        additions: of contributions to an operand.
    """

    rules: int
    contributions: int
    additions: int

    @property
    def total(self) -> int:
        return sum(self)


def cost(row: Op, count: int | None = None, rows: Sequence[Op] = ops.ROWS) -> Cost:
    """The cost of a row.

    Args:
        row: one of rows; inputs and constants cost nothing.
        count: of its operands, if it is variadic; one if not given. A row that works on whole arrays costs what it
            costs at the most expensive of its trials.
        rows: the table, and perhaps functions of a program.
    """
    if row.hidden and row.name in ("input", "constant"):
        return Cost(0, 0, 0)
    if row.structural:
        return max(
            (_of_arrays(row, shapes, given, rows) for shapes, given in row.trials), key=lambda found: found.total
        )
    count = (count or 1) if row.variadic else len(row.parameters)
    products = sum(not (isinstance(rule, float) and rule == 0.0) for rule in row.partials)
    products = count if row.variadic else products
    made = _made(row, [()] * count, (), rows)
    return Cost(max(0, made - products), _GUARDED * products, products)


def _of_arrays(row: Op, shapes: Sequence[Shape], given: Mapping[str, Any], rows: Sequence[Op]) -> Cost:
    """The cost of a row that works on whole arrays: its rules give contributions, not local gradients."""
    made = _made(row, shapes, canonical(row.settings, given, shapes), rows)
    return Cost(max(0, made), 0, len(shapes))


def _made(row: Op, shapes: Sequence[Shape], settings: Settings, rows: Sequence[Op]) -> int:
    """How many gates the derivative of one gate adds, besides those of every derivative."""
    graph = Graph()
    graph.rows = tuple(rows)
    code = next(code for code, one in enumerate(rows) if one is row)
    places = tuple(
        graph.append(ops.INPUT, (), f"x{k}", 0, 0, (("shape", shape),) if shape else None)
        for k, shape in enumerate(shapes)
    )
    graph.output = graph.append(code, places, None, 0, 0, settings if row.structural else None)
    seed = None if graph.output not in graph.shapes else "1"
    derived = derive(graph, kind=PlainEmitter, seed=seed)
    zeros = sum(place not in derived.adjoints for place in places)  # these stand for all gates that pass nothing on
    return len(derived.graph) - len(graph) - _ALWAYS - zeros


_ALWAYS = 2  # gates of every derivative: the seed, and the constant pi that rules may use

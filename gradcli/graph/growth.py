"""How many gates a gate's derivative takes: counted from its row, by running the row's own rules on gates.

Enters: a row. Leaves: a `Cost`. Invariant: the gates that `derive` adds to a program are at most one for its seed and
the costs of the rows of all gates together, so derivatives grow linearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.emitting import PlainEmitter
from gradcli.graph.graph import Graph
from gradcli.graph.ops import Op

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
        count: of its operands, if it is variadic; one if not given.
        rows: the table, and perhaps functions of a program.
    """
    if row.hidden and row.name in ("input", "constant"):
        return Cost(0, 0, 0)
    count = (count or 1) if row.variadic else len(row.parameters)
    graph = Graph()
    graph.rows = tuple(rows)
    places = tuple(graph.append(ops.INPUT, (), f"x{k}", 0, 0) for k in range(count))
    graph.output = graph.append(next(code for code, one in enumerate(rows) if one is row), places, None, 0, 0)
    derived = derive(graph, kind=PlainEmitter)
    products = sum(not (isinstance(rule, float) and rule == 0.0) for rule in row.partials)
    products = count if row.variadic else products
    zeros = sum(place not in derived.adjoints for place in places)  # these stand for all gates that pass nothing on
    made = len(derived.graph) - len(graph) - _ALWAYS - zeros
    return Cost(max(0, made - products), _GUARDED * products, products)


_ALWAYS = 2  # gates of every derivative: the seed, and the constant pi that rules may use

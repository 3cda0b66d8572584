"""Functions of the program that bring their own derivative: rows of the program beside the rows of the table.

Enters: the graphs of a function's body and of its declared derivatives. Leaves: an `Op` like any other, so that every
command uses it as it stands. Invariant: the table itself never changes; a graph carries its own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.graph import ops
from gradcli.graph.ops import Op
from gradcli.numeric.system import NumberSystem

if TYPE_CHECKING:
    from gradcli.graph.graph import Graph


class Defined:
    """The rows of the functions that bring their own derivative, so far.

    Attributes:
        codes: by the function's name.
        costs: by code, how many gates computing value and derivatives takes.
        depths: by code, how many such functions are inside one another, each of which nests a Python call.
    """

    def __init__(self) -> None:
        self.rows: tuple[Op, ...] = ops.ROWS
        self.bodies: tuple[Graph, ...] = ()
        self.codes: dict[str, int] = {}
        self.costs: dict[int, int] = {}
        self.depths: dict[int, int] = {}


_CONSTANTS = {  # digits enough for any number system
    "e": "2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138217852516642743"
}


def constant(m: NumberSystem, literal: str) -> Any:
    """The number that a constant's literal stands for, in the number system m."""
    if m.literal is not None:
        return m.literal(literal)
    if literal == "pi":
        return m.pi
    if literal == "tau":
        return 2.0 * m.pi
    return m.number(_CONSTANTS.get(literal, literal))


def functions_on(rows: Sequence[Op], m: NumberSystem) -> list[Callable[..., Any] | None]:
    """Each row's function on the numbers of m, by code. None for inputs and constants.

    A system that writes or builds instead of computing says by `defined_function` what a call of a function of the
    program is to it; otherwise the function's body is run.
    """
    if "functions" not in m.cache:
        m.cache["functions"] = ops.functions(m)
    found: list[Callable[..., Any] | None] = m.cache["functions"]
    if len(rows) == len(found):
        return found
    make = getattr(m, "defined_function", lambda row: partial(row.forward, m))
    return [*found, *map(make, rows[len(found) :])]


def apply(graph: Graph, m: NumberSystem, operands: Sequence[Any]) -> Any:
    """The output of a graph whose inputs, in their order, are the operands."""
    functions, values = functions_on(graph.rows, m), list(operands)
    for code, places, literal in zip(graph.codes, graph.operands, graph.literals, strict=True):
        if code == ops.INPUT:
            continue
        function = functions[code]
        values.append(constant(m, literal or "") if function is None else function(*[values[i] for i in places]))
    return values[graph.output]


def row(name: str, parameters: Sequence[str], definition: str, body: Graph, gradients: Sequence[Graph]) -> Op:
    """The row of a function with declared derivatives.

    Args:
        name, parameters: as the program calls them.
        definition: the text of the body.
        body: its graph; the inputs are all parameters, in their order.
        gradients: for each parameter the graph of the declared derivative, with the same inputs.
    """
    return Op(
        name, tuple(parameters), "Defined by the program, with its own derivative.",
        tuple(_rule(gradient) for gradient in gradients), forward=lambda m, *xs: apply(body, m, xs),
        rules=tuple(map(_shown, gradients, parameters)), definition=definition,
    )  # fmt: skip


def _rule(gradient: Graph) -> Callable[..., Any]:
    return lambda m, y, *xs: apply(gradient, m, xs)


_LONGEST_RULE = 100  # gates written out; shared ones count as often as they are written


def _shown(gradient: Graph, parameter: str) -> Callable[..., Any] | None:
    """How a derivative is shown that is too long to be written out: shared gates would be repeated."""
    sizes: list[int] = []
    for operands in gradient.operands:
        sizes.append(min(_LONGEST_RULE + 1, 1 + sum(sizes[operand] for operand in operands)))
    if sizes[gradient.output] <= _LONGEST_RULE:
        return None
    return lambda m, y, *xs: m.number(f"∂/∂{parameter}")

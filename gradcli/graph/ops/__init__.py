"""The op table: every function of the language, one row each. Commands, formats and tests follow from the rows.

`ROWS` in the order they are documented; a gate stores its row's position as its code. `on(primitives)` gives the number
system that all rules run on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcli.graph.ops import activations, arithmetic, elementary, losses, piecewise, products, rearranging, reductions
from gradcli.graph.ops.layout import Layout, canonical
from gradcli.graph.ops.refined import REFINED
from gradcli.graph.ops.row import Kink, Op, Rule
from gradcli.numeric.system import NumberSystem

__all__ = [
    "CODES", "CONSTANT", "ELEMENTWISE", "INPUT", "ROWS", "STRUCTURAL", "Kink", "Layout", "Op", "Rule", "find", "names",
    "on", "primitives",
]  # fmt: skip

_input = Op("input", ("name",), "A named input of the program.", (), hidden=True)
_constant = Op("constant", ("literal",), "A number written in the program.", (), hidden=True)

ELEMENTWISE: tuple[Op, ...] = (*arithmetic.ROWS, *elementary.ROWS, *piecewise.ROWS, *activations.ROWS)
STRUCTURAL: tuple[Op, ...] = (*reductions.ROWS, *products.ROWS, *rearranging.ROWS, *losses.ROWS)
ROWS: tuple[Op, ...] = (_input, _constant, *ELEMENTWISE, *STRUCTURAL)
CODES: dict[str, int] = {row.name: code for code, row in enumerate(ROWS)}
INPUT, CONSTANT = CODES["input"], CODES["constant"]

_by_call: dict[str, list[Op]] = {}
for _row in ROWS:
    if not _row.hidden and (_row.symbol is None or _row.structural):  # matmul(a, b) is a @ b
        for _name in (_row.name, *_row.aliases):
            _by_call.setdefault(_name, []).append(_row)


def find(name: str) -> list[Op]:
    """The rows that a call of name can mean; they differ in the number of operands. Empty for an unknown name."""
    return _by_call.get(name, [])


def names() -> list[str]:
    """Every name that can be called."""
    return list(_by_call)


def primitives() -> list[str]:
    """The names that every number system has to bring."""
    return [row.name for row in ELEMENTWISE if row.forward is None]


def attribute(name: str) -> str:
    """The attribute of a number system that holds a row: Python reserves the words and, or, not."""
    return name + "_" if name in ("and", "or", "not") else name


def _on_arrays(row: Op) -> Rule:
    """A composed structural row as a function of a system whose numbers have shapes: m.softmax(x, axis=(0,))."""

    def apply(m: Any, *xs: Any, **settings: Any) -> Any:
        shapes = tuple(map(m.shape_of, xs))
        bare = Layout(shapes, canonical(row.settings, settings, shapes))
        bare.shape = row.shape(bare)  # type: ignore[misc]
        return row.forward(m, bare, *xs)  # type: ignore[misc]

    return apply


_composed: dict[str, Rule] = REFINED | {
    attribute(row.name): row.forward for row in ELEMENTWISE if row.forward is not None
}
_whole: dict[str, Rule] = {row.name: _on_arrays(row) for row in STRUCTURAL if row.forward is not None}


def on(functions: Mapping[str, Callable[..., Any] | Any]) -> NumberSystem:
    """The number system with the given primitives, on which every rule of the table runs."""
    return NumberSystem(functions, _composed, _whole)


def functions(m: NumberSystem) -> list[Callable[..., Any] | None]:
    """Each row's function on the numbers of m, by code. None for inputs, constants, and what m's numbers cannot do."""
    found = [getattr(m, attribute(row.name)) for row in ELEMENTWISE]
    return [None, None, *found, *(getattr(m, row.name, None) for row in STRUCTURAL)]

"""Gates as numbers: arithmetic that builds a graph instead of computing.

Enters: how to append a gate and a constant. Leaves: the functions of a number system whose numbers are gates; running a
row's partial on it gives the graph of the derivative. Invariant: every row of the table stays one gate; only formulas
that are not rows are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Emit = Callable[[str, tuple[int, ...]], int]  # a row's name and operand positions → the new gate's position
EmitConstant = Callable[[str], int]  # a literal → the new gate's position


class GateNumber:
    """A gate of the graph under construction, with the operators that rules use."""

    __slots__ = ("_apply", "index")

    def __init__(self, index: int, apply: Callable[..., GateNumber]) -> None:
        self.index = index
        self._apply = apply

    def __add__(self, other: Any) -> GateNumber:
        return self._apply("add", self, other)

    def __radd__(self, other: Any) -> GateNumber:
        return self._apply("add", other, self)

    def __sub__(self, other: Any) -> GateNumber:
        return self._apply("sub", self, other)

    def __rsub__(self, other: Any) -> GateNumber:
        return self._apply("sub", other, self)

    def __mul__(self, other: Any) -> GateNumber:
        return self._apply("mul", self, other)

    def __rmul__(self, other: Any) -> GateNumber:
        return self._apply("mul", other, self)

    def __neg__(self) -> GateNumber:
        return self._apply("neg", self)


def literal(x: float) -> str:
    """A float as the language writes it; integers without a point."""
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)


def primitives(rows: Iterable[tuple[str, str]], emit: Emit, emit_constant: EmitConstant) -> dict[str, Any]:
    """The functions of the system. rows: a pair of attribute name and row name for every row of the table."""

    def constant(text: str) -> GateNumber:
        return GateNumber(emit_constant(text), apply)

    def apply(name: str, *operands: Any) -> GateNumber:
        places = [x.index if x.__class__ is GateNumber else emit_constant(literal(float(x))) for x in operands]
        return GateNumber(emit(name, tuple(places)), apply)

    def function(name: str) -> Callable[..., GateNumber]:
        return lambda *operands: apply(name, *operands)

    system: dict[str, Any] = {attribute: function(name) for attribute, name in rows}
    system["number"] = constant
    system["defined_function"] = lambda row: function(row.name)
    system["pi"] = constant("pi")
    system["gate"] = lambda index: GateNumber(index, apply)
    return system

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
EmitStructural = Callable[[str, tuple[int, ...], dict[str, Any]], int]  # as Emit, with settings by name
ShapeOf = Callable[[int], tuple[int, ...]]  # of a gate


class GateNumber:
    """A gate of the graph under construction, with the operators that rules use.

    An array of gates beside it has operators of its own, which take it element by element.
    """

    __slots__ = ("_apply", "index")

    def __init__(self, index: int, apply: Callable[..., GateNumber]) -> None:
        self.index = index
        self._apply = apply

    def __add__(self, other: Any) -> GateNumber:
        return NotImplemented if hasattr(other, "shape") else self._apply("add", self, other)

    def __radd__(self, other: Any) -> GateNumber:
        return self._apply("add", other, self)

    def __sub__(self, other: Any) -> GateNumber:
        return NotImplemented if hasattr(other, "shape") else self._apply("sub", self, other)

    def __rsub__(self, other: Any) -> GateNumber:
        return self._apply("sub", other, self)

    def __mul__(self, other: Any) -> GateNumber:
        return NotImplemented if hasattr(other, "shape") else self._apply("mul", self, other)

    def __rmul__(self, other: Any) -> GateNumber:
        return self._apply("mul", other, self)

    def __neg__(self) -> GateNumber:
        return self._apply("neg", self)


def literal(x: float) -> str:
    """A float as the language writes it; integers without a point."""
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)


def primitives(
    rows: Iterable[tuple[str, str]],
    emit: Emit,
    emit_constant: EmitConstant,
    structural: Iterable[str] = (),
    emit_structural: EmitStructural | None = None,
    shape_of: ShapeOf | None = None,
    times: Callable[[int, int], int] | None = None,
) -> dict[str, Any]:
    """The functions of the system.

    Args:
        rows: a pair of attribute name and row name for every elementwise row of the table.
        emit, emit_constant: append to the graph.
        structural: names of the rows that work on whole arrays, which are their attributes too: m.sum(x, axis=(0,)).
        emit_structural: appends one of these; needed where there are any.
        shape_of: the shape of a gate; where it is not given, all are numbers.
        times: the product of a flow and a partial, if that is not just the row chain.
    """

    def constant(text: str) -> GateNumber:
        return GateNumber(emit_constant(text), apply)

    def place(x: Any) -> int:
        return x.index if x.__class__ is GateNumber else emit_constant(literal(float(x)))

    def apply(name: str, *operands: Any) -> GateNumber:
        places = [x.index if x.__class__ is GateNumber else emit_constant(literal(float(x))) for x in operands]
        return GateNumber(emit(name, tuple(places)), apply)

    def function(name: str) -> Callable[..., GateNumber]:
        return lambda *operands: apply(name, *operands)

    def arranging(name: str, emit: EmitStructural) -> Callable[..., GateNumber]:
        return lambda *operands, **given: GateNumber(emit(name, tuple(map(place, operands)), given), apply)

    def shape(x: Any) -> tuple[int, ...]:
        return shape_of(x.index) if shape_of is not None and x.__class__ is GateNumber else ()

    system: dict[str, Any] = {attribute: function(name) for attribute, name in rows}
    if emit_structural is not None:
        system |= {name: arranging(name, emit_structural) for name in structural}
    if times is not None:
        system["chain"] = lambda flow, partial: GateNumber(times(place(flow), place(partial)), apply)
    system["number"] = constant
    system["defined_function"] = lambda row: function(row.name)
    system["pi"] = constant("pi")
    system["gate"] = lambda index: GateNumber(index, apply)
    system["shape_of"] = shape
    return system

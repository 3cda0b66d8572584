"""Shapes and settings: what a structural gate is besides its row and its operands.

Enters: a row, the shapes of operands, settings as a program or a rule gives them. Leaves: `Layout`, which the rules of
structural rows read. Invariant: settings are known before anything is evaluated, and equal ones are equal tuples, so
that gates can be compared and shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Shape = tuple[int, ...]
Settings = tuple[tuple[str, Any], ...]  # pairs of name and value, in the order of the row
REQUIRED = "required"


class ShapeError(Exception):
    """Shapes that do not fit together. Whoever knows the place in the source makes an error for users of it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Setting(NamedTuple):
    """An argument of a function that is known when the graph is built.

    Attributes:
        name: as keyword; positional arguments after the operands are settings in their order.
        kind: "axes" (a number, a list, or none for all), "axis" (one), "place" (one of the result's axes), "flag",
            "shape", "reshaped" (a shape in which one extent may be -1), "count", "order" (a permutation of the axes),
            "slots" (of an index), "starts".
        default: its value if it is not given.
    """

    name: str
    kind: str
    default: Any = REQUIRED


class Layout:
    """Shapes and settings of one gate; a setting is an attribute: `s.axis`.

    Attributes:
        shapes: of the operands; () is a scalar.
        shape: of the result.
        settings: by name.
        position: of the operand that a rule is for.
        known: what rules found out about all positions together; those that `at` gives share it.
    """

    __slots__ = ("known", "position", "settings", "shape", "shapes")

    def __init__(self, shapes: Sequence[Shape], settings: Settings = (), shape: Shape = (), position: int = 0) -> None:
        self.shapes, self.shape, self.position = tuple(shapes), shape, position
        self.settings = dict(settings)
        self.known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.settings[name]
        except KeyError:
            raise AttributeError(name) from None

    def at(self, position: int) -> Layout:
        """The same, for the operand at a position; all else is shared, since a gate may have thousands of operands."""
        found = Layout(self.shapes, (), self.shape, position)  # a tuple of a tuple is the same one
        found.settings, found.known = self.settings, self.known
        return found


def size(shape: Shape) -> int:
    """How many elements."""
    count = 1
    for extent in shape:
        count *= extent
    return count


def shown(shape: Shape) -> str:
    """A shape in messages: a number, 3, 3×4."""
    return "×".join(map(str, shape)) if shape else "a number"


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The common shape of elementwise operands, by NumPy's rule.

    Raises:
        ShapeError: there is none.
    """
    result: Shape = ()
    for shape in shapes:
        if shape in ((), result):
            continue
        rank = max(len(result), len(shape))
        left, right = (1,) * (rank - len(result)) + result, (1,) * (rank - len(shape)) + shape
        if any(a != b and 1 not in (a, b) for a, b in zip(left, right, strict=True)):
            sides = " and ".join(shown(one) for one in dict.fromkeys(s for s in shapes if s))
            raise ShapeError(f"the shapes {sides} do not fit together", _hint(left, right))
        result = tuple(b if a == 1 else a for a, b in zip(left, right, strict=True))
    return result


def _hint(left: Shape, right: Shape) -> str:
    if left == right[::-1]:
        return "one may be meant transposed: A'"
    return "shapes are compared from the last axis on; extents have to be equal, or 1"


def axis_of(axis: Any, rank: int, what: str = "axis") -> int:
    """An axis counted from 0; negative ones count from the end."""
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise ShapeError(f"{what} is a whole number, not {axis!r}")
    if not -rank <= axis < rank:
        axes = f"axes 0 to {rank - 1}" if rank > 1 else "axis 0 alone" if rank else "no axes"
        raise ShapeError(f"there is no axis {axis}: the array has {axes}")
    return axis % rank


def canonical(parts: Sequence[Setting], given: Mapping[str, Any], shapes: Sequence[Shape]) -> Settings:
    """Settings in the one way in which they are kept.

    Args:
        parts: those of a row.
        given: by name, as a program or a rule gives them.
        shapes: of the operands.

    Raises:
        ShapeError: a value is missing, or is none of its kind.
    """
    if not parts:
        return ()
    operand = shapes[0] if shapes else ()
    found = []
    for part in parts:
        value = given.get(part.name, part.default)
        if value is REQUIRED:
            raise ShapeError(f"{part.name} is missing")
        found.append((part.name, _canonical(part, value, operand)))
    return tuple(found)


def _canonical(part: Setting, value: Any, operand: Shape) -> Any:
    kind, rank = part.kind, len(operand)
    if kind == "axes":
        if value is None:
            return tuple(range(rank))
        axes = value if isinstance(value, list | tuple) else [value]
        found = sorted(axis_of(axis, rank, part.name) for axis in axes)
        if len({*found}) < len(found):
            raise ShapeError(f"{part.name} names an axis twice")
        return tuple(found)
    if kind in ("axis", "place"):
        return axis_of(value, rank + (kind == "place"), part.name)
    if kind == "flag":
        return bool(value)
    if kind == "count":
        return _count(part.name, value)
    if kind == "order":
        axes = tuple(range(rank))[::-1] if value is None else value if isinstance(value, list | tuple) else [value]
        order = tuple(axis_of(axis, rank, part.name) for axis in axes)
        if sorted(order) != list(range(rank)):
            raise ShapeError(f"{part.name} has to name every axis once")
        return order
    if kind in ("shape", "reshaped", "starts"):
        whole = value if isinstance(value, list | tuple) else [value]
        extents = tuple(_count(part.name, extent, -1 if kind == "reshaped" else 0) for extent in whole)
        return _resolved(extents, operand) if -1 in extents else extents
    return tuple(tuple(slot) if isinstance(slot, list | tuple) else slot for slot in value)


def _resolved(extents: Shape, operand: Shape) -> Shape:
    """A shape whose -1 is the extent that is left for it."""
    if extents.count(-1) > 1:
        raise ShapeError("only one extent of a shape can be -1", "write the others as numbers")
    known = size(tuple(extent for extent in extents if extent != -1))
    rest = size(operand) // known if known else 0
    if rest * known != size(operand) or not known:
        written = ", ".join(map(str, extents))
        message = f"{shown(operand)}, of {size(operand)} elements, does not fill the shape [{written}]"
        raise ShapeError(message, "the other extents have to divide the number of elements")
    return tuple(rest if extent == -1 else extent for extent in extents)


def _count(name: str, value: Any, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ShapeError(f"{name} is made of whole numbers, not {value!r}")
    return value

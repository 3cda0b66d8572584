"""Rows that move, repeat, pick or put together elements without computing with them, and the running sum.

Enters: operands of known shapes. Leaves: the rows. Invariant: all are linear, so that a contribution is another row of
this module, and a second derivative is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from gradcli.graph.ops.layout import Layout, Setting, Shape, ShapeError, broadcast, shown, size
from gradcli.graph.ops.row import Op
from gradcli.numeric.text import ATOM, Text, parenthesised

_TO = Setting("shape", "shape")


def _listed(numbers: Sequence[int]) -> str:
    return f"[{', '.join(map(str, numbers))}]"


def _whole(shape: Shape, starts: Shape | None = None) -> tuple[tuple[int, int], ...]:
    """The slots of a block of this shape, at the origin or where it starts."""
    return tuple((start, start + n) for start, n in zip(starts or (0,) * len(shape), shape, strict=True))


# transpose, reshape


def _transposed(s: Layout) -> Shape:
    return tuple(s.shapes[0][axis] for axis in s.order)


def _reversed(order: Sequence[int] | None) -> bool:
    return order is None or tuple(order) == tuple(range(len(order)))[::-1]


def _inverse(order: Sequence[int]) -> tuple[int, ...] | None:
    """The order that undoes it; None is the reversed one."""
    return None if _reversed(order) else tuple(order.index(axis) for axis in range(len(order)))


def _write_transpose(operands: Sequence[Text], s: Layout) -> Text:
    if _reversed(s.order):
        return Text(parenthesised(operands[0], ATOM) + "'")
    return Text(f"transpose({operands[0].text}, order={_listed(s.order)})")


def _reshape(s: Layout) -> Shape:
    before: Shape = s.shapes[0]
    after: Shape = s.settings["shape"]
    if size(before) != size(after):
        message = f"reshape: {shown(before)} has {size(before)} elements, {shown(after)} has {size(after)}"
        raise ShapeError(message, "one extent may be -1: it is found from the others")
    return after


# stack, concat


def _stacked(s: Layout) -> Shape:
    first = s.shapes[0]
    for other in s.shapes:
        if other != first:
            message = f"stack: the shapes {shown(first)} and {shown(other)} differ"
            raise ShapeError(message, "stacked arrays need one shape; concat joins arrays of different lengths")
    return (*first[: s.axis], len(s.shapes), *first[s.axis :])


def _in_stack(s: Layout) -> tuple[Any, ...]:
    """The slots of an operand in the result."""
    rest = _whole(s.shapes[0])
    return (*rest[: s.axis], s.position, *rest[s.axis :])


def _put_in_stack(m: Any, s: Layout, t: Any) -> Any:
    shape: Shape = (*s.shapes[0][: s.axis], 1, *s.shapes[0][s.axis :])
    starts = tuple(s.position if axis == s.axis else 0 for axis in range(len(shape)))
    return m.scatter(m.reshape(t, shape=shape), shape=s.shape, starts=starts)


def _write_stack(operands: Sequence[Text], s: Layout) -> Text:
    inside = ", ".join(operand.text for operand in operands)
    return Text(f"[{inside}]" if s.axis == 0 else f"stack({inside}, axis={s.axis})")


def _joined(s: Layout) -> Shape:
    first = s.shapes[0]
    for other in s.shapes:
        same = len(other) == len(first) and all(
            a == b for axis, (a, b) in enumerate(zip(first, other, strict=True)) if axis != s.axis
        )
        if not same:
            message = f"concat: the shapes {shown(first)} and {shown(other)} do not fit together along axis {s.axis}"
            raise ShapeError(message, "all other extents have to be equal; numbers are put in a list: [a, b]")
    return (*first[: s.axis], sum(shape[s.axis] for shape in s.shapes), *first[s.axis + 1 :])


def _starts_in_concat(s: Layout) -> Shape:
    if "starts" not in s.known:
        s.known["starts"] = [*accumulate((shape[s.axis] for shape in s.shapes), initial=0)]
    before = s.known["starts"][s.position]
    return tuple(before if axis == s.axis else 0 for axis in range(len(s.shape)))


# index, scatter


def _indexed(s: Layout) -> Shape:
    shape = s.shapes[0]
    if len(s.slots) != len(shape):
        message = f"index: {len(s.slots)} indices for {shown(shape)}, which has {len(shape)} axes"
        raise ShapeError(message, "an index per axis; what is left out at the end is taken whole")
    for axis, (slot, extent) in enumerate(zip(s.slots, shape, strict=True)):
        start, stop = slot if isinstance(slot, tuple) else (slot, slot + 1)
        if not 0 <= start <= stop <= extent:
            message = f"index: {_slot(slot)} is outside axis {axis} of {shown(shape)}"
            raise ShapeError(message, f"indices of this axis go from 0 to {extent - 1}")
    return tuple(slot[1] - slot[0] for slot in s.slots if isinstance(slot, tuple))


def _block(s: Layout) -> tuple[Shape, Shape]:
    """The block that an index takes: its shape with all axes, and where it starts."""
    pairs = [slot if isinstance(slot, tuple) else (slot, slot + 1) for slot in s.slots]
    return tuple(stop - start for start, stop in pairs), tuple(start for start, _ in pairs)


def _put_back(m: Any, s: Layout, g: Any) -> Any:
    shape, starts = _block(s)
    block = g if shape == s.shape else m.reshape(g, shape=shape)
    return m.scatter(block, shape=s.shapes[0], starts=starts)


def _slot(slot: Any, extent: int | None = None) -> str:
    if not isinstance(slot, tuple):
        return str(slot)
    start, stop = slot
    return ":" if slot == (0, extent) else f"{start}:" if stop == extent else f"{start}:{stop}"


def _write_index(operands: Sequence[Text], s: Layout) -> Text:
    """x[0, 1:3]; axes at the end that are taken whole are left out, where the operand's shape is known."""
    slots, shape = [*s.slots], s.shapes[0] if s.shapes and len(s.shapes[0]) == len(s.slots) else None
    while shape and len(slots) > 1 and slots[-1] == (0, shape[len(slots) - 1]):
        slots.pop()
    inside = ", ".join(_slot(slot, shape[axis] if shape else None) for axis, slot in enumerate(slots))
    return Text(f"{parenthesised(operands[0], ATOM)}[{inside}]")


def _scattered(s: Layout) -> Shape:
    shape: Shape = s.settings["shape"]
    block = s.shapes[0]
    if not len(block) == len(shape) == len(s.starts):
        message = f"scatter: {shown(block)} at {_listed(s.starts)} and {shown(shape)} differ in their number of axes"
        raise ShapeError(message, "reshape the block so that it has as many axes")
    if any(start + n > extent for start, n, extent in zip(s.starts, block, shape, strict=True)):
        message = f"scatter: {shown(block)} at {_listed(s.starts)} reaches beyond {shown(shape)}"
        raise ShapeError(message, "start earlier, or ask for a larger shape")
    return shape


# broadcast_to, sum_to


def _broadcast(s: Layout) -> Shape:
    shape: Shape = s.settings["shape"]
    return _wider(s.shapes[0], shape, "broadcast_to", s.shapes[0], shape)


def _summed(s: Layout) -> Shape:
    shape: Shape = s.settings["shape"]
    _wider(shape, s.shapes[0], "sum_to", s.shapes[0], shape)
    return shape


def _wider(narrow: Shape, wide: Shape, name: str, before: Shape, after: Shape) -> Shape:
    """The wide shape, if the narrow one broadcasts to it."""
    try:
        fits = broadcast((narrow, wide)) == wide
    except ShapeError:
        fits = False
    if not fits:
        hint = "only new axes in front and axes of extent 1 are repeated; reshape can add axes of extent 1"
        raise ShapeError(f"{name}: {shown(before)} cannot become {shown(after)}", hint)
    return wide


# flip, cumsum, one_hot


def _same(s: Layout) -> Shape:
    return s.shapes[0]


def _axes(s: Layout) -> tuple[int, ...] | None:
    axes: tuple[int, ...] = s.axis
    return None if len(axes) == len(s.shapes[0]) else axes


def _sum_of_later(m: Any, s: Layout, g: Any) -> Any:
    """What a running sum adds an element to: itself and all that follow."""
    axis = None if len(s.shapes[0]) == 1 else s.axis
    return m.flip(_running(m, s, m.flip(g, axis=axis)), axis=axis)


def _running(m: Any, s: Layout, x: Any) -> Any:
    return m.cumsum(x, axis=-1 if s.axis == len(s.shapes[0]) - 1 else s.axis)


def _zeros(m: Any, shape: Shape) -> Any:
    return m.broadcast_to(0.0, shape=shape) if shape else 0.0


ROWS: tuple[Op, ...] = (
    Op("transpose", ("x",), "The axes in another order, reversed if none is given; written x'.", (),
       settings=(Setting("order", "order", None),), shape=_transposed,
       vjps=(lambda m, s, g, y, x: m.transpose(g, order=_inverse(s.order)),),
       jvps=(lambda m, s, t, y, x: m.transpose(t, order=None if _reversed(s.order) else s.order),),
       written=_write_transpose, linear=True, finite=2,
       trials=((((3,),), {}), (((3, 2),), {}), (((1, 3),), {}), (((3, 2),), {"order": [0, 1]}),
               (((2, 3, 4),), {}), (((2, 3, 4),), {"order": [1, 2, 0]}), (((2, 3, 4),), {"order": [0, -1, 1]}),
               (((0, 3),), {}), (((2, 0, 4),), {"order": [1, 2, 0]}))),
    Op("reshape", ("x",), "The same elements, row by row, in another shape; one extent may be -1.", (),
       settings=(Setting("shape", "reshaped"),), shape=_reshape,
       vjps=(lambda m, s, g, y, x: m.reshape(g, shape=s.shapes[0]),),
       jvps=(lambda m, s, t, y, x: m.reshape(t, shape=s.shape),), linear=True, finite=2,
       trials=((((),), {"shape": [1, 1]}), (((6,),), {"shape": [3, 2]}), (((3, 2),), {"shape": [-1]}),
               (((1,),), {"shape": []}), (((2, 3, 2),), {"shape": [4, -1]}), (((2, 3),), {"shape": [1, 6, 1]}),
               (((0, 3),), {"shape": [2, 0]}), (((0,),), {"shape": [2, -1]}))),
    Op("stack", ("*x",), "Arrays of one shape, or numbers, along a new axis; written [x, …] for the first axis.", (),
       settings=(Setting("axis", "place", 0),), shape=_stacked,
       vjps=(lambda m, s, g, y, *xs: m.index(g, slots=_in_stack(s)),),
       jvps=(lambda m, s, t, y, *xs: _put_in_stack(m, s, t),), written=_write_stack, linear=True, finite=2,
       trials=((((), (), ()), {}), (((2,),), {}), (((3,), (3,)), {"axis": 1}), (((3,), (3,)), {"axis": 0}),
               (((2, 3), (2, 3), (2, 3)), {"axis": -2}), (((1, 2), (1, 2)), {"axis": -1}),
               (((0,), (0,)), {"axis": 1}), (((1, 0), (1, 0)), {}))),
    Op("concat", ("*x",), "Arrays one after the other along an axis that they have.", (),
       settings=(Setting("axis", "axis", 0),), shape=_joined,
       vjps=(lambda m, s, g, y, *xs: m.index(g, slots=_whole(s.shapes[s.position], _starts_in_concat(s))),),
       jvps=(lambda m, s, t, y, *xs: m.scatter(t, shape=s.shape, starts=_starts_in_concat(s)),),
       linear=True, finite=2,
       trials=((((2,),), {}), (((2,), (1,), (3,)), {}), (((2, 3), (1, 3)), {}), (((2, 3), (2, 1)), {"axis": -1}),
               (((2, 1, 2), (2, 3, 2)), {"axis": 1}), (((0,), (1,), (2,)), {}), (((0, 1), (0, 2)), {"axis": 1}))),
    Op("index", ("x",), "An element or a part, written x[i], x[a:b], x[i, j].", (), hidden=True,
       settings=(Setting("slots", "slots"),), shape=_indexed,
       vjps=(lambda m, s, g, y, x: _put_back(m, s, g),), jvps=(lambda m, s, t, y, x: m.index(t, slots=s.slots),),
       written=_write_index, linear=True, finite=2,
       trials=((((3,),), {"slots": (1,)}), (((4,),), {"slots": ((1, 3),)}), (((1,),), {"slots": (0,)}),
               (((3, 2),), {"slots": (2, (0, 2))}), (((3, 2),), {"slots": ((0, 3), 1)}),
               (((3, 2),), {"slots": (0, 1)}), (((2, 3, 4),), {"slots": ((0, 1), 2, (1, 4))}),
               (((3,),), {"slots": ((3, 3),)}), (((3, 2),), {"slots": ((0, 3), (1, 1))}),
               (((0, 2),), {"slots": ((0, 0), 1)}))),
    Op("broadcast_to", ("x",), "Repeated to a shape: new axes in front, axes of extent 1.", (), settings=(_TO,),
       shape=_broadcast, vjps=(lambda m, s, g, y, x: m.sum_to(g, shape=s.shapes[0]),),
       jvps=(lambda m, s, t, y, x: m.broadcast_to(t, shape=s.shape),), linear=True, finite=2,
       trials=((((),), {"shape": [3, 2]}), (((2,),), {"shape": [3, 2]}), (((3, 1),), {"shape": [3, 2]}),
               (((3, 2),), {"shape": [3, 2]}), (((1, 3, 1),), {"shape": [2, 2, 3, 2]}),
               (((),), {"shape": [0]}), (((2,),), {"shape": [0, 2]}), (((3, 1),), {"shape": [3, 0]}),
               (((0,),), {"shape": [2, 0]}))),
    Op("sum_to", ("x",), "Summed to a shape that broadcasts to that of x: what undoes broadcast_to.", (),
       settings=(_TO,), shape=_summed, vjps=(lambda m, s, g, y, x: m.broadcast_to(g, shape=s.shapes[0]),),
       jvps=(lambda m, s, t, y, x: m.sum_to(t, shape=s.shape),), linear=True, finite=1,
       trials=((((3, 2),), {"shape": []}), (((3, 2),), {"shape": [2]}), (((3, 2),), {"shape": [3, 1]}),
               (((4,),), {"shape": [4]}), (((4,),), {"shape": [1]}), (((2, 1, 3),), {"shape": [1, 3]}),
               (((2, 2, 3, 2),), {"shape": [1, 3, 1]}), (((0, 2),), {"shape": [2]}), (((3, 0),), {"shape": [3, 1]}),
               (((0,),), {"shape": []}), (((2, 0),), {"shape": [0]}))),
    Op("scatter", ("x",), "Zeros of a shape with the block x put in at starts.", (),
       settings=(_TO, Setting("starts", "starts")), shape=_scattered,
       vjps=(lambda m, s, g, y, x: m.index(g, slots=_whole(s.shapes[0], s.starts)),),
       jvps=(lambda m, s, t, y, x: m.scatter(t, shape=s.shape, starts=s.starts),), linear=True, finite=2,
       vanishes=True,
       trials=((((2,),), {"shape": [4], "starts": [1]}), (((1, 2),), {"shape": [3, 2], "starts": [2, 0]}),
               (((2, 1, 2),), {"shape": [2, 3, 4], "starts": [0, 1, 1]}),
               (((0,),), {"shape": [3], "starts": [3]}), (((0,),), {"shape": [0], "starts": [0]}),
               (((2, 0, 1),), {"shape": [2, 3, 2], "starts": [0, 1, 1]}))),
    Op("flip", ("x",), "The elements in reverse order, along all axes or some.", (),
       settings=(Setting("axis", "axes", None),), shape=_same,
       vjps=(lambda m, s, g, y, x: m.flip(g, axis=_axes(s)),),
       jvps=(lambda m, s, t, y, x: m.flip(t, axis=_axes(s)),), linear=True, finite=2,
       trials=((((4,),), {}), (((1,),), {}), (((3, 2),), {}), (((3, 2),), {"axis": -1}),
               (((2, 3, 2),), {"axis": [0, 2]}), (((0, 2),), {}), (((0, 2),), {"axis": 1}))),
    Op("cumsum", ("x",), "Running sum along an axis, the last one if none is given.", (),
       settings=(Setting("axis", "axis", -1),), shape=_same,
       vjps=(lambda m, s, g, y, x: _sum_of_later(m, s, g),), jvps=(lambda m, s, t, y, x: _running(m, s, t),),
       linear=True, finite=1,
       trials=((((4,),), {}), (((1,),), {}), (((3, 2),), {"axis": 0}), (((3, 2),), {}),
               (((2, 3, 2),), {"axis": 1}), (((0,),), {}), (((0, 2),), {}), (((2, 0),), {}))),
    Op("one_hot", ("x",), "For each class number 0, 1, … a 1 at its place among count; all 0 if it is no class.", (),
       settings=(Setting("count", "count"),), shape=lambda s: (*s.shapes[0], s.count),
       vjps=(lambda m, s, g, y, x: _zeros(m, s.shapes[0]),), jvps=(lambda m, s, t, y, x: _zeros(m, s.shape),),
       finite=2, vanishes=True,
       trials=((((),), {"count": 3}), (((4,),), {"count": 3}), (((2, 1),), {"count": 2}), (((0,),), {"count": 3}),
               (((4,),), {"count": 0}))),
)  # fmt: skip

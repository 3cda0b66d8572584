"""Whether a program over whole columns computes every row alone, gate by gate.

Enters: the graphs of a program for two numbers of rows, gate for gate the same. Leaves: nothing, or an error at the
first gate that puts rows together. Invariant: only what is known to keep rows apart is let through; a structural row
of the table that has no rule here is refused.

What flows through a graph is, for every gate, the axis along which it has the rows, each of them made of the row of the
data at its place alone; a gate without such an axis is the same for all rows. An axis has the rows where its extent
follows their number, so that no other extent is taken for it by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from gradcli.errors import BindingError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Layout, Settings, Shape, size

Axis = int | None  # of the rows; None: the same for all rows


class Seen(NamedTuple):
    """A program over whole columns, for a number of rows."""

    graph: Graph
    rows: int

    @property
    def shape(self) -> Shape:
        """Of its output."""
        return self.graph.shapes.get(self.graph.output, ())


class _TogetherError(Exception):
    """Rows meet here, or may meet."""


Rule = Callable[[Layout, Sequence[Axis]], Axis]


def check_apart(first: Seen, second: Seen, bound: Collection[str]) -> None:
    """Refuse a program in which rows depend on each other: computed block by block it would be another one.

    Args:
        first, second: for two numbers of rows, both more than 1.
        bound: the inputs that columns bind.

    Raises:
        BindingError: rows do, or may, depend on each other, or on how many there are.
    """
    graph, other = first.graph, second.graph
    axes: list[Axis] = []
    for index, code in enumerate(graph.codes):
        operands = graph.operands[index]
        if index >= len(other) or (code, operands) != (other.codes[index], other.operands[index]):
            raise _counting(graph, index)
        if code in (ops.INPUT, ops.CONSTANT):
            if graph.literals[index] != other.literals[index]:
                raise _counting(graph, index)
            axes.append(0 if code == ops.INPUT and graph.literals[index] in bound else None)
            continue
        try:
            axis = _axis(graph, index, [axes[operand] for operand in operands])
        except _TogetherError:
            message = "here all rows are put together, and a prediction is of one row"
            hint = "take a stage before it; or give what is computed of all rows as a constant"
            raise BindingError(message, source=graph.source, span=graph.span(index), hint=hint) from None
        if axis is None and _follows(first, second, index):
            axis = _repeated(first, second, index)
        if not _alike(first, second, index, axis):
            raise _counting(graph, index)
        axes.append(axis)


def _counting(graph: Graph, index: int) -> BindingError:
    message = "this depends on how many rows there are, and a prediction is of one row"
    hint = "give the number as a constant, or take a stage that does without"
    return BindingError(message, source=graph.source, span=graph.span(index), hint=hint)


def _axis(graph: Graph, index: int, axes: Sequence[Axis]) -> Axis:
    """The axis of the rows in the result of a gate."""
    if all(axis is None for axis in axes):
        return None
    row, layout = graph.rows[graph.codes[index]], graph.layout(index)
    if not row.structural:
        return _broadcast(layout, axes)
    if row.name not in RULES:
        raise _TogetherError
    return RULES[row.name](layout, axes)


def _follows(first: Seen, second: Seen, index: int) -> bool:
    """Whether a gate has another shape, or other settings, for another number of rows."""
    a, b = first.graph, second.graph
    return a.shapes.get(index) != b.shapes.get(index) or a.settings.get(index) != b.settings.get(index)


def _repeated(first: Seen, second: Seen, index: int) -> Axis:
    """The axis along which what is the same for all rows is repeated for each."""
    graph = first.graph
    if graph.rows[graph.codes[index]].name != "broadcast_to":
        raise _counting(graph, index)
    shape, other = graph.shapes.get(index, ()), second.graph.shapes.get(index, ())
    places = [place for place, pair in enumerate(zip(shape, other, strict=False)) if pair[0] != pair[1]]
    if len(places) != 1 or len(shape) != len(other):
        raise _counting(graph, index)
    return places[0]


def _alike(first: Seen, second: Seen, index: int, axis: Axis) -> bool:
    """Whether a gate has the rows at this axis, and follows their number nowhere else."""
    if axis is None:
        return not _follows(first, second, index)
    both = first, second
    shapes = [seen.graph.shapes.get(index, ()) for seen in both]
    if any(len(shape) <= axis or shape[axis] != seen.rows for shape, seen in zip(shapes, both, strict=True)):
        return False
    settings = [_fixed(seen.graph.settings.get(index, ()), seen.rows) for seen in both]
    return _without(shapes[0], axis) == _without(shapes[1], axis) and settings[0] == settings[1]


def _fixed(settings: Settings, rows: int) -> list[tuple[str, Any]]:
    """What of the settings should not follow the number of rows; a shape is that of a result, and looked at there."""
    found = []
    for name, value in settings:
        if name == "slots":
            found.append((name, [None if slot == (0, rows) else slot for slot in value]))
        elif name != "shape":
            found.append((name, value))
    return found


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


# Rules: the axis of the rows in a result, from those in the operands, of which at least one has some.


def _one(axes: Sequence[Axis]) -> int:
    """The only axis there is."""
    found = {axis for axis in axes if axis is not None}
    if len(found) != 1:
        raise _TogetherError
    return found.pop()


def _broadcast(s: Layout, axes: Sequence[Axis]) -> Axis:
    """Axes are counted from the last one where shapes are broadcast."""
    back = [None if axis is None else axis - len(shape) for axis, shape in zip(axes, s.shapes, strict=True)]
    return len(s.shape) + _one(back)


def _reduced(s: Layout, axes: Sequence[Axis]) -> Axis:
    axis = _one(axes)
    if axis in s.axis:
        raise _TogetherError
    return axis if s.keepdims else axis - sum(gone < axis for gone in s.axis)


def _along(s: Layout, axes: Sequence[Axis]) -> Axis:
    """Of what is computed along one axis, or several, and keeps the shape."""
    axis = _one(axes)
    if axis in (s.axis if isinstance(s.axis, tuple) else (s.axis,)):
        raise _TogetherError
    return axis


def _transposed(s: Layout, axes: Sequence[Axis]) -> Axis:
    found: int = s.order.index(_one(axes))
    return found


def _reshaped(s: Layout, axes: Sequence[Axis]) -> Axis:
    """The axis before which, and behind which, there are as many elements as before."""
    axis, before = _one(axes), s.shapes[0]
    for place, extent in enumerate(s.shape):
        same = size(s.shape[:place]) == size(before[:axis]) and size(s.shape[place + 1 :]) == size(before[axis + 1 :])
        if same and extent == before[axis]:
            return place
    raise _TogetherError


def _stacked(s: Layout, axes: Sequence[Axis]) -> Axis:
    axis, new = _of_all(axes), int(s.axis)
    return axis + 1 if new <= axis else axis


def _joined(s: Layout, axes: Sequence[Axis]) -> Axis:
    axis = _of_all(axes)
    if axis == s.axis:
        raise _TogetherError
    return axis


def _of_all(axes: Sequence[Axis]) -> int:
    """The axis that all operands have the rows along."""
    if any(axis is None for axis in axes):
        raise _TogetherError
    return _one(axes)


def _picked(s: Layout, axes: Sequence[Axis]) -> Axis:
    axis = _one(axes)
    if s.slots[axis] != (0, s.shapes[0][axis]):
        raise _TogetherError
    return sum(isinstance(slot, tuple) for slot in s.slots[:axis])


def _summed_to(s: Layout, axes: Sequence[Axis]) -> Axis:
    axis = _one(axes)
    place = axis + len(s.shape) - len(s.shapes[0])
    if place < 0 or s.shape[place] != s.shapes[0][axis]:
        raise _TogetherError
    return place


def _scattered(s: Layout, axes: Sequence[Axis]) -> Axis:
    axis = _one(axes)
    if s.shape[axis] != s.shapes[0][axis]:
        raise _TogetherError
    return axis


def _kept(s: Layout, axes: Sequence[Axis]) -> Axis:
    return _one(axes)


def _outer(s: Layout, axes: Sequence[Axis]) -> Axis:
    return _one([place for place, axis in enumerate(axes) if axis is not None])


def _multiplied(s: Layout, axes: Sequence[Axis]) -> Axis:
    """The rows of the left operand, the columns of the right one, or an axis before these, counted from the last."""
    left, right = map(len, s.shapes)
    back: list[Axis] = []
    if axes[0] is not None:
        if axes[0] == left - 1:
            raise _TogetherError
        back.append(axes[0] - left + (right == 1))
    if axes[1] is not None:
        if axes[1] == max(0, right - 2):
            raise _TogetherError
        back.append(axes[1] - right + (left == 1 and axes[1] != right - 1))
    return len(s.shape) + _one(back)


def _never(s: Layout, axes: Sequence[Axis]) -> Axis:
    raise _TogetherError


_REDUCTIONS = ("sum", "mean", "prod", "var", "std", "norm", "amax", "amin", "logsumexp")
RULES: dict[str, Rule] = {
    **dict.fromkeys(_REDUCTIONS, _reduced),
    **dict.fromkeys(("softmax", "logsoftmax", "cumsum", "flip"), _along),
    **dict.fromkeys(("dot", "cross_entropy", "mse"), _never),
    "matmul": _multiplied, "outer": _outer, "transpose": _transposed, "reshape": _reshaped, "stack": _stacked,
    "concat": _joined, "index": _picked, "broadcast_to": _broadcast, "sum_to": _summed_to, "scatter": _scattered,
    "one_hot": _kept,
}  # fmt: skip

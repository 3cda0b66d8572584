"""Functions that move elements: shapes, transposing, stacking, indexing. They are the same for elements of all kinds.

Enters: arrays and numbers. Leaves: arrays, or numbers where no axis is left. Invariant: elements are moved or repeated,
never computed with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcli.numeric.arrays.mapped import plain

Shape = tuple[int, ...]


def shape_of(x: Any) -> Shape:
    """() for a number."""
    return x.shape if isinstance(x, np.ndarray) else ()


def transpose(x: Any, order: Sequence[int] | None = None) -> Any:
    return np.transpose(x, order) if isinstance(x, np.ndarray) else x


def index(x: Any, slots: Sequence[int | tuple[int, int]]) -> Any:
    """Elements of x: a number drops an axis, a pair of places keeps the stretch between them."""
    if not isinstance(x, np.ndarray):
        return x
    return plain(x[tuple(slot if isinstance(slot, int) else slice(*slot) for slot in slots)])


def flip(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    return np.flip(x, axis) if isinstance(x, np.ndarray) else x


def spread_axes(shape: Shape, smaller: Shape) -> tuple[int, ...]:
    """The axes along which an array of the smaller shape is repeated in a broadcast."""
    more = len(shape) - len(smaller)
    return (*range(more), *(k for k in range(more, len(shape)) if smaller[k - more] == 1 != shape[k]))


def functions(as_array: Callable[[Any], Any], zero: Callable[[], Any]) -> dict[str, Any]:
    """These functions for elements of one kind.

    Args:
        as_array: an array of a number.
        zero: gives the number 0.
    """

    def reshape(x: Any, shape: Shape) -> Any:
        return plain(as_array(x).reshape(shape))

    def broadcast_to(x: Any, shape: Shape) -> Any:
        return np.broadcast_to(as_array(x), shape) if shape_of(x) != shape else x

    def stack(*xs: Any, axis: int = 0) -> Any:
        return np.stack([as_array(x) for x in xs], axis)

    def concat(*xs: Any, axis: int = 0) -> Any:
        return np.concatenate(xs, axis)

    def scatter(x: Any, shape: Shape, starts: Sequence[int]) -> Any:
        """Zeros with the block x in them."""
        block = as_array(x)
        found = np.full(shape, zero(), dtype=block.dtype)
        found[tuple(slice(start, start + n) for start, n in zip(starts, block.shape, strict=True))] = block
        return found

    return {
        "shape_of": shape_of,
        "transpose": transpose,
        "index": index,
        "flip": flip,
        "reshape": reshape,
        "broadcast_to": broadcast_to,
        "stack": stack,
        "concat": concat,
        "scatter": scatter,
    }

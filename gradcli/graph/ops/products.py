"""Rows of products of vectors and matrices.

Enters: operands as NumPy's matmul takes them. Leaves: the rows. Invariant: a zero of what flows backwards or forwards
contributes 0 whatever it meets: `m.matmul_chained(a, b, flow=0)` is the matrix product whose products are
chain(a, b), or chain(b, a) for flow=1; on gates and text it is the plain one.
"""

from __future__ import annotations

from typing import Any

from gradcli.graph.ops.layout import Layout, Shape, ShapeError, broadcast, shown, size
from gradcli.graph.ops.reductions import Trials
from gradcli.graph.ops.row import Op


def _two_vectors(s: Layout) -> Shape:
    a, b = s.shapes
    if not (len(a) == len(b) == 1 and a == b):
        hint = "a @ b multiplies matrices; sum(a*b) adds up all products of arrays"
        raise ShapeError(f"dot: two vectors of one length are needed, not {shown(a)} and {shown(b)}", hint)
    return ()


def _table(s: Layout) -> Shape:
    a, b = s.shapes
    if not len(a) == len(b) == 1:
        message = f"outer: two vectors are needed, not {shown(a)} and {shown(b)}"
        raise ShapeError(message, "reshape(x, [-1]) makes a vector of an array")
    return (*a, *b)


def _column(m: Any, s: Layout, x: Any) -> Any:
    """The first operand of an outer product as a column."""
    return m.reshape(x, shape=(*s.shapes[0], 1))


def _multiplied(s: Layout) -> Shape:
    """NumPy's matmul: a vector is a row on the left, a column on the right; axes before the last two broadcast."""
    a, b = s.shapes
    if not a or not b:
        raise ShapeError(f"@: {shown(a)} and {shown(b)}: a number is no matrix", "multiply by a number with *")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        message = f"@: the shapes {shown(a)} and {shown(b)} do not fit together: {a[-1]} columns meet {inner} rows"
        raise ShapeError(message, _transposing(a, b))
    try:
        batch = broadcast((a[:-2], b[:-2]))
    except ShapeError:
        message = f"@: the shapes {shown(a)} and {shown(b)} do not fit together before their last two axes"
        raise ShapeError(message, "these extents have to be equal, or 1") from None
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _transposing(a: Shape, b: Shape) -> str:
    if len(b) == 2 and a[-1] == b[-1]:
        return "the second one may be meant transposed: A @ B'"
    if len(a) == 2 and a[0] == (b[-2] if len(b) > 1 else b[0]):
        return "the first one may be meant transposed: A' @ B"
    return "the last extent of the first and the last but one of the second have to be equal"


def _swapped(m: Any, x: Any, rank: int) -> Any:
    """The last two axes exchanged."""
    return m.transpose(x, order=None if rank == 2 else (*range(rank - 2), rank - 1, rank - 2))


def _fitted(m: Any, x: Any, before: Shape, after: Shape) -> Any:
    """Summed over the axes that an operand was repeated along."""
    return x if before == after else m.sum_to(x, shape=after)


def _to_left(m: Any, s: Layout, g: Any, y: Any, a: Any, b: Any) -> Any:
    of_a, of_b = s.shapes
    if len(of_b) == 1:
        return m.chain(m.reshape(g, shape=(*s.shape, 1)) if s.shape else g, b)
    if len(of_a) == 1 and len(of_b) > 2:
        g = m.reshape(g, shape=(*s.shape[:-1], 1, s.shape[-1]))
    product = m.matmul_chained(g, _swapped(m, b, len(of_b)), flow=0)
    made = (*s.shape[:-1], of_a[-1]) if len(of_a) > 1 else (*of_b[:-2], *((1,) if len(of_b) > 2 else ()), of_a[-1])
    return _fitted(m, product, made, of_a)


def _to_right(m: Any, s: Layout, g: Any, y: Any, a: Any, b: Any) -> Any:
    of_a, of_b = s.shapes
    if len(of_a) == 1:
        row = m.reshape(g, shape=(*s.shape[:-1], 1, s.shape[-1])) if s.shape else g
        return m.chain(row, m.reshape(a, shape=(*of_a, 1)) if s.shape else a)
    turned = _swapped(m, a, len(of_a))
    if len(of_b) > 1:
        made = (*s.shape[:-2], of_a[-1], s.shape[-1])
        return _fitted(m, m.matmul_chained(turned, g, flow=1), made, of_b)
    if len(of_a) == 2:
        return m.matmul_chained(turned, g, flow=1)
    column = m.matmul_chained(turned, m.reshape(g, shape=(*s.shape, 1)), flow=1)
    return m.reshape(m.sum_to(column, shape=(*of_b, 1)), shape=of_b)


def _left_rule(m: Any, s: Layout, g: Any, y: Any, a: Any, b: Any) -> Any:
    ranks = tuple(map(len, s.shapes))
    if ranks == (1, 1):
        return g * b
    return m.outer(g, b) if ranks == (2, 1) else _to_left(m, s, g, y, a, b)


def _right_rule(m: Any, s: Layout, g: Any, y: Any, a: Any, b: Any) -> Any:
    ranks = tuple(map(len, s.shapes))
    if ranks == (1, 1):
        return g * a
    return m.outer(a, g) if ranks == (1, 2) else _to_right(m, s, g, y, a, b)


def _steps(s: Layout) -> int:
    """Products, and the additions between them."""
    return size(s.shape) * max(0, 2 * s.shapes[0][-1] - 1)


_VECTORS: Trials = ((((3,), (3,)), {}), (((1,), (1,)), {}), (((0,), (0,)), {}))

ROWS: tuple[Op, ...] = (
    Op("dot", ("a", "b"), "Sum of the products of two vectors' elements.", (), shape=_two_vectors,
       forward=lambda m, s, a, b: m.sum(a * b), definition="sum(a*b)",
       vjps=(lambda m, s, g, y, a, b: m.chain(g, b), lambda m, s, g, y, a, b: m.chain(g, a)),
       jvps=(lambda m, s, t, y, a, b: m.sum(m.chain(t, b)), lambda m, s, t, y, a, b: m.sum(m.chain(t, a))),
       rules=(lambda m, s, g, y, a, b: g * b, lambda m, s, g, y, a, b: g * a), finite=1, gates=_steps, trials=_VECTORS,
       latex=r"\langle {0}, {1} \rangle"),
    Op("matmul", ("a", "b"), "Matrix product, also of vectors and of stacks of matrices.", (), symbol="@", precedence=6,
       shape=_multiplied, vjps=(_to_left, _to_right), rules=(_left_rule, _right_rule),
       jvps=(lambda m, s, t, y, a, b: m.matmul_chained(t, b, flow=0),
             lambda m, s, t, y, a, b: m.matmul_chained(a, t, flow=1)), finite=1, gates=_steps, latex=r"{0} \, {1}",
       trials=(*_VECTORS, (((2, 3), (3,)), {}), (((3,), (3, 2)), {}), (((2, 3), (3, 4)), {}), (((1, 3), (3, 1)), {}),
               (((2, 2, 3), (3,)), {}), (((3,), (2, 3, 2)), {}), (((2, 2, 3), (3, 2)), {}), (((2, 3), (2, 3, 2)), {}),
               (((2, 1, 2, 3), (3, 3, 1)), {}), (((2, 2, 3), (1, 3, 2)), {}),
               (((0, 3), (3, 2)), {}), (((2, 3), (3, 0)), {}), (((2, 0), (0, 3)), {}), (((2, 0), (0,)), {}),
               (((0,), (0, 2)), {}), (((0, 3), (3,)), {}), (((3,), (2, 3, 0)), {}), (((2, 2, 0), (0, 3)), {}),
               (((0, 2, 3), (3, 2)), {}), (((2, 3), (0, 3, 2)), {}), (((0, 2, 3), (3,)), {}))),
    Op("outer", ("a", "b"), "Table of the products of two vectors' elements.", (), shape=_table,
       forward=lambda m, s, a, b: _column(m, s, a) * b,
       vjps=(lambda m, s, g, y, a, b: m.matmul_chained(g, b, flow=0),
             lambda m, s, g, y, a, b: m.matmul_chained(a, g, flow=1)),
       jvps=(lambda m, s, t, y, a, b: m.chain(_column(m, s, t), b),
             lambda m, s, t, y, a, b: m.chain(t, _column(m, s, a))), finite=1, gates=lambda s: size(s.shape),
       trials=((((3,), (2,)), {}), (((1,), (3,)), {}), (((2,), (1,)), {}), (((0,), (2,)), {}), (((2,), (0,)), {}))),
)  # fmt: skip

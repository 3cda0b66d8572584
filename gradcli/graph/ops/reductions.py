"""Rows that make fewer elements of many: sums, means, products, norms, extremes.

Enters: an operand of any shape, a number too, and the axes that go. Leaves: the rows, and what other modules need to
bring a result back beside its operand. Invariant: a rule says the same of every shape; it asks for axes, never for
values.
"""

from __future__ import annotations

from typing import Any

from gradcli.graph.ops.layout import Layout, Setting, Shape, ShapeError, size
from gradcli.graph.ops.row import Kink, Op, Rule

AXES = Setting("axis", "axes", None)
KEPT = Setting("keepdims", "flag", False)
Trials = tuple[tuple[tuple[Shape, ...], dict[str, Any]], ...]
_TRIALS: Trials = (
    (((),), {}),
    (((4,),), {}),
    (((1,),), {"keepdims": True}),
    (((3, 2),), {}),
    (((3, 2),), {"axis": -1}),
    (((3, 2),), {"axis": 0}),
    (((3, 2),), {"axis": 1, "keepdims": True}),
    (((2, 1, 3),), {"axis": [0, 2]}),
    (((2, 3, 2),), {"axis": [1]}),
    (((2, 3, 2),), {"axis": [-1, 1], "keepdims": True}),
    (((0, 3),), {"axis": 1}),
    (((2, 0),), {"axis": 0, "keepdims": True}),
    (((2, 0, 3),), {"axis": [0, 2]}),
)  # fmt: skip
_OF_NONE: Trials = (
    (((0,),), {}),
    (((0, 2),), {"axis": 0}),
    (((2, 0),), {"axis": 1, "keepdims": True}),
    (((2, 0, 3),), {"axis": [1, 2]}),
    (((2, 0, 3, 0),), {"axis": 1}),
)  # fmt: skip


def reduced(s: Layout) -> Shape:
    """The shape without the axes that go; kept ones have extent 1."""
    return tuple(1 if k in s.axis else n for k, n in enumerate(s.shapes[0]) if s.keepdims or k not in s.axis)


def of_elements(s: Layout) -> Shape:
    """The same, where there is no answer for no elements."""
    if counted(s) == 0:
        raise ShapeError("an array without elements has no largest or smallest one", "take a longer part of it")
    return reduced(s)


def counted(s: Layout) -> int:
    """How many elements of the operand make one of the result."""
    return size(tuple(s.shapes[0][k] for k in s.axis))


def over(s: Layout) -> dict[str, Any]:
    """The settings of a reduction over the same axes whose result broadcasts against the operand.

    All axes are None, and a kept axis is asked for only where it is needed: so rules print without clutter.
    """
    return {"axis": _axes(s), "keepdims": not _leading(s)}


def aligned(m: Any, s: Layout, y: Any) -> Any:
    """A result so that it broadcasts against the operand."""
    if s.keepdims or _leading(s):
        return y
    return m.reshape(y, shape=tuple(1 if k in s.axis else n for k, n in enumerate(s.shapes[0])))


def by_elements(partial: Rule, shown: Rule | None = None) -> dict[str, Any]:
    """The rules of a reduction from `partial(m, s, y, x)`, the local gradient of each element; y is aligned.

    Args:
        shown: the contribution as textbooks have it, `shown(m, s, g, y, x)`, where it is not g*partial; g is aligned.
    """

    def vjp(m: Any, s: Layout, g: Any, y: Any, x: Any) -> Any:
        return m.chain(aligned(m, s, g), partial(m, s, aligned(m, s, y), x))

    def jvp(m: Any, s: Layout, t: Any, y: Any, x: Any) -> Any:
        moved = m.chain(t, partial(m, s, aligned(m, s, y), x))
        return m.sum(moved, axis=_axes(s), keepdims=s.keepdims)

    def rule(m: Any, s: Layout, g: Any, y: Any, x: Any) -> Any:
        g, y = aligned(m, s, g), aligned(m, s, y)
        return g * partial(m, s, y, x) if shown is None else shown(m, s, g, y, x)

    return {"vjps": (vjp,), "jvps": (jvp,), "rules": (rule,)}


def _axes(s: Layout) -> tuple[int, ...] | None:
    axes: tuple[int, ...] = s.axis
    return None if len(axes) == len(s.shapes[0]) else axes


def _leading(s: Layout) -> bool:
    """Whether the axes that go are the first ones: the rest then broadcasts by itself."""
    return bool(s.axis == tuple(range(len(s.axis))))


def _spread(m: Any, s: Layout, g: Any) -> Any:
    """A result repeated along the axes that it lost."""
    return g if s.shape == s.shapes[0] else m.broadcast_to(aligned(m, s, g), shape=s.shapes[0])


def _mean(m: Any, s: Layout, x: Any) -> Any:
    return _per_element(m, s, m.sum(x, axis=_axes(s), keepdims=s.keepdims))


def _per_element(m: Any, s: Layout, x: Any) -> Any:
    return x if counted(s) == 1 else m.div(x, float(counted(s)))


def _deviations(m: Any, s: Layout, x: Any) -> Any:
    """x - mean(x), measured from the first element: equal elements give exactly 0, and the mean's rounding is small."""
    if not s.axis or counted(s) == 0:
        return x - x
    first = 0 if _leading(s) else (0, 1)
    moved = x - m.index(x, slots=tuple(first if k in s.axis else (0, n) for k, n in enumerate(s.shapes[0])))
    return moved - m.mean(moved, **over(s))


def _shown_deviations(m: Any, s: Layout, x: Any) -> Any:
    return x - m.mean(x, **over(s))


def _var(m: Any, s: Layout, x: Any) -> Any:
    d = _deviations(m, s, x)
    return m.mean(d * d, axis=_axes(s), keepdims=s.keepdims)


def _std(m: Any, s: Layout, x: Any) -> Any:
    """The norm of the deviations over √n, so that there is no root of 0 in its derivative.

    No square overflows; a deviation does where the elements are further apart than the largest finite number.
    """
    distance = m.norm(_deviations(m, s, x), axis=_axes(s), keepdims=s.keepdims)
    return distance if counted(s) == 1 else m.div(distance, m.sqrt(float(counted(s))))


def _direction(m: Any, x: Any, r: Any) -> Any:
    """x/r, and 0 where r is."""
    return m.where(m.equal(r, 0.0), 0.0, m.div(x, r))


def _others(m: Any, s: Layout, x: Any) -> Any:
    """For each element the product of all the others, which is right where elements are 0 as well."""
    shape, axes = s.shapes[0], s.axis
    if counted(s) <= 1:
        return m.broadcast_to(1.0, shape=shape) if shape else 1.0
    order = (*(k for k in range(len(shape)) if k not in axes), *axes)
    ordered = tuple(shape[k] for k in order)
    lead = ordered[: len(shape) - len(axes)]
    straight = order == tuple(range(len(shape)))
    x = x if straight else m.transpose(x, order=order)
    x = x if len(axes) == 1 else m.reshape(x, shape=(*lead, counted(s)))
    others = _by_halves(m, x, lead, counted(s))
    others = others if len(axes) == 1 else m.reshape(others, shape=ordered)
    return others if straight else m.transpose(others, order=tuple(order.index(k) for k in range(len(shape))))


def _by_halves(m: Any, x: Any, lead: Shape, n: int) -> Any:
    """The products of the others along the last axis, of extent n ≥ 2.

    The first half times the second half has half as many elements. An element's others are its partner and the others
    of their product; an odd element waits at the end. That takes some 4n products.
    """
    whole, axis = tuple((0, extent) for extent in lead), len(lead)

    def part(x: Any, start: int, stop: int) -> Any:
        return m.index(x, slots=(*whole, (start, stop)))

    levels = []
    while n > 2:
        h, odd = n // 2, n % 2
        a, b = part(x, 0, h), part(x, h, 2 * h)
        levels.append((a, b, h, odd))
        x = m.concat(a * b, part(x, 2 * h, n), axis=axis) if odd else a * b
        n = h + odd
    others = m.flip(x, axis=axis)
    for a, b, h, odd in reversed(levels):
        of_pairs = part(others, 0, h) if odd else others
        rest = [part(others, h, h + 1)] if odd else []
        others = m.concat(b * of_pairs, a * of_pairs, *rest, axis=axis)
    return others


def _tie_shares(m: Any, s: Layout, y: Any, x: Any) -> Any:
    """1 for the chosen element; n elements that tie get 1/n each; nan where the value is nan."""
    chosen = m.equal(x, y)
    return m.div(chosen, m.sum(chosen, **over(s)))


def _is_chosen(m: Any, s: Layout, g: Any, y: Any, x: Any) -> Any:
    return g * m.equal(x, y)


def _tied(m: Any, s: Layout, y: Any, x: Any) -> Any:
    """Whether the largest or smallest element is there more than once."""
    return m.less(1.0, m.sum(m.equal(x, aligned(m, s, y)), axis=_axes(s), keepdims=s.keepdims))


def _is_flat(m: Any, s: Layout, y: Any, x: Any) -> Any:
    return m.equal(y, 0.0)


_SETTINGS = (AXES, KEPT)
_TIE = Kink(_tied, "n equal elements get 1/n of the gradient each", "tie")
_FLAT = Kink(_is_flat, "there is no slope where all elements are equal: 0 is taken")
_ZERO = Kink(_is_flat, "there is no slope at the zero vector: 0 is taken")

ROWS: tuple[Op, ...] = (
    Op("sum", ("x",), "Sum of the elements, over all axes or some.", (), settings=_SETTINGS, shape=reduced,
       vjps=(lambda m, s, g, y, x: _spread(m, s, g),),
       jvps=(lambda m, s, t, y, x: m.sum(t, axis=_axes(s), keepdims=s.keepdims),),
       linear=True, finite=1, trials=(*_TRIALS, *_OF_NONE)),
    Op("mean", ("x",), "Mean of the elements, over all axes or some.", (), settings=_SETTINGS, shape=reduced,
       vjps=(lambda m, s, g, y, x: _spread(m, s, _per_element(m, s, g)),),
       jvps=(lambda m, s, t, y, x: _mean(m, s, t),), forward=_mean,
       definition="sum(x, axis=axis, keepdims=keepdims)/count", linear=True, finite=1, trials=_TRIALS),
    Op("prod", ("x",), "Product of the elements, over all axes or some.", (), settings=_SETTINGS, shape=reduced,
       **by_elements(lambda m, s, y, x: _others(m, s, x), lambda m, s, g, y, x: m.div(g * y, x)),
       finite=1, trials=(*_TRIALS, *_OF_NONE, (((7,),), {}), (((2, 5),), {"axis": 1}))),
    Op("var", ("x",), "Variance, the mean of the squared deviations from the mean (divided by n, not n - 1).", (),
       settings=_SETTINGS, shape=reduced, forward=_var,
       **by_elements(lambda m, s, y, x: _per_element(m, s, 2.0 * _deviations(m, s, x)),
                     lambda m, s, g, y, x: _per_element(m, s, 2.0 * g * _shown_deviations(m, s, x))),
       definition="mean((x - mean(x, axis=axis, keepdims=1))^2, axis=axis, keepdims=keepdims)", finite=1,
       trials=_TRIALS),
    Op("std", ("x",), "Standard deviation √var(x); its slope where all elements are equal is taken as 0.", (),
       settings=_SETTINGS, shape=reduced, forward=_std,
       **by_elements(lambda m, s, y, x: _per_element(m, s, _direction(m, _deviations(m, s, x), y)),
                     lambda m, s, g, y, x: m.div(g * _shown_deviations(m, s, x), float(counted(s)) * y)),
       definition="sqrt(var(x, axis=axis, keepdims=keepdims))", finite=1, kink=_FLAT, trials=_TRIALS),
    Op("norm", ("x",), "Euclidean norm √sum(x²); its slope at the zero vector is taken as 0.", (),
       settings=_SETTINGS, shape=reduced,
       **by_elements(lambda m, s, y, x: _direction(m, x, y), lambda m, s, g, y, x: m.div(g * x, y)),
       definition="sqrt(sum(x^2, axis=axis, keepdims=keepdims))", finite=1, kink=_ZERO,
       trials=(*_TRIALS, *_OF_NONE)),
    Op("amax", ("x",), "Largest element, over all axes or some; n elements that tie get 1/n of the gradient each.", (),
       aliases=("max",), settings=_SETTINGS, shape=of_elements, **by_elements(_tie_shares, _is_chosen),
       finite=2, rectifies=True, kink=_TIE, trials=_TRIALS),
    Op("amin", ("x",), "Smallest element, over all axes or some; n elements that tie get 1/n of the gradient each.", (),
       aliases=("min",), settings=_SETTINGS, shape=of_elements, **by_elements(_tie_shares, _is_chosen),
       finite=2, rectifies=True, kink=_TIE, trials=_TRIALS),
)  # fmt: skip

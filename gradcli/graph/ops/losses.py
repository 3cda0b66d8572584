"""Rows of the softmax family and of losses, in forms that neither overflow nor cancel.

Enters: logits of any size, targets. Leaves: the rows. Invariant: no rule takes the largest logit out, which would put
a kink into the graph: x - logsumexp(x) does the same smoothly, and what it rounds is common to all elements, so that
normalising once more removes it.
"""

from __future__ import annotations

from typing import Any

from gradcli.graph.ops.layout import Layout, Setting, Shape, ShapeError, shown, size
from gradcli.graph.ops.reductions import AXES, KEPT, Trials, by_elements, of_elements, over
from gradcli.graph.ops.row import Op

_LAST = Setting("axis", "axis", -1)


def _same(s: Layout) -> Shape:
    if s.shapes[0][s.axis] == 0:
        raise ShapeError("there is no element to compare with", "take a longer part of the array")
    return s.shapes[0]


def _along(s: Layout) -> dict[str, Any]:
    """The settings of a reduction along the axis whose result broadcasts against the operand."""
    return {"axis": None if len(s.shapes[0]) == 1 else s.axis, "keepdims": s.axis != 0}


def _softmax(m: Any, s: Layout, x: Any) -> Any:
    e = m.exp(x - m.logsumexp(x, **_along(s)))
    return m.div(e, m.sum(e, **_along(s)))


def _logsoftmax(m: Any, s: Layout, x: Any) -> Any:
    z = x - m.logsumexp(x, **_along(s))
    return z - m.logsumexp(z, **_along(s))


def _centred(m: Any, s: Layout, u: Any, weights: Any) -> Any:
    """u minus its mean by the weights. Measured from where the weight is largest, so that a weight of nearly 1 leaves
    what the small ones say."""
    top = m.equal(weights, m.amax(weights, **_along(s)))
    v = u - m.sum(m.chain(u, m.div(top, m.sum(top, **_along(s)))), **_along(s))
    return v - m.sum(m.chain(v, weights), **_along(s))


def _to_softmax(m: Any, s: Layout, g: Any, y: Any, x: Any) -> Any:
    """The Jacobian, diag(y) - y y', is symmetric: this is the rule of both directions."""
    return m.chain(_centred(m, s, g, y), y)


def _to_logsoftmax(m: Any, s: Layout, g: Any, y: Any, x: Any) -> Any:
    """g - exp(y)*sum(g), g's own element apart: 1 - exp(y) would cancel."""
    return m.chain(g, -m.expm1(y)) - m.chain(m.sum(g, **_along(s)) - g, m.exp(y))


def _shares(m: Any, s: Layout, y: Any, x: Any) -> Any:
    """The slopes of logsumexp. Infinite elements that are equal share, as in logaddexp."""
    infinite = m.and_(m.equal(x, y), m.equal(m.abs(x), m.number("inf")))
    e = m.where(infinite, 1.0, m.exp(x - y))
    return m.div(e, m.sum(e, **over(s)))


# cross_entropy


def _loss(s: Layout) -> Shape:
    logits, targets = s.shapes
    if not logits:
        raise ShapeError("cross_entropy: logits are a vector, or a row for each example, not a number", "write [a, b]")
    if logits[-1] == 0:
        raise ShapeError(f"cross_entropy: logits {shown(logits)} have no classes", "take a longer part of the array")
    if targets not in (logits, logits[:-1]):
        message = f"cross_entropy: logits {shown(logits)} and targets {shown(targets)} do not fit together"
        numbers = f"class numbers, {shown(logits[:-1])}" if len(logits) > 1 else "the class, a number"
        raise ShapeError(message, f"targets are probabilities, {shown(logits)}, or {numbers}")
    return ()


def _row_settings(s: Layout) -> dict[str, Any]:
    rank = len(s.shapes[0])
    return {"axis": None if rank == 1 else rank - 1, "keepdims": rank > 1}


def _classes(s: Layout) -> bool:
    return len(s.shapes[1]) < len(s.shapes[0])


def _targets(m: Any, s: Layout, t: Any) -> Any:
    """As probabilities; a number that is no class gives nan, not a loss of 0."""
    if not _classes(s):
        return t
    p = m.one_hot(t, count=s.shapes[0][-1])
    return m.defined(m.less(0.0, m.sum(p, **_row_settings(s))), p)


def _no_class(s: Layout, logits: list[Any], targets: list[Any]) -> str | None:
    """The first label that is no class."""
    count = s.shapes[0][-1]
    wrong = next((k for k, t in enumerate(targets) if not 0 <= t < count or t % 1 != 0), None)
    if wrong is None or not _classes(s):
        return None
    place = wrong
    indices: list[int] = []
    for extent in reversed(s.shapes[1]):
        place, index = divmod(place, extent)
        indices.insert(0, index)
    where = f" at {indices}" if indices else ""
    classes = f"classes are 0 to {count - 1}" if count > 1 else "the only class is 0"
    return f"label {targets[wrong]}{where} is no class: {classes}"


def _per_example(m: Any, s: Layout, x: Any) -> Any:
    examples = size(s.shapes[0][:-1])
    return x if examples == 1 else m.div(x, float(examples))


def _cross_entropy(m: Any, s: Layout, x: Any, t: Any) -> Any:
    return _per_example(m, s, m.sum(m.chain(_targets(m, s, t), -m.logsoftmax(x, axis=-1))))


def _logit_slope(m: Any, s: Layout, x: Any, t: Any) -> Any:
    """softmax(x)*sum(t) - t, t's own element apart: softmax(x) - 1 would cancel."""
    p, y = _targets(m, s, t), m.logsoftmax(x, axis=-1)
    total = 1.0 if _classes(s) else m.sum(p, **_row_settings(s))
    return _per_example(m, s, m.chain(p, m.expm1(y)) + m.chain(total - p, m.exp(y)))


def _logit_rule(m: Any, s: Layout, g: Any, y: Any, x: Any, t: Any) -> Any:
    if _classes(s):
        return _per_example(m, s, g * (m.softmax(x, axis=-1) - m.one_hot(t, count=s.shapes[0][-1])))
    return _per_example(m, s, g * (m.softmax(x, axis=-1) * m.sum(t, **_row_settings(s)) - t))


def _target_slope(m: Any, s: Layout, x: Any) -> Any:
    return _per_example(m, s, -m.logsoftmax(x, axis=-1))


def _to_targets(m: Any, s: Layout, g: Any, y: Any, x: Any, t: Any) -> Any:
    if _classes(s):
        return m.broadcast_to(0.0, shape=s.shapes[1]) if s.shapes[1] else 0.0
    return m.chain(g, _target_slope(m, s, x))


def _target_rule(m: Any, s: Layout, g: Any, y: Any, x: Any, t: Any) -> Any:
    return 0.0 if _classes(s) else _per_example(m, s, -g * m.logsoftmax(x, axis=-1))


def _from_targets(m: Any, s: Layout, moved: Any, y: Any, x: Any, t: Any) -> Any:
    return 0.0 if _classes(s) else m.sum(m.chain(moved, _target_slope(m, s, x)))


# mse


def _equal_shapes(s: Layout) -> Shape:
    a, b = s.shapes
    if a != b:
        message = f"mse: the shapes {shown(a)} and {shown(b)} differ"
        raise ShapeError(message, "reshape one of them; mean((a - b)^2) repeats the smaller one")
    return ()


def _mse_slope(m: Any, s: Layout, a: Any, b: Any) -> Any:
    return _per_element(m, s, 2.0 * (a - b))


def _per_element(m: Any, s: Layout, x: Any) -> Any:
    count = size(s.shapes[0])
    return x if count == 1 else m.div(x, float(count))


def _mse(m: Any, s: Layout, a: Any, b: Any) -> Any:
    d = a - b
    return m.mean(d * d)


_ALONG_TRIALS: Trials = (
    (((4,),), {}), (((1,),), {}), (((3, 2),), {}), (((3, 2),), {"axis": 0}), (((2, 3, 2),), {"axis": 1}),
    (((2, 1, 3),), {"axis": -1}), (((2, 1, 3),), {"axis": 1}),
    (((0, 3),), {"axis": -1}), (((2, 0),), {"axis": 0}), (((2, 3, 0),), {"axis": 1}),
)  # fmt: skip

ROWS: tuple[Op, ...] = (
    Op("softmax", ("x",), "exp(x) divided by its sum along an axis, the last one if none is given.", (),
       settings=(_LAST,), shape=_same, forward=_softmax, vjps=(_to_softmax,), jvps=(_to_softmax,),
       rules=(lambda m, s, g, y, x: y * (g - m.sum(g * y, **_along(s))),),
       definition="exp(x)/sum(exp(x), axis=axis, keepdims=1)", finite=2, trials=_ALONG_TRIALS),
    Op("logsoftmax", ("x",), "log(softmax(x)), exact in both tails.", (), settings=(_LAST,), shape=_same,
       forward=_logsoftmax, vjps=(_to_logsoftmax,),
       jvps=(lambda m, s, t, y, x: _centred(m, s, t, m.exp(y)),),
       rules=(lambda m, s, g, y, x: g - m.exp(y) * m.sum(g, **_along(s)),),
       definition="log(exp(x)/sum(exp(x), axis=axis, keepdims=1))", finite=1, trials=_ALONG_TRIALS),
    Op("logsumexp", ("x",), "log(sum(exp(x))) without overflow, over all axes or some.", (), settings=(AXES, KEPT),
       shape=of_elements, **by_elements(_shares, lambda m, s, g, y, x: g * m.exp(x - y)),
       definition="log(sum(exp(x), axis=axis, keepdims=keepdims))", finite=2,
       trials=((((),), {}), *_ALONG_TRIALS, (((3, 2),), {"axis": 1, "keepdims": True}),
               (((2, 3, 2),), {"axis": [0, 2]}))),
    Op("cross_entropy", ("logits", "targets"),
       "Mean over examples of -sum(targets*logsoftmax(logits)); targets are probabilities, or class numbers.", (),
       shape=_loss, forward=_cross_entropy,
       vjps=(lambda m, s, g, y, x, t: m.chain(g, _logit_slope(m, s, x, t)), _to_targets),
       jvps=(lambda m, s, moved, y, x, t: m.sum(m.chain(moved, _logit_slope(m, s, x, t))), _from_targets),
       rules=(_logit_rule, _target_rule), fault=_no_class,
       definition="mean(-sum(targets*logsoftmax(logits), axis=-1))",
       trials=((((3,), (3,)), {}), (((1,), (1,)), {}), (((3,), ()), {}), (((4, 3), (4, 3)), {}), (((4, 3), (4,)), {}),
               (((1, 3), (1,)), {}), (((2, 2, 3), (2, 2, 3)), {}), (((2, 2, 3), (2, 2)), {}))),
    Op("mse", ("a", "b"), "Mean of the squared differences of two arrays of one shape.", (), shape=_equal_shapes,
       forward=_mse, vjps=(lambda m, s, g, y, a, b: m.chain(g, _mse_slope(m, s, a, b)),
                           lambda m, s, g, y, a, b: m.chain(g, -_mse_slope(m, s, a, b))),
       jvps=(lambda m, s, t, y, a, b: m.sum(m.chain(t, _mse_slope(m, s, a, b))),
             lambda m, s, t, y, a, b: m.sum(m.chain(t, -_mse_slope(m, s, a, b)))),
       rules=(lambda m, s, g, y, a, b: _per_element(m, s, 2.0 * g * (a - b)),
              lambda m, s, g, y, a, b: _per_element(m, s, 2.0 * g * (b - a))),
       definition="mean((a - b)^2)", finite=1,
       trials=((((), ()), {}), (((3,), (3,)), {}), (((1,), (1,)), {}), (((3, 2), (3, 2)), {}),
               (((2, 1, 3), (2, 1, 3)), {}))),
)  # fmt: skip

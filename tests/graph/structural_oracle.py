"""What structural rows have to compute: values from the textbook in multiprecision, derivatives as their differences.

Nothing here uses a rule of the table: the values are sums and products of mpmath's numbers, put where NumPy's own
functions put them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import Layout, Shape, canonical
from gradcli.numeric import arrays
from gradcli.numeric.decimals import Decimals
from gradcli.numeric.system import NumberSystem
from gradcli.passes import FLOATS

DIGITS = 110
STEP = "1e-40"  # differences are then right to some 80 digits at best, 60 with the numbers of the trials
CLOSE = 1e-30
NUMBERS = Decimals(DIGITS)
MP: Any = NUMBERS.context
EXACT: NumberSystem = arrays.over(ops.on(NUMBERS.primitives))
FLOAT: NumberSystem = arrays.over(FLOATS)


class Trial(NamedTuple):
    """A row, the layout of a gate of it, and operands in multiprecision: doubles, so that floats have the same.

    Attributes:
        smooth: the operands that can be moved; class numbers cannot.
    """

    row: Op
    layout: Layout
    operands: tuple[Any, ...]
    smooth: tuple[int, ...]

    @property
    def floats(self) -> list[Any]:
        return [as_floats(x) for x in self.operands]


def layout(row: Op, shapes: Sequence[Shape], given: dict[str, Any]) -> Layout:
    """Of a gate, with the shape of its result."""
    assert row.shape is not None
    found = Layout(shapes, canonical(row.settings, given, shapes))
    found.shape = row.shape(found)
    return found


def trials() -> Iterator[Trial]:
    """All that the rows name."""
    for row in ops.STRUCTURAL:
        for shapes, given in row.trials:
            made = layout(row, shapes, given)
            classes = [_takes_classes(row, made, k) for k in range(len(shapes))]
            drawn = [numbers((row.name, shapes, str(given), k), shape) for k, shape in enumerate(shapes)]
            whole = [
                mapped(lambda x: MP.mpf(int(abs(x) * 8) % 3), x) if c else x
                for x, c in zip(drawn, classes, strict=True)
            ]
            if row.name == "cross_entropy" and len(shapes[1]) < len(shapes[0]):
                whole[1] = mapped(lambda x, n=shapes[0][-1]: x % n, whole[1])
            yield Trial(row, made, tuple(whole), tuple(k for k, c in enumerate(classes) if not c))


def _takes_classes(row: Op, made: Layout, k: int) -> bool:
    if row.name == "one_hot":
        return True
    return row.name == "cross_entropy" and k == 1 and len(made.shapes[1]) < len(made.shapes[0])


def named(trial: Trial) -> str:
    shapes = ",".join("x".join(map(str, shape)) or "number" for shape in trial.layout.shapes)
    return f"{trial.row.name}-{shapes}-{trial.layout.settings}"


def numbers(key: Any, shape: Shape) -> Any:
    """Doubles between -2 and 2, no two alike, the same in every run; the key tells draws apart."""
    draws = np.random.default_rng(zlib.crc32(repr(key).encode()))
    found = draws.uniform(0.1, 2.0, shape) * draws.choice((-1.0, 1.0), shape)
    return as_exact(found)


def as_exact(x: Any) -> Any:
    """Floats as multiprecision numbers."""
    return mapped(lambda one: MP.mpf(float(one)), x)


def as_floats(x: Any) -> Any:
    return x.astype(np.float64) if isinstance(x, np.ndarray) else float(x)


def mapped(function: Callable[..., Any], x: Any) -> Any:
    """A function of numbers on an array or a number."""
    array = np.asarray(x)
    if not array.shape:
        return function(array.item())
    found = np.empty(array.shape, dtype=object)
    for place in np.ndindex(*array.shape):
        found[place] = function(array[place])
    return found


# Values


def _reduction(function: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    """A function of a list of numbers over axes."""

    def reduce(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
        array = np.asarray(x, dtype=object)
        kept = [k for k in range(array.ndim) if k not in axis]
        found = np.empty([array.shape[k] for k in kept], dtype=object)
        for place in np.ndindex(*found.shape):
            slots: list[Any] = [slice(None)] * array.ndim
            for k, i in zip(kept, place, strict=True):
                slots[k] = i
            found[place] = function(list(np.asarray(array[tuple(slots)], dtype=object).flat))
        shape = [1 if k in axis else n for k, n in enumerate(array.shape)]
        return found.reshape(shape) if keepdims else found[()]

    return reduce


def _mean(xs: list[Any]) -> Any:
    return MP.fsum(xs) / len(xs)


def _var(xs: list[Any]) -> Any:
    return MP.fsum((x - _mean(xs)) ** 2 for x in xs) / len(xs)


def _logsumexp(xs: list[Any]) -> Any:
    return MP.log(MP.fsum(map(MP.exp, xs)))


def _along(function: Callable[[list[Any]], list[Any]]) -> Callable[..., Any]:
    """A function of a list of numbers that gives as many, along one axis."""

    def along(x: Any, axis: int) -> Any:
        if not x.size:  # for which there is nothing to compute, and NumPy refuses to look for it
            return x
        return np.apply_along_axis(lambda xs: np.array(function(list(xs)), dtype=object), axis, x)

    return along


def _softmax(xs: list[Any]) -> list[Any]:
    total = MP.fsum(map(MP.exp, xs))
    return [MP.exp(x) / total for x in xs]


def _cross_entropy(logits: Any, targets: Any) -> Any:
    rows = logits.reshape(-1, logits.shape[-1])
    if np.shape(targets) == logits.shape:
        chances = targets.reshape(rows.shape)
    else:
        classes = np.asarray(targets, dtype=object).reshape(-1)
        chances = [[MP.mpf(int(c == k)) for k in range(rows.shape[1])] for c in classes]
    each = (
        p * MP.log(q)
        for row, ps in zip(rows, chances, strict=True)
        for p, q in zip(ps, _softmax(list(row)), strict=True)
    )
    return -MP.fsum(each) / len(rows)


def _sum_to(x: Any, shape: Shape) -> Any:
    """Element by element: where each would come from in a broadcast."""
    source = (
        np.broadcast_to(np.arange(int(np.prod(shape, dtype=int))).reshape(shape), np.shape(x))
        if shape
        else np.zeros(np.shape(x), int)
    )
    flat = [MP.mpf(0)] * int(np.prod(shape, dtype=int))
    for place in np.ndindex(*np.shape(x)):
        flat[source[place]] += x[place]
    return np.array(flat, dtype=object).reshape(shape)[()]


def _scatter(x: Any, shape: Shape, starts: Shape) -> Any:
    found = mapped(MP.mpf, np.zeros(shape))
    for place in np.ndindex(*x.shape):
        found[tuple(a + b for a, b in zip(place, starts, strict=True))] = x[place]
    return found


def _matmul(a: Any, b: Any) -> Any:
    """Element by element, each the product of a row and a column."""
    left, right = (a if a.ndim > 1 else a[None, :]), (b if b.ndim > 1 else b[:, None])
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (left, right))
    found = np.empty((*batch, left.shape[-2], right.shape[-1]), dtype=object)
    for *place, i, j in np.ndindex(*found.shape):
        found[(*place, i, j)] = MP.fdot(left[(*place, i)], right[(*place, slice(None), j)])
    lost = [axis for axis, x in ((-2, a), (-1, b)) if x.ndim == 1]
    return np.squeeze(found, axis=tuple(lost))[()]


def _cumsum(xs: list[Any]) -> list[Any]:
    return [MP.fsum(xs[: k + 1]) for k in range(len(xs))]


VALUES: dict[str, Callable[..., Any]] = {
    "sum": _reduction(MP.fsum),
    "mean": _reduction(_mean),
    "prod": _reduction(MP.fprod),
    "var": _reduction(_var),
    "std": _reduction(lambda xs: MP.sqrt(_var(xs))),
    "norm": _reduction(lambda xs: MP.sqrt(MP.fsum(x * x for x in xs))),
    "amax": _reduction(max),
    "amin": _reduction(min),
    "logsumexp": _reduction(_logsumexp),
    "dot": lambda a, b: MP.fdot(a, b),
    "matmul": _matmul,
    "outer": lambda a, b: np.array([x * y for x in a for y in b], dtype=object).reshape(len(a), len(b)),
    "transpose": lambda x, order: np.transpose(x, order),
    "reshape": lambda x, shape: np.reshape(np.asarray(x, dtype=object), shape)[()],
    "stack": lambda *xs, axis: np.stack([np.asarray(x, dtype=object) for x in xs], axis),
    "concat": lambda *xs, axis: np.concatenate(xs, axis),
    "index": lambda x, slots: x[tuple(slot if isinstance(slot, int) else slice(*slot) for slot in slots)],
    "broadcast_to": lambda x, shape: np.broadcast_to(np.asarray(x, dtype=object), shape),
    "sum_to": _sum_to,
    "scatter": _scatter,
    "flip": lambda x, axis: np.flip(x, axis),
    "cumsum": _along(_cumsum),
    "one_hot": lambda x, count: np.array(
        [MP.mpf(int(one == k)) for one in np.asarray(x, dtype=object).flat for k in range(count)], dtype=object
    ).reshape(*np.shape(x), count),
    "softmax": _along(_softmax),
    "logsoftmax": _along(lambda xs: [MP.log(y) for y in _softmax(xs)]),
    "cross_entropy": _cross_entropy,
    "mse": lambda a, b: _mean([(x - y) ** 2 for x, y in zip(np.ravel(a), np.ravel(b), strict=True)]),
}


def value(row: Op, made: Layout, operands: Sequence[Any]) -> Any:
    """What the row has to give."""
    return VALUES[row.name](*operands, **made.settings)


# Derivatives


def moved(operands: Sequence[Any], position: int, direction: Any, step: Any) -> list[Any]:
    """The operands, one of them moved."""
    return [x + direction * step if k == position else x for k, x in enumerate(operands)]


def difference(of: Callable[[Sequence[Any]], Any], operands: Sequence[Any], position: int, direction: Any) -> Any:
    """The directional derivative of a function of the operands, as a central difference."""
    h = MP.mpf(STEP)
    above, below = (of(moved(operands, position, direction, step)) for step in (h, -h))
    return (above - below) / (2 * h)


def inner(a: Any, b: Any) -> Any:
    """The sum of the products of elements."""
    return MP.fsum(x * y for x, y in zip(np.ravel(a), np.ravel(b), strict=True))


def distance(a: Any, b: Any) -> float:
    """How far two arrays are apart, relative to the largest element, or to 1 where that is larger; nan is far."""
    assert np.shape(a) == np.shape(b), f"{np.shape(a)} is not {np.shape(b)}"
    pairs = list(zip(np.ravel(np.asarray(a, dtype=object)), np.ravel(np.asarray(b, dtype=object)), strict=True))
    largest = max([MP.mpf(1), *(abs(MP.mpf(y)) for _, y in pairs)])
    return float(max((abs(MP.mpf(x) - MP.mpf(y)) / largest for x, y in pairs), default=0.0))


# Graphs


def evaluated(graph: Graph, inputs: dict[str, Any], m: NumberSystem) -> list[Any]:
    """The value of every gate, with the functions of m: a forward pass of its own, without passes.py."""
    values: list[Any] = []
    for gate in graph:
        if gate.op is ops.ROWS[ops.INPUT]:
            values.append(inputs[gate.name or ""])
        elif gate.op is ops.ROWS[ops.CONSTANT]:
            assert not gate.shape
            values.append(m.number(gate.literal) if gate.literal != "pi" else m.pi)
        else:
            settings = dict(graph.settings.get(gate.position, ()))
            function = getattr(m, ops.attribute(gate.op.name))
            values.append(function(*(values[operand] for operand in gate.operands), **settings))
        assert np.shape(values[-1]) == gate.shape, (
            f"{gate.op.name} has the shape {np.shape(values[-1])}, not {gate.shape}"
        )
    return values


def gate_of(trial: Trial, *more: Shape) -> tuple[Graph, int]:
    """A graph with a single gate of the trial's row; operands x0, x1, …, then further inputs: f0, f1, …"""
    graph, row = Graph(), trial.row
    shapes = [(f"x{k}", shape) for k, shape in enumerate(trial.layout.shapes)]
    for name, shape in [*shapes, *((f"f{k}", shape) for k, shape in enumerate(more))]:
        graph.append(ops.INPUT, (), name, 0, 0, (("shape", shape),) if shape else None)
    settings = tuple(trial.layout.settings.items())
    graph.output = graph.append(ops.CODES[row.name], tuple(range(len(shapes))), None, 0, 0, settings)
    return graph, graph.output


def corners(shape: Shape) -> Iterator[tuple[int, ...]]:
    """All places of an array."""
    return product(*map(range, shape))

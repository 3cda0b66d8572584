"""Hypothesis strategies for programs with arrays: every row of the table, with legal shapes and settings.

Enters: what hypothesis draws. Leaves: a program, values, and the shapes that NumPy's own functions give to what it
names. A new elementwise row takes part by itself; a new structural one needs a line here, and a test names what is
missing. Programs shrink towards the sum of one input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import numpy as np
from array_writing import EXTENTS, MOST, ArrayCase, Draw, Part, Shape, Writing, broadcasts, like, nested
from hypothesis import strategies as st
from programs import ROWS, Step, _operation

_INPUTS = ("x", "A", "y", "W")
_GENTLE = tuple(
    row for row in ROWS if row.name in {"add", "sub", "mul", "tanh", "sin", "sigmoid", "where", "max", "neg"}
)
_EXACT = tuple(row for row in ROWS if row.name in {"add", "sub", "mul", "neg", "max", "min", "relu", "abs", "where"})


# Rows


def elementwise(w: Writing) -> Part:
    row = w.one(_EXACT if w.exact else w.one((_GENTLE, ROWS)))
    count = 1 + w.below(3) if row.variadic else len(row.parameters)
    short = w.below(3)
    parts = [w.operand()]
    for _ in range(count - 1):
        shape = np.broadcast_shapes(*(part.shape for part in parts))
        parts.append(w.operand(fits=partial(broadcasts, shape)) if w.below(4) else Part(w.number(), ()))
    used = parts[: count - len(row.defaults)] if row.defaults and short == 1 else parts
    step = Step(row, (), not w.exact, False, 0, short)
    text = _operation(step, [part.text for part in parts])
    return Part(text, np.broadcast_shapes(*(part.shape for part in used)))


def _axes(w: Writing, shape: Shape) -> Any:
    """None, an axis or a list of axes; counted from either end."""
    kind = w.below(4) if shape else 0
    if kind < 2:
        return w.below(len(shape)) - (len(shape) if w.below(2) else 0) if kind else None
    chosen = [axis for axis in range(len(shape)) if w.below(2)] or [0]
    return [axis - len(shape) if w.below(3) == 2 else axis for axis in chosen]


def reduction(w: Writing) -> Part:
    names = ("sum", "amax", "amin", "max", "min") if w.exact else _REDUCTIONS
    name, x = w.one(names), w.operand()
    axis, kept = _axes(w, x.shape), w.below(3) == 0
    given = [] if axis is None else [f"axis={axis}"]
    given += ["keepdims=1"] if kept or (name in ("max", "min") and not given) else []
    shape = np.sum(like(x.shape), tuple(axis) if isinstance(axis, list) else axis, keepdims="keepdims=1" in given).shape
    return Part(f"{name}({', '.join([x.text, *given])})", shape)


_REDUCTIONS = ("sum", "mean", "prod", "var", "std", "norm", "amax", "amin", "max", "min", "logsumexp")


def along(w: Writing) -> Part:
    """Rows that keep the shape."""
    name, x = "cumsum" if w.exact else w.one(("softmax", "cumsum", "logsoftmax")), w.operand(1)
    axis = "" if w.below(2) else f", axis={w.below(len(x.shape)) - (len(x.shape) if w.below(2) else 0)}"
    return Part(f"{name}({x.text}{axis})", x.shape)


def transpose(w: Writing) -> Part:
    x = w.operand(1)
    if w.below(2):
        return Part(f"{x.text}'", x.shape[::-1])
    order = list(w.draw(st.permutations(range(len(x.shape)))))
    return Part(f"transpose({x.text}, order={order})", tuple(x.shape[axis] for axis in order))


def reshape(w: Writing) -> Part:
    x = w.operand()
    rest, shape = int(np.prod(x.shape)), []
    for _ in range(w.below(3)):
        divisors = [n for n in range(1, rest + 1) if rest % n == 0]
        shape.append(w.one(divisors))
        rest //= shape[-1]
    shape.append(rest)
    written = [*shape]
    if w.below(2):
        written[w.below(len(shape))] = -1
    return Part(f"reshape({x.text}, {written})", tuple(shape))


def stack(w: Writing) -> Part:
    x = w.operand()
    parts = [x, *(w.fitted(x.shape) for _ in range(w.below(3)))]
    texts = ", ".join(part.text for part in parts)
    if w.below(2):
        return Part(f"[{texts}]", (len(parts), *x.shape))
    axis = w.below(len(x.shape) + 1)
    written = axis - len(x.shape) - 1 if w.below(2) else axis
    return Part(f"stack({texts}, axis={written})", (*x.shape[:axis], len(parts), *x.shape[axis:]))


def concat(w: Writing) -> Part:
    x = w.operand(1)
    axis = w.below(len(x.shape))
    shapes = [(*x.shape[:axis], w.one(EXTENTS[:3]), *x.shape[axis + 1 :]) for _ in range(w.below(3))]
    parts = [x, *map(w.fitted, shapes)]
    written = axis - len(x.shape) if w.below(2) else axis
    given = f", axis={written}" if written or w.below(2) else ""
    shape = np.concatenate([like(part.shape) for part in parts], axis).shape
    return Part(f"concat({', '.join(part.text for part in parts)}{given})", shape)


def _slot(w: Writing, extent: int) -> tuple[str, Any]:
    """As text, and as Python has it; no slot is empty."""
    start, back = w.below(extent), extent if w.below(2) else 0
    if w.below(2):
        return str(start - back), start
    stop = start + 1 + w.below(extent - start)
    kind = w.below(4)
    if kind == 0:
        return ":", slice(None)
    if kind == 1:
        return f"{start - back}:", slice(start, None)
    if kind == 2:
        return f":{stop}", slice(0, stop)
    return f"{start - back}:{stop + (2 if stop == extent else 0)}", slice(start, stop)


def index(w: Writing) -> Part:
    x = w.operand(1)
    slots = [_slot(w, extent) for extent in x.shape[: 1 + w.below(len(x.shape))]]
    shape = like(x.shape)[tuple(slot for _, slot in slots)].shape
    return Part(f"{x.text}[{', '.join(text for text, _ in slots)}]", shape)


def repeated(w: Writing) -> Part:
    x = w.operand(fits=lambda shape: 3 * np.prod(shape) <= MOST)
    shape = tuple(w.one((1, 2, 3)) if extent == 1 else extent for extent in x.shape)
    shape = (*(w.one((2, 1)) for _ in range(w.below(2))), *shape) or (2,)
    return Part(f"broadcast_to({x.text}, {list(shape)})", shape)


def summed(w: Writing) -> Part:
    x = w.operand(2)
    shape = tuple(1 if w.below(2) else extent for extent in x.shape)[w.below(2) :]
    return Part(f"sum_to({x.text}, {list(shape)})", shape)


def scatter(w: Writing) -> Part:
    x = w.operand(1)
    starts = [w.below(2) for _ in x.shape]
    shape = tuple(n + start + w.below(2) for n, start in zip(x.shape, starts, strict=True))
    return Part(f"scatter({x.text}, {list(shape)}, {starts})", shape)


def flip(w: Writing) -> Part:
    x = w.operand(1)
    axis = _axes(w, x.shape)
    return Part(f"flip({x.text}{'' if axis is None else f', axis={axis}'})", x.shape)


def matmul(w: Writing) -> Part:
    a = w.operand(1)
    inner, n, batch = a.shape[-1], w.one(EXTENTS), w.one((1, 2))
    fitting = [(inner,), (inner, n), (n, inner)]
    if len(a.shape) == 3:
        fitting.append((a.shape[0], inner, n))
    elif len(a.shape) < 3:
        fitting.append((batch, inner, n))
    b = w.fitted(w.one(fitting))
    if b.shape[-2:][0] != inner:
        b = Part(f"{b.text}'", b.shape[::-1])
    return Part(f"({a.text} @ {b.text})", np.matmul(like(a.shape), like(b.shape)).shape)


def vectors(w: Writing) -> Part:
    a = w.operand(1, lambda shape: len(shape) == 1)
    if w.below(2):
        return Part(f"dot({a.text}, {w.fitted(a.shape).text})", ())
    b = w.fitted((w.one(EXTENTS),))
    return Part(f"outer({a.text}, {b.text})", (*a.shape, *b.shape))


def loss(w: Writing) -> Part:
    kind, x = w.below(4), w.operand(1)
    if kind == 0 or w.exact:
        return _one_hot(w, x)
    if kind == 1:
        return Part(f"mse({x.text}, {w.fitted(x.shape).text})", ())
    if kind == 2:
        return Part(f"cross_entropy({x.text}, {w.fitted(x.shape).text})", ())
    classes = nested(x.shape[:-1], lambda: str(w.below(x.shape[-1])))
    return Part(f"cross_entropy({x.text}, {classes})", ())


def _one_hot(w: Writing, x: Part) -> Part:
    count = 1 + w.below(3)
    return Part(f"one_hot(round({x.text}), {count})", (*x.shape, count))


def called(w: Writing) -> Part:
    """A function of arrays; some bring their own derivative, or use an argument as an index."""
    kind, a = w.below(4), w.operand(1)
    if kind == 0:
        b = w.operand(fits=lambda other: broadcasts(a.shape, other))
        return Part(f"blend({a.text}, {b.text})", np.broadcast_shapes(a.shape, b.shape))
    if kind == 1:
        return Part(f"unit({a.text})", a.shape)
    if kind == 2:
        return Part(f"pick({a.text}, {w.below(a.shape[0])})", a.shape[1:])
    b = w.operand(fits=lambda other: broadcasts(a.shape, other))
    return Part(f"own({a.text}, {b.text})", np.broadcast_shapes(a.shape, b.shape))


_DEFINED = {
    "blend": "blend(a, b) = a*sigmoid(b) + 0.5*b",
    "unit": "unit(a) = a/(1 + norm(a))",
    "pick": "pick(a, k) = a[k] - a[-1]*0.5",
    "own": "own(a, b) = a*b + sin(a) with grad (b + cos(a), a)",
}


def loop(w: Writing) -> Part:
    """A stage that a loop gives new values, with an array's parts by turn where one fits."""
    start, name = w.operand(), f"h{len(w.lines)}"
    sliced = [p for p in w.pool if p.shape and _keeps(start.shape, p.shape[1:])]
    whole = [p for p in w.pool if _keeps(start.shape, p.shape)]
    turns, end = 1 + w.below(3), ""
    if sliced and w.below(3):
        part = sliced[-1 - w.below(len(sliced))]
        turns, end = (
            min(turns, part.shape[0]),
            f"{part.text}[t]" if w.below(2) else f"{part.text}[len({part.text}) - 1 - t]",
        )
        stop = f"len({part.text})" if turns == part.shape[0] else str(turns)
    else:
        end, stop = (whole[-1 - w.below(len(whole))].text if whole else "(t + 1)"), str(turns)
    inner = f"tanh({name} + {end})" if w.below(2) and not w.exact else f"max({name} - {end}, {name}*{end})"
    w.lines += [f"{name} = {start.text}", f"for t in 0..{stop} {{ {name} = {inner} }}"]
    return Part(name, start.shape)


def _keeps(shape: Shape, other: Shape) -> bool:
    return broadcasts(shape, other) and np.broadcast_shapes(shape, other) == shape


OPERATIONS: tuple[Callable[[Writing], Part], ...] = (
    elementwise, elementwise, elementwise, reduction, reduction, along, transpose, reshape, stack, concat, index, index,
    repeated, summed, scatter, flip, matmul, matmul, vectors, loss, called, loop,
)  # fmt: skip


def _ending(w: Writing) -> str:
    """A number of the newest parts."""
    terms = []
    for part in w.pool[-1 : -2 - w.below(2) : -1]:
        name = w.one(("sum", "sum", "amax") if w.exact else ("sum", "mean", "norm", "sum", "logsumexp", "std"))
        terms.append(f"{name}({part.text})" if part.shape else part.text)
    return " + ".join(terms)


def numbers(shape: Shape, number: Callable[[], float]) -> Any:
    return [numbers(shape[1:], number) for _ in range(shape[0])] if shape else number()


_ODD = (0.0, 1.0, -1.0, 2.0, 0.5, 1.0, 0.0, float("inf"), float("-inf"), float("nan"), 1e300, -1e300, 1e-300, -2.0)


def _number(kind: str, r: Random) -> Callable[[], float]:
    if kind == "moderate":
        return lambda: r.randrange(-250, 250) / 125 + 1e-3 * r.random()
    if kind == "ties":
        return lambda: float(r.choice((0, 1, -1, 2, 1, 0, -2)))
    return lambda: r.choice(_ODD)


@st.composite
def array_programs(
    draw: Draw,
    kind: str = "moderate",
    most: int = 6,
    operations: Sequence[Callable[[Writing], Part]] = OPERATIONS,
    first: Callable[[Writing], Part] | None = None,
) -> ArrayCase:
    """A program whose result is a number.

    Args:
        kind: of values: "moderate"; "ties", small whole numbers in programs that compute with them exactly; "odd",
            with inf, nan, 0, 1e300 among them.
        most: the most steps.
        operations: what steps are drawn from.
        first: what the first step is.
    """
    w = Writing(draw, kind == "ties")
    for name in _INPUTS[: 1 + w.below(len(_INPUTS))]:
        w.pool.append(Part(name, tuple(w.one(EXTENTS) for _ in range(w.one((1, 2, 0, 3, 2))))))
    inputs = {part.text: part.shape for part in w.pool}
    r = Random(draw(st.integers(0, 2**32)))
    values = {name: numbers(shape, _number(kind, r)) for name, shape in inputs.items()}
    usable = [one for one in operations if one is not called] if w.exact else operations
    for position in range(1 + w.below(most)):
        part = (w.one(usable) if position or first is None else first)(w)
        if np.prod(part.shape) <= MOST and len(part.shape) <= 4:
            w.add(part)
    ending = _ending(w)
    text = "\n".join([*w.lines, ending])
    lines = [line for name, line in _DEFINED.items() if f"{name}(" in text]
    return ArrayCase("\n".join([*lines, text]), values, w.shapes)

"""Arrays as numbers: NumPy's of float64, and arrays of the numbers of any other system.

Enters: a number system `m`. Leaves: `over(m)`, the system whose numbers are arrays of numbers of m, with all functions
of m, element by element as NumPy broadcasts, and those that work on whole arrays. Invariant: a result without axes is a
plain number of m, never an array, and an array has the numbers that the functions of m would give one by one, but for
rounding.

This package alone imports NumPy, and is imported where an array appears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np

from gradcli.numeric.arrays import elementwise, mapped, reductions, structure
from gradcli.numeric.arrays.picking import element, elements, first, flag
from gradcli.numeric.system import NumberSystem

__all__ = [
    "asarray", "chained", "element", "elements", "first", "flag", "frozen", "is_array", "is_fresh", "load_npy",
    "over", "quiet", "read", "shape_of", "shaped", "tolist", "units", "view", "zeros",
]  # fmt: skip

Rule = Callable[..., Any]

# The GNU C library learns from the largest array that was freed what it shall keep for the next ones; else every pass
# over a small network would get its memory from the system anew, which takes as long as a product of its matrices.
np.empty(1 << 24, dtype=np.int8)

shape_of = structure.shape_of


def over(m: NumberSystem) -> NumberSystem:
    """The system of arrays whose elements are numbers of m; built once."""
    found: NumberSystem | None = m.cache.get("arrays")
    if found is None:
        found = m.cache["arrays"] = _of_floats(m) if m.number is float else _of_objects(m)
    return found


def _of_floats(m: NumberSystem) -> NumberSystem:
    own = elementwise.functions(m) | structure.functions(np.asarray, lambda: 0.0) | reductions.FLOATS
    return NumberSystem(own, m.composed, {**m.whole, "run": _run, "defined_function": _of_program})


def _run(system: NumberSystem, rule: Rule, *xs: Any) -> Any:
    """A rule of an elementwise row, which takes a number system first."""
    return rule(system, *xs)


def _of_program(system: NumberSystem, row: Any) -> Rule:
    """A function that a program brings with its derivative."""
    return partial(row.forward, system)


def _of_objects(m: NumberSystem) -> NumberSystem:
    """Elements one by one: whatever is a function of m is run on m, so that a row stays what it is there."""
    own = {name: f for name, f in vars(m).items() if callable(f) and name not in _NOT_MAPPED and name not in m.whole}
    functions = {name: mapped.objects(function) for name, function in own.items()}
    functions |= structure.functions(mapped.objects_of, lambda: m.number("0")) | reductions.of_objects(m)
    functions |= {name: getattr(m, name) for name in ("number", "pi", "write", "literal") if hasattr(m, name)}
    define = getattr(m, "defined_function", partial(_of_program, m))
    rules = {
        "run": lambda system, rule, *xs: mapped.objects(partial(rule, m))(*xs),
        "defined_function": lambda system, row: mapped.objects(define(row)),
    }
    return NumberSystem(functions, {}, {**m.whole, **rules})


_NOT_MAPPED = {"number", "write", "literal", "gate", "defined_function", "shape_of"}


def quiet() -> Any:
    """A context without NumPy's warnings: 1/0 is inf, and that is all there is to say about it."""
    return np.errstate(all="ignore")


def is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def view(x: Any) -> Any:
    """x as an array of our own that looks at the same numbers and can't change them."""
    return frozen(x.view()) if isinstance(x, np.ndarray) else x


def frozen(x: Any) -> Any:
    """x, and nobody can change it."""
    if isinstance(x, np.ndarray):
        x.flags.writeable = False
    return x


def is_fresh(x: Any) -> bool:
    """Whether an array may be changed: nobody else looks at it."""
    return isinstance(x, np.ndarray) and x.flags.writeable and x.dtype == np.float64


def chained(flow: Any, partial: Any) -> Any:
    """chain(flow, partial) of floats, in the memory of the second, which is fresh."""
    return elementwise.chain(flow, partial, out=partial)


def asarray(nested: Any, m: NumberSystem | None = None) -> Any:
    """Numbers in lists, or an array of somebody else, as an array of our own that nobody can change; or a number.

    Args:
        nested: of any depth.
        m: the system of the numbers, if these are numbers of a system already; else they become floats.

    Raises:
        ValueError: the lists are not equally long, or not made of real numbers.
    """
    if m is not None and m.number is not float:
        return frozen(mapped.plain(np.array(nested, dtype=object)))
    try:
        found = np.asarray(nested)
    except ValueError:
        raise ValueError("the lists are not equally long") from None
    if found.dtype.kind not in "buif" and not (found.dtype.kind == "O" and all(map(_is_number, found.flat))):
        raise ValueError("it is not made of real numbers")
    try:
        return frozen(mapped.plain(found.astype(np.float64)))
    except (TypeError, OverflowError):
        raise ValueError("it is not made of real numbers") from None


def _is_number(x: Any) -> bool:
    """Whether x is one for float(), which would read texts too."""
    return hasattr(x, "__float__")


def shaped(elements: Sequence[Any], shape: tuple[int, ...], exact: bool = False) -> Any:
    """An array of elements row by row.

    Args:
        exact: whether they stay what they are; else they are floats.
    """
    if not exact:
        return frozen(np.array(elements, dtype=np.float64).reshape(shape))
    return frozen(mapped.filled(list(elements), shape))


def read(text: str, shape: tuple[int, ...], number: Callable[[str], Any], m: NumberSystem) -> Any:
    """The array that a constant's literal stands for, [[1, 2], [3, 4]].

    Args:
        number: what reads an element.
        m: the system of the elements.
    """
    words = text.translate(_PUNCTUATION).split(",")
    elements = [-number(word[1:]) if word.startswith("-") else number(word) for word in words]
    return shaped(elements, shape, exact=m.number is not float)


_PUNCTUATION = str.maketrans("", "", "[] \n")


def tolist(x: Any) -> Any:
    """Nested lists of plain numbers; a number as it is."""
    return x.tolist() if isinstance(x, np.ndarray) else x


def load_npy(content: bytes) -> Any:
    """The array of a file that numpy.save wrote. Objects are not read: they could run code.

    Raises:
        ValueError: it is no such file, or does not hold real numbers.
    """
    try:
        found = np.load(BytesIO(content), allow_pickle=False)
    except (OSError, EOFError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "buif":
        raise ValueError("it is not made of real numbers")
    return frozen(found.astype(np.float64))


def zeros(shape: tuple[int, ...], m: NumberSystem) -> Any:
    """An array of nothing but 0, which takes no memory."""
    zero = mapped.objects_of(m.number("0")) if m.number is not float else 0.0
    return np.broadcast_to(zero, shape)


def units(shape: tuple[int, ...], m: NumberSystem) -> Iterator[Any]:
    """For each element, the array that is 1 there and 0 elsewhere."""
    if not shape:
        yield 1.0
        return
    for place in np.ndindex(*shape):
        unit = np.zeros(shape) if m.number is float else zeros(shape, m).copy()
        unit[place] = 1.0
        yield frozen(unit)

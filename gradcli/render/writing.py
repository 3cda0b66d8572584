"""How numbers and arrays are written: for machines whole, for people in as much room as there is.

Enters: a number or an array (NumPy's, of doubles or of another system's numbers), and what writes one number. Leaves:
text. Invariant: what is written for machines reads back as the same numbers; a number is never cut, and an array that
is not shown whole has its shape beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import fsum, inf
from typing import Any

from gradcli.graph.ops.layout import shown
from gradcli.numeric.elements import elements, is_array, norm, shape_of

Writer = Callable[[Any], str]

SMALL = 4  # elements of an array that is shown whole in a table
_ROUNDING = 1e-14  # relative
_MOST_EXACT = 100_000  # elements of which the mean is right to the last digit
FIRST = 4  # elements that a summary begins with
ROOM = 23  # columns of a summary in a table: so many as the longest numbers have, and two such fit on 80
_NAMES = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
_ODD = r"nan|-?inf"


def is_zero(x: Any) -> bool:
    """Whether all that x has are zeros."""
    return not any(elements(x)) if is_array(x) else bool(x == 0)


def is_finite(x: Any) -> bool:
    """Whether all that x has are finite numbers."""
    return all(element - element == 0 for element in elements(x))


def number(x: Any, write: Writer = repr) -> str:
    """A number or an array as JSON that reads back as the same; null for None.

    NaN and infinities are written as protobuf's JSON mapping writes them.
    """
    if x is None:
        return "null"
    if is_array(x):
        return _json_array(x, write)
    if x - x == 0:  # finite, in any number system
        return write(x)
    return '"NaN"' if x != x else '"Infinity"' if x > 0 else '"-Infinity"'


def _json_array(x: Any, write: Writer) -> str:
    if x.dtype.kind == "f":  # lists of Python's floats write themselves as JSON, a hundred times as fast
        text = repr(x.tolist())
        return text if "n" not in text else re.sub(_ODD, lambda found: _NAMES[found[0]], text)
    texts = [number(element, write) for element in elements(x)]
    return nested(texts, x.shape)


def nested(texts: Sequence[str], shape: Sequence[int]) -> str:
    """Texts of elements, row by row, as nested lists."""
    if 0 in shape:
        return _hollow(tuple(shape))
    for extent in reversed(shape):
        texts = [f"[{', '.join(texts[at : at + extent])}]" for at in range(0, len(texts), extent)]
    return texts[0]


def _hollow(shape: tuple[int, ...]) -> str:
    """An array without elements."""
    text = "[]"
    for extent in reversed(shape[: shape.index(0)]):
        text = f"[{', '.join([text] * extent)}]"
    return text


def spread(x: Any, shape: Sequence[int], write: Writer = repr) -> str:
    """As `number`, of a number or an array broadcast to a shape."""
    own = shape_of(x)
    if own == tuple(shape) or x is None:
        return number(x, write)
    if 0 in shape:
        return _hollow(tuple(shape))
    texts = [number(element, write) for element in elements(x)]
    own = (1,) * (len(shape) - len(own)) + own
    for axis in reversed(range(len(shape))):  # the last axis first: what is repeated is text
        extent, repeats = own[axis], shape[axis] // own[axis]
        rows = (texts[at : at + extent] * repeats for at in range(0, len(texts), extent))
        texts = [f"[{', '.join(row)}]" for row in rows]
    return texts[0]


def brief(x: Any) -> str:
    """A number with four significant digits, in signs that every screen has."""
    from gradcli.render.picture.short import short

    return short(x).replace("−", "-").replace("∞", "inf")


def summary(x: Any, write: Writer = repr, room: int | None = None) -> list[str]:
    """What is told of an array: its shape, smallest element, mean, largest, norm, and the first elements.

    What is not a number or not finite is counted; the rest is told of the other elements. The first elements are the
    beginning of the array as it is written, as far as there is room for them.
    """
    found = [shown(x.shape) if len(x.shape) > 1 else f"{x.size:,} elements"]
    if not x.size:
        return [f"{shown(x.shape)}", "no elements"]
    beginning = [float(value) for value in x.ravel()[: FIRST + 1].tolist()]
    first = x.ravel()[:1].tolist()[0]
    if bool((x == first).all()):
        return [*found, f"all {write(first)}"]
    counts, finite = _counted(x)
    found += [f"{count:,} {name}" for name, count in counts.items() if count]
    if finite.size:
        least, most = float(finite.min()), float(finite.max())
        found += [f"min {brief(least)}", f"mean {brief(_mean(finite, max(-least, most)))}", f"max {brief(most)}"]
        found.append(f"norm {brief(norm(finite))}")
    return [*found, _beginning(beginning, x.shape, room)]


def _counted(x: Any) -> tuple[dict[str, int], Any]:
    """How many elements are not finite, by what they are; and an array of the others."""
    from gradcli.numeric import arrays

    with arrays.quiet():
        kept = x - x == 0
        if bool(kept.all()):
            return {}, x
        counts = {"nan": int((x != x).sum()), "inf": int((x == inf).sum()), "-inf": int((x == -inf).sum())}
        return counts, x[kept]


def _beginning(values: Sequence[float], shape: Sequence[int], room: int | None) -> str:
    """[[1, 2], [3, …"""
    told = ""
    for at, value in enumerate(values[:FIRST]):
        begins, ends = (_brackets([*shape, 1], place) - 1 for place in (at, at + 1))
        more = f"{', ' if at else ''}{'[' * begins}{brief(value)}{']' * ends}"
        if at and room is not None and len(told) + len(more) + 3 > room:
            return f"{told}, …"
        told += more
    return told if len(values) <= FIRST else f"{told}, …"


def _mean(x: Any, largest: float) -> float:
    """0 where what is left of it is rounding: then its digits differ from machine to machine."""
    mean = largest * float((x / largest).sum()) / x.size if x.size > _MOST_EXACT else _exact_mean(elements(x))
    return 0.0 if abs(mean) <= _ROUNDING * largest else mean


def _exact_mean(values: Sequence[float]) -> float:
    count = len(values)
    try:
        return fsum(values) / count
    except OverflowError:
        return fsum(value / count for value in values)


def packed(parts: Iterable[str], width: int | None, indent: int = 0, separator: str = ",") -> list[str]:
    """Parts on as few lines as they need, with a separator behind each but the last; None is a line without end."""
    lines: list[str] = []
    for part in parts:
        if lines and (width is None or len(lines[-1]) + 2 * len(separator) + 1 + len(part) <= width):
            lines[-1] += f"{separator} {part}"
        else:
            if lines:
                lines[-1] += separator
            lines.append((" " * indent if lines else "") + part)
    return lines


def rows(x: Any, write: Writer = repr, width: int | None = None) -> list[str]:
    """All elements of an array, a line per row, the columns aligned; a row that is too wide goes on below."""
    shape = shape_of(x)
    texts = [write(element) for element in elements(x)]
    if not texts:
        return [_hollow(shape)]
    extent, rank = shape[-1], len(shape)
    sizes = [max(map(len, texts[column::extent])) for column in range(extent)]
    found: list[str] = []
    for at in range(0, len(texts), extent):
        cells = [text.rjust(sizes[column]) for column, text in enumerate(texts[at : at + extent])]
        begins, ends = _brackets(shape, at), _brackets(shape, at + extent)
        cells[0] = " " * (rank - begins) + "[" * begins + cells[0]
        cells[-1] += "]" * ends + ("," if at + extent < len(texts) else "")
        found += packed(cells, width, rank)
    return found


def _brackets(shape: Sequence[int], at: int) -> int:
    """How many axes begin, or end, at a row's element."""
    count, block = 1, shape[-1]
    for extent in reversed(shape[:-1]):
        block *= extent
        count += at % block == 0
    return count


def cell(x: Any, write: Writer, full: bool = False, width: int | None = ROOM) -> list[str]:
    """The lines of a table's cell: of a number one, of a small array all of it, of another one its summary."""
    if x is None:
        return []
    if not is_array(x):
        return [write(x)]
    if full or is_small(x):
        return rows(x, write, width)
    return packed(summary(x, write, width), width)


def glance(x: Any, write: Writer, full: bool = False, width: int | None = ROOM) -> list[str]:
    """As `cell`, with the norm and the first elements of a large array alone."""
    if not is_array(x) or full or is_small(x):
        return cell(x, write, full, width)
    told = summary(x, write, width)
    return packed([part for part in told[1:] if not part.startswith(("min ", "mean ", "max "))], width)


def is_small(x: Any) -> bool:
    """Whether an array is shown whole in a table."""
    return len(shape_of(x)) <= 2 and x.size <= SMALL


def line(x: Any, write: Writer, full: bool = False) -> str:
    """A number, a small array whole, or the summary of another one, on one line."""
    if x is None:
        return ""
    if not is_array(x):
        return write(x)
    return inline(x, write) if full or x.size <= SMALL else ", ".join(summary(x, write))


def inline(x: Any, write: Writer) -> str:
    """A number, or an array whole as the language writes it."""
    return nested([write(element) for element in elements(x)], x.shape) if is_array(x) else write(x)


def hanging(head: str, x: Any, write: Writer, full: bool, width: int) -> Iterator[str]:
    """A name and its number; an array that needs more room goes on in lines of its own, which are set in."""
    lines = cell(x, write, full, width - 4)
    if len(lines) == 1 and (not is_array(x) or len(head) + 1 + len(lines[0]) <= width):
        yield f"{head} {lines[0]}"
        return
    yield head
    yield from (f"    {text}" for text in lines)

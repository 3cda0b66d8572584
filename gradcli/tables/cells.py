"""What is a number in a table: cells of text, and values of JSON.

Enters: texts, or values as a JSON parser made them. Leaves: columns of numbers. Invariant: a cell is a number, missing
or bad, exactly one of these; no rule here depends on the rows around a cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from gradcli.tables.blocks import Numbers

# A number as text, for Python's `re` and for RE2 alike: no underscores, no digits of other scripts, no hexadecimals.
NUMBER = (
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
)
SPACES = " \t"  # may stand around a number

# How JSON, which has no such numbers, spells them; the same as in what is written.
SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

# Maybe a whole number of more than 64 bits, which orjson makes a float; not what stands behind a point.
LONG_WHOLE = re.compile(rb"-[0-9]{19}|(?<![0-9.])[0-9]{20}")

ONE_PER_LINE = "NDJSON has one object per line, as `jq -c '.[]'` writes them"


class Beyond:
    """A number of JSON beyond all floats, by its digits."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


NONE_BAD = np.empty(0, dtype=np.int64)
NONE_BAD.flags.writeable = False


def plain(values: Sequence[Any]) -> np.ndarray[Any, Any] | None:
    """The array of values that are all numbers of JSON; None where one of them is something else."""
    if not {float, int}.issuperset(map(type, values)):
        return None
    try:
        return np.fromiter(values, np.float64, len(values))
    except OverflowError:  # a whole number beyond all floats
        return None


def of_values(values: Sequence[Any], nulls: Collection[str]) -> Numbers:
    """A column of values of JSON as numbers; None is missing, and so are the texts in nulls."""
    found = plain(values)
    if found is not None:
        return Numbers(found, None, NONE_BAD)
    found = np.full(len(values), math.nan)
    missing = np.zeros(len(values), dtype=np.bool_)
    bad: list[int] = []
    for position, value in enumerate(values):
        kind = type(value)
        if kind is float:
            found[position] = value
        elif kind is int:
            found[position] = _float(value)
        elif value is None or (kind is str and value in nulls):
            missing[position] = True
        elif kind is str and value in SPELLED:
            found[position] = SPELLED[value]
        elif kind is Beyond:
            found[position] = float(value.text)
        else:
            bad.append(position)
    return Numbers(found, missing if missing.any() else None, np.array(bad, dtype=np.int64))


def lists_of_values(values: Sequence[Any], nulls: Collection[str]) -> list[Numbers] | None:
    """A column of lists of JSON, as a column per position; None where it has no lists.

    The first list says how many positions there are; whatever else is no list of that length is bad at all of them.
    """
    length = next((len(value) for value in values if type(value) is list), None)
    if length is None:
        return None
    columns: list[list[Any]] = [[] for _ in range(length)]
    for value in values:
        fits = type(value) is list and len(value) == length
        row = value if fits else [None if value is None else False] * length  # False is a bad cell
        for column, element in zip(columns, row, strict=True):
            column.append(element)
    return [of_values(column, nulls) for column in columns]


def may_be_long(lines: Sequence[bytes]) -> bool:
    """Whether some object holds what LONG_WHOLE finds, for all bytes at once."""
    text = np.frombuffer(b"\n".join(lines), np.uint8)
    digits = text - np.uint8(48) < 10
    for step in (1, 2, 4, 8, 3):  # runs of 2, 4, 8, 16 and 19 digits
        digits = digits[step:] & digits[:-step]
    places = np.flatnonzero(digits[1:-1]) + 1
    before = text[places - 1]
    first = (before != ord(".")) & (before - np.uint8(48) >= 10)
    return bool(((before == ord("-")) | (first & digits[places + 1])).any())


def joined(parts: Sequence[Numbers]) -> Numbers:
    """Columns one after the other, as one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Numbers(np.empty(0), None, NONE_BAD)
    missing = None
    if any(part.missing is not None for part in parts):
        masks = [np.zeros(len(part.values), np.bool_) if part.missing is None else part.missing for part in parts]
        missing = np.concatenate(masks)
    ends = np.cumsum([len(part.values) for part in parts])
    bad = [part.bad + (end - len(part.values)) for part, end in zip(parts, ends, strict=True)]
    return Numbers(np.concatenate([part.values for part in parts]), missing, np.concatenate(bad))


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf

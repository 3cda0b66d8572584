"""The cells of a block that the kernel gets, and the rows that it can't have.

Enters: a block of rows, the feeds of a job. Leaves: a column of doubles per input, which rows lack a number and which
have a cell that is none. Invariant: every cell of a row that is neither missing nor bad is a number as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from gradcli.batch.job import Feed
from gradcli.errors import DataError, GradcliError
from gradcli.printable import shorten
from gradcli.tables.cells import NUMBER, ONE_PER_LINE, SPACES

if TYPE_CHECKING:
    from gradcli.tables.blocks import Block, Numbers

Array: TypeAlias = "np.ndarray[Any, Any]"
WAYS = "--on-error null writes such rows without results, --on-error skip leaves them out"
_CONTENT = 60  # characters of a cell in a message
_TEXT = "text, not a number"  # digits in quotation marks, in a format that has numbers
_QUOTED = "write numbers without quotation marks"
_NUMBER = re.compile(NUMBER)
_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+(?:[eE][+-]?[0-9]+)?)")  # a decimal comma
_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_NOTHING = {"na", "n/a", "n.a.", "null", "none", "nil", "missing", "-"}


class Cells(NamedTuple):
    """What the kernel gets of a block.

    Attributes:
        columns: by input.
        missing: rows in which some number is missing; None if there are none.
        bad: positions of rows with a bad cell → the first column that has one; in order.
    """

    columns: dict[str, Array]
    missing: Array | None
    bad: dict[int, str]


def cells(block: Block, feeds: Sequence[Feed]) -> Cells:
    """The numbers of a block."""
    numbers: dict[str, Numbers] = {}
    lists: dict[str, Sequence[Numbers]] = {}
    columns: dict[str, Array] = {}
    missing: Array | None = None
    bad: dict[int, str] = {}
    for feed in feeds:
        if feed.place is None:
            if (found := numbers.get(feed.column)) is None:
                found = numbers[feed.column] = block.numbers(feed.column)
        else:
            if feed.column not in lists:
                lists[feed.column] = _lists(block, feed.column, feeds)
            found = lists[feed.column][feed.place]
        columns[feed.input] = found.values
        if feed.least is not None:
            found = _limited(found, feed.least)
        if found.missing is not None:
            missing = found.missing if missing is None else missing | found.missing
        if len(found.bad):
            for position in found.bad.tolist():
                bad.setdefault(position, feed.column)
    return Cells(columns, missing, dict(sorted(bad.items())))


def _limited(numbers: Numbers, least: float) -> Numbers:
    """The same, where numbers below the least one, and those that are not finite, are bad."""
    wrong = ~((numbers.values >= least) & (numbers.values < np.inf))
    if numbers.missing is not None:
        wrong &= ~numbers.missing
    return numbers._replace(bad=np.flatnonzero(wrong))


def _lists(block: Block, column: str, feeds: Sequence[Feed]) -> Sequence[Numbers]:
    """A column of lists by positions. A list of another length than the first ones is a bad cell."""
    length = len({feed.place for feed in feeds if feed.column == column})
    found = block.lists(column)
    return found if found is not None and len(found) == length else _one_by_one(block, column, length)


def _one_by_one(block: Block, column: str, length: int) -> list[Numbers]:
    """The same where a block's first list is not as long as it should be, or where it has none."""
    from gradcli.tables.blocks import Numbers

    values = np.full((length, block.count), np.nan)
    missing = np.zeros((length, block.count), bool)
    bad: list[list[int]] = [[] for _ in range(length)]
    for row in range(block.count):
        found = block.taken(np.array([row])).lists(column)
        for place in range(length):
            if not block.content(column, row):
                missing[place, row] = True
            elif found is None or len(found) != length or len(found[place].bad):
                bad[place].append(row)
            else:
                values[place, row] = found[place].values[0]
                missing[place, row] = bool(np.isnan(values[place, row])) and found[place].missing is not None
    return [Numbers(values[place], missing[place], np.array(bad[place], np.int64)) for place in range(length)]


def bad_cell(
    block: Block, position: int, column: str, feeds: Sequence[Feed], name: str, ways: str = WAYS, empty: bool = True
) -> GradcliError:
    """What is wrong with a cell that should be a number, or a list of numbers.

    Args:
        ways: out, which go into the hint.
        empty: whether an empty cell would do.
    """
    content = block.content(column, position)
    where = f"{name}, row {block.row(position):,}, column {shorten(column)}"
    wrong = _wrong(content, column, feeds)
    message = f'{where}: {wrong}: "{shorten(content, _CONTENT)}"'
    own = _QUOTED if wrong == _TEXT else _meant(content.strip(SPACES), empty)
    return DataError(message, hint="; ".join(filter(None, (own, ways))))


def _meant(content: str, empty: bool) -> str:
    """What somebody may have meant by a cell, as a hint; else nothing."""
    if empty and content.casefold() in _NOTHING:
        return f"--null {content} takes such cells as empty"
    written = []
    if _COMMA.fullmatch(content):
        written.append(f"{content.replace(',', '.')} with a decimal point")
    if _GROUPS.fullmatch(content):
        written.append(f"{content.replace(',', '')} without commas")
    return f"write {shorten(' or '.join(written), _CONTENT)}" if written else ""


def _wrong(content: str, column: str, feeds: Sequence[Feed]) -> str:
    own = [feed for feed in feeds if feed.column == column]
    if length := len({feed.place for feed in own if feed.place is not None}):
        limited = ", 0 or more and finite" if any(feed.least is not None for feed in own) else ""
        return f"not a list of {length} numbers{limited}"
    if not _NUMBER.fullmatch(content.strip(SPACES)):
        return "not a number"
    least = [feed.least for feed in own if feed.least is not None]
    number = float(content)
    if least and not max(least) <= number < np.inf:
        return "negative" if number < 0 else "not finite"
    return _TEXT


def broken_row(row: int, content: str, why: str, name: str, on_error: str) -> GradcliError:
    """What is wrong with a row that is not to be split into cells."""
    message = f"{name}, row {row:,}: {why}: {shorten(content, _CONTENT)}"
    hint = "--on-error skip leaves such rows out"
    if on_error == "null":
        hint = f"a row without cells can't be kept; {hint}"
    if "JSON" in why and (content == "{" or content.startswith("[")):  # an array, or an object of several lines
        hint = ONE_PER_LINE
    return DataError(message, hint=hint)

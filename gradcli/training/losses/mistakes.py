"""What is wrong with a loss that can be read in neither way: per row, nor over whole columns.

Enters: the errors of both readings. Leaves: the one to show, in terms of columns and parameters. Invariant: the number
of rows that was tried is never told; a mistake is told of a row unless it is plain that whole columns were meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from gradcli.errors import GradcliError, ProgramError
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import shown
from gradcli.printable import shorten

_ONE_NUMBER = "sum(…) or mean(…) makes one number of it"
_NO_STAGE = " is not a stage of the program"
# An index that is wrong in a row is wrong: who writes x[2] means an element of x, not the third row.
_OF_ELEMENTS = re.compile(r" is a number and has no elements$|^index -?\d+ is out of range")
# What a row says to a program of whole columns: it has an axis less than that needs.
_LACKS_AN_AXIS = re.compile(r"there is no axis|\bhas \d+ ax[ei]s\b|\ba number\b")


class Failed(NamedTuple):
    """A reading that came to nothing. rows: how many were tried; None for a row alone, and without data."""

    error: GradcliError
    rows: int | None = None


def no_number(graph: Graph, per_row: bool = False) -> ProgramError:
    """The loss is an array. per_row: whether it is one in every row."""
    where = " in every row" if per_row else ""
    message = f"the loss is an array of shape {shown(graph.shapes[graph.output])}{where}"
    return ProgramError(message, source=graph.source, span=graph.span(graph.output), hint=_ONE_NUMBER)


def meant(single: Failed, whole: Failed | None) -> Failed:
    """The reading whose mistake the person should see: a row's, unless whole columns came further.

    They came further for good where the output is an array, or where what does not fit is none of the rows' number: a
    recurrence over an array of columns comes as far as the target in both readings, and there has an array of the
    columns to compare with as many rows. They are believed all the same where a row lacks an axis.
    """
    if whole is None or single.error.message.endswith(_NO_STAGE):
        return single
    if whole.error.message.endswith(_NO_STAGE):
        return whole
    if _OF_ELEMENTS.search(single.error.message) or _place(whole.error) <= _place(single.error):
        return single
    lacks = _LACKS_AN_AXIS.search(single.error.message) is not None
    at_its_end = whole.error.hint == _ONE_NUMBER
    return single if _of_all_rows(whole) and not lacks and not at_its_end else whole


def _place(error: GradcliError) -> tuple[float, float]:
    """How far a reading came: of two gates that begin at one place the longer one is later; the output is the end."""
    if error.hint == _ONE_NUMBER:
        return float("inf"), 0.0
    return (-1.0, 0.0) if error.span is None else (error.span.end, -error.span.start)


def _of_all_rows(failed: Failed) -> bool:
    """Whether a message is about the number of rows."""
    return failed.rows is not None and re.search(rf"\b{failed.rows}\b", failed.error.message) is not None


def told(
    failed: Failed, columns: Collection[str], parameters: Collection[str], constants: Collection[str] = ()
) -> GradcliError:
    """An error of lowering, with a way out that fits columns and parameters."""
    error, rows = failed
    if not isinstance(error, ProgramError):
        return error
    error.message = _worded(error.message, rows)
    error.hint = _worded(_hint(error, columns, parameters, constants), rows) or None
    error.args = (error.message,)
    return error


def _hint(
    error: ProgramError, columns: Collection[str], parameters: Collection[str], constants: Collection[str]
) -> str:
    hint = error.hint or ""
    name, mark, _ = hint.partition(" is a number here;")
    if mark and "--shapes" in hint:
        if name in columns:
            return f"{name} is a column of numbers; --map {name}=a,b,c makes it an array"
        if name in parameters:
            return f'{name} is a number here; --param "{name}=normal(3)" makes it an array'
        return f"{name} is a number here; give it an array as its value"
    name, mark, _ = error.message.partition(" has to be known when the graph is built")
    if mark and name in columns:
        return f"{name} is a column, with a number of its own in every row: it can't count, index or shape"
    if mark and name in parameters:
        return f"{name} is a parameter; what counts, indexes or shapes is given as --{name} 3"
    if error.message.endswith(_NO_STAGE):
        name = error.message.removesuffix(_NO_STAGE)
        kinds = ((columns, "a column"), (parameters, "a parameter"), (constants, "a constant"))
        for names, kind in kinds:
            if any(shorten(one) == name for one in names):
                return f"{name} is {kind}; {hint}"
    return hint


def _worded(text: str, rows: int | None) -> str:
    """A text in which the number of rows that was tried is called so."""
    if rows is None:
        return text
    if f" {rows - 1}" in text:  # indices go from 0 to rows - 1: nobody needs to be told
        return ""
    text = re.sub(rf"\b{rows} columns meet\b", "as many columns as there are rows meet", text)
    text = re.sub(rf"\bmeet {rows} rows\b", "meet as many rows as the data has", text)
    return re.sub(rf"\b{rows}\b", "rows", text)

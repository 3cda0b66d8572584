"""A Trace as CSV (RFC 4180): a row per edge, a single row for a gate without operands.

An array is one cell: its elements as nested lists, as JSON has them (1.0, "NaN", "Infinity"); a local gradient as it
is, not repeated to the gate's shape. A structural edge has a rule and a contribution, and no local gradient.

Invariant: no cell starts a formula in a spreadsheet: text that begins with a sign is put in parentheses, which the
language reads as the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from gradcli.numeric.elements import is_array
from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.writing import number
from gradcli.traces import Edge, Trace

COLUMNS = (
    "gate", "op", "name", "text", "start", "end", "value", "global_gradient",
    "operand", "local_gradient", "contribution", "rule",
)  # fmt: skip

_SIGNS = tuple("=+-@＝＋－＠")  # the wide ones count where such characters are typed
_NEGATIVE = re.compile(r"-(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|-inf")


def inert(text: str | None) -> str:
    """A text as a cell that no spreadsheet reads as a formula."""
    text = printable(text or "")
    return text if text[:1] not in _SIGNS or _NEGATIVE.fullmatch(text) else f"({text})"


def cell(x: Any, write: Callable[[Any], str]) -> str:
    """A number or an array; nothing for None."""
    return "" if x is None else number(x, write) if is_array(x) else write(x)


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The header, then the rows. Numbers round-trip; nan, inf and -inf are written so; an empty cell means none.

    A gate's text stands in its first row only.
    """

    write = trace.system.write

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for gate in trace.gates:
        shared = [gate.id, inert(gate.op), inert(gate.name), inert(gate.text), *gate.span]
        shared += [cell(gate.value, write), cell(gate.global_gradient, write)]
        for edge in gate.operands or (Edge("", None, None, None),):
            numbers = cell(edge.local_gradient, write), cell(edge.contribution, write)
            writer.writerow([*shared, edge.id, *numbers, inert(edge.rule)])
            shared[3] = ""  # the text is as long as the gate has operands: once is enough
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()

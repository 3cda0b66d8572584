"""A Trace as CSV (RFC 4180): a row per edge, a single row for a gate without operands.

Invariant: no cell starts a formula in a spreadsheet: text that begins with a sign is put in parentheses, which the
language reads as the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from gradcli.printable import printable
from gradcli.render import Look
from gradcli.traces import Edge, Trace

COLUMNS = (
    "gate", "op", "name", "text", "start", "end", "value", "global_gradient",
    "operand", "local_gradient", "contribution", "rule",
)  # fmt: skip


def _text(text: str | None) -> str:
    text = printable(text or "")
    if not text.startswith(("=", "+", "-", "@")):
        return text
    try:
        float(text)
    except ValueError:
        return f"({text})"
    return text


def _number(x: Any) -> str:
    return "" if x is None else repr(x)


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The header, then the rows. Numbers round-trip; nan, inf and -inf are written so; an empty cell means none.

    A gate's text stands in its first row only.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for gate in trace.gates:
        shared = [gate.id, gate.op, _text(gate.name), _text(gate.text), *gate.span]
        shared += [_number(gate.value), _number(gate.global_gradient)]
        for edge in gate.operands or (Edge("", None, None, None),):
            numbers = _number(edge.local_gradient), _number(edge.contribution)
            writer.writerow([*shared, edge.id, *numbers, _text(edge.rule)])
            shared[3] = ""  # the text is as long as the gate has operands: once is enough
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()

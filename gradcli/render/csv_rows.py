"""A Trace as CSV (RFC 4180): a row per edge, a single row for a gate without operands.

Invariant: no cell starts a formula in a spreadsheet: text that begins with a sign is put in parentheses, which the
language reads as the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from gradcli.printable import printable
from gradcli.render import Look
from gradcli.traces import Edge, Trace

COLUMNS = (
    "gate", "op", "name", "text", "start", "end", "value", "global_gradient",
    "operand", "local_gradient", "contribution", "rule",
)  # fmt: skip

_SIGNS = tuple("=+-@＝＋－＠")  # the wide ones count where such characters are typed
_NEGATIVE = re.compile(r"-(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|-inf")


def _text(text: str | None) -> str:
    text = printable(text or "")
    return text if text[:1] not in _SIGNS or _NEGATIVE.fullmatch(text) else f"({text})"


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """The header, then the rows. Numbers round-trip; nan, inf and -inf are written so; an empty cell means none.

    A gate's text stands in its first row only.
    """

    def number(x: Any) -> str:
        return "" if x is None else trace.system.write(x)

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for gate in trace.gates:
        shared = [gate.id, _text(gate.op), _text(gate.name), _text(gate.text), *gate.span]
        shared += [number(gate.value), number(gate.global_gradient)]
        for edge in gate.operands or (Edge("", None, None, None),):
            numbers = number(edge.local_gradient), number(edge.contribution)
            writer.writerow([*shared, edge.id, *numbers, _text(edge.rule)])
            shared[3] = ""  # the text is as long as the gate has operands: once is enough
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()

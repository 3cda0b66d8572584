"""Where records of CSV end, without splitting them into cells.

Enters: bytes as they come, cut anywhere. Leaves: bytes that end where a record ends. Invariant: the same records come
out wherever the input was cut, in time linear in its length.

A quote opens a cell only where the cell begins; elsewhere it is a character like any other. Mostly all quotes do
open, close or stand doubled, so that a place is inside a cell where the number of quotes before it is odd; NumPy counts
them for all places at once. Where some quote stands elsewhere, the text is walked from cell to cell.
"""

from __future__ import annotations

import re
from enum import Enum

import numpy as np

LONGEST = 64 << 20  # bytes of one record


class State(Enum):
    """Where in a cell the next byte stands."""

    START = 0
    PLAIN = 1  # in a cell without quotes, or after the closing one
    QUOTED = 2
    CLOSED = 3  # directly after a closing quote: another quote doubles it


class Cutter:
    """Cuts a stream of bytes where records end."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()
        self._opening = re.compile(rb'(?<![^%b\r\n])"' % re.escape(self._delimiter))
        self._closing = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
        self._held: list[bytes] = []
        self.state = State.START

    def push(self, piece: bytes) -> bytes:
        """The whole records that have come with a piece, and before it; the rest is held."""
        if not piece:
            return b""
        cut, self.state = self._scan(piece)
        if not cut:
            self._held.append(piece)
            return b""
        whole = b"".join((*self._held, memoryview(piece)[:cut])) if self._held else piece[:cut]
        self._held = [piece[cut:]] if cut < len(piece) else []
        return whole

    def held(self) -> int:
        """How many bytes belong to a record that has not ended."""
        return sum(map(len, self._held))

    def rest(self) -> bytes:
        """All that is held: the last record, where no line end follows it."""
        whole = b"".join(self._held)
        self._held = []
        return whole

    def _scan(self, piece: bytes) -> tuple[int, State]:
        """Where the last record in a piece ends, 0 if none does, and the state behind the piece."""
        if b'"' in piece:
            found = self._count(piece)
            return self._walk(piece) if found is None else found
        if self.state is State.QUOTED:
            return 0, self.state
        return _line_end(piece, 0, len(piece)), self._after(piece)

    def _after(self, piece: bytes) -> State:
        """The state behind a piece that ends outside quotes, and not with a closing one."""
        return State.START if piece[-1:] in (self._delimiter, b"\n", b"\r") else State.PLAIN

    def _count(self, piece: bytes) -> tuple[int, State] | None:
        """By the parity of quotes; None where a quote stands where none should."""
        text = np.frombuffer(piece, dtype=np.uint8)
        quotes = np.flatnonzero(text == 34)
        inside = int(self.state is State.QUOTED)
        openers = quotes[inside::2]
        if len(openers) and openers[0] == 0:
            if self.state is State.PLAIN:
                return None
            openers = openers[1:]
        before = text[openers - 1]
        fine = (before == self._delimiter[0]) | (before == 10) | (before == 13) | (before == 34)
        if not fine.all():
            return None
        ends = np.flatnonzero((text == 10) | (text == 13))
        ends = ends[(np.searchsorted(quotes, ends) + inside) % 2 == 0]
        cut = int(ends[-1]) + 1 if len(ends) else 0
        if (len(quotes) + inside) % 2:
            return cut, State.QUOTED
        return cut, State.CLOSED if piece.endswith(b'"') else self._after(piece)

    def _walk(self, piece: bytes) -> tuple[int, State]:
        """From quote to quote."""
        cut, at, inside = 0, 0, self.state is State.QUOTED
        if piece.startswith(b'"') and self.state in (State.CLOSED, State.PLAIN):
            at, inside = 1, self.state is State.CLOSED
        while True:
            if inside:
                closing = self._closing.match(piece, at)
                if closing is None:
                    return cut, State.QUOTED
                at, inside = closing.end(), False
                if at == len(piece):
                    return cut, State.CLOSED
            opening = self._opening.search(piece, at)
            cut = _line_end(piece, at, opening.start() if opening else len(piece)) or cut
            if opening is None:
                return cut, self._after(piece)
            at, inside = opening.end(), True


def _line_end(piece: bytes, start: int, end: int) -> int:
    """The place behind the last line end in a part of a piece; 0 if there is none."""
    return max(piece.rfind(b"\n", start, end), piece.rfind(b"\r", start, end)) + 1

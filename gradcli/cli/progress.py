"""How far a long run is, on standard error, where that is a terminal.

Enters: rows so far, and which share of all that is. Leaves: one line that is written over, and gone in the end.
Invariant: a run of less than half a second shows nothing; at most ten lines a second, of at most 79 characters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic

_QUIET, _PAUSE = 0.5, 0.1  # seconds before the first line, and between two
_WIDTH = 79


class Progress:
    """Shows a run's progress; erases it at the end of the with block."""

    def __init__(self, wanted: bool = True) -> None:
        stream = sys.stderr
        self._stream = stream if wanted and stream is not None and stream.isatty() else None
        self._start = monotonic()
        self._next = self._start + _QUIET
        self._shown = 0  # characters that stand there now

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *failure: object) -> None:
        self._show("")

    def seconds(self) -> float:
        """Since the beginning."""
        return monotonic() - self._start

    def __call__(self, rows: int, share: float | None) -> None:
        """Show how far the run is. share: of all rows, from 0 to 1; None if nobody knows."""
        self.tell(lambda seconds: line(rows, share, seconds))

    def tell(self, text: Callable[[float], str]) -> None:
        """Show a line, if it is time for one. text: makes it of the seconds since the beginning."""
        if self._stream is None or (now := monotonic()) < self._next:
            return
        self._next = now + _PAUSE
        self._show(text(now - self._start)[:_WIDTH])

    def _show(self, text: str) -> None:
        if self._stream is None or not (text or self._shown):
            return
        try:
            blank = " " * (self._shown - len(text))
            self._stream.write(f"\r{text}{blank}" + ("" if text else "\r"))
            self._stream.flush()
            self._shown = len(text)
        except OSError:  # nobody looks any more
            self._stream = None


def line(rows: int, share: float | None, seconds: float) -> str:
    """12,345,678 rows, 41 %, 2,345,678 rows/s, 0:12 left."""
    parts = [f"{rows:,} rows"]
    if share is not None:
        parts.append(f"{min(share, 1.0):.0%}".replace("%", " %"))
    parts.append(f"{rows / max(seconds, 1e-9):,.0f} rows/s")
    if share:
        parts.append(f"{clock(seconds * (1.0 - min(share, 1.0)) / share)} left")
    return ", ".join(parts)[:_WIDTH]


def clock(seconds: float) -> str:
    """1:02:03, or 2:03 below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

"""What `gradcli batch` tells at the end of a run: one line.

Enters: a tally, the program's text. Leaves: text. Invariant: a count that is 0 is not told.
"""

from __future__ import annotations

from gradcli.batch.tally import Tally
from gradcli.printable import shorten

_SHORT = 0.5  # seconds, most of which is the start of the process: a rate would say nothing about the rows
_GATES = 3  # that are told
_GATE = 40  # characters of a gate's source


def summary(tally: Tally, seconds: float, engine: str, on_error: str, source: str, done: int = 0) -> str:
    """The line.

    Args:
        source: the program's text.
        done: the parts that were complete already.
    """
    if seconds < _SHORT:
        parts = [f"{_rows(tally.rows)} ({engine} engine)"]
    else:
        parts = [f"{_rows(tally.rows)} in {seconds:.2f} s ({tally.rows / seconds:,.0f} per second, {engine} engine)"]
    if done:
        parts.append(f"{done:,} {'part was' if done == 1 else 'parts were'} complete already")
    if tally.nulls:
        parts.append(f"{tally.nulls:,} without a number, so without results")
    if tally.bad:
        what = "left out" if on_error == "skip" else "without results"
        parts.append(f"{tally.bad:,} bad, {what}")
    if tally.odd:
        parts.append(f"{tally.odd:,} not finite{_gates(tally, source)}")
    return "; ".join(parts)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _gates(tally: Tally, source: str) -> str:
    """Where numbers stop being finite, the worst gates first."""
    worst = sorted(tally.gates, key=lambda gate: (-gate[1], gate[0]))
    if not worst:
        return ""
    shown = [f"{_text(source, place)} in {count:,}" for place, count in worst[:_GATES]]
    more = "" if len(worst) <= _GATES else f" and {len(worst) - _GATES:,} more gates"
    of = "" if tally.blamed == tally.odd else f" of the first {tally.blamed:,}"
    return f", from {', '.join(shown)}{more}{of}"


def _text(source: str, place: tuple[int, int]) -> str:
    return shorten(" ".join(source[slice(*place)].split()), _GATE) or "a constant"

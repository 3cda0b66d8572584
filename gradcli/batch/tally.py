"""What happened to the rows of a run, in numbers.

Enters: the counts of blocks, or of parts. Leaves: `Tally`. Invariant: rows = written + skipped; the tally of several
parts is the same in whatever order they were computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Tally(NamedTuple):
    """Counts of rows.

    Attributes:
        rows: that were read.
        written: that are in the output.
        nulls: without results for want of a number.
        bad: with a cell that is not a number, or not to be split into cells.
        skipped: bad ones that are not in the output.
        odd: with a result that is not finite.
        blamed: how many of the odd ones were followed gate by gate.
        gates: where in the program numbers stop being finite there, with the number of rows; sorted.
    """

    rows: int = 0
    written: int = 0
    nulls: int = 0
    bad: int = 0
    skipped: int = 0
    odd: int = 0
    blamed: int = 0
    gates: tuple[tuple[tuple[int, int], int], ...] = ()


def together(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    several = [Tally(), *tallies]
    gates: Counter[tuple[int, int]] = Counter()
    for tally in several:
        gates.update(dict(tally.gates))
    rows, written, nulls, bad, skipped, odd, blamed = (
        sum(counts) for counts in zip(*(tally[:7] for tally in several), strict=True)
    )
    return Tally(rows, written, nulls, bad, skipped, odd, blamed, tuple(sorted(gates.items())))

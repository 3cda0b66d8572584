"""How many rows have results that are not finite, and which gates spoil them.

Enters: what computed a block of rows, its columns and results. Leaves: `Odd`. Invariant: every row is counted, and a
bounded number of them followed gate by gate, which costs far more than computing them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gradcli.kernels import Outputs
from gradcli.kernels.blaming import Place

Column = Any
Blame = Callable[[Mapping[str, Column]], dict[Place, int]]

MOST_BLAMED = 10_000  # rows of a table, or points of a grid, that are followed gate by gate


class Odd(NamedTuple):
    """Rows with a result that is not finite.

    Attributes:
        rows: how many there are.
        followed: how many of them were followed, the first ones.
        gates: where in the program numbers stop being finite there, with the number of rows.
    """

    rows: int
    followed: int
    gates: Mapping[Place, int]


def odd(
    blame: Blame, columns: Mapping[str, Column], outputs: Outputs, missing: Column | None = None, before: int = 0
) -> Odd:
    """The rows of a block that are not finite.

    Args:
        blame: of what computed it.
        missing: rows that have no results; None if all have some.
        before: how many rows of other blocks were followed.
    """
    found: Any = None
    for column in (outputs.value, *outputs.gradients.values()):
        if not _all_finite(column):
            here = ~np.isfinite(column)
            found = here if found is None else found | here
    if found is None:
        return Odd(0, 0, {})
    places = np.flatnonzero(found if missing is None else found & ~missing)
    followed = places[: max(0, MOST_BLAMED - before)]
    gates = blame({name: column[followed] for name, column in columns.items()}) if len(followed) else {}
    return Odd(len(places), len(followed), gates)


def _all_finite(column: Column) -> bool:
    """Whether all numbers are finite. Their sum tells it at a fraction of the price, unless it overflows."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.add.reduce(column))) or bool(np.isfinite(column).all())

"""Random numbers that follow from a seed and a purpose.

Enters: the seed and whole numbers that say what for. Leaves: a stream that NumPy keeps the same for good, and what is
drawn from it. Invariant: no state: what one purpose draws does not move what another one gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gradcli.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Order: TypeAlias = NDArray[np.int64]

STARTS, ORDER, SPLIT = 1, 2, 3  # purposes


def stream(seed: int, *purpose: int) -> np.random.RandomState:
    """The legacy generator, whose numbers never change (NEP 19), on a seed sequence, whose words never change."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence([seed, *purpose])))


def order(seed: int, epoch: int, rows: int) -> Order:
    """The order of the rows in an epoch, counted from 1."""
    found: Order = stream(seed, ORDER, epoch).permutation(rows)
    return found


def rows_at(column: Any, places: Any) -> Any:
    """Rows of a column; elements of an array that are contiguous stay so."""
    return column[places] if column.flags.c_contiguous else np.take(column.T, places, axis=-1).T


def split(columns: Mapping[str, Any], share: float, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows to learn from and rows to compare with, drawn at random, each in the order of the data.

    Args:
        share: of the rows to compare with, between 0 and 1; both parts have at least one row.

    Raises:
        DataError: there is a single row, or none.
    """
    rows = len(next(iter(columns.values()))) if columns else 0
    if rows < 2:
        raise DataError(f"{rows} row{'s' * (rows != 1)} can't be split", hint="name a file: --validate FILE")
    held = min(rows - 1, max(1, round(rows * share)))
    mixed = stream(seed, SPLIT).permutation(rows)
    parts = np.sort(mixed[held:]), np.sort(mixed[:held])
    learnt, compared = ({name: rows_at(one, part) for name, one in columns.items()} for part in parts)
    return learnt, compared

"""Uncertainties row by row.

Enters: a kernel of a program, which inputs have uncertainties and where these stand. Leaves: `Rows`, which computes
columns as a kernel does: the value, its uncertainty, and the shares of the inputs. Invariant: the numbers of a row are
those of `propagate` there, but for rounding; nothing is computed from another row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.kernels import Kernel, Outputs
from gradcli.propagating import NOTHING
from gradcli.propagating.correlations import Pair, check, neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

RESULT = "uncertainty"  # of the value, among the columns that are computed; a share is called by its input


class Uncertain(NamedTuple):
    """An input and its uncertainty.

    Attributes:
        name: of the input.
        constant: its uncertainty in all rows; None where a column has it, or a share is known.
        share: its uncertainty as a part of its value, of 0 none.
    """

    name: str
    constant: float | None
    share: float | None = None

    @property
    def column(self) -> str:
        """What the column of its uncertainties is called here; no input can be called that."""
        return f"uncertainty of {self.name}"

    @property
    def exact(self) -> bool:
        """Whether it has no uncertainty in any row."""
        return 0.0 in (self.constant, self.share)


class Rows:
    """Computes value and uncertainty of every row; in place of a kernel.

    Attributes:
        inputs: what has to have a column.
        engine: that of the kernel.
    """

    def __init__(
        self, kernel: Kernel, uncertain: Sequence[Uncertain], correlations: Mapping[Pair, float], shares: bool
    ) -> None:
        """With a kernel that differentiates by all uncertain inputs.

        Raises:
            BindingError: correlations that can't be.
        """
        check(correlations)
        self._kernel, self._uncertain, self._shares = kernel, tuple(uncertain), shares
        self._near = neighbours([one.name for one in uncertain], correlations)
        read = [one.column for one in uncertain if one.constant is None and one.share is None]
        shared = [one.name for one in uncertain if one.share is not None and one.name not in kernel.inputs]
        self.inputs = (*kernel.inputs, *shared, *read)
        self.engine = kernel.engine

    def run(self, columns: Mapping[str, Column]) -> Outputs:
        """The value, and among the gradients the uncertainty and the shares. Never warns."""
        found = self._kernel.run(columns)
        with np.errstate(all="ignore"):
            parts = [self._part(one, columns, found.gradients[one.name]) for one in self._uncertain]
            uncertainty, shares = combined(parts, self._near)
        named = {one.name: share for one, share in zip(self._uncertain, shares, strict=True)} if self._shares else {}
        return Outputs(found.value, {RESULT: uncertainty, **named})

    def blame(self, columns: Mapping[str, Column]) -> dict[tuple[int, int], int]:
        """As that of the kernel."""
        return self._kernel.blame(columns)

    def _part(self, one: Uncertain, columns: Mapping[str, Column], gradient: Column) -> Column:
        """Gradient times uncertainty; nothing where there is no uncertainty, whatever the gradient is."""
        if one.share is not None:
            size = np.abs(columns[one.name]) * one.share if one.share else 0.0
        else:
            size = columns[one.column] if one.constant is None else one.constant
        return np.where(np.equal(size, 0.0), 0.0, gradient * size)


def combined(parts: Sequence[Column], near: Sequence[Mapping[int, float]]) -> tuple[Column, list[Column]]:
    """As `propagating.combined`; a share is 0 where the variance is, and nan where it is not finite."""
    stacked = np.array(parts)
    largest = np.abs(stacked).max(axis=0)
    scaled = stacked / np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
    shares, sizes = scaled.copy(), np.abs(scaled)
    gross = sizes.copy()  # the same sums before anything cancels
    for place, others in enumerate(near):
        for other, r in others.items():
            shares[place] += r * scaled[other]
            gross[place] += abs(r) * sizes[other]
    shares *= scaled
    gross *= sizes
    total = shares.sum(axis=0)
    total[total <= NOTHING * len(parts) * gross.sum(axis=0)] = 0.0
    uncertainty = largest * np.sqrt(total)
    shares /= np.where(total == 0.0, 1.0, total)
    shares[:, total == 0.0] = 0.0
    odd = ~np.isfinite(stacked).all(axis=0)
    uncertainty[odd] = np.where(np.isnan(stacked[:, odd]).any(axis=0), np.nan, np.inf)
    shares[:, odd] = np.nan
    return uncertainty, list(shares)

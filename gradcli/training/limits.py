"""Where parameters may start, and bounds as vectors.

Enters: a layout, the ends by parameter, the start. Leaves: a lower and an upper bound for every number. Invariant: the
start is inside, or it is an error.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcli.errors import BindingError
from gradcli.printable import shorten
from gradcli.training.layout import Layout, Vector


def limits(layout: Layout, bounds: Mapping[str, tuple[float, float]], start: Vector) -> tuple[Vector, Vector]:
    """The lowest and the highest numbers; infinite where there is no bound.

    Raises:
        BindingError: a name is no parameter, or a number starts outside of its bounds.
    """
    lower, upper = np.full(layout.size, -np.inf), np.full(layout.size, np.inf)
    for name, (low, high) in bounds.items():
        if name not in layout.slices:
            hint = f"the parameters are {shorten(', '.join(map(shorten, layout.slices)), 200)}"
            raise BindingError(f"--bounds: {shorten(name)} is not a parameter", hint=hint)
        lower[layout.slices[name]], upper[layout.slices[name]] = low, high
    outside = ~((lower <= start) & (start <= upper))
    if outside.any() and bounds:
        place = int(np.flatnonzero(outside)[0])
        one = shorten(layout.elements()[place])
        inside = float(np.clip(start[place], lower[place], upper[place]))
        raise BindingError(
            f"{one} starts at {float(start[place])!r}, outside of its bounds {lower[place]:g}..{upper[place]:g}",
            hint=f"start it inside, as by --param {one}={inside:g}, or widen --bounds" if "[" not in one
            else f"start it inside, at {inside:g} for one, or widen --bounds",
        )  # fmt: skip
    return lower, upper


def check_start(layout: Layout, start: Vector) -> None:
    """Refuse numbers from which no step leads anywhere.

    Raises:
        BindingError: a number is not finite.
    """
    odd = np.flatnonzero(~np.isfinite(start))
    if len(odd):
        one, number = shorten(layout.elements()[int(odd[0])]), float(start[odd[0]])
        raise BindingError(f"{one} starts at {number!r}", hint="a start is a finite number")

"""Points to compare two programs at where none are given, and simpler points than those that were drawn.

Enters: names of inputs, a seed. Leaves: points. Invariant: a point depends on the seed, its number and the order of the
inputs only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence

LOW, HIGH = 1e-9, 1e3  # of magnitudes


def anywhere(names: Sequence[str], count: int, seed: int) -> Iterator[dict[str, float]]:
    """Points of numbers of both signs and all magnitudes from LOW to HIGH, each magnitude as likely as the others."""
    source = random.Random(seed)
    for _ in range(count):
        yield {name: source.choice((1.0, -1.0)) * _magnitude(source) for name in names}


def _magnitude(source: random.Random) -> float:
    return math.exp(source.uniform(math.log(LOW), math.log(HIGH)))


def simpler(
    point: Mapping[str, float], ranges: Mapping[str, tuple[float, float]], free: bool
) -> Iterator[dict[str, float]]:
    """Points of rounder numbers; a number that a range excludes stays as it is.

    They are 1, 2, 3 …, the same with the signs of the point, both also scaled to numbers up to 1/2; then the point with
    its numbers rounded to one digit, to two, to three.

    Args:
        ranges: of the inputs that were drawn.
        free: whether all were, from anywhere.
    """
    counted = {name: float(position) for position, name in enumerate(point, 1)}
    signed = {name: math.copysign(counted[name], x) for name, x in point.items()}
    for numbers in (counted, signed):
        yield _within(point, numbers, ranges, free)
        yield _within(point, {name: x / (2 * len(point)) for name, x in numbers.items()}, ranges, free)
    for digits in (1, 2, 3):
        yield _within(point, {name: float(f"{x:.{digits - 1}e}") for name, x in point.items()}, ranges, free)


def _within(
    point: Mapping[str, float], rounder: Mapping[str, float], ranges: Mapping[str, tuple[float, float]], free: bool
) -> dict[str, float]:
    return {
        name: rounder[name] if free or (name in ranges and ranges[name][0] <= rounder[name] <= ranges[name][1]) else x
        for name, x in point.items()
    }

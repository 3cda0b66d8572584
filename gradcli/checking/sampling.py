"""Random points for a check: the same ones in every run.

Enters: a range or a number for every input, a seed. Leaves: points. Invariant: a point depends on the seed, its number
and the inputs' order only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping

_WIDE = 1e3  # ends of one sign whose ratio is larger: all magnitudes between them are equally likely


def draw(
    fixed: Mapping[str, float], ranges: Mapping[str, tuple[float, float]], count: int, seed: int
) -> Iterator[dict[str, float]]:
    """Points with each range's input drawn from it.

    Uniform; log-uniform where both ends are positive and more than a factor of 1000 apart, so that small numbers are
    met too.
    """
    source = random.Random(seed)
    for _ in range(count):
        yield {name: _number(source, *ranges[name]) if name in ranges else x for name, x in fixed.items()}


def _number(source: random.Random, low: float, high: float) -> float:
    if low > 0.0 and low * _WIDE < high:
        x = math.exp(source.uniform(math.log(low), math.log(high)))
    else:
        share = source.random()
        x = low * (1.0 - share) + high * share  # high - low could overflow
    return min(max(x, low), high)

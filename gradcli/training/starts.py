"""Start values of parameters that are drawn or filled in: one row per kind.

Enters: a spec such as glorot(4, 2), the parameter's name, the seed. Leaves: a number or an array. Invariant: they
follow from the seed, the name and the spec alone: another parameter, or another order of them, changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import prod, sqrt
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from gradcli.errors import LimitError, UsageError
from gradcli.graph.ops.layout import Shape
from gradcli.training.specs import ANY, NOT_NEGATIVE, Setting, Spec, numbers_by_name, unknown

if TYPE_CHECKING:  # NumPy's; help reads the table without it
    import numpy as np

    from gradcli.training.layout import Vector

MOST_NUMBERS = 100_000_000  # of one parameter

Fans: TypeAlias = tuple[int, int]
Drawing: TypeAlias = "Callable[[np.random.RandomState, Shape, Mapping[str, float], Fans], Vector]"


class Start(NamedTuple):
    """A row of the table.

    Attributes:
        name: as it is written, before the shape: normal(4, 2) has four rows of two numbers, normal() is a number.
        doc: one line.
        settings: numbers that may be given by name.
        drawing: makes the array of a stream, a shape, the settings and the fans: how many numbers a unit takes, and how
            many units take one number.
        source: of the formula; nothing where there is none.
        wrong: what is wrong with settings of which each is right, in words; "" if nothing is.
    """

    name: str
    doc: str
    settings: Mapping[str, Setting]
    drawing: Drawing
    source: str = ""
    wrong: Callable[[Mapping[str, float]], str] = lambda settings: ""


def _filled(shape: Shape, number: float) -> Vector:
    import numpy as np

    return np.full(shape, number)


def _uniform(random: np.random.RandomState, shape: Shape, low: float, high: float) -> Vector:
    found: Vector = low + (high - low) * random.random_sample(shape)
    return found


def _normal(random: np.random.RandomState, shape: Shape, sd: float) -> Vector:
    found: Vector = sd * random.standard_normal(shape)
    return found


def _glorot(random: np.random.RandomState, shape: Shape, settings: Mapping[str, float], fans: Fans) -> Vector:
    end = sqrt(6.0 / sum(fans))
    return _uniform(random, shape, -end, end)


STARTS: Mapping[str, Start] = {
    row.name: row
    for row in (
        Start(
            "zeros", "All 0; without a shape, here and below, a single number.", {},
            lambda random, shape, settings, fans: _filled(shape, 0.0),
        ),
        Start("ones", "All 1.", {}, lambda random, shape, settings, fans: _filled(shape, 1.0)),
        Start(
            "normal", "Normally distributed around 0 with the standard deviation `sd`.",
            {"sd": Setting(1.0, NOT_NEGATIVE)},
            lambda random, shape, settings, fans: _normal(random, shape, settings["sd"]),
        ),
        Start(
            "uniform", "Evenly distributed from `low` to `high`.",
            {"low": Setting(-1.0, ANY), "high": Setting(1.0, ANY)},
            lambda random, shape, settings, fans: _uniform(random, shape, settings["low"], settings["high"]),
            wrong=lambda settings: "low is above high" if settings["low"] > settings["high"] else "",
        ),
        Start(
            "glorot", "Evenly distributed within ±sqrt(6/(inputs + outputs)); for tanh and sigmoid.", {}, _glorot,
            "Glorot and Bengio 2010, equation 16",
        ),
        Start(
            "he", "Normally distributed with standard deviation sqrt(2/inputs); for ReLU.", {},
            lambda random, shape, settings, fans: _normal(random, shape, sqrt(2.0 / fans[0])),
            "He, Zhang, Ren and Sun 2015, equation 10",
        ),
    )
}  # fmt: skip


def is_start(text: str) -> bool:
    """Whether a text is a start by name, or a near miss of one, for which `draw` has a hint."""
    name = text.partition("(")[0].strip()
    return name in STARTS or bool(name.isidentifier() and get_close_matches(name.lower(), STARTS, n=1, cutoff=0.75))


def _checked(spec: Spec) -> tuple[Start, Shape, dict[str, float]]:
    """The row, the shape and the settings."""
    row = STARTS.get(spec.name)
    if row is None:
        raise unknown(spec.name, "start", STARTS)
    if not all(number >= 1.0 and number.is_integer() for number in spec.numbers):
        wrong = next(number for number in spec.numbers if not (number >= 1.0 and number.is_integer()))
        hint = f"the numbers are the shape: {row.name}(4, 2) has four rows of two numbers"
        if row.settings:
            hint += f"; {' and '.join(row.settings)} by name: {row.name}({next(iter(row.settings))}={wrong:g})"
        raise UsageError(f"start {row.name}: {wrong:g} is no size", hint=hint)
    shape = tuple(int(number) for number in spec.numbers)
    if prod(shape) > MOST_NUMBERS:
        raise LimitError(f"start {row.name} has {prod(shape):,} numbers, more than {MOST_NUMBERS:,}")
    settings = numbers_by_name(Spec(spec.name, (), spec.named), "start", row.settings)
    if together := row.wrong(settings):
        raise UsageError(f"start {row.name}: {together}")
    return row, shape, settings


def shape_of_start(spec: Spec) -> Shape:
    """The shape; () for a number.

    Raises:
        UsageError: the name, the shape or a setting is wrong.
        LimitError: it is too large.
    """
    return _checked(spec)[1]


def fans_of(shape: Shape) -> Fans:
    """What a parameter takes and gives where the program does not tell: the rows of a matrix are its inputs."""
    if len(shape) < 2:
        return (shape[0] if shape else 1), 1
    return shape[-2], shape[-1]


def draw(spec: Spec, name: str, seed: int, fans: Fans | None = None) -> float | Vector:
    """The start of a parameter: a float, or an array of the spec's shape.

    Args:
        fans: inputs and outputs as the program uses the parameter: X @ W has the rows of W as inputs, W @ x
            its columns.

    Raises:
        UsageError, LimitError: as `shape_of_start`.
    """
    from gradcli.training.streams import STARTS as PURPOSE
    from gradcli.training.streams import stream

    row, shape, settings = _checked(spec)
    letters = unicodedata.normalize("NFC", name).encode()
    found = row.drawing(stream(seed, PURPOSE, *letters), shape, settings, fans or fans_of(shape))
    return found if shape else float(found)

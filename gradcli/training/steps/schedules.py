"""How the learning rate changes: a factor for every step, one row per kind of schedule.

Enters: a spec such as warmup(100)+cosine, and the number of steps of the whole run. Leaves: a `Schedule`. Invariant:
the factor of a step follows from its number alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, inf, pi
from typing import NamedTuple

from gradcli.errors import UsageError
from gradcli.training.specs import Spec, numbers_by_name, parse_spec, unknown


class Schedule(NamedTuple):
    """A factor of the learning rate for every step.

    Attributes:
        text: as it could be written, with every number, also the one of steps that was not given.
        factor: of step t = 0, 1, …
    """

    text: str
    factor: Callable[[int], float]


class Kind(NamedTuple):
    """A row of the table.

    Attributes:
        name: as it is written.
        doc: one line.
        settings: its numbers and their defaults, in the order in which they may be written; None where one is
            needed.
        factor: of the settings and of the step t = 0, 1, … since it began.
        steps: the setting that says how long it lasts; None where it never ends. Behind its end the next part begins.
        fills: whether, where that setting is left out, it lasts for the rest of the run.
        source: of the formula; nothing where there is none.
    """

    name: str
    doc: str
    settings: Mapping[str, float | None]
    factor: Callable[[Mapping[str, float], int], float]
    steps: str | None = None
    fills: bool = False
    source: str = ""


SCHEDULES: Mapping[str, Kind] = {
    row.name: row
    for row in (
        Kind("constant", "The learning rate stays as it is.", {}, lambda settings, t: 1.0),
        Kind(
            "step", "The rate is multiplied by factor after every so many steps.", {"every": None, "factor": 0.5},
            lambda settings, t: settings["factor"] ** (t // int(settings["every"])),
        ),
        Kind(
            "cosine",
            "The rate falls to final times itself along half a cosine, in total steps, or in all that are left.",
            {"total": None, "final": 0.0},
            lambda settings, t: (
                settings["final"]
                + (1.0 - settings["final"]) * (0.5 + 0.5 * cos(pi * min(t / settings["total"], 1.0)))
            ),
            steps="total", fills=True, source="Loshchilov and Hutter 2017, equation 5",
        ),
        Kind(
            "warmup", "The rate grows evenly until it is reached after so many steps.", {"steps": None},
            lambda settings, t: min((t + 1) / settings["steps"], 1.0), steps="steps",
        ),
    )
}  # fmt: skip

_SHARES = {"factor": "above 0 and at most 1", "final": "from 0 to 1"}
_REST = inf  # steps, where all that are left are meant


class Part(NamedTuple):
    """A schedule of the table with all its numbers; one that fills has infinitely many steps still."""

    kind: Kind
    settings: Mapping[str, float]

    @property
    def length(self) -> float:
        """In steps."""
        return inf if self.kind.steps is None else self.settings[self.kind.steps]

    @property
    def text(self) -> str:
        """As it could be written."""
        shown = ", ".join(f"{name}={value!r}".removesuffix(".0") for name, value in self.settings.items())
        return f"{self.kind.name}({shown})" if shown else self.kind.name


def read_schedule(text: str) -> tuple[Part, ...]:
    """The parts of a schedule such as warmup(100)+cosine(1000): one after the other, each counting from its own start.

    Raises:
        UsageError: it is none.
    """
    parts = tuple(_part(parse_spec(piece, "schedule")) for piece in _pieces(text))
    for part in parts[:-1]:
        if part.length == inf:
            hint = f"say how long it lasts: {part.kind.name}(…)" if part.kind.fills else "put it last"
            raise UsageError(f"schedule {part.kind.name} does not end, so nothing can follow it", hint=hint)
    return parts


def _pieces(text: str) -> list[str]:
    """What stands between the signs +; those inside of parentheses are of numbers."""
    pieces, begin, inside = [], 0, False
    for place, letter in enumerate(text):
        inside = letter == "(" or (inside and letter != ")")
        if letter == "+" and not inside:
            pieces.append(text[begin:place])
            begin = place + 1
    return [*pieces, text[begin:]]


def _part(spec: Spec) -> Part:
    kind = SCHEDULES.get(spec.name)
    if kind is None:
        raise unknown(spec.name, "schedule", SCHEDULES)
    defaults = dict(kind.settings)
    if kind.fills and kind.steps is not None:
        defaults[kind.steps] = _REST
    settings = numbers_by_name(spec, "schedule", defaults)
    for name, value in settings.items():
        if name in _SHARES:
            if not (0.0 <= value <= 1.0) or (name == "factor" and value == 0.0):
                raise UsageError(f"schedule {kind.name}: {name} is {value:g}", hint=f"it is {_SHARES[name]}")
        elif value != _REST and not (value >= 1.0 and value.is_integer()):
            raise UsageError(f"schedule {kind.name}: {name} is {value:g}", hint="it is a number of steps: 1, 2, …")
    return Part(kind, settings)


def schedule(parts: tuple[Part, ...], steps: int) -> Schedule:
    """The schedule for a run of so many steps in all."""
    begins, taken = [], 0.0
    whole = []
    for part in parts:
        if part.length == inf and part.kind.steps is not None:
            part = Part(part.kind, {**part.settings, part.kind.steps: max(steps - taken, 1.0)})
        begins.append(int(taken))
        whole.append(part)
        taken = min(taken + part.length, 2.0**53)

    def factor(t: int) -> float:
        place = 0
        while place + 1 < len(begins) and t >= begins[place + 1]:
            place += 1
        return whole[place].kind.factor(whole[place].settings, t - begins[place])

    return Schedule("+".join(part.text for part in whole), factor)

"""How the learning rate changes: a factor for every step, one row per kind of schedule.

Enters: a spec such as warmup(100)+cosine, and the number of steps of the whole run. Leaves: a `Schedule`. Invariant:
the factor of a step follows from its number alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, inf, pi
from typing import NamedTuple

from gradcli.errors import UsageError
from gradcli.training.specs import SHARE, Domain, Setting, Spec, numbers_by_name, parse_spec, unknown


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
        settings: its numbers, in the order in which they may be written. A default of infinitely many steps means all
            that are left.
        factor: of the settings and of the step t = 0, 1, … since it began.
        steps: the setting that says how long it lasts; None where it never ends. Behind its end the next part begins.
        source: of the formula; nothing where there is none.
    """

    name: str
    doc: str
    settings: Mapping[str, Setting]
    factor: Callable[[Mapping[str, float], int], float]
    steps: str | None = None
    source: str = ""

    @property
    def fills(self) -> bool:
        """Whether it lasts for the rest of the run where nobody says how long."""
        return self.steps is not None and self.settings[self.steps].default == inf


_STEPS = Domain("a number of steps: 1, 2, …", lambda x: x >= 1.0 and x.is_integer())
_FACTOR = Domain("above 0 and at most 1", lambda x: 0.0 < x <= 1.0)

SCHEDULES: Mapping[str, Kind] = {
    row.name: row
    for row in (
        Kind("constant", "The learning rate stays as it is.", {}, lambda settings, t: 1.0),
        Kind(
            "step", "The rate is multiplied by `factor` after every `every` steps.",
            {"every": Setting(None, _STEPS), "factor": Setting(0.5, _FACTOR)},
            lambda settings, t: settings["factor"] ** (t // int(settings["every"])),
        ),
        Kind(
            "cosine",
            "The rate falls along half a cosine to `final` times itself, over `total` steps or all that are left.",
            {"total": Setting(inf, _STEPS), "final": Setting(0.0, SHARE)},
            lambda settings, t: (
                settings["final"]
                + (1.0 - settings["final"]) * (0.5 + 0.5 * cos(pi * min(t / settings["total"], 1.0)))
            ),
            steps="total", source="Loshchilov and Hutter 2017, equation 5",
        ),
        Kind(
            "warmup", "The rate grows along a straight line from 0, and is reached after `steps` steps.",
            {"steps": Setting(None, _STEPS)},
            lambda settings, t: min((t + 1) / settings["steps"], 1.0), steps="steps",
        ),
    )
}  # fmt: skip


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
    return Part(kind, numbers_by_name(spec, "schedule", kind.settings))


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

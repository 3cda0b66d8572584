"""Two programs at one point.

Enters: two graphs and a point. Leaves: `Compared`: every quantity of both, with a verdict on each. Invariant: at a kink
two programs are the same function if they are it beside the kink; there the slope is a convention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.comparing.blaming import Blame, blame, kinks
from gradcli.comparing.evaluations import LEAST_EXPONENT, VALUE, Evaluation, evaluation
from gradcli.comparing.quantities import agreed_digits, kept_digits, same
from gradcli.graph.graph import Graph

# Verdicts on a quantity or a point, from good to bad. PARTS: the same exactly, but floats are not. CONVENTION: the same
# beside a kink. UNDECIDED: multiprecision has no answer.
SAME, PARTS, CONVENTION, UNDECIDED, DIFFERENT = "same", "parts", "convention", "undecided", "different"
ORDER = (SAME, PARTS, CONVENTION, UNDECIDED, DIFFERENT)
_TOO_SMALL = f"a number is smaller than 1e{LEAST_EXPONENT}"
NOT_KNOWN = (None, None)
Graphs = tuple[Graph, Graph]


class Quantity(NamedTuple):
    """The value, or the gradient of an input.

    Attributes:
        name: the input; "" for the value.
        verdict: one of the above.
        floats: of both programs.
        exact: of both, as text; None where it could not be computed.
        digits: how many of both floats are correct; None likewise.
        agreed: to how many digits both floats agree.
    """

    name: str
    verdict: str
    floats: tuple[float, float]
    exact: tuple[str | None, str | None]
    digits: tuple[float | None, float | None]
    agreed: float

    @property
    def undefined(self) -> tuple[bool, bool]:
        return self.exact[0] == "nan", self.exact[1] == "nan"


class Compared(NamedTuple):
    """A point.

    Attributes:
        point: the number of every input of both.
        quantities: the value first.
        verdict: the worst of theirs.
        blamed: the gates to blame where floats part, the kinks where conventions differ.
        doubt: why multiprecision has no answer; "" if it has.
        nearby: a point beside a kink at which the programs are different.
    """

    point: dict[str, float]
    quantities: list[Quantity]
    verdict: str
    blamed: list[Blame]
    doubt: str
    nearby: Compared | None = None


def compare_at(graphs: Graphs, point: Mapping[str, float], wrt: Sequence[str], required: float) -> Compared:
    """Both programs at a point.

    Args:
        wrt: the inputs to differentiate by.
        required: how many digits of both floats have to agree.
    """
    first, second = (evaluation(graph, point, wrt) for graph in graphs)
    found = [_quantity(first, second, name, required) for name in (VALUE, *wrt)]
    if all(found[0].undefined):  # a gradient of what is undefined means nothing
        found[1:] = [quantity._replace(verdict=SAME) for quantity in found[1:]]
    nearby: Compared | None = None
    kinked: list[Blame] = []
    if found[0].verdict in (SAME, PARTS) and any(quantity.verdict in (PARTS, DIFFERENT) for quantity in found[1:]):
        kinked, settled = _kinks(first, second)
        if kinked and _worst(found) == DIFFERENT:
            nearby, settled = _different_beside(graphs, point, wrt, required), (*settled, DIFFERENT)
        if nearby is None:
            found[1:] = [one._replace(verdict=CONVENTION) if one.verdict in settled else one for one in found[1:]]
    verdict = _worst(found)
    blamed = kinked if verdict == CONVENTION else [] if verdict != PARTS else _blamed((first, second), found, required)
    doubt = (first.doubt or second.doubt or _TOO_SMALL) if verdict == UNDECIDED else ""
    return Compared(dict(point), found, verdict, blamed, doubt, nearby)


def _worst(found: Sequence[Quantity]) -> str:
    return max((quantity.verdict for quantity in found), key=ORDER.index)


def _kinks(first: Evaluation, second: Evaluation) -> tuple[list[Blame], tuple[str, ...]]:
    """The kinks that the programs stand on, and the verdicts that they may explain.

    Where only floats stand on a kink, since the exact number is not quite there, it explains why floats part.
    """
    floating = [blame for program, one in enumerate((first, second)) for blame in kinks(program, one.trace)]
    exact = [blame for program, one in enumerate((first, second)) if one.true for blame in kinks(program, one.true)]
    both = {blame[:3] for blame in exact}
    rounded = any(blame[:3] not in both for blame in floating)
    return floating or exact, (PARTS,) if rounded else ()


def _quantity(first: Evaluation, second: Evaluation, name: str, required: float) -> Quantity:
    floats = first.float_of(name), second.float_of(name)
    if first.true is None or second.true is None:
        return Quantity(
            name, UNDECIDED, floats, (_text(first, name), _text(second, name)), NOT_KNOWN, agreed_digits(*floats)
        )
    context = max(first.context, second.context, key=lambda one: one.dps)
    a, b = context.mpf(first.true_of(name)), context.mpf(second.true_of(name))
    noise = [
        one.noise(name) if x == 0 and y != 0 else 0.0 for one, x, y in zip((first, second), (a, b), floats, strict=True)
    ]
    agreed = agreed_digits(*floats, max(noise))
    alike = same(a, b)
    doubtful = (first.doubt or second.doubt) and (not alike or a == 0 or a - a != 0)
    too_small = not alike and 0 in (a, b) and _too_small(first, second, max(abs(a), abs(b)))
    if doubtful or too_small:
        known = [not (one.doubt or (too_small and x == 0)) for one, x in ((first, a), (second, b))]
        exact = _text(first, name) if known[0] else None, _text(second, name) if known[1] else None
        return Quantity(name, UNDECIDED, floats, exact, NOT_KNOWN, agreed)
    verdict = DIFFERENT if not alike else SAME if agreed >= required else PARTS
    digits = kept_digits(floats[0], a, noise[0]), kept_digits(floats[1], b, noise[1])
    return Quantity(name, verdict, floats, (_text(first, name), _text(second, name)), digits, agreed)


def _too_small(first: Evaluation, second: Evaluation, x: Any) -> bool:
    """Whether x may stand for the same number as 0."""
    return (first.ended or second.ended) and bool(x < x.context.mpf(10) ** LEAST_EXPONENT)


def _text(one: Evaluation, name: str) -> str | None:
    if one.true is None:
        return None
    text: str = one.true.system.write(one.true_of(name))
    return text


def _blamed(both: tuple[Evaluation, Evaluation], found: Sequence[Quantity], required: float) -> list[Blame]:
    """For each program whose floats are not what they should be, the gate to blame."""
    parted = [quantity for quantity in found if quantity.verdict == PARTS]
    blamed = []
    for program, one in enumerate(both):
        digits = {quantity.name: quantity.digits[program] or 0.0 for quantity in parted}
        others = max(quantity.digits[1 - program] or 0.0 for quantity in parted)
        worst = min(digits.values())
        if one.true is not None and (worst < required or worst < others):
            value = digits.get(VALUE, required) < required
            told = blame(program, one.trace, one.true, value=value, all_lost=worst < 1)
            blamed += [] if told is None else [told]
    return blamed


# Beside a kink

_STEP, _LEAST = 2.0**-20, 1e-3
_RATIO = 0.6180339887498949  # of one input's step to the next one's, so that no two of them tie again


def _different_beside(
    graphs: Graphs, point: Mapping[str, float], wrt: Sequence[str], required: float
) -> Compared | None:
    """A point next to this one at which the programs are different, if there is one."""
    for pattern in ((1, 1), (-1, -1), (1, -1), (-1, 1)):
        moved, step = {}, _STEP
        for position, (name, x) in enumerate(point.items()):
            moved[name] = x + pattern[position % 2] * step * max(abs(x), _LEAST)
            step *= _RATIO if step > _STEP / 1000 else 1 / _RATIO
        first, second = (evaluation(graph, moved, wrt) for graph in graphs)
        found = [_quantity(first, second, name, required) for name in (VALUE, *wrt)]
        tied = found[0].verdict != DIFFERENT and _kinks(first, second)[0]  # as in clamp(x, x, y), wherever one looks
        if _worst(found) == DIFFERENT and not tied:
            return Compared(moved, found, DIFFERENT, [], "")
    return None

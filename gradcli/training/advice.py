"""What a person should know of a training, and what to do about it.

Enters: the history of a run and what was watched. Leaves: findings, the most important kind first. Invariant: every
finding says which numbers it comes from and which option or function helps; thresholds stand here or in
`diagnose.stages`, nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from gradcli.diagnose.stages import DEAD, EXPLODED, VANISHED
from gradcli.printable import shorten
from gradcli.training.objective import Blamed
from gradcli.training.rates import first_growth, rounded, shorter, suggested
from gradcli.training.results import Epoch, Finding, Watched, WatchedStage
from gradcli.training.steps.optimisers import OPTIMISERS

STANDS_STILL = 1e-3  # of the loss: less than this of change over half of a run is a plateau
HARDLY_LEARNED = 1e-2  # of the loss at the start: who came down by less has learned nothing yet
STILL_STEEP = 1e-2  # of the largest gradient: with less of it a loss that stands still is where it shall be
FEWEST_EPOCHS = 20  # that tell a plateau or an oscillation
TURNS = 0.6  # of all changes of the loss that change their sign: noise around a level does so at two of three epochs
SWING = 0.05  # of the loss: changes below are no oscillation that anybody minds
MOVES_MUCH, MOVES_LITTLE = 1e-1, 1e-6  # of the parameters, per step: more forgets, less never arrives
GOOD_RATIO = 1e-3  # what a rate is suggested for; a rule of thumb of the course CS231n at Stanford
FEWEST_RATIOS = 3  # watched epochs that tell a learning rate
FALLS_ON = 0.9  # of the steepest gradient: with more of it at the end a loss has not come near a minimum
_NAMED = 8  # units in a message


def findings(
    history: Sequence[Epoch], watched: Sequence[Watched], reason: str = "epochs", method: str | None = None
) -> list[Finding]:
    """All findings.

    Args:
        history: may have gaps.
        watched: by epoch; empty where nothing was watched.
        reason: why it ended. Where a criterion was met, a loss that stands still is as it shall be.
        method: the optimiser's name.
    """
    found = [*_unbounded(history), *_flow(watched), *_units(watched)]
    oscillating = [*_oscillating(history)]
    found += oscillating
    if reason not in _MET:
        if not oscillating:
            found += _plateau(history, method)
        found += _rates(history, watched)
    return found


_ADAPTIVE = {"adam", "adamw"}
_MET = {"loss", "gradient", "step", "diverged"}  # what ended a run for good


def of_divergence(
    blamed: Blamed | None,
    history: Sequence[Epoch],
    epoch: int | None = None,
    *,
    method: str | None = None,
    growth: float | None = None,
) -> Finding:
    """What to say of a training that diverged.

    Args:
        blamed: the gate, if one was found.
        history: up to where it diverged.
        epoch: in which it did.
        method: the optimiser's name.
        growth: the loss where it diverged divided by that of the step before; None where there is no such number.
    """
    advice = _way_back(blamed, history, method, growth)
    message = f"the loss or its gradient blew up: {advice}" if blamed is None else f"{blamed.message}: {advice}"
    return Finding("diverged", message, epoch, None if blamed is None else blamed.text)


def _way_back(blamed: Blamed | None, history: Sequence[Epoch], method: str | None, growth: float | None) -> str:
    """What helps against a divergence."""
    if blamed is not None and blamed.at_start:
        return "at the start already; other start values (--param) or other data help"
    rate = next((one.learning_rate for one in reversed(history) if one.learning_rate), None)
    known = OPTIMISERS.get(method or "")
    without_rate = known.rate is None if known is not None else bool(history) and rate is None
    if without_rate:
        return "other start values (--param) or --bounds help"
    if method in _PLAIN and growth is not None and growth > 1.0:
        return f"{shorter(rate, 1.0 + math.sqrt(first_growth(history, growth)))}, {_INSTEAD} help"
    if rate is not None:
        return f"a smaller learning rate, such as --lr {rounded(rate / 10)}, --clip 1, or smaller start values help"
    return "other start values (--param) or a smaller learning rate (--lr) help"


_PLAIN = {"gd", "momentum", "nesterov"}  # whose steps are as long as the gradient
_INSTEAD = "inputs of about -1 to 1, or --optimizer adam or lbfgs (lm for squares)"


def _since(watched: Sequence[Watched], holds: Callable[[Watched], bool]) -> int | None:
    """The epoch since which something holds without a break, up to the last one that was watched; None if not there."""
    since = None
    for one in reversed(watched):
        if not holds(one):
            break
        since = one.epoch
    return since


def _passed(one: Watched) -> float:
    """The first stage's gradient in terms of the last one's; nan where there are no two, or there is none to pass."""
    if len(one.stages) < 2:
        return math.nan
    first, last = one.stages[0].gradient_norm, one.stages[-1].gradient_norm
    return first / last if last else math.nan


def _alive(one: Watched) -> float:
    """The share of the units that are alive, of all stages multiplied: what dead units cut off does not vanish."""
    return math.prod(1.0 - (stage.dead or 0.0) for stage in one.stages)


_VANISHING = (
    "larger start values (he(…) or glorot(…)), tanh or relu instead of sigmoid, or fewer layers or turns of a loop help"
)
_EXPLODING = "smaller start values (glorot(…)), --clip 1, or a smaller learning rate (--lr) help"


def _flow(watched: Sequence[Watched]) -> Iterator[Finding]:
    """A gradient that vanishes or explodes on its way back through the stages."""
    if not watched or len(watched[-1].stages) < 2:
        return
    first, last = watched[-1].stages[0], watched[-1].stages[-1]
    way = f"from {_name(last)} back to {_name(first)} the gradient's norm goes "
    way += f"from {last.gradient_norm:.3g} to {first.gradient_norm:.3g}"
    if (since := _since(watched, lambda one: _passed(one) < VANISHED * _alive(one))) is not None:
        yield Finding("vanishing", f"{way}: it vanishes; {_VANISHING}", since, first.name)
    elif (since := _since(watched, lambda one: _passed(one) > EXPLODED)) is not None:
        yield Finding("exploding", f"{way}: it explodes; {_EXPLODING}", since, first.name)


_DEAD = "leaky_relu, a smaller learning rate (--lr), or he(…) start values with biases of 0 help"
_SATURATED = "smaller start values (glorot(…)), inputs of about -1 to 1, or relu instead help"


def _units(watched: Sequence[Watched]) -> Iterator[Finding]:
    """Units that pass nothing, or next to nothing, at the end; by stage."""
    advice = {"dead": f"; {_DEAD}", "saturated": f"; {_SATURATED}"}  # said once
    for stage in watched[-1].stages if watched else ():
        name = stage.name
        if stage.dead:
            since = _since(watched, lambda one, name=name: bool(_stage(one, name).dead))  # type: ignore[misc]
            yield Finding("dead", _dead(stage) + advice.pop("dead", ""), since, name)
        if stage.saturated is not None and stage.saturated > DEAD:
            since = _since(watched, lambda one, name=name: (_stage(one, name).saturated or 0.0) > DEAD)  # type: ignore[misc]
            told = f"{_name(stage)}: {stage.saturated:.0%} of its activations are saturated: hardly any gradient passes"
            yield Finding("saturated", told + advice.pop("saturated", ""), since, name)


def _stage(one: Watched, name: str) -> WatchedStage:
    return next((stage for stage in one.stages if stage.name == name), WatchedStage(name, 0.0, None, None, None))


def _dead(stage: WatchedStage) -> str:
    """Which units are dead: h3: units 0, 4 and 7 are dead."""
    units, share = stage.dead_units, stage.dead or 0.0
    told = "they pass no gradient in any of the rows looked at"
    if share == 1.0 and len(units) == 1:
        return f"{_name(stage)} is dead: it passes no gradient in any of the rows looked at"
    if share == 1.0:
        return f"{_name(stage)}: all {len(units)} units are dead: {told}"
    if len(units) == 1:
        return f"{_name(stage)}: unit {units[0]} is dead: it passes no gradient in any of the rows looked at"
    shown = [str(unit) for unit in units[:_NAMED]]
    more = len(units) - len(shown)
    listed = ", ".join(shown) + f" and {more:,} more" if more else ", ".join(shown[:-1]) + f" and {shown[-1]}"
    return f"{_name(stage)}: units {listed} are dead ({share:.0%}): {told}"


def _name(stage: WatchedStage) -> str:
    return shorten(stage.name)


def _unbounded(history: Sequence[Epoch]) -> Iterator[Finding]:
    """A loss below 0 that falls as steeply at the end as ever."""
    finite = [one for one in history if math.isfinite(one.loss)]
    if len(finite) < FEWEST_EPOCHS // 2:
        return
    last = finite[-1]
    steepest = max(one.gradient_norm for one in finite)
    lowest = all(last.loss < one.loss for one in finite[:-1])
    if lowest and last.loss < 0.0 < steepest and last.gradient_norm >= FALLS_ON * steepest:
        message = f"the loss is {last.loss:.4g}, below 0, and falls as steeply as ever: it seems to have no minimum"
        yield Finding("unbounded", f"{message}; was a square, as in (w*x + b - y)^2, forgotten?")


def _oscillating(history: Sequence[Epoch]) -> Iterator[Finding]:
    """A loss that goes up and down in the second half and does not get on."""
    half = [one for one in history[len(history) // 2 :] if math.isfinite(one.loss)]
    if len(half) < FEWEST_EPOCHS // 2:
        return
    losses = [one.loss for one in half]
    changes = [after - before for before, after in pairwise(losses)]
    turns = sum(a * b < 0.0 for a, b in pairwise(changes)) / (len(changes) - 1)
    swing = median(map(abs, changes))
    level = median(map(abs, losses))
    got_on = abs(losses[-1] - losses[0]) > 10 * swing
    if turns < TURNS or swing <= SWING * level or got_on:
        return
    rate = suggested(half[-1].learning_rate, 1 / 3)
    message = f"the loss goes up and down by {swing:.3g} around {level:.3g} since epoch {half[0].epoch}"
    yield Finding(
        "oscillating", f"{message}: {rate}, a --schedule that lowers it, or larger batches help", half[0].epoch
    )


def _plateau(history: Sequence[Epoch], method: str | None) -> Iterator[Finding]:
    """A loss that hardly moves in the second half, and did not before either, or though there still is a slope."""
    finite = [one for one in history if math.isfinite(one.loss)]
    if len(finite) < FEWEST_EPOCHS:
        return
    start, last, half = finite[0], finite[-1], finite[len(finite) // 2 :]
    losses = [one.loss for one in half]
    level = max(map(abs, losses))
    if not level or max(losses) - min(losses) > STANDS_STILL * level:
        return
    steepest = max(one.gradient_norm for one in finite)
    never = start.loss - last.loss <= HARDLY_LEARNED * abs(start.loss)
    flat = last.gradient_norm <= STILL_STEEP * steepest
    if flat and not never:
        return
    message = f"the loss stands still at {last.loss:.4g} since epoch {half[0].epoch}"
    where = "the gradient is not small, so the steps are too short, or batches pull apart"
    if never:
        where = "as at its start; the steps are too short, or units start alike, which other start values (--seed) end"
    other = "another --optimizer (lbfgs)" if method in _ADAPTIVE else "another --optimizer (adam)"
    yield Finding(
        "plateau", f"{message}: {where}; a larger learning rate (--lr), {other}, or inputs of like size help",
        half[0].epoch,
    )  # fmt: skip


def _rates(history: Sequence[Epoch], watched: Sequence[Watched]) -> Iterator[Finding]:
    """A learning rate that moves the parameters by too much at the end, or by too little all the time."""
    ratios = [found for one in watched if (found := _ratios(one))]
    if len(ratios) < FEWEST_RATIOS or not history:
        return
    # Of the middle one of the parameters: a bias near 0 always moves by much of its size.
    late = median(found[(len(found) - 1) // 2] for found in ratios[len(ratios) // 2 :])
    largest = max(found[-1] for found in ratios)
    rate = history[-1].learning_rate
    if late > MOVES_MUCH:
        wanted = suggested(rate, GOOD_RATIO / late)
        yield Finding("learning rate", f"a step still moves the parameters by {late:.0%} at the end: {wanted} helps")
    elif 0.0 < largest < MOVES_LITTLE:
        wanted = suggested(rate, GOOD_RATIO / largest)
        told = f"a step moves no parameter by more than {largest:.1g} of its size"
        yield Finding("learning rate", f"{told}: {wanted} helps")


def _ratios(one: Watched) -> list[float]:
    """Those of all parameters that have one, the smallest first."""
    ratios = [each.update_ratio for each in one.parameters if each.update_ratio is not None]
    return sorted(ratio for ratio in ratios if math.isfinite(ratio))

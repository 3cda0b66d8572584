"""What is said of a run: plateaus, oscillations, learning rates, and since when something holds."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from gradcli.training.advice import findings, of_divergence
from gradcli.training.objective import Blamed
from gradcli.training.results import Epoch, Finding, Watched, WatchedParameter, WatchedStage


def _history(losses: list[float], norms: list[float] | float = 1.0, rate: float | None = 0.1) -> list[Epoch]:
    norms = norms if isinstance(norms, list) else [norms] * len(losses)
    pairs = zip(losses, norms, strict=True)
    return [Epoch(k, k, loss, norm, rate) for k, (loss, norm) in enumerate(pairs, 1)]


def _watched(ratios: list[float | None]) -> list[Watched]:
    stage = WatchedStage("h", 1.0, None, 0.0, None)
    return [Watched(k, (stage,), (WatchedParameter("w", 1.0, ratio),)) for k, ratio in enumerate(ratios, 1)]


def _stages(*stages: WatchedStage, epoch: int = 1) -> Watched:
    return Watched(epoch, stages, ())


def _kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def test_nothing_is_said_of_a_run_that_learns() -> None:
    history = _history([2.0 * 0.9**k for k in range(60)], [0.9**k for k in range(60)])
    assert findings(history, _watched([None] + [1e-3] * 10)) == []
    assert findings([], []) == []


def test_a_loss_that_never_came_down_is_on_a_plateau() -> None:
    (found,) = findings(_history([0.25 - 1e-7 * k for k in range(40)], 1e-9), [])
    assert (found.kind, found.epoch) == ("plateau", 21)
    assert "stands still at 0.25 since epoch 21" in found.message
    assert "--seed" in found.message


def test_a_loss_that_stopped_where_there_still_is_a_slope_is_on_a_plateau() -> None:
    losses = [1.0 / (1 + k) for k in range(20)] + [0.05] * 20
    (found,) = findings(_history(losses, 1.0), [])
    assert found.kind == "plateau"
    assert "the gradient is not small" in found.message


@pytest.mark.parametrize(("method", "other"), [("adam", "lbfgs"), ("adamw", "lbfgs"), ("gd", "adam"), (None, "adam")])
def test_no_optimiser_is_advised_that_is_running(method: str | None, other: str) -> None:
    (found,) = findings(_history([0.25 - 1e-7 * k for k in range(40)], 1e-9), [], method=method)
    assert f"another --optimizer ({other})" in found.message


def test_a_loss_that_falls_below_zero_and_on_has_no_minimum() -> None:
    (found,) = findings(_history([5.0 - k for k in range(40)], 1.0), [])
    assert (found.kind, found.epoch) == ("unbounded", None)
    assert "the loss is -34, below 0" in found.message
    assert "forgotten" in found.message
    steeper = findings(_history([-(2.0**k) for k in range(40)], [2.0**k for k in range(40)]), [], "diverged")
    assert _kinds(steeper) == ["unbounded"]


@pytest.mark.parametrize(
    ("losses", "norms"),
    [
        ([50.0 - k for k in range(40)], [1.0] * 40),  # not below 0
        ([-5.0 + 0.9**k for k in range(40)], [0.9**k for k in range(40)]),  # towards a minimum
        ([-5.0 + (-1.0) ** k for k in range(40)], [1.0] * 40),  # up and down
        ([-float(k) for k in range(5)], [1.0] * 5),  # too short to tell
    ],
)
def test_other_losses_are_not_said_to_have_none(losses: list[float], norms: list[float]) -> None:
    assert "unbounded" not in _kinds(findings(_history(losses, norms), []))


def _told(history: list[Epoch], **more: Any) -> str:
    return of_divergence(Blamed("p", 0, 1, "p grew"), history, 2, **more).message


@pytest.mark.parametrize("method", ["lbfgs", "lm"])
def test_methods_without_a_rate_get_no_advice_about_it(method: str) -> None:
    told = _told([], method=method)
    assert told == "p grew: other start values (--param) or --bounds help"


def test_what_is_wrong_at_the_start_is_no_matter_of_the_rate() -> None:
    told = of_divergence(Blamed("p", 0, 1, "log(x) is undefined", True), [], 1, method="gd").message
    assert told == "log(x) is undefined: at the start already; other start values (--param) or other data help"


@pytest.mark.parametrize("curvature", [3.7, 60.0, 4.1e4, 2.5e9])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_from_the_growth_on_a_parabola_a_rate_follows_that_arrives(curvature: float, rate: float) -> None:
    """Losses of gradient descent on c x^2 / 2, whose best rate is 1/c."""
    factor = (rate * curvature - 1.0) ** 2
    told = _told(_history([1.0, factor, factor**2], rate=rate), method="gd", growth=factor)
    if factor < 1.0:
        assert f"--lr {rate / 10:g}" in told
        return
    suggested = float(re.findall(r"--lr (\S+),", told)[0])
    assert 0.5 / curvature <= suggested <= (1.0 + 1e-12) / curvature
    assert "--optimizer adam or lbfgs" in told


def test_where_a_loss_grows_ever_faster_the_first_growth_tells() -> None:
    """Of (1 - x)^2 + 100 (y - x^2)^2 from (-1.2, 1): a step of 0.1 multiplies the loss by 7e5, the next one by 1e17."""
    told = _told(_history([24.2, 1.7e7], rate=0.1), method="gd", growth=7e16)
    assert "--lr 0.0001," in told
    batches = [Epoch(k, 10 * k, 1.0, 1.0, 0.1) for k in range(1, 4)]
    assert "--lr 0.009," in _told(batches, method="gd", growth=99.0)  # other rows in every step
    assert "--lr 0.01," in _told(batches, method="adam", growth=99.0)


def test_without_a_history_the_rate_is_told_by_its_factor() -> None:
    assert "a learning rate (--lr) 10 times smaller" in _told([], method="gd", growth=81.0)


def test_a_loss_that_arrived_is_not() -> None:
    losses = [1.0 / (1 + k) for k in range(20)] + [0.05] * 20
    norms = [1.0] * 20 + [1e-6] * 20
    assert findings(_history(losses, norms), []) == []
    assert findings(_history([0.25] * 40, 1e-9), [], "gradient") == []
    assert findings(_history([0.25] * 5, 1e-9), []) == []


def test_a_loss_that_goes_up_and_down_oscillates() -> None:
    losses = [3.0, 2.0] + [1.0 + 0.3 * (-1) ** k for k in range(40)]
    (found,) = findings(_history(losses, rate=0.3), [])
    assert found.kind == "oscillating"
    assert "by 0.6 around" in found.message
    assert "--lr 0.1" in found.message
    steady = [1.0 + 0.3 * 0.5**k * (-1) ** k for k in range(40)]
    assert "oscillating" not in _kinds(findings(_history(steady), []))
    small = [1.0 + 0.01 * (-1) ** k for k in range(40)]
    assert "oscillating" not in _kinds(findings(_history(small), []))


def test_a_rate_that_moves_too_much_at_the_end_is_too_large() -> None:
    history = _history([1.0 / (1 + k) for k in range(10)], rate=2.0)
    (found,) = findings(history, _watched([None, 1.0, 0.5, 0.5, 0.5]))
    assert found.kind == "learning rate"
    assert "by 50%" in found.message
    assert "smaller learning rate, such as --lr 0.004" in found.message
    assert findings(history, _watched([None, 1.0, 0.5, 1e-3, 1e-3, 1e-3])) == []
    assert findings(history, _watched([None, 1.0])) == []


def test_a_rate_that_never_moves_anything_is_too_small() -> None:
    history = _history([1.0 - 0.01 * k for k in range(10)], rate=1e-6)
    (found,) = findings(history, _watched([None, 1e-8, 1e-8, 1e-9]))
    assert found.kind == "learning rate"
    assert "larger learning rate, such as --lr 0.1" in found.message
    assert findings(history, _watched([None, 1e-8, 1e-8]), "step") == []
    assert findings(history, _watched([None, 0.0, 0.0, 0.0])) == []
    assert findings(history, _watched([None, math.inf, 1e-3, 1e-3, math.inf])) == []


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [(1e-4, 1.0, "vanishing"), (2e-3, 1.0, None), (0.0, 1.0, "vanishing"), (2e3, 1.0, "exploding"), (0.0, 0.0, None)],
)
def test_gradients_that_vanish_or_explode(first: float, last: float, kind: str | None) -> None:
    stages = WatchedStage("a", first, None, None, None), WatchedStage("b", last, None, None, None)
    assert _kinds(findings([], [_stages(*stages)])) == ([kind] if kind else [])


def test_a_gradient_that_a_dead_stage_cuts_off_does_not_vanish() -> None:
    stages = WatchedStage("a", 0.0, None, None, 0.0), WatchedStage("b", 1.0, None, None, 1.0, (0, 1))
    assert _kinds(findings([], [_stages(*stages)])) == ["dead"]
    half = [WatchedStage("a", 4.9e-4, None, None, 0.0), WatchedStage("b", 1.0, None, None, 0.5, (0,))]
    assert _kinds(findings([], [_stages(*half)])) == ["vanishing", "dead"]
    half[0] = half[0]._replace(gradient_norm=5.1e-4)
    assert _kinds(findings([], [_stages(*half)])) == ["dead"]


def test_since_when_something_holds_is_told() -> None:
    good = WatchedStage("a", 1.0, None, None, 0.0), WatchedStage("b", 1.0, None, None, 0.0)
    bad = WatchedStage("a", 1e-9, None, None, 0.5, (1,)), WatchedStage("b", 1.0, None, None, 0.0)
    run = [_stages(*(bad if epoch in (1, 3, 4) else good), epoch=epoch) for epoch in range(1, 5)]
    assert {(finding.kind, finding.epoch, finding.stage) for finding in findings([], run)} == {
        ("vanishing", 3, "a"),
        ("dead", 3, "a"),
    }
    assert findings([], [*run, _stages(*good, epoch=5)]) == []


@pytest.mark.parametrize(
    ("share", "units", "expected"),
    [
        (0.25, (3,), "h3: unit 3 is dead: it passes"),
        (0.5, (0, 4, 7), "h3: units 0, 4 and 7 are dead (50%)"),
        (1.0, (0,), "h3 is dead: it passes"),
        (1.0, (0, 1, 2), "h3: all 3 units are dead"),
        (0.5, tuple(range(20)), "h3: units 0, 1, 2, 3, 4, 5, 6, 7 and 12 more are dead (50%)"),
    ],
)
def test_dead_units_are_told_by_index(share: float, units: tuple[int, ...], expected: str) -> None:
    stage = WatchedStage("h3", 1.0, None, None, share, units)
    first, second = findings([], [_stages(stage, stage._replace(name="h4"))])
    assert first.message.startswith(expected)
    assert "leaky_relu" in first.message
    assert "leaky_relu" not in second.message  # advice is given once

"""A step that is written out: the run's own, consistent in its digits, and none that the run would not take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from losses import made
from losses_by_hand import plan

from gradcli.errors import UsageError
from gradcli.render.explain.training_step import TrainingStep
from gradcli.training.explaining import step
from gradcli.training.objective import Objective
from gradcli.training.steps.loop import Plan, run
from gradcli.training.steps.state import Events, begin
from gradcli.training.steps.stopping import Criteria

COLUMNS = {"x": np.linspace(-1.0, 2.0, 23), "y": np.cos(np.linspace(0.0, 5.0, 23))}
START = [0.3, -0.7]


def line(extra: str | None = None) -> Objective:
    return made("(w*x + b - y)^2", {"x": (), "y": ()}, {"w": (), "b": ()}, {}, extra)


def told(
    taken: Plan, number: int, objective: Objective | None = None, start: list[float] | None = None,
    columns: Mapping[str, Any] = COLUMNS,
) -> TrainingStep:  # fmt: skip
    state = begin(np.array(START if start is None else start), taken.optimiser.memory)
    return step(objective or line(), columns, None, taken, state, number, lambda state: None)


SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "batches": {"batch_size": 5, "shuffle": True, "seed": 3},
    "clipped": {"clip": 0.25},
    "cut": {"clip_value": 0.05, "clip": 0.06},
    "bounds": {"lower": np.array([0.29, -0.71]), "upper": np.array([0.31, math.inf])},
}


@pytest.mark.parametrize("optimiser", ["gd", "nesterov", "adam"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("extra", [None, "0.1*w^2 + 0.01*b^4"])
def test_a_step_is_that_of_the_run(optimiser: str, shape: str, extra: str | None) -> None:
    """Step 7 ends at the parameters of a run of seven steps, and its gradient is the one that its update used."""
    taken = plan(optimiser, 0.05, Criteria(20), **SHAPES[shape])
    found = told(taken, 7, line(extra))
    states: list[Any] = []
    events = Events(states.append, stop=lambda: len(states) == 7)
    run(line(extra), COLUMNS, None, taken, begin(np.array(START), taken.optimiser.memory), events)
    assert found.number == 7
    assert [found.after["w"], found.after["b"]] == pytest.approx(states[6].theta.tolist(), rel=1e-13)
    assert [found.before["w"], found.before["b"]] == states[5].theta.tolist()
    for name, vector in states[6].memory.items():
        assert [*found.memory_after[name].values()] == pytest.approx(vector.tolist(), rel=1e-12)
    assert found.penalised == (extra is not None)


def test_what_is_written_is_consistent_to_the_last_digit() -> None:
    """The gradient of the backward pass is the one of the update, though the run adds up rows in another order."""
    objective = line()
    for number in range(1, 12):
        found = told(plan("gd", 0.05, Criteria(20)), number, objective)
        for name in ("w", "b"):
            assert found.gradient[name] == found.trace.gradients[name]
            assert found.after[name] == found.before[name] - 0.05 * found.gradient[name]
        assert found.loss == found.trace.value


def test_a_penalty_is_in_the_loss_and_the_gradient_but_not_in_the_trace() -> None:
    """At w = 0.5, x = 3, y = 2: 0.25 + 0.1 w² = 0.275, and -3 + 0.2 w = -2.9."""
    objective = made("(w*x - y)^2", {"x": (), "y": ()}, {"w": ()}, {}, "0.1*w^2")
    columns = {"x": np.array([3.0]), "y": np.array([2.0])}
    found = told(plan("gd", 0.1, Criteria(1)), 1, objective, [0.5], columns)
    assert (found.penalised, found.trace.value, found.trace.gradients["w"]) == (True, 0.25, -3.0)
    assert found.loss == pytest.approx(0.275, rel=1e-15)
    assert found.gradient["w"] == pytest.approx(-2.9, rel=1e-15)


def test_the_factor_of_clipping_makes_the_gradient_as_long_as_was_asked() -> None:
    found = told(plan("gd", 0.1, Criteria(2), clip=0.25), 1)
    size = math.hypot(found.gradient["w"], found.gradient["b"])
    assert size > 0.25
    assert found.factor == pytest.approx(0.25 / size, rel=1e-14)
    assert told(plan("gd", 0.1, Criteria(2), clip=25.0), 1).factor == 1.0


def test_only_parameters_with_bounds_are_said_to_have_some() -> None:
    lower, upper = np.array([-math.inf, -0.71]), np.array([math.inf, math.inf])
    found = told(plan("gd", 0.1, Criteria(2), lower=lower, upper=upper), 1)
    assert (found.lower, found.upper) == ({"b": -0.71}, {"b": math.inf})


def alone(text: str) -> Objective:
    return made(text, {}, {"w": ()})


MISSING: dict[str, tuple[str, float, Plan, int, str]] = {
    "no finite loss": (
        "1/w", 0.0, plan(), 1, "there is no step 1: the run ends at its start: it diverged at step 1: the loss is inf",
    ),
    "a gradient within its tolerance": (
        "w^2", 0.0, plan(criteria=Criteria(9, gradient=1e-3)), 1, "ends at its start: the gradient is within its tol",
    ),
    "exploded before": (
        "w^4", 3.0, plan("gd", 1.0), 5, "ends after step 2: it diverged at step 3: the loss has grown from 81 to",
    ),
    "exploding in it": ("w^4", 3.0, plan("gd", 1.0), 3, "ends after step 2: it diverged at step 3: the loss has grow"),
    "too many": ("w^2", 1.0, plan(criteria=Criteria(4)), 5, "there is no step 5: the run ends after step 4: all ep"),
    "no time": ("w^2", 1.0, plan(criteria=Criteria(4, seconds=0.0)), 1, "ends at its start: the time is up"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_a_step_that_the_run_does_not_take_is_not_written(name: str) -> None:
    text, start, taken, number, message = MISSING[name]
    with pytest.raises(UsageError) as caught:
        told(taken, number, alone(text), [start], {})
    assert message in caught.value.message
    assert caught.value.status == 2


def test_the_rows_of_a_step_are_told() -> None:
    shuffled = plan(criteria=Criteria(2), batch_size=5, shuffle=True)
    assert told(plan(criteria=Criteria(1)), 1).rows == "all 23 rows"
    assert told(shuffled, 5).rows == "rows 21 to 23 of 23 of this epoch's order"
    assert told(plan(), 1, alone("w^2"), [1.0], {}).rows == ""

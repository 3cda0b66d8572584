"""The loop: steps by hand, batches, criteria, divergence, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from losses_by_hand import Handwritten, data, logistic, plan, squares

from gradcli.training.results import Epoch
from gradcli.training.steps.loop import run, steps_of
from gradcli.training.steps.schedules import read_schedule, schedule
from gradcli.training.steps.state import Ended, Events, State, begin
from gradcli.training.steps.stopping import REASONS, Criteria, sentence, within


def trained(function: Any, start: list[float], made: Any, columns: Any = None, **more: Any) -> Ended:
    events, validation = more.get("events", Events()), more.get("validation")
    state = more.get("state") or begin(np.array(start), made.optimiser.memory)
    return run(Handwritten(len(start), function), columns or {}, validation, made, state, events)


def test_one_step_of_gradient_descent_is_that_by_hand() -> None:
    """(w*3 + b - 2)^2 at w = 0.5, b = -0.25: the loss is 0.5625, the gradient -4.5 and -1.5."""

    def loss(theta: Any, columns: Any) -> Any:
        residual = theta[0] * 3.0 + theta[1] - 2.0
        return residual**2, np.array([2.0 * residual * 3.0, 2.0 * residual])

    ended = trained(loss, [0.5, -0.25], plan(criteria=Criteria(1)))
    assert ended.theta.tolist() == [0.95, -0.25 + 0.1 * 1.5]
    assert (ended.reason, ended.converged) == ("epochs", False)
    norm = 4.5 * np.sqrt(1.0 + 1.0 / 9.0)
    assert ended.state.history.entries() == [Epoch(1, 1, 0.5625, pytest.approx(norm), 0.1, None)]


def test_steps_are_those_of_the_optimiser_counted_from_one() -> None:
    """Adam's first steps along a gradient that stays the same are the rate, each; only t = 1, 2, … makes them so."""
    states: list[State] = []
    made = plan("adam", 0.01, Criteria(4))
    trained(lambda theta, columns: (0.0, [2.0, -3.0]), [0.0, 0.0], made, events=Events(on_step=states.append))
    for step, state in enumerate(states, 1):
        np.testing.assert_allclose(state.theta, [-0.01 * step, 0.01 * step], rtol=1e-8)


def test_an_epoch_sees_every_row_once_in_an_order_of_its_own() -> None:
    columns = {"r": np.arange(23.0), "R": np.asfortranarray(np.arange(46.0).reshape(23, 2))}
    objective = Handwritten(1, lambda theta, columns: (0.0, [0.0]))
    made = plan(criteria=Criteria(3), batch_size=5, shuffle=True, seed=4)
    run(objective, columns, None, made, begin(np.zeros(1)))
    seen = [batch["r"].tolist() for batch in objective.batches]
    assert [len(batch) for batch in seen] == [5, 5, 5, 5, 3] * 3
    epochs = [[row for batch in seen[place : place + 5] for row in batch] for place in (0, 5, 10)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    for batch in objective.batches:
        np.testing.assert_array_equal(batch["R"], np.stack([batch["r"] * 2, batch["r"] * 2 + 1], axis=1))
        assert all(batch["R"][:, place].flags.c_contiguous for place in (0, 1))
    np.testing.assert_array_equal(columns["r"], np.arange(23.0))


def test_without_shuffle_rows_come_in_their_order() -> None:
    objective = Handwritten(1, lambda theta, columns: (0.0, [0.0]))
    run(objective, {"r": np.arange(5.0)}, None, plan(criteria=Criteria(2), batch_size=2), begin(np.zeros(1)))
    assert [batch["r"].tolist() for batch in objective.batches] == [[0, 1], [2, 3], [4]] * 2


def test_the_loss_of_an_epoch_counts_each_batch_by_its_rows() -> None:
    """Losses 1, 1, 7 of 2, 2 and 1 rows: 11/5; norms 1, 1, 7: their plain mean."""

    def loss(theta: Any, columns: Any) -> Any:
        size = 1.0 if len(columns["r"]) == 2 else 7.0
        return size, [size]

    ended = trained(loss, [0.0], plan(criteria=Criteria(1), batch_size=2), {"r": np.arange(5.0)})
    last = ended.state.history.last
    assert last is not None
    assert last.loss == pytest.approx(11.0 / 5.0, rel=1e-15)
    assert last.gradient_norm == pytest.approx(3.0, rel=1e-15)
    assert last.step == 3


def test_one_batch_has_the_very_loss() -> None:
    ended = trained(lambda theta, columns: (0.1, [0.0]), [0.0], plan(criteria=Criteria(1)), {"r": np.arange(7.0)})
    assert ended.state.history.entries()[0].loss == 0.1


def test_steps_of_a_run() -> None:
    assert [steps_of(3, 10, size) for size in (None, 10, 100, 3, 1)] == [3, 3, 3, 12, 30]
    assert steps_of(3, 0, 5) == 3


def test_the_schedule_counts_steps_and_history_has_the_last_rate() -> None:
    made = plan(rate=1.0, criteria=Criteria(2), batch_size=1, schedule=schedule(read_schedule("warmup(4)"), 4))
    ended = trained(lambda theta, columns: (0.0, [1.0]), [0.0], made, {"r": np.zeros(2)})
    assert ended.theta.tolist() == [-2.5]
    assert [entry.learning_rate for entry in ended.state.history.entries()] == [0.5, 1.0]


def test_a_run_changes_nothing_that_it_was_given() -> None:
    made = plan("adam", criteria=Criteria(3), batch_size=4, shuffle=True, lower=np.full(3, -0.01))
    columns = data(11)
    state = begin(np.array([0.3, -0.2, 0.1]), made.optimiser.memory)
    for one in (state.theta, *state.memory.values(), *columns.values()):
        one.flags.writeable = False
    states: list[State] = []
    run(Handwritten(3, logistic), columns, None, made, state, Events(on_step=states.append))
    assert state.history.entries() == []
    assert state.theta.tolist() == [0.3, -0.2, 0.1]
    assert [len(one.history.entries()) for one in states] == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert [(one.step, one.epoch, one.row) for one in states[:4]] == [(1, 0, 4), (2, 0, 8), (3, 1, 0), (4, 1, 4)]


def test_a_step_beyond_the_bounds_ends_on_them() -> None:
    made = plan(rate=1.0, lower=np.array([-np.inf, 0.25]), upper=np.array([0.5, np.inf]), criteria=Criteria(1))
    ended = trained(lambda theta, columns: (0.0, [-10.0, 10.0]), [0.0, 1.0], made)
    assert ended.theta.tolist() == [0.5, 0.25]


def test_the_gradient_is_clipped_before_the_optimiser_sees_it() -> None:
    def first(**how: Any) -> Any:
        ended = trained(
            lambda theta, columns: (0.0, [3.0, -4.0]), [0.0, 0.0], plan(rate=1.0, criteria=Criteria(1), **how)
        )
        last = ended.state.history.last
        assert last is not None
        assert last.gradient_norm == 5.0
        return (-ended.theta).tolist()

    assert first(clip=10.0) == [3.0, -4.0]
    assert first(clip=0.5) == pytest.approx([0.3, -0.4])
    assert first(clip_value=3.5) == [3.0, -3.5]
    assert first(clip_value=1.0, clip=1.0) == pytest.approx([np.sqrt(0.5), -np.sqrt(0.5)])


def test_stop_is_asked_after_every_step_and_ends_the_run() -> None:
    steps: list[int] = []
    ended = trained(
        squares, [1.0], plan(criteria=Criteria(100)),
        events=Events(on_step=lambda state: steps.append(state.step), stop=lambda: len(steps) == 3),
    )  # fmt: skip
    assert (ended.reason, ended.converged, ended.state.step, steps) == ("interrupted", False, 3, [1, 2, 3])


def test_a_run_that_is_done_is_not_interrupted() -> None:
    assert trained(squares, [1.0], plan(criteria=Criteria(1)), events=Events(stop=lambda: True)).reason == "epochs"


CRITERIA = {
    "loss": (Criteria(1000, loss=1e-3), {}),
    "gradient": (Criteria(1000, gradient=1e-3), {}),
    "gradient of batches": (Criteria(1000, gradient=1e-2), {"batch_size": 7}),
    "step": (Criteria(1000, step=1e-3), {}),
    "epochs": (Criteria(3), {"batch_size": 7}),
    "time": (Criteria(1000, seconds=1e-9), {}),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_ends_a_run_and_ends_it_again_when_it_is_resumed(name: str) -> None:
    criteria, how = CRITERIA[name]
    reason = name.split()[0]
    # Twelve rows with every target in both classes, so that there is a minimum.
    columns = {"X": np.repeat(data(9)["X"], 2, axis=0), "y": np.array([0.0, 1.0] * 9)}
    made = plan(rate=1.0, criteria=criteria, **how)
    ended = trained(logistic, [0.3, 0.2, -0.1], made, columns)
    assert (ended.reason, ended.converged) == (reason, REASONS[reason].converged)
    assert 0 < ended.state.step < 1000
    again = trained(logistic, [0.0] * 3, made, columns, state=ended.state)
    assert (again.reason, again.state.step) == (reason, ended.state.step)
    np.testing.assert_array_equal(again.theta, ended.theta)


def test_what_converges_by_its_gradient_has_that_gradient() -> None:
    columns = {"X": np.repeat(data(9)["X"], 2, axis=0), "y": np.array([0.0, 1.0] * 9)}
    for how in ({}, {"batch_size": 6}):
        ended = trained(
            logistic, [0.3, 0.2, -0.1], plan(rate=0.5, criteria=Criteria(5000, gradient=1e-4), **how), columns
        )
        assert ended.reason == "gradient"
        assert np.max(np.abs(logistic(ended.theta, columns)[1])) <= 1e-4


def test_the_last_epoch_may_be_the_one_that_converges() -> None:
    """After a step of rate 1 the sum of squares is at its minimum: 1 epoch is enough, and is known to be."""
    assert trained(squares, [3.0], plan(rate=1.0, criteria=Criteria(1, gradient=0.0))).reason == "gradient"


def test_a_gradient_that_points_out_of_the_bounds_is_as_good_as_none() -> None:
    made = plan(rate=0.1, criteria=Criteria(500, gradient=1e-9), lower=np.array([0.5]))
    ended = trained(squares, [3.0], made)
    assert (ended.reason, ended.theta.tolist()) == ("gradient", [0.5])
    assert not within(0.1, np.array([0.5]), np.array([-1.0]), np.array([0.5]), None)
    assert within(0.1, np.array([0.5]), np.array([-1.0]), None, np.array([0.5]))
    assert not within(0.1, np.array([0.5]), np.array([np.nan]), None, None)


def test_patience_keeps_the_parameters_with_the_best_validation_loss() -> None:
    """The parameter walks 1, 2, 3, …; the validation loss is smallest at 4."""
    objective = Handwritten(1, lambda theta, columns: (-theta[0] if not columns else abs(theta[0] - 4.0), [-1.0]))
    made = plan(rate=1.0, criteria=Criteria(100, patience=3))
    ended = run(objective, {}, {"r": np.zeros(1)}, made, begin(np.zeros(1)))
    assert (ended.reason, ended.converged) == ("patience", False)
    assert (ended.theta.tolist(), ended.state.theta.tolist(), ended.state.epoch) == ([4.0], [7.0], 7)
    assert ended.state.best is not None
    assert (ended.state.best.epoch, ended.state.best.loss) == (4, 0.0)
    without = run(objective, {}, {"r": np.zeros(1)}, plan(rate=1.0, criteria=Criteria(7)), begin(np.zeros(1)))
    assert without.theta.tolist() == [7.0]


def test_a_validation_loss_that_is_nan_is_never_the_best() -> None:
    objective = Handwritten(1, lambda theta, columns: (0.0 if not columns or theta[0] > 2.0 else np.nan, [-1.0]))
    ended = run(objective, {}, {"r": np.zeros(1)}, plan(rate=1.0, criteria=Criteria(9, patience=4)), begin(np.zeros(1)))
    assert ended.state.best is not None
    assert ended.state.best.epoch == 3
    assert (ended.reason, ended.state.epoch) == ("patience", 7)


def test_a_loss_that_explodes_ends_at_the_last_good_parameters() -> None:
    """x^4 by a rate that is too large: x is thrown farther each time."""
    ended = trained(
        lambda theta, columns: (theta[0] ** 4, 4.0 * theta**3), [2.0], plan(rate=1.0, criteria=Criteria(99))
    )
    assert (ended.reason, ended.converged) == ("diverged", False)
    assert ended.bad_theta is ended.state.theta
    assert ended.theta is ended.state.previous
    assert ended.trouble is not None
    assert ended.trouble.startswith("the loss has grown from 16 to ")
    assert ended.theta[0] ** 4 <= 1e8 * 16.0 < ended.bad_theta[0] ** 4


@pytest.mark.parametrize(
    ("loss", "gradient", "trouble"),
    [
        (np.nan, 1.0, "the loss is nan"),
        (np.inf, 1.0, "the loss is infinite"),
        (-np.inf, 1.0, "the loss is infinite"),
        (1.0, np.nan, "the gradient is not finite"),
        (1.0, -np.inf, "the gradient is not finite"),
    ],
)
def test_what_is_not_finite_ends_the_run(loss: float, gradient: float, trouble: str) -> None:
    """From the third evaluation on, of rows 2 and 3 in the first epoch."""

    def function(theta: Any, columns: Any) -> Any:
        return (1.0, [-1.0]) if theta[0] < 1.5 else (loss, [gradient])

    ended = trained(function, [0.0], plan(rate=1.0, batch_size=2, criteria=Criteria(9)), {"r": np.arange(6.0)})
    assert (ended.reason, ended.trouble) == ("diverged", trouble)
    assert (ended.theta.tolist(), ended.state.step) == ([1.0], 2)
    assert ended.bad_theta is not None
    assert ended.bad_theta.tolist() == [2.0]
    assert ended.bad_batch is not None
    assert ended.bad_batch["r"].tolist() == [4.0, 5.0]


def test_a_bad_start_stays_the_result() -> None:
    ended = trained(lambda theta, columns: (np.nan, [0.0]), [7.0], plan())
    assert (ended.reason, ended.theta.tolist(), ended.state.step) == ("diverged", [7.0], 0)


def test_a_step_to_infinity_is_not_taken() -> None:
    ended = trained(lambda theta, columns: (0.0, [-1e300]), [1.0], plan(rate=1e10))
    assert (ended.reason, ended.theta.tolist()) == ("diverged", [1.0])
    assert ended.trouble == "a step leads to parameters that are not finite"
    assert ended.bad_theta is not None
    assert ended.bad_theta.tolist() == [np.inf]


def test_a_gradient_that_can_not_be_squared_is_refused_where_it_would_be() -> None:
    def function(theta: Any, columns: Any) -> Any:
        return 0.0, [1e200, 0.0]

    assert trained(function, [1.0, 1.0], plan("adam")).trouble == "the gradient is too long to be squared: 1e+200"
    assert trained(function, [1.0, 1.0], plan("adam", clip=1.0)).reason == "epochs"
    assert trained(function, [1.0, 1.0], plan("gd", 1e-200)).reason == "epochs"


def test_tiny_and_huge_gradients_keep_their_norm() -> None:
    for size in (1e-200, 1e200):
        ended = trained(lambda theta, columns, size=size: (0.0, [3.0 * size, 4.0 * size]), [0.0, 0.0], plan(rate=1e-9))
        last = ended.state.history.last
        assert last is not None
        assert last.gradient_norm == pytest.approx(5.0 * size, rel=1e-14, abs=0.0)


def test_a_million_parameters() -> None:
    size = 1_000_000
    ended = run(
        Handwritten(0, squares), {}, None, plan(rate=0.5, criteria=Criteria(2), clip=1e9), begin(np.full(size, 4.0))
    )
    assert {*ended.theta.tolist()} == {1.0}
    assert [entry.gradient_norm for entry in ended.state.history.entries()] == [4e3, 2e3]


def test_on_epoch_sees_the_first_batch_before_its_first_step() -> None:
    seen: list[Any] = []

    def look(state: State, batch: Any) -> None:
        seen.append((state.epoch, state.step, batch["r"].tolist()))

    trained(
        lambda theta, columns: (0.0, [0.0]), [0.0], plan(criteria=Criteria(2), batch_size=2), {"r": np.arange(3.0)},
        events=Events(on_epoch=look),
    )  # fmt: skip
    assert seen == [(0, 0, [0.0, 1.0]), (1, 2, [0.0, 1.0])]


def test_no_epochs_are_no_steps() -> None:
    ended = trained(squares, [1.0], plan(criteria=Criteria(0)))
    assert (ended.reason, ended.state.step, ended.theta.tolist()) == ("epochs", 0, [1.0])


@pytest.mark.parametrize(("rate", "batch_size"), [(10.0, None), (10.0, 2)])
def test_a_loss_that_explodes_tells_by_how_much_in_the_last_step(rate: float, batch_size: int | None) -> None:
    """On half a square a step of rate r multiplies the point by 1 - r, and the loss by its square."""
    made = plan("gd", rate, Criteria(90), batch_size=batch_size)
    ended = trained(squares, [3.0], made, {"r": np.arange(2.0)})
    assert ended.reason == "diverged"
    assert ended.growth == pytest.approx((1.0 - rate) ** 2, rel=1e-12)


def test_without_a_finite_loss_there_is_no_growth() -> None:
    ended = trained(lambda theta, columns: (np.nan, [1.0]), [3.0], plan())
    assert (ended.reason, ended.growth) == ("diverged", None)


def test_every_reason_has_a_sentence() -> None:
    assert {"stalled", "patience", "diverged"} <= {*REASONS}
    for reason in REASONS:
        told = sentence(reason, Criteria(patience=3))
        assert told
        assert "{" not in told
    assert sentence("patience", Criteria(patience=1)).endswith("better for 1 epoch")
    assert sentence("patience", Criteria(patience=2_000)).endswith("better for 2,000 epochs")

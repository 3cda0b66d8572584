"""What is watched of a network: gradients of its stages, updates of its parameters, flat and dead units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from losses import LOSSES, data, deep, deep_shapes, made, point

from gradcli.traces import Trace
from gradcli.training.advice import findings
from gradcli.training.layout import Layout
from gradcli.training.results import Watched
from gradcli.training.watching import MOST_ROWS, gradient_of, watch

SHAPES = {"X": (2,), "y": ()}


def _start(layout: Layout, scale: float | None, seed: int = 3) -> Any:
    """Normal weights of this deviation, None being that of He, and biases of 0."""
    random, found = np.random.RandomState(seed), np.zeros(layout.size)
    for name, place in layout.slices.items():
        shape = layout.shapes[name]
        if shape and not name.startswith("b"):
            found[place] = random.standard_normal(place.stop - place.start) * (scale or np.sqrt(2 / shape[0]))
    return found


def _points(rows: int = 200) -> dict[str, Any]:
    random = np.random.RandomState(5)
    X = random.standard_normal((rows, 2))
    return {"X": X, "y": (X[:, 0] * X[:, 1] > 0).astype(float)}


def _kinds(watched: Watched) -> set[str]:
    return {finding.kind for finding in findings([], [watched])}


@pytest.mark.parametrize("per_row", [True, False])
def test_ten_layers_of_sigmoids_with_small_weights_vanish_and_relu_with_he_does_not(per_row: bool) -> None:
    columns = _points()
    sigmoid = made(deep("sigmoid", per_row), SHAPES, deep_shapes())
    watched = watch(sigmoid, _start(sigmoid.layout, 0.1), columns, None, 1)
    assert [stage.name for stage in watched.stages] == [*(f"h{k}" for k in range(1, 11)), "p"]
    norms = [stage.gradient_norm for stage in watched.stages]
    assert norms == sorted(norms)
    assert norms[0] < 1e-9 * norms[-1]
    found = findings([], [watched])
    assert [finding.kind for finding in found] == ["vanishing"]
    assert found[0].stage == "h1"
    assert "from p back to h1" in found[0].message
    for word in ("he(…)", "glorot(…)", "tanh or relu"):
        assert word in found[0].message
    relu = made(deep("relu", per_row), SHAPES, deep_shapes())
    assert not {"vanishing", "exploding"} & _kinds(watch(relu, _start(relu.layout, None), columns, None, 1))


@pytest.mark.parametrize("end", ["(d - y)^2", "mean((d - y)^2)"])
def test_a_chain_of_large_factors_explodes(end: str) -> None:
    objective = made(f"a = w*x; b = w*a; c = w*b; d = w*c; {end}", {"x": (), "y": ()}, {"w": ()})
    columns = {"x": np.ones(5), "y": np.zeros(5)}
    found = findings([], [watch(objective, np.array([20.0]), columns, None, 1)])
    assert [(finding.kind, finding.stage) for finding in found] == [("exploding", "a")]
    assert "--clip" in found[0].message
    assert not findings([], [watch(objective, np.array([5.0]), columns, None, 1)])


def test_both_styles_are_watched_alike() -> None:
    columns = _points()
    before = None
    for activation in ("relu", "tanh"):
        both = [made(deep(activation, per_row), SHAPES, deep_shapes()) for per_row in (True, False)]
        before = _start(both[0].layout, None)
        theta = before * 1.25
        rows, whole = (watch(objective, theta, columns, before, 2) for objective in both)
        for one, other in zip(rows.stages, whole.stages, strict=True):
            assert one.name == other.name
            assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-9)
            assert (one.saturated, one.dead, one.dead_units) == (other.saturated, other.dead, other.dead_units)
            assert one.update_ratio == pytest.approx(other.update_ratio, rel=1e-12)
        for one_, other_ in zip(rows.parameters, whole.parameters, strict=True):
            assert one_.gradient_norm == pytest.approx(other_.gradient_norm, rel=1e-9)


@pytest.mark.parametrize("per_row", [True, False])
def test_dead_units_are_named_by_stage_and_index(per_row: bool) -> None:
    objective = made(deep("relu", per_row, 2), SHAPES, deep_shapes(2))
    values = objective.layout.values(_start(objective.layout, None))
    values["b1"][[1, 6]] = -100.0
    values["b2"][4] = -1000.0
    columns = _points()
    watched = watch(objective, objective.layout.vector(values), columns, None, 1)
    h1, h2 = watched.stages[:2]
    alive = [k for k in range(8) if k not in h1.dead_units]
    hidden = np.maximum(columns["X"] @ values["W1"] + values["b1"], 0.0)
    assert h1.dead_units == tuple(np.flatnonzero(~(hidden > 0).any(axis=0)))
    assert {1, 6} <= {*h1.dead_units}
    assert alive
    assert 4 in h2.dead_units
    assert h1.dead == len(h1.dead_units) / 8
    assert h1.saturated is None
    found = {finding.stage: finding.message for finding in findings([], [watched]) if finding.kind == "dead"}
    assert found["h1"].startswith("h1: units 1 and 6 are dead (25%)")
    assert "leaky_relu" in found["h1"]
    assert " 4" in found["h2"]


@pytest.mark.parametrize(
    "text", ["a = relu(w*x - 5)\nb = relu(w*x)\n(a + b - y)^2", "a = relu(w*x - 5)\nb = relu(w*x)\nmean((a + b - y)^2)"]
)
def test_a_unit_of_its_own_is_one_unit_per_row_and_a_column_of_examples_is_not_many(text: str) -> None:
    objective = made(text, {"x": (), "y": ()}, {"w": ()})
    columns = {"x": np.linspace(-1.0, 1.0, 20), "y": np.zeros(20)}
    a, b = watch(objective, np.array([1.0]), columns, None, 1).stages[:2]
    if text.endswith("(a + b - y)^2"):
        assert (a.dead, a.dead_units, b.dead) == (1.0, (0,), 0.0)
    else:  # over whole columns the last axis counts units, as in every array
        assert a.dead == 1.0


def test_saturated_units_are_a_share_of_all_activations() -> None:
    objective = made("h = tanh(w*x)\n(h - y)^2", {"x": (), "y": ()}, {"w": ()})
    columns = {"x": np.array([0.0, 0.1, 5.0, -5.0]), "y": np.zeros(4)}
    (stage,) = watch(objective, np.array([1.0]), columns, None, 1).stages
    assert (stage.saturated, stage.dead) == (0.5, None)
    assert "saturated" in _kinds(watch(objective, np.array([100.0]), columns, None, 1))


def test_updates_are_those_of_the_parameters_that_a_stage_uses_first() -> None:
    loss = LOSSES["two layers of tanh"]
    for text in (loss.per_row, loss.whole):
        objective = made(text, loss.columns, loss.parameters)
        before = point(objective.layout.size)
        theta = before.copy()
        theta[objective.layout.slices["W"]] *= 0.5  # moved by as much as it is large now
        theta[objective.layout.slices["c"]] *= 2.0
        columns = data(loss.columns, 30)
        first = watch(objective, before, columns, None, 1)
        assert all(stage.update_ratio is None for stage in first.stages)
        assert all(one.update_ratio is None for one in first.parameters)
        later = watch(objective, theta, columns, before, 2)
        ratios = {one.name: one.update_ratio for one in later.parameters}
        assert ratios == {"W": pytest.approx(1.0), "b": 0.0, "v": 0.0, "c": pytest.approx(0.5)}
        sizes = objective.layout.norms(theta)
        h, p = later.stages
        assert (h.name, p.name) == ("h", "p")
        assert h.update_ratio == pytest.approx(sizes["W"] / np.hypot(sizes["W"], sizes["b"]))
        assert p.update_ratio == pytest.approx(0.5 * sizes["c"] / np.hypot(sizes["v"], sizes["c"]))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_parameters_are_those_of_the_loss(name: str) -> None:
    loss = LOSSES[name]
    for text in (loss.per_row, loss.whole):
        objective = made(text, loss.columns, loss.parameters)
        theta, columns = point(objective.layout.size), data(loss.columns, 20)
        gradient = objective.evaluate(theta, columns).gradient
        assert gradient_of(objective.trace(theta, columns), objective.layout) == pytest.approx(gradient, rel=1e-9)
        norms = objective.layout.norms(gradient)
        watched = watch(objective, theta, columns, None, 1)
        assert {one.name: one.gradient_norm for one in watched.parameters} == pytest.approx(norms)


def test_turns_of_a_loop_are_stages_of_their_own() -> None:
    loss = LOSSES["recurrent"]
    for text in (loss.per_row, loss.whole):
        objective = made(text, loss.columns, loss.parameters)
        theta = point(objective.layout.size)
        watched = watch(objective, theta, data(loss.columns, 10), theta, 1)
        names = [stage.name for stage in watched.stages if stage.name.startswith("h")]
        assert names == ["h", "h[1]", "h[2]", "h[3]"]
        used = {stage.name for stage in watched.stages if stage.update_ratio is not None}
        assert {"h", "h[1]"} <= used
        assert "h[2]" not in used


def test_at_most_so_many_rows_are_looked_at_the_first_ones() -> None:
    seen: list[int] = []
    objective = made("(w*x - y)^2", {"x": (), "y": ()}, {"w": ()})

    class Counting:
        layout = objective.layout
        engine = "numpy"

        def trace(self, theta: Any, columns: Any) -> Trace:
            seen.append(len(columns["x"]))
            assert columns["x"][0] == 0.0
            return objective.trace(theta, columns)

    columns = {"x": np.arange(10_000.0), "y": np.zeros(10_000)}
    watch(Counting(), np.array([1.0]), columns, None, 1)  # type: ignore[arg-type]
    assert seen == [MOST_ROWS]


def test_unrolled_programs_of_many_gates_are_looked_at_with_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.training.watching._NUMBERS", 1000)
    objective = made("h = w*x\n(h - y)^2", {"x": (), "y": ()}, {"w": ()})
    columns = {"x": np.arange(500.0), "y": np.zeros(500)}
    (stage,) = watch(objective, np.array([1.0]), columns, None, 1).stages
    rows = 1000 // len(objective.flat)  # type: ignore[union-attr]
    assert 64 < rows < 500
    assert stage.gradient_norm == pytest.approx(np.linalg.norm(2.0 * np.arange(rows)) / rows)

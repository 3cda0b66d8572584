"""Curve fitting: reference data of NIST, what data do not determine, bounds, weights, and ends before the end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from reference_fits import NAMES, digits, model, reference

from gradcli.errors import BindingError
from gradcli.training.squares.fitting import Fitted, fit
from gradcli.training.steps.state import Events
from gradcli.training.steps.stopping import Criteria

X = np.linspace(0.0, 4.0, 9)
NOISE = 0.1 * np.array([0.35, 0.82, 0.33, -1.30, 0.91, 0.45, -0.54, 0.58, 0.36])


def fitted(text: str, start: dict[str, float], target: Any, sigma: Any = None, **options: Any) -> Fitted:
    """Fit a model of x; bounds as lower={"a": 0.0}."""
    names = list(start)
    lower = np.array([options.get("lower", {}).get(name, -math.inf) for name in names])
    upper = np.array([options.get("upper", {}).get(name, math.inf) for name in names])
    others = {name: value for name, value in options.items() if name not in ("lower", "upper", "x")}
    columns = {"x": options.get("x", X)}
    theta = np.array(list(start.values()))
    return fit(model(text, names), columns, target, sigma, names, theta, lower, upper, **others)


def at(name: str, number: int) -> Fitted:
    problem = reference(name)
    open_ = np.full(len(problem.names), math.inf)
    kernel = model(problem.case["model"], problem.names)
    return fit(kernel, problem.columns, problem.target, None, problem.names, problem.start(number), -open_, open_)


# NIST's problems


@pytest.mark.parametrize("name", NAMES)
def test_the_certified_parameters_are_a_fit_of_the_data_here(name: str) -> None:
    """The data and models are copied right: the certified parameters leave the certified residuals."""
    problem = reference(name)
    certified = problem.case["certified"]
    residuals = model(problem.case["model"], problem.names).run(problem.columns, numbers=list(certified.values())).value
    squares = float(np.sum(np.square(residuals - problem.target)))
    if name == "Lanczos1":  # 11 digits of its parameters leave residuals of their own
        assert squares < 1e-20
    else:
        assert digits(squares, problem.case["rss"]) > 9.5
    assert len(problem.target) == problem.case["n"]
    assert problem.case["dof"] == len(problem.target) - len(problem.names)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_both_starts_lead_to_the_certified_values(name: str, number: int) -> None:
    """Ten digits of parameters, standard deviations, residuals; NIST gives eleven.

    The residuals of Lanczos1 are the rounding errors of 14 digits: floats have 3 digits of them, and the fit says so.
    """
    case, found = reference(name).case, at(name, number)
    assert found.converged == (name != "Lanczos1"), found.message
    assert found.fit is not None
    for theta, certified in zip(found.theta, case["certified"].values(), strict=True):
        assert digits(theta, certified) > 10
    enough = 2.5 if name == "Lanczos1" else 9.5
    assert (found.reason == "rounding") == (name == "Lanczos1")
    for error, certified in zip(found.fit.standard_errors, case["certified_sd"].values(), strict=True):
        assert digits(error, certified) > enough
    assert digits(found.fit.residual_sum_of_squares, case["rss"]) > enough - 0.5
    assert digits(found.fit.residual_standard_deviation, case["residual_sd"]) > enough - 0.5
    assert found.fit.degrees_of_freedom == case["dof"]


def test_a_fit_gives_the_same_bits_again() -> None:
    first, second = at("Hahn1", 1), at("Hahn1", 1)
    assert first.theta.tobytes() == second.theta.tobytes()
    assert first.fit == second.fit
    assert first.history == second.history


@pytest.mark.parametrize("name", ["ENSO", "Gauss2", "Hahn1", "MGH09", "Thurber", "Eckerle4", "BoxBOD"])
def test_what_is_called_converged_from_bad_starts_is_a_minimum(name: str) -> None:
    """Perhaps another one than that of the certified values, but never a place from which a small step leads down."""
    problem = reference(name)
    kernel = model(problem.case["model"], problem.names)
    open_ = np.full(len(problem.names), math.inf)
    for factor in (0.4, 1.7, 3.0):
        found = fit(
            kernel, problem.columns, problem.target, None, problem.names, problem.start(2) * factor, -open_, open_,
            Criteria(epochs=2000),
        )  # fmt: skip
        if not found.converged:
            assert found.message
            continue
        assert found.fit is not None
        for index, error in enumerate(found.fit.standard_errors):
            for sign in (-1.0, 1.0):
                theta = found.theta.copy()
                theta[index] += sign * 1e-2 * error
                moved = kernel.run(problem.columns, numbers=theta.tolist()).value - problem.target
                assert float(moved @ moved) > found.fit.residual_sum_of_squares


# What data do not determine


def test_two_parameters_that_only_their_product_matters_of_are_both_named() -> None:
    found = fitted("a*b*x + c", {"a": 1.0, "b": 1.0, "c": 0.0}, 2 * X + NOISE)
    assert (found.converged, found.reason) == (False, "undetermined")
    assert "do not determine a and b:" in found.message
    assert found.fit is not None
    assert [math.isnan(error) for error in found.fit.standard_errors] == [True, True, False]


def test_a_parameter_that_the_model_does_without_is_named() -> None:
    found = fitted("a*x", {"a": 1.0, "c": 5.0}, 2 * X + NOISE)
    assert not found.converged
    assert "do not determine c:" in found.message
    assert found.theta[1] == 5.0


def test_exact_data_of_one_exponential_do_not_determine_a_second_one() -> None:
    start = {"b1": 1.0, "b2": 1.0, "b3": 1.0, "b4": 0.1}
    found = fitted("b1*exp(-b2*x) + b3*exp(-b4*x)", start, 3 * np.exp(-0.5 * X))
    assert not found.converged
    assert "b4" in found.message


def test_a_plateau_is_no_convergence() -> None:
    found = fitted("b1*exp(-b2*x)", {"b1": 1.0, "b2": 2000.0}, 3 * np.exp(-0.5 * X), x=X + 1)
    assert not found.converged
    assert "b2" in found.message


def test_a_minimum_at_infinity_is_no_convergence() -> None:
    """Data that bend the other way: the curve would like to be a line, b1 infinite and b2 0."""
    found = fitted("b1*(1 - exp(-b2*x))", {"b1": 1.0, "b2": 1.0}, X + 0.3 * X**2, criteria=Criteria(epochs=300))
    assert not found.converged
    assert found.message


def test_a_start_on_a_maximum_is_left() -> None:
    """A point on the unit circle, to be near (-3, 0): at the start it is as far away as can be, and the slope is 0."""
    axes = {"c": np.array([1.0, 0.0]), "s": np.array([0.0, 1.0])}
    kernel, open_ = model("c*cos(t) + s*sin(t)", ["t"]), np.full(1, math.inf)
    target = np.array([-3.0, 0.0])
    found = fit(kernel, axes, target, None, ["t"], np.zeros(1), -open_, open_)
    assert found.converged
    assert abs(math.cos(found.theta[0]) + 1) < 1e-15


# Exact data, as many rows as parameters


@pytest.mark.parametrize("target", [2 * X + 1, 2 * X, 0 * X, 0 * X + 3], ids=["line", "through 0", "zeros", "constant"])
def test_data_without_noise_converge(target: Any) -> None:
    found = fitted("a*x + b", {"a": 1.0, "b": 1.0}, target)
    assert (found.converged, found.reason) == (True, "exact")
    assert found.theta == pytest.approx([target[1] * 2 - target[0] * 2, target[0]], abs=1e-14)


def test_as_many_rows_as_parameters_leave_no_degree_of_freedom() -> None:
    found = fitted("a*x + b", {"a": 1.0, "b": 1.0}, np.array([1.0, 3.0]), x=np.array([0.0, 0.5]))
    assert found.converged
    assert found.fit is not None
    assert found.fit.degrees_of_freedom == 0
    assert math.isnan(found.fit.residual_standard_deviation)
    assert all(math.isnan(error) for error in found.fit.standard_errors)


def test_fewer_rows_than_parameters_are_refused() -> None:
    with pytest.raises(BindingError, match="1 row of data can't determine 2 parameters"):
        fitted("a*x + b", {"a": 1.0, "b": 1.0}, np.array([1.0]), x=np.array([0.0]))


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_huge_and_tiny_data_are_fitted_as_others(unit: float) -> None:
    ordinary = fitted("a*x + b", {"a": 1.0, "b": 0.0}, 2 * X + 1 + NOISE)
    found = fitted("a*x + b", {"a": unit, "b": 0.0}, (2 * X + 1 + NOISE) * unit)
    assert found.converged
    assert found.fit is not None
    assert ordinary.fit is not None
    assert found.theta / unit == pytest.approx(ordinary.theta, rel=1e-13)
    assert np.array(found.fit.standard_errors) / unit == pytest.approx(ordinary.fit.standard_errors, rel=1e-10)
    deviation = ordinary.fit.residual_standard_deviation
    assert found.fit.residual_standard_deviation / unit == pytest.approx(deviation, rel=1e-10)
    assert found.fit.r_squared == pytest.approx(ordinary.fit.r_squared, rel=1e-10)


@pytest.mark.parametrize("unit", [1e120, 1e-120])
def test_the_history_of_large_and_small_data_is_in_their_own_units(unit: float) -> None:
    target = 2 * X + 1 + NOISE
    found = fitted("a*x + b", {"a": unit, "b": 0.0}, target * unit)
    squares = float(np.sum(np.square(X - target)))
    assert found.history[0].loss / unit / unit == pytest.approx(squares, rel=1e-12)
    gradient = 2 * np.array([(X - target) @ X, np.sum(X - target)])
    assert found.history[0].gradient_norm / unit == pytest.approx(float(np.linalg.norm(gradient)), rel=1e-12)


# Weights and statistics: a line's are known in closed form


def test_statistics_of_a_line_are_those_of_the_textbook() -> None:
    found = fitted("a*x + b", {"a": 0.0, "b": 0.0}, 2 * X + 1 + NOISE).fit
    assert found is not None
    middle = X - X.mean()
    slope = float(middle @ (2 * X + 1 + NOISE) / (middle @ middle))
    left = 2 * X + 1 + NOISE - (2 * X + 1 + NOISE).mean() - slope * middle
    deviation = math.sqrt(float(left @ left) / 7)
    errors = [deviation / math.sqrt(middle @ middle), deviation * math.sqrt(1 / 9 + X.mean() ** 2 / (middle @ middle))]
    assert found.residual_standard_deviation == pytest.approx(deviation, rel=1e-12)
    assert found.standard_errors == pytest.approx(errors, rel=1e-12)
    assert found.covariance[0][1] == pytest.approx(-X.mean() * errors[0] ** 2, rel=1e-12)
    target = 2 * X + 1 + NOISE
    total = float(np.sum(np.square(target - target.mean())))
    assert found.r_squared == pytest.approx(1 - float(left @ left) / total, rel=1e-12)


def test_the_scale_of_sigma_matters_only_where_it_is_known() -> None:
    sigma = np.linspace(0.1, 0.3, 9)
    start, target = {"a": 0.0, "b": 0.0}, 2 * X + 1 + NOISE
    once, more = (fitted("a*x + b", start, target, factor * sigma) for factor in (1.0, 8.0))
    known = fitted("a*x + b", start, target, 8.0 * sigma, absolute=True)
    assert once.fit is not None
    assert more.fit is not None
    assert known.fit is not None
    assert more.fit.standard_errors == pytest.approx(once.fit.standard_errors, rel=1e-12)
    scale = more.fit.residual_standard_deviation
    assert known.fit.standard_errors == pytest.approx([one / scale for one in more.fit.standard_errors], rel=1e-12)


def test_a_row_of_half_the_sigma_counts_as_four_rows() -> None:
    target = 2 * X + 1 + NOISE
    sigma = np.array([0.5] + [1.0] * 8)
    weighted = fitted("a*x + b", {"a": 0.0, "b": 0.0}, target, sigma)
    repeated = fitted("a*x + b", {"a": 0.0, "b": 0.0}, np.r_[[target[0]] * 3, target], x=np.r_[[X[0]] * 3, X])
    assert weighted.theta == pytest.approx(repeated.theta, rel=1e-12)


def test_with_sigma_r_squared_is_about_the_weighted_mean() -> None:
    target, sigma = 2 * X + 1 + NOISE, np.linspace(0.1, 0.9, 9)
    found = fitted("a*x + b", {"a": 0.0, "b": 0.0}, target, sigma).fit
    assert found is not None
    weights = 1 / sigma**2
    mean = float(weights @ target) / float(np.sum(weights))
    total = float(weights @ (target - mean) ** 2)
    assert found.r_squared == pytest.approx(1 - found.residual_sum_of_squares / total, rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.1, 7.3, 1e3])
def test_a_constant_model_explains_nothing(shift: float) -> None:
    found = fitted("m", {"m": 1.0}, NOISE + shift).fit
    assert found is not None
    assert found.r_squared == 0.0


def test_errors_are_told_only_where_they_mean_something() -> None:
    ended = fitted("a*exp(-k*x)", {"a": 1.0, "k": 3.0}, np.exp(-0.5 * X) + NOISE, criteria=Criteria(epochs=1))
    assert (ended.converged, ended.steps) == (False, 1)
    assert ended.fit is not None
    assert all(math.isnan(error) for error in ended.fit.standard_errors)
    assert math.isfinite(ended.fit.residual_standard_deviation)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_sigma_that_is_no_positive_number_is_refused(bad: float) -> None:
    sigma = np.ones(9)
    sigma[3] = bad
    with pytest.raises(BindingError, match=r"sigma is .* in row 4 of the data"):
        fitted("a*x + b", {"a": 0.0, "b": 0.0}, X, sigma)


# Bounds


def test_a_bound_that_does_not_matter_changes_nothing() -> None:
    start, target = {"a": 1.0, "b": 1.0}, 2 * X + 1 + NOISE
    free = fitted("a*x + b", start, target)
    inside = fitted("a*x + b", start, target, lower={"a": 0.0, "b": -5.0}, upper={"a": 3.0})
    assert inside.converged
    assert inside.theta == pytest.approx(free.theta, rel=1e-12)


def test_at_a_bound_a_parameter_counts_as_a_constant() -> None:
    target = 2 * X + 1 + NOISE
    held = fitted("a*x + b", {"a": 1.0, "b": 1.0}, target, upper={"a": 1.5})
    fixed = fitted("1.5*x + b", {"b": 1.0}, target)
    assert held.converged
    assert held.message.endswith(", with a at its bound")
    assert held.theta[0] == 1.5
    assert held.theta[1] == pytest.approx(fixed.theta[0], rel=1e-12)
    assert held.fit is not None
    assert fixed.fit is not None
    assert held.fit.standard_errors == pytest.approx([0.0, *fixed.fit.standard_errors], rel=1e-12)
    assert held.fit.degrees_of_freedom == fixed.fit.degrees_of_freedom


def test_a_start_on_bounds_and_bounds_without_room() -> None:
    target = 2 * X + 1 + NOISE
    found = fitted("a*x + b", {"a": 3.0, "b": 0.0}, target, lower={"b": 0.0}, upper={"a": 3.0})
    assert found.theta == pytest.approx(fitted("a*x + b", {"a": 1.0, "b": 1.0}, target).theta, rel=1e-12)
    fixed = fitted("a*x + b", {"a": 1.0, "b": 0.0}, target, lower={"a": 1.0}, upper={"a": 1.0})
    assert fixed.converged
    assert fixed.theta[0] == 1.0


# Ends


def test_a_start_where_the_model_is_no_number_is_told() -> None:
    found = fitted("log(b*x)", {"b": -1.0}, X, x=X + 1)
    assert (found.converged, found.reason, found.fit) == (False, "nonfinite", None)


def test_steps_to_where_the_model_is_no_number_are_not_taken() -> None:
    found = fitted("log(b*x)", {"b": 10.0}, np.log(0.01 * (X + 1)) + NOISE, x=X + 1)
    assert found.converged
    assert found.theta[0] == pytest.approx(0.01 * math.exp(NOISE.mean()), rel=1e-12)


@pytest.mark.parametrize(
    ("reason", "options"),
    [
        ("epochs", {"criteria": Criteria(epochs=3)}),
        ("time", {"criteria": Criteria(seconds=0.0)}),
        ("interrupted", {"events": Events(stop=iter([False] * 5 + [True] * 1000).__next__)}),
    ],
)
def test_a_fit_that_is_ended_keeps_the_best_so_far(reason: str, options: dict[str, Any]) -> None:
    problem = reference("MGH10")
    open_ = np.full(3, math.inf)
    kernel = model(problem.case["model"], problem.names)
    start = problem.start(1)
    found = fit(kernel, problem.columns, problem.target, None, problem.names, start, -open_, open_, **options)
    assert (found.converged, found.reason) == (False, reason)
    before = kernel.run(problem.columns, numbers=start.tolist()).value - problem.target
    after = kernel.run(problem.columns, numbers=found.theta.tolist()).value - problem.target
    assert float(after @ after) <= float(before @ before)
    assert (float(after @ after) < float(before @ before)) == (reason != "time")


def test_history_is_of_what_iterations_began_with() -> None:
    """As many entries as steps; the first one is of the start, and the sums of squares fall."""
    problem, found = reference("Misra1a"), at("Misra1a", 2)
    losses = [entry.loss for entry in found.history]
    assert losses == sorted(losses, reverse=True)
    assert [entry.epoch for entry in found.history] == list(range(1, found.steps + 1))
    outputs = model(problem.case["model"], problem.names).run(problem.columns, numbers=problem.start(2).tolist())
    left = outputs.value - problem.target
    assert losses[0] == pytest.approx(float(left @ left), rel=1e-13)
    gradient = [2 * float(left @ outputs.gradients[name]) for name in problem.names]
    assert found.history[0].gradient_norm == pytest.approx(math.hypot(*gradient), rel=1e-12)


@pytest.mark.parametrize("bounds", [{}, {"lower": {"a": 0.0}}])
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_steps_are_those_that_were_taken(epochs: int, bounds: dict[str, Any]) -> None:
    """One iteration is enough to move, with every solver."""
    start = {"a": 1.0, "k": 3.0}
    found = fitted("a*exp(-k*x)", start, np.exp(-0.5 * X) + NOISE, criteria=Criteria(epochs=epochs), **bounds)
    assert (found.reason, found.steps, len(found.history)) == ("epochs", epochs, epochs)
    assert len({entry.loss for entry in found.history}) == epochs
    assert found.theta.tolist() != [*start.values()]
    assert found.fit is not None
    assert found.fit.residual_sum_of_squares < found.history[-1].loss

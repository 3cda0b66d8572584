"""Generated NumPy is run: it has gradcli's own numbers at many points at a time, broadcasts, and never warns."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import array_runs
import mpmath
import numpy as np
import pytest
from generated import KNOWN

import gradcli
from gradcli.codegen import generate
from gradcli.graph.lower import lower
from gradcli.language.parser import parse


def function_of(text: str) -> Callable[..., Any]:
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(generate(lower(parse(text)), "numpy"), "generated", "exec"), names)  # noqa: S102
    found: Callable[..., Any] = names["f"]
    return found


def test_numbers(tmp_path: Path) -> None:
    """Every function at its samples and kinks, all samples, equations and test functions, to 1e-12; nothing warns."""
    assert array_runs.differences(array_runs.run("numpy", "numpy", tmp_path, sys.executable)) == KNOWN


def test_text(golden: Callable[[str, str], None]) -> None:
    array_runs.check_text("numpy", golden)


def test_self_test(tmp_path: Path) -> None:
    array_runs.check_self_test("numpy", tmp_path, sys.executable)


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions(name: str) -> None:
    """Right to 1e-15, in the tails too, and at what is not finite."""
    x = np.concatenate([np.linspace(-6.5, 26.5, 3301), np.logspace(-300, 0, 301), -np.logspace(-20, 0, 41)])
    found, _ = function_of(f"{name}(x)")(x)
    exact = getattr(mpmath, name)
    with mpmath.workdps(40):
        right = [exact(float(at)) for at in x]
        assert [at for at, y, z in zip(x, found, right, strict=True) if abs(y - z) > 1e-15 * abs(z)] == []
    ends = [math.inf, -math.inf, math.nan, 27.5, 0.0]
    value, gradients = function_of(f"{name}(x)")(ends)
    assert [*value] == pytest.approx([getattr(math, name)(at) for at in ends], rel=1e-15, nan_ok=True)
    assert [*gradients["x"][:2]] == [0.0, 0.0]


def test_broadcasting() -> None:
    """Arrays of shapes that differ, numbers and lists: value and gradients have the common shape."""
    text = "where(x > y, x*y, exp(z)) + y*0 + 3*z"
    x, y, z = np.array([[1.0], [-2.0], [3.0]]), [0.5, 2.0], 1
    value, gradients = function_of(text)(x, y, z)
    assert value.shape == (3, 2)
    assert all(gradient.shape == (3, 2) and gradient.dtype == np.float64 for gradient in gradients.values())
    for row, column in np.ndindex(3, 2):
        trace = gradcli.evaluate(text, {"x": float(x[row, 0]), "y": y[column], "z": 1.0})
        assert value[row, column] == pytest.approx(trace.value, rel=1e-15)
        for name, gradient in trace.gradients.items():
            assert gradients[name][row, column] == pytest.approx(gradient, rel=1e-15)


def test_numbers_give_numbers() -> None:
    value, gradients = function_of("(x + y)*z")(-2, 5, -4.0)
    assert (value, gradients) == (-12.0, {"x": -4.0, "y": -4.0, "z": 3.0})
    assert all(isinstance(one, np.float64) for one in (value, *gradients.values()))
    assert function_of("1 + 2")() == (3.0, {})
    assert function_of("x")(np.zeros((0, 3)))[0].shape == (0, 3)


def test_results_are_new_arrays() -> None:
    """Changing one changes neither an argument nor another."""
    x, y, z = np.ones(3), np.ones(3), np.full(3, 2.0)
    _, gradients = function_of("(x + y)*z")(x, y, z)
    gradients["x"] += 1.0
    assert [*gradients["x"]] == [3.0, 3.0, 3.0]
    assert [*gradients["y"]] == [*z] == [2.0, 2.0, 2.0]


def test_a_branch_that_is_not_chosen_contributes_exactly_0() -> None:
    """Both are computed, of infinities too."""
    x = np.array([-1.0, 0.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradients = function_of("where(x > 0, log(x)*y, x*y)")(x, 2.0)
    assert [*value] == [-2.0, 0.0, math.log(4.0) * 2.0]
    assert [*gradients["x"]] == [2.0, 2.0, 0.5]
    assert [*gradients["y"]] == [-1.0, 0.0, math.log(4.0)]


def test_the_settings_of_numpy_stay_what_they_were() -> None:
    with np.errstate(divide="raise"):
        assert function_of("1/x")(0.0)[0] == math.inf
        assert np.geterr()["divide"] == "raise"

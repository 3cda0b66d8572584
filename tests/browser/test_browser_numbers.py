"""Every number on the page against `eval --json` with the same values: at load, and at others, chosen and random."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import NAMES, columns, differences, evaluated, number, put, sample
from shown import misshown, told

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]

# Programs of numbers, and values where something happens: kinks, ties, saturation, poles, what is not finite.
PROGRAMS: dict[str, tuple[str, list[dict[str, float]]]] = {
    "product": ("q = x + y; q*z", [{"x": 2.0, "y": 3.0, "z": -4.0}, {"x": 1e300, "y": 1e300, "z": 1e300}]),
    "kinks": ("relu(x) + abs(y) + max(x, y)", [{"x": 0.0, "y": 0.0}, {"x": 0.0, "y": -1.5}, {"x": -0.0, "y": 2.0}]),
    "saturated": ("tanh(x)*sigmoid(y) + exp(x - y)", [{"x": 40.0, "y": -800.0}, {"x": -1e-200, "y": 0.5}]),
    "poles": ("1/x + log(y) + sqrt(x)", [{"x": 0.0, "y": 0.0}, {"x": -1.0, "y": -1.0}, {"x": -0.0, "y": 1.0}]),
    "choice": ("where(x < y, sqrt(x), y/x) + floor(x)", [{"x": -1.0, "y": 2.0}, {"x": 2.0, "y": 2.0}]),
    "lost": ("x*y - x/y", [{"x": math.nan, "y": 1.0}, {"x": math.inf, "y": 0.0}, {"x": -math.inf, "y": math.inf}]),
    "powers": ("x^y + hypot(x, y) + atan2(x, y)", [{"x": 0.0, "y": 0.0}, {"x": -8.0, "y": 1 / 3}, {"x": 2.0, "y": -3}]),
    "shared": ("a = x*x; b = a + a*x; b*b - a", [{"x": 1.5}, {"x": 1e-170}, {"x": -1e160}]),
}  # fmt: skip
EXACT = {"product", "shared"}  # programs whose arithmetic is rounded the same everywhere


def held(page: Page, folder: Path, program: str, values: dict[str, Any]) -> None:
    """All that the page shows is what `eval --json` says."""
    trace, found = evaluated(folder, program, values), columns(page)
    assert [*differences(found, trace)] == []
    assert [*misshown(page, found)] == [], "what is shown is not what was computed"
    wanted = [(one["kind"], int(one["gate"][1:]), one["message"]) for one in trace["warnings"]]
    assert told(page) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_samples_at_load(show: Show, tmp_path: Path, name: str) -> None:
    """Every sample: all numbers, and nothing said, asked for or failed on the way."""
    program, values = sample(name)
    page = show(program, values)
    held(page, tmp_path, program, values)


@pytest.mark.parametrize("name", PROGRAMS)
def test_inputs_that_are_set(show: Show, tmp_path: Path, name: str) -> None:
    """Chosen values and random ones, one after the other on the same page."""
    program, chosen = PROGRAMS[name]
    page = show(program, {**dict.fromkeys(chosen[0], 0.5), **chosen[0]})
    held(page, tmp_path, program, chosen[0])
    draw = random.Random(name)
    further = [{input: draw.choice((draw.gauss(0, 1), draw.gauss(0, 30))) for input in chosen[0]} for _ in range(3)]
    for values in [*chosen[1:], *further]:
        put(page, values)
        held(page, tmp_path, program, values)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact_arithmetic_is_the_same_to_the_last_digit(show: Show, tmp_path: Path, name: str) -> None:
    program, chosen = PROGRAMS[name]
    for values in chosen:
        trace, found = evaluated(tmp_path, program, values), columns(show(program, values))
        assert repr(found["values"]) == repr([number(gate["value"]) for gate in trace["gates"]])
        assert repr(found["global_gradients"]) == repr([number(gate["global_gradient"]) for gate in trace["gates"]])

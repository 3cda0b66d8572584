"""A step of a training written out: what it says is what the run did, and every line adds up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.graph.rewriting.unroll import element_names
from gradcli.render import Look
from gradcli.render.explain.formulas import computed, named, with_numbers
from gradcli.render.explain.training_step import WHOLE, TrainingStep, explain_step
from gradcli.training.layout import Layout
from gradcli.training.steps.optimisers import OPTIMISERS

FIRST_ORDER = [name for name, row in OPTIMISERS.items() if row.step is not None]
XOR = ("h = tanh(X @ W + b)\nL = mse(sigmoid(h @ v), y)\nL", {
    "X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0], "W": [[0.5, -1], [0.25, 1.5]], "b": [0.1, -0.2],
    "v": [1.5, -2],
})  # fmt: skip
NETWORK = {"W": (2, 2), "b": (2,), "v": (2,)}


def told(step: TrainingStep, format: str = "markdown", look: Look | None = None, short: bool = False) -> str:
    return "".join(explain_step(step, format, look or Look(), short))


def taken(
    optimizer: str, steps: int = 3, program: Any = XOR, shapes: Any = NETWORK, penalty: float = 0.0, **how: Any
) -> TrainingStep:
    """The last of some steps over all rows, by the table of optimisers; with a penalty on the squares."""
    row, layout = OPTIMISERS[optimizer], Layout(shapes)
    text, values = program
    theta, memory = layout.vector(values), {name: np.zeros(layout.size) for name in row.memory}
    assert row.step is not None
    for number in range(1, steps + 1):
        trace = gradcli.evaluate(text, {**values, **layout.values(theta)}, wrt=[*shapes])
        gradient = layout.vector(trace.gradients) + 2 * penalty * theta
        cut = gradient if "clip_value" not in how else np.clip(gradient, -how["clip_value"], how["clip_value"])
        cut = cut * how.get("factor", 1.0)
        after, kept = row.step(theta, cut, 0.1, row.settings, memory, number)
        for bounds, limit in (("lower", np.maximum), ("upper", np.minimum)):
            if bounds in how:
                after = limit(after, how[bounds])
        found = TrainingStep(
            number, trace, float(trace.value) + penalty * float(theta @ theta), layout.values(theta),
            layout.values(after), layout.values(gradient), optimizer, row.update, row.settings, 0.1,
            penalised=penalty != 0,
            memory_before={name: layout.values(x) for name, x in memory.items()},
            memory_after={name: layout.values(x) for name, x in kept.items()},
        )  # fmt: skip
        theta, memory = after, kept
    for bounds in {"lower", "upper"} & {*how}:
        how[bounds] = layout.values(np.full(layout.size, how[bounds]))
    return found._replace(**how)


def by_hand(format: str) -> str:
    """The step of a book: one row, gradient descent with a rate of 0.1."""
    trace = gradcli.evaluate("(w*x + b - t)^2", {"w": 0.5, "x": 3, "b": -0.25, "t": 2}, wrt=["w", "b"])
    before, after = {"w": 0.5, "b": -0.25}, {"w": 0.5 - 0.1 * -4.5, "b": -0.25 - 0.1 * -1.5}
    step = TrainingStep(1, trace, 0.5625, before, after, trace.gradients, "gd", OPTIMISERS["gd"].update, {}, 0.1)
    step = step._replace(rows="the only row")
    return told(step, format, Look(80))


@pytest.mark.parametrize(("format", "suffix"), [("text", "txt"), ("markdown", "md")])
def test_a_step_as_by_hand(format: str, suffix: str, golden: Callable[[str, str], None]) -> None:
    text = by_hand(format)
    assert "w = 0.5 - 0.1*(-4.5) = 0.95" in text
    golden(f"render/golden/training/step.{suffix}", text)


def test_a_step_of_a_network_with_adam(golden: Callable[[str, str], None]) -> None:
    step = taken("adam", penalty=0.01, factor=0.5, clip=0.125, start_rate=0.2, rows="rows 1 to 4 of 4")
    golden("render/golden/training/step-adam.txt", told(step, "text", Look(80), short=True))


def test_formulas_are_of_the_names_of_the_row() -> None:
    for name in FIRST_ORDER:
        row = OPTIMISERS[name]
        update = row.update
        assert update.formulas[-1].gives == "w"
        words = {word for _, text in named(update, row.settings) for word in re.findall(r"[a-z]\w*", text)}
        own = {formula.gives for formula in update.formulas}
        assert words - {"w", "g", "rate", "t", "sqrt"} - own == {*row.settings, *row.memory} - own
        for memory in row.memory:
            assert memory in own


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_formulas_compute_what_the_optimiser_does(name: str) -> None:
    row, draw = OPTIMISERS[name], np.random.RandomState(3)
    assert row.step is not None
    for t in (1, 2, 100):
        theta, gradient, *rest = draw.normal(size=(2 + len(row.memory), 5))
        memory = {one: abs(x) for one, x in zip(row.memory, rest, strict=True)}
        settings = {one: x * 0.9 + 1e-3 for one, x in row.settings.items()}
        after, kept = row.step(theta, gradient, 0.03, settings, memory, t)
        for at in range(5):
            terms = {"w": theta[at], "g": gradient[at], "rate": 0.03, "t": t, **settings}
            terms |= {one: x[at] for one, x in memory.items()}
            for formula in row.update.formulas:
                terms[formula.gives] = computed(formula, terms)
            assert math.isclose(terms["w"], after[at], rel_tol=1e-13)
            for one in row.memory:
                assert math.isclose(terms[one], kept[one][at], rel_tol=1e-14)


LINE = re.compile(r"^- `(?P<name>\S+) = (?P<formula>.+) = (?P<number>[-\d.e+]+)`", re.M)


@pytest.mark.parametrize("name", FIRST_ORDER)
@pytest.mark.parametrize("how", [{}, {"penalty": 0.05}, {"factor": 0.25, "clip": 1.0}], ids=["", "penalty", "clip"])
def test_every_line_of_the_update_adds_up(name: str, how: dict[str, float]) -> None:
    """The numbers that a line shows, computed as the line says, give the number at its end."""
    step = taken(name, **how)
    update = told(step).partition("### The update")[2].partition("### The parameters after")[0]
    lines = [match for match in LINE.finditer(update) if "∂" not in match["formula"]]
    assert len(lines) >= 8 * len(step.update.formulas)
    for match in lines:
        found = gradcli.evaluate(match["formula"], {}).value
        assert math.isclose(found, float(match["number"]), rel_tol=1e-12, abs_tol=1e-15), match[0]
    said: dict[str, float] = {}
    for match in lines:
        said[match["name"]] = float(match["number"])
    layout = Layout(NETWORK)
    after = dict(zip(layout.elements(), layout.vector(step.after).tolist(), strict=True))
    assert {one: said[one] for one in after} == after


def test_what_comes_before_the_update_is_the_explanation_of_the_trace() -> None:
    text = told(taken("gd"))
    titles = re.findall(r"^### (.*)", text, re.M)
    assert titles == [
        "Step 3", "Forward pass", "The cost", "Backward pass", "The gradients", "The update",
        "The parameters after step 3",
    ]  # fmt: skip
    assert "∂L/∂W += X' @ (∂L/∂" in text


def test_names_and_settings_are_said_once() -> None:
    text = told(taken("adam"))
    assert text.count("`mean_hat = mean/(1 - beta1^t)`") == 1
    assert text.count("- `beta2 = 0.999`") == 1
    assert "- `t = 3` (the number of the step)" in text
    assert "beta1" not in told(taken("gd"))


def test_the_gradient_and_the_cost_have_the_penalty_in_them() -> None:
    step = taken("gd", steps=1, penalty=0.5)
    text = told(step)
    part, whole = float(step.trace.gradients["v"][0]), float(step.gradient["v"][0])
    assert f"`∂loss/∂v[0] = {part!r} + 1.5 = {whole!r}` (with the penalty's)" in text
    assert f"`loss = {step.trace.value!r} + " in text
    assert "penalty" not in told(taken("gd"))


def test_clipping_is_said() -> None:
    text = told(taken("gd", steps=1, clip_value=0.05))
    assert "Numbers of the gradient beyond 0.05 and -0.05 are cut there." in text
    assert re.search(r"`g = -?0\.05` \(-?0\.\d+ was cut\)", text)
    text = told(taken("gd", steps=1, factor=0.5, clip=0.1))
    assert "longer than 0.1: all of it is multiplied by 0.5" in text
    assert "`g = 0.5*" in text


def test_a_bound_puts_a_number_back() -> None:
    text = told(taken("momentum", lower=-1.0, upper=1.0))
    assert "- `W[1,1] = 1.0` (put back on its bound)" in text
    assert "W[0,0]` (put back" not in text
    bounded = taken("gd", steps=1, upper=1.0)
    some = bounded._replace(upper={"v": bounded.upper["v"]})
    assert "v[0] = 1.0` (put back" in told(some)


def test_of_a_large_parameter_some_numbers_are_shown() -> None:
    program = "mean((X @ w)^2)", {"X": np.eye(30), "w": np.arange(1.0, 31.0)}
    step = taken("gd", 1, program, {"w": (30,)})
    text = told(step)
    shown = re.findall(r"^- `(w\[\d+\]) = ", text, re.M)
    assert shown == ["w[0]", "w[1]", "w[2]", "w[29]"]
    assert "… 26 more numbers of w in the same way" in text
    assert "(30 elements: min 1, " in text
    every = told(step, look=Look(every_gate=True))
    assert re.findall(r"^- `(w\[\d+\]) = ", every, re.M) == element_names("w", (30,))
    assert WHOLE < 30


def test_a_large_graph_speaks_of_no_option_of_another_command() -> None:
    text = "; ".join(f"a{at} = {'w' if at == 0 else f'a{at - 1}'}*0.99" for at in range(300))
    step = taken("gd", 1, (f"{text}; a299^2", {"w": 1.0}), {"w": ()})
    found = told(step)
    assert "gates left out" in found
    assert "--" not in found


def test_rows_of_a_data_set_are_elements_of_one_axis() -> None:
    program = "mean((w*x + b - t)^2)", {"x": [0.0, 1, 2, 3], "t": [1.0, 3, 5, 7], "w": 0.5, "b": 0.0}
    text = told(taken("gd", 1, program, {"w": (), "b": ()}))
    assert "g4 = w * x = 0.5 * [0.0, 1.0, 2.0, 3.0] = [0.0, 0.5, 1.0, 1.5]" in text
    assert "- `w = 0.5 - 0.1*(-13.5) = 1.85`" in text


def test_sums_over_rows_are_equations_in_plain_words() -> None:
    program = "mean((w*x + b - t)^2)", {"x": [0.0, 1, 2, 3], "t": [1.0, 3, 5, 7], "w": 0.5, "b": 0.0}
    text = told(taken("gd", 1, program, {"w": (), "b": ()}, examples=4))
    assert "`∂f/∂g8 += (∂f/∂f)/4 = 1.0/4 = [0.25, 0.25, 0.25, 0.25]` (the same for each of the 4 rows)" in text
    into_b = "`∂f/∂b += sum(∂f/∂g5 · ∂g5/∂b) = sum([-0.5, -1.25, -2.0, -2.75] · 1.0) = -6.5`"
    assert f"{into_b} (added up over the 4 rows)" in text
    assert "broadcast_to" not in text
    assert "its shape" not in text


def test_sums_over_rows_of_whole_columns_name_the_axis() -> None:
    text = told(taken("gd", 1, examples=4), short=True)
    assert re.search(r"`∂L/∂b \+= sum\(∂L/∂g6 · ∂g6/∂b, axis=0\) = .*` \(added up over the 4 rows\)", text)


def test_one_row_is_told_as_one() -> None:
    program = "mean((w*x + b - t)^2)", {"x": [3.0], "t": [2.0], "w": 0.5, "b": -0.25}
    text = told(taken("gd", 1, program, {"w": (), "b": ()}, examples=1))
    assert "`∂f/∂b += sum(∂f/∂g5 · ∂g5/∂b) = sum([-1.5] · 1.0) = -1.5` (added up over the only row)" in text
    assert "1 rows" not in text


def test_sums_over_anything_else_are_not_of_rows() -> None:
    program = "sum((s*w)^2) + sum(x)", {"x": [1.0, 2.0], "w": [1.0, 2, 3], "s": 1.0}
    text = told(taken("gd", 1, program, {"w": (3,), "s": ()}, examples=2))
    assert "(added up over the 3 elements: it was repeated)" in text
    assert "(the same for each of the 3 elements)" in text
    assert "rows" not in text


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("width", [40, 60, 80])
def test_lines_go_on_below_and_have_signs_that_the_screen_has(width: int, short: bool) -> None:
    text = told(taken("adamw", penalty=0.01), "text", Look(width, unicode=False), short)
    assert text.replace("×", "x").isascii()
    for line in text.splitlines():
        assert len(line) <= width or len(line.split()) <= 3


def test_short_numbers_have_four_digits() -> None:
    text = told(taken("rmsprop"), short=True)
    assert "Numbers have four significant digits" in text
    assert not re.search(r"\d\.\d{8}", text)


@pytest.mark.parametrize(
    ("w", "g", "text"),
    [
        (0.5, -4.5, "0.5 - 0.1*(-4.5)"), (-0.5, 2.0, "-0.5 - 0.1*2.0"), (-1e-20, 0.0, "-1e-20 - 0.1*0.0"),
        (math.nan, -math.inf, "nan - 0.1*(-inf)"),
    ],
)  # fmt: skip
def test_a_minus_is_in_parentheses_behind_an_operator(w: float, g: float, text: str) -> None:
    formula = OPTIMISERS["gd"].update.formulas[0]
    assert with_numbers(formula, {"w": w, "g": g, "rate": 0.1}, repr) == text


def test_a_power_of_a_negative_number_keeps_its_parentheses() -> None:
    squares = OPTIMISERS["adagrad"].update.formulas[0]
    assert with_numbers(squares, {"squares": 0.0, "g": -3.0}, repr) == "0.0 + (-3.0)^2"
    decay = OPTIMISERS["adamw"].update.formulas[0]
    numbers = {"w": -2.0, "rate": 0.1, "weight_decay": 0.5}
    assert with_numbers(decay, numbers, repr) == "-2.0*(1 - 0.1*0.5)"

"""Warnings of arrays: one per gate and kind, for the first element that deserves one; and the statistics of stages."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import gradcli
from gradcli.diagnose.stages import Stage, Statistics, statistics
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.numeric.elements import norm
from gradcli.passes import evaluate_graph
from gradcli.render import Look
from gradcli.render.stages import FORMATS, render
from gradcli.traces import Trace

RNN = (Path(__file__).parent.parent / "samples" / "rnn.grad").read_text(encoding="utf-8")


def _told(text: str, **values: Any) -> list[tuple[str, str]]:
    return [(warned.kind, warned.message) for warned in gradcli.evaluate(text, values).warnings]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("sum(log(x))", [1, 0, 0], ("pole", "log(x[1]) is -inf at x[1] = 0.0 (2 of 3 elements are not finite)")),
        ("sum(log(x))", [1, -1], ("domain", "log(x[1]) is undefined at x[1] = -1.0 (1 of 2 elements are not finite)")),
        (
            "sum(exp(x))",
            [[0, 1], [2, 800]],
            ("overflow", "exp(x[1, 1]) is inf at x[1, 1] = 800.0 (1 of 4 elements are not finite)"),
        ),
        (
            "sum(x/(x - x))",
            [1, 2],
            ("pole", "x[0] / g1[0] is inf at x[0] = 1.0, g1[0] = 0.0 (2 of 2 elements are not finite)"),
        ),
        ("sum(x)", [1e308, 1e308], ("overflow", "sum(x) overflows")),
        ("sum(x @ [[1, 1], [1, 1]])", [1e308, 1e308], ("overflow", "x @ [[1, 1], [1, 1]] overflows (2 of 2 elements)")),
        ("max(x, axis=0)", [1, 2, 2], ("tie", "amax(x) has a tie: n equal elements get 1/n of the gradient each")),
        ("norm(x)", [0, 0], ("kink", "norm(x) has a kink: there is no slope at the zero vector: 0 is taken")),
        ("std(x)", [2, 2], ("kink", "std(x) has a kink: there is no slope where all elements are equal: 0 is taken")),
    ],
)
def test_first_element_is_named(text: str, values: Any, expected: tuple[str, str]) -> None:
    assert _told(text, x=values)[0] == expected


def test_kinks_saturation_and_dead_units() -> None:
    told = dict(_told("sum(relu(x)) + sum(tanh(40 x)) + sum(max(x, 0))", x=[[0, 1, -1], [-1, 2, -2]]))
    assert told["kink"].startswith("relu(x[0, 0]) has a kink at x[0, 0] = 0.0: the slopes are 0 and 1")
    assert told["kink"].endswith("(1 of 6 elements)")
    assert told["saturation"].startswith("tanh(g4[0, 1]) is saturated at g4[0, 1] = 40.0")
    assert told["saturation"].endswith("(5 of 6 elements)")
    assert told["tie"].startswith("max(x[0, 0], 0) has a tie")
    # A unit is a column; the second one is on in both rows.
    dead = [warned for warned in _told("sum(relu(x))", x=[[0, 1, -1], [-1, 2, -2]]) if warned[0] == "dead"]
    assert dead == [("dead", "relu(x) passes no gradient at 2 of 3 units")]


def test_broadcast_operands_are_named_by_their_own_elements() -> None:
    told = _told("sum(x/y)", x=[[1, 2], [3, 4]], y=[1, 0])
    assert told[0] == ("pole", "x[0, 1] / y[1] is inf at x[0, 1] = 2.0, y[1] = 0.0 (2 of 4 elements are not finite)")


def test_operands_of_one_label_are_told_apart() -> None:
    """An input may be called like a gate, and a copy keeps the label that a loop gives away."""
    pole = "g3[0] / g3[0]_ is inf at g3[0] = 1.0, g3[0]_ = 0.0 (1 of 2 elements are not finite)"
    assert _told("sum(g3 / (x*2))", g3=[1, 2], x=[0, 1])[0] == ("pole", pole)
    copied = "h = x*[1, 2]; k = h; for t in 0..2 { h = s*(t + 1) }; sum(k*h)"
    kind, message = _told(copied, x=[0, 5e307], s=50)[0]
    assert kind == "overflow"
    assert "h[1]_ = 100.0" in message


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ([0, 2], "label 2.0 at [1] is no class: classes are 0 to 1"),
        ([0.5, -1], "label 0.5 at [0] is no class: classes are 0 to 1"),
    ],
)
def test_label_that_is_no_class_is_named(labels: list[float], fault: str) -> None:
    told = _told("cross_entropy(x, t)", x=[[0.5, -1], [1, 0.25]], t=labels)
    assert told[0] == ("domain", f"cross_entropy(x, t) is undefined: {fault}")


def test_label_that_is_no_class_is_named_in_any_rank() -> None:
    prefix = "cross_entropy(x, t) is undefined: label "
    assert _told("cross_entropy(x, t)", x=[1, 2], t=-1)[0][1] == f"{prefix}-1.0 is no class: classes are 0 to 1"
    assert _told("cross_entropy(x, t)", x=[1], t=1)[0][1] == f"{prefix}1.0 is no class: the only class is 0"
    nested = [[[1, 2, 3], [1, 2, 3]], [[1, 2, 3], [1, 2, 3]]]
    told = _told("cross_entropy(x, t)", x=nested, t=[[0, 1], [3, 2]])[0][1]
    assert told == f"{prefix}3.0 at [1, 0] is no class: classes are 0 to 2"


def test_harmless_arrays_are_not_warned_of() -> None:
    assert _told("sum(log(x)) + norm(x) + max(x, axis=0) + sum(tanh(x)) + sum(leaky_relu(x))", x=[1, 2, 3]) == []


def test_gradient_that_overflows_in_a_product() -> None:
    told = _told("1e200 * (x @ w)", x=[1e-300, 0], w=[1e300, 1e200])
    assert ("overflow", "the gradient that x @ w passes on overflows") in told


def test_cure_of_an_array() -> None:
    warned = gradcli.evaluate("sum(1/(1 + exp(-x)))", {"x": [0, -800]}).warnings[0]
    assert warned.details["rewrite"]["write"] == "sigmoid(x)"
    assert warned.details["elements"] == 1
    assert warned.details["first"] == [1]


def test_json_of_warnings_is_valid() -> None:
    schema = json.loads((files("gradcli") / "schemas" / "trace-1.json").read_text(encoding="utf-8"))
    document = json.loads(gradcli.evaluate("sum(log(x)) + sum(relu(x)) + max(x, axis=0)", {"x": [0, 0]}).to_json())
    assert {warned["kind"] for warned in document["warnings"]} == {"pole", "kink", "tie", "dead"}
    jsonschema.Draft202012Validator(schema).validate(document)


# Statistics


def _trace(text: str, values: dict[str, Any], unrolled: bool = False) -> Trace:
    given = {name: arrays.asarray(x) for name, x in values.items()}
    graph = lower(parse(text), given)
    if unrolled:
        return evaluate_graph(unroll(graph), unrolled_values(graph, given))
    return evaluate_graph(graph, given)


def _by_name(found: Statistics) -> dict[str, Stage]:
    return {stage.name: stage for stage in found.stages}


def _kinds(found: Statistics) -> set[str]:
    return {kind for kind, _ in found.findings}


def test_recurrent_net_with_small_weights_vanishes() -> None:
    """In 30 steps of h = tanh(w x + u h) the gradient shrinks by about u per step."""
    values = {"x": [0.1 * (-1) ** t for t in range(30)], "w": 0.5, "u": 0.2, "b": 0.0, "target": 1.0}
    found = statistics(_trace(RNN, values))
    assert [stage.name for stage in found.stages] == [*(f"h[{t}]" for t in range(30)), "loss"]
    for stage in found.stages[:-2]:
        assert stage.ratio == pytest.approx(0.2, rel=0.02)
        assert stage.next == f"h[{int(stage.name[2:-1]) + 1}]"
    assert found.findings[0][0] == "vanishing"
    assert "from h[29] back to h[0]" in found.findings[0][1]


def test_recurrent_net_with_sound_weights_does_not() -> None:
    values = {"x": [0.0] * 30, "w": 0.5, "u": 1.0, "b": 0.0, "target": 1.0}
    assert _kinds(statistics(_trace(RNN, values))) == set()


def test_recurrent_net_with_large_weights_explodes() -> None:
    values = {"x": [0.0] * 30, "w": 0.5, "u": 3.0, "b": 0.0, "target": 1.0}
    assert _kinds(statistics(_trace(RNN, values))) == {"exploding"}


LAYERS = "layer(W, x) = relu(x @ W)\nh1 = layer(W1, X) \nh2 = layer(W2, h1)\ncost = mean((h2 - 1)^2)\ncost"


def test_dead_units_of_a_layer() -> None:
    """A unit is dead if it is off in every example; a third of h1 is off in one example only."""
    values = {"X": [[1, 1], [2, 1]], "W1": [[1, -1, 2], [-1, -1, -3]], "W2": [[1], [1], [1]]}
    found = _by_name(statistics(_trace(LAYERS, values)))
    assert (found["h1"].dead, found["h1"].rectified, found["h1"].shape) == (1, 3, (2, 3))
    assert (found["h2"].dead, found["h2"].rectified) == (0, 1)
    values["W1"] = [[-1, -1, -2], [-1, -1, 1]]
    everything = statistics(_trace(LAYERS, values))
    assert (everything.stages[0].name, everything.stages[0].dead) == ("h1", 3)
    assert "dead" in _kinds(everything)


def test_saturated_units() -> None:
    found = statistics(_trace("h = tanh(W @ x)\nloss = sum(h)\nloss", {"W": [[9, 9], [0.1, 0], [-9, 0]], "x": [1, 1]}))
    assert (found.stages[0].saturated, found.stages[0].units) == (2, 3)
    assert _kinds(found) == {"saturated"}


def test_norms_are_those_of_the_gradients() -> None:
    trace = _trace("h = tanh(W @ x)\ny = sum(h^2)\ny^2", {"W": [[1, 2], [3, 4]], "x": [0.1, 0.2]})
    found = _by_name(statistics(trace))
    for name, stage in found.items():
        adjoint = trace.adjoints[stage.gate]
        expected = float((adjoint**2).sum()) ** 0.5 if stage.shape else abs(adjoint)
        assert stage.norm == pytest.approx(expected, rel=1e-14), name
    assert found["h"].ratio == pytest.approx(found["h"].norm / found["y"].norm)
    assert norm(arrays.asarray([3e200, 4e200])) == pytest.approx(5e200)


RELU = {
    "X": [[1, 0], [0, 1], [-1, 0], [0, -1]],
    "W": [[1, -1, 1], [1, 1, -1]],
    "T": [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]],
}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (LAYERS, {"X": [[1, 1], [2, 1]], "W1": [[1, -1, 2], [-1, -1, -3]], "W2": [[1], [1], [1]]}),
        (LAYERS, {"X": [[1, 1], [2, 1]], "W1": [[-1, -1, -2], [-1, -1, 1]], "W2": [[1], [1], [1]]}),
        (RNN, {"x": [0.5, -1, 2], "w": 0.5, "u": 0.5, "b": 0.1, "target": 1.0}),
        ("h = tanh(W @ x)\ng = sigmoid(V @ h)\nsum(g)", {"W": [[9, 9], [0.1, 0]], "x": [1, 1], "V": [[1, 1], [2, 2]]}),
        ("h = relu(X @ W); loss = mse(h, T); loss", RELU),  # every unit is on in an example, and off in another
        ("h = 2*relu(X @ W) + 1; loss = mse(h, T); loss", RELU),  # the rectifiers carry no stage's name
        ("h = relu(relu(X @ W) @ [[1, 0, 0], [0, 1, 0], [0, 0, -1]]); loss = mse(h, T); loss", RELU),
        ("h = relu(X @ W) @ [[1, 1], [1, -1], [1, 0]]; loss = mse(h @ [[1, 1, 1], [1, 1, 2]], T); loss", RELU),
        ("h = relu(x); y = sum(h); y", {"x": [1, -1, -2]}),
        ("f(a, W) = relu(a @ W) - 1\nh = f(X, W)\nfor k in 0..2 { h = relu(h + k - 1) }\nmse(h, T)", RELU),
    ],
)
def test_unrolled_graph_has_the_same_norms(text: str, values: dict[str, Any]) -> None:
    """And the same units and findings; only the gate and the shape of a stage are those of its elements."""
    whole, single = (statistics(_trace(text, values, unrolled)) for unrolled in (False, True))
    assert len(whole.stages) == len(single.stages) > 0
    for stage, other in zip(whole.stages, single.stages, strict=True):
        assert other.norm == pytest.approx(stage.norm, rel=1e-12)
        assert (other.ratio is None) == (stage.ratio is None)
        assert other.ratio is None or other.ratio == pytest.approx(stage.ratio, rel=1e-12, nan_ok=True)
        same = {"gate": stage.gate, "shape": stage.shape, "norm": stage.norm, "ratio": stage.ratio}
        assert other._replace(**same) == stage
    assert single.findings == whole.findings


def test_gradient_that_vanishes_is_found_whether_or_not_the_cost_has_a_name() -> None:
    turns = "h = x; for k in 0..6 { h = sigmoid(W @ h + b) }; "
    values = {"W": [[0.3, -1], [1, 0.25]], "b": [0, 0.5], "x": [1, -1]}
    for unrolled in (False, True):
        named = statistics(_trace(turns + "cost = sum((h - 1)^2); cost", values, unrolled))
        without = statistics(_trace(turns + "sum((h - 1)^2)", values, unrolled))
        assert _kinds(named) == {"vanishing"}
        assert without.findings == named.findings
        assert "from h[5] back to h[0]" in without.findings[0][1]


def test_elements_and_turns_of_one_name_have_a_line_each() -> None:
    """Unrolled, h[0] is an element of the first h, and the number that the loop's first turn makes."""
    text = "h = tanh(W @ x); for t in 0..2 { h = tanh(sum(h)*(t + 1)) }; h^2"
    values = {"W": [[0.3, -1], [1, 0.25]], "x": [1, -1]}
    whole, single = (statistics(_trace(text, values, unrolled)).stages for unrolled in (False, True))
    assert [stage.name for stage in whole] == [stage.name for stage in single] == ["h", "h[0]", "h[1]"]
    assert [stage.next for stage in single] == ["h[0]", "h[1]", None]
    assert [stage.norm for stage in single] == pytest.approx([stage.norm for stage in whole], rel=1e-12)


def test_gates_of_one_name_have_a_line_each() -> None:
    """A name does not stand for one gate alone: both are told."""
    trace = _trace("p = x^2; q = tanh(p); q*3", {"x": 0.5})
    trace.graph.groups = []
    trace.graph.stages = dict.fromkeys(trace.graph.stages, "h[0]")
    found = statistics(trace).stages
    assert [(stage.name, stage.next) for stage in found] == [("h[0]", "h[0]"), ("h[0]", None)]
    assert found[0].gate < found[1].gate
    assert found[0].ratio == found[0].norm / found[1].norm == pytest.approx(1 - trace.values[found[1].gate] ** 2)


def test_json_is_valid_and_formats_hold_every_stage() -> None:
    trace = _trace(RNN, {"x": [0.5, -1, 2], "w": 0.5, "u": 0.5, "b": 0.1, "target": 1.0})
    found = statistics(trace)
    schema = json.loads((files("gradcli") / "schemas" / "statistics-1.json").read_text(encoding="utf-8"))
    document = json.loads("".join(render(found, trace, "json", Look())))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [stage["gradient_norm"] for stage in document["stages"]] == [stage.norm for stage in found.stages]
    for format in FORMATS:
        text = "".join(render(found, trace, format, Look(80)))
        assert all(stage.name in text for stage in found.stages), format

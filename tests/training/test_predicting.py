"""Stages of trained programs over rows: row by row or over whole columns, and which inputs they need."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.errors import BindingError, ProgramError
from gradcli.graph.lower import lower
from gradcli.graph.names import resolve
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.passes import forward
from gradcli.training.models.needs import needed
from gradcli.training.models.predicting import Asked, ColumnPredictor, RowPredictor, stage_of

SAMPLES = Path(__file__).parents[2] / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.grad"))
NETWORK = "hidden = tanh(X @ W + b)\nlogits = hidden @ V\ncross_entropy(logits, labels)"


def program(name: str) -> Any:
    return parse((SAMPLES / f"{name}.grad").read_text(encoding="utf-8"))


def given(name: str) -> dict[str, Any]:
    found = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return {one: arrays.asarray(x) if isinstance(x, list) else float(x) for one, x in found.items()}


def network() -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights, and the columns of 40 rows."""
    draw = np.random.RandomState(1)
    weights = {"W": draw.normal(size=(2, 5)), "b": draw.normal(size=5), "V": draw.normal(size=(5, 3))}
    return weights, {"X": draw.normal(size=(40, 2)), "labels": draw.randint(3, size=40).astype(float)}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stage_needs_is_known_without_shapes(name: str) -> None:
    """Of every stage the inputs of its graph, and of these samples no other one."""
    values = given(name)
    names = resolve(program(name), values)
    for of in (None, *names.stages):
        graph = lower(program(name), values, of)
        assert needed(program(name), of) & {*names.inputs} == {*graph.inputs, *graph.consumed}, of


def test_a_loop_needs_what_is_at_its_head_and_what_its_stage_is_made_of() -> None:
    loop = parse("h = 0\ntotal = 0\nfor t in 0..len(x) {\n  h = w*h + x[t]\n  total = total + (h - y[t])^2\n}\ntotal")
    inputs = {*resolve(loop).inputs}
    assert needed(loop, "h") & inputs == {"w", "x"}
    assert needed(loop, "h[1]") & inputs == {"w", "x"}
    assert needed(loop, None) & inputs == {"w", "x", "y"}


@pytest.mark.parametrize(("name", "of"), [("xor", "hidden"), ("xor", "chance"), ("spiral", "h2"), ("three-ones", "h")])
def test_a_stage_of_every_row_is_that_of_the_row_alone(name: str, of: str) -> None:
    values = given(name)
    bound = {"xor": "x", "spiral": "point", "three-ones": "x"}[name]
    shape = values[bound].shape
    rows = np.random.RandomState(2).normal(size=(7, *shape))
    made = RowPredictor(
        Asked(program(name), of, {one: x for one, x in values.items() if one != bound}, {bound: shape}, 10**6)
    )
    assert made.needed == (bound,)
    found = made.run({f"{bound}[{k}]": np.ascontiguousarray(rows[:, k]) for k in range(shape[0])})
    columns = [found.value, *found.gradients.values()]
    assert len(columns) == len(made.names)
    for row, x in enumerate(rows):
        graph = lower(program(name), {**values, bound: x}, of)
        inputs = {one: {**values, bound: x}[one] for one in graph.inputs}
        expected = np.ravel(forward(graph, inputs)[graph.output])
        assert np.allclose([column[row] for column in columns], expected, rtol=1e-13, atol=1e-15)


def test_names_of_elements() -> None:
    made = RowPredictor(Asked(parse("[[x, 2*x], [c, 1]]"), None, {"c": 5.0}, {"x": ()}, 1000))
    assert made.names == ["value[0,0]", "value[0,1]", "value[1,0]", "value[1,1]"]
    found = made.run({"x": np.array([1.0, 2.0, 3.0])})
    assert found.value.tolist() == [1.0, 2.0, 3.0]
    assert {name: column.tolist() for name, column in found.gradients.items()} == {
        "value[0,1]": [2.0, 4.0, 6.0], "value[1,0]": [5.0] * 3, "value[1,1]": [1.0] * 3,
    }  # fmt: skip


def test_rows_that_are_not_finite_are_blamed_once() -> None:
    made = RowPredictor(Asked(parse("[log(x), 2*log(x), x]"), None, {}, {"x": ()}, 1000))
    assert made.blame({"x": np.array([1.0, -1.0, -2.0])}) == {(1, 7): 2, (11, 17): 2}


def test_whole_columns_give_a_row_the_same_in_every_block() -> None:
    """However the rows are cut, and as NumPy has it."""
    weights, columns = network()
    made = ColumnPredictor(Asked(parse(NETWORK), "logits", weights, {"X": (2,), "labels": ()}, 1000))
    assert made.names == ["value[0]", "value[1]", "value[2]"]
    assert made.needed == ("X",)
    assert made.inputs == ("X[0]", "X[1]")
    expected = np.tanh(columns["X"] @ weights["W"] + weights["b"]) @ weights["V"]
    for cuts in ([0, 40], [0, 17, 34, 40], [0, 1, 2, 3, 40], [0, 0, 40]):
        parts = []
        for start, end in pairwise(cuts):
            outputs = made.run({f"X[{k}]": columns["X"][start:end, k] for k in range(2)})
            parts.append(np.stack([outputs.value, *outputs.gradients.values()], axis=1))
        assert np.allclose(np.concatenate(parts), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("text", "of", "message"),
    [
        (NETWORK, None, "the program's result is one number for all rows together"),
        ("Z = X'\nsum(Z)", "Z", "the stage Z is an array of shape 2×rows for all rows together"),
        ("G = X @ X'\nsum(G)", "G", "the stage G is an array of shape rows×rows for all rows together"),
        ("Z = X - mean(X, axis=0)\nsum(Z)", "Z", "here all rows are put together"),
    ],
)
def test_stages_that_have_no_row(text: str, of: str | None, message: str) -> None:
    weights, _ = network()
    with pytest.raises(BindingError) as caught:
        ColumnPredictor(Asked(parse(text), of, weights, {"X": (2,), "labels": ()}, 1000))
    assert message in str(caught.value)


def test_turned_columns_are_rows_still() -> None:
    """An axis of rows may stand elsewhere in between."""
    weights, columns = network()
    made = ColumnPredictor(Asked(parse("Z = (W' @ X')'\nsum(Z)"), "Z", weights, {"X": (2,)}, 1000))
    outputs = made.run({f"X[{k}]": columns["X"][:, k] for k in range(2)})
    assert np.allclose(outputs.value, (columns["X"] @ weights["W"])[:, 0], rtol=1e-13)


def test_which_stage_is_predicted() -> None:
    def chosen(text: str, asked: str | None = None, kind: str = "train", output: str | None = None) -> str | None:
        stages = [*resolve(parse(text)).stages]
        return stage_of(parse(text), stages, asked, kind, output)

    assert chosen("p = w*x\n(p - y)^2") == "p"
    assert chosen("p = w*x\nloss = (p - y)^2\nloss") == "p"
    assert chosen("p = w*x\nloss = (p - y)^2\nloss", "loss") == "loss"
    assert chosen("a = w*x\nb = 2*a\nb", None, "fit") is None
    assert chosen("a = w*x\nb = 2*a\nb", None, "fit", "a") == "a"
    with pytest.raises(ProgramError, match="several stages"):
        chosen("h = w*x\np = v*h\n(p - y)^2")
    with pytest.raises(ProgramError, match="has no stage"):
        chosen("(w*x - y)^2")

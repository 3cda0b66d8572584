"""Which programs over whole columns compute every row alone: of every structural row of the table, kept and refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gradcli.errors import BindingError
from gradcli.graph import ops
from gradcli.language.parser import parse
from gradcli.training.models import apart
from gradcli.training.models.predicting import Asked, ColumnPredictor

DRAW = np.random.RandomState(5)
COLUMNS = {"x": DRAW.normal(size=9), "X": DRAW.normal(size=(9, 3)), "T": DRAW.normal(size=(9, 2, 3))}
VALUES = {
    "w": DRAW.normal(size=3), "W": DRAW.normal(size=(3, 4)), "S": DRAW.normal(size=(2, 2, 3)), "c": 2.0,
}  # fmt: skip
KEPT = {
    "sum": ["sum(X, axis=1)", "sum(X', axis=0)", "sum(T, axis=[1, 2])", "sum(X, axis=1, keepdims=1)"],
    "mean": ["mean(T, axis=1)", "X - mean(X, axis=1, keepdims=1)"],
    "prod": ["prod(X, axis=-1)"],
    "var": ["var(X, axis=1)"],
    "std": ["std(X', axis=0)"],
    "norm": ["norm(X, axis=1)"],
    "amax": ["amax(X, axis=1)", "max(T, axis=2)"],
    "amin": ["amin(X, axis=1)"],
    "logsumexp": ["logsumexp(X, axis=1)"],
    "dot": [],
    "matmul": ["X @ W", "X @ w", "(W' @ X')'", "T @ w", "T @ W", "w @ X'",
               "transpose(S @ transpose(T, order=[1, 2, 0]), order=[2, 0, 1])", "T @ transpose(T, order=[0, 2, 1])",
               "reshape(X, [-1, 1, 3]) @ W", "T @ S[0]'"],
    "outer": ["outer(x, w)", "outer(w, x)'"],
    "transpose": ["X''", "transpose(transpose(T, order=[1, 0, 2]), order=[1, 0, 2])"],
    "reshape": ["reshape(T, [-1, 6])", "reshape(x, [-1, 1])", "reshape(T, [len(T), 3, 2])",
                "reshape(reshape(X', [3, -1, 1]), [3, -1])'"],
    "stack": ["[x, 2*x]'", "stack(x, x^2, axis=1)", "stack(X, X, axis=0)[1]"],
    "concat": ["concat(X, 2*X, axis=1)", "concat(X', X')'"],
    "index": ["X[:, 1]", "X[:, 0:2]", "X'[2]", "T[:, 1, 0]"],
    "broadcast_to": ["broadcast_to(x, [3, len(x)])'", "x + broadcast_to(c, [len(x)])"],
    "sum_to": ["sum_to(X, [len(X), 1])", "sum_to(X', [len(X)])"],
    "scatter": ["scatter(X, [len(X), 5], [0, 1])"],
    "flip": ["flip(X, axis=1)"],
    "cumsum": ["cumsum(X)", "cumsum(X', axis=0)'"],
    "one_hot": ["one_hot(x > 0, 2)"],
    "softmax": ["softmax(X)", "softmax(X', axis=0)'", "softmax(T, axis=1)"],
    "logsoftmax": ["logsoftmax(X, axis=1)"],
    "cross_entropy": [],
    "mse": [],
}  # fmt: skip
TOGETHER = {
    "sum": ["X*sum(X)", "x - sum(x)", "X*sum(X, axis=0)", "X*sum(X, axis=0, keepdims=1)", "X*sum(X', axis=1)"],
    "mean": ["X - mean(X, axis=0)", "x - mean(X)", "x - mean(x, keepdims=1)"],
    "prod": ["x*prod(x)"],
    "var": ["x*var(x)"],
    "std": ["X*std(X, axis=0)"],
    "norm": ["x*norm(x)"],
    "amax": ["x - amax(x)", "X - max(X, axis=0)"],
    "amin": ["x - amin(x)"],
    "logsumexp": ["x - logsumexp(x)", "X - logsumexp(X, axis=0)"],
    "dot": ["x*dot(x, x)"],
    "matmul": ["X @ (X' @ X)", "X*(x @ X)", "(X @ X') @ X", "broadcast_to(X' @ x, [len(x), 3])",
               "reshape(T, [2, -1, 3]) @ W"],
    "outer": ["outer(x, x) @ X", "outer(x, x)"],
    "transpose": ["x + reshape(x, [-1, 1])'", "X @ X'"],
    "reshape": ["reshape(X, [3, -1])'", "reshape(X', [-1, 3])", "reshape(T, [2, -1, 3])[0]"],
    "stack": ["stack(X', X', axis=0)[0] @ X"],
    "concat": ["concat(x, x)[0:len(x)]", "concat(X, X)[len(X):2*len(X)]"],
    "index": ["x - x[0]", "X*X[0]", "x - concat(x[1:len(x)], x[0:1])", "X[:, 0]*X[1, 1]"],
    "broadcast_to": ["broadcast_to(x, [len(x), len(x)])", "(broadcast_to(x, [len(x), len(x)]) @ X)[:, 0]"],
    "sum_to": ["x - sum_to(x, [1])", "X - sum_to(X, [1, 3])", "X - sum_to(X, [3])"],
    "scatter": ["scatter(x[0:len(x)-1], [len(x)], [1])", "scatter(X, [len(X)+1, 3], [1, 0])[0:len(X)]"],
    "flip": ["flip(x)", "flip(X, axis=0)", "flip(X)", "flip(X', axis=1)'"],
    "cumsum": ["cumsum(x)", "cumsum(X, axis=0)", "cumsum(X')'"],
    "one_hot": ["sum(one_hot(x > 0, len(x)), axis=0)"],
    "softmax": ["softmax(x)", "softmax(X, axis=0)", "softmax(X')'"],
    "logsoftmax": ["logsoftmax(X, axis=0)", "logsoftmax(T, axis=0)"],
    "cross_entropy": ["x*cross_entropy(X, X)"],
    "mse": ["x*mse(x, x)"],
}  # fmt: skip
TOLD = r"rows are put together|for all rows together|depends on how many rows"


def made(text: str) -> ColumnPredictor:
    program = parse(f"q = {text}\nq")
    return ColumnPredictor(Asked(program, "q", VALUES, {name: x.shape[1:] for name, x in COLUMNS.items()}, 20_000))


def computed(text: str, order: Any) -> Any:
    """All numbers of these rows."""
    predictor = made(text)
    columns = {}
    for name in predictor.needed:
        for place in np.ndindex(COLUMNS[name].shape[1:]):
            index = f"[{','.join(map(str, place))}]" if place else ""
            columns[f"{name}{index}"] = np.ascontiguousarray(COLUMNS[name][(order, *place)])
    outputs = predictor.run(columns)
    return np.stack([outputs.value, *outputs.gradients.values()], axis=1)


@pytest.mark.parametrize("table", [KEPT, TOGETHER, apart.RULES], ids=["kept", "together", "rules"])
def test_every_structural_row_of_the_table_is_told(table: Any) -> None:
    assert {*table} == {row.name for row in ops.STRUCTURAL}


@pytest.mark.parametrize("text", [one for texts in KEPT.values() for one in texts])
def test_rows_that_are_apart_are_the_same_in_every_block(text: str) -> None:
    """All at once, one by one, in another order."""
    every = [*range(9)]
    whole = computed(text, every)
    for cuts in ([0, 4, 9], [*range(10)]):
        parts = [computed(text, every[start:end]) for start, end in pairwise(cuts)]
        assert np.allclose(np.concatenate(parts), whole, rtol=1e-13, atol=1e-15)
    assert np.allclose(computed(text, every[::-1]), whole[::-1], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("text", [one for texts in TOGETHER.values() for one in texts])
def test_rows_that_depend_on_each_other_are_refused_at_their_place(text: str) -> None:
    with pytest.raises(BindingError, match=TOLD) as caught:
        made(text)
    assert caught.value.span is not None


@pytest.mark.parametrize("name", [row.name for row in ops.STRUCTURAL if KEPT[row.name]])
def test_a_row_that_nobody_has_told_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(apart.RULES, name)
    with pytest.raises(BindingError, match="rows are put together"):
        made(KEPT[name][0])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x/len(x)", "len(x)"),
        ("X @ W[:, len(X) - len(X)]/len(X)", "len(X)"),
        ("T[:, len(x) - 1008:2, 0]", ""),
        ("sum(one_hot(x > 0, len(x) - 1000), axis=1)", "one_hot(x > 0, len(x) - 1000)"),
        ("x + sum(broadcast_to(c, [len(x)]))", ""),
    ],
)
def test_the_number_of_rows_is_no_number_of_a_row(text: str, place: str) -> None:
    with pytest.raises(BindingError, match=TOLD) as caught:
        made(text)
    error = caught.value
    assert error.span is not None
    assert place in (error.source or "")[slice(*error.span)]


def test_extents_that_are_those_of_the_trial_by_chance_are_no_rows() -> None:
    """The number of rows that shapes are asked with may be that of an array's elements."""
    for count in (1_009, 1_013):
        asked = Asked(parse("q = outer(x, w)\nq"), "q", {"w": np.ones(count)}, {"x": ()}, 20_000)
        assert len(ColumnPredictor(asked).names) == count


def test_an_error_of_shapes_speaks_of_rows() -> None:
    with pytest.raises(Exception, match="rows×3") as caught:
        made("X @ S[0, 0, 0:2]")
    assert "1009" not in str(caught.value)

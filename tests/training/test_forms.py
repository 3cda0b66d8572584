"""Which losses are per row and which over whole columns, what is said where neither fits, and what layers fan in."""

from __future__ import annotations

import pytest
from losses import LOSSES, read

from gradcli.errors import BindingError, GradcliError, LimitError, ProgramError, UsageError
from gradcli.language.parser import parse
from gradcli.training.losses.forms import fans, over_columns, penalty

XY = {"x": (), "y": ()}
LOOP = "h = 0\nfor t in 0..8 { h = tanh(w*x[t] + h) }\n(h - y)^2"


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_styles_are_told_apart(name: str) -> None:
    loss = LOSSES[name]
    rows, whole = (read(text, loss.columns, loss.parameters) for text in (loss.per_row, loss.whole))
    assert (rows.per_row, rows.reduce) == (True, "mean")
    assert (whole.per_row, whole.reduce) == (False, None)


def test_a_reduction_asks_for_rows() -> None:
    assert not read("sum((w*x - y)^2)", XY, {"w": ()}).per_row
    found = read("sum((w*x - y)^2)", XY, {"w": ()}, reduce="sum")
    assert (found.per_row, found.reduce) == (True, "sum")
    with pytest.raises(UsageError, match="no reduction median"):
        read("w*x", XY, {"w": ()}, reduce="median")
    with pytest.raises(UsageError, match="no columns"):
        read("w^2", {}, {"w": ()}, reduce="mean")


def test_without_columns_a_loss_is_a_function() -> None:
    found = read("sum(w^2)", {}, {"w": (3,)})
    assert (found.per_row, found.reduce) == (False, None)
    with pytest.raises(ProgramError, match="the loss is an array of shape 3\n"):
        read("w^2", {}, {"w": (3,)})


def test_a_stage_may_be_the_loss() -> None:
    assert read("a = mean(w*x)\nb = a + y\nb", XY, {"w": ()}, of="b").per_row
    assert not read("a = mean(w*x)\nb = a + y\nb", XY, {"w": ()}, of="a").per_row


def test_a_matrix_of_all_pairs_of_rows_and_a_turn_per_row_are_tried_with_fewer_rows() -> None:
    assert not read("sum(x @ x')*w", {"x": (4,)}, {"w": ()}).per_row
    assert not read("s = 0\nfor k in 0..len(x) { s = s + w*x[k]*x[k] }\ns", {"x": ()}, {"w": ()}).per_row
    assert read("s = 0\nfor k in 0..len(x) { s = tanh(s + w*x[k]) }\ns*y", {"x": (3,), "y": ()}, {"w": ()}).per_row


@pytest.mark.parametrize(
    ("text", "columns", "parameters", "message", "hint"),
    [
        ("(X @ W - y)^2", {"X": (3,), "y": ()}, {"W": (3, 2)}, "shape 2 in every row", "sum(…) or mean(…)"),
        ("p = sum(X @ W, axis=1)\n(p - y)^2", {"X": (3,), "y": ()}, {"W": (3, 2)}, "shape rows", "sum(…) or mean(…)"),
        ("dot(w, X) - y", {"X": (3,), "y": ()}, {"w": (4,)}, "not 4 and 3", "sum(a*b)"),
        ("foo(x)*w", XY, {"w": ()}, "no function foo", None),
        ("x[2]*y*w[0]", XY, {"w": (2,)}, "x is a number and has no elements", "--map x=a,b,c"),
        ("w[0]*x", XY, {"w": ()}, "w is a number and has no elements", "--param"),
        ("w[x]*y", XY, {"w": (3,)}, "x has to be known", "x is a column"),
        ("w[k]*y", XY, {"w": (3,), "k": ()}, "k has to be known", "k is a parameter"),
        (LOOP, {"x": (7,), "y": ()}, {"w": ()}, "index 7 is out of range: the shape is 7", "indices go from 0 to 6"),
        ("h = x[0]*w\n(h - x[9])^2", {"x": (7,)}, {"w": ()}, "index 9 is out of range", "indices go from 0 to 6"),
        ("(w - y + x)^2", {"x": (8,), "y": ()}, {"w": ()}, "shape 8 in every row", "sum(…) or mean(…)"),
        ("h = X @ W\n(dot(h, v) - y)^2", {"X": (3,), "y": ()}, {"W": (3, 2), "v": (4,)}, "not 2 and 4", None),
        ("p = sum(X @ W, axis=1)\nmean((p @ v - y)^2)", {"X": (3,), "y": ()}, {"W": (3, 2), "v": (2,)},
         "rows and 2 do not fit together: as many columns as there are rows meet 2 rows", None),
        ("mean((v @ sum(X @ W, axis=1) - y)^2)", {"X": (3,), "y": ()}, {"W": (3, 2), "v": (2,)},
         "2 columns meet as many rows as the data has", None),
        ("mean((softmax(X @ W, axis=1) @ v - y)^2)", {"X": (3,), "y": ()}, {"W": (3, 2), "v": (3,)},
         "2 columns meet 3 rows", None),
        ("mean((w*X[:,0] + X[:,4] - y)^2)", {"X": (3,), "y": ()}, {"w": ()}, "index 4 is out of range", None),
    ],
)  # fmt: skip
def test_mistakes_are_told_as_the_person_reads_the_program(
    text: str,
    columns: dict[str, tuple[int, ...]],
    parameters: dict[str, tuple[int, ...]],
    message: str,
    hint: str | None,
) -> None:
    with pytest.raises(ProgramError) as caught:
        read(text, columns, parameters)
    error = caught.value
    assert message in error.message
    assert error.span is not None
    assert error.source == text
    assert hint is None or hint in (error.hint or "")
    assert "104729" not in str(error)
    assert "--shapes" not in str(error)


@pytest.mark.parametrize(
    ("of", "kind"), [("w", "w is a parameter; the program"), ("x", "x is a column;"), ("c", "c is a constant;")]
)
def test_what_is_no_stage_is_told_as_what_it_is(of: str, kind: str) -> None:
    """Also where the program can be read as one row alone."""
    with pytest.raises(ProgramError, match=f"{of} is not a stage of the program") as caught:
        read("c*(dot(w, x) - y)^2", {"x": (2,), "y": ()}, {"w": (2,)}, {"c": 1.0}, of=of)
    assert (caught.value.hint or "").startswith(kind)


def test_the_number_of_rows_that_was_tried_is_in_no_hint() -> None:
    with pytest.raises(ProgramError, match="index 200000 is out of range: the shape is rows×2") as caught:
        read("mean(X[:,0] * w)*X[200000, 0]", {"X": (2,)}, {"w": ()})
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("text", "gates", "hint"),
    [
        ("z = X @ w\n(z - y)^2", 2_001, "as mean((z - y)^2) at the end"),
        ("z = X @ w\n(z - y)^2", 2_000, None),
        ("(dot(w, X) - y)^2", 9_000, None),  # is none over whole columns
        ("mean((X @ w - y)^2)", 9_000, None),  # is so already
    ],
)
def test_a_row_of_very_many_gates_is_better_computed_over_whole_columns(
    text: str, gates: int, hint: str | None
) -> None:
    told = over_columns(read(text, {"X": (3,), "y": ()}, {"w": (3,)}), gates)
    assert (told is None) if hint is None else (told is not None and hint in told)


def test_a_name_that_is_nothing_is_told_with_its_place() -> None:
    with pytest.raises(BindingError, match="z has no column and no value, and is no parameter") as caught:
        read("w*x + z", XY, {"w": ()})
    assert caught.value.span == (6, 7)


def test_limits_are_those_of_the_program() -> None:
    with pytest.raises(LimitError):
        read("s = 0\nfor k in 0..500 { s = s + w*x }\ns", XY, {"w": ()}, max_gates=100)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(w^2)*x", "a penalty is the same for all rows, and x is a column"),
        ("sum(w^2)*q", "q is neither a parameter nor a constant"),
        ("w^2", "the penalty is an array of shape 3"),
        ("w @ [1, 2]", "fit"),
    ],
)
def test_a_penalty_is_a_number_of_parameters_and_constants(text: str, message: str) -> None:
    found = read("dot(w, w)*x*c", XY, {"w": (3,)}, {"c": 2.0})
    with pytest.raises(GradcliError, match=message) as caught:
        penalty(parse(text), found)
    assert caught.value.source == text
    assert penalty(parse("c*sum(w^2)"), found).inputs.keys() == {"c", "w"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(tanh(X @ W))", (3, 2)),
        ("sum(tanh(W' @ X))", (3, 2)),
        ("sum(tanh(W @ [1, 2]))*X[0]", (2, 3)),
        ("sum(tanh([1, 2] @ W'))*X[0]", (2, 3)),
        ("sum(W)*X[0]", None),
    ],
)
def test_fans_are_as_the_product_uses_the_matrix(text: str, expected: tuple[int, int] | None) -> None:
    found = read(text, {"X": (3,)}, {"W": (3, 2)}, reduce="mean")
    assert fans(found.graph, "W") == expected


def test_fans_of_a_vector_and_of_what_is_no_array() -> None:
    graph = read("dot(v, X) + b", {"X": (3,)}, {"v": (3,), "b": ()}).graph
    assert fans(graph, "v") == (3, 1)
    assert fans(graph, "b") is None
    assert fans(graph, "unknown") is None

"""Which column binds which input, and what is refused before a row is read."""

from __future__ import annotations

import pytest

from gradcli.batch.columns import Source, check_results, kept, result_names, sources
from gradcli.errors import BindingError, UsageError


def test_inputs_take_the_columns_of_their_names() -> None:
    found = sources(["x", "y"], [], {}, ["y", "z", "x"])
    assert found == {"x": Source(("x",)), "y": Source(("y",))}


def test_a_value_takes_the_place_of_a_column() -> None:
    assert sources(["x", "y"], ["y"], {}, ["x", "y"]) == {"x": Source(("x",))}


def test_a_name_is_found_in_another_unicode_form_and_among_blanks() -> None:
    assert sources(["é", "x"], [], {}, ["e\u0301", " x "]) == {"é": Source(("e\u0301",)), "x": Source((" x ",))}
    assert sources(["x"], [], {}, [" x", "x"]) == {"x": Source(("x",))}, "the exact name comes first"


def test_map_takes_another_column_or_several() -> None:
    columns = ["a", "b", "a,b"]
    assert sources(["x"], [], {"x": "b"}, columns)["x"] == Source(("b",))
    assert sources(["x"], [], {"x": "a, b"}, columns)["x"] == Source(("a", "b"), (2,))
    assert sources(["x"], [], {"x": "a,b"}, columns)["x"] == Source(("a,b",)), "a column that is really called so"


def test_columns_named_like_elements_make_an_array() -> None:
    assert sources(["w"], [], {}, ["w[1]", "w[0]"])["w"] == Source(("w[0]", "w[1]"), (2,))
    matrix = [f"W[{i}, {j}]" for j in range(3) for i in range(2)]
    assert sources(["W"], [], {}, matrix)["W"] == Source(
        ("W[0, 0]", "W[0, 1]", "W[0, 2]", "W[1, 0]", "W[1, 1]", "W[1, 2]"), (2, 3)
    )


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["w[0]", "w[2]"], "there is no column w[1]"),
        (["w[999999999]"], "there is no column w[0]"),
        (["w[0,0]", "w[1,1]"], "there is no column w[0,1]"),
        (["w[0]", "w[0,1]"], "indices of different length"),
    ],
)
def test_an_array_with_gaps_is_refused(columns: list[str], words: str) -> None:
    with pytest.raises(BindingError, match="column") as refusal:
        sources(["w"], [], {}, columns)
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        (["x;strike"], "cells seem to be separated by semicolons: write commas"),
        (["x\tstrike"], "cells seem to be separated by tabs: --from tsv reads them"),
        (["x,strike"], "cells seem to be separated by commas: --from csv reads them"),
        (["Strike", "rate"], "did you mean --map strike=Strike?"),
        (["strikes", "rate"], "did you mean --map strike=strikes?"),
        (["a", "b"], "--strike VALUE or --map strike=COLUMN; the data has a, b"),
    ],
)
def test_an_input_without_a_column_gets_the_nearest_name(columns: list[str], hint: str) -> None:
    with pytest.raises(BindingError) as refusal:
        sources(["strike"], [], {}, columns)
    assert refusal.value.message == "no column and no value for strike"
    assert hint in (refusal.value.hint or "")


def test_a_function_without_its_parentheses_is_told() -> None:
    with pytest.raises(BindingError) as refusal:
        sources(["sin"], [], {}, ["x"])
    assert refusal.value.hint == "sin is a function; write sin(…)"


@pytest.mark.parametrize(
    ("mapped", "message"),
    [
        ({"q": "a"}, "--map: q is not an input of the program"),
        ({"x": "nothing"}, "--map x: there is no column nothing"),
        ({"x": "a,,b"}, "--map x: there is no column (empty)"),
        ({"v": "a"}, "v is given twice: a value and --map"),
    ],
)
def test_what_map_can_not_mean(mapped: dict[str, str], message: str) -> None:
    with pytest.raises(BindingError) as refusal:
        sources(["x", "v"], ["v"], mapped, ["a", "b", "x"])
    assert refusal.value.message == message


def test_without_a_row_every_input_is_taken_for_a_column() -> None:
    assert sources(["x", "y"], ["y"], {}, None) == {"x": Source(("x",))}


def test_ten_thousand_columns_are_no_problem() -> None:
    columns = [f"w[{i}]" for i in range(10_000)]
    assert len(sources(["w"], [], {}, columns)["w"].columns) == 10_000


def test_kept_columns_are_in_the_order_of_the_data() -> None:
    assert kept(False, None, ["a", "b"]) is None
    assert kept(True, None, ["a", "b"]) == ()
    assert kept(False, ["b", "a"], ["a", "b", "c"]) == ("a", "b")


def test_what_can_not_be_kept() -> None:
    with pytest.raises(UsageError, match="there is no column aa"):
        kept(False, ["aa"], ["a", "b"])
    with pytest.raises(UsageError, match="--only leaves all columns out"):
        kept(True, ["a"], ["a", "b"])


def test_names_of_results_and_their_clashes() -> None:
    assert result_names("", ["x", "w[0]"]) == ("value", "grad_x", "grad_w[0]")
    assert result_names("d_", ["x"]) == ("d_value", "d_grad_x")
    check_results(("value", "grad_x"), ["x", "d_value"])
    with pytest.raises(UsageError, match="grad_x is a column of the data already") as refusal:
        check_results(("value", "grad_x"), ["x", "grad_x"])
    assert "--prefix d_ to call the results d_value, …" in (refusal.value.hint or "")

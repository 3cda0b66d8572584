"""Names with numbers: what is read, and what is said about what can't be."""

from __future__ import annotations

from contextlib import suppress
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.errors import UsageError, explain
from gradcli.training.specs import ANY, SHARE, Setting, Spec, numbers_by_name, parse_spec, signature

ROW = {"every": Setting(None, ANY), "factor": Setting(0.5, SHARE)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adam", Spec("adam")),
        (" adam ( ) ", Spec("adam")),
        ("glorot(4,2)", Spec("glorot", (4.0, 2.0))),
        ("adam(.9, beta2=1e-3)", Spec("adam", (0.9,), {"beta2": 1e-3})),
        ("a(-2, +3., x = 1E+2)", Spec("a", (-2.0, 3.0), {"x": 100.0})),
    ],
)
def test_what_is_read(text: str, expected: Spec) -> None:
    assert parse_spec(text, "optimizer") == expected


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "optimizer: nothing is no name", None),
        ("2", "optimizer: 2 is no name", "^"),
        ("adam 3", "3 after optimizer adam means nothing", "^"),
        ("adam(1", "the parenthesis of optimizer adam is not closed", "^"),
        ("adam(1) x", "x after optimizer adam means nothing", "^^"),
        ("adam(pi/2)", "optimizer adam: pi/2 is no number", "^^^^"),
        ("adam(1,)", "optimizer adam: nothing is no number", "^"),
        ("adam(inf)", "optimizer adam: inf is no number", "^^^"),
        ("adam(1e999)", "optimizer adam: 1e999 is too large", "^^^^^"),
        ("adam(x=1, 2)", "2 has no name, but stands behind a number that has one", "^^"),
        ("adam(x=1, x=2)", "x is given twice", "^^^^"),
        ("adam((1))", "optimizer adam: (1 is no number", None),
        ("adam(__import__('os'))", "is no number", None),
    ],
)
def test_what_is_wrong_is_shown_in_its_place(text: str, message: str, place: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text, "optimizer")
    assert message in caught.value.message
    assert len(explain(caught.value).splitlines()) <= 4
    if place is not None:
        assert place in explain(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_spec(text, "start").name in text


def test_numbers_get_the_names_of_the_row() -> None:
    row = ROW
    assert numbers_by_name(Spec("step", (3.0,)), "schedule", row) == {"every": 3.0, "factor": 0.5}
    assert numbers_by_name(Spec("step", (), {"factor": 0.1, "every": 2.0}), "schedule", row) == {
        "every": 2.0, "factor": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        (Spec("step"), "schedule step: every is missing", "it is step(every, factor=0.5)"),
        (Spec("step", (1.0, 2.0, 3.0)), "schedule step takes 2 numbers, not 3", "it is step(every, factor=0.5)"),
        (Spec("step", (1.0,), {"every": 2.0}), "schedule step: every is given twice", None),
        (Spec("step", (1.0,), {"facter": 2.0}), "schedule step has no number facter", "did you mean factor?"),
        (Spec("step", (1.0,), {"q": 2.0}), "schedule step has no number q", "there are every, factor"),
        (Spec("step", (1.0, 2.0)), "schedule step: factor is 2", "it is from 0 to 1"),
        (Spec("step", (1.0,), {"factor": -1.0}), "schedule step: factor is -1", "it is from 0 to 1"),
    ],
)
def test_numbers_that_do_not_fit_the_row(spec: Spec, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        numbers_by_name(spec, "schedule", ROW)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("beta", "did you mean beta1 or beta2?"), ("beta3", "did you mean beta1 or beta2?"),
        ("Beta1", "did you mean beta1?"), ("eps", "did you mean epsilon?"), ("x", "there are beta1, beta2, epsilon"),
    ],
)  # fmt: skip
def test_a_near_miss_names_all_that_may_be_meant(wrong: str, hint: str) -> None:
    row = {name: Setting(0.5, ANY) for name in ("beta1", "beta2", "epsilon")}
    with pytest.raises(UsageError) as caught:
        numbers_by_name(Spec("adam", (), {wrong: 0.5}), "optimizer", row)
    assert caught.value.hint == hint


def test_a_signature_has_the_defaults() -> None:
    assert signature("step", ROW) == "step(every, factor=0.5)"
    assert signature("cosine", {"total": Setting(inf, ANY)}) == "cosine(total)"
    assert signature("gd", {}) == "gd"

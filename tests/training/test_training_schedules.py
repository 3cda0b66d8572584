"""Schedules by hand."""

from __future__ import annotations

from math import cos, inf, pi, sqrt

import pytest

from gradcli.errors import UsageError
from gradcli.training.steps.schedules import SCHEDULES, read_schedule, schedule


def factors(text: str, steps: int, total: int = 100) -> list[float]:
    made = schedule(read_schedule(text), total)
    return [made.factor(t) for t in range(steps)]


BY_HAND: list[tuple[str, list[float]]] = [
    ("constant", [1, 1, 1]),
    ("step(2)", [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
    ("step(1, factor=0.1)", [1, 0.1, 0.01]),
    ("warmup(4)", [0.25, 0.5, 0.75, 1, 1, 1]),
    ("cosine(4)", [1, 0.5 + sqrt(0.5) / 2, 0.5, 0.5 - sqrt(0.5) / 2, 0, 0, 0]),
    ("cosine(2, final=0.5)", [1, 0.75, 0.5, 0.5]),
    ("warmup(2)+cosine(2)", [0.5, 1, 1, 0.5, 0, 0]),
    ("warmup(2) + step(1)", [0.5, 1, 1, 0.5, 0.25]),
    ("cosine(2)+cosine(2)", [1, 0.5, 1, 0.5, 0]),
    ("warmup(1e+0)+constant", [1, 1, 1]),
]


@pytest.mark.parametrize(("text", "expected"), BY_HAND)
def test_factors_by_hand(text: str, expected: list[float]) -> None:
    assert factors(text, len(expected)) == pytest.approx(expected, abs=1e-15)


def test_a_cosine_without_total_lasts_for_the_steps_that_are_left() -> None:
    assert factors("cosine", 11, total=10) == pytest.approx([0.5 + 0.5 * cos(pi * t / 10) for t in range(11)])
    left = factors("warmup(4)+cosine(final=0.1)", 10, total=10)
    assert left[4:] == pytest.approx([0.1 + 0.9 * (0.5 + 0.5 * cos(pi * t / 6)) for t in range(6)])
    assert factors("warmup(10)+cosine", 12, total=10)[:10] == pytest.approx([(t + 1) / 10 for t in range(10)])


def test_the_text_of_a_schedule_has_the_steps_that_were_left_out() -> None:
    made = schedule(read_schedule("warmup(100)+cosine"), 1000)
    assert made.text == "warmup(steps=100)+cosine(total=900, final=0)"
    again = schedule(read_schedule(made.text), 7)
    assert [again.factor(t) for t in range(0, 1000, 37)] == [made.factor(t) for t in range(0, 1000, 37)]


def test_steps_far_away() -> None:
    for name in SCHEDULES:
        text = {"step": "step(1)", "warmup": "warmup(3)"}.get(name, name)
        assert 0.0 <= schedule(read_schedule(text), 10).factor(10**12) <= 1.0


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("cosin", "there is no schedule cosin", "did you mean cosine?"),
        ("step", "schedule step: every is missing", "it is step(every, factor=0.5)"),
        ("step(0)", "schedule step: every is 0", "it is a number of steps: 1, 2, …"),
        ("step(2.5)", "schedule step: every is 2.5", "it is a number of steps: 1, 2, …"),
        ("step(2, 0)", "schedule step: factor is 0", "it is above 0 and at most 1"),
        ("step(2, 2)", "schedule step: factor is 2", "it is above 0 and at most 1"),
        ("cosine(10, -1)", "schedule cosine: final is -1", "it is from 0 to 1"),
        (
            "cosine+warmup(3)",
            "schedule cosine does not end, so nothing can follow it",
            "say how long it lasts: cosine(…)",
        ),
        ("constant+warmup(3)", "schedule constant does not end, so nothing can follow it", "put it last"),
        ("warmup(3)+", "schedule: nothing is no name", None),
    ],
)
def test_what_is_wrong_with_a_schedule(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        read_schedule(text)
    assert caught.value.message == message
    assert hint is None or caught.value.hint == hint


def test_every_row_says_what_it_is() -> None:
    for name, row in SCHEDULES.items():
        assert row.name == name
        assert row.doc.endswith(".")
        assert row.steps is None or row.steps in row.settings
        for default, domain in row.settings.values():
            assert default in (None, inf) or domain.holds(default)


def test_every_row_has_factors_by_hand() -> None:
    """Alone, and with each of its settings: a new one needs numbers above."""
    tried = {name: set[str]() for name in SCHEDULES}
    for text, _ in BY_HAND:
        for part in read_schedule(text):
            changed = {key for key, x in part.settings.items() if x != part.kind.settings[key].default}
            tried[part.kind.name] |= {"", *changed} if "+" not in text else changed
    assert tried == {name: {"", *row.settings} for name, row in SCHEDULES.items()}

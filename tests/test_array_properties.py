"""What holds for every program with arrays: random ones of legal shapes, over all rows. See array_oracle.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import array_oracle as oracle
import pytest
from array_oracle import Run
from array_programs import OPERATIONS, ArrayCase, array_programs
from hypothesis import given, settings
from program_oracle import Disagreement, Skipped

from gradcli.errors import LimitError
from gradcli.graph import graph, ops
from gradcli.graph.lower import lower
from gradcli.language.parser import parse

Check = Callable[[Any], None]


def _judged(strategy: Any, examples: int, *checks: Check) -> Counter[str]:
    """Check programs; how often each check passed, and why others were skipped."""
    judged = Counter[str]()

    @given(strategy)
    @settings(max_examples=examples)
    def judge(case: ArrayCase) -> None:
        try:
            found = oracle.run(case)
        except Skipped:
            return
        for check in checks:
            try:
                check(found)
            except Skipped as reason:
                judged[f"{check.__name__}: {reason}"] += 1
            else:
                judged[check.__name__] += 1

    judge()
    return judged


def _expect(judged: Counter[str], least: int, *checks: Check) -> None:
    for check in checks:
        assert judged[check.__name__] >= least, judged


def test_arrays_are_their_elements_and_gradients_their_own_derivatives() -> None:
    """The run on arrays, on elements, in multiprecision, as a graph, along a direction, printed and read again."""
    checks = (
        oracle.check_unrolled, oracle.check_exact, oracle.check_derived, oracle.check_along, oracle.check_printed,
    )  # fmt: skip
    _expect(_judged(array_programs(), 120, *checks), 60, *checks)


@pytest.mark.parametrize("first", dict.fromkeys(OPERATIONS), ids=lambda one: one.__name__)
def test_every_kind_of_operation(first: Any) -> None:
    """The same where it is applied to an input."""
    checks = oracle.check_unrolled, oracle.check_derived, oracle.check_along
    _expect(_judged(array_programs(first=first, most=2), 12, *checks), 4, *checks)


def test_rewriting_and_second_derivatives() -> None:
    checks = oracle.check_rewritten, oracle.check_second
    _expect(_judged(array_programs(most=4), 50, *checks), 20, *checks)


def test_conventions_where_numbers_are_equal() -> None:
    """At ties and kinks both runs take the same slopes."""
    _expect(_judged(array_programs("ties"), 150, oracle.check_same), 100, oracle.check_same)


def test_infinite_and_missing_numbers() -> None:
    _expect(_judged(array_programs("odd"), 150, oracle.check_no_number_lost), 20, oracle.check_no_number_lost)


@pytest.mark.parametrize("kind", ["moderate", "ties", "odd"])
def test_contributions_add_up_in_json(kind: str) -> None:
    @given(array_programs(kind))
    @settings(max_examples=40)
    def check(case: ArrayCase) -> None:
        oracle.check_json(case)

    check()


def test_every_structural_row_takes_part() -> None:
    """And programs have loops, functions, broadcasting, arrays of all ranks."""
    seen = Counter[str]()

    @given(array_programs(most=8))
    @settings(max_examples=300)
    def look(case: ArrayCase) -> None:
        try:
            found = oracle.run(case).graph
        except Skipped:
            return
        seen.update({f"row {found.rows[code].name}" for code in found.codes})
        seen.update({f"rank {len(shape)}" for shape in found.shapes.values()})
        seen["loop"] += "for t in" in case.text
        seen["function"] += len(found.rows) > len(ops.ROWS)

    look()
    missing = [row.name for row in ops.STRUCTURAL if not seen[f"row {row.name}"]]
    assert not missing, missing
    assert min(seen[kind] for kind in ("rank 1", "rank 2", "rank 3", "loop", "function")) > 5, seen


# The oracle sees what it is for


def _run(text: str, **values: Any) -> Run:
    return oracle.run(ArrayCase(text, values, {}))


@pytest.mark.parametrize("check", [oracle.check_unrolled, oracle.check_exact, oracle.check_derived, oracle.check_along])
def test_a_wrong_gradient_is_seen(check: Check) -> None:
    found = _run("sum(A@x)^2", A=[[1.0, 2.0], [0.5, -1.0]], x=[0.25, 3.0])
    check(found)
    wrong = found.trace.adjoints[0].copy()
    wrong[1, 0] *= 1 + 1e-11
    found.trace.adjoints[0] = wrong
    with pytest.raises(Disagreement, match=r"∂|direction"):
        check(found)


def test_another_convention_is_seen() -> None:
    found = _run("max(x, axis=0)", x=[1.0, 1.0])
    oracle.check_same(found)
    found.flat_trace.adjoints[0] = 1.0
    with pytest.raises(Disagreement, match="on arrays"):
        oracle.check_same(found)


def test_a_shape_that_numpy_does_not_give_is_seen() -> None:
    with pytest.raises(Disagreement, match="has the shape"):
        oracle.run(ArrayCase("q = x'\nsum(q)", {"x": [[1.0, 2.0]]}, {"q": (1, 2)}))


# Little text that asks for much


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(broadcast_to(x, [100000001]))", "has more than 100000000 elements"),
        ("y = broadcast_to(x, [20000]); sum(outer(y, y))", "shape 20000×20000 has more than 100000000 elements"),
        ("h = [x]\nfor t in 0..60 { h = concat(h, h) }\nsum(h)", "has more than 100000000 elements"),
        ("h = x\nfor t in 0..99 { h = h + broadcast_to(x, [90000000]) }\nsum(h)", "have more than 1000000000 elements"),
        (f"sum(reshape([x], [{'1, ' * 32}1]))", "at most 32 axes, and this one has 33"),
    ],
)
def test_arrays_are_refused_before_they_are_made(text: str, message: str) -> None:
    with pytest.raises(LimitError, match=message) as caught:
        lower(parse(text), {"x": 1.0})
    assert caught.value.span is not None
    assert caught.value.hint is not None


def test_inputs_may_be_as_large_as_they_are() -> None:
    found = lower(parse("sum(x)"), shapes={"x": (graph.MOST_ELEMENTS + 1,)})
    assert found.elements == 0

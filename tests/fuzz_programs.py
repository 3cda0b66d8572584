"""Random programs against their oracles, and what a long run has counted and found.

Enters: how many programs, where the series starts. Leaves: a `Report`. Invariant: the same series gives the same
programs; what fails is kept in the smallest form that hypothesis finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import array_oracle
import program_oracle
from array_programs import ArrayCase, array_programs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from programs import Case, programs

import gradcli
from gradcli.graph.lower import lower


class Report:
    """Counts and findings."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.findings: dict[str, str] = {}

    def count(self, what: str, kind: str) -> None:
        self.counts.setdefault(what, Counter())[kind] += 1

    def found(self, problem: str, reproduction: str) -> None:
        if problem[:60] not in self.findings:
            self.findings[problem[:60]] = reproduction
            print(f"FOUND {problem}\n      {reproduction}", flush=True)


def fails(attempt: Callable[[], Any]) -> str | None:
    """What an attempt finds, if it finds something; a bug may also show as an error of any kind."""
    try:
        attempt()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def check_programs(wanted: int, start: int, report: Report) -> int:
    """Check random programs against the oracle until that many could be judged. Returns how many were."""

    def check(case: Case) -> None:
        program_oracle.check(lower(gradcli.parse(case.text), case.values), case.values)

    return _check(report, "programs", check, programs(), wanted, start)


def check_arrays(wanted: int, start: int, report: Report) -> int:
    """The same for programs with arrays, with values of all kinds."""
    return sum(
        _check(
            report, f"programs with arrays, {kind}", check, array_programs(kind, most), wanted // len(_OF_ARRAYS), start
        )
        for kind, most, check in _OF_ARRAYS
    )


def _moderate(case: ArrayCase) -> None:
    found = array_oracle.run(case)
    for check in (array_oracle.check_unrolled, array_oracle.check_derived, array_oracle.check_printed):
        check(found)
    array_oracle.check_along(found)
    array_oracle.check_exact(found)
    array_oracle.check_rewritten(found)
    array_oracle.check_second(found)


def _ties(case: ArrayCase) -> None:
    array_oracle.check_json(case)
    array_oracle.check_same(array_oracle.run(case))


def _odd(case: ArrayCase) -> None:
    array_oracle.check_json(case)
    array_oracle.check_no_number_lost(array_oracle.run(case))


_OF_ARRAYS = (("moderate", 8, _moderate), ("ties", 8, _ties), ("odd", 6, _odd))


def _check(
    report: Report, what: str, check: Callable[[Any], None], strategy: SearchStrategy[Any], wanted: int, start: int
) -> int:
    """Check until so many could be judged. Where nearly all are wrong, that many are never reached: hence the bound."""
    series, judged = 0, 0
    while judged < wanted and series < 20 + wanted // 20:
        failing: list[Any] = []
        number, examples = 1_000_000 * start + series, min(500, 2 * wanted)
        problem = fails(_judging(report, what, check, strategy, failing, number, examples))
        if problem is not None:
            report.found(problem, repr(min(failing, key=lambda case: len(case.text), default=None)))
        series, judged = series + 1, report.counts.get(what, Counter())["checked"]
        if series % 5 == 0:
            print(f"         {judged:,} {what} so far", flush=True)
    return judged


def _judging(
    report: Report, what: str, check: Callable[[Any], None], strategy: SearchStrategy[Any], failing: list[Any],
    number: int, examples: int,
) -> Callable[[], None]:  # fmt: skip
    """A run over so many programs, which raises where one is wrong; those that failed are added to `failing`."""

    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, derandomize=False, print_blob=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(strategy)
    def judge(case: Any) -> None:
        try:
            check(case)
        except program_oracle.Skipped as reason:
            report.count(what, f"skipped: {reason}")
        except Exception:
            failing.append(case)
            raise
        else:
            report.count(what, "checked")

    return judge

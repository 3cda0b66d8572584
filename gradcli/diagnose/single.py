"""The warnings of a graph of numbers.

Enters: a Trace on numbers of any system. Leaves: warnings in the order of the gates. Invariant: time is linear in the
gates; the trace is not changed but for its cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradcli.diagnose.kinks import kink
from gradcli.diagnose.nonfinite import not_finite
from gradcli.diagnose.vanishing import dead, passes_nothing, saturation, underflows
from gradcli.diagnose.warned import Warned, used
from gradcli.traces import Trace


def of_numbers(trace: Trace) -> list[Warned]:
    """Every warning but for the way out."""
    kinked: list[tuple[int, Warned]] = []
    saturated: dict[int, Warned] = {}
    shut: list[int] = []
    for index, slopes in _with_slopes_of_interest(trace):
        if (warned := kink(trace, index)) is not None:
            kinked.append((index, warned))
        if passes_nothing(trace, index, slopes):
            shut.append(index)
        if (warned := saturation(trace, index, slopes)) is not None:
            saturated[index] = warned
    if any(trace.adjoints[index] == 0 for index in [*saturated, *shut]):
        flags = used(trace)
        saturated = {index: warned for index, warned in saturated.items() if flags[index]}
        shut = [index for index in shut if flags[index]]
    found = [*kinked, *not_finite(trace).items(), *underflows(trace), *saturated.items(), *dead(trace, shut)]
    return [warned for _, warned in sorted(found, key=lambda pair: pair[0])]


def _with_slopes_of_interest(trace: Trace) -> Iterable[tuple[int, list[Any]]]:
    """The active gates whose row has a kink, saturates or rectifies, with their local gradients."""
    graph, partials = trace.graph, trace.partials
    codes = {code for code in {*graph.codes} if _of_interest(graph.rows[code])}
    if not codes:
        return
    for index in [i for i, code in enumerate(graph.codes) if code in codes]:
        slopes = [slope for slope in partials[index] or () if slope is not None]
        if slopes:
            yield index, slopes


def _of_interest(row: Any) -> bool:
    return row.kink is not None or row.steepest is not None or row.rectifies

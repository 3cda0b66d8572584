"""Where a number or a slope needs a second look, with its cause.

Enters: a Trace on numbers of any system. Leaves: `warnings`, in the order of the gates. Invariant: a gate is blamed
only for what is new in it; time is linear in the gates; the trace is not changed but for its cache.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from gradcli.diagnose.warned import CONVENTIONS, NOT_FINITE, SEVERITY, Warned
from gradcli.traces import Trace

__all__ = ["NOT_FINITE", "Warned", "by_severity", "marks", "unsettled", "warnings"]


def warnings(trace: Trace) -> list[Warned]:
    """All warnings of a trace."""
    if "warnings" not in trace.cache:
        trace.cache["warnings"] = _with_cure(trace, _found(trace))
    found: list[Warned] = trace.cache["warnings"]
    return found


def by_severity(found: Iterable[Warned]) -> list[Warned]:
    """What makes numbers that are not finite comes first; otherwise in the order of the gates."""
    return sorted(found, key=lambda warned: SEVERITY[warned.kind])


def marks(trace: Trace) -> dict[int, str]:
    """What stands behind a gate that is warned of: its kinds of warnings, by its position."""
    if "marks" not in trace.cache:
        kinds: dict[int, dict[str, None]] = {}
        for warned in warnings(trace):
            kinds.setdefault(int(warned.gate[1:]), {})[warned.kind] = None
        trace.cache["marks"] = {index: f"⚠ {', '.join(names)}" for index, names in kinds.items()}
    found: dict[int, str] = trace.cache["marks"]
    return found


def unsettled(trace: Trace) -> str:
    """Which conventions and numbers that are not finite a trace contains; "" for none."""
    counts = {name: sum(warned.kind == name for warned in warnings(trace)) for name in CONVENTIONS}
    told = [f"{count:,} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    from gradcli.diagnose.cures import numbers_not_finite

    if count := numbers_not_finite(trace):
        told.append(f"{count:,} numbers that are not finite" if count > 1 else "1 number that is not finite")
    return ", ".join(told)


def _found(trace: Trace) -> list[Warned]:
    """Every warning but for the way out."""
    if trace.graph.shapes or trace.graph.settings:
        from gradcli.diagnose.elements import of_arrays

        return of_arrays(trace)
    if _is_unremarkable(trace):
        return []
    from gradcli.diagnose.single import of_numbers

    return of_numbers(trace)


_FEW = 1000  # gates; with more of them an import takes no time to speak of


def _is_unremarkable(trace: Trace) -> bool:
    """Whether a small trace has nothing that a warning could be about, so that what words them is not imported.

    Its numbers are normal ones, none is 0, and no row has a kink, saturates or shuts off.
    """
    graph, partials = trace.graph, trace.partials
    if len(graph) > _FEW or partials.many or not isinstance(trace.value, float):
        return False
    rows = [graph.rows[code] for code in {*graph.codes}]
    if any(row.kink is not None or row.steepest is not None or row.rectifies for row in rows):
        return False
    numbers = (*trace.values, *trace.adjoints, *partials.firsts, *partials.seconds)
    return all(x is None or sys.float_info.min <= abs(x) <= sys.float_info.max for x in numbers)


def _with_cure(trace: Trace, found: list[Warned]) -> list[Warned]:
    """The same warnings; the first one of a number that is not finite says how to avoid it, if there is a way."""
    blamed = next((warned for warned in by_severity(found) if warned.kind in NOT_FINITE), None)
    if blamed is None:
        return found
    from gradcli.diagnose.cures import cure

    if (rewrite := cure(trace, int(blamed.gate[1:]))) is None:
        return found
    told = blamed._replace(details=blamed.details | {"rewrite": rewrite})
    return [told if warned is blamed else warned for warned in found]

"""What a trace has to be warned of, on standard error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import isfinite

from gradcli import diagnose
from gradcli.cli import streams
from gradcli.errors import ExitStatus, place
from gradcli.printable import shorten
from gradcli.traces import Trace


def report(trace: Trace, where: str = "", strict: bool = False) -> ExitStatus:
    """The most severe warnings, on standard error, and the status to end with.

    Args:
        trace: what was evaluated.
        where: what stands before each warning.
        strict: whether a kink, a tie or a number that is not finite is a failure.
    """
    told: Counter[str] = Counter()
    untold: Counter[str] = Counter()
    for position, warned in enumerate(diagnose.by_severity(diagnose.warnings(trace))):
        if told[warned.kind] >= _PER_KIND or told.total() >= _WARNINGS:
            untold[warned.kind] += 1
            continue
        told[warned.kind] += 1
        streams.note(f"warning: {where}{warned.message}")
        if position == 0 and warned.kind in diagnose.NOT_FINITE:
            _show(trace.graph.source, warned)
    if untold:
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in untold.items())
        streams.note(f"warning: {where}and {untold.total():,} more ({kinds}); gradcli eval --json lists them")
    if strict and (unsettled := diagnose.unsettled(trace)):
        streams.note(f"gradcli: --strict: {where}{unsettled}")
        return ExitStatus.NOT_HELD
    return ExitStatus.DONE


_WARNINGS, _PER_KIND = 10, 5


def _show(source: str, warned: diagnose.Warned) -> None:
    """The place in the program where numbers stop being finite, and the way out if there is one."""
    for line in place(source, warned.span):
        streams.note(line)
    if rewrite := warned.details.get("rewrite"):
        what = " ".join(shorten(rewrite["for"], 80).split())
        streams.note(f"hint: write {rewrite['write']} for {what}")


def results(numbers: Mapping[str, float | None], strict: bool) -> ExitStatus:
    """Warn of results of higher order that are not finite: no gate of the program shows them."""
    odd = {name: number for name, number in numbers.items() if number is not None and not isfinite(number)}
    for name, number in list(odd.items())[:_PER_KIND]:
        streams.note(f"warning: {name} is {number!r}")
    if len(odd) > _PER_KIND:
        streams.note(f"warning: and {len(odd) - _PER_KIND:,} more that are not finite")
    if strict and odd:
        what = "1 result that is not finite" if len(odd) == 1 else f"{len(odd):,} results that are not finite"
        streams.note(f"gradcli: --strict: {what}")
        return ExitStatus.NOT_HELD
    return ExitStatus.DONE

"""What a trace has to be warned of, on standard error."""

from __future__ import annotations

from collections import Counter

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

"""Where the first order misleads, in words.

Enters: `Propagated`. Leaves: `Note`s. Invariant: time is bounded: programs and inputs that are too many are not looked
at more closely.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from gradcli.passes import forward
from gradcli.printable import shorten
from gradcli.propagating import Input, Propagated

_SMALL = 0.1  # part of the uncertainty that nobody misses
_ROUNDING = 1e-12  # relative
_MOST = 500_000  # gates to evaluate for an answer


class Note(NamedTuple):
    """Something to know about a result.

    Attributes:
        kind: "flat": a gradient is 0; "nonlinear": an input's error is too large for a straight line; "second-order":
            the second order says otherwise; "not-finite": there is no uncertainty to speak of.
        input: its name, or None.
        message: in words.
    """

    kind: str
    input: str | None
    message: str


def notes(found: Propagated) -> list[Note]:
    """What is to be known of a result, the whole first, then input by input."""
    if not (isfinite(found.value) and isfinite(found.uncertainty)):
        return [Note("not-finite", None, f"the value is {found.value!r} and its uncertainty {found.uncertainty!r}")]
    told = [note for note in (_about(found, one, _ends(found, one)) for one in found.inputs if one.uncertainty) if note]
    second = found.second_order
    if second is None:
        return told
    small = _SMALL * found.uncertainty
    if abs(second.shift) <= small and second.uncertainty - found.uncertainty <= small:
        return told
    message = (
        f"the first order is not enough: by the second the value is {_brief(second.value)} ± "
        f"{_brief(second.uncertainty)}, by the first {_brief(found.value)} ± {_brief(found.uncertainty)}"
    )
    return [Note("second-order", None, message), *told]


def _ends(found: Propagated, one: Input) -> tuple[float, float] | None:
    """The output at both ends of an input's uncertainty, as JCGM 100:2008, note 2 to 5.1.3 compares them."""
    trace = found.trace
    if 2 * len(trace.graph) * len(found.inputs) > _MOST:
        return None
    point = {name: trace.values[index] for name, index in trace.graph.inputs.items()}
    low, high = (
        forward(trace.graph, {**point, one.name: one.value + error})[trace.graph.output]
        for error in (-one.uncertainty, one.uncertainty)
    )
    return low, high


def _about(found: Propagated, one: Input, ends: tuple[float, float] | None) -> Note | None:
    name, moved = shorten(one.name), ""
    bent = False
    if ends is not None:
        slope = one.gradient * one.uncertainty
        off = max(abs(ends[0] - (found.value - slope)), abs(ends[1] - (found.value + slope)))
        bent = not off <= _SMALL * found.uncertainty + _ROUNDING * abs(found.value)  # nan is bent
        where = f"{_brief(one.value)} ± {_brief(one.uncertainty)}"
        moved = f"at {name} = {where} the value is {_brief(ends[0])} and {_brief(ends[1])}"
    if one.gradient == 0:
        message = f"∂/∂{name} is 0 here: to first order the uncertainty of {name} counts for nothing"
        return Note("flat", one.name, f"{message}, but {moved}" if bent else message)
    if not bent:
        return None
    return Note("nonlinear", one.name, f"{moved}, which is no straight line: the first order misleads")


def _brief(x: float) -> str:
    return f"{x:.4g}"

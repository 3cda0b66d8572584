"""A way to write it that keeps the numbers finite: tried at the very point, and told only if it helps there.

Enters: a Trace and the gate that is blamed first. Leaves: what to write instead of what, or nothing. Invariant: nothing
is suggested that was not evaluated; a few evaluations at most, so that time stays linear.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from gradcli.diagnose.warned import places_not_finite
from gradcli.graph import ops
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

_TRIED = 6  # suggestions


def numbers_not_finite(trace: Trace) -> int:
    """How many values, local and global gradients of a trace are not finite; of arrays, their elements."""
    if trace.graph.shapes or trace.graph.settings:
        from gradcli.diagnose.elements import count_not_finite

        return count_not_finite(trace)
    partials = trace.partials
    columns = (partials.firsts, partials.seconds, trace.adjoints)
    found = sum(len(places_not_finite(column)) for column in columns)
    codes = trace.graph.codes
    found += sum(codes[place] != ops.CONSTANT for place in places_not_finite(trace.values))  # a constant is asked for
    return found + sum(len(places_not_finite(list(slopes))) for slopes in partials.many.values())


def cure(trace: Trace, index: int) -> dict[str, Any] | None:
    """What to write instead: `write`, `for` the text that it replaces, from `start` to `end`."""
    from gradcli.graph.rewriting.suggest import suggestions

    graph, wrt = trace.graph, [*trace.gradients]
    inputs = {name: trace.values[place] for name, place in graph.inputs.items()}
    for suggestion in sorted(islice(suggestions(graph, index), _TRIED), key=lambda found: len(found.replacement)):
        known = suggestion.graph.inputs
        is_written_so = "".join(suggestion.written.split()) == "".join(suggestion.replacement.split())  # and expanded
        if is_written_so or any(name not in known for name in wrt):
            continue
        if _helps(trace, evaluate_graph(suggestion.graph, inputs, wrt, trace.system)):
            span = graph.span(suggestion.gate)
            written = {"write": suggestion.replacement, "for": suggestion.written}
            return written | {"start": span.start, "end": span.end}
    return None


def _helps(before: Trace, after: Trace) -> bool:
    """Whether the point is cured: fewer numbers that are not finite, and of the results none that was finite before.

    A result may stay infinite where it is: the slope of x*log(x) at 0 is, its value is not.
    """
    pairs = [(before.value, after.value), *((before.gradients[name], x) for name, x in after.gradients.items())]
    ill, still_ill = 0, 0
    for old, new in pairs:
        was, isnt = _finite_ones(old), _finite_ones(new)
        if any(x != x for x in isnt[1]) or any(a and not b for a, b in zip(was[0], isnt[0], strict=True)):
            return False
        ill += was[0].count(False)
        still_ill += isnt[0].count(False)
    return still_ill <= max(0, ill - 1) and numbers_not_finite(after) < numbers_not_finite(before)


def _finite_ones(x: Any) -> tuple[list[bool], list[Any]]:
    """For each element whether it is finite, and the elements."""
    numbers = x.ravel().tolist() if hasattr(x, "ravel") else [x]
    return [bool(one - one == 0) for one in numbers], numbers

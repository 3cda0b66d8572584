"""The function that computes a page's numbers when an input moves: the generated JavaScript, with marks.

Enters: a Trace. Leaves: a script that defines `gradcliTrace`, or nothing. Invariant: no text of the user's is in it but
as names that were made safe and as quoted keys; it needs nothing but `Math` and leaves no other name behind.
"""

from __future__ import annotations

from gradcli.codegen.javascript_target import TARGET, script
from gradcli.codegen.tracing import Wanted, tracing_file
from gradcli.errors import LimitError
from gradcli.graph.lower import has_arrays
from gradcli.traces import Trace

MOST_STATEMENTS = 10_000  # 13,000 take 0.5 s to load; V8 takes gigabytes to optimise twice as many
NAME = "gradcliTrace"


def computing(trace: Trace) -> str | None:
    """The script; None where the program is too large, or its numbers are not those of a gradient of 1."""
    graph = trace.graph
    if trace.seed is not None or graph.output in graph.shapes or len(graph) > MOST_STATEMENTS:
        return None
    target = TARGET.arrays if has_arrays(graph) and TARGET.arrays is not None else TARGET
    wanted = Wanted(NAME, [*trace.gradients], max_gates=MOST_STATEMENTS, marked=True, commented=False)
    try:
        file = tracing_file(graph, target, wanted)
    except LimitError:
        return None
    if len(file.forward) + len(file.backward) > MOST_STATEMENTS:
        return None
    return f"const {NAME} = {script(file)};\n"

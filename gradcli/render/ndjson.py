"""A Trace as newline-delimited JSON: one gate per line, as in the `gates` of gradcli.trace/1."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.render import Look, wanted_jacobians
from gradcli.render.json_trace import gate
from gradcli.traces import Trace


def render(trace: Trace, look: Look | None = None) -> Iterator[str]:
    """One line per gate, in the order of the ids; the output's line is the one with the highest id."""
    jacobians = wanted_jacobians(trace, look)
    return (gate(traced, trace.system.write, jacobians) + "\n" for traced in trace.gates)

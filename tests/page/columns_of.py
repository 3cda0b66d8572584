"""A page's columns, made by Python from a trace: what the generated function computes in the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from node_page import plain

from gradcli.graph.ops import CONSTANT
from gradcli.numeric import arrays
from gradcli.page.facts import facts
from gradcli.traces import Trace


def facts_and_columns(trace: Trace, repeated: bool = True) -> list[Any]:
    """What the page's scripts take, in plain data.

    Args:
        repeated: whether local gradients are repeated to the shape of their gate, as the generated function has them.
    """
    return [plain(facts(trace, {})), plain(columns_of(trace, repeated))]


def columns_of(trace: Trace, repeated: bool = True) -> dict[str, Any]:
    edges = [[*trace.edges(index)] for index in range(len(trace.graph))]
    rows = [trace.graph.rows[code] for code in trace.graph.codes]
    columns = {
        "values": trace.values,
        "global_gradients": trace.adjoints,
        "local_gradients": [
            [_repeated(trace, i, edge.local_gradient) if repeated else edge.local_gradient for edge in one]
            for i, one in enumerate(edges)
        ],
        "contributions": [[edge.contribution for edge in one] for one in edges],
        "kinks": [_flags(trace, i, None if row.kink is None else row.kink.at) for i, row in enumerate(rows)],
        "poles": [_flags(trace, i, row.pole) for i, row in enumerate(rows)],
        "zeros": [_flags(trace, i, row.zero) for i, row in enumerate(rows)],
    }
    return {name: [_listed(x) for x in column] for name, column in columns.items()}


def _repeated(trace: Trace, index: int, slope: Any) -> Any:
    shape = trace.graph.shapes.get(index, ())
    return slope if slope is None or not shape else arrays.over(trace.system).broadcast_to(slope, shape=shape)


def _flags(trace: Trace, index: int, rule: Callable[..., Any] | None) -> Any:
    """A rule of marks at a gate: 0 or 1 per element, None where there is no rule."""
    graph, operands = trace.graph, [trace.values[operand] for operand in trace.graph.operands[index]]
    row, shape = graph.rows[graph.codes[index]], graph.shapes.get(index, ())
    if rule is None or graph.codes[index] <= CONSTANT:
        return None
    with arrays.quiet():
        if row.structural:
            return _numbers(rule(arrays.over(trace.system), graph.layout(index), trace.values[index], *operands))
        if not shape:
            return int(rule(trace.system, *operands) != 0)
        m = arrays.over(trace.system)
        return _numbers(m.broadcast_to(m.run(rule, *operands) + 0.0, shape=shape))


def _numbers(flags: Any) -> Any:
    return _listed(flags + 0.0)


def _listed(x: Any) -> Any:
    """Lists in place of arrays."""
    if isinstance(x, list | tuple):
        return [_listed(part) for part in x]
    return x.tolist() if hasattr(x, "tolist") else x


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Examples of a strategy, the same ones in every run, so that all of them are run at once."""
    found: list[Any] = []

    @settings(max_examples=count)
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found

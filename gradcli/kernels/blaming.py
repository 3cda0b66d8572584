"""Which gate spoils a row: where numbers stop being finite on the way to an output that is not.

Enters: a Derived, columns. Leaves: source span → number of rows. Invariant: a row is counted once, at the first gate
whose number is not finite though its operands are, among those that its outputs come from; time is linear in gates
and rows, and memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcli.graph import ops
from gradcli.graph.defined import constant, functions_on
from gradcli.graph.derive import Derived
from gradcli.graph.graph import Graph
from gradcli.kernels.derived import needed
from gradcli.numeric import arrays
from gradcli.passes import FLOATS

Column = Any
Place = tuple[int, int]

_FLAGS = 1 << 23  # bytes for a flag per gate and row
_LIVE = 1 << 21  # numbers
_WHERE = ops.CODES["where"]


def blame(
    found: Derived, values: Mapping[str, float], columns: Mapping[str, Column], outputs: Iterable[Column]
) -> dict[Place, int]:
    """Count the rows that each place of the source spoils, most rows first.

    Args:
        values: of the inputs that are no columns.
        columns: of the other inputs.
        outputs: what was computed of them.
    """
    bad: Any = np.zeros(0, dtype=bool)
    for column in outputs:
        bad = ~np.isfinite(column) if not len(bad) else bad | ~np.isfinite(column)
    rows = np.flatnonzero(bad)
    gates = [index for index, flag in enumerate(needed(found)) if flag]
    at_once = max(1, min(16_384, _FLAGS // len(gates), _LIVE // _most_live(found.graph, gates)))
    counts = np.zeros(len(found.graph), dtype=np.int64)
    with arrays.quiet():
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            given = {name: column[some] for name, column in columns.items()}
            counts += _counted(found, gates, {**values, **given}, len(some))
    places: dict[Place, int] = {}
    graph = found.graph
    for index in np.flatnonzero(counts).tolist():
        place = graph.starts[index], graph.ends[index]
        places[place] = places.get(place, 0) + int(counts[index])
    return dict(sorted(places.items(), key=lambda item: (-item[1], item[0])))


def _last_uses(graph: Graph, gates: Sequence[int]) -> dict[int, int]:
    """Gate → the gate that needs it last."""
    return {operand: index for index in gates for operand in graph.operands[index]}


def _most_live(graph: Graph, gates: Sequence[int]) -> int:
    """How many gates' numbers are needed at once, at most."""
    last, live, most = _last_uses(graph, gates), 0, 1
    for index in gates:
        live += 1
        most = max(most, live)
        live -= sum(last[operand] == index for operand in {*graph.operands[index]})
        live -= index not in last
    return most


def _counted(found: Derived, gates: Sequence[int], given: Mapping[str, Any], count: int) -> Column:
    """How many of some rows each gate spoils."""
    finite, chosen = _flags(found.graph, gates, given, count)
    outputs = {found.value, *found.gradients.values()}
    return _traced(found.graph, gates, outputs, finite, chosen, count)


def _flags(
    graph: Graph, gates: Sequence[int], given: Mapping[str, Any], count: int
) -> tuple[dict[int, Column], dict[int, Column]]:
    """For each gate in which rows it is finite; for each choice in which rows it takes its first branch."""
    functions: list[Callable[..., Any] | None] = functions_on(graph.rows, arrays.over(FLOATS))
    last, kept = _last_uses(graph, gates), dict[int, Any]()
    finite: dict[int, Column] = {}
    chosen: dict[int, Column] = {}
    for index in gates:
        literal, operands = graph.literals[index] or "", graph.operands[index]
        function = functions[graph.codes[index]]
        if function is None:
            kept[index] = given[literal] if graph.codes[index] == ops.INPUT else constant(FLOATS, literal)
        else:
            kept[index] = function(*[kept[operand] for operand in operands])
            if graph.codes[index] == _WHERE:
                chosen[index] = np.broadcast_to(np.not_equal(kept[operands[0]], 0.0), count)
        finite[index] = np.broadcast_to(np.isfinite(kept[index]), count)
        for operand in {*operands}:
            if last[operand] == index:
                del kept[operand]
        if index not in last:
            del kept[index]
    return finite, chosen


def _traced(
    graph: Graph,
    gates: Sequence[int],
    outputs: Iterable[int],
    finite: Mapping[int, Column],
    chosen: Mapping[int, Column],
    count: int,
) -> Column:
    """Go back from outputs that are not finite to where that began."""
    marked = {index: ~finite[index] for index in outputs}
    blamed = np.full(count, len(graph))
    for index in reversed(gates):
        rows = marked.pop(index, None)
        if rows is None or not rows.any():
            continue
        operands = graph.operands[index]
        began = rows
        for position, operand in enumerate(operands):
            spoilt = rows & ~finite[operand]
            if index in chosen and position:
                spoilt &= chosen[index] if position == 1 else ~chosen[index]
            began = began & ~spoilt
            marked[operand] = marked[operand] | spoilt if operand in marked else spoilt
        blamed[began] = index  # gates come in falling order: the first one stays
    return np.bincount(blamed, minlength=len(graph) + 1)[: len(graph)]

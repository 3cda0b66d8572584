"""What the tests of kernels share: graphs of one gate, points, and the gates of a kernel against functions of floats.

A kernel is asked for all gates of its derived graph at once. Then each gate has the kernel's own operands, and must be
what the function of floats gives for these.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from gradcli.graph import ops
from gradcli.graph.defined import constant, functions_on
from gradcli.graph.derive import Derived
from gradcli.graph.graph import Graph
from gradcli.graph.ops import Op
from gradcli.kernels import vectors
from gradcli.kernels.derived import PREFIX, derived
from gradcli.passes import FLOATS

Columns = dict[str, Any]

SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e-310,
    -1e-310, 2.2250738585072014e-308, 1e308, -1e308, 1.7976931348623157e308, 1e-160, 1e160, -1e160, 710.0, -710.0,
    -745.2, -341.0, math.pi, -math.pi / 2, 1e5, 1e6 * math.pi, 1e16, -1e22, 1.5, -1.278, 0.9999999999999999, 1e-9,
)  # fmt: skip
_FEW = SPECIAL[:20]
ALLOWED = 4  # units in the last place

# Formulas that cross 0 as a difference: the units are those of the larger term.
_TERMS = {PREFIX + f"{name}_slope": (name, 1) for name in ("gelu", "silu", "mish", "sinc")} | {
    "logaddexp": ("logaddexp", 0)
}


def graph_of_row(row: Op, count: int | None = None) -> Graph:
    """One gate of a row, its operands inputs."""
    names = [f"x{k}" for k in range(count or len(row.parameters))]
    graph = Graph("x" * len(names))
    if row not in ops.ROWS:
        graph.rows = (*graph.rows, row)
    for place, name in enumerate(names):
        graph.append(ops.INPUT, (), name, place, place + 1)
        graph.free[name] = graph.span(place)
    graph.output = graph.append(graph.rows.index(row), tuple(range(len(names))), None, 0, len(names))
    return graph


def columns_of(names: Sequence[str], points: Iterable[Sequence[float]]) -> Columns:
    listed = list(points)
    rows = np.array(listed, dtype=np.float64).reshape(len(listed), len(names))
    return {name: np.ascontiguousarray(rows[:, place]) for place, name in enumerate(names)}


def special_points(count: int) -> list[tuple[float, ...]]:
    """All combinations of special numbers; of more than two operands some."""
    if count <= 2:
        return list(product(SPECIAL, repeat=count))
    return list(product(_FEW, repeat=count))[:: 1 if count == 3 else 7]


def random_points(count: int, many: int, seed: int = 0) -> list[tuple[float, ...]]:
    """Numbers of all sizes, most of them moderate."""
    r = random.Random(seed)
    number = (
        lambda: r.gauss(0.0, 1.0), lambda: r.uniform(-40.0, 40.0), lambda: float(r.randint(-4, 4)),
        lambda: math.copysign(math.ldexp(r.random(), r.randint(-1070, 1020)), r.random() - 0.5),
    )  # fmt: skip
    return [tuple(r.choice(number)() for _ in range(count)) for _ in range(many)]


def all_gates(
    found: Derived, columns: Mapping[str, Any], values: Mapping[str, float], varying: Sequence[str] = ()
) -> list[Any]:
    """The kernel's column of every gate. Values of inputs that vary from run to run are given to the run alone."""
    graph = found.graph
    whole = Derived(graph, found.value, {str(index): index for index in range(len(graph))}, {})
    count = len(next(iter(columns.values()))) if columns else 1
    names = [name for name in graph.inputs if name not in values]
    results = [np.empty(count) for _ in range(len(graph) + 1)]
    fixed = {name: value for name, value in values.items() if name not in varying}
    engine = vectors.compiled(whole, names, fixed, list(whole.gradients), varying)
    engine.run([columns[name] for name in names], np.array([values[name] for name in varying]), results)
    return results[1:]


def expected(graph: Graph, index: int, kept: Sequence[Any], values: Mapping[str, float]) -> list[float] | None:
    """What the function of floats gives for the kernel's operands; None for an input column."""
    function = functions_on(graph.rows, FLOATS)[graph.codes[index]]
    count = len(kept[index])
    if function is None:
        name = graph.literals[index] or ""
        if graph.codes[index] == ops.CONSTANT:
            return [float(constant(FLOATS, name))] * count
        return [values[name]] * count if name in values else None
    operands = [kept[operand].tolist() for operand in graph.operands[index]]
    return [float(function(*xs)) for xs in zip(*operands, strict=True)]


def distances(got: Any, wanted: Any) -> Any:
    """Units in the last place between two columns; infinite where only one is nan, or an infinity is not the same."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    with np.errstate(all="ignore"):
        units = np.spacing(np.maximum(np.abs(got), np.abs(wanted)))
        off = np.abs(got / 2 - wanted / 2) / units * 2
    same = np.equal(got, wanted) | np.isnan(got) & np.isnan(wanted)
    usual = np.isfinite(got) & np.isfinite(wanted)
    return np.where(same, 0.0, np.where(usual, off, np.inf))


def _of_terms(row: Op, off: Any, wanted: Any, operands: Sequence[Any]) -> Any:
    """The same distances in units of the largest term."""
    name, place = _TERMS[row.name]
    rule = (next(one for one in ops.ROWS if one.name == name).terms or ())[place]
    found = off.copy()
    for position in np.flatnonzero((off > ALLOWED) & np.isfinite(off)).tolist():
        size = abs(rule(FLOATS, *(float(x[position]) for x in operands)))  # type: ignore[misc]
        wide = max(size, abs(wanted[position]))
        found[position] *= math.ulp(wanted[position]) / math.ulp(wide) if math.isfinite(wide) else 1.0
    return found


def check_gates(
    found: Derived,
    columns: Mapping[str, Any],
    values: Mapping[str, float] | None = None,
    varying: Sequence[str] = (),
) -> list[Any]:
    """Every gate of a derived graph is its function of the kernel's operands. Returns the columns."""
    graph, values = found.graph, values or {}
    kept = all_gates(found, columns, values, varying)
    for index in range(len(graph)):
        wanted = expected(graph, index, kept, values)
        row = graph.rows[graph.codes[index]]
        if wanted is None:
            assert np.array_equal(kept[index], columns[graph.literals[index] or ""], equal_nan=True)
            continue
        off = distances(kept[index], wanted)
        operands = [kept[operand] for operand in graph.operands[index]]
        if row.name in _TERMS:
            off = _of_terms(row, off, wanted, operands)
        worst = int(off.argmax())
        point = [float(operand[worst]) for operand in operands]
        assert off[worst] <= ALLOWED, (row.name, point, float(kept[index][worst]), wanted[worst], float(off[worst]))
    return kept


def check_program(
    graph: Graph,
    columns: Mapping[str, Any],
    values: Mapping[str, float] | None = None,
    wrt: Sequence[str] | None = None,
) -> tuple[Derived, list[Any]]:
    """All gates, and that value and gradients alone are the same bits as beside all other gates."""
    values = values or {}
    wanted = list(graph.inputs) if wrt is None else list(wrt)
    found = derived(graph, values, wanted)
    kept = check_gates(found, columns, values)
    names = [name for name in graph.inputs if name not in values]
    results = [np.empty(len(kept[0])) for _ in range(len(wanted) + 1)]
    vectors.compiled(found, names, values, wanted).run([columns[name] for name in names], np.empty(0), results)
    for gate, result in zip([found.value, *found.gradients.values()], results, strict=True):
        assert np.array_equal(kept[gate], result, equal_nan=True)
    return found, results

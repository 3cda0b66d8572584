"""Every row of the op table as a column, value and gradients, against the functions of floats."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from columns import check_gates, check_program, columns_of, graph_of_row, random_points, special_points

from gradcli.graph import ops
from gradcli.graph.derive import Derived
from gradcli.graph.ops import Op
from gradcli.kernels import kernel
from gradcli.kernels.derived import ROWS as REFINED_ROWS

sys.path.append(str(Path(__file__).parent.parent / "graph"))

from points import dense_points  # of the op table's own tests

ROWS = [row for row in ops.ELEMENTWISE if not row.hidden]
_POINTS = 1500


def _counts(row: Op) -> list[int]:
    return [1, 2, 3] if row.variadic else [len(row.parameters)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_value_and_gradients_at_special_points(row: Op) -> None:
    for count in _counts(row):
        graph = graph_of_row(row, count)
        check_program(graph, columns_of(list(graph.inputs), special_points(count)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_value_and_gradients_at_samples_and_weak_points(row: Op) -> None:
    points = [tuple(map(float, point)) for point in islice(dense_points(row, _POINTS), _POINTS)]
    for count in {len(point) for point in points}:
        graph = graph_of_row(row, count)
        some = [point for point in points if len(point) == count]
        check_program(graph, columns_of(list(graph.inputs), some))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_value_and_gradients_at_random_points(row: Op) -> None:
    for count in _counts(row):
        graph = graph_of_row(row, count)
        check_program(graph, columns_of(list(graph.inputs), random_points(count, _POINTS)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_operand_may_be_a_number(row: Op) -> None:
    """Steps take numbers and columns in any combination."""
    for count in _counts(row)[-2:]:
        graph = graph_of_row(row, count)
        names = list(graph.inputs)
        for place in range(count if count > 1 else 0):
            for number in (0.5, -0.0, 2.0, -1.0, 3.0, 0.25, -2.0, float("nan"), float("inf"), 1.7):
                rest = [name for k, name in enumerate(names) if k != place]
                points = [(float(k) / 7,) * (count - 1) for k in range(-21, 22)]
                check_program(graph, columns_of(rest, points), {names[place]: number})


@pytest.mark.parametrize("row", REFINED_ROWS, ids=lambda row: row.name)
def test_refined_formulas(row: Op) -> None:
    graph = graph_of_row(row)
    points = special_points(len(row.parameters)) + random_points(len(row.parameters), _POINTS)
    if row.name == "refined.tanh_slope":  # its second operand is the value
        points = [(x, float(np.tanh(x))) for x, _ in points]
    if row.name == "refined.hypot_slope":
        points = [(x, y, float(np.hypot(x, y))) for x, y, _ in points]
    if row.name == "refined.pow_exponent_slope":
        with np.errstate(all="ignore"):
            points = [(x, a, float(np.power(np.float64(x), a))) for x, a, _ in points]
    if row.name == "refined.cbrt_slope":
        points = [(x, float(np.cbrt(x))) for x, _ in points]
    check_gates(Derived(graph, graph.output, {}, {}), columns_of(list(graph.inputs), points))


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_beside_multiples_of_a_quarter_turn(name: str) -> None:
    row = ops.find(name)[0]
    graph = graph_of_row(row)
    turns = np.concatenate([np.arange(-3000.0, 3000.0), np.arange(6e5, 6.4e5, 37.0), 2.0 ** np.arange(20, 60)])
    near = turns * (np.pi / 2)
    x = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf), near + 1e-7, near + 1e-12])
    check_program(graph, {"x0": x})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_number_does_not_depend_on_its_place(row: Op) -> None:
    """Whatever the block, its alignment and its length: the same number."""
    count = _counts(row)[-1]
    graph = graph_of_row(row, count)
    columns = columns_of(list(graph.inputs), random_points(count, 701) + special_points(count)[:300])
    made = kernel(graph, {}, list(graph.inputs))
    whole = made.run(columns)
    for start, end in ((0, 1), (1, 2), (3, 10), (10, 43), (43, 300), (301, 1001)):
        part = made.run({name: column[start:end] for name, column in columns.items()})
        for one, other in zip(
            (whole.value, *whole.gradients.values()), (part.value, *part.gradients.values()), strict=True
        ):
            assert np.array_equal(one[start:end], other, equal_nan=True)

"""The native engine's numbers: rows, refined formulas and whole programs, against the functions of floats."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path[len(sys.path) :] = [str(HERE.parent), str(HERE.parent.parent / "graph"), str(HERE.parent.parent / "codegen")]

import columns  # noqa: E402  # of the tests of all kernels
from columns import check_gates, columns_of, graph_of_row, random_points, special_points  # noqa: E402
from generated import published_cases, sample_cases  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from points import dense_points  # noqa: E402
from programs import Case, programs  # noqa: E402

from gradcli.graph import ops  # noqa: E402
from gradcli.graph.derive import Derived  # noqa: E402
from gradcli.graph.lower import lower  # noqa: E402
from gradcli.graph.ops import Op  # noqa: E402
from gradcli.kernels import native  # noqa: E402
from gradcli.kernels.derived import ROWS as REFINED_ROWS  # noqa: E402
from gradcli.kernels.derived import derived  # noqa: E402
from gradcli.language.parser import parse  # noqa: E402

ROWS = [row for row in ops.ELEMENTWISE if not row.hidden]
_POINTS = 3000


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The checks of the other engine run on this one; all tests share one cache."""
    monkeypatch.setattr(columns, "vectors", native)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_value_and_gradients(row: Op) -> None:
    """At special, weak and random points."""
    for count in [1, 2, 3] if row.variadic else [len(row.parameters)]:
        points = special_points(count) + random_points(count, _POINTS)
        points += [tuple(map(float, p)) for p in islice(dense_points(row, _POINTS), _POINTS) if len(p) == count]
        graph = graph_of_row(row, count)
        check_gates(derived(graph, {}, list(graph.inputs)), columns_of(list(graph.inputs), points))


@pytest.mark.parametrize("row", REFINED_ROWS, ids=lambda row: row.name)
def test_refined_formulas(row: Op) -> None:
    graph, count = graph_of_row(row), len(row.parameters)
    points = special_points(count) + random_points(count, _POINTS)
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


@pytest.mark.parametrize("exponent", [-2.0, -1.5, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 1e300])
def test_powers_with_a_written_exponent(exponent: float) -> None:
    """Some are products and roots instead."""
    graph = lower(parse(f"x^({exponent!r})"))
    points = special_points(1) + random_points(1, _POINTS)
    check_gates(derived(graph, {}, ["x"]), columns_of(["x"], points))


@pytest.mark.parametrize("values", [{"y": 0.7}, {"x": -1.3}, {"x": 2.0, "y": -3.0}])
def test_inputs_that_are_the_same_in_every_row(values: dict[str, float]) -> None:
    graph = lower(parse("tanh(x*y)*z + exp(y)/(1 + x^2) + where(x > y, z^y, log(z*z + 1)) + mod(z, y)"))
    names = [name for name in graph.inputs if name not in values]
    points = random_points(len(names), _POINTS)
    check_gates(derived(graph, values, list(graph.inputs)), columns_of(names, points), values)


@pytest.mark.parametrize("case", [*sample_cases(), *[*published_cases()][::6]], ids=lambda case: case.name)
def test_whole_programs(case: object) -> None:
    """Samples, equations of physics, test functions: around their points."""
    graph, near = case.graph, random_points(1, 200, seed=3)  # type: ignore[attr-defined]
    names = list(graph.inputs)
    points = [[point[name] for name in names] for point in case.points]  # type: ignore[attr-defined]
    points += [[x * (1.0 + 0.01 * shift[0]) for x in points[0]] for shift in near]
    check_gates(derived(graph, {}, names), columns_of(names, points))


@settings(max_examples=12)
@given(programs(gradients=True))
def test_any_program(case: Case) -> None:
    graph = lower(parse(case.text), case.values)
    names = list(graph.inputs)
    points = [tuple(case.values[name] for name in names), *special_points(1)[:0], *random_points(len(names), 150)]
    check_gates(derived(graph, {}, names), columns_of(names, points))

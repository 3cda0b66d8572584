"""Sums over rows against the rows themselves, by both engines."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from columns import all_gates, check_gates
from hypothesis import HealthCheck, given, settings
from programs import Case, programs

import gradcli
from gradcli.errors import BindingError
from gradcli.graph.lower import lower
from gradcli.kernels import Kernel, Totals, kernel, planning, steps, summing, vectors
from gradcli.kernels.derived import derived

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]
_EPSILON = 2.0**-52
ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
LINEAR = "z = b + w*x + v*u; "
LOGISTIC = LINEAR + "softplus(z) - y*z"
PROGRAMS = (
    LOGISTIC,
    LINEAR + "p = sigmoid(z); -(y*log(p) + (1 - y)*log(1 - p))",
    LINEAR + "(z - y)^2/(2*v^2)",
    LINEAR + "huber = abs(z - y); where(huber < 1, 0.5*huber^2, huber - 0.5)",
    "h = tanh(b + w*x); k = relu(v*h - w*u); (h*v + k*b - y)^2",
    "b*exp(-w*x) + v",
    "w*v + b",
    "x*y",
    "-(x*w)*(u/v) + x - 3*y",
    "xlogy(x, 4) + w*y",
    "xlogy(x, w) - atan2(y, w)*b",
    "where(w > 0, x*w, x^2) + max(v*x, b, y)",
    "y*x^w + log(v*v + 1)*u - sin(w)*b",
)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def _made(text: str, varying: str = "wvb", wrt: str | None = None, engine: str = "numpy", **more: Any) -> Kernel:
    """Inputs with one of these letters are numbers of the run; derivatives are by all inputs if not said."""
    graph = lower(gradcli.parse(text))
    names = [name for name in graph.inputs if name in varying]
    return kernel(graph, {}, list(graph.inputs if wrt is None else wrt), varying=names, engine=engine, **more)


def _data(count: int, names: Any, seed: int = 1) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    return {name: draw.normal(size=count) + 0.1 for name in names} or {"other": np.ones(count)}


def _numbers(made: Kernel) -> list[float]:
    return [{"w": 0.7, "v": -1.3, "b": 0.25}[name] for name in made.varying]


def _columns_of(made: Kernel, columns: Any, numbers: Any) -> list[Any]:
    found = made.run(columns, numbers=numbers)
    return [found.value, *found.gradients.values()]


def _listed(totals: Totals) -> list[float]:
    return [totals.value, *totals.gradients.tolist()]


def _bits(totals: Totals) -> bytes:
    return np.array(_listed(totals)).tobytes()


def _sum(column: Any) -> float:
    """What a sum in any order is, where a number is not finite."""
    odd = set(column[~np.isfinite(column)].tolist())
    return math.fsum(column) if not odd else odd.pop() if len(odd) == 1 else math.nan


def _check(made: Kernel, columns: Any, numbers: Any, scale: float | None = None) -> None:
    """Totals are sums of what `run` gives; scale is that of the terms, if they are larger than rows."""
    totals = made.totals(columns, numbers)
    scale = None if scale is None or not math.isfinite(scale) else scale
    assert totals.gradients.shape == (len(made.wrt),)
    for got, column in zip(_listed(totals), _columns_of(made, columns, numbers), strict=True):
        wanted = _sum(column)
        size = np.abs(column[np.isfinite(column)]).sum() if scale is None else scale
        allowed = 64 * _EPSILON * size if math.isfinite(wanted) else 0.0
        assert got == wanted or (got != got and wanted != wanted) or abs(got - wanted) <= allowed, (got, wanted)


@ENGINES
@pytest.mark.parametrize("text", PROGRAMS)
def test_totals_are_the_sums_of_rows(text: str, engine: str) -> None:
    made = _made(text, engine=engine)
    numbers = _numbers(made)
    for count in (1, 2, 150, 8191, 8192, 8193, 40_000):
        columns = _data(count, made.inputs)
        _check(made, columns, numbers, 30.0 * count)


@ENGINES
@pytest.mark.parametrize("text", [LOGISTIC, PROGRAMS[4], "log(x)*w + u*v*y"])
def test_odd_cells_make_odd_totals(text: str, engine: str) -> None:
    """One cell in a block far from the first; and the outputs it does not touch stay numbers."""
    made = _made(text, engine=engine)
    numbers = _numbers(made)
    for name in made.inputs:
        for odd in (math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308):
            columns = {one: np.abs(column) for one, column in _data(20_000, made.inputs).items()}
            columns[name][17_000] = odd
            _check(made, columns, numbers, 1e6 if abs(odd) < 1e300 or not math.isfinite(odd) else None)


@ENGINES
def test_guards_hold_in_totals(engine: str) -> None:
    """An adjoint of 0 meets an infinite slope or a nan in some rows, which then contribute 0."""
    for text in (
        "relu(x)*sqrt(y)*w",
        "relu(x)*sqrt(y) + w",
        "0*x*sqrt(y) + relu(-x)*y*w",
        "max(w*x, 0)*log(y)",
        "where(x > 0, w*log(x), x*y)",
    ):
        made = _made(text, engine=engine)
        columns = {name: np.abs(column) + 0.5 for name, column in _data(30_000, "xy").items()}
        columns["x"][10_000:20_000:7] *= -1.0
        columns["y"][10_000:20_000:7] = 0.0
        _check(made, columns, [2.0], 1e6)
        assert np.isfinite(made.totals(columns, [2.0]).gradients).any()


def test_only_blocks_with_odd_sums_are_computed_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards between numbers of the run need no rows: they always hold."""
    counts: list[int] = []
    added = vectors.Engine._added
    monkeypatch.setattr(
        vectors.Engine,
        "_added",
        lambda self, given, numbers, count: (counts.append(count), added(self, given, numbers, count))[1],  # type: ignore[func-returns-value]
    )
    made = _made("relu(x)*sqrt(y) + relu(w)*sqrt(v)")
    columns = {name: np.abs(column) for name, column in _data(20_000, "xy").items()}
    made.totals(columns, [-1.0, 0.0])
    assert counts == []
    columns["x"][9000], columns["y"][9000] = -1.0, 0.0
    assert np.isfinite(_listed(made.totals(columns, [-1.0, 0.0]))).tolist() == [True] * 5
    assert counts == [8192]


def test_a_scalar_factor_hides_no_infinity_and_makes_none() -> None:
    """0 and infinity as factors, sums that overflow although their product would not, and the other way round."""
    made = _made("w*x", wrt="wx")
    for factor in (0.0, -0.0, math.inf, math.nan, 1e-300, 5e-324, 1e300):
        for cells in ([1.0, -1.0, 2.0], [0.0, 1.0], [math.inf, 1.0], [1e308, 1e308], [1e-300, 2e-300], [math.nan]):
            x = np.array(cells)
            with np.errstate(all="ignore"):
                rows = factor * x
                wanted = float(np.add.reduce(rows))
            got = made.totals({"x": x}, [factor]).value
            assert got == wanted or (got != got and wanted != wanted) or math.isclose(got, wanted, rel_tol=1e-14)


def test_a_number_of_the_run_that_is_odd() -> None:
    for number in (math.nan, math.inf, -math.inf, 0.0, 1e290):
        for text in (LOGISTIC, "w*x + b", "w + b", "x^w*b", "where(w > b, x, y)*w"):
            made = _made(text)
            columns, numbers = _data(9000, made.inputs), _numbers(made)
            for place in range(len(numbers)):
                _check(made, columns, [*numbers[:place], number, *numbers[place + 1 :]], 3e4 * max(1.0, abs(number)))


def _odd_columns(case: Case, names: Any, odd: bool) -> dict[str, Any]:
    draw = np.random.default_rng(5)
    found = {name: np.append(case.values[name], draw.normal(size=40)) for name in names}
    for column in found.values() if odd else ():
        column[draw.integers(1, 41, size=3)] = draw.choice([0.0, math.inf, math.nan, -math.inf], size=3)
    return found or {"other": np.ones(41)}


@settings(deadline=None, max_examples=120, suppress_health_check=_SLOW)
@given(case=programs(gradients=True))
def test_random_programs(case: Case) -> None:
    """Whichever inputs are numbers of the run: each gate is its function of floats, and totals are sums."""
    graph = lower(gradcli.parse(case.text), case.values)
    names = list(graph.inputs)
    found = derived(graph, {}, names)
    for varying in (names[::2], names[1::2], names):
        numbers = [case.values[name] for name in varying]
        made = kernel(graph, {}, names, varying=varying)
        for odd in (False, True):
            columns = _odd_columns(case, made.inputs, odd)
            given = columns if made.inputs else {}
            gates = all_gates(found, given, dict(zip(varying, numbers, strict=True)), varying)
            large = sum(float(np.abs(gate[np.isfinite(gate)]).max(initial=0.0)) for gate in gates)
            if large < 1e150:
                _check(made, columns, numbers, 41 * large)


@settings(deadline=None, max_examples=100, suppress_health_check=_SLOW)
@given(case=programs(gradients=True))
def test_numbers_of_a_run_give_the_gates_of_fixed_numbers(case: Case) -> None:
    """Each gate is its function of the kernel's own operands, within 4 units in the last place."""
    graph = lower(gradcli.parse(case.text), case.values)
    names = list(graph.inputs)
    for varying in (names[::2], names[1::2]):
        columns = _odd_columns(case, [name for name in names if name not in varying], odd=True)
        values = {name: case.values[name] for name in varying}
        check_gates(derived(graph, {}, names), columns, values, varying)


@ENGINES
def test_numbers_of_a_run_are_as_good_as_columns_and_fixed_values(engine: str) -> None:
    for text in PROGRAMS:
        made = _made(text, engine=engine)
        numbers = _numbers(made)
        if not made.inputs or (engine == "native" and text not in (LOGISTIC, PROGRAMS[4])):
            continue
        columns = _data(500, made.inputs)
        rows = _columns_of(made, columns, numbers)
        graph = lower(gradcli.parse(text))
        fixed = kernel(graph, dict(zip(made.varying, numbers, strict=True)), made.wrt, engine=engine).run(columns)
        full = {name: np.full(500, x) for name, x in zip(made.varying, numbers, strict=True)}
        spread = kernel(graph, {}, made.wrt, engine=engine).run(columns | full)
        for other in (fixed, spread):
            for one, two in zip(rows, (other.value, *other.gradients.values()), strict=True):
                assert np.allclose(one, two, rtol=1e-12, atol=1e-12, equal_nan=True)


@ENGINES
def test_no_rows_have_sums_of_0(engine: str) -> None:
    made = _made(LOGISTIC, engine=engine)
    found = made.totals({name: np.zeros(0) for name in made.inputs}, [math.nan] * 3)
    assert _listed(found) == [0.0] * 7


@ENGINES
def test_programs_without_columns_are_multiplied_by_the_rows(engine: str) -> None:
    made = _made("w^2 + v", engine=engine)
    assert (made.inputs, made.varying) == ((), ("w", "v"))
    assert _listed(made.totals({"other": np.ones(1000)}, [3.0, 0.5])) == [9500.0, 6000.0, 1000.0]


@ENGINES
def test_gradients_that_are_one_gate_are_all_there(engine: str) -> None:
    """In the order of wrt, which need not be that of the inputs."""
    made = _made("(x + y + w)*u", wrt="uwyx", engine=engine)
    x, y, u = np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([1.0, 10.0])
    assert _listed(made.totals({"x": x, "y": y, "u": u}, [1.0])) == [85.0, 13.0, 11.0, 11.0, 11.0]


@ENGINES
@pytest.mark.parametrize("text", [LOGISTIC, PROGRAMS[4]])
def test_bits_depend_on_rows_and_numbers_alone(text: str, engine: str) -> None:
    """Not on where columns lie in memory, on what was computed before, on threads, or on a kernel made anew."""
    made = _made(text, engine=engine)
    columns, numbers = _data(30_011, made.inputs), _numbers(made)
    wanted = _bits(made.totals(columns, numbers))
    made.totals({name: column[:777] for name, column in columns.items()}, [1.0, 2.0, 3.0])
    made.run({name: column[:99] for name, column in columns.items()}, numbers=[3.0, 2.0, 1.0])
    assert _bits(made.totals(columns, numbers)) == wanted
    for shift in range(1, 9):
        moved = {}
        for place, (name, column) in enumerate(columns.items()):
            memory = np.empty(len(column) + 16)
            moved[name] = memory[shift + place % 3 : shift + place % 3 + len(column)]
            moved[name][:] = column
        assert _bits(made.totals(moved, numbers)) == wanted
    strided = {name: np.repeat(column, 2)[::2] for name, column in columns.items()}
    assert _bits(_made(text, engine=engine, threads=1).totals(strided, np.array(numbers))) == wanted
    assert _bits(_made(text, engine=engine, threads=2).totals(columns, tuple(numbers))) == wanted


_PRINTING = """
import numpy as np, gradcli
from gradcli.graph.lower import lower
from gradcli.kernels import kernel
x, y = np.sin(np.arange(50_000.0)), np.cos(np.arange(50_000.0))
made = kernel(lower(gradcli.parse("(w*x + b - y)^2")), {}, ["w", "b"], varying=["w", "b"])
found = made.totals({"x": x, "y": y}, [0.3, 0.7])
print(found.value.hex(), *map(float.hex, found.gradients.tolist()))
"""


def test_threads_of_linear_algebra_change_nothing() -> None:
    """Libraries of linear algebra begin to share a scalar product at 10,000 numbers: blocks are shorter."""
    printed = set()
    for threads in ("1", "4"):
        environment = os.environ | dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads
        )
        command = [sys.executable, "-c", _PRINTING]
        printed.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(printed) == 1
    assert len(printed.pop().split()) == 3
    assert vectors._SUMMED <= 10_000
    for text in PROGRAMS:
        assert _made(text)._engine._sums[1].rows <= vectors._SUMMED  # type: ignore[attr-defined]


def _plan(text: str, varying: str = "wvb") -> summing.Summing:
    graph = lower(gradcli.parse(text))
    names = [name for name in graph.inputs if name in varying]
    columns = [name for name in graph.inputs if name not in varying]
    found = derived(graph, {}, names)
    return summing.summing(found, columns, {}, names, names)


def test_products_that_are_only_summed_are_never_stored() -> None:
    """A residual's square and its products with columns are scalar products; constant factors come after the sum."""
    found = _plan("3*(w*x + v*u - y)^2")
    calls = [call for call, _ in found.plan.steps]
    assert calls.count(np.multiply) == 2
    assert (calls.count(steps.dotted), calls.count(steps.summed)) == (3, 0)
    assert len(calls) == 7  # two products, a sum, a difference


def test_what_is_the_same_in_all_rows_is_computed_once_per_run() -> None:
    found = _plan("x*exp(sin(w)*v) + log(b)")
    assert [call for call, _ in found.plan.steps] == [steps.summed]
    rows = planning.plan(derived(lower(gradcli.parse("x*exp(sin(w)*v)")), {}, []), ["x"], {}, [], "wv", guarded=False)
    assert len(rows.steps) == 1
    assert len(rows.scalars) == 3


def test_sums_are_linear_in_gates() -> None:
    """Long sums, long products, long chains of constant factors; a gate shared by all outputs."""
    terms = [f"tanh({k}*x)*w" for k in range(1, 401)]
    for text in ("+".join, "*".join, lambda some: "x*y" + "*w" * len(some)):
        sizes = []
        for length in (100, 200, 400):
            found = _plan(text(terms[:length]))
            sizes.append(len(found.plan.steps) + len(found.terms) + sum(len(term.factors) for term in found.terms))
        assert sizes[2] - sizes[1] == pytest.approx(2 * (sizes[1] - sizes[0]), rel=0.05)


@ENGINES
def test_blame_with_numbers_of_the_run(engine: str) -> None:
    text = "log(w*x) + y"
    made = _made(text, wrt="w", engine=engine)
    columns = {"x": np.array([1.0, -1.0, 2.0, -3.0]), "y": np.ones(4)}
    assert made.blame(columns, [1.0]) == {(0, 8): 2}
    assert made.blame(columns, [-1.0]) == {(0, 8): 2}
    assert made.blame(columns, [0.0]) == {(0, 8): 4}
    assert made.blame({"x": np.ones(2), "y": np.ones(2)}, [1.0]) == {}
    assert _made("log(w) + 1", engine=engine).blame({"other": np.ones(3)}, [-1.0]) == {(0, 6): 3}


@ENGINES
def test_outputs_may_be_given_beside_numbers(engine: str) -> None:
    made = _made("w*x + v", wrt="wx", engine=engine)
    first = made.run({"x": np.arange(3.0)}, numbers=[2.0, 1.0])
    again = made.run({"x": np.arange(3.0)}, first, [3.0, 1.0])
    assert again is first
    assert first.value.tolist() == [1.0, 4.0, 7.0]
    assert first.gradients["x"].tolist() == [3.0] * 3


def test_wrong_numbers_and_names_are_refused() -> None:
    made = _made("w*x + v")
    for numbers in ((), [1.0], [1.0, 2.0, 3.0], np.ones((2, 1)), 1.0):
        for call in (made.run, made.totals, made.blame):
            with pytest.raises(ValueError, match="2 numbers are needed"):
                call({"x": np.ones(3)}, numbers=numbers)
    with pytest.raises(BindingError, match="no column for x"):
        made.totals({}, [1.0, 2.0])
    graph = lower(gradcli.parse("w*x"))
    with pytest.raises(BindingError, match="q"):
        kernel(graph, {}, [], varying=["q"])
    for values, varying in (({"w": 1.0}, ["w"]), ({}, ["w", "w"])):
        with pytest.raises(ValueError, match="twice"):
            kernel(graph, values, [], varying=varying)


def test_nothing_warns() -> None:
    made = _made("log(x)/w + exp(x*v)*b + sqrt(w*x)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.totals({"x": np.array([0.0, -1.0, math.inf, math.nan, 1e308])}, [0.0, math.inf, 1e308])

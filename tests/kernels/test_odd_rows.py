"""Rows with nan, infinities and zeros beside usual ones, some inputs fixed: each row is what the passes make of it.

Every row is computed in a block and alone, by either engine, and compared bit for bit; then with the passes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent))

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import programs

import gradcli
from gradcli.graph.derive import derive
from gradcli.graph.lower import lower
from gradcli.kernels import kernel
from gradcli.kernels.derived import derived
from gradcli.passes import evaluate_graph, forward

NAN, INF = math.nan, math.inf
ENGINES = ("numpy", "native")
ROWS = 20
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]
_ODD = (0.0, -0.0, NAN, INF, -INF, 1.0, -1.0, 1e300, 5e-324, -4.0)
_FUNCTIONS = (
    "exp", "log", "sqrt", "sin", "tanh", "sigmoid", "relu", "abs", "silu", "gelu", "softplus", "atan", "cbrt", "sign",
    "floor", "sinc", "log1p", "not",
)  # fmt: skip


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Programs that choose more often than others do, also by numbers that may be nan."""
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("{}({})".format, st.sampled_from(_FUNCTIONS), inner),
        st.builds("where({}, {}, {})".format, inner, inner, inner),
        st.builds("where({} {} {}, {}, {})".format, inner, st.sampled_from(["<", ">=", "!="]), inner, inner, inner),
        st.builds("{}({}, {})".format, st.sampled_from(["max", "min", "hypot"]), inner, inner),
        st.builds("({})^({})".format, inner, st.sampled_from(["2", "3", "-1", "0.5", "0", "-2", "1.7"])),
    )


_CHOOSING = st.recursive(st.sampled_from(["x", "y", "z", "k", "0", "1", "2", "-1"]), _grown, max_leaves=9)


class Rows(NamedTuple):
    """A program, what is the same in every row, and the columns of all inputs."""

    text: str
    fixed: dict[str, float]
    columns: dict[str, Any]


@st.composite
def rows(draw: Any) -> Rows:
    """Some inputs are fixed, at odd numbers, too; columns are numbers with odd ones sprinkled in."""
    text = draw(st.one_of(_CHOOSING, _CHOOSING, programs(gradients=True).map(lambda case: case.text)))
    names = list(lower(gradcli.parse(text)).inputs)
    kept = draw(st.sets(st.sampled_from(names))) if len(names) > 1 else set()
    number = st.one_of(st.sampled_from(_ODD), st.floats(-3.0, 3.0))
    fixed = {name: draw(number) for name in names if name in kept}
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    share = draw(st.sampled_from([0.1, 0.5]))
    columns = {"unused": np.zeros(ROWS)}
    for name in names:
        odd = random.choice(_ODD, ROWS)
        column = np.where(random.random(ROWS) < share, odd, random.normal(0.0, 2.0, ROWS))
        columns[name] = np.full(ROWS, fixed[name]) if name in fixed else column
    return Rows(text, fixed, columns)


def _same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


def _agree(x: float, y: float, scale: float) -> bool:
    """nan and infinities alike, but for what overflows by a digit; numbers as far as they are conditioned."""
    if not (math.isfinite(x) and math.isfinite(y)):
        return _same(x, y) or (abs(x) > 1e300 and abs(y) > 1e300)
    return math.isclose(x, y, rel_tol=1e-7, abs_tol=1e-300 + 1e-9 * scale)


def _is_judged(one: list[float], other: list[float]) -> bool:
    """Whether the last digits decide nothing: no number crosses 0, a bound or a step because of them."""
    for x, y in zip(one, other, strict=True):
        if math.isfinite(x) and math.isfinite(y) and (not math.isclose(x, y, rel_tol=1e-9) or (x == 0.0) != (y == 0.0)):
            return False
        if math.isinf(x) != math.isinf(y) and not (x != x or y != y):
            return False
    return True


def _nudged(point: Mapping[str, float]) -> dict[str, float]:
    return {name: x * (1.0 + 1e-13) for name, x in point.items()}


def check(case: Rows, engine: str) -> None:
    """Rows in the block, alone, and by the passes."""
    graph = lower(gradcli.parse(case.text))
    names = list(graph.inputs)
    made = kernel(graph, case.fixed, names, engine=engine)
    found = made.run(case.columns)
    whole = [found.value, *found.gradients.values()]
    gates = derived(graph, case.fixed, names).graph
    for row in range(ROWS):
        single = made.run({name: column[row : row + 1].copy() for name, column in case.columns.items()})
        alone = [float(column[0]) for column in (single.value, *single.gradients.values())]
        got = [float(column[row]) for column in whole]
        point = {name: float(column[row]) for name, column in case.columns.items()}
        assert all(map(_same, got, alone)), (case.text, case.fixed, point, got, alone)
        numbers = forward(gates, point)
        if not _is_judged(numbers, forward(gates, _nudged(point))):
            continue
        scale = max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)
        trace = evaluate_graph(graph, point)
        wanted = [float(trace.value), *(float(trace.gradients[name]) for name in names)]
        agreed = [_agree(x, y, scale) for x, y in zip(got, wanted, strict=True)]
        assert all(agreed), (case.text, case.fixed, point, got, wanted)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


_SETTINGS = settings(deadline=None, suppress_health_check=[*_SLOW, HealthCheck.function_scoped_fixture])


@settings(_SETTINGS, max_examples=300)
@given(case=rows())
def test_rows_by_numpy(case: Rows) -> None:
    check(case, "numpy")


@settings(_SETTINGS, max_examples=12)
@given(case=rows())
def test_rows_by_compiled_code(case: Rows) -> None:
    check(case, "native")


# A fixed input leaves the branch that is not chosen out; a function makes nan of numbers, or of nan a number; a
# condition is nan where nothing depends on it.
_FOUND: dict[str, dict[str, float]] = {
    "where(k > 0, log(x), x^2)": {"k": 0.0},
    "where(k > 0, x, x*z)": {"k": 1.0},
    "where(k, x^2, x^2*z)": {"k": 1.0},
    "exp(-gelu(x))": {},
    "1/(1 + gelu(x))": {},
    "exp(-hypot(x, z))": {},
    "where(z > 0, 1, sinc(x))": {},
    "relu(z*mod(x, 1))": {},
    "x*log(gelu(z))^2": {},
    "where(z < 0, x, where(c, x, 1))": {},
    "where(z < 0, 0.5, where(c, 1, x)*x)": {},
    "relu(where(c, x, 1))": {},
    "where(z < 0, x, where(log(c), x, z))": {},
    "0*where(c, x, z) + x": {},
    "where(z < 0, x, where(c, x, 1))*c": {"c": NAN},
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", _FOUND)
def test_rows_that_were_wrong_once(text: str, engine: str) -> None:
    """All pairs of odd numbers, the other inputs moderate."""
    fixed, names = _FOUND[text], list(lower(gradcli.parse(text)).inputs)
    random = np.random.default_rng(8)
    for first in range(0, len(_ODD) ** 2, ROWS):
        pairs = [divmod(k, len(_ODD)) for k in range(first, first + ROWS)]
        columns = {name: random.normal(size=ROWS) for name in names}
        varying = [name for name in names if name not in fixed]
        for place, name in enumerate(random.permutation(varying)[:2]):
            columns[name] = np.array([_ODD[pair[place]] for pair in pairs])
        columns |= {name: np.full(ROWS, number) for name, number in fixed.items()}
        check(Rows(text, fixed, columns), engine)


@pytest.mark.parametrize("text", ["where(z < 0, x, where(log(c), x, 1))", "relu(where(sqrt(c), x, 1) - 1/x)"])
def test_gates_of_derivatives_that_are_written_out(text: str) -> None:
    """At finite inputs they are the numbers of the passes, too, where a condition is nan."""
    graph = lower(gradcli.parse(text))
    found = derive(graph)
    for point in ({"z": -1.0, "c": -3.0, "x": 2.0}, {"z": 1.0, "c": -3.0, "x": 2.0}, {"z": 1.0, "c": 3.0, "x": 2.0}):
        some = {name: point[name] for name in graph.inputs}
        numbers, trace = forward(found.graph, some), evaluate_graph(graph, some)
        for name, gate in found.gradients.items():
            assert _same(numbers[gate], trace.gradients[name]), (point, name)


def test_a_condition_that_is_nan_spoils_nothing_else() -> None:
    """Numbers by hand, so that the passes are not the only witness."""
    for engine in ENGINES:
        nan, x = np.array([NAN]), np.array([2.0])
        made = kernel(lower(gradcli.parse("where(z < 0, x, where(c, x, 1))")), {}, ["x"], engine=engine)
        assert made.run({"z": np.array([-1.0]), "c": nan, "x": x}).gradients["x"].tolist() == [1.0]
        made = kernel(lower(gradcli.parse("relu(where(c, x, 1))")), {}, ["x"], engine=engine)
        assert made.run({"c": nan, "x": x}).gradients["x"].tolist() == [0.0]

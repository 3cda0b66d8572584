"""Both passes on graphs with arrays, against formulas, differences in multiprecision, and the passes on numbers."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

from gradcli.array_passes import structural_jacobian
from gradcli.errors import BindingError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import STRUCTURAL, Op
from gradcli.graph.ops.layout import canonical
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.numeric.decimals import Decimals
from gradcli.passes import FLOATS, evaluate_graph, forward
from gradcli.traces import BY_RULE, Trace, along

DECIMALS = Decimals(40)
EXACT = ops.on(DECIMALS.primitives)


def _exact(x: Any) -> Any:
    """A number or an array of multiprecision numbers."""
    numbers = [DECIMALS.context.mpf(float(one)) for one in np.ravel(x)]
    return arrays.shaped(numbers, np.shape(x), exact=True) if np.ndim(x) else numbers[0]


def _rounded(x: Any) -> Any:
    return np.array([float(one) for one in x.ravel()]).reshape(x.shape) if arrays.is_array(x) else float(x)


def _normal(shape: tuple[int, ...], seed: int) -> Any:
    found = np.random.default_rng(seed).normal(size=shape)
    return found if shape else float(found)


def _graph(text: str, values: dict[str, Any]) -> Graph:
    return lower(parse(text), {name: np.asarray(value) for name, value in values.items()})


def _trace(text: str, wrt: Any = None, seed: Any = None, **values: Any) -> Trace:
    known = {name: arrays.asarray(value) for name, value in values.items()}
    return evaluate_graph(_graph(text, values), known, wrt, seed=seed)


def _of_one_gate(row: Op, shapes: Any, given: Any) -> Graph:
    graph = Graph()
    operands = []
    for position, shape in enumerate(shapes):
        name = f"x{position}"
        settings = (("shape", shape),) if shape else None
        operands.append(graph.append(ops.INPUT, (), name, -1, -1, settings))
    code = ops.ROWS.index(row)
    graph.output = graph.append(code, tuple(operands), None, -1, -1, canonical(row.settings, given, shapes))
    return graph


# Every row that works on whole arrays

_TRIALS = [(row, shapes, given) for row in STRUCTURAL for shapes, given in row.trials]


@pytest.mark.parametrize(("row", "shapes", "given"), _TRIALS, ids=lambda part: getattr(part, "name", str(part)))
def test_rows_agree_with_differences(row: Op, shapes: Any, given: Any) -> None:
    """Backward and forward sweeps, and the local Jacobian, against differences in multiprecision."""
    graph = _of_one_gate(row, shapes, given)
    values = {f"x{k}": _normal(shape, k) for k, shape in enumerate(shapes)}
    moving = [name for name in values if row.name != "one_hot"]
    if row.name == "cross_entropy" and len(shapes[1]) < len(shapes[0]):
        values["x1"] = np.zeros(shapes[1]) + 0.0 if shapes[1] else 0.0
        moving = ["x0"]
    seed = _normal(graph.shapes.get(graph.output, ()), 9)
    trace = evaluate_graph(graph, values, seed=seed)
    exact = evaluate_graph(graph, {name: _exact(x) for name, x in values.items()}, m=EXACT, seed=_exact(seed))
    step = DECIMALS.context.mpf(10) ** -15
    for name, x in values.items():
        found, direction = trace.gradients[name], _normal(np.shape(x), 11)
        assert np.shape(found) == np.shape(x)
        assert np.allclose(found, _rounded(exact.gradients[name]), rtol=1e-12, atol=1e-13)
        if name not in moving:
            continue
        ends = []
        for sign in (1, -1):
            point = {other: _exact(y) for other, y in values.items()}
            point[name] = point[name] + sign * step * _exact(direction)
            ends.append(np.sum(forward(graph, point, EXACT)[graph.output] * _exact(seed)))
        slope = float((ends[0] - ends[1]) / (2 * step))
        assert np.sum(found * direction) == pytest.approx(slope, rel=1e-9, abs=1e-12)
        moved = along(trace, {name: direction}).value
        assert np.shape(moved) == np.shape(trace.value)
        assert np.sum(moved * seed) == pytest.approx(slope, rel=1e-9, abs=1e-12)
        jacobian = structural_jacobian(trace, graph.output, int(name[1:]))
        assert jacobian.shape == (*np.shape(seed), *np.shape(x))
        together = np.tensordot(seed, jacobian, axes=np.ndim(seed))
        assert np.allclose(together, found, rtol=1e-12, atol=1e-13)


# Programs against formulas


def test_a_network_of_one_layer() -> None:
    x, w, b = _normal((5, 4), 1), _normal((4, 3), 2), _normal((3,), 3)
    classes = np.array([0.0, 2.0, 1.0, 1.0, 0.0])
    trace = _trace("cross_entropy(X @ W + b, t)", wrt=["W", "b"], X=x, W=w, b=b, t=classes)
    e = np.exp(x @ w + b)
    p = e / e.sum(axis=1, keepdims=True)
    assert trace.value == pytest.approx(-np.mean(np.log(p[np.arange(5), classes.astype(int)])), rel=1e-14)
    slope = (p - np.eye(3)[classes.astype(int)]) / 5
    assert np.allclose(trace.gradients["W"], x.T @ slope, rtol=1e-13)
    assert np.allclose(trace.gradients["b"], slope.sum(axis=0), rtol=1e-13)
    assert [*trace.gradients] == ["W", "b"]


def test_what_is_broadcast_is_summed_back() -> None:
    values = {"A": _normal((2, 3), 1), "r": _normal((3,), 2), "c": _normal((2, 1), 3), "s": 0.5}
    trace = _trace("sum((A + r)*c*s)", **values)
    a, r, c, s = values.values()
    assert np.allclose(trace.gradients["A"], np.broadcast_to(c * s, (2, 3)))
    assert np.allclose(trace.gradients["r"], np.broadcast_to(c * s, (2, 3)).sum(axis=0))
    assert np.allclose(trace.gradients["c"], ((a + r) * s).sum(axis=1, keepdims=True))
    assert trace.gradients["s"] == pytest.approx(((a + r) * c).sum(), rel=1e-14)
    assert type(trace.gradients["s"]) is float


ELEMENTWISE = (
    "q = tanh(w*x + b); q^2 - exp(-q)*x",
    "max(x, b, w*x)*min(x, w)",
    "where(x > b, x^2, 1/x)*relu(w - x)",
    "floor(x)*w + x*mod(b, w) + clamp(x, b, w)",
    "leaky_relu(x*w) + abs(b - x)/(1 + x^2)",
    "gelu(x)*silu(w) + erf(b)*logaddexp(x, b) + atan2(x, w)",
    "f(a, b) = a*sin(b) with grad (sin(b), a*cos(b)); f(x, w)*f(b, x)",
    "x*x + x - x + (x + x)*x",
)


@pytest.mark.parametrize("text", ELEMENTWISE)
def test_arrays_are_many_numbers(text: str) -> None:
    """An elementwise program on arrays has the gradients that it has number by number."""
    x, w, b = _normal((4, 3), 1), _normal((3,), 2), 0.25
    x[0, 0], x[1, 1], w[2] = 0.25, w[1], 0.25  # ties and kinks
    values = {"x": x, "w": w, "b": b}
    *definitions, last = text.split("; ")
    trace = _trace("; ".join([*definitions, f"sum({last})"]), **values)
    sums = {name: np.zeros(np.shape(value)) for name, value in values.items()}
    total = 0.0
    for place in np.ndindex(4, 3):
        one = _trace(text, x=x[place], w=w[place[1]], b=b)
        total += one.value
        for name, slot in (("x", place), ("w", place[1:]), ("b", ())):
            sums[name][slot] += one.gradients.get(name, 0.0)
    assert trace.value == pytest.approx(total, rel=1e-13)
    for name, found in trace.gradients.items():
        assert np.allclose(found, sums[name], rtol=1e-12, atol=1e-14), name


def test_numbers_beside_arrays_stay_numbers() -> None:
    trace = _trace("k = sin(c)^2; sum(k*v)", c=0.5, v=[1.0, 2.0])
    for gate in trace.gates:
        assert np.shape(gate.value) == gate.shape
        assert gate.shape or type(gate.value) is float
        assert gate.global_gradient is None or np.shape(gate.global_gradient) == gate.shape
        for edge in gate.operands:
            if edge.contribution is not None:
                assert np.shape(edge.contribution) == trace.gates[edge.operand].shape
    assert trace.gradients["c"] == pytest.approx(3 * np.sin(1.0), rel=1e-14)


# The trace


def test_local_gradients_of_edges() -> None:
    trace = _trace("h = tanh(A @ x); sum(h)", A=[[1.0, 2.0]], x=[0.25, 0.5])
    product, step, total = trace.gates[2:]
    assert [edge.local_gradient for edge in product.operands] == [None, None]
    assert [edge.rule for edge in product.operands] == ["outer(g, x)", "A' @ g"]
    assert trace.partials[2] == (BY_RULE, BY_RULE)
    slope = 1 - np.tanh(1.25) ** 2
    assert np.allclose(product.operands[0].contribution, [[0.25 * slope, 0.5 * slope]])
    assert np.allclose(product.operands[1].contribution, [slope, 2 * slope])
    assert np.allclose(step.operands[0].local_gradient, [slope])
    assert trace.partials[0] is None
    assert trace.partials[-2] == trace.partials[3]
    assert len(trace.partials[1:]) == 4
    assert total.operands[0].contribution.tolist() == [1.0]
    with pytest.raises(IndexError):
        trace.partials[5]


def test_contributions_add_up_to_global_gradients() -> None:
    trace = _trace("h = A*x; sum(h @ x + h[0])*x[1]", A=[[1.0, 2.0], [3.0, 4.0]], x=[0.25, 0.5])
    for index, gate in enumerate(trace.gates[:-1]):
        parts = [edge.contribution for user in trace.gates for edge in user.operands if edge.operand == index]
        total = sum(part for part in parts if part is not None)
        assert gate.global_gradient is None or np.allclose(gate.global_gradient, total, rtol=1e-14)


def test_nobody_can_change_a_trace() -> None:
    own = np.array([1.0, 2.0])
    graph = _graph("sum(max(x)*3 + x[0])", {"x": own})
    trace = evaluate_graph(graph, {"x": own})
    seen = [
        *trace.values,
        *trace.adjoints,
        *(p for partials in map(trace.partials.__getitem__, range(len(graph))) for p in partials or ()),
    ]
    seen += [edge.contribution for gate in trace.gates for edge in gate.operands]
    assert sum(map(arrays.is_array, seen)) > 8
    assert not any(x.flags.writeable for x in seen if arrays.is_array(x))
    own[0] = 5.0  # ours is still ours


def test_gates_that_are_not_reached_have_gradient_0() -> None:
    trace = _trace("s = floor(exp(x)); sum(s*y)", x=[1.0, 2.0], y=[3.0, 4.0])
    assert trace.gradients["x"].tolist() == [0.0, 0.0]
    assert trace.gradients["y"].tolist() == [2.0, 7.0]
    for gate in trace.gates:
        assert np.shape(gate.global_gradient) == gate.shape
        assert all(np.shape(edge.contribution) == trace.gates[edge.operand].shape for edge in gate.operands)


def test_a_gradient_of_0_has_no_sign() -> None:
    trace = _trace("sum(-relu(x)) - sum(0*x)", x=[-1.0, 2.0, 0.0])
    assert trace.gradients["x"].tolist() == [0.0, -1.0, 0.0]
    assert not np.signbit(trace.gradients["x"][[0, 2]]).any()


def test_a_branch_that_is_not_used_spoils_nothing() -> None:
    trace = _trace("sum(where(x > 0, log(x), x^2)) + sum(0*sqrt(max(x, 0)))", x=[-3.0, 2.0])
    assert trace.gradients["x"][1] == pytest.approx(0.5)
    assert _trace("sum(where(x > 0, log(x), x^2))", x=[-3.0, 2.0]).gradients["x"].tolist() == [-6.0, 0.5]
    flow = _trace("sum(where(x > 1, A @ y, 0))", x=[0.0, 2.0], A=[[1.0, 2.0], [3.0, 4.0]], y=[1.0, float("inf")])
    assert flow.gradients["A"].tolist() == [[0.0, 0.0], [1.0, float("inf")]]


def test_nothing_warns_and_infinities_are_numbers() -> None:
    trace = _trace("sum(1/x)", x=[0.0, -0.0, 1.0])
    assert np.isnan(trace.value)
    assert trace.gradients["x"].tolist() == [-float("inf"), -float("inf"), -1.0]
    assert _trace("sum(exp(x))", x=[1000.0]).value == float("inf")


# What is not wanted costs nothing


def test_inputs_that_are_not_wanted_cost_no_backward_work(monkeypatch: pytest.MonkeyPatch) -> None:
    system, calls = arrays.over(FLOATS), list[int]()
    real = system.matmul_chained

    def counted(a: Any, b: Any, flow: int = 0) -> Any:
        calls.append(flow)
        return real(a, b, flow=flow)

    monkeypatch.setattr(system, "matmul_chained", counted)
    trace = _trace("sum(X @ W)", wrt=["W"], X=_normal((3, 2), 1), W=_normal((2, 2), 2))
    assert calls == [1]
    assert trace.adjoints[0] is None
    assert trace.partials[2] == (None, BY_RULE)
    assert [edge.contribution is None for edge in trace.gates[2].operands] == [True, False]


def test_local_gradients_are_not_kept() -> None:
    count, gates = 50_000, 20
    text = "x1 = tanh(x)\n" + "".join(f"x{k + 1} = tanh(x{k})\n" for k in range(1, gates)) + f"sum(x{gates})"
    x = np.linspace(0.0, 1.0, count)
    graph = _graph(text, {"x": x})
    evaluate_graph(graph, {"x": x})
    gc.collect()
    tracemalloc.start()
    trace = evaluate_graph(graph, {"x": x})
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < (2 * gates + 2) * x.nbytes, "a value and a global gradient for each gate, and nothing else"
    assert np.allclose(trace.partials[1][0], 1 - np.tanh(x) ** 2)


# Outputs that are arrays


def test_an_array_has_no_gradient_without_a_seed() -> None:
    with pytest.raises(BindingError) as caught:
        _trace("A @ x", A=[[1.0, 2.0]], x=[3.0, 4.0])
    assert caught.value.message == "only a number has a gradient, and the output is an array of shape 1"
    for word in ("sum(…)", "jacobian", "--seed-gradient"):
        assert word in (caught.value.hint or "")
    assert caught.value.span is not None


def test_values_of_an_array_need_no_seed() -> None:
    trace = _trace("A @ x", wrt=[], A=[[1.0, 2.0]], x=[3.0, 4.0])
    assert (trace.value.tolist(), trace.gradients) == ([11.0], {})
    assert _trace("[1, 2] + 1").value.tolist() == [2.0, 3.0]


def test_seeds_have_the_shape_of_the_output() -> None:
    values = {"A": [[1.0, 2.0], [5.0, 6.0]], "x": [3.0, 4.0]}
    trace = _trace("A @ x", seed=[10.0, 1.0], **values)
    assert trace.gradients["x"].tolist() == [15.0, 26.0]
    assert trace.gradients["A"].tolist() == [[30.0, 40.0], [3.0, 4.0]]
    assert trace.seed == [10.0, 1.0]
    with pytest.raises(BindingError, match="the seed is a number, and the output has the shape 2"):
        _trace("A @ x", seed=1.0, **values)
    with pytest.raises(BindingError, match="the seed is not an array"):
        _trace("A @ x", seed=[[1.0], 2.0], **values)


# Directions


def test_a_direction_of_elementwise_and_whole_gates() -> None:
    values = {"A": _normal((2, 3), 1), "x": _normal((3,), 2), "s": 0.5}
    trace = _trace("sum(s*tanh(A @ x + s))", **values)
    direction = {"A": _normal((2, 3), 4), "x": _normal((3,), 5), "s": 2.0}
    wanted = sum(np.sum(trace.gradients[name] * direction[name]) for name in values)
    assert along(trace, direction).value == pytest.approx(wanted, rel=1e-13)
    assert along(trace, {"x": 1.0}).value == pytest.approx(trace.gradients["x"].sum(), rel=1e-13)
    assert along(trace, {}).value == 0.0


def test_a_direction_through_a_function_of_many_and_one_of_its_own() -> None:
    trace = _trace("sum(max(x, y) + where(x > 0, x*y, y^2))", x=[1.0, -2.0], y=[0.5, 3.0])
    moved = along(trace, {"x": [1.0, 0.0], "y": [0.0, 1.0]}).value
    assert moved == pytest.approx((1.0 + 0.5) + (1.0 + 6.0))


# Graphs of numbers


def test_functions_of_whole_arrays_take_numbers_too() -> None:
    trace = _trace("sum(x)*mean(x) + norm(x)", x=-3.0)
    assert (trace.value, trace.gradients) == (12.0, {"x": -7.0})
    assert type(trace.gradients["x"]) is float

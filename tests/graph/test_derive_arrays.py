"""Gradients of array programs as graphs: against the backward pass, against differences in multiprecision, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gradcli.errors import BindingError
from gradcli.graph import ops
from gradcli.graph.derive import Derived, derive, tangents
from gradcli.graph.emitting import Emitter, PlainEmitter, TextbookEmitter
from gradcli.graph.graph import Graph, prune
from gradcli.graph.growth import cost
from gradcli.graph.higher import repeated
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import canonical
from gradcli.graph.printing import program
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.numeric.decimals import Decimals
from gradcli.passes import evaluate_graph, forward

KINDS = [Emitter, PlainEmitter, TextbookEmitter]
Point = Mapping[str, Any]

NEURON: tuple[str, dict[str, Any]] = (
    "sigmoid(w@x + b)", {"w": [0.5, -1.25, 2.0], "x": [1.5, 0.25, -0.75], "b": 0.125},
)  # fmt: skip
SMOOTH: dict[str, tuple[str, dict[str, Any]]] = {
    "neuron": NEURON,
    "linear regression": (
        "sum((X@w - y)^2)",
        {"X": [[1.0, 2.0], [3.0, -4.0], [0.5, 0.25]], "w": [0.5, -0.75], "y": [1.0, 0.0, 2.0]},
    ),
    "two layers": (
        "h = tanh(X@W + b)\nmse(h@v + c, y)",
        {
            "X": [[0.5, -1.0], [2.0, 0.25], [1.0, 1.5]], "W": [[0.3, -0.8, 0.1], [0.9, 0.4, -0.6]],
            "b": [0.1, -0.2, 0.3], "v": [1.0, -0.5, 0.75], "c": 0.25, "y": [1.0, 0.0, -1.0],
        },
    ),
    "softmax regression": (
        "cross_entropy(X@W + b, t)",
        {
            "X": [[0.5, -1.0], [2.0, 0.25]], "W": [[0.3, -0.8, 0.1], [0.9, 0.4, -0.6]], "b": [0.1, -0.2, 0.3],
            "t": [[0.2, 0.3, 0.5], [1.0, 0.25, 0.5]],
        },
    ),
    "classes": (
        "cross_entropy(X@W, [2, 0])", {"X": [[0.5, -1.0], [2.0, 0.25]], "W": [[0.3, -0.8, 0.1], [0.9, 0.4, -0.6]]},
    ),
    "indexing": ("x[0]*x[2] + sum(exp(x[1:3]))*A[0, 1]^2 + sum(A[:, 0])^3",
                 {"x": [0.5, -1.0, 1.25], "A": [[1.0, 2.0], [0.5, -0.25]]}),
    "concat and stack": ("z = concat(x, [y, x[0]*y])\nsum(z^3) + sum(stack(x, 2*x, axis=1)@[y, 1])^2",
                         {"x": [0.5, -1.0], "y": 1.5}),
    "bias broadcast": ("mean(exp(A*b + c)*d)", {"A": [[0.5, 0.25, -1.0], [1.0, -0.5, 0.75]], "b": [0.5, 1.0, -0.25],
                                                "c": [[0.125], [0.5]], "d": 2.0}),
    "product with a zero": ("prod(x)*y + prod(x[1:])^2", {"x": [0.0, 1.5, -2.0], "y": 0.5}),
    "norm": ("norm(x - y)^3 + std(x)", {"x": [1.0, 2.0, -0.5], "y": [0.5, 0.25, 0.125]}),
    "reductions": ("sum(var(A, axis=0)*mean(A, axis=0)) + logsumexp(A)",
                   {"A": [[0.5, 0.25], [1.0, -0.5], [2.0, 0.75]]}),
    "rearranged": ("sum(flip(cumsum(reshape(A', [6])))^2*[1, 2, 3, 4, 5, 6]) + sum(outer(A[0], A[1])^2)",
                   {"A": [[0.5, 0.25, -1.0], [1.0, -0.5, 0.75]]}),
    "loop": ("h = x\nfor t in 1..3 { h = tanh(W@h + x) }\nsum(h^2)",
             {"W": [[0.5, -0.25], [0.75, 1.0]], "x": [0.5, -1.0]}),
    "choice": ("sum(where(x > 0, log(2 + x), x^2)*softmax(x))", {"x": [0.5, -1.0, 2.0]}),
}  # fmt: skip
EDGES: dict[str, tuple[str, dict[str, Any]]] = {
    "norm at 0": ("norm(x) + sum(x*y)", {"x": [0.0, 0.0], "y": [1.0, 2.0]}),
    "ties": ("max(x, axis=0)*2 + min(x*y, axis=0)", {"x": [2.0, 1.0, 2.0], "y": [0.0, 0.0, 3.0]}),
    "equal elements": ("std(x)*y", {"x": [2.0, 2.0], "y": 3.0}),
    "several zeros": ("prod(x)*3", {"x": [0.0, 0.0, 2.0]}),
    "one zero": ("prod(x)*3", {"x": [0.0, 1.0, 2.0]}),
    "relu": ("sum(relu(A@x)*[1, 2])", {"A": [[1.0, -1.0], [0.5, 2.0]], "x": [1.0, 1.0]}),
    "no way to an input": ("sum(x) + 0*sum(floor(y))", {"x": [1.0, 2.0], "y": [[0.5, 1.5]]}),
    "a branch of infinite slope": ("sum(where(x > 0, sqrt(x), 0)*y)", {"x": [0.0, 4.0], "y": [1.0, 1.0]}),
    "an element of infinite slope": ("log(x)[0]*y", {"x": [2.0, 0.0], "y": 3.0}),
    "an element that overflows": ("exp(x)[0]*y", {"x": [2.0, 1000.0], "y": 3.0}),
    "products that nothing flows to": ("sum(relu(A)*(X@(1/V))) + sum(relu(a)@(1/V)) + sum((1/V)@relu(a))",
                                       {"A": [[-1.0, -2.0], [-3.0, 1.0]], "X": [[1.0, 2.0], [3.0, 4.0]],
                                        "V": [[0.0, 1.0], [0.0, 2.0]], "a": [-1.0, -2.0]}),
}  # fmt: skip
ALL = SMOOTH | EDGES


def _point(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arrays.asarray(x) if isinstance(x, list) else x for name, x in given.items()}


def _made(given: tuple[str, dict[str, Any]]) -> tuple[Graph, dict[str, Any]]:
    text, values = given
    point = _point(values)
    return lower(parse(text), point), point


def _shapes(point: Point) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(x) for name, x in point.items() if np.shape(x)}


def _numbers(derived: Derived, point: Point) -> dict[str, Any]:
    derived.graph.verify()
    values = forward(derived.graph, point)
    return {name: values[gate] for name, gate in derived.gradients.items()}


def _literal(x: Any) -> str:
    return f"[{', '.join(map(_literal, x))}]" if np.shape(x) else repr(float(x))


def _unit(shape: tuple[int, ...], place: tuple[int, ...]) -> Any:
    found = np.zeros(shape)
    found[place] = 1.0
    return found


def _close(found: Any, wanted: Any, rel: float = 1e-12) -> None:
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=rel, atol=rel)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALL)
def test_the_graph_computes_what_the_backward_pass_computes(name: str, kind: type[Emitter]) -> None:
    graph, point = _made(ALL[name])
    if kind is TextbookEmitter and (name in EDGES or "zero" in name):
        return _defined_where_textbooks_are(graph, point)
    found, wanted = _numbers(derive(graph, kind=kind), point), evaluate_graph(graph, point).gradients
    assert found.keys() == wanted.keys() == point.keys()
    for by in point:
        _close(found[by], wanted[by])
    return None


def _defined_where_textbooks_are(graph: Graph, point: Point) -> None:
    """The rules of textbooks may give nan at odd points; what they give has the input's shape."""
    for by, x in _numbers(derive(graph, kind=TextbookEmitter), point).items():
        assert np.shape(x) == np.shape(point[by])


@pytest.mark.parametrize("name", ALL)
def test_adjoints_have_the_shapes_of_their_gates(name: str) -> None:
    graph, _ = _made(ALL[name])
    derived = derive(graph)
    for index, adjoint in derived.adjoints.items():
        assert derived.graph.shapes.get(adjoint) == graph.shapes.get(index)
    for by, gate in derived.gradients.items():
        assert derived.graph.shapes.get(gate) == graph.shapes.get(graph.inputs[by])


class _Exactly:
    """A program's value in multiprecision, along lines through a point."""

    def __init__(self, graph: Graph, point: Point) -> None:
        self.graph, self.m = graph, ops.on(Decimals(60).primitives)
        self.point = {name: self._number(x) for name, x in point.items()}

    def _number(self, x: Any) -> Any:
        numbers = [self.m.number(repr(one)) for one in np.ravel(x).tolist()]
        return arrays.shaped(numbers, np.shape(x), exact=True) if np.shape(x) else numbers[0]

    def at(self, direction: Mapping[str, Any], step: str) -> Any:
        moved = {name: self._number(u) * self.m.number(step) for name, u in direction.items()}
        point = {name: x + moved[name] if name in moved else x for name, x in self.point.items()}
        return forward(self.graph, point, self.m)[self.graph.output]

    def slope(self, direction: Mapping[str, Any]) -> float:
        return float((self.at(direction, "1e-15") - self.at(direction, "-1e-15")) / self.m.number("2e-15"))

    def curvature(self, direction: Mapping[str, Any]) -> float:
        around = self.at(direction, "1e-15") + self.at(direction, "-1e-15") - 2 * self.at(direction, "0")
        return float(around / self.m.number("1e-30"))


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_differences_in_multiprecision(name: str) -> None:
    graph, point = _made(SMOOTH[name])
    found, exactly = _numbers(derive(graph), point), _Exactly(graph, point)
    for by, x in point.items():
        slopes = [exactly.slope({by: _unit(np.shape(x), place) if place else 1.0}) for place in np.ndindex(np.shape(x))]
        _close(found[by], np.reshape(slopes, np.shape(x)) if np.shape(x) else slopes[0], 1e-11)


def _moved(graph: Graph, direction: Mapping[str, Any]) -> tuple[Graph, list[int], Derived]:
    """The tangents of all gradients."""
    derived = derive(graph)
    seeds = {name: _literal(u) for name, u in direction.items()}
    grown, found = tangents(derived.graph, seeds, list(derived.gradients.values()))
    grown.verify()
    return grown, found, derived


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives_are_differences_in_multiprecision(name: str) -> None:
    graph, point = _made(SMOOTH[name])
    random = np.random.default_rng(1)
    direction = {by: random.normal(size=np.shape(x)) if np.shape(x) else 0.75 for by, x in point.items()}
    grown, found, derived = _moved(graph, direction)
    values = forward(grown, point)
    along = sum(np.sum(values[gate] * direction[by]) for by, gate in zip(derived.gradients, found, strict=True))
    _close(along, _Exactly(graph, point).curvature(direction), 1e-10)


@pytest.mark.parametrize("name", SMOOTH)
def test_columns_of_the_hessian_are_symmetric(name: str) -> None:
    """The tangents of the gradient by unit vectors, and the gradient of each element of the gradient."""
    graph, point = _made(SMOOTH[name])
    by = min(point, key=lambda one: np.size(point[one]))
    shape, columns = np.shape(point[by]), []
    for place in np.ndindex(shape):
        grown, found, derived = _moved(graph, {by: _unit(shape, place) if place else 1.0})
        gate = found[list(derived.gradients).index(by)]
        columns.append(np.ravel(forward(grown, point)[gate]))
        again = derive(derived.graph, [by], derived.gradients[by], seed=_literal(_unit(shape, place) if place else 1.0))
        _close(np.ravel(_numbers(again, point)[by]), columns[-1], 1e-11)
    _close(np.array(columns), np.array(columns).T, 1e-11)


@pytest.mark.parametrize("name", ALL)
def test_what_is_printed_gives_the_same_numbers(name: str) -> None:
    graph, point = _made(ALL[name])
    derived = derive(graph)
    numbers = _numbers(derived, point)
    for by, gate in derived.gradients.items():
        again = lower(parse(program(prune(derived.graph, gate), repeat_constants=True)), point, shapes=_shapes(point))
        _close(forward(again, {x: point[x] for x in again.inputs})[again.output], numbers[by])


@pytest.mark.parametrize(
    ("text", "by", "shapes", "printed"),
    [
        ("sum((X@w - y)^2)", "w", {"X": (5, 3), "w": (3,), "y": (5,)}, "X' @ (2 * (X @ w - y))"),
        ("sum((X@w - y)^2)", "y", {"X": (5, 3), "w": (3,), "y": (5,)}, "-(2 * (X @ w - y))"),
        ("sum(a*x + b)", "b", {"x": (4,)}, "4"),
        ("sum(x*y)", "x", {"x": (2, 3), "y": (2, 3)}, "y"),
        ("sum(A'*B)", "A", {"A": (2, 3), "B": (3, 2)}, "B'"),
        ("sum(exp(x)[0:2])", "x", {"x": (2,)}, "exp(x)"),
        ("sum(A@x)", "y", {"A": (2, 3), "x": (3,)}, None),
    ],
)
def test_gradients_are_readable(text: str, by: str, shapes: Mapping[str, tuple[int, ...]], printed: str | None) -> None:
    derived = derive(lower(parse(text), shapes=shapes), [by])
    assert [program(prune(derived.graph, gate)) for gate in derived.gradients.values()] == [printed] * (
        printed is not None
    )


def test_an_array_has_no_gradient_without_a_seed() -> None:
    graph = lower(parse("A@x"), shapes={"A": (2, 3), "x": (3,)})
    with pytest.raises(BindingError, match="only a number has a gradient") as caught:
        derive(graph)
    assert "sum(…)" in (caught.value.hint or "")


def test_a_seed_may_be_a_literal_or_a_gate() -> None:
    point = _point({"A": [[1.0, 2.0], [3.0, 4.0]], "x": [5.0, 6.0], "g": [7.0, 8.0]})
    graph = lower(parse("y = A@x\nsum(y*g)"), point)
    y = next(index for index, name in graph.stages.items() if name == "y")
    by_gate = derive(graph, ["x"], y, seed=graph.inputs["g"])
    _close(_numbers(by_gate, point)["x"], [31.0, 46.0])
    _close(_numbers(derive(graph, ["x"], y, seed="[7, 8]"), point)["x"], [31.0, 46.0])
    _close(_numbers(derive(graph, ["x"], y, seed="2"), point)["x"], [8.0, 12.0])


def test_a_seed_scales_the_gradient_of_a_number() -> None:
    graph, point = _made(NEURON)
    once, twice = _numbers(derive(graph), point), _numbers(derive(graph, seed="2"), point)
    for by in point:
        _close(twice[by], 2 * np.asarray(once[by]))


def test_a_number_as_direction_is_one_for_every_element() -> None:
    graph, point = _made(NEURON)
    found = [forward(grown, point)[gate] for seed in ("1", "[1, 1, 1]")
             for grown, (gate,) in [tangents(graph, {"w": seed}, [graph.output])]]  # fmt: skip
    assert found[0] == found[1] != 0.0


def test_what_an_output_does_not_depend_on_does_not_move() -> None:
    graph = lower(parse("y = 2*x\nsum(y) + sum(z)"), shapes={"x": (3,), "z": (2,)})
    y = next(index for index, name in graph.stages.items() if name == "y")
    grown, (gate,) = tangents(graph, {"z": "1"}, [y])
    assert grown.shapes[gate] == (3,)
    _close(forward(grown, _point({"x": [1.0, 2.0, 3.0], "z": [1.0, 1.0]}))[gate], np.zeros(3))


def test_a_repeated_derivative_by_a_number() -> None:
    point = _point({"w": [1.0, 2.0], "x": 3.0})
    graph = repeated(lower(parse("sum(exp(w*x))"), point), "x", 3)
    _close(forward(graph, point)[graph.output], np.exp(3.0) + 8 * np.exp(6.0))


def test_zeros_of_branches_stay_zeros_in_second_derivatives() -> None:
    """Elements that are not taken pass nothing on, whatever their slopes are."""
    for text in ("log(x)[0]^2", "sum(where(x > 1, log(x), 0))^2", "sum(stack(log(x)[0], 1)*[2, 3])^2"):
        point = _point({"x": [2.0, 0.0]})
        graph = lower(parse(text), point)
        grown, (found,), _ = _moved(graph, {"x": [1.0, 1.0]})
        moved = forward(grown, point)[found]
        assert np.isfinite(moved[0])
        assert moved[1] == 0.0, text


def test_a_power_with_an_exponent_that_varies_may_be_infinite() -> None:
    """0 times its infinite local gradient is 0, as in the backward pass."""
    point = {"y": 0.0, "z": 1.0, "x": 0.0, "a": -1.0}
    graph = lower(parse("y*(z*x^a)"))
    assert _numbers(derive(graph), point) == evaluate_graph(graph, point).gradients
    assert _numbers(derive(graph), point)["z"] == 0.0


def _emitter(*shapes: tuple[int, ...]) -> Emitter:
    graph = Graph()
    for k, shape in enumerate(shapes):
        graph.append(ops.INPUT, (), f"x{k}", 0, 0, (("shape", shape),) if shape else None)
    return Emitter(graph)


def test_simpler_gates_have_the_shape_of_what_they_replace() -> None:
    e = _emitter((3,), (2, 1))
    m, x, column = e.system, e.number(0), e.number(1)
    three = m.broadcast_to(3.0, shape=(3,))
    simpler = {
        m.pow(x, 0.0): (3,),
        m.where(1.0, 2.0, x): (3,),
        m.where(0.0, column, x): (2, 3),
        m.where(1.0, column, x): (2, 3),
        m.chain(0.0, x): (3,),
        m.and_(x, 0.0): (3,),
        x * 1.0: (3,),
        three * column: (2, 3),
        three + 1.0: (3,),
        m.sum(three): (),
        m.sum_to(three * column, shape=(2, 1)): (2, 1),
        m.index(three, slots=((1, 3),)): (2,),
        m.reshape(three, shape=(3, 1)): (3, 1),
        m.transpose(m.transpose(column, order=(1, 0)), order=(1, 0)): (2, 1),
    }
    assert {found: m.shape_of(found) for found in simpler} == simpler
    assert e.is_number(m.sum(three).index, 9.0)
    assert m.transpose(m.transpose(column)).index == column.index
    for same in (m.reshape(x, shape=(3,)), m.broadcast_to(x, shape=(3,)), m.sum_to(x, shape=(3,)), m.transpose(x)):
        assert same.index == x.index
    e.graph.output = len(e.graph) - 1
    e.graph.verify()


def test_gates_are_shared_if_their_settings_are_equal() -> None:
    m = (e := _emitter((2, 2))).system
    x = e.number(0)
    assert m.sum(x, axis=0).index == m.sum(x, axis=[-2]).index
    assert m.sum(x, axis=0).index != m.sum(x, axis=1).index
    assert m.index(x, slots=(0, 1)).index != m.index(x, slots=(1, 0)).index
    again = Emitter(e.graph)
    assert again.system.sum(again.number(0), axis=0).index == m.sum(x, axis=0).index


@pytest.mark.parametrize("row", ops.STRUCTURAL, ids=lambda row: row.name)
def test_the_cost_of_a_row_bounds_its_derivatives(row: ops.Op) -> None:
    for shapes, given in row.trials:
        e = _emitter(*shapes)
        graph = e.graph
        settings = canonical(row.settings, given, shapes)
        graph.output = graph.append(ops.CODES[row.name], tuple(range(len(shapes))), None, 0, 0, settings)
        assert len(derive(graph, seed="1").graph) - len(graph) <= cost(row).total + 2 + len(shapes)

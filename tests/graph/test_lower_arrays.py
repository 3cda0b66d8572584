"""Arrays become gates: literals, indices, calls with settings, shapes, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
from lowered import Shaped, graph_of, place, refused

import gradcli
from gradcli import ProgramError
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower


def listing(graph: Graph) -> str:
    """The gates but for inputs: constants by literal, others as op(operands) with their settings and shape."""
    shown = []
    for gate in graph:
        if gate.op.name == "input":
            continue
        settings = "".join(f" {name}={value}" for name, value in graph.settings.get(gate.position, ()))
        text = (
            gate.literal or f"{gate.op.name}({','.join(graph.label(operand) for operand in gate.operands)}{settings})"
        )
        shown.append(text + (f":{'x'.join(map(str, gate.shape))}" if gate.shape else ""))
    return " ".join(shown)


# Literals


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[1, 2]", "[1, 2]:2"),
        ("[[1,-2e-3],[.5,  1_000]]", "[[1, -2e-3], [.5, 1_000]]:2x2"),  # numbers as written, in one constant
        ("[[[-(3)]]]", "[[[-3]]]:1x1x1"),
        ("[1, --2]", "1 -2 neg(-2) stack(1,g2 axis=0):2"),  # an operation makes a gate of its own
        ("-[1, 2]", "[1, 2]:2 neg([1, 2]):2"),
        ("[pi, 1]", "pi 1 stack(pi,1 axis=0):2"),
        ("[a, b + 1]", "1 add(b,1) stack(a,g3 axis=0):2"),
        ("[x, 2x]", "2 mul(2,x):3 stack(x,g2 axis=0):2x3"),
        ("[[1, 2], [a, 3]]", "[1, 2]:2 3 stack(a,3 axis=0):2 stack([1, 2],g3 axis=0):2x2"),
        ("2*[1, 2]", "2 [1, 2]:2 mul(2,[1, 2]):2"),
        ("f(v) = [v, 1]\nf(2)", "2 1 stack(2,1 axis=0):2"),
    ],
)
def test_array_literals(text: str, wanted: str) -> None:
    assert listing(graph_of(text)) == wanted


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("[[1, 2], [3]]", "[3]", "this element is an array of shape 1, the first one is an array of shape 2"),
        ("[1, [2]]", "[2]", "this element is an array of shape 1, the first one is a number"),
        ("[[a, 2], [3, 4, 5], [6]]", "[3, 4, 5]",
         "this element is an array of shape 3, the first one is an array of shape 2"),
        ("[x, W]", "W", "this element is an array of shape 3×4, the first one is an array of shape 3"),
        ("[x, (a)]", "a", "this element is a number, the first one is an array of shape 3"),
    ],
)  # fmt: skip
def test_elements_have_one_shape(text: str, where: str, message: str) -> None:
    error = refused(text)
    assert (place(error), error.message) == (where, message)


@pytest.mark.parametrize("inner", ["1", "a"])
def test_axes_are_limited(inner: str) -> None:
    """Texts of brackets alone cost no memory in the square of their length."""
    graph = graph_of("[" * 32 + inner + "]" * 32)
    assert graph.shapes[graph.output] == (1,) * 32
    start = time.perf_counter()
    error = refused("[" * 20_000 + inner + "]" * 20_000)
    assert error.message == "an array has at most 32 axes"
    assert time.perf_counter() - start < 5.0


def test_a_long_literal_is_one_gate() -> None:
    graph = graph_of("sum([" + ", ".join(["[1, 2]"] * 20_000) + "])")
    assert len(graph) == 2
    assert graph.shapes[0] == (20_000, 2)


def test_outputs_are_several_where_they_are_numbers() -> None:
    assert graph_of("[a, b]", several=True).outputs == (0, 1)
    assert listing(graph_of("[1, 2]", several=True)) == "1 2"
    for text in ("[x, x]", "[[a, 1], [2, b]]", "[[1, 2], [3, 4]]"):
        graph = graph_of(text, several=True)
        assert graph.outputs == ()
        assert len(graph.shapes[graph.output]) == 2
    assert listing(graph_of("[a, b]")) == "stack(a,b axis=0):2"


# Indices


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x[0]", "index(x slots=(0,))"),
        ("x[-1]", "index(x slots=(2,))"),
        ("W[1]", "index(W slots=(1, (0, 4))):4"),  # axes that are not named are taken whole
        ("W[:, 0]", "index(W slots=((0, 3), 0)):3"),
        ("W[1:, :2]", "index(W slots=((1, 3), (0, 2))):2x2"),
        ("W[-2:-1]", "index(W slots=((1, 2), (0, 4))):1x4"),
        ("W[0][1]", "index(W slots=(0, (0, 4))):4 index(g1 slots=(1,))"),
        ("C[1, :, 2]", "index(C slots=(1, (0, 3), 2)):3"),
        ("x[1:99]", "index(x slots=((1, 3),)):2"),  # ranges end where the array ends
        ("x[2:1]", "index(x slots=((2, 2),)):0"),
        ("W[:]", ""),  # all of it is the array itself
        ("W[0:3, :]", ""),
        ("x[0:99]", ""),
        ("x[n]", "index(x slots=(2,))"),
        ("x[T - 1]", "index(x slots=(2,))"),
        ("x[-n]", "index(x slots=(1,))"),
        ("x[(4 + n)/3 - 2*1]", "index(x slots=(0,))"),
        ("x[len(x) - 1]", "index(x slots=(2,))"),
        ("x[len(x[len(x[1:]):])]", "index(x slots=(1,))"),
        ("k = 2\nx[k]", "index(x slots=(2,))"),
        ("k = T - 1\nj = k - 1\nx[j:k]", "index(x slots=((1, 2),)):1"),
        ("f(v, i) = v[i]\nf(x, 1) + f(x, n)", "index(x slots=(1,)) index(x slots=(2,)) add(g1,g2)"),
        ("f(v, i) = v[i]\ng(v, i) = f(v, i - 1)\ng(x, T)", "index(x slots=(2,))"),
        ("[5, 6][n - 1]", "[5, 6]:2 index([5, 6] slots=(1,))"),
        ("(2x)[0]", "2 mul(2,x):3 index(g2 slots=(0,))"),
    ],
)
def test_indices(text: str, wanted: str) -> None:
    """Slots are known when the graph is built and make no gates."""
    assert listing(graph_of(text)) == wanted


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("x[3]", "3", "index 3 is out of range: the shape is 3", "indices go from 0 to 2, or from -3 to -1"),
        ("W[0, -5]", "-5", "index -5 is out of range: the shape is 3×4", "indices go from 0 to 3, or from -4 to -1"),
        ("x[1:1][0]", "0", "index 0 is out of range: the shape is 0", "it has no elements"),
        ("x[0, 1]", "1", "x has 1 axis: its shape is 3", None),
        ("a[0]", "a[0]", "a is a number and has no elements",
         "a is a number here; give it an array as its value, or its shape by --shapes"),
        ("sum(x)[0]", "sum(x)[0]", "sum(x) is a number and has no elements", None),
        ("x[1.5]", "1.5", "1.5 is not a whole number", None),
        ("x[T/2]", "T/2", "T/2 is not a whole number", None),
        ("x[1/0]", "1/0", "1/0 is not a whole number", None),
        ("x[pi]", "pi", "pi is not a whole number", None),
        ("x[q]", "q", "q has to be known when the graph is built", "give it as --q 50"),
        ("x[n^2]", "n^2", "n^2 is not a whole number", None),
        ("x[sin(n)]", "sin(n)", "sin(n) has to be known when the graph is built", None),
        ("k = sum(x)\nx[k]", "k", "k has to be known when the graph is built", None),
        ("f(v, i) = v[i]\nf(x, sum(x))", "i", "i has to be known when the graph is built", None),
        ("k = 0.5\nx[k]", "k", "k is not a whole number", None),
        ("x[[0, 1]]", "[0, 1]", "an index is a whole number or a range such as 0:3", None),
        ("W[w]", "w", "w has to be a whole number, not an array of shape 4", "the graph is built by it"),
        ("x[len(a)]", "len(a)", "a is a number and has no length",
         "a is a number here; give it an array as its value, or its shape by --shapes"),
        ("len(x, W)", "len(x, W)", "len can't be called with 2 arguments", "write len(x)"),
    ],
)  # fmt: skip
def test_indices_that_mean_nothing(text: str, where: str, message: str, hint: str | None) -> None:
    error = refused(text)
    assert (place(error), error.message) == (where, message)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize("value", [2.5, "two", Shaped((1,)), float("inf"), float("nan"), 1e300])
def test_what_the_graph_is_built_by_is_a_whole_number(value: Any) -> None:
    error = refused("x[n] + n", given={"x": Shaped((3,)), "n": value})
    assert error.message.startswith("n has to be a whole number, not ")
    assert error.span == (2, 3)


def test_names_that_the_graph_is_built_by_are_constants_everywhere() -> None:
    graph = graph_of("n^2*x[n] + m", given={"x": Shaped((3,)), "n": 2.0, "m": 1.0})
    assert listing(graph) == "2 2 pow(2,2) index(x slots=(2,)) mul(g4,g5) add(g6,m)"
    assert list(graph.inputs) == ["x", "m"]
    assert (graph.consumed, [*graph.free]) == (("n",), ["n", "x", "m"])  # they may be given


def test_names_alone_are_numbers_without_a_value() -> None:
    assert graph_of("x + y", given=dict.fromkeys(("x", "y"))).shapes == {}
    assert lower(gradcli.parse("x + y"), ["x", "y"]).shapes == {}
    with pytest.raises(ProgramError, match="n has to be known when the graph is built"):
        lower(gradcli.parse("[x, y][n]"), ["x", "y", "n"])


def test_shapes_stand_for_values_that_are_missing() -> None:
    graph = graph_of("sum(A @ x) + e[0]", given={"x": Shaped((3,))}, shapes={"A": [2, 3], "e": (1,), "x": (9,)})
    assert [graph.shapes[index] for index in graph.inputs.values()] == [(2, 3), (3,), (1,)]
    assert graph.settings[graph.inputs["A"]] == (("shape", (2, 3)),)


# Operators and calls


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("W'", "transpose(W order=(1, 0)):4x3"),
        ("x'", ""),  # a vector is as it is, whichever way it is turned
        ("a'", ""),
        ("W @ w", "matmul(W,w):3"),
        ("W'@x", "transpose(W order=(1, 0)):4x3 matmul(g2,x):4"),
        ("W + w", "add(W,w):3x4"),
        ("sum(x)", "sum(x axis=(0,) keepdims=False)"),
        ("sum(W, 0)", "sum(W axis=(0,) keepdims=False):4"),
        ("sum(W, axis=-1)", "sum(W axis=(1,) keepdims=False):3"),
        ("sum(W, axis=[1, 0], keepdims=1)", "sum(W axis=(0, 1) keepdims=True):1x1"),
        ("sum(W, keepdims=1, axis=n - 1)", "sum(W axis=(1,) keepdims=True):3x1"),
        ("sum(axis=0, x=2W)", "2 mul(2,W):3x4 sum(g2 axis=(0,) keepdims=False):4"),
        ("reshape(W, [2, 3*n])", "reshape(W shape=(2, 6)):2x6"),
        ("reshape(W, 12)", "reshape(W shape=(12,)):12"),
        ("reshape(x, [len(x), 1])", "reshape(x shape=(3, 1)):3x1"),
        ("stack(x, x, axis=1)", "stack(x,x axis=1):3x2"),
        ("concat(x, w)", "concat(x,w axis=0):7"),
        ("max(x, 0)", "0 max(x,0):3"),  # the larger number, element by element
        ("max(W, axis=0)", "amax(W axis=(0,) keepdims=False):4"),  # the largest element
        ("min(x, axis=0)", "amin(x axis=(0,) keepdims=False)"),
        ("max(len(x), 2)", "3 2 max(3,2)"),
        ("len(W)*2", "3 2 mul(3,2)"),
        ("dot(b=x, a=2x)", "2 mul(2,x):3 dot(g2,x)"),
        ("f(v) = sum(v^2)\nf(x) + f(W)",
         "2 pow(x,2):3 sum(g3 axis=(0,) keepdims=False) 2 pow(W,2):3x4 sum(g6 axis=(0, 1) keepdims=False) add(g4,g7)"),
    ],
)  # fmt: skip
def test_operators_and_calls(text: str, wanted: str) -> None:
    assert listing(graph_of(text)) == wanted


@pytest.mark.parametrize(
    ("text", "where", "start", "hint"),
    [
        ("1 + W @ x", "W @ x", "W @ x: the shapes 3×4 and 3 do not fit together", None),
        ("W + x", "W + x", "W + x: the shapes 3×4 and 3 do not fit together", None),
        ("sin(max(W, x))", "max(W, x)", "max(W, x): the shapes 3×4 and 3 do not fit together", None),
        ("a @ x", "a @ x", "a @ x: ", "a is a number here; give it an array as its value, or its shape by --shapes"),
        ("sum(W, axis=2)", "sum(W, axis=2)", "sum(W, axis=2): there is no axis 2", None),
        ("sum(W, foo=2)", "sum(W, foo=2)", "foo is not one of its arguments in sum", "they are x, axis, keepdims"),
        ("sum(W, 0, axis=1)", "sum(W, 0, axis=1)", "axis is given twice in sum", None),
        ("stack(x, y=x)", "stack(x, y=x)", "y is not one of its arguments in stack", None),
        ("stack(axis=0)", "stack(axis=0)", "stack needs ", None),
        ("transpose(W, 0)", "transpose(W, 0)", "transpose(W, 0): order has to name every axis once", None),
        ("sum(axis=0)", "sum(axis=0)", "sum needs x", None),
        ("sum(x, 0, 1, 2)", "sum(x, 0, 1, 2)", "sum can't be called with 4 arguments", None),
        ("sum(W, axis=a)", "a", "a has to be known when the graph is built", "give it as --a 50"),
        ("f(v) = v + w\nf(x)", "w", "w is not a parameter of f", None),
        ("f(v, u) = v + u\nf(x, w)", "v + u", "v + u: the shapes 3 and 4 do not fit together", None),
        ("f(v, u) = v*u with grad (u, v)\nf(x, w)", "f(x, w)", "f(x, w): the shapes 3 and 4", None),
        ("xx = x*2\nyy = w*2\n" + "(xx - xx + xx - xx)*1 + (yy - yy + yy - yy)*1",
         "(xx - xx + xx - xx)*1 + (yy - yy + yy - yy)*1", "+: the shapes 3 and 4 do not fit together", None),
    ],
)  # fmt: skip
def test_shapes_and_arguments_that_do_not_fit(text: str, where: str, start: str, hint: str | None) -> None:
    error = refused(text)
    assert place(error) == where
    assert error.message.startswith(start)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("f(v, u) = v@u\ny = f(x, x)\nf(x, w)", "in the call f(x, w) on line 3"),
        ("f(v, u) = v@u; y = f(x, x); f(x, w)", "in the call f(x, w)"),
        ("f(v) = v[5]\ng(v) = f(2v)\nk(v) = g(3v)\nk(x)",
         "indices go from 0 to 2, or from -3 to -1; in the call f(2v) on line 2; in the call g(3v) on line 3"),
        ("f(v) = v[0]\nf(a)", "a is a number here; give it an array as its value, or its shape by --shapes; "
         "in the call f(a) on line 2"),
        ("f(v) = len(v)\nf(3)", "in the call f(3) on line 2"),
        ("f(v, u) = [v, u]\nf(w, x)",
         "the elements of an array are all numbers, or all arrays of one shape; in the call f(w, x) on line 2"),
        ("f(v, u) = v@u\nf(\n x, w)", "in the call f on line 2"),
        ("f(v, u) = v@u\nf(x + x + x + x + x + x + x + x + x + x + x, w)", "in the call f on line 2"),
        ("layer(X, W, b) = tanh(X @ W + b)\nhidden = layer(W, C[0, 0], 1)\nlayer(hidden, w, 2)",
         "in the call layer(hidden, w, 2) on line 3"),
        ("f(v) = v\nf(x) @ w + f(x)", None),
        ("f(v) = v\nk(v, u) = f(v) @ f(u)\nk(x, w)", "in the call k(x, w) on line 3"),
        ("f(v) = v@v\ng(v) = sum(v[:len(f(v + 0*[1, 2]))])\ng(x)", "in the call g(x) on line 3"),
    ],
)  # fmt: skip
def test_misfits_in_a_function_name_its_calls(text: str, hint: str | None) -> None:
    """Two at most, the innermost one first; a call that has ended is not one of them."""
    found = refused(text).hint
    if hint is None:
        assert "in the call" not in (found or "")
    else:
        assert (found or "").endswith(hint)
        assert (found or "").count("in the call") == hint.count("in the call")


@pytest.mark.parametrize("body", ["sum(v)", "v @ v", "[v, v]", "[1, 2]", "reshape(v, 1)"])
@pytest.mark.parametrize("where", ["body", "gradient"])
def test_functions_with_their_own_derivative_work_element_by_element(body: str, where: str) -> None:
    text = f"f(v) = {body} with grad (1)" if where == "body" else f"f(v) = v with grad ({body})"
    error = refused(f"{text}\nf(x)")
    assert error.message == "f brings its own derivative and works element by element; this needs whole arrays"
    assert place(error) == body
    assert listing(graph_of("f(v) = v*v with grad (2v)\nsum(f(W))")).startswith("f(W):3x4 ")


def test_numbers_alone_have_no_shapes() -> None:
    """The fast path of every pass: arrays that are not needed leave nothing behind."""
    graph = graph_of("q = sum(x)\na + max(b, 1) + len(x)", of=None)
    assert graph.shapes == {}
    assert graph.settings == {}


# Cost


@pytest.mark.parametrize(
    "text",
    [
        "x[" + "+".join(["0"] * 20_000) + "]",
        "x[" + "-" * 20_000 + "1]",
        "x" + "[0:]" * 20_000,
        "softmax(" * 20_000 + "x" + ", axis=0)" * 20_000,
        "[" + ",".join(["x"] * 20_000) + "]",
    ],
    ids=["long slot", "deep slot", "indices", "calls", "elements"],
)
def test_depth_and_length_cost_no_recursion(text: str) -> None:
    start = time.perf_counter()
    graph_of(text)
    assert time.perf_counter() - start < 5.0


def test_many_slots_cost_no_time() -> None:
    start = time.perf_counter()
    assert refused("x[" + ",".join(["0"] * 20_000) + "]").message == "x has 1 axis: its shape is 3"
    assert time.perf_counter() - start < 5.0


def test_lengths_in_lengths_are_limited() -> None:
    text = "x[len(" * 1_000 + "x" + ")-1]" * 1_000
    error = refused(text)
    assert error.message == "len is nested more than 50 deep"

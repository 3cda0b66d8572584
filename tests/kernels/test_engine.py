"""Kernels as such: lengths, blocks, odd columns, guards, memory, what is refused."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import BindingError, LimitError, UsageError
from gradcli.graph.lower import lower
from gradcli.kernels import Outputs, choose_engine, derived, kernel, planning, steps, vectors
from gradcli.passes import evaluate_graph

TEXT = "tanh(x*y) + log(x^2 + 1)*sigmoid(y) - sin(x)"


def _graph(text: str = TEXT) -> Any:
    return lower(gradcli.parse(text))


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1023, 1024, 16_384, 16_385, 40_000])
def test_any_number_of_rows(count: int) -> None:
    """Each row is the same bits whatever stands around it."""
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=40_000), draw.normal(size=40_000)
    made = kernel(_graph(), {}, ["x", "y"])
    whole, some = made.run({"x": x, "y": y}), made.run({"x": x[:count], "y": y[:count]})
    assert some.value.shape == (count,)
    assert np.array_equal(some.value, whole.value[:count])
    for name in ("x", "y"):
        assert np.array_equal(some.gradients[name], whole.gradients[name][:count])


def test_a_row_does_not_depend_on_its_place() -> None:
    draw = np.random.default_rng(2)
    x, y = draw.normal(size=5000) * 30, draw.normal(size=5000)
    x[::97], y[::89] = np.nan, np.inf
    order = draw.permutation(5000)
    made = kernel(_graph("where(x > 0, sqrt(x), x^2)*y + sin(x)/cos(y) + sigmoid(30*x)"), {}, ["x", "y"])
    one, other = made.run({"x": x, "y": y}), made.run({"x": x[order], "y": y[order]})
    for a, b in zip((one.value, *one.gradients.values()), (other.value, *other.gradients.values()), strict=True):
        assert np.array_equal(a[order], b, equal_nan=True)


def test_columns_of_other_kinds_are_converted() -> None:
    made = kernel(_graph("x*y"), {}, ["x"])
    floats = made.run({"x": np.arange(10.0), "y": np.arange(10.0)})
    strided = np.arange(20.0)[::2] / 2
    for x in (np.arange(10), np.arange(10, dtype=np.int8), np.arange(10, dtype=np.float32), strided, list(range(10))):
        assert np.array_equal(made.run({"x": x, "y": strided[::-1][::-1]}).value, floats.value)
    assert made.run({"x": np.array([True, False]), "y": np.array([2.0, 3.0])}).value.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("column", [["a", "b"], np.array([[1.0], [2.0]]), np.array([1j, 2.0]), np.array([None, 1.0])])
def test_columns_that_are_no_numbers_are_refused(column: Any) -> None:
    with pytest.raises(ValueError, match="column of x"):
        kernel(_graph("x*y"), {}, []).run({"x": column, "y": np.ones(2)})


def test_columns_have_one_length_and_are_all_there() -> None:
    made = kernel(_graph("x*y"), {}, [])
    with pytest.raises(ValueError, match="lengths"):
        made.run({"x": np.ones(2), "y": np.ones(3)})
    with pytest.raises(BindingError, match="y"):
        made.run({"x": np.ones(2)})
    assert made.run({"x": np.ones(2), "y": np.ones(2), "other": np.ones(7)}).value.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "out",
    [np.empty(3), np.empty(2, dtype=np.float32), np.empty(4)[::2], np.empty((2, 1))],
    ids=["long", "f4", "strided", "2d"],
)
def test_outputs_that_do_not_fit_are_refused(out: Any) -> None:
    with pytest.raises(ValueError, match="output"):
        kernel(_graph("x*2"), {}, []).run({"x": np.ones(2)}, Outputs(out, {}))


def _in(memory: Any, start: int) -> Any:
    return memory[start : start + 5]


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_outputs_that_share_memory_are_refused(engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """With a column, with another output, wholly or in part; neighbours in one piece of memory are fine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = kernel(_graph("x*x + sin(x)*y"), {}, ["x", "y"], engine=engine)
    memory = np.linspace(0.0, 1.0, 40)
    columns = {"x": _in(memory, 0), "y": _in(memory, 5)}
    wanted = made.run(columns)
    before = memory[:10].copy()
    for places in ((0, 10, 15), (10, 4, 15), (10, 15, 9), (10, 10, 15), (20, 26, 30), (15, 20, 18)):
        value, x, y = (_in(memory, start) for start in places)
        with pytest.raises(ValueError, match="shares memory"):
            made.run(columns, Outputs(value, {"x": x, "y": y}))
        assert np.array_equal(memory[:10], before)
    found = made.run(columns, Outputs(_in(memory, 10), {"x": _in(memory, 20), "y": _in(memory, 15)}))
    assert np.array_equal(found.value, wanted.value)
    for name in "xy":
        assert np.array_equal(found.gradients[name], wanted.gradients[name])


def test_outputs_of_a_run_may_be_filled_again() -> None:
    """Also where gradients share an array; but not another part of one."""
    made = kernel(_graph("(x + y)*z"), {}, ["x", "y", "z"])
    columns = {name: np.arange(5.0) + k for k, name in enumerate("xyz")}
    found = made.run(columns)
    wanted = found.gradients["x"].copy()
    found.gradients["x"][:] = -1.0
    assert made.run(columns, found) is found
    assert np.array_equal(found.gradients["y"], wanted)
    memory = np.zeros(8)
    parts = {"x": _in(memory, 0), "y": _in(memory, 3), "z": np.zeros(5)}
    with pytest.raises(ValueError, match="shares memory"):
        made.run(columns, Outputs(np.zeros(5), parts))


def test_outputs_that_cannot_be_written_to_are_refused() -> None:
    out = np.zeros(2)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="output"):
        kernel(_graph("x*2"), {}, []).run({"x": np.ones(2)}, Outputs(out, {}))


def test_only_outputs_that_tell_something_new_are_looked_at() -> None:
    """An adjoint's nan shows in its products and in its negation; a number as a factor makes no nan."""
    looked = {
        "(x+y)*z": (),
        "(tanh(w1*x1 + w2*x2 + b) - t)^2": (1, 2, 3, 4),
        "2*(sin(x)^2*y - z)^2": (1, 2),
        "relu(x - y)*z": (2,),
    }
    for text, wanted in looked.items():
        graph = _graph(text)
        names = list(graph.inputs)
        found = planning.plan(derived.derived(graph, {}, names), names, {}, names, guarded=False)
        assert found.checked == wanted, text
        assert sum(call is steps.noted for call, _ in found.steps) == len(wanted)


def test_a_program_without_columns_has_one_number_per_row_of_the_data() -> None:
    made = kernel(_graph("x^2"), {"x": 3.0}, ["x"])
    assert made.inputs == ()
    found = made.run({"other": np.ones(4)})
    assert found.value.tolist() == [9.0] * 4
    assert found.gradients["x"].tolist() == [6.0] * 4


def test_what_kernels_say_of_themselves() -> None:
    made = kernel(_graph("x*y + z"), {"y": 2.0}, ["z", "x"])
    assert (made.inputs, made.wrt, made.engine) == (("x", "z"), ("z", "x"), "numpy")


def test_unknown_names_engines_and_too_many_gates_are_refused() -> None:
    with pytest.raises(BindingError, match="q"):
        kernel(_graph("x*y"), {}, ["q"])
    with pytest.raises(UsageError, match="abacus"):
        kernel(_graph("x*y"), {}, [], engine="abacus")
    with pytest.raises(LimitError):
        kernel(_graph("sin(x)*cos(x)*tan(x)"), {}, ["x"], max_gates=10)


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.array([0.0, -1.0, np.inf, np.nan, 1e308])
        kernel(_graph("log(x)/x + exp(x*x) + sqrt(x) + mod(x, 0) + acos(x)"), {}, ["x"]).run({"x": x})


@pytest.mark.parametrize(
    "text", ["relu(x)*y + x", "max(x, 0)*log(y)", "abs(x)*sqrt(y)", "0*x*sqrt(y) + relu(-x)*y", "clamp(x, 0, 1)*y^0.5"]
)
def test_guards_come_back_where_nan_appears(text: str) -> None:
    """An adjoint of 0 meets an infinite slope in some rows, and these get what the passes give."""
    graph = _graph(text)
    draw = np.random.default_rng(3)
    x, y = draw.normal(size=3000), np.abs(draw.normal(size=3000))
    x[::10], y[::7] = 0.0, 0.0
    x[5::100], y[6::100] = -np.inf, np.inf
    found = kernel(graph, {}, ["x", "y"]).run({"x": x, "y": y})
    for row in range(3000):
        if row % 7 and row % 10 and row % 100 not in (5, 6) and row % 50:
            continue
        trace = evaluate_graph(graph, {"x": float(x[row]), "y": float(y[row])})
        for name, wanted in trace.gradients.items():
            got = float(found.gradients[name][row])
            assert got == wanted or (got != got and wanted != wanted) or math.isclose(got, wanted, rel_tol=1e-14), (
                row,
                name,
            )


def test_only_rows_with_nan_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only the guarded plan has guards."""
    rows: list[int] = []
    run = vectors._Runner.run
    monkeypatch.setattr(
        vectors._Runner,
        "run",
        lambda self, inputs, outputs, *rest: (rows.append(len(outputs[0])), run(self, inputs, outputs, *rest))[1],
    )
    made = kernel(_graph("relu(x)*sqrt(y)"), {}, ["x", "y"])
    x, y = np.full(5000, -1.0), np.ones(5000)
    made.run({"x": x, "y": y})
    assert rows == [5000]
    y[[7, 4000]] = 0.0
    found = made.run({"x": x, "y": y})
    assert rows == [5000, 5000, 2]
    assert found.gradients["y"][[7, 4000]].tolist() == [0.0, 0.0]


def test_a_guard_whose_nan_would_be_lost_stays() -> None:
    """A program may compare gradients: what is nan without a guard would be smaller than nothing."""
    graph = _graph("where(chain(x, y) < 1, 5, 7) + x")
    found = kernel(graph, {}, ["x"]).run({"x": np.array([0.0, 1.0]), "y": np.array([np.inf, 5.0])})
    assert found.value.tolist() == [5.0, 8.0]


def test_buffers_are_used_again() -> None:
    """A chain of any length needs a few."""
    long = _graph("tanh(" * 200 + "x" + ")" * 200)
    found = derived.derived(long, {}, [])
    assert planning.plan(found, ["x"], {}, [], guarded=False).buffers <= 2


def test_blocks_are_smaller_where_many_numbers_are_live() -> None:
    few = vectors._Runner(
        planning.plan(derived.derived(_graph("x*y"), {}, ["x"]), ["x", "y"], {}, ["x"], guarded=False)
    )
    text = "tanh(" * 100 + "x" + ")" * 100
    many = vectors._Runner(planning.plan(derived.derived(_graph(text), {}, ["x"]), ["x"], {}, ["x"], guarded=False))
    assert many.rows < few.rows


def test_memory_of_buffers_is_bounded() -> None:
    for live in (1, 10, 100, 10_000, 1_000_000, 100_000_000):
        assert live * vectors._rows(live) <= max(vectors._MOST, live)


def test_outputs_begin_with_a_line_of_the_cache() -> None:
    for count in (0, 1, 5, 1000):
        found = kernel(_graph("x*y"), {}, ["x"]).run({"x": np.ones(count), "y": np.ones(count)})
        for column in (found.value, found.gradients["x"]):
            assert column.ctypes.data % 64 == 0 or not count
            assert column.shape == (count,)
            assert column.flags.c_contiguous


def test_making_a_kernel_is_linear_in_gates() -> None:
    """Steps made, counted."""
    counts = []
    for length in (50, 100, 200):
        text = "+".join(f"tanh({k}*x)*y" for k in range(1, length + 1))
        found = derived.derived(_graph(text), {}, ["x", "y"])
        counts.append(len(planning.plan(found, ["x", "y"], {}, ["x", "y"], guarded=False).steps))
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])


def test_dead_gates_are_no_steps() -> None:
    """Value alone needs no slope; a gradient that is an input needs no step but a copy."""
    found = derived.derived(_graph("tanh(x)*y"), {}, ["y"])
    steps = planning.plan(found, ["x", "y"], {}, ["y"], guarded=False).steps
    assert len(steps) == 2


def test_what_depends_on_numbers_alone_is_a_number() -> None:
    found = derived.derived(_graph("x*exp(sin(2)*a) + log(a)"), {"a": 2.0}, ["x"])
    steps = planning.plan(found, ["x"], {"a": 2.0}, ["x"], guarded=False)
    assert len(steps.steps) == 3  # a product, a sum, a copy
    assert math.exp(math.sin(2) * 2.0) in steps.numbers


def test_which_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions are worth compiling before sums and products are, which wait for memory."""
    from gradcli.kernels import native

    plain, costly = (lower(gradcli.parse(text)) for text in ("x*y + x", "exp(x)*sin(y)*tanh(x*y) + log(x)"))
    for found in (True, False):
        monkeypatch.setattr(native, "available", lambda found=found: found)
        compiled = "native" if found else "numpy"
        assert choose_engine("numpy", costly, 10**9) == "numpy"
        assert choose_engine("native", plain, 1) == "native"
        assert choose_engine("auto", costly, None) == "numpy"
        assert [choose_engine("auto", costly, 10**k) for k in (3, 6, 8)] == ["numpy", "numpy", compiled]
        assert [choose_engine("auto", plain, 10**k) for k in (3, 8, 9)] == ["numpy", "numpy", compiled]

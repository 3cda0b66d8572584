"""What the native engine promises beside its numbers: rows alone, threads alike, nothing of the program in the C."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from programs import Case, programs

from gradcli.errors import GradcliError
from gradcli.graph.lower import lower
from gradcli.kernels import kernel, native
from gradcli.kernels.derived import derived
from gradcli.kernels.native import compiler
from gradcli.kernels.native.source import LANES, Source
from gradcli.language.parser import parse

# Functions whose vector variants and single ones differ in the last digit, beside selections and rare formulas.
TEXT = """
a = exp(x*y) + log(1 + x*x) + sin(x)*cos(y) + tanh(x - y) + erf(x)
b = where(x > y, x^y, log(y*y + 1)) + mod(x, y) + cbrt(x) + atan2(x, y) + max(x, y, 0.1)^1.7
a*b + sigmoid(a)/b
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def some(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Two columns, a few of whose numbers are odd ones."""
    random = np.random.default_rng(seed)
    found = {name: random.normal(0.0, 3.0, count) for name in "xy"}
    for column in found.values():
        for number in (np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e300, 5.319372648326541e255):
            column[random.integers(0, max(count, 1), count // 50)] = number
    return found


def outputs(columns: dict[str, np.ndarray], text: str = TEXT, threads: int = 1) -> list[np.ndarray]:
    graph = lower(parse(text))
    found = kernel(graph, {}, list(graph.inputs), engine="native", threads=threads).run(columns)
    return [found.value, *found.gradients.values()]


def same_bits(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def test_the_first_attempt_succeeds(tmp_path: object) -> None:
    """With all its flags and vector functions, where the tests run: nothing else is tested on a fallback."""
    graph = lower(parse(TEXT))
    source = Source(derived(graph, {}, ["x", "y"]), ["x", "y"], [], ["x", "y"])
    attempt = compiler.best(source.gates)
    done = compiler._compile(compiler.find(), source.text(attempt.vectors), attempt.flags, tmp_path, 60.0)  # type: ignore[arg-type]
    assert done.status == 0, done.output


def test_a_row_does_not_depend_on_where_it_stands() -> None:
    """Shifted by any number of rows, alone, at the end: the same bits, as partitions need it."""
    count = 3 * LANES
    columns = some(count)
    whole = outputs(columns)
    for start in [*range(1, 9), LANES - 1, LANES, LANES + 1, count - 1]:
        part = {name: column[start:].copy() for name, column in columns.items()}
        assert same_bits(outputs(part), [column[start:] for column in whole]), start
    for stop in (1, 2, 3, 7, 8, 9, LANES - 1, LANES, LANES + 1, count - 1):
        part = {name: column[:stop].copy() for name, column in columns.items()}
        assert same_bits(outputs(part), [column[:stop] for column in whole]), stop


@pytest.mark.parametrize("count", [0, 1, 3, 1_000_003])
def test_threads_give_the_same_bits(count: int) -> None:
    columns = some(count)
    one, two = outputs(columns, threads=1), outputs(columns, threads=2)
    assert [len(column) for column in one] == [count] * 3
    assert same_bits(one, two)
    turned = {name: column[::-1].copy() for name, column in columns.items()}
    assert same_bits([column[::-1].copy() for column in outputs(turned, threads=2)], one)


@settings(max_examples=10)
@given(programs(gradients=True))
def test_rows_of_any_program_are_apart(case: Case) -> None:
    graph = lower(parse(case.text), case.values)
    names, random = list(graph.inputs), np.random.default_rng(1)
    columns = {name: random.normal(0.0, 2.0, 2 * LANES + 5) for name in names}
    made = kernel(graph, {}, names, engine="native", threads=1)
    whole = made.run(columns)
    part = made.run({name: column[13:].copy() for name, column in columns.items()})
    assert whole.value[13:].tobytes() == part.value.tobytes()
    assert all(whole.gradients[name][13:].tobytes() == part.gradients[name].tobytes() for name in names)


def test_two_threads_may_run_one_library() -> None:
    """Each has a kernel of its own; nothing in the library is written to."""
    columns, wanted, found = some(300_001), outputs(some(300_001)), {}

    def run(place: int) -> None:
        found[place] = outputs(columns)

    runs = [threading.Thread(target=run, args=(place,)) for place in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert same_bits(found[0], wanted)
    assert same_bits(found[1], wanted)


def source_of(text: str, fixed: tuple[str, ...] = ()) -> str:
    graph = lower(parse(text))
    columns = [name for name in graph.inputs if name not in fixed]
    found = derived(graph, dict.fromkeys(fixed, 0.0), list(graph.inputs))
    return Source(found, columns, fixed, list(graph.inputs)).text(())


NAMES = (
    "main", "run", "rows", "double", "int", "restrict", "in0", "out0", "fixed", "whole", "x1", "t1", "exp_", "system",
    "v_exp", "m_pow", "choose", "θ₁", "__proto__", "_Z", "asm", "defined", "sine", "i", "INLINE", "NAN",
)  # fmt: skip


def test_names_of_a_program_do_not_reach_the_compiler() -> None:
    """Inputs, stages, functions and parameters with names that mean something in C: the code of the plain names."""
    for k in range(0, len(NAMES) - 4, 2):
        function, parameter, stage, first, second = NAMES[k : k + 5]
        form = "{f}({p}) = {p}^3 + 1 with grad (3*{p}^2)\n{s} = {f}({a}*{b}) + exp({a})\n{s}*{b} + {f}({s})"
        hostile = form.format(f=function, p=parameter, s=stage, a=first, b=second)
        text = source_of(hostile)
        assert text.isascii()
        columns = {first: some(50)["x"], second: some(50)["y"]}
        plain = {"p": columns[first], "q": columns[second]}
        wanted = outputs(plain, form.format(f="f", p="k", s="r", a="p", b="q"))
        assert same_bits(outputs(columns, hostile), wanted)


def test_the_source_holds_nothing_that_a_user_wrote() -> None:
    """One form, one text: other names of inputs and stages, comments and line ends change nothing."""
    plain = source_of("q = exp(x)*y; q + q*x")
    assert plain == source_of("# */ #include </etc/passwd> \\\n\n  stage = exp(input)*other\n\n(stage + stage*input)")
    assert not re.search(r"passwd|stage|input|other", plain)


def test_values_are_not_baked_in() -> None:
    """A library serves all values of inputs that are the same in every row."""
    graph = lower(parse("x*exp(k) + k"))
    column = some(1000)["x"]
    for value in (0.5, -2.0, float("inf"), float("nan"), -0.0):
        found = kernel(graph, {"k": value}, ["x", "k"], engine="native", threads=1).run({"x": column})
        wanted = kernel(graph, {"k": value}, ["x", "k"], engine="numpy").run({"x": column})
        assert np.allclose(found.value, wanted.value, rtol=1e-14, equal_nan=True)
        assert np.allclose(found.gradients["k"], wanted.gradients["k"], rtol=1e-14, equal_nan=True)
    assert "0.5" not in source_of("x*exp(k) + k", ("k",))


def test_no_columns_and_no_gradients() -> None:
    """Values alone, the same in all rows; a constant."""
    graph = lower(parse("exp(x)"))
    found = kernel(graph, {"x": 1.0}, [], engine="native").run({"other": np.zeros(70)})
    assert np.allclose(found.value, np.full(70, np.e), rtol=1e-15)
    assert found.gradients == {}


def test_many_gates() -> None:
    """Thousands of gates are compiled with less effort, and give the same numbers but for the last digits."""
    text = " + ".join(f"sin(x*{k})*y" for k in range(1, 700))
    graph, columns = lower(parse(text)), {name: np.linspace(-1.0, 2.0, 200) for name in "xy"}
    found = kernel(graph, {}, ["x", "y"], engine="native").run(columns)
    wanted = kernel(graph, {}, ["x", "y"], engine="numpy").run(columns)
    assert np.allclose(found.value, wanted.value, rtol=1e-10, atol=1e-8)
    assert np.allclose(found.gradients["x"], wanted.gradients["x"], rtol=1e-10, atol=1e-5)


def test_columns_must_be_contiguous_numbers() -> None:
    graph = lower(parse("x*x"))
    made = native.compiled(derived(graph, {}, ["x"]), ["x"], {}, ["x"])
    for wrong in (np.zeros(128)[::2], np.zeros(64, dtype=np.float32), np.zeros(64, dtype=np.int64)):
        with pytest.raises(ValueError, match="contiguous"):
            made.run([wrong], (), [np.zeros(64), np.zeros(64)])


def test_the_error_is_one_of_ours() -> None:
    assert issubclass(native.NativeError, GradcliError)


@pytest.mark.parametrize("text", ["(x + y)*x", "x*y + 1/(x - y)", "exp(x)*y"])
def test_results_past_the_cache(text: str) -> None:
    """Many rows are stored in another way than few, wherever the outputs begin: the numbers are the same."""
    count = 1_000_003
    columns, graph = some(count), lower(parse(text))
    made = native.compiled(derived(graph, {}, ["x", "y"]), ["x", "y"], {}, ["x", "y"], threads=2)
    wanted = [np.concatenate(parts) for parts in zip(*_in_parts(made, columns), strict=True)]
    for shift in (0, 1, 3, 7):
        space = [np.full(count + 8, 7.0) for _ in range(3)]
        made.run([columns["x"], columns["y"]], (), [one[shift : shift + count] for one in space])
        assert same_bits([one[shift : shift + count] for one in space], wanted)
        assert all((one[:shift] == 7.0).all() and (one[shift + count :] == 7.0).all() for one in space)


def _in_parts(made: Any, columns: dict[str, np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Results of few rows at a time."""
    for start in range(0, len(columns["x"]), 50_000):
        part = [columns[name][start : start + 50_000] for name in "xy"]
        found = [np.empty(len(part[0])) for _ in range(3)]
        made.run(part, (), found)
        yield found

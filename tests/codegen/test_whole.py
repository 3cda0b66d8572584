"""Generated code of programs with arrays is run in seven languages: it has gradcli's own numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import array_runs
import pytest
import whole
from generated import SAMPLES
from latex_structure import balanced, unknown
from peers import interpreter
from test_codegen import SUFFIXES, run_file

import gradcli
from gradcli.codegen import TARGETS, file, generate, target
from gradcli.codegen.language_target import staged_program
from gradcli.codegen.target import WIDTH
from gradcli.errors import BindingError, LimitError, UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.rewriting.unroll import unroll
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.passes import evaluate_graph


def graph_of(text: str, **shapes: tuple[int, ...]) -> Graph:
    return lower(
        parse(text), {name: arrays.shaped([0.5] * 24, (24,))[: _size(s)].reshape(s) for name, s in shapes.items()}
    )


def _size(shape: Collection[int]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count


# Numbers


@pytest.mark.parametrize("to", ["numpy", "python"])
def test_numbers(to: str, tmp_path: Path) -> None:
    """All samples with arrays, every row at its shapes and settings, and what is odd, to 1e-12; nothing warns."""
    assert whole.differences(whole.run(to, to, tmp_path, sys.executable)) == []


def test_numbers_of_torch(tmp_path: Path) -> None:
    assert whole.differences(whole.run("torch", "torch", tmp_path, interpreter("torch"))) == []


def test_numbers_of_jax(tmp_path: Path) -> None:
    """Compiled by jax.jit, which takes less time than compiling each operation; one case for each row."""
    few = whole.few_cases()
    assert whole.differences(whole.run("jax-jit", "jax", tmp_path, interpreter("jax"), few), few) == []


def test_numbers_of_javascript(tmp_path: Path, node: str) -> None:
    assert whole.differences(whole.run_javascript(tmp_path, node)) == []


def test_numbers_of_c(tmp_path: Path) -> None:
    """Compiled without a warning; the program says nothing of a difference."""
    assert whole.run_c(tmp_path) == ""


def test_every_row_is_written() -> None:
    """A new row that works on whole arrays is a writer per library; this names those that lack one."""
    for name in TARGETS:
        arrays_of = target(name).arrays
        assert arrays_of is not None
        if not arrays_of.by_element:
            assert [row.name for row in ops.STRUCTURAL if row.name not in arrays_of.structural] == [], name


# The self-test


@pytest.mark.parametrize("to", ["numpy", "python", "javascript", "c"])
@pytest.mark.parametrize("sample", ["softmax-regression", "rnn"])
def test_self_test(to: str, sample: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It passes, and fails once an operation is another one."""
    case = next(case for case in whole.sample_cases() if case.name == sample)
    source = generate(case.graph, to, point=case.point)
    broken = re.sub(r"(\bd_\w+ = )", r"\g<1>1.5 * ", source, count=1)
    assert broken != source
    for written, status, said in ((source, 0, "as gradcli has it\n"), (broken, 1, "differs from gradcli")):
        path = tmp_path / f"file.{SUFFIXES.get(to, 'py')}"
        path.write_text(written, encoding="utf-8")
        done = run_file(path, "python" if to == "numpy" else to, request)
        assert done.returncode == status, done.stderr
        assert said in done.stdout


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_self_test_of_libraries(library: str, tmp_path: Path) -> None:
    python = interpreter(library)
    case = next(case for case in whole.sample_cases() if case.name == "attention")
    path = tmp_path / "file.py"
    path.write_text(generate(case.graph, library, point=case.point), encoding="utf-8")
    done = subprocess.run([python, str(path)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "as gradcli has it\n"), done.stderr


# The text


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("sample", ["softmax-regression", "neuron-vector"])
def test_golden(to: str, sample: str, golden: Callable[[str, str], None]) -> None:
    """What people see, for review."""
    case = next(case for case in whole.sample_cases() if case.name == sample)
    point = None if to == "latex" else case.point
    golden(f"codegen/golden/{sample}.{to}.txt", generate(case.graph, to, point=point))


@pytest.mark.parametrize("to", [to for to in TARGETS if to != "latex"])
def test_lines_are_not_long(to: str) -> None:
    for case in whole.cases():
        for line in generate(case.graph, to, point=case.point).splitlines():
            assert len(line) <= WIDTH, f"{case.name}: {line}"


def test_nothing_is_said_to_be_elementwise() -> None:
    """Arrays of such programs have the program's shapes, which each parameter's line tells."""
    for to in ("numpy", "torch", "jax"):
        source = generate(graph_of("sum(W @ x)*c", W=(3, 4), x=(4,)), to)
        assert "elementwise" not in source
        assert "broadcast_shapes" not in source
        assert re.search(r"\n    W: (array|tensor) of shape \(3, 4\)\n", source)
        assert re.search(r"\n    c: number or array of shape \(\)\n", source)


def test_what_goes_out_is_the_callers(tmp_path: Path) -> None:
    """No gradient is a view of an argument or of another gradient, and lists go in as well."""
    (tmp_path / "product.py").write_text(generate(graph_of("sum(a*b + a')", a=(3,), b=(3,)), "numpy", "product"))
    (tmp_path / "driver.py").write_text("""
import numpy as np
from product import product
a, b = np.ones(3), np.arange(3.0)
value, gradients = product(a, b)
for one in gradients.values():
    assert one.flags.writeable and not np.shares_memory(one, a) and not np.shares_memory(one, b)
assert product([1, 1, 1], [0, 1, 2])[1]["b"].tolist() == [1.0, 1.0, 1.0]
print(1)
""")
    assert array_runs.output_of([sys.executable, str(tmp_path / "driver.py")]) == 1


def test_some_inputs_alone() -> None:
    """--wrt leaves the other gradients out; a parameter stays."""
    graph = graph_of("sum(W @ x)", W=(2, 2), x=(2,))
    assert re.search(r"return .*\{\"x\": filled\(d_x, x\.shape\)\}", generate(graph, "numpy", wrt=["x"]))
    assert '{"x": [d_x_0, d_x_1]}' in generate(graph, "python", wrt=["x"])
    assert "double f(const double W[4], const double x[2], double d_x[2])" in generate(graph, "c", wrt=["x"])


def test_elements_of_an_unrolled_program() -> None:
    """They are numbers, with names of their own also beside a stage of such a name."""
    graph = unroll(graph_of("w_0 = w[1]*2; sum(w)*w_0 + h", w=(2,)))
    source = generate(graph, "python")
    assert "def f(w_0, w_1, h):" in source
    assert "    w_0_ = w_1 * 2.0\n" in source
    assert '"w[0]": d_w_0' in source


def test_turns_of_a_loop() -> None:
    """Stages of a loop have names without brackets."""
    source = generate(graph_of("h = x\nfor t in 0..2 { h = sin(h*w) }\nh"), "python")
    assert "    h_0 = sin(g2)\n" in source
    assert "    h_1 = sin(g4)\n" in source


def test_turns_of_a_loop_as_a_program() -> None:
    """Both passes of a loop, written in stages, are a program again."""
    graph = lower(parse("h_0 = w\nh = 0\nfor t in 0..3 { h = tanh(w*t + h*h_0) }\nh^2"))
    program = staged_program(graph, ["w"], 1000)
    gradient = gradcli.evaluate(program, of="d_w", w=0.3).value
    assert gradient == pytest.approx(evaluate_graph(graph, {"w": 0.3}).gradients["w"], rel=1e-14)


def test_no_elements(tmp_path: Path) -> None:
    """Sums and norms of nothing are 0, a mean is nan, and nothing warns."""
    text = "sum(x[0:0]) + norm(x[1:1]) + where(y > 0, y, mean(x[2:2]))"
    (tmp_path / "case_0.py").write_text(generate(graph_of(text, x=(3,)), "numpy", "case_0"), encoding="utf-8")
    (tmp_path / "values.json").write_text(json.dumps([{"x": [1.0, 2.0, 3.0], "y": 2.0}]))
    command = [sys.executable, "-X", "utf8", "-W", "error", str(whole.RUNNER), "numpy", str(tmp_path)]
    assert array_runs.output_of(command) == [[2.0, {"x": [0.0, 0.0, 0.0], "y": 1.0}]]


@pytest.mark.parametrize("text", array_runs.HOSTILE)
def test_the_programs_text_is_inert(text: str) -> None:
    """It stands in comments alone."""
    named = text.replace("x*y", "sum(x)*y")
    for to in ("numpy", "python", "torch", "jax"):
        plain, hostile = (generate(graph_of(one, x=(2,)), to) for one in ("sum(x)*y", named))
        sources = ["\n".join(line for line in one.split("\n") if not line.startswith("#")) for one in (plain, hostile)]
        assert sources[0] == sources[1]


def test_latex() -> None:
    """Braces and environments are paired, macros are LaTeX's or amsmath's."""
    for case in whole.cases():
        fragment = generate(case.graph, "latex")
        assert balanced(fragment), case
        assert unknown(re.sub(r"(?<!\\)%.*", "", fragment)) == set(), case
        assert not re.search("[\ue000-\uf8ff]", fragment), case
    fragment = generate(graph_of("y = W @ x; sum(y*y)", W=(3, 2), x=(2,)), "latex")
    assert r"y &= W \, x" in fragment
    assert r"W^{\top} \, \frac{\partial \mathrm{value}}{\partial y}" in fragment


# What is wrong


def test_an_array_has_no_gradient() -> None:
    for to in TARGETS:
        with pytest.raises(BindingError, match="the output is an array of shape 3"):
            generate(graph_of("W @ x", W=(3, 4), x=(4,)), to)


def test_a_row_that_a_target_lacks() -> None:
    """The gate and its function are named."""
    numpy = target("numpy").arrays
    assert numpy is not None
    lacking = numpy._replace(structural={"sum": numpy.structural["sum"]})
    with pytest.raises(UsageError, match="g2 is norm, which numpy can't be given") as raised:
        file.file_of(graph_of("norm(x)*y", x=(3,)), lacking, "f", None, None)
    assert raised.value.hint == "--unroll makes every element a gate of its own"


def test_a_target_without_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "own", "gradcli.codegen.language_target:TARGET")
    with pytest.raises(UsageError, match="own can't be given arrays"):
        generate(graph_of("sum(x)", x=(3,)), "own")


def test_too_many_elements() -> None:
    graph = graph_of("sum(x*x)", x=(24,))
    with pytest.raises(LimitError, match="needs more than 40 gates"):
        generate(graph, "c", max_gates=40)
    assert "np.sum" in generate(graph, "numpy", max_gates=40)


def test_the_command() -> None:
    """Shapes alone are enough, and give the same text as values."""
    program = str(SAMPLES / "neuron-vector.grad")
    texts = []
    for given in (["--shapes", "w=3,x=2"], ["--vars", str(SAMPLES / "neuron-vector.json")]):
        command = [sys.executable, "-X", "utf8", "-m", "gradcli", "code", f"@{program}", "--to", "numpy", *given]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert "    w: array of shape (3,)\n    x: array of shape (2,)\n" in texts[0]

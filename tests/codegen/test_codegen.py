"""Generated code is run: it has gradcli's own numbers, its text is inert, and nothing is missing."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from generated import (
    FLAGS,
    KNOWN,
    SAMPLES,
    cases,
    compiler,
    differences,
    run_c,
    run_javascript,
    run_python,
    same,
)  # fmt: skip
from hypothesis import given, settings
from mpmath.ctx_mp import MPContext
from programs import Case, programs

from gradcli.codegen import TARGETS, generate, target
from gradcli.codegen.target import WIDTH
from gradcli.errors import BindingError, UsageError
from gradcli.graph import ops
from gradcli.graph.derive import derive
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import forward

RUN = ("python", "javascript", "c")  # the targets whose code these tests run


def graph_of(text: str) -> Graph:
    return lower(parse(text))


# Numbers


def test_python_has_gradclis_numbers(tmp_path: Path) -> None:
    """Every function at its samples and kinks, all samples, equations and test functions, to 1e-12; nothing raises."""
    assert differences(run_python(tmp_path)) == KNOWN


def test_c_has_gradclis_numbers(tmp_path: Path) -> None:
    """The same, compiled without a warning."""
    assert differences(run_c(tmp_path)) == KNOWN


def test_javascript_has_gradclis_numbers(tmp_path: Path, node: str) -> None:
    assert differences(run_javascript(tmp_path, node)) == KNOWN


@pytest.mark.parametrize("name", TARGETS)
def test_every_primitive_is_written(name: str) -> None:
    """A new primitive is a line per target; this names the targets that lack it."""
    writers = target(name).writers
    assert [f"{name} can't write {primitive}" for primitive in ops.primitives() if primitive not in writers] == []


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_written_that_is_no_function(name: str) -> None:
    assert [written for written in target(name).writers if written not in ops.CODES] == []


@settings(max_examples=150)
@given(programs(gradients=True))
def test_any_program_is_its_derivatives_graph(case: Case) -> None:
    """Random programs over all rows: the code has the numbers of the graph that `derive` gives, and raises nothing."""
    graph = lower(parse(case.text), case.values)
    derived = derive(graph)
    values = forward(derived.graph, case.values)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.py"
        path.write_text(generate(graph, "python"), encoding="utf-8")
        function = runpy.run_path(str(path))["f"]
    value, gradients = function(*(case.values[name] for name in graph.inputs))
    assert same(value, values[derived.value])
    for name, gate in derived.gradients.items():
        assert same(gradients[name], values[gate]), name


def test_error_functions_of_javascript(tmp_path: Path, node: str) -> None:
    """Right to 1e-15 relative, in the tail too."""
    for name in ("erf", "erfc"):
        (tmp_path / f"{name}.js").write_text(generate(graph_of(f"{name}(x)"), "javascript"), encoding="utf-8")
    points = [k / 64 for k in range(-400, 1690, 3)] + [0.46875, 4.0, 1e-300, 1e-9, 5e-324, 26.5]
    script = f"""
for (const x of {points})
    console.log(require("./erf.js").f(x).value, require("./erfc.js").f(x).value);
"""
    done = subprocess.run([node, "-e", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    context: Any = MPContext()
    context.dps = 40
    for x, line in zip(points, done.stdout.splitlines(), strict=True):
        for found, exact in zip(map(float, line.split()), (context.erf(x), context.erfc(x)), strict=True):
            assert abs(found - exact) <= 1e-15 * abs(exact) + 5e-324, x


# The self-test


def run_file(path: Path, to: str, request: pytest.FixtureRequest) -> subprocess.CompletedProcess[str]:
    """Run a generated file as a program."""
    command = [sys.executable, path.name]
    if to == "c":
        command = [compiler(), *FLAGS, path.name, "-o", "program", "-lm"]
        done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        command = [str(path.parent / "program")]
    elif to == "javascript":
        command = [request.getfixturevalue("node"), path.name]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=60, check=False)


SUFFIXES = {"python": "py", "javascript": "js", "c": "c"}


@pytest.mark.parametrize("sample", ["network", "planck", "micrograd"])
@pytest.mark.parametrize("to", RUN)
def test_self_test(to: str, sample: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It passes, and fails once an operation is another one."""
    text = (SAMPLES / f"{sample}.grad").read_text(encoding="utf-8")
    point = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
    source = generate(graph_of(text), to, point=point)
    path = tmp_path / f"file.{SUFFIXES[to]}"
    path.write_text(source, encoding="utf-8")
    done = run_file(path, to, request)
    assert (done.returncode, done.stdout) == (0, "as gradcli has it\n"), done.stderr
    broken = re.sub(r"(\bd_\w+ = )", r"\g<1>1.5 * ", source, count=1)
    assert broken != source
    path.write_text(broken, encoding="utf-8")
    done = run_file(path, to, request)
    assert done.returncode == 1
    assert "differs from gradcli" in done.stdout


@pytest.mark.parametrize("to", RUN)
def test_self_test_where_nothing_is_finite(to: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """nan agrees with nan and infinity with infinity."""
    path = tmp_path / f"file.{SUFFIXES[to]}"
    path.write_text(
        generate(graph_of("log(x)/y + sqrt(-z)"), to, point={"x": 0.0, "y": 0.0, "z": 4.0}), encoding="utf-8"
    )
    done = run_file(path, to, request)
    assert (done.returncode, done.stdout) == (0, "as gradcli has it\n"), done.stderr


# The text


@pytest.mark.parametrize("to", RUN)
@pytest.mark.parametrize("sample", ["product", "neuron-sigmoid", "stages"])
def test_golden(to: str, sample: str, golden: Callable[[str, str], None]) -> None:
    """What people see, for review."""
    text = (SAMPLES / f"{sample}.grad").read_text(encoding="utf-8")
    point = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
    golden(f"codegen/golden/{sample}.{to}.txt", generate(graph_of(text), to, point=point))


@pytest.mark.parametrize("to", RUN)
def test_lines_are_not_long(to: str) -> None:
    for case in cases():
        point = case.points[0]
        for line in generate(case.graph, to, point=point).splitlines():
            assert len(line) <= WIDTH, f"{case.name}: {line}"


@pytest.mark.parametrize("to", RUN)
def test_the_same_text_every_time(to: str) -> None:
    text = (SAMPLES / "stages.grad").read_text(encoding="utf-8")
    assert len({generate(graph_of(text), to) for _ in range(3)}) == 1


@pytest.mark.parametrize("to", RUN)
def test_each_gate_is_computed_once(to: str) -> None:
    """Common gates are shared between both passes and within them; what is not needed is not computed."""
    source = generate(graph_of("u = exp(x*y); unused = cosh(x); v = sin(u) + exp(x*y); v*v*exp(z)"), to, wrt=["x"])
    code = "\n".join(line for line in code_of(source, "#" if to == "python" else "//") if " = " in line)
    assert len(re.findall(r"(?<![\w.])(?:Math\.|math\.)?exp\(", code)) == 2
    assert "cosh" not in code
    assert "d_z" not in code


@pytest.mark.parametrize("to", RUN)
def test_fan_out_is_a_sum(to: str) -> None:
    source = generate(graph_of("a = x*p; b = x*q; a*a + b"), to)
    assert re.search(r"d_x = .*q.* \+ d_a \* p;?", source)


@pytest.mark.parametrize("to", RUN)
def test_order_of_operations_is_kept(to: str) -> None:
    source = generate(graph_of("v = a + (b + c) - (d - (e1 - h)); v*2"), to)
    assert "v = a + (b + c) - (d - (e1 - h))" in source


def test_a_stage_that_is_another_one_keeps_its_name() -> None:
    source = generate(graph_of("a = sin(x); b = sin(x); a*b"), "python")
    assert "    b = a\n" in source
    assert "\n    a = sin(x)\n" in source


# User text

HOSTILE = (
    "x*y # */ int main(void) { return 3; } /*",
    "x*y # end \\",
    "x*y # trigraph ??/",
    "# coding: utf-7\n# vim: set fileencoding=latin-1 :\n# +AAoAaQBtAHAAbwByAHQ-\nx*y",
    "x*y # \"\"\" ''' ` ${process.exit(3)} %s \\n {} {0}",
    "x*y # </script><!-- --> <script>",
    "x*y # \u2028 process.exit(3)\n# \u2029 \x85 \x0c \x0b raise SystemExit(3)",
    "x*y # \x1b[31m \x07 \u202e",
    "#!/bin/sh\n#include <stdlib.h>\n#error no\nx*y",
    "x*y # " + "word " * 3000,
    "\n".join(["# a line"] * 3000) + "\nx*y",
)


def code_of(source: str, sign: str) -> list[str]:
    """The lines of a source that are not a comment alone."""
    return [line for line in source.split("\n") if not line.startswith(sign)]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("to", RUN)
def test_the_programs_text_is_inert(to: str, text: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It stands in comments alone, cannot end them, and the file runs as without it."""
    sign = "#" if to == "python" else "//"
    point = {"x": 2.0, "y": 3.0}
    source = generate(graph_of(text), to, point=point)
    assert code_of(source, sign) == code_of(generate(graph_of("x*y"), to, point=point), sign)
    assert len(source.splitlines()) < 200
    assert source.isprintable() or not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", source)
    assert "</script" not in source or to != "javascript"
    assert not re.search(r"coding[:=]", "".join(source.split("\n")[:2]))
    path = tmp_path / f"file.{SUFFIXES[to]}"
    path.write_text(source, encoding="utf-8")
    done = run_file(path, to, request)
    assert (done.returncode, done.stdout) == (0, "as gradcli has it\n"), done.stderr


@pytest.mark.parametrize("to", RUN)
@pytest.mark.parametrize("name", ["", "1f", "f g", "f;x", "f\n", "fé", "é", "a.b", "f(", "return", "x" * 200])
def test_names_that_are_refused(to: str, name: str) -> None:
    with pytest.raises(UsageError, match="can't be the name of a function"):
        generate(graph_of("x*y"), to, name)


@pytest.mark.parametrize(
    ("to", "name"),
    [("python", "lambda"), ("python", "math"), ("python", "divide"), ("python", "print"), ("javascript", "Math"),
     ("javascript", "eval"), ("javascript", "chain"), ("javascript", "value"), ("c", "main"), ("c", "exp"), ("c", "y0"),
     ("c", "_f"), ("c", "NAN"), ("c", "value")],
)  # fmt: skip
def test_names_that_a_target_needs_itself(to: str, name: str) -> None:
    with pytest.raises(UsageError, match="can't be the name of a function"):
        generate(graph_of("x*y"), to, name)


def test_identifiers() -> None:
    """Letters stay where the language has them as they are; different names stay different."""
    text = "θ₁ = α*x₁ + ϑ; θ = θ₁*θ₁; theta_1 = θ/2; λ = θ + theta_1; λ"
    python, c = (generate(graph_of(text), to) for to in ("python", "c"))
    assert "def f(α, x_1, vartheta):" in python
    assert "    theta_1 = θ / 2.0\n" in python
    assert "double f(double alpha, double x_1, double vartheta, double gradient[3])" in c
    assert "const double theta_1_ = theta / 2.0;" in c
    assert c.isascii() or all(
        line.lstrip().startswith("//") or "//" in line for line in c.splitlines() if not line.isascii()
    )


def test_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="there is no target cobol"):
        generate(graph_of("x"), "cobol")
    with pytest.raises(BindingError, match="q is not an input"):
        generate(graph_of("x"), "python", wrt=["q"])
    with pytest.raises(BindingError, match="does not depend on y"):
        generate(lower(parse("a = x; b = y*2; a"), of="a"), "python", wrt=["y"])

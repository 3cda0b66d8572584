"""Code of functions some inputs of which are constants: run in the languages that other tests run."""

from __future__ import annotations

import math
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import whole
from peers import interpreter
from test_codegen import SUFFIXES, run_file

from gradcli.codegen import TARGETS, generate
from gradcli.codegen.target import WIDTH, wrapped
from gradcli.graph.graph import Graph
from gradcli.graph.rewriting.fixing import fix
from gradcli.passes import evaluate_graph

CASES = (
    *whole.sample_cases(),
    whole.Case(
        "odd", "h = tanh(W @ x + b); sum(h*h)*c + sum(W)*x[0] + d/x[1] - k^2",
        {"W": [[0.1, -2.5], [1e-300, 3.0]], "x": [0.5, -1.25], "b": [1e300, 0.25], "c": 2.0, "d": -0.0, "k": -1.5},
    ),
    whole.Case("numbers", "A*exp(-k*t) + A/c", {"A": -5.1, "k": 0.1 + 0.2, "c": 3.0, "t": 1.25}),
    whole.Case(
        "not finite", "where(x > 0, x*y, a) + sum(min(w, x)) + 1/b + where(y > 9, c, 0)",
        {"a": math.nan, "x": 2.0, "w": [math.inf, 1.0], "y": 0.5, "b": -math.inf, "c": math.nan},
    ),
)  # fmt: skip
STAYING = {"x", "t", "y", "X"}


def function_of(case: whole.Case) -> tuple[Graph, dict[str, Any], dict[str, Any]]:
    """The graph, with most inputs as constants; the values of those that stay, and these constants."""
    point = {name: case.point[name] for name in case.graph.inputs}
    names = STAYING & {*point} or {next(iter(point))}
    constants = {name: x for name, x in point.items() if name not in names}
    assert constants
    return fix(case.graph, constants), {name: x for name, x in point.items() if name in names}, constants


@pytest.mark.parametrize("to", ["python", "numpy", "javascript", "c"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_numbers(case: whole.Case, to: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The file finds gradcli's own numbers, which are those of the function of all inputs."""
    graph, point, constants = function_of(case)
    trace = evaluate_graph(case.graph, point | constants)
    assert whole._near(evaluate_graph(graph, point).value, trace.value)
    path = tmp_path / f"file.{SUFFIXES.get(to, 'py')}"
    path.write_text(generate(graph, to, point=point, constants=constants), encoding="utf-8")
    done = run_file(path, "python" if to == "numpy" else to, request)
    assert (done.returncode, done.stdout, done.stderr) == (0, "as gradcli has it\n", "")


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_numbers_of_libraries(library: str, tmp_path: Path) -> None:
    python = interpreter(library)
    for case in CASES[-3:]:
        graph, point, constants = function_of(case)
        path = tmp_path / "file.py"
        path.write_text(generate(graph, library, point=point, constants=constants), encoding="utf-8")
        done = subprocess.run([python, str(path)], capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stdout) == (0, "as gradcli has it\n"), (case.name, done.stderr)


@pytest.mark.parametrize("to", TARGETS)
def test_the_comment_names_them(to: str) -> None:
    """With their values, at the head of the file; without any the comment is not there."""
    graph, _, constants = function_of(CASES[-2])
    source = generate(graph, to, constants=constants)
    head = [line.lstrip("#/% ") for line in source.splitlines()[:12]]
    place = head.index("Inputs of the program that are constants of the function:")
    assert head[place + 2 : place + 5] == ["A = -5.1", "k = 0.30000000000000004", "c = 3"]
    assert "constants of the function" not in generate(graph, to)


@pytest.mark.parametrize("to", [to for to in TARGETS if to != "latex"])
def test_lines_are_not_long(to: str) -> None:
    for case in CASES:
        graph, _, constants = function_of(case)
        assert max(map(len, generate(graph, to, constants=constants).splitlines())) <= WIDTH, case.name


def test_an_arrays_constant_is_written_once() -> None:
    """Under its own name where the language has arrays."""
    graph, _, constants = function_of(CASES[-3])
    source = generate(graph, "numpy", constants=constants)
    assert source.count("W = np.array([[0.1, -2.5], [1e-300, 3.0]])\n") == 1
    assert source.count("np.array(") == 2


def test_breaking_long_lines_takes_linear_time() -> None:
    """A literal of a million numbers; nothing is lost."""
    line = "    W = [" + ", ".join(["0.5"] * 1_000_000) + "]"
    lines = wrapped(line)
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(one.strip() for one in lines) == line.strip()


def test_breaking_lines() -> None:
    """Every piece but the first begins with the indent, whatever the widths are."""
    draw = random.Random(1)
    for _ in range(2000):
        text = " " * draw.randrange(8) + "".join(draw.choices(["a", "bb", ", ", "(", "-"], k=draw.randrange(1, 60)))
        lines = wrapped(text, "# ", draw.randrange(3, 40))
        inner = text[: len(text) - len(text.lstrip())] + "# "
        assert all(one.startswith(inner) for one in lines[1:])
        assert " ".join([lines[0], *(one[len(inner) :] for one in lines[1:])]) == text

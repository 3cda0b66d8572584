"""What the tests of array libraries share: programs, how the generated functions are run, and how they are compared."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from generated import SAMPLES, Case, Results, cases, same

import gradcli
from gradcli.codegen import generate, target
from gradcli.codegen.file import file_of
from gradcli.codegen.target import Text
from gradcli.errors import UsageError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse

RUNNER = Path(__file__).with_name("run_arrays.py")

# Where literals meet, which are no arrays; what libraries treat apart.
LITERALS = {
    "functions of literals": (
        "exp(2)*x + log(10)*x + hypot(3, 4) + max(1, 2) - min(3, 2, 1) + abs(-pi)*x + 2^0.5 + sqrt(e)"
    ),
    "quotients of literals": "x + 1/0 + (-1)/0 + x*(0/0 > 1) + mod(7, 3)",
    "composed functions of literals": (
        "sigmoid(2)*x + softplus(0)*x + log(x, 10) + leaky_relu(x, 0.1) + gelu(1) + erf(0.1)"
    ),
    "own functions of literals": (
        "g(a, b) = a/b with grad (1/b, -a/b^2)\nh(a) = 2 with grad (0)\n"
        "exp(h(x))*x + g(1, 0)*x + g(x, 3) + log(h(x)/h(x))"
    ),
    "conditions of literals": (
        "where(1 < 2, x, 2) + (2 == 2)*x + where(not 1 or x > 0, 1, 2) + where(1, x, 2) + where(x, 1, 2)"
    ),
    "chosen literals": "where(x > 0, 0.1, 0.3)*x + where(where(x > 0, 1, 0) and 1, 0.1, x)",
    "gradients that are literals": "a = log(x); b = where(x > 1, a, 2); 3*a + b*0.1 + where(x < 2, a, 0)",
    "a power of a half": "x^0.5 + y^-0.5",
    "powers": "x^3 + x^-2 + x^-1 + x^1.5 + 2^x",
    "one operand": "max(x) + min(x)",
    "many operands": f"max({', '.join(f'x*{k}' for k in range(1, 300))})",
    "constants of the language": "x*pi + e*tau + inf*(x > 9) + where(x > 9, nan, 0) - -pi + (-pi)^2",
    "an input alone": "x",
    "a gradient that is 0": "y*0 + floor(x)",
    "names": (
        "np = x + 1; torch = np*2; jnp = torch*x; shape = jnp/3; v = shape + x; filled = v*v; tensor = filled + v\n"
        "functools = tensor*v; functools*x"
    ),
    "inputs of many names": (
        "np*torch + jnp*shape - v*filled + tensor*functools/lambda + print*ratio + erf(special)*polynomial"
    ),
}
_NUMBERS = (0.75, -1.5, 2.0, 1.0, 0.0, 800.0, -float("inf"), float("inf"), float("nan"))


@cache
def literal_cases() -> tuple[Case, ...]:
    found = []
    for name, text in LITERALS.items():
        inputs = [*lower(parse(text)).inputs]
        numbers = _NUMBERS if len(inputs) < 3 else _NUMBERS[:-3]
        points = tuple({one: x + k for k, one in enumerate(inputs)} for x in numbers)
        found.append(Case(f"arrays: {name}", text, points))
    return tuple(found)


@cache
def all_cases() -> tuple[Case, ...]:
    return (*cases(), *literal_cases())


@cache
def traces() -> dict[tuple[str, int], gradcli.Trace]:
    """gradcli's own, by the name of a case and the position of a point."""
    return {
        (case.name, k): gradcli.evaluate(case.text, point)
        for case in all_cases()
        for k, point in enumerate(case.points)
    }


def run(library: str, to: str, folder: Path, python: str, without: Collection[str] = ()) -> Results:
    """All files, run by one process that must not warn.

    Args:
        without: cases to leave out.
    """
    for k, case in enumerate(all_cases()):
        (folder / f"case_{k}.py").write_text(generate(case.graph, to, f"case_{k}"), encoding="utf-8")
    given: list[tuple[list[str], list[list[float]]]] = []
    for case in all_cases():
        inputs = [] if case.name in without else [*case.graph.inputs]
        given.append((inputs, [[point[name] for name in inputs] for point in case.points]))
    (folder / "points.json").write_text(json.dumps(given))
    found: Results = output_of([python, "-X", "utf8", str(RUNNER), library, str(folder)])
    return found


def write(path: Path, text: str, to: str, name: str) -> None:
    """Generate a file."""
    path.write_text(generate(lower(parse(text)), to, name), encoding="utf-8")


def output_of(command: list[str]) -> Any:
    """The JSON that a process prints, which must say nothing else."""
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == "", done.stderr[-3000:]
    return json.loads(done.stdout)


def differences(results: Results) -> dict[str, list[tuple[float, ...]]]:
    """Case → the points at which some number is not gradcli's own to 1e-12 of the largest term of its sum."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for case, rows in zip(all_cases(), results, strict=True):
        assert not rows or len(rows) == len(case.points)
        for k, (point, numbers) in enumerate(zip(case.points, rows, strict=False)):
            trace = traces()[case.name, k]
            wanted = [trace.value, *trace.gradients.values()]
            if not all(map(same, numbers, wanted)) and not _near(case, point, numbers):
                found.setdefault(case.name, []).append(tuple(point.values()))
    return found


def _near(case: Case, point: dict[str, float], numbers: Sequence[float]) -> bool:
    """Whether sums that cancel are what differs. A file's own check knows how large their terms are."""
    check = file_of(case.graph, target("python"), "f", None, point).check
    assert check is not None
    expected = [check.value, *check.gradients.values()]
    return all(
        same(x, one.value) or abs(x - one.value) <= 1e-3 * one.tolerance
        for x, one in zip(numbers, expected, strict=True)
    )


HOSTILE = (
    "x*y # \"\"\" ''' %s \\n {} {0} \\",
    "x*y # \u2028 raise SystemExit(3)\n# \u2029 \x85 \x0c \x0b raise SystemExit(3)\r# \x1b[31m \u202e",
    "# coding: utf-7\n# +AAoAaQBtAHAAbwByAHQ-\nx*y",
)


def check_text(to: str, golden: Callable[[str, str], None]) -> None:
    """What people see, for review; a program's text is inert; names that the file needs are refused."""
    for sample in ("product", "neuron-sigmoid", "stages"):
        text = (SAMPLES / f"{sample}.grad").read_text(encoding="utf-8")
        point = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
        golden(f"codegen/golden/{sample}.{to}.txt", generate(lower(parse(text)), to, point=point))
    plain = ast.dump(ast.parse(generate(lower(parse("x*y")), to)))
    for text in HOSTILE:
        assert ast.dump(ast.parse(generate(lower(parse(text)), to))) == plain
    for name in ("np", "jnp", "torch", "shape", "chain", "agrees", "lambda", "print", "a b"):
        if name in ("np", "jnp", "torch") and target(to).writers["exp"](Text("x")).text != f"{name}.exp(x)":
            continue
        with pytest.raises(UsageError, match="can't be the name of a function"):
            generate(lower(parse("x*y")), to, name)


def check_self_test(to: str, folder: Path, python: str) -> None:
    """A file agrees with gradcli, also where nothing is finite; it says so if a number is another one."""
    text = (SAMPLES / "network.grad").read_text(encoding="utf-8")
    point = json.loads((SAMPLES / "network.json").read_text(encoding="utf-8"))
    source = generate(lower(parse(text)), to, point=point)
    infinite = generate(
        lower(parse("log(x)/y + sqrt(-z) + 0*w")), to, point={"x": 0.0, "y": 0.0, "z": 4.0, "w": math.inf}
    )
    broken = re.sub(r"(\bd_\w+ = )", r"\g<1>1.5 * ", source, count=1)
    for written, status, said in (
        (source, 0, "as gradcli has it"), (infinite, 0, "as gradcli has it"), (broken, 1, "differs from gradcli"),
    ):  # fmt: skip
        path = folder / "file.py"
        path.write_text(written, encoding="utf-8")
        command = [python, "-X", "utf8", path.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (status, "")
        assert done.stdout.startswith(said)

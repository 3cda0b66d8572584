"""Programs for generated code, and how that code is run: many functions at a time, since processes take the time."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import gradcli
from gradcli.codegen import c_target, generate, javascript_target, python_target
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.parser import parse

TESTS = Path(__file__).parents[1]
SAMPLES = TESTS.parent / "samples"
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off")


Results = list[list[list[float]]]  # case → point → value and gradients


# The formulas that only floats have (gradcli/numeric/refined.py) have limits of their own where numbers are not finite,
# and take -0 for 0 at the end of a domain. Everywhere else generated code has the same numbers.
KNOWN = {
    "pow_2": [(-math.inf, 1e-9)],
    "silu_1": [(math.inf,), (-math.inf,)],
    "mish_1": [(math.inf,), (-math.inf,)],
    "branch not chosen": [(0.0, 0.75), (0.0, -1.5), (0.0, 2.0), (0.0, 800.0)],
}


class Case(NamedTuple):
    """A program, and where to evaluate it."""

    name: str
    text: str
    points: tuple[dict[str, float], ...]

    @property
    def graph(self) -> Graph:
        return lower(parse(self.text), self.points[0])


# Where conventions are: zeros, kinks, ties, ends of domains, what is not finite.
SPECIAL = (0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.0, 3.0, 1e-9, 1e9, math.inf, -math.inf, math.nan)
FEW = (0.0, 1.0, -1.0, 2.0, 0.5, math.inf, math.nan)


def _call(row: ops.Op, names: Sequence[str]) -> str:
    if row.symbol is None:
        return f"{'log' if row.name == 'log_base' else row.name}({', '.join(names)})"
    return f"{row.symbol} {names[0]}" if len(names) == 1 else f"{names[0]} {row.symbol} {names[1]}"


def row_cases() -> Iterator[Case]:
    """Every function of the language alone, at its samples and where conventions are."""
    for row in ops.ELEMENTWISE:
        if row.hidden or row.name == "chain":
            continue
        counts = sorted({len(sample) for sample in row.samples} | ({3} if row.variadic else set()))
        for count in counts:
            names = [f"x{k}" for k in range(count)]
            numbers = {1: SPECIAL, 2: SPECIAL}.get(count, FEW)
            places = [sample for sample in row.samples if len(sample) == count] + [*product(numbers, repeat=count)]
            points = tuple(dict(zip(names, place, strict=True)) for place in places)
            yield Case(f"{row.name}_{count}", _call(row, names), points)


def sample_cases() -> Iterator[Case]:
    """Those of numbers alone; test_arrays.py has the others."""
    for path in sorted(SAMPLES.glob("*.grad")):
        point = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if any(isinstance(x, list) for x in point.values()):
            continue
        yield Case(path.stem, path.read_text(encoding="utf-8"), (point,))


def published_cases() -> Iterator[Case]:
    """The physics equations and the test functions of optimisation; not at their minima, where all is rounding."""
    for file, key in (("feynman.json", "equations"), ("functions.json", "functions")):
        for one in json.loads((TESTS / "cases" / file).read_text(encoding="utf-8"))[key]:
            yield Case(one["id"], one["expr"], tuple(point["x"] for point in one["points"]))


PROGRAMS = {
    "own derivative": ("clip(a, b) = where(a > 0, a, b) with grad (1, 0)\nf = clip(x*y, 2)*x\nf", ("x", "y")),
    "own derivative of nothing": ("g(a, b) = a with grad (2, 3*b)\ng(x, y)", ("x", "y")),
    "own in own": ("p(a) = a^3 with grad (3*a^2)\nq(a) = p(a)*sin(a) with grad (p(a))\nq(x) + p(x)", ("x",)),
    "shared gates": ("a = sin(x) + 1; b = sin(x) + 1; a*b + sin(x)", ("x",)),
    "branch not chosen": ("where(x > 0, log(x), sqrt(-x))*y", ("x", "y")),
    "condition as number": ("c = x < y; where(c, x, y) + c*x + (c and not (x == 2))", ("x", "y")),
    "logic": ("where((x > 0 and y > 0) or not x, x*y, x - y)", ("x", "y")),
    "where of a number": ("where(x, y, x*y)", ("x", "y")),
    "order of operations": ("x - (y - x) - (x/(y*x)) + x*(y/x)/(x/y) - -x - (-(-y))", ("x", "y")),
    "powers": ("x^2 + (x+y)^2 + x^3 + x^-1 + x^0.5 + 2^x + x^y + (-x)^2 - x^2^y", ("x", "y")),
    "nothing reaches it": ("floor(x)*2 + y*0", ("x", "y")),
    "an input": ("x", ("x",)),
    "names of the targets": (
        "lambda = x + 1; d_x = lambda*2; gradient = d_x*x; t1 = exp(gradient/9); t1*lambda",
        ("x",),
    ),
    "names of functions": ("exp = x*x; sin = exp + 1; chain = log(sin)*exp; f = cos(chain); f*chain", ("x",)),
    "letters": ("θ₁ = α*x₁ + ϑ; θ = θ₁*θ₁; theta_1 = θ/2; λ = θ + theta_1; λ", ("α", "x₁", "ϑ")),
    "prototype": ("__proto__ = x*y; constructor = __proto__ + _Z*2; constructor*x", ("x", "y", "_Z")),
    "constants": ("x*pi + e*tau - 1_000*.5 + 5.*1e-3 + 0.1 + 3.14159265358979323846264338", ("x",)),
    "infinite constants": ("where(x > 100, inf*x, x) + where(x < -100, nan, 0)", ("x",)),
    "huge": ("exp(x)*x^200/cosh(x*40)", ("x",)),
    "a long sum": (" + ".join(f"sin(x + {k})*y" for k in range(60)), ("x", "y")),
    "a long call": (f"max({', '.join(f'x*{k}' for k in range(1, 60))})*y", ("x", "y")),
}
_RESERVED = sorted(
    {
        name
        for target in (python_target, javascript_target, c_target)
        for name in (*target.TARGET.reserved, *target.TARGET.reserved_functions, *target.HELPERS, *ops.CODES)
    }
    - {"and", "or", "not", "in", "for", "inf", "nan"}
)
PROGRAMS["reserved names"] = (
    "\n".join([*(f"{name} = x*{k}" for k, name in enumerate(_RESERVED)), " + ".join(_RESERVED)]),
    ("x",),
)
PROGRAMS["reserved inputs"] = (" + ".join(f"{name}*{name}" for name in _RESERVED[::9]), tuple(_RESERVED[::9]))
_PLACES = (0.75, -1.5, 2.0, 0.0, 800.0)


def program_cases() -> Iterator[Case]:
    for name, (text, inputs) in PROGRAMS.items():
        places = product(_PLACES, repeat=len(inputs)) if len(inputs) < 4 else ([x] * len(inputs) for x in _PLACES)
        points = tuple(dict(zip(inputs, place, strict=True)) for place in places)
        yield Case(name, text, points)


@cache
def cases() -> tuple[Case, ...]:
    return (*row_cases(), *sample_cases(), *published_cases(), *program_cases())


@cache
def expected() -> Results:
    """What gradcli itself has: at every point the value, then the gradients in the order of the inputs."""
    traces = [[gradcli.evaluate(case.text, point) for point in case.points] for case in cases()]
    return [[[trace.value, *trace.gradients.values()] for trace in places] for places in traces]


def _name(position: int) -> str:
    return f"case_{position}"


def sources(target: str) -> dict[str, str]:
    """Function name → the file generated for it."""
    return {_name(k): generate(case.graph, target, _name(k)) for k, case in enumerate(cases())}


def arguments(case: Case) -> list[list[float]]:
    """The points, each in the order of the function's parameters."""
    return [[point[name] for name in case.graph.inputs] for point in case.points]


def run_python(folder: Path) -> Results:
    """One process imports all files."""
    for name, source in sources("python").items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    (folder / "points.json").write_text(json.dumps([arguments(case) for case in cases()]))
    driver = """
import json, importlib
points = json.load(open("points.json"))
found = []
for k, places in enumerate(points):
    function = getattr(importlib.import_module(f"case_{k}"), f"case_{k}")
    rows = []
    for place in places:
        value, gradients = function(*place)
        rows.append([value, *gradients.values()])
    found.append(rows)
print(json.dumps(found))
"""
    return _numbers(_output([sys.executable, "-W", "error", "-X", "utf8", "-c", driver], folder))


def run_javascript(folder: Path, node: str) -> Results:
    """One process of Node requires all files."""
    for name, source in sources("javascript").items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    # JSON has no NaN: numbers go as text.
    (folder / "points.json").write_text(json.dumps([[[_js(x) for x in p] for p in arguments(c)] for c in cases()]))
    driver = """
const points = JSON.parse(require("fs").readFileSync("points.json", "utf8"));
const found = points.map((places, k) => {
    const own = require(`./case_${k}.js`)[`case_${k}`];
    return places.map((place) => {
        const { value, gradients } = own(...place.map(Number));
        return [value, ...Object.values(gradients)].map(String);
    });
});
console.log(JSON.stringify(found));
"""
    (folder / "driver.js").write_text(driver)
    return _numbers(_output([node, "driver.js"], folder))


def _js(x: float) -> str:
    return repr(x).replace("inf", "Infinity").replace("nan", "NaN")


def compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert found is not None, "the tests compile C: no cc, gcc or clang is on PATH"
    return found


def run_c(folder: Path) -> Results:
    """One translation unit includes all files, and main reads points and prints numbers.

    Files have functions of the same names: macros give each file names of its own.
    """
    lines, mains = [], []
    for (name, source), case in zip(sources("c").items(), cases(), strict=True):
        (folder / f"{name}.c").write_text(source, encoding="utf-8")
        renamed = {*c_target.HELPERS, *(row.name for row in case.graph.rows[2:])} - {*c_target.WRITERS} | {
            *c_target.HELPERS
        }
        lines += [f"#define {own} {name}_{own}" for own in sorted(renamed)]
        lines.append(f'#include "{name}.c"')
        lines += [f"#undef {own}" for own in sorted(renamed)]
        count = len(case.graph.inputs)
        given = ", ".join([*(f"p[{k}]" for k in range(count)), "g"])
        mains.append(
            f"for (int i = 0; i < {len(case.points)}; i++) {{ numbers({count}); print({name}({given}), {count}); }}"
        )
    everything = "\n".join([*lines, _C_HEAD, "int main(void) {", *mains, "return 0; }"])
    (folder / "all.c").write_text(everything, encoding="utf-8")
    _output([compiler(), *FLAGS, "all.c", "-o", "all", "-lm"], folder)
    given = "\n".join(repr(x) for case in cases() for place in arguments(case) for x in place)
    found = map(float, _output([str(folder / "all")], folder, given).split())
    return [[[next(found) for _ in range(1 + len(place))] for place in arguments(case)] for case in cases()]


_C_HEAD = """
#include <stdio.h>
static double p[100], g[100];
static void numbers(int count)
{
    for (int i = 0; i < count; i++)
        if (scanf("%lf", &p[i]) != 1)
            p[i] = NAN;
}
static void print(double value, int count)
{
    printf("%.17g\\n", value);
    for (int i = 0; i < count; i++)
        printf("%.17g\\n", g[i]);
}
"""


def _output(command: list[str], folder: Path, given: str = "") -> str:
    done = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout


def _numbers(text: str) -> Results:
    found: list[Any] = json.loads(text)
    return [[[float(x) for x in place] for place in rows] for rows in found]


def same(found: float, wanted: float) -> bool:
    """Equal to 1e-12 relative; nan is nan and infinity infinity."""
    if wanted != wanted or found != found or math.isinf(wanted) or math.isinf(found):
        return (found != found and wanted != wanted) or found == wanted
    return abs(found - wanted) <= 1e-12 * abs(wanted) + 1e-300


def differences(results: Results) -> dict[str, list[tuple[float, ...]]]:
    """Case → the points at which some number is not gradcli's own."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for case, rows, own in zip(cases(), results, expected(), strict=True):
        for point, numbers, wanted in zip(case.points, rows, own, strict=True):
            assert len(numbers) == len(wanted), case
            if not all(map(same, numbers, wanted)):
                found.setdefault(case.name, []).append(tuple(point.values()))
    return found

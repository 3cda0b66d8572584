"""Programs with arrays for generated code: the samples, every row that works on whole arrays, and what is odd."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from array_runs import output_of
from generated import FLAGS, SAMPLES, compiler

from gradcli.codegen import c_target, generate
from gradcli.errors import Span
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import Shape, canonical
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

RUNNER = Path(__file__).with_name("run_whole.py")
NETWORKS = ("neuron-vector", "network-4-2-1", "softmax-regression", "rnn", "attention")


class Case(NamedTuple):
    """A program, and numbers or lists for its inputs."""

    name: str
    text: str
    values: dict[str, Any]
    built: Graph | None = None

    @property
    def point(self) -> dict[str, Any]:
        return {name: arrays.asarray(x) for name, x in self.values.items()}

    @property
    def graph(self) -> Graph:
        return self.built or lower(parse(self.text), self.point)

    @property
    def inputs(self) -> dict[str, Any]:
        """The values in the order of the function's parameters."""
        return {name: self.values[name] for name in self.graph.inputs}


def sample_cases() -> Iterator[Case]:
    for name in NETWORKS:
        values = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        yield Case(name, (SAMPLES / f"{name}.grad").read_text(encoding="utf-8"), values)


def _filled(shape: tuple[int, ...], draw: random.Random) -> Any:
    if shape:
        return [_filled(shape[1:], draw) for _ in range(shape[0])]
    return round(draw.uniform(-2.0, 2.0), 3)


def _with_elements(shape: Shape) -> Shape:
    """The shape of an input of which an operand of this shape is a part."""
    return tuple(max(1, extent) for extent in shape)


def _of_row(row: ops.Op, shapes: Sequence[Shape], given: dict[str, Any]) -> Graph:
    """sum(y*sin(3*y)) of a row's y: each element has another weight. Operands without elements are parts of inputs."""
    graph, operands = Graph(), []
    for k, shape in enumerate(shapes):
        given_shape = _with_elements(shape)
        operands.append(graph.append(ops.INPUT, (), f"x{k}", 0, 0, (("shape", given_shape),) if shape else None))
        graph.free[f"x{k}"] = Span(0, 0)
    for k, shape in enumerate(shapes):
        if 0 in shape:
            slots = (("slots", tuple((0, extent) for extent in shape)),)
            operands[k] = graph.append(ops.CODES["index"], (operands[k],), None, 0, 0, slots)
    three = graph.append(ops.CONSTANT, (), "3", 0, 0)
    settings = canonical(row.settings, given, shapes)
    y = graph.append(ops.CODES[row.name], tuple(operands), None, 0, 0, settings)
    graph.stages[y] = "y"
    turned = graph.append(ops.CODES["mul"], (three, y), None, 0, 0)
    waved = graph.append(ops.CODES["sin"], (turned,), None, 0, 0)
    product = graph.append(ops.CODES["mul"], (y, waved), None, 0, 0)
    over_all = canonical(ops.find("sum")[0].settings, {}, [graph.shapes.get(product, ())])
    graph.output = graph.append(ops.CODES["sum"], (product,), None, 0, 0, over_all)
    graph.verify()
    return graph


def row_cases() -> Iterator[Case]:
    """Every row at the shapes and settings that it names itself."""
    for row in ops.STRUCTURAL:
        for k, (shapes, given) in enumerate(row.trials):
            draw = random.Random(f"{row.name} {k}")
            values = {f"x{i}": _filled(_with_elements(shape), draw) for i, shape in enumerate(shapes)}
            if row.name == "one_hot" or (row.name == "cross_entropy" and len(shapes[1]) < len(shapes[0])):
                values[f"x{len(shapes) - 1}"] = _classes(_with_elements(shapes[-1]), draw)
            yield Case(f"{row.name} {k}", "", values, _of_row(row, shapes, given))


def _classes(shape: tuple[int, ...], draw: random.Random) -> Any:
    return [_classes(shape[1:], draw) for _ in range(shape[0])] if shape else draw.randrange(3)


_M = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]
_PROGRAMS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("broadcasting", "sum(A*b + c*A/(1 + b^2) - (b > 0)*A)", {"A": _M, "b": [1.0, -2.0, 0.5], "c": 3.0}),
    ("a column and a row", "sum(exp(c*r))", {"c": [[0.5], [1.0]], "r": [[0.1, 0.2, -0.3]]}),
    ("a constant array", "sum([[1, -2.5, pi], [3, 1e-3, 4]]*A) + sum(([1, 2, 3] + A)^2)", {"A": _M}),
    ("a constant array alone", "x*sum([1, 2, 3])", {"x": 2.0}),
    ("numbers in a list", "sum([x, 2, y]^2)*y", {"x": 2.0, "y": -1.5}),
    ("numbers alone", "mean(x) + norm(y) + softmax([x, y])[0]", {"x": 2.0, "y": -1.5}),
    ("conditions", "sum(where(A > 0 and A < 1, log(A), A^3))", {"A": _M}),
    ("activations", "sum(relu(A) + gelu(A) + softplus(A) + erf(A) + atan2(A, b))", {"A": _M, "b": [1.0, 2.0, 0.5]}),
    ("extremes of several", "sum(max(A, b, 0.5) - min(A, b))", {"A": _M, "b": [1.0, -2.0, 0.5]}),
    ("powers", "sum(abs(A)^b + 2^A)", {"A": _M, "b": [1.0, 2.0, 0.5]}),
    ("an input that nothing needs", "sum(floor(A)) + 0*sum(b)", {"A": _M, "b": [1.0, 2.0]}),
    ("an element", "A[1, 2]", {"A": _M}),
    ("a norm of what is large and small", "norm(A) + norm(b)", {"A": [[3e200, 4e200]], "b": [3e-200, 4e-200]}),
    ("a norm of zeros", "norm(A) + std(A)", {"A": [[0.0, 0.0]]}),
    ("equal elements", "std(A) + max(A, axis=1)[0] + logsumexp(A) + var(A)", {"A": [[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]}),
    ("large logits", "cross_entropy(A, [1, 0]) + logsumexp(A) + sum(logsoftmax(A)[0])", {"A": [[800, -900], [2, 1]]}),
    ("small tails", "sum(logsoftmax(A)[:, 0])*1e20", {"A": [[50.0, 0.0], [0.0, -40.0]]}),
    ("no class", "cross_entropy(A, t)", {"A": _M, "t": [1, 7]}),
    ("names", "norm = A*2; np = sum(norm); d_A = np*norm; tail = d_A + A_0; sum(tail)*scatter", {
        "A": _M, "A_0": [1.0, 2.0, 0.5], "scatter": 2.0}),
    ("a loop", "h = x\nfor t in 0..3 { h = tanh(W @ h + b[t]) }\nsum(h)", {
        "x": [0.5, -1.0], "W": [[0.5, 1.0], [-0.25, 0.75]], "b": [0.1, 0.2, 0.3]}),
    ("an own derivative", "clip(a, b) = where(a > 0, a, b) with grad (1, 0)\nsum(clip(A, 0.5)*A)", {"A": _M}),
    ("infinite slopes", "sum(sqrt(x)*w)", {"x": [0.0, 4.0], "w": [0.0, 1.0]}),
)  # fmt: skip


@cache
def cases() -> tuple[Case, ...]:
    return (*sample_cases(), *row_cases(), *(Case(*program) for program in _PROGRAMS))


@cache
def traces() -> dict[str, Trace]:
    """gradcli's own, by the name of a case."""
    return {case.name: evaluate_graph(case.graph, case.point) for case in cases()}


Found = list[tuple[float, dict[str, Any]]]  # case → value and gradients as lists


def few_cases() -> tuple[Case, ...]:
    """For a library that compiles every operation: samples, programs, and the last case of every row."""
    last = {case.name.split()[0]: case for case in row_cases()}
    return tuple(case for case in cases() if case.built is None or case.name == last[case.name.split()[0]].name)


def run(library: str, to: str, folder: Path, python: str, chosen: Sequence[Case] | None = None) -> Found:
    """All files, or some, run by one process that must not warn."""
    chosen = cases() if chosen is None else chosen
    for k, case in enumerate(chosen):
        (folder / f"case_{k}.py").write_text(generate(case.graph, to, f"case_{k}"), encoding="utf-8")
    (folder / "values.json").write_text(json.dumps([case.inputs for case in chosen]))
    found: Found = output_of([python, "-X", "utf8", "-W", "error", str(RUNNER), library, str(folder)])
    return found


def _flat(x: Any) -> list[float]:
    if isinstance(x, list | tuple):
        return [number for one in x for number in _flat(one)]
    return [float(x)]


def _near(found: Any, wanted: Any) -> bool:
    """The same elements to 1e-12 of the largest one, nan and infinities where they are."""
    ours, theirs = _flat(arrays.tolist(wanted)), _flat(found)
    scale = max((abs(x) for x in ours if math.isfinite(x)), default=0.0)
    return len(ours) == len(theirs) and all(
        x == y or (x != x and y != y) or abs(x - y) <= 1e-12 * scale for x, y in zip(ours, theirs, strict=True)
    )


def differences(found: Found, chosen: Sequence[Case] | None = None) -> list[str]:
    """The cases in which some number is not gradcli's own."""
    wrong = []
    for case, (value, gradients) in zip(cases() if chosen is None else chosen, found, strict=True):
        trace = traces()[case.name]
        assert gradients.keys() == trace.gradients.keys(), case
        pairs = [(value, trace.value), *((gradients[name], x) for name, x in trace.gradients.items())]
        if not all(_near(*pair) for pair in pairs):
            wrong.append(case.name)
    return wrong


_NODE = """
const values = JSON.parse(require("fs").readFileSync("values.json", "utf8"));
const text = (x) => (Array.isArray(x) ? x.map(text) : String(x));
console.log(JSON.stringify(values.map((inputs, k) => {
    const { value, gradients } = require(`./case_${k}.js`)[`case_${k}`](...Object.values(inputs));
    const all = Object.entries(gradients).map(([name, x]) => [name, text(x)]);
    return [text(value), Object.fromEntries(all)];
})));
"""


def run_javascript(folder: Path, node: str) -> Found:
    """One process of Node requires all files."""
    for k, case in enumerate(cases()):
        (folder / f"case_{k}.js").write_text(generate(case.graph, "javascript", f"case_{k}"), encoding="utf-8")
    (folder / "values.json").write_text(json.dumps([case.inputs for case in cases()]))
    driver = folder / "driver.js"
    driver.write_text(_NODE.replace('"values.json"', json.dumps(str(folder / "values.json"))), encoding="utf-8")
    found: Found = output_of([node, str(driver)])
    return found


def run_c(folder: Path) -> str:
    """What one program says that checks all files; each comes with gradcli's numbers, here to 1e-12.

    Files have functions of the same names: macros give each file names of its own.
    """
    lines = []
    for k, case in enumerate(cases()):
        source = generate(case.graph, "c", point=case.point)
        strict = re.sub(r"(agree.*, )([0-9.e+-]+)(\);)", lambda m: f"{m[1]}{1e-3 * float(m[2])!r}{m[3]}", source)
        (folder / f"case_{k}.c").write_text(strict, encoding="utf-8")
        helpers = {*c_target.HELPERS, *c_arrays_helpers()}
        renamed = {"f", "main", *helpers, *(row.name for row in ops.ELEMENTWISE if row.name not in c_target.WRITERS)}
        lines += [f"#define {own} case_{k}_{own}" for own in sorted(renamed)]
        lines.append(f'#include "case_{k}.c"')
        lines += [f"#undef {own}" for own in sorted(renamed)]
    calls = [f'if (case_{k}_main()) printf("{case.name}\\n");' for k, case in enumerate(cases())]
    everything = "\n".join([*lines, "int main(void) {", *calls, "return 0; }"])
    (folder / "all.c").write_text(everything, encoding="utf-8")
    for command in ([compiler(), *FLAGS, "all.c", "-o", "all", "-lm"], [str(folder / "all")]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[:3000]
    return "".join(line for line in done.stdout.splitlines(keepends=True) if line != "as gradcli has it\n")


def c_arrays_helpers() -> set[str]:
    """Functions that files have for arrays alone."""
    arrays = c_target.TARGET.arrays
    assert arrays is not None
    return {*arrays.helpers}

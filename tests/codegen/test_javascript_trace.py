"""Every number of both passes from generated JavaScript, compared with what `gradcli eval --json` has."""

from __future__ import annotations

import json
import math
import random
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from array_programs import array_programs
from generated import FEW, SAMPLES, SPECIAL, Case, program_cases, row_cases
from hostile import TEXTS, hidden
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import programs

import gradcli
from gradcli.codegen import TARGETS, generate, target
from gradcli.errors import UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.page.computing import MOST_STATEMENTS, NAME, computing
from gradcli.passes import evaluate_graph
from gradcli.traces import Trace

# Floats' own formula has another limit there (gradcli/numeric/refined.py).
KNOWN = {"pow_2": [(-math.inf, 1e-9)]}

DRIVER = """
const lines = require("readline").createInterface({ input: process.stdin });
const plain = (key, x) => typeof x === "number" && !Number.isFinite(x) ? String(x) : x;
const numbers = (x) => Array.isArray(x) ? x.map(numbers) : Number(x);
lines.on("line", (line) => {
    const { script, points } = JSON.parse(line);
    const module = { exports: {} };
    const trace = new Function("module", script)(module) ?? Object.values(module.exports)[0];
    console.log(JSON.stringify(points.map((point) => trace(...point.map(numbers))), plain));
});
"""


class Runner:
    """A process of Node that runs one script per line."""

    def __init__(self, node: str, folder: Path) -> None:
        (folder / "driver.js").write_text(DRIVER)
        self.process = subprocess.Popen(
            [node, "driver.js"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def run(self, script: str, points: list[list[Any]]) -> list[dict[str, Any]]:
        """What the script's function returns at each point."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"script": script, "points": _texts(points)}) + "\n")
        self.process.stdin.flush()
        found: list[dict[str, Any]] = json.loads(self.process.stdout.readline(), parse_int=float)
        return found


def _texts(x: Any) -> Any:
    """Numbers as JavaScript reads them, in lists as they were."""
    if isinstance(x, list | tuple):
        return [_texts(one) for one in x]
    return repr(float(x)).replace("inf", "Infinity").replace("nan", "NaN")


@pytest.fixture(scope="module")
def runner(node: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    found = Runner(node, tmp_path_factory.mktemp("javascript"))
    yield found
    assert found.process.stdin is not None
    assert found.process.stdout is not None
    found.process.stdin.close()
    found.process.stdout.close()
    assert found.process.wait(timeout=30) == 0


class Numbers(NamedTuple):
    """What is compared: a number, or lists of them, and how large the terms are that it is made of."""

    what: str
    found: Any
    wanted: Any
    terms: float


def _size(*several: Any) -> float:
    """The largest finite number."""
    largest = 0.0
    for x in several:
        if isinstance(x, list | tuple):
            largest = max(largest, _size(*x))
        elif x is not None and math.isfinite(float(x)):
            largest = max(largest, abs(float(x)))
    return largest


def compared(found: Mapping[str, Any], trace: Any) -> Iterator[Numbers]:
    """Every number of the JSON document with its counterpart; a row's own terms are its operands' values."""
    document = json.loads(trace.to_json(), parse_int=float)
    gates = document["gates"]
    arriving: list[list[Any]] = [[gate["global_gradient"]] for gate in gates]
    for gate in gates:
        for edge in gate["operands"]:
            arriving[int(edge["id"][1:])].append(edge["contribution"])
    assert [len(found[name]) for name in COLUMNS] == [len(gates)] * len(COLUMNS)
    for k, gate in enumerate(gates):
        edges, operands = gate["operands"], [gates[int(edge["id"][1:])]["value"] for edge in gate["operands"]]
        terms = _size(gate["value"], operands)
        yield Numbers(f"value of g{k}", found["values"][k], gate["value"], terms)
        size = _size(*arriving[k])
        yield Numbers(f"global gradient of g{k}", found["global_gradients"][k], gate["global_gradient"], size)
        assert len(found["local_gradients"][k]) == len(found["contributions"][k]) == len(edges)
        for place, edge in enumerate(edges):
            local, part = found["local_gradients"][k][place], found["contributions"][k][place]
            yield Numbers(f"local gradient g{k}-{place}", local, edge["local_gradient"], _size(edge["local_gradient"]))
            yield Numbers(f"contribution g{k}-{place}", part, edge["contribution"], _size(edge["contribution"]))
    assert found["gradients"].keys() == document["gradients"].keys()
    operands = [gates[k]["value"] for k in trace.graph.operands[trace.graph.output]]
    yield Numbers("value", found["value"], document["value"], _size(document["value"], operands))
    for name, gradient in document["gradients"].items():
        index = trace.graph.inputs[name]
        yield Numbers(f"gradient of {name}", found["gradients"][name], gradient, _size(*arriving[index]))


COLUMNS = ("values", "global_gradients", "local_gradients", "contributions")


def same(one: Numbers) -> bool:
    """Equal to 1e-9 of the largest term; null is null, nan is nan and infinity infinity."""
    found, wanted = one.found, one.wanted
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(same(one._replace(found=x, wanted=y)) for x, y in zip(found, wanted, strict=True))
        )
    if found is None or wanted is None or isinstance(found, list):
        return found is None and wanted is None
    x, y = float(found), float(wanted)
    return x == y or (x != x and y != y) or abs(x - y) <= 1e-9 * one.terms + 1e-300


def different(found: Mapping[str, Any], trace: Any, loose: bool = False) -> list[Numbers]:
    """What is not the same; loose: where numbers that cancel elsewhere may leave nothing but rounding."""
    numbers = [*compared(found, trace)]
    if loose:
        largest = _size(*(one.wanted for one in numbers))
        numbers = [one._replace(terms=max(one.terms, largest)) for one in numbers]
    return [one for one in numbers if not same(one)]


def marks_of(trace: Trace) -> dict[str, list[Any]]:
    """Kinks, poles and zeros by the rows' own rules, on the trace's numbers."""
    graph = trace.graph
    found: dict[str, list[Any]] = {"kinks": [], "poles": [], "zeros": []}
    system = arrays.over(trace.system)
    for index, code in enumerate(graph.codes):
        row, xs = graph.rows[code], [trace.values[operand] for operand in graph.operands[index]]
        for name, rule in zip(found, (row.kink and row.kink.at, row.pole, row.zero), strict=True):
            if rule is None:
                found[name].append(None)
                continue
            given = (graph.layout(index), trace.values[index]) if row.structural else ()
            flags = rule(system, *given, *xs)
            shape = graph.shapes.get(index, ())
            flags = system.broadcast_to(flags, shape=shape) if shape else flags
            found[name].append(arrays.tolist(flags * 1.0))
    return found


def page_script(trace: Any) -> str:
    script = computing(trace)
    assert script is not None
    return f"{script}return {NAME};"


def point_of(trace: Trace) -> list[Any]:
    """The values of all inputs, in their order."""
    return [arrays.tolist(trace.values[index]) for index in trace.graph.inputs.values()]


def check(runner: Runner, traces: list[Any], loose: bool = False) -> list[tuple[int, Numbers]]:
    """Traces of one graph: for each what differs, and its position. Marks must be the same to the letter."""
    rows = runner.run(page_script(traces[0]), [point_of(trace) for trace in traces])
    found = []
    for k, (row, trace) in enumerate(zip(rows, traces, strict=True)):
        found += [(k, one) for one in different(row, trace, loose)]
        for name, column in marks_of(trace).items():
            assert row[name] == column, (k, name)
    return found


# Every function


def _points(case: Case) -> list[dict[str, float]]:
    """The samples, where conventions are, and random places."""
    row = next(row for row in ops.ELEMENTWISE if row.name == case.name.rpartition("_")[0])
    names, r = [*case.points[0]], random.Random(case.name)
    chosen = SPECIAL if len(names) == 1 else FEW
    points = [dict(zip(names, place, strict=True)) for place in row.samples if len(place) == len(names)]
    points += [point for point in case.points if all(x in chosen or x != x for x in point.values())]
    return points + [{name: r.uniform(-3.0, 3.0) for name in names} for _ in range(8)]


@pytest.mark.parametrize("case", [*row_cases()], ids=lambda case: case.name)
def test_every_function(case: Case, runner: Runner) -> None:
    """At its samples, at kinks, ties, ends of domains and what is not finite, and at random points."""
    points = _points(case)
    traces = [gradcli.evaluate(case.text, point) for point in points]
    found = {tuple(points[k].values()): one for k, one in check(runner, traces)}
    assert [*found] == [known for known in KNOWN.get(case.name, []) if known in found], found


@pytest.mark.parametrize("trial", [row for row in ops.STRUCTURAL if not row.hidden], ids=lambda row: row.name)
def test_every_function_of_whole_arrays(trial: ops.Op, runner: Runner) -> None:
    """At the shapes and settings that the table names, with zeros and ties among the numbers."""
    r = random.Random(trial.name)
    for shapes, arguments in trial.trials:
        graph = Graph()
        for k, shape in enumerate(shapes):
            graph.append(ops.INPUT, (), f"x{k}", 0, 0, (("shape", shape),) if shape else None)
        canonical = ops.layout.canonical(trial.settings, arguments, shapes)
        made = graph.append(ops.CODES[trial.name], (*range(len(shapes)),), None, 0, 0, canonical)
        if graph.shapes.get(made):
            whole = ops.layout.canonical(ops.ROWS[ops.CODES["sum"]].settings, {}, [graph.shapes[made]])
            made = graph.append(ops.CODES["sum"], (made,), None, 0, 0, whole)
        graph.output = made
        if any(0 in shape for shape in (*shapes, *graph.shapes.values())):
            continue
        xs = {name: _random_array(r, graph.shapes.get(index, ())) for name, index in graph.inputs.items()}
        trace = gradcli.api.Trace.__new__(gradcli.api.Trace)
        trace.__dict__.update(evaluate_graph(graph, xs).__dict__)
        assert check(runner, [trace]) == [], (shapes, arguments)


def _random_array(r: random.Random, shape: tuple[int, ...]) -> Any:
    count = math.prod(shape)
    found = [r.choice((0.5, 0.25, 1.0, r.uniform(0.1, 2.0))) for _ in range(count)]
    return arrays.shaped(found, shape) if shape else found[0]


# Programs


@pytest.mark.parametrize("sample", sorted(path.stem for path in SAMPLES.glob("*.grad")))
def test_every_sample(sample: str, runner: Runner) -> None:
    """As the page has it, and as `code --trace` prints it."""
    text = (SAMPLES / f"{sample}.grad").read_text(encoding="utf-8")
    values = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
    trace = gradcli.evaluate(text, values)
    assert check(runner, [trace]) == []
    printed = generate(trace.graph, "javascript", trace=True)
    assert different(runner.run(printed, [point_of(trace)])[0], trace) == []


@pytest.mark.parametrize("case", [*program_cases()], ids=lambda case: case.name)
def test_odd_programs(case: Case, runner: Runner) -> None:
    """Functions with their own derivatives, shared gates, branches not chosen, names of the language."""
    points = [point for point in case.points if 800.0 not in point.values()]
    assert check(runner, [gradcli.evaluate(case.text, point) for point in points]) == []


@settings(max_examples=120, deadline=None)
@given(programs(gradients=True))
def test_random_programs(runner: Runner, case: Any) -> None:
    check_random(runner, case)


@pytest.mark.parametrize("kind", ["moderate", "ties"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_programs_of_arrays(runner: Runner, kind: str, data: Any) -> None:
    check_random(runner, data.draw(array_programs(kind)))


def check_random(runner: Runner, case: Any) -> None:
    """A program and its values, of which it may need a few only."""
    known = lower(parse(case.text), {name: np.array(x) for name, x in case.values.items()}).free
    trace = gradcli.evaluate(case.text, {name: x for name, x in case.values.items() if name in known})
    assert check(runner, [trace], loose=True) == []


# What is asked for


@pytest.mark.parametrize("wrt", [["x"], ["y", "b"], ["b"]])
def test_by_some_inputs(wrt: list[str], runner: Runner) -> None:
    """What does not depend on them has no gradients, here as there."""
    text = "q = x*y; r = sum(relu(b)) + y; where(q > 0, q*r, r)/(1 + exp(-x)) + floor(y)"
    trace = gradcli.evaluate(text, {"x": 0.5, "y": 2.0, "b": [1.0, -1.0, 0.0]}, wrt=wrt)
    assert any(x is None for x in trace.adjoints)
    assert check(runner, [trace]) == []
    printed = generate(trace.graph, "javascript", wrt=wrt, trace=True)
    assert different(runner.run(printed, [point_of(trace)])[0], trace) == []


def test_a_branch_that_is_not_chosen(runner: Runner) -> None:
    """Its infinite slope is shown, and contributes exactly 0."""
    traces = [gradcli.evaluate("where(x > 0, sqrt(x), 2*x)*y", x=x, y=0.5) for x in (0.0, -1.0, 4.0, -0.0)]
    assert check(runner, traces) == []
    assert 0.0 in [trace.adjoints[trace.graph.inputs["x"]] - 1.0 for trace in traces]


@pytest.mark.parametrize(
    ("text", "values", "kinks"),
    [
        ("relu(x)", {"x": 0.0}, [None, 1.0]),
        ("relu(x)", {"x": 1.0}, [None, 0.0]),
        ("max(x, y, 2)", {"x": 2.0, "y": 1.0}, [None, None, None, 1.0]),
        ("sum(abs(b))", {"b": [0.0, 1.0]}, [None, [1.0, 0.0], None]),
        ("amax(b)", {"b": [3.0, 3.0]}, [None, 1.0]),
        ("norm(b)", {"b": [0.0, 0.0]}, [None, 1.0]),
    ],
)
def test_kinks_are_told_at_run_time(text: str, values: dict[str, Any], kinks: list[Any], runner: Runner) -> None:
    """The function knows where it stands, whatever it was made at."""
    other = gradcli.evaluate(text, {name: _moved(x) for name, x in values.items()})
    point = [[values[name] for name in other.graph.inputs]]
    assert runner.run(page_script(other), point)[0]["kinks"] == kinks


def _moved(x: Any) -> Any:
    return [_moved(one) for one in x] if isinstance(x, list) else x + 0.375


def test_poles_and_zeros_are_told_at_run_time(runner: Runner) -> None:
    row = runner.run(page_script(gradcli.evaluate("log(x)*y", x=1, y=2)), [[0.0, 0.0], [2.0, 3.0]])
    assert [one["poles"] for one in row] == [[None, None, 1.0, None], [None, None, 0.0, None]]
    assert [one["zeros"] for one in row] == [[None, None, None, 1.0], [None, None, None, 0.0]]


# The text


def test_other_targets_refuse() -> None:
    for name in TARGETS:
        if not target(name).traces:
            with pytest.raises(UsageError, match=f"^{name} has no --trace\n") as refused:
                generate(lower(parse("x*y")), name, trace=True)
            assert refused.value.hint == "it is for javascript"


def test_it_checks_itself(node: str, tmp_path: Path) -> None:
    """And fails once an operation is another one."""
    source = generate(lower(parse("q = x + y\nq*z")), "javascript", point={"x": 2, "y": 3, "z": -4}, trace=True)
    for text, status in ((source, 0), (source.replace("x + y", "x - y"), 1)):
        (tmp_path / "file.js").write_text(text, encoding="utf-8")
        done = subprocess.run([node, "file.js"], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert done.returncode == status, done.stderr


def test_a_hundred_gates_are_a_short_file() -> None:
    text = "\n".join(f"h{k} = tanh(x*{k}.5 + y)/(h{k - 1} + 2)" if k else "h0 = x" for k in range(26)) + "\nh25*h24"
    trace = gradcli.evaluate(text, x=0.5, y=0.25)
    assert len(trace.graph) >= 100
    assert len(generate(trace.graph, "javascript", trace=True)) < 40_000
    assert len(page_script(trace)) < 40_000


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_names_are_inert(name: str, runner: Runner) -> None:
    """As an input and as a stage: they run as anything else, end no script and hide nothing."""
    graph = Graph(TEXTS[name])
    x, y = (graph.append(ops.INPUT, (), one, 0, 0) for one in (TEXTS[name], "__proto__"))
    q = graph.append(ops.CODES["mul"], (x, y), None, 0, 0)
    graph.stages[q] = TEXTS[name]
    graph.output = graph.append(ops.CODES["sin"], (q,), None, 0, 0)
    trace = evaluate_graph(graph, {TEXTS[name]: 2.0, "__proto__": 3.0})
    script = page_script(trace)
    assert "<" not in script.replace(" < ", "")
    assert not hidden(script)
    found = runner.run(script, [[2.0, 3.0]])[0]
    assert found["values"] == pytest.approx(trace.values)
    assert found["gradients"] == pytest.approx(trace.gradients)


def test_what_is_too_large_is_not_computed_live() -> None:
    """Neither many gates nor large arrays; nor a backward pass that starts with something else than 1."""
    trace = gradcli.evaluate(" + ".join(f"x*{k}" for k in range(MOST_STATEMENTS // 2)), x=1)
    assert computing(trace) is None
    assert computing(gradcli.evaluate("sum(X @ X)", X=np.ones((60, 60)))) is None
    assert computing(evaluate_graph(lower(parse("x*x")), {"x": 2.0}, seed=3.0)) is None

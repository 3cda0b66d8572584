"""The page's sentences are those of `gradcli explain`, sign by sign."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from array_programs import array_programs
from columns_of import drawn, facts_and_columns
from node_page import run
from programs import programs

import gradcli
from gradcli.errors import GradcliError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.printable import printable
from gradcli.render.explain import Telling
from gradcli.render.explain.flows import with_named_output
from gradcli.render.explain.steps import steps
from gradcli.render.explain.words import Words, trimmed
from gradcli.traces import Trace

SAMPLES = Path(__file__).parent.parent.parent / "samples"
ASSETS = ("numbers", "sentences", "warnings", "warnings_of_arrays")

# The whole explanation from the sentences of its gates: forward, backward from the output, the inputs' gradients.
WHOLE = """given.map(([facts, raw]) => {
  const columns = Object.fromEntries(Object.entries(raw).map(([name, column]) => [name, plainNumber(column)]));
  const warnings = warningsOf(facts, columns), places = facts.gates.map((_, index) => index);
  const isGate = (index) => facts.gates[index].operands.length > 0;
  const told = places.filter((index) => facts.gates[index].kind !== "constant" || facts.gates[index].name !== null
    || index === facts.output);
  const back = [...places.filter(isGate).reverse(), ...places.filter((index) => facts.gates[index].kind === "input")];
  return [...told.flatMap((index) => forwardSentences(facts, columns, index, warnings)),
    ...back.flatMap((index) => backwardSentences(facts, columns, index, warnings))]
    .map((one) => [one.kind, one.text, one.words]);
})"""


def explained(trace: Trace) -> list[list[str]]:
    """What Python tells."""
    named = with_named_output(trace)
    words = Words(named, False)
    found = []
    for step in steps(named, Telling()):
        if step.kind not in ("title", "prose"):
            text = " ".join(map(words.write, trimmed(step.formula, words.write)))
            found.append([step.kind, text, printable(step.words)])
    return found


def same(traces: list[Trace], repeated: bool = True) -> None:
    told = run(ASSETS, WHOLE, [facts_and_columns(trace, repeated) for trace in traces])
    for trace, sentences in zip(traces, told, strict=True):
        assert sentences == explained(trace), trace.graph.source


def evaluated(cases: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Trace]:
    """The traces of programs that have one."""
    found = []
    for text, values in cases:
        try:
            graph = lower(parse(text), values)
            found.append(evaluate_graph(graph, {name: values[name] for name in graph.inputs}))
        except GradcliError:
            continue
    return found


def bound(x: Any) -> Any:
    """A value as the passes take it."""
    return np.array(x) if isinstance(x, list) else x


def sample(name: str) -> tuple[str, dict[str, Any]]:
    text = (SAMPLES / f"{name}.grad").read_text(encoding="utf-8")
    return text, json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def test_samples_are_explained_as_by_explain() -> None:
    """All samples, at their own values and, those of numbers, at random ones."""
    draw = Random(3)
    cases = [sample(path.stem) for path in sorted(SAMPLES.glob("*.grad")) if (SAMPLES / f"{path.stem}.json").exists()]
    for text, values in [*cases]:
        if not any(isinstance(value, list) for value in values.values()):
            cases += [(text, {name: draw.gauss(0, 3) for name in values}) for _ in range(5)]
    traces = [gradcli.evaluate(text, values) for text, values in cases]
    traces = [trace for trace in traces if len(trace.graph) <= 200]
    same(traces)
    same(traces[::3], repeated=False)


CASES: tuple[tuple[str, dict[str, float]], ...] = (
    ("where(x, y, z)", {"x": math.nan, "y": 1.0, "z": 2.0}),
    ("where(x, y, z)*x", {"x": -1.0, "y": 1.0, "z": 2.0}),
    ("f(a) = a^3/3 with grad (a^2)\nf(x)", {"x": -2.0}),
    ("f(a, b) = a*b with grad (2*b, exp(a))\nf(x, x)", {"x": -2.0}),
    ("x", {"x": -1.0}),
    ("2", {}),
    ("q = -2; q*x", {"x": -1.0}),
    ("infinity - x", {"x": 1.0, "infinity": math.inf}),
    ("x < y", {"x": -1.0, "y": -2.0}),
    ("not x", {"x": -1.0}),
    ("f = x*y; f + x*f", {"x": -1.0, "y": 0.0}),
    ("g1 = x*y; tanh(g1)", {"x": -1.0, "y": 0.25}),
    (" + ".join(["x*x"] * 30), {"x": -1.5}),
    (f"max({', '.join(['x', 'y', 'x*y'] * 5)})", {"x": -1.5, "y": 0.5}),
    ("1_000*x - 1e3*y + .5*x^-2 + (-2)^y", {"x": -1.5, "y": 2.0}),
)


def test_signs_names_and_repeated_operands_are_explained_as_by_explain() -> None:
    """What a random program seldom has: declared derivatives, an output f, sums of many terms, many operands."""
    same(evaluated(CASES))


def test_what_is_held_fixed_is_explained_as_by_explain() -> None:
    """Gradients by some inputs, or by none."""
    text, values = "q = x*y; relu(q)*z*z + tanh(z)", {"x": 1.0, "y": -2.0, "z": 0.5}
    same([evaluate_graph(lower(parse(text), values), values, wrt) for wrt in (["x"], ["z"], [])])


def test_random_programs_are_explained_as_by_explain() -> None:
    """Programs over all rows of the table, with functions that declare their derivatives, at values small and large."""
    traces = evaluated((case.text, case.values) for case in drawn(programs(gradients=True), 250))
    assert len(traces) > 200
    same(traces)


def test_random_programs_of_arrays_are_explained_as_by_explain() -> None:
    """All functions of whole arrays, repeated operands, ties, numbers that are not finite."""
    cases = [case for kind in ("moderate", "ties", "odd") for case in drawn(array_programs(kind), 80)]
    traces = evaluated((case.text, {name: bound(x) for name, x in case.values.items()}) for case in cases)
    assert len(traces) > 200
    traces = [trace for trace in traces if len(trace.graph) <= 200]
    same(traces)
    same(traces[::3], repeated=False)

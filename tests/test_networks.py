"""The samples with arrays: whole arrays, single elements, multiprecision differences and other libraries agree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from peers import interpreter

import gradcli
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import on
from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values
from gradcli.language.parser import parse
from gradcli.numeric import arrays
from gradcli.numeric.decimals import Decimals
from gradcli.passes import evaluate_graph, forward

SAMPLES = Path(__file__).parent.parent / "samples"
RUNNER = Path(__file__).with_name("run_networks.py")
NETWORKS = {  # values → program
    "neuron-vector": "neuron-vector",
    "network-4-2-1": "network-4-2-1",
    "softmax-regression": "softmax-regression",
    "rnn": "rnn",
    "rnn-50": "rnn",
    "attention": "attention",
    "iris-logistic": "iris-logistic",
    "xor": "xor",
    "spiral": "spiral",
    "three-ones": "three-ones",
}


def _given(name: str) -> dict[str, Any]:
    given: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return given


def _text(name: str) -> str:
    return (SAMPLES / f"{NETWORKS[name]}.grad").read_text(encoding="utf-8")


@cache
def _trace(name: str) -> gradcli.Trace:
    return gradcli.evaluate(_text(name), _given(name))


def _elements(gradients: Mapping[str, Any]) -> dict[str, float]:
    """Every element by its name in the unrolled graph."""
    found: dict[str, float] = {}
    for name, x in gradients.items():
        shape = getattr(x, "shape", ())
        numbers = x.ravel().tolist() if shape else [x]
        found.update(zip(element_names(name, shape), numbers, strict=True))
    return found


def _assert_near(found: Mapping[str, float], expected: Mapping[str, float], tolerance: float) -> None:
    assert found.keys() == expected.keys()
    scale = max(map(abs, expected.values()))
    for name, number in expected.items():
        assert abs(found[name] - number) <= tolerance * max(abs(number), 1e-3 * scale), name


def _unrolled(name: str) -> tuple[Graph, dict[str, float]]:
    values = {input: arrays.asarray(x) for input, x in _given(name).items()}
    graph = lower(parse(_text(name)), values)
    return unroll(graph), unrolled_values(graph, values)


@pytest.mark.parametrize("name", NETWORKS)
def test_arrays_and_elements_agree(name: str) -> None:
    """The unrolled program, in which every weight is a gate, has the same value and gradients."""
    graph, values = _unrolled(name)
    assert not graph.shapes
    assert not graph.settings
    graph.verify()
    trace = evaluate_graph(graph, values)
    assert trace.value == pytest.approx(_trace(name).value, rel=1e-14)
    _assert_near(trace.gradients, _elements(_trace(name).gradients), 1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_multiprecision_differences(name: str) -> None:
    """Central differences of the value in 60 digits, by every element of every input."""
    graph, values = _unrolled(name)
    decimals = Decimals(60)
    m, context = on(decimals.primitives), decimals.context
    m.literal = decimals.literal
    exact = {element: context.mpf(x) for element, x in values.items()}
    step = context.mpf(10) ** -20
    expected = {}
    for element in values:
        if element.startswith("labels"):  # class numbers: nothing is between them
            expected[element] = 0.0
            continue
        above, below = ({**exact, element: exact[element] + move} for move in (step, -step))
        up, down = (forward(graph, point, m)[graph.output] for point in (above, below))
        expected[element] = float((up - down) / (2 * step))
    _assert_near(_elements(_trace(name).gradients), expected, 1e-12)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_other_libraries(library: str) -> None:
    """Written by hand for PyTorch and JAX, every network has the same value and gradients, to 1e-12."""
    python = interpreter(library)
    given = json.dumps({name: _given(name) for name in NETWORKS})
    done = subprocess.run([python, str(RUNNER), library], input=given, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for name in NETWORKS:
        trace = _trace(name)
        assert trace.value == pytest.approx(found[name]["value"], rel=1e-13)
        theirs = {input: arrays.asarray(x) for input, x in found[name]["gradients"].items()}
        ours = {input: x for input, x in trace.gradients.items() if input != "labels"}
        _assert_near(_elements(ours), _elements(theirs), 1e-12)


def test_shared_weight_adds_up_over_fifty_steps() -> None:
    """The recurrent weight is used once per step but the first, where h is 0; its contributions add up."""
    trace = _trace("rnn-50")
    weight = trace.graph.inputs["u"]
    parts = [edge.contribution for gate in trace.gates for edge in gate.operands if edge.operand == weight]
    assert len(parts) == 50
    assert parts[0] == 0.0
    assert sum(part != 0.0 for part in parts) == 49
    assert sum(reversed(parts)) == pytest.approx(trace.gradients["u"], rel=1e-14)

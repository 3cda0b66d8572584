"""The samples: the numbers that their sources list, through the API and through the command line."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from mpmath.ctx_mp import MPContext
from stages import compare_gates, named_gates, near

import gradcli
from gradcli.cli.app import run
from gradcli.graph.ops.layout import shown
from gradcli.numeric import arrays
from gradcli.numeric.elements import norm

SAMPLES = Path(__file__).parent.parent / "samples"
CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.grad"))

# Samples of arrays, which tests/test_networks.py compares with other libraries; and values for one of them, in longer.
ARRAYS = {
    "neuron-vector", "network-4-2-1", "softmax-regression", "rnn", "attention", "iris-logistic", "xor", "spiral",
    "three-ones",
}  # fmt: skip
MORE_VALUES = {"rnn-50"}

# Samples that work out an example of cases/tutorials.json.
TUTORIALS = {
    "product": "brief-circuit",
    "neuron": "cs231n-neuron",
    "neuron-sigmoid": "cs231n-neuron-sigmoid",
    "neuron-saturated": "neuron-x=[-1,2]",
    "neuron-sigmoid-saturated": "neuron-x=[-1,2]",
    "stages": "cs231n-staged",
    "tanh-neuron": "micrograd-neuron",
    "micrograd": "micrograd-readme",
}

ctx: Any = MPContext()
ctx.dps = 100


def _text(name: str) -> str:
    return (SAMPLES / f"{name}.grad").read_text(encoding="utf-8")


def _inputs(name: str) -> dict[str, float]:
    inputs: dict[str, float] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return inputs


def _trace(name: str) -> gradcli.Trace:
    return gradcli.evaluate(_text(name), _inputs(name))


def _example(id: str) -> dict[str, Any]:
    examples = json.loads((CASES / "tutorials.json").read_text(encoding="utf-8"))["examples"]
    example: dict[str, Any] = next(example for example in examples if example["id"] == id)
    return example


# What the sources list


@pytest.mark.parametrize(("name", "id"), TUTORIALS.items())
def test_value_and_gradients_of_the_source(name: str, id: str) -> None:
    trace, example = _trace(name), _example(id)
    assert _inputs(name) == example["x"]
    assert near(trace.value, example["f"])
    assert trace.gradients.keys() == example["grad"].keys()
    for input, gradient in example["grad"].items():
        assert near(trace.gradients[input], gradient), input
    assert {warning.kind for warning in trace.warnings} <= {"dead"}, "a relu may be off, all else is in order"


@pytest.mark.parametrize(("name", "id"), TUTORIALS.items())
def test_every_gate_of_the_source(name: str, id: str) -> None:
    """Values, local and global gradients of all gates that the source names."""
    compare_gates(_trace(name), _example(id)["gates"])


@pytest.mark.parametrize(("name", "id"), TUTORIALS.items())
def test_numbers_that_the_source_prints(name: str, id: str) -> None:
    trace = _trace(name)
    named = named_gates(trace)
    for gate, printed in _example(id).get("printed", {}).items():
        found = trace.value if gate == "f" else trace.gates[named[gate]].global_gradient
        digits = len(printed.partition(".")[2])
        assert round(found, digits) == float(printed), gate


def test_the_stages_are_the_eight_of_the_source() -> None:
    trace = _trace("stages")
    names = [gate.name for gate in trace.gates if gate.operands]
    assert names == ["sigy", "num", "sigx", "xpy", "xpysqr", "den", "invden", "f"]


def test_a_saturated_neuron_is_not_worth_073() -> None:
    for name in ("neuron-saturated", "neuron-sigmoid-saturated"):
        assert f"{_trace(name).value:.3g}" == "1.67e-05"
    for name in ("neuron", "neuron-sigmoid"):
        assert f"{_trace(name).value:.2f}" == "0.73"


# Samples without a source of gradients: central differences of the formula written once more, in 100 digits


def _planck(h: Any, ω: Any, k: Any, T: Any) -> Any:
    energy = h / (2 * ctx.pi) * ω
    return energy / (ctx.exp(energy / (k * T)) - 1)


def _shared_weight(w: Any, x1: Any, x2: Any, u: Any, target: Any) -> Any:
    return (ctx.tanh(w * x2 + u * ctx.tanh(w * x1)) - target) ** 2


def _network(
    x1: Any, x2: Any, w11: Any, w12: Any, b1: Any, w21: Any, w22: Any, b2: Any, v1: Any, v2: Any, c: Any, target: Any
) -> Any:
    hidden = ctx.tanh(w11 * x1 + w12 * x2 + b1), ctx.tanh(w21 * x1 + w22 * x2 + b2)
    return (v1 * hidden[0] + v2 * hidden[1] + c - target) ** 2


def _misra1a(b1: Any, b2: Any, x: Any) -> Any:
    return b1 * (1 - ctx.exp(-b2 * x))


def _black_scholes(S: Any, K: Any, r: Any, sigma: Any, T: Any) -> Any:
    above = (ctx.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * ctx.sqrt(T))
    return S * ctx.ncdf(above) - K * ctx.exp(-r * T) * ctx.ncdf(above - sigma * ctx.sqrt(T))


FORMULAS: dict[str, Callable[..., Any]] = {
    "planck": _planck,
    "black-scholes": _black_scholes,
    "shared-weight": _shared_weight,
    "network": _network,
    "misra1a": _misra1a,
}


def _plain(name: str) -> str:
    return "".join(str("₀₁₂₃₄₅₆₇₈₉".index(sign)) if sign in "₀₁₂₃₄₅₆₇₈₉" else sign for sign in name)


def _difference(formula: Callable[..., Any], inputs: Mapping[str, Any], name: str) -> Any:
    step = ctx.mpf(10) ** -30
    above, below = (formula(**{**inputs, name: inputs[name] + shift}) for shift in (step, -step))
    return (above - below) / (2 * step)


@pytest.mark.parametrize(("name", "formula"), FORMULAS.items())
def test_value_and_gradients_of_our_own_samples(name: str, formula: Callable[..., Any]) -> None:
    trace = _trace(name)
    inputs = {_plain(input): ctx.mpf(value) for input, value in _inputs(name).items()}
    assert near(trace.value, float(formula(**inputs)))
    assert len(trace.gradients) == len(inputs)
    for input, gradient in trace.gradients.items():
        assert near(gradient, float(_difference(formula, inputs, _plain(input)))), input
    assert trace.warnings == []


def test_planck_is_an_equation_of_ai_feynman() -> None:
    equations = json.loads((CASES / "feynman.json").read_text(encoding="utf-8"))["equations"]
    point = next(equation for equation in equations if equation["id"] == "III.4.33")["points"][0]
    trace, names = _trace("planck"), {"omega": "ω", "kb": "k"}
    assert _inputs("planck") == {names.get(name, name): value for name, value in point["x"].items()}
    assert near(trace.value, point["f"])
    for name, gradient in point["grad"].items():
        assert near(trace.gradients[names.get(name, name)], gradient), name


def test_the_option_is_worth_what_its_source_prints() -> None:
    trace = _trace("black-scholes")
    named = named_gates(trace)
    assert round(trace.value, 2) == 4.76
    assert [round(trace.gates[named[name]].value, 4) for name in ("d₁", "d₂")] == [0.7693, 0.6278]


def test_a_shared_weight_has_the_sum_of_its_contributions() -> None:
    trace = _trace("shared-weight")
    parts = [edge.contribution for gate in trace.gates for edge in gate.operands if edge.id == "g0"]
    assert len(parts) == 2
    assert trace.gates[0].name == "w"
    assert trace.gradients["w"] == sum(parts)


def test_every_call_in_the_network_has_gates_of_its_own() -> None:
    assert sum(gate.op == "tanh" for gate in _trace("network").gates) == 2


# Data


def _table(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_options_have_the_columns_of_the_program() -> None:
    rows = _table("options.csv")
    assert list(rows[0]) == ["id", "underlying", *_inputs("black-scholes"), "quote"]
    assert len({row["id"] for row in rows}) == len(rows) == 40
    assert any("," in row["underlying"] for row in rows), "a text that needs its quotes"


def test_every_option_is_priced_exactly_and_quoted_nearby() -> None:
    program = gradcli.parse(_text("black-scholes"))
    for row in _table("options.csv"):
        inputs = {name: float(row[name]) for name in _inputs("black-scholes")}
        trace = gradcli.evaluate(program, inputs)
        exact = {name: ctx.mpf(x) for name, x in inputs.items()}
        assert near(trace.value, float(_black_scholes(**exact)))
        for name, gradient in trace.gradients.items():
            assert near(gradient, float(_difference(_black_scholes, exact, name))), (row["id"], name)
        assert abs(float(row["quote"]) - trace.value) <= 0.012 * trace.value + 0.005


def test_measurements_of_the_pendulum_agree() -> None:
    """Each within three of its uncertainties of what was taken, as nearly all normal errors are; not all within one."""
    off = []
    for row in _table("pendulum.csv"):
        trace = gradcli.evaluate("4π²*L/T^2", {name: float(row[name]) for name in ("L", "T")})
        parts = [trace.gradients[name] * float(row[f"{name}_err"]) for name in ("L", "T")]
        assert near(trace.value, float(4 * ctx.pi**2 * ctx.mpf(float(row["L"])) / ctx.mpf(float(row["T"])) ** 2))
        off.append(abs(trace.value - 9.81) / math.hypot(*parts))
    assert len(off) == 12
    assert 1.0 < max(off) < 3.0


# The command line


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_gives_the_same(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["eval", f"@{SAMPLES / name}.grad", "--vars", f"{SAMPLES / name}.json", "--json"])
    shown = capsys.readouterr()
    assert status == 0
    known = ("passes no gradient", "left out: chance")  # which users of a trained model look at
    assert all(any(text in line for text in known) for line in shown.err.splitlines())
    assert shown.out == _trace(name).to_json()
    gradients = {input: arrays.tolist(gradient) for input, gradient in _trace(name).gradients.items()}
    assert json.loads(shown.out)["gradients"] == gradients


@pytest.mark.parametrize("name", sorted({*NAMES} - ARRAYS))
def test_the_table_shows_value_and_gradients(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", f"@{SAMPLES / name}.grad", "--vars", f"{SAMPLES / name}.json"]) == 0
    out, trace = capsys.readouterr().out, _trace(name)
    assert f" = {trace.value!r}\n" in out
    for input, gradient in trace.gradients.items():
        assert f"∂/∂{input} = {gradient!r}\n" in out


# The folder


def test_every_sample_is_complete_and_tested() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*NAMES, *MORE_VALUES}
    assert TUTORIALS.keys() | FORMULAS.keys() | ARRAYS == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_says_what_it_is(name: str) -> None:
    text = _text(name)
    assert text.startswith("# ")
    assert text.endswith("\n")
    assert max(map(len, text.splitlines())) <= 120


def _readme_rows() -> dict[str, tuple[str, str]]:
    """Program → value and gradients, as the table says."""
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([\w-]+)\]\(\1\.grad\) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {name: (value, gradients) for name, value, gradients in rows}


def test_the_readme_lists_the_samples() -> None:
    assert set(_readme_rows()) == set(NAMES)


def _rounded(gradient: Any) -> str:
    """Six digits; of a long array its shape and norm."""
    shape = getattr(gradient, "shape", ())
    if not shape:
        return f"{gradient:.6g}"
    if shape in ((2,), (3,)):
        return f"[{', '.join(f'{x:.6g}' for x in gradient)}]"
    return f"{shown(shape)}, norm {norm(gradient):.6g}"


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_is_right(name: str) -> None:
    trace = _trace(name)
    gradients = ", ".join(f"{input} {_rounded(gradient)}" for input, gradient in trace.gradients.items())
    assert _readme_rows()[name] == (f"{trace.value:.6g}", gradients)

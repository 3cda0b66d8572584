"""The trace: every gate's value, local gradients, contributions and global gradient."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

import gradcli


def _strictly(document: str) -> Any:
    """The JSON document; a bare NaN or Infinity is an error."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(document, parse_constant=refuse)


def _edges(trace: gradcli.Trace, index: int) -> list[tuple[str, Any, Any]]:
    return [(edge.id, edge.local_gradient, edge.contribution) for edge in trace.gates[index].operands]


# Edges: a local gradient belongs to an edge, not to a gate


@pytest.mark.parametrize(
    ("text", "x", "edges"),
    [
        ("x*x", 3.0, [("g0", 3.0, 3.0), ("g0", 3.0, 3.0)]),
        ("x + x", 3.0, [("g0", 1.0, 1.0), ("g0", 1.0, 1.0)]),
        ("x - x", 3.0, [("g0", 1.0, 1.0), ("g0", -1.0, -1.0)]),
        ("x/x", 4.0, [("g0", 0.25, 0.25), ("g0", -0.25, -0.25)]),
        ("x^x", 1.0, [("g0", 1.0, 1.0), ("g0", 0.0, 0.0)]),
        ("max(x, x, x, x)", 4.0, [("g0", 0.25, 0.25)] * 4),
    ],
)
def test_an_operand_used_twice_has_an_edge_per_use(text: str, x: float, edges: list[Any]) -> None:
    trace = gradcli.evaluate(text, x=x)
    assert _edges(trace, 1) == edges
    assert trace.gradients == {"x": sum(contribution for _, _, contribution in edges)}


def test_contributions_add_up_over_gates() -> None:
    trace = gradcli.evaluate("x*sin(x)", x=2)
    sine, cosine = math.sin(2), math.cos(2)
    assert _edges(trace, 1) == [("g0", cosine, 2 * cosine)]
    assert _edges(trace, 2) == [("g0", sine, sine), ("g1", 2.0, 2.0)]
    assert [gate.global_gradient for gate in trace.gates] == [sine + 2 * cosine, 2.0, 1.0]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("(x+y)*z", {"x": 2, "y": 3, "z": -4}),
        ("q = x*y; r = q + sin(q)*x; r/(1 + q^2) - r", {"x": 0.5, "y": -1.25}),
        ("max(x, y, z)*leaky_relu(x*z) + where(x < y, x*x, y)", {"x": 2, "y": 3, "z": -4}),
    ],
)
def test_a_global_gradient_is_the_sum_of_contributions(text: str, values: dict[str, float]) -> None:
    trace = gradcli.evaluate(text, values)
    sums = {f"g{index}": 0.0 for index in range(len(trace.gates))}
    for gate in reversed(trace.gates):
        for edge in gate.operands:
            if edge.contribution is not None:
                sums[edge.id] += edge.contribution
                assert edge.contribution == gate.global_gradient * edge.local_gradient or gate.op == "where"
    for gate in trace.gates[:-1]:
        assert gate.global_gradient is None or gate.global_gradient == pytest.approx(sums[gate.id], rel=1e-15, abs=0)
    assert trace.gates[-1].global_gradient == 1.0


def test_rules_are_shown_by_name() -> None:
    trace = gradcli.evaluate("xpy = x + y\nxpy^2", x=1, y=2)
    assert [edge.rule for edge in trace.gates[2].operands] == ["1", "1"]
    assert [edge.rule for edge in trace.gates[4].operands] == ["2*xpy", None]


# Constants and gates that are not differentiated


def test_constants_are_not_differentiated() -> None:
    trace = gradcli.evaluate("3*x", x=2)
    constant, product = trace.gates[1], trace.gates[2]
    assert (constant.op, constant.text, constant.value, constant.global_gradient) == ("constant", "3", 3.0, None)
    assert product.operands == (("g1", None, None, None), ("g0", 3.0, 3.0, "3"))


def test_gates_of_constants_only() -> None:
    trace = gradcli.evaluate("sqrt(2*pi)*x", x=2)
    root = next(gate for gate in trace.gates if gate.op == "sqrt")
    assert root.global_gradient is None
    assert root.operands == (("g3", None, None, None),)
    assert gradcli.evaluate("2 + 3").gates[-1].global_gradient is None


def test_wrt_leaves_the_others_out() -> None:
    trace = gradcli.evaluate("sin(y)*(x + z)", x=2, y=3, z=4, wrt=["x"])
    assert trace.gradients == {"x": math.sin(3)}
    numbers = {gate.text: gate.global_gradient for gate in trace.gates}
    assert numbers == {"y": None, "x": math.sin(3), "z": None, "sin(y)": None, "x + z": math.sin(3), "g3 * g4": 1.0}
    assert _edges(trace, 4) == [("g1", 1.0, math.sin(3)), ("g2", None, None)]
    assert _edges(trace, 5) == [("g3", None, None), ("g4", math.sin(3), math.sin(3))]


def test_an_active_gate_without_influence_has_zero() -> None:
    trace = gradcli.evaluate("0*x + y", x=5, y=1)
    assert trace.gradients == {"x": 0.0, "y": 1.0}


def test_of_is_the_output() -> None:
    trace = gradcli.evaluate("q = x*y\nq + x", x=2, y=3, of="q")
    assert (trace.value, len(trace.gates), trace.gates[-1].name) == (6.0, 3, "q")
    assert trace.gates[-1].global_gradient == 1.0


@pytest.mark.parametrize(
    ("text", "x", "slope"),
    [
        ("where(x > 0, x^2, log(x))", 3.0, 6.0),
        ("where(x > 0, log(x), x^2)", -3.0, -6.0),  # log(-3) is nan
        ("where(x > 0, 1/x, x)", 0.0, 1.0),  # 1/0 is inf
        ("where(x > 0, sqrt(x), 3x)", 0.0, 3.0),  # the slope of sqrt is inf
        ("where(x, exp(x), x^0.5)", -1.0, math.exp(-1)),
    ],
)
def test_the_branch_not_chosen_contributes_nothing(text: str, x: float, slope: float) -> None:
    trace = gradcli.evaluate(text, x=x)
    assert trace.gradients == {"x": slope}
    condition, yes, no = trace.gates[-1].operands
    contributions = [edge.contribution for edge in (yes, no)]
    assert sorted(contributions) == [0.0, 1.0]
    assert contributions[0 if trace.gates[int(condition.id[1:])].value else 1] == 1.0


# Views


def test_a_gate_shows_itself() -> None:
    trace = gradcli.evaluate("q = x + y\nq*z", x=2, y=3, z=-4)
    gate = trace.gates[3]
    assert (gate.id, gate.op, gate.name, gate.text, gate.span, gate.shape) == ("g3", "add", "q", "x + y", (4, 9), ())
    assert (gate.value, gate.global_gradient) == (5.0, -4.0)
    assert gate.operands == (("g0", 1.0, -4.0, "1"), ("g1", 1.0, -4.0, "1"))
    assert [gate.text for gate in trace.gates] == ["x", "y", "z", "x + y", "q * z"]


def test_gates_are_a_sequence() -> None:
    gates = gradcli.evaluate("(x+y)*z", x=2, y=3, z=-4).gates
    assert len(gates) == 5
    assert [gate.id for gate in gates] == ["g0", "g1", "g2", "g3", "g4"]
    assert gates[-1] == gates[4]
    assert [gate.id for gate in gates[1:4:2]] == ["g1", "g3"]
    assert [gate.id for gate in gates[::-1]] == ["g4", "g3", "g2", "g1", "g0"]
    assert gates[9:] == []
    assert gates[2] in gates
    for index in (5, -6):
        with pytest.raises(IndexError):
            gates[index]


def test_repr() -> None:
    trace = gradcli.evaluate("(x+y)*z", x=2, y=3, z=-4)
    assert repr(trace) == "<Trace of 5 gates: value -20.0, gradients {'x': -4.0, 'y': -4.0, 'z': 5.0}>"


def test_text_of_a_gate_is_short() -> None:
    """Operands are named, not spelled out: a deep expression does not make long texts."""
    text = "x"
    for _ in range(200):
        text = f"sin({text})*y"
    gates = gradcli.evaluate(text, x=1, y=1).gates
    assert max(len(gate.text) for gate in gates) < 15
    assert max(len(edge.rule or "") for gate in gates for edge in gate.operands) < 15


def test_a_large_trace() -> None:
    trace = gradcli.evaluate("+".join(["x"] * 100_000), x=1)
    assert (trace.value, trace.gradients) == (100_000.0, {"x": 100_000.0})
    assert trace.warnings == []
    deep = gradcli.evaluate("sin(" * 50_000 + "x" + ")" * 50_000, x=1)
    assert len(deep.gates) == 50_001
    assert 0 < deep.gradients["x"] < 1


# JSON


def test_json_is_the_trace() -> None:
    trace = gradcli.evaluate("q = (x+y)*-3\nq^z", x=-2, y=-3.5, z=2)
    document = _strictly(trace.to_json())
    assert list(document) == ["schema", "expression", "output", "value", "gradients", "gates", "warnings"]
    assert document["schema"] == "gradcli.trace/1"
    assert document["expression"] == "q = (x+y)*-3\nq^z"
    assert (document["output"], document["value"], document["gradients"]) == ("g6", trace.value, trace.gradients)
    for gate, written in zip(trace.gates, document["gates"], strict=True):
        assert written == {
            "id": gate.id,
            "op": gate.op,
            "name": gate.name,
            "text": gate.text,
            "start": gate.span.start,
            "end": gate.span.end,
            "shape": [],
            "value": gate.value,
            "global_gradient": gate.global_gradient,
            "operands": [edge._asdict() for edge in gate.operands],
        }


def test_json_is_strict_where_numbers_are_not_finite() -> None:
    document = _strictly(gradcli.evaluate("1/x + y - 1/x", x=0, y=-math.inf).to_json())
    assert document["value"] == "NaN"
    assert {gate["value"] for gate in document["gates"] if isinstance(gate["value"], str)} == {
        "NaN",
        "Infinity",
        "-Infinity",
    }
    assert document["gradients"] == {"x": "NaN", "y": 1.0}
    assert {warning["kind"] for warning in document["warnings"]} >= {"pole", "invalid"}
    assert all([*warning][:5] == ["kind", "gate", "start", "end", "message"] for warning in document["warnings"])


def test_json_keeps_any_text_ascii() -> None:
    text = 'θ₁ = x²  # "quoted" \\ ∂\nθ₁*μ'
    document = gradcli.evaluate(text, {"x": 2, "μ": 3}).to_json()
    assert document.isascii()
    assert _strictly(document)["expression"] == text
    assert _strictly(document)["gradients"] == {"x": 12.0, "μ": 4.0}


@pytest.mark.parametrize("x", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789])
def test_json_numbers_round_trip(x: float) -> None:
    document = _strictly(gradcli.evaluate("x", x=x).to_json())
    assert document["value"].hex() == x.hex()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("(x+y)*z", {"x": 2, "y": 3, "z": -4}),
        ("2", {}),
        ("relu(x)/x + log(-x)", {"x": 0}),
        ("f(a) = max(a, 0, -a)\nq = f(x)\nwhere(q > 1, q, nan)", {"x": 0.5}),
    ],
)
def test_json_follows_its_schema(text: str, values: dict[str, float]) -> None:
    schema = json.loads((files("gradcli") / "schemas" / "trace-1.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(_strictly(gradcli.evaluate(text, values).to_json()))


def test_json_is_the_same_on_every_run() -> None:
    values = {"x": 2.0, "y": 3.0, "z": -4.0}
    assert len({gradcli.evaluate("max(x, y)*sin(z) - x", values).to_json() for _ in range(3)}) == 1

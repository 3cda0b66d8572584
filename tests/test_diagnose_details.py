"""What warnings say beyond their message: slopes on both sides, what was lost, starved inputs, a way out."""

from __future__ import annotations

import json
import math
import time
from importlib.resources import files
from itertools import product
from typing import Any

import jsonschema
import pytest

import gradcli
from gradcli.diagnose import NOT_FINITE, Warned, unsettled, warnings
from gradcli.diagnose.cures import numbers_not_finite
from gradcli.diagnose.warned import SEVERITY
from gradcli.graph import ops
from gradcli.graph.lower import lower
from gradcli.graph.rewriting import expand
from gradcli.language.parser import parse
from gradcli.numeric.decimals import Decimals
from gradcli.passes import evaluate_graph
from gradcli.render.json_trace import render
from gradcli.traces import Trace

SYSTEMS = ("floats", "decimals")


def _trace(text: str, system: str = "floats", **values: float) -> Trace:
    if system == "floats":
        return gradcli.evaluate(text, values)
    decimals = Decimals(40)
    inputs = {name: decimals.context.mpf(value) for name, value in values.items()}
    return evaluate_graph(lower(parse(text), values), inputs, None, ops.on(decimals.primitives))


def _of_kind(kind: str, trace: Trace) -> list[Warned]:
    return [warning for warning in warnings(trace) if warning.kind == kind]


def _sides(trace: Trace) -> list[tuple[str, Any, Any, Any, bool]]:
    (warning,) = [warning for warning in warnings(trace) if "sides" in warning.details]
    found = []
    for side in warning.details["sides"]:
        numbers = [float(side[name]) for name in ("left", "right", "taken")]
        found.append((side["operand"], *numbers, side.get("jump", False)))
    return found


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("text", "values", "sides"),
    [
        ("relu(x)", {"x": 0}, [("g0", 0, 1, 0, False)]),
        ("abs(x)", {"x": 0}, [("g0", -1, 1, 0, False)]),
        ("leaky_relu(x, y)", {"x": 0, "y": 0.25}, [("g0", 0.25, 1, 0.25, False)]),
        ("elu(x, 2)", {"x": 0}, [("g0", 2, 1, 2, False)]),
        ("hypot(x, y)", {"x": 0, "y": 0}, [("g0", -1, 1, 0, False), ("g1", -1, 1, 0, False)]),
        ("clamp(x, 0, 1)", {"x": 1}, [("g0", 1, 0, 0, False)]),
        ("clamp(x, y, 5)", {"x": 3, "y": 3}, [("g0", 0, 1, 0, False), ("g1", 0, 1, 0, False)]),
        ("max(x, y)", {"x": 2, "y": 2}, [("g0", 0, 1, 0.5, False), ("g1", 0, 1, 0.5, False)]),
        ("min(x, y)", {"x": 2, "y": 2}, [("g0", 1, 0, 0.5, False), ("g1", 1, 0, 0.5, False)]),
        ("max(x, 1, y, 2)", {"x": 2, "y": 1}, [("g0", 0, 1, 0.5, False)]),
        ("floor(x)", {"x": 3}, [("g0", 0, 0, 0, True)]),
        ("ceil(x)", {"x": -2}, [("g0", 0, 0, 0, True)]),
        ("round(x)", {"x": 2.5}, [("g0", 0, 0, 0, True)]),
        ("sign(x)", {"x": 0}, [("g0", 0, 0, 0, True)]),
        ("x > y", {"x": 1, "y": 1}, [("g0", 0, 0, 0, True), ("g1", 0, 0, 0, True)]),
        ("x == 1", {"x": 1}, [("g0", 0, 0, 0, True)]),
        ("mod(x, 2)", {"x": 4}, [("g0", 1, 1, 1, True)]),
        ("mod(x, y)", {"x": 4, "y": 2}, [("g0", 1, 1, 1, True), ("g1", -2, -1, -2, True)]),
        ("atan2(x, y)", {"x": 0, "y": 0}, [("g0", 0, 0, 0, True), ("g1", 0, 0, 0, True)]),
    ],
)
def test_slopes_on_both_sides(text: str, values: dict[str, float], sides: list[Any], system: str) -> None:
    assert _sides(_trace(text, system, **values)) == sides


def test_sides_at_the_ends_of_floats() -> None:
    assert _sides(_trace("clamp(x, -1e308, 1e308)", x=1e308)) == [("g0", 1, 0, 0, False)]
    assert _sides(_trace("abs(x - 5e-324)", x=5e-324)) == [("g2", -1, 1, 0, False)]
    assert _sides(_trace("floor(x)", x=2.0**52)) == [("g0", 0, 0, 0, True)]
    assert _sides(_trace("max(x, 5e-324)", x=5e-324)) == [("g0", 0, 1, 0.5, False)]
    ((_, left, right, taken, jump),) = _sides(_trace("selu(x)", x=0))
    assert (round(left, 3), round(right, 4), right == taken, jump) == (1.758, 1.0507, True, False)


def test_only_active_operands_have_sides() -> None:
    assert _sides(gradcli.evaluate("max(x, y)", x=2, y=2, wrt=["y"])) == [("g1", 0, 1, 0.5, False)]  # type: ignore[arg-type]


def test_a_tie_of_many_costs_linear_time() -> None:
    names = [f"x{i}" for i in range(4_000)]
    trace = gradcli.evaluate(f"max({', '.join(names)})", dict.fromkeys(names, 1.0))
    start = time.perf_counter()
    (warning,) = trace.warnings
    assert time.perf_counter() - start < 2
    assert len(warning.details["sides"]) == len(names)


# Underflow


@pytest.mark.parametrize(
    ("text", "values", "place"),
    [
        ("1 + exp(-x)", {"x": 800}, "exp(-x)"),
        ("x*y + 1", {"x": 1e-200, "y": -1e-200}, "x*y"),
        ("x*y + 1", {"x": 1e-200, "y": 1e-120}, "x*y"),  # subnormal
        ("x*1e-200*1e-200 + x", {"x": 1}, "x*1e-200*1e-200"),
        ("x/1e300", {"x": 1e-100}, "x/1e300"),
        ("x/1e300", {"x": 1e-310}, "x/1e300"),  # lost altogether only here
        ("x^2 + x", {"x": 1e-200}, "x^2"),
        ("0.5^x", {"x": 2000}, "0.5^x"),
        ("softplus(x) + x", {"x": -800}, "softplus(x)"),
        ("x*(1e-200*1e-200)", {"x": 1}, "1e-200*1e-200"),  # of constants too
        ("1e-400 + x", {"x": 1}, "1e-400"),
        ("1e-200*(1e-200*sin(x))", {"x": 1}, "1e-200*sin(x)"),
        ("1e-200*(1e-200*(1e300*x))", {"x": 1}, "1e-200*(1e300*x)"),  # the gradient only
    ],
)
def test_what_underflows_is_told_once(text: str, values: dict[str, float], place: str) -> None:
    found = [text[slice(*warning.span)] for warning in _of_kind("underflow", _trace(text, **values))]
    assert found[0] == place
    assert len(found) == (2 if "sin" in text else 1)  # there, a gradient and the value of another gate


def test_what_underflowed_is_written() -> None:
    (warning,) = _of_kind("underflow", _trace("exp(-x)", x=800))
    assert warning.message == "exp(g1) underflows at g1 = -800.0: it is 0.0"
    (warning,) = _of_kind("underflow", _trace("1e-200*(1e-200*(1e300*x))", x=1))
    assert warning.message == "the gradient that 1e-200 * g4 passes on underflows: 1e-200 times 1e-200 is 0.0"


def test_decimals_do_not_underflow() -> None:
    assert warnings(_trace("exp(-x)*1e-400*x^9", "decimals", x=1e9)) == []
    (warning,) = warnings(_trace("2*erfc(x)", "decimals", x=1e60))[:1]
    assert (warning.kind, warning.gate) == ("underflow", "g2")


# Causes, on every number system


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("text", "values", "kinds"),
    [
        ("1/x", {"x": 0}, {"pole"}),
        ("log(x) + sqrt(x)", {"x": -1}, {"domain"}),
        ("x*log(x)", {"x": 0}, {"pole", "0·inf"}),
        ("sqrt(x^2)", {"x": 0}, {"pole", "0·inf"}),
        ("cosh(sqrt(x))", {"x": 0}, {"0·inf"}),
        ("x - x", {"x": math.inf}, {"invalid"}),
        ("x/x", {"x": math.inf}, {"invalid"}),
        ("sin(x)", {"x": math.inf}, {"invalid"}),
        ("max(x, 2) + abs(x - 2)", {"x": 2}, {"tie", "kink"}),
        ("relu(x)", {"x": -1}, {"dead"}),
        ("tanh(x)", {"x": 20}, {"saturation"}),
        ("x^2 + exp(x)", {"x": 1}, set()),
    ],
)
def test_causes(text: str, values: dict[str, float], kinds: set[str], system: str) -> None:
    assert {warning.kind for warning in warnings(_trace(text, system, **values))} == kinds


def test_huge_decimals_are_finite() -> None:
    """Beyond the range of floats nothing overflows, and no kink is decided by rounding to a float."""
    assert warnings(_trace("exp(x)/exp(x) + relu(exp(x))", "decimals", x=1e4)) == []
    assert warnings(_trace("abs(x - 1) + abs(1 + 10^(0-30) - x)", "decimals", x=1))[0].gate == "g3"
    assert len(warnings(_trace("abs(1 + 10^(0-30) - x)", "decimals", x=1))) == 0
    assert len(_of_kind("kink", _trace("abs(1 + 10^(0-30) - x)", x=1))) == 1


# Saturation


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("text", "x", "steepest"), [("sigmoid(x)", 40, 0.25), ("tanh(x)", -20, 1.0), ("erf(x)", 6, 2 / math.sqrt(math.pi))]
)
def test_saturation(text: str, x: float, steepest: float, system: str) -> None:
    trace = _trace(f"3*{text}", system, x=x)
    (warning,) = warnings(trace)
    slope = warning.details["slope"]
    assert (warning.kind, slope) == ("saturation", next(p[0] for p in trace.partials if p and p[0] is not None))
    assert 0 < slope < 1e-8 * warning.details["steepest"]
    assert math.isclose(warning.details["steepest"], steepest)
    assert "is saturated at x = " in warning.message
    assert warnings(_trace(text, system, x=x / 4)) == []


def test_constants_and_infinite_numbers_do_not_saturate() -> None:
    assert warnings(_trace("sigmoid(40)*x", x=1)) == []
    assert warnings(_trace("sigmoid(x)", x=math.inf)) == []


# Dead units

NETWORK = "h1 = relu(a*x + b)\nh2 = relu(c*x + d)\nrelu(u*h1 + v*h2 + w) + s"


def _inputs(trace: Trace) -> dict[str, list[str]]:
    return {warning.gate: warning.details["inputs"] for warning in _of_kind("dead", trace)}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_inputs_that_a_dead_unit_starves(system: str) -> None:
    """The first hidden unit is off: its own weights get no gradient; x gets one through the second unit."""
    point = {"a": -1.0, "x": 1.0, "b": -1.0, "c": 1.0, "d": 1.0, "u": 1.0, "v": 1.0, "w": 1.0, "s": 0.0}
    trace = _trace(NETWORK, system, **point)
    ((gate, inputs),) = _inputs(trace).items()
    assert trace.graph.stages[int(gate[1:])] == "h1"
    assert inputs == ["a", "b"]
    assert {name for name, gradient in trace.gradients.items() if gradient == 0} == {"a", "b", "u"}


def test_a_unit_behind_a_dead_one_is_not_to_blame() -> None:
    point = {"a": -1.0, "x": 1.0, "b": -1.0, "c": 1.0, "d": 1.0, "u": 1.0, "v": 1.0, "w": -9.0, "s": 0.0}
    first, second = _inputs(_trace(NETWORK, **point)).items()
    assert first[1] == [], "no gradient reaches it"
    assert second[1] == ["a", "x", "b", "c", "d", "u", "v", "w"]


def test_a_dead_unit_may_starve_nothing() -> None:
    assert _inputs(_trace("relu(x) + x", x=-1)) == {"g1": []}


def test_max_clamp_and_kinks_can_be_dead() -> None:
    assert _inputs(_trace("max(x, 1, 2*x)", x=0)) == {"g4": ["x"]}
    assert _inputs(_trace("max(x, y)", x=0, y=1)) == {}
    assert _inputs(_trace("clamp(x, 0, 1)", x=2)) == {"g3": ["x"]}
    assert [warning.kind for warning in warnings(_trace("relu(x)", x=0))] == ["kink", "dead"]
    assert _inputs(_trace("relu(x)", x=math.nan)) == {}


def test_many_dead_units_cost_linear_time() -> None:
    trace = _trace("+".join(f"relu(x{i}*y)" for i in range(20_000)), y=-1.0, **{f"x{i}": 1.0 for i in range(20_000)})
    start = time.perf_counter()
    found = _of_kind("dead", trace)
    assert time.perf_counter() - start < 5
    told = [warning.details.get("inputs") for warning in found]
    assert [set(inputs or ()) for inputs in told[:64]] == [{f"x{i}", "y"} for i in range(64)]
    assert set(map(str, told[64:])) == {"None"}
    assert "the first 64 such gates only" in found[-1].message
    assert len(found) == 20_000


# A way out


REWRITES = [
    ("1/(1+exp(-x))", {"x": -800}, "exp(-x)", "sigmoid(x)"),
    ("2*log(1+exp(x))", {"x": 1000}, "exp(x)", "softplus(x)"),
    ("exp(x)/(1+exp(x))", {"x": 1000}, "exp(x)", "sigmoid(x)"),
    ("sqrt(x^2+y^2)", {"x": 1e200, "y": 1}, "x^2", "hypot(x, y)"),
    ("sqrt(x^2+y^2)", {"x": 0, "y": 0}, "sqrt(x^2+y^2)", "hypot(x, y)"),
    ("log(exp(a)+exp(b))", {"a": 1000, "b": 999}, "exp(a)", "logaddexp(a, b)"),
    ("x*log(x) + y", {"x": 0, "y": 1}, "log(x)", "xlogy(x, x)"),
    ("log(sigmoid(x))", {"x": -800}, "log(sigmoid(x))", "logsigmoid(x)"),
]


@pytest.mark.parametrize(("text", "values", "blamed", "write"), REWRITES)
def test_a_way_out_is_told_where_it_helps(text: str, values: dict[str, float], blamed: str, write: str) -> None:
    (warning,) = [warning for warning in warnings(_trace(text, **values)) if "rewrite" in warning.details]
    rewrite = warning.details["rewrite"]
    assert text[slice(*warning.span)] == blamed
    assert rewrite["write"] == write
    assert text[rewrite["start"] : rewrite["end"]] == rewrite["for"]
    cured = gradcli.evaluate(text[: rewrite["start"]] + write + text[rewrite["end"] :], values)
    assert math.isfinite(cured.value)
    assert not any(map(math.isnan, cured.gradients.values()))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("log(1+exp(x))*log(y)", {"x": 1000, "y": -1}),  # the other factor stays undefined
        ("exp(x)", {"x": 1000}),
        ("log(x)", {"x": -1}),
        ("sqrt(x^2+y^2)", {"x": math.inf, "y": 0}),
        ("log(1+exp(x))", {"x": 1}),
    ],
)
def test_no_way_out_is_told_where_none_helps(text: str, values: dict[str, float]) -> None:
    assert not any("rewrite" in warning.details for warning in warnings(_trace(text, **values)))


def test_what_is_written_so_already_is_not_suggested() -> None:
    trace = gradcli.evaluate("sigmoid(x)", x=-800)
    expanded = evaluate_graph(expand(trace.graph, ["sigmoid"]), {"x": -800.0})
    assert [warning.details for warning in warnings(expanded) if warning.kind == "overflow"] == [{}]


def test_inputs_that_are_not_differentiated_stay_so() -> None:
    trace = gradcli.evaluate("sqrt(x^2+y^2)", x=1e200, y=1, wrt=["y"])
    assert [warning.details["rewrite"]["write"] for warning in trace.warnings] == ["hypot(x, y)"]


# Every row of the table, at the numbers where something happens

SPECIAL = (0.0, -0.0, 5e-324, -1e-310, 1e-200, 0.5, 1.0, -1.0, 2.0, -2.5, 40.0, -800.0, 1e200, -1e308)
FEW = (0.0, 5e-324, -1e-200, 1.0, -2.5, 40.0, 1e200)


def _called(row: ops.Op, names: str) -> str:
    if row.symbol is None:
        return f"{'log' if row.name == 'log_base' else row.name}({', '.join(names)})"
    return f" {row.symbol} ".join(names) if len(names) > 1 else f"{row.symbol} {names}"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("row", [row for row in ops.ELEMENTWISE if not row.hidden], ids=lambda row: row.name)
def test_numbers_that_are_not_finite_never_come_unexplained(row: ops.Op, system: str) -> None:
    """From finite inputs: at every point where a number is not finite, some gate is blamed for it, and once only."""
    names = "xyz"[: 2 if row.variadic else len(row.parameters)]
    text = f"2*({_called(row, names)}) + x*0"
    for point in product(SPECIAL if len(names) == 1 else FEW, repeat=len(names)):
        trace = _trace(text, system, **dict(zip(names, point, strict=True)))
        found = warnings(trace)
        blamed = any(warning.kind in NOT_FINITE for warning in found)
        assert blamed == (numbers_not_finite(trace) > 0), (point, found)
        assert len({(warning.kind, warning.gate) for warning in found}) == len(found), (point, found)


# JSON and --strict

EVERY_KIND = {
    "kink": ("relu(x)", 0), "tie": ("max(x, 0, y)", 0), "pole": ("1/x", 0), "domain": ("log(x)", -1),
    "overflow": ("1/(1 + exp(x))", 1e3), "underflow": ("exp(x)", -1e3), "0·inf": ("x*log(x)", 0),
    "invalid": ("sin(exp(x))", 1e3), "saturation": ("tanh(x)", 30), "dead": ("relu(x)", -1),
}  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_json_of_every_kind_follows_the_schema(kind: str, system: str) -> None:
    text, x = EVERY_KIND[kind]
    trace = _trace(text, system, x=x, **({"y": 0.0} if "y" in text else {}))
    if system == "decimals":
        trace.system.write = str
    schema = json.loads((files("gradcli") / "schemas" / "trace-1.json").read_text(encoding="utf-8"))
    document = json.loads("".join(render(trace)))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert {*schema["$defs"]["warning"]["properties"]["kind"]["enum"]} == {*EVERY_KIND} == {*SEVERITY}
    found = [warning for warning in document["warnings"] if warning["kind"] == kind]
    if system == "floats" or kind not in ("overflow", "underflow", "invalid"):  # decimals are large enough
        assert found
    written = [warning._replace(details=dict(warning.details)) for warning in warnings(trace)]
    for warning, shown in zip(written, document["warnings"], strict=True):
        assert shown.keys() == {"kind", "gate", "start", "end", "message"} | warning.details.keys()


def test_what_is_unsettled() -> None:
    assert unsettled(_trace("sigmoid(x) + relu(-x)*exp(-x)", x=1e3)) == ""
    assert unsettled(_trace("relu(x) + max(x, y) + abs(y)", x=0, y=0)) == "2 kinks, 1 tie"
    assert unsettled(_trace("sqrt(x)", x=0)) == "2 numbers that are not finite"
    assert unsettled(_trace("where(x > 1, sqrt(x), x)", x=0)) == "1 number that is not finite"

"""eval --jvp and --vjp: directional derivatives, and backward passes that start with another number."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from program_oracle import Skipped, check_finite
from programs import Case, programs

from gradcli.cli.app import run
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.render import FORMATS
from gradcli.traces import along

SCHEMA = json.loads((files("gradcli") / "schemas" / "trace-1.json").read_text(encoding="utf-8"))
EXAMPLE = ("eval", "(x+y)*z", "--x", "2", "--y", "3", "--z", "-4")


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = run([*arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    status, out, err = _run(capsys, *arguments, "--json")
    assert status == 0, err
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    return document


def test_the_derivative_along_a_direction(capsys: pytest.CaptureFixture[str]) -> None:
    document = _json(capsys, *EXAMPLE, "--jvp", "x=1", "--jvp", "z=pi/2")
    assert document["jvp"]["direction"] == {"x": 1.0, "z": pytest.approx(1.5707963267948966)}
    assert document["jvp"]["value"] == pytest.approx(-4 + 5 * 1.5707963267948966)
    assert "seed" not in document


def test_a_backward_pass_from_another_number(capsys: pytest.CaptureFixture[str]) -> None:
    document = _json(capsys, *EXAMPLE, "--vjp", "-0.5")
    assert document["seed"] == -0.5
    assert document["gradients"] == {"x": 2.0, "y": 2.0, "z": -2.5}
    assert document["gates"][-1]["global_gradient"] == -0.5
    assert "jvp" not in document


def test_neither_is_there_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert not {"seed", "jvp"} & _json(capsys, *EXAMPLE).keys()


@pytest.mark.parametrize("format", ["table", "tree", "markdown"])
def test_the_summaries_for_people_have_both(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert format in FORMATS
    status, out, _ = _run(capsys, *EXAMPLE, "--jvp", "x=3", "--vjp", "2", "--format", format)
    assert status == 0
    plain = out.replace("`", "")
    assert "along x = 3.0: derivative = -12.0" in plain
    assert "seed = 2.0" in plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--jvp", "q=1"), "the program has no input q"),
        (("--jvp", "x"), "--jvp x has no value"),
        (("--jvp", "x=1", "--jvp", "x=2"), "x is given twice"),
        (("--jvp", "x=1", "--wrt", "y"), "--jvp moves x, which --wrt leaves out"),
        (("--jvp", "x=a"), "the value of x is not a number"),
        (("--vjp", "two"), "the value of the seed is not a number"),
        (("--jvp", "x=1", "--digits", "30"), "--jvp and --vjp are computed in doubles"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = _run(capsys, *EXAMPLE, *arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("text", "point", "direction", "wanted"),
    [
        ("x*x", {"x": 3.0}, {"x": 2.0}, 12.0),  # two edges from one gate
        ("where(x > 0, sqrt(x), y)", {"x": -1.0, "y": 2.0}, {"x": 1.0, "y": 3.0}, 3.0),  # nan is in the other branch
        ("max(x, y)", {"x": 2.0, "y": 2.0}, {"x": 1.0, "y": 3.0}, 2.0),  # a tie: half of each
        ("sqrt(x)*y", {"x": 0.0, "y": 2.0}, {"y": 1.0}, 0.0),  # x does not move, so that its infinite slope is nothing
        ("floor(x) + y", {"x": 1.5, "y": 2.0}, {"x": 1.0, "y": 1.0}, 1.0),
        ("x", {"x": 1.0}, {"x": 4.0}, 4.0),
        ("x*2 + 3", {"x": 1.0}, {}, 0.0),
    ],
)
def test_directions(text: str, point: dict[str, float], direction: dict[str, float], wanted: float) -> None:
    assert along(evaluate_graph(lower(parse(text)), point), direction).value == wanted


@given(programs(most=8))
@settings(max_examples=150)
def test_forward_and_backward_agree_on_random_programs(case: Case) -> None:
    """The derivative along a direction is the sum of gradients times moves; a seed scales every gradient."""
    graph = lower(parse(case.text), case.values)
    point = {name: case.values[name] for name in graph.inputs}
    trace = evaluate_graph(graph, point)
    try:
        check_finite(trace)
    except Skipped:
        return
    direction = {name: 0.5 + k for k, name in enumerate(point)}
    terms = [trace.gradients[name] * move for name, move in direction.items()]
    sizes = [abs(edge.contribution) for gate in trace.gates for edge in gate.operands if edge.contribution is not None]
    scale = max([*map(abs, terms), *sizes, 1.0]) * max([1.0, *direction.values()])
    assert along(trace, direction).value == pytest.approx(sum(terms), rel=1e-9, abs=1e-9 * scale)
    seeded = evaluate_graph(graph, point, seed=4.0)
    for name, gradient in trace.gradients.items():
        assert seeded.gradients[name] == 4.0 * gradient  # a power of two multiplies without rounding

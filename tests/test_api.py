"""What Python programs use: gradcli.parse, evaluate, grad, and the errors."""

from __future__ import annotations

import inspect
import math
import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest

import gradcli
from gradcli import BindingError, LimitError, ParseError, ProgramError
from gradcli.binding import bind
from gradcli.graph.lower import lower

PROJECT = Path(__file__).parent.parent
ERRORS = [name for name in gradcli.__all__ if name.endswith("Error")]


def _python(program: str) -> str:
    """What a program prints in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", program]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


# The package


def test_public_names() -> None:
    assert gradcli.__all__ == [
        "BindingError",
        "GradcliError",
        "LimitError",
        "MissingError",
        "ParseError",
        "ProgramError",
        "StreamError",
        "Trace",
        "UsageError",
        "__version__",
        "evaluate",
        "grad",
        "parse",
    ]
    assert dir(gradcli) == sorted(gradcli.__all__)


@pytest.mark.parametrize("name", [name for name in gradcli.__all__ if name != "__version__"])
def test_every_public_name_is_documented(name: str) -> None:
    found = getattr(gradcli, name)
    assert found.__name__ == name
    assert found.__doc__
    members = inspect.getmembers(found, lambda member: inspect.isfunction(member) or isinstance(member, property))
    assert not [member for member, value in members if not member.startswith("_") and not value.__doc__]


def test_an_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="module 'gradcli' has no attribute 'gradient'"):
        _ = gradcli.gradient  # type: ignore[attr-defined]


@pytest.mark.parametrize("first", ["parse", "evaluate", "grad", "Trace", "ParseError"])
def test_names_mean_the_same_in_any_order_of_use(first: str) -> None:
    """A function of the package is never hidden by a module of the same name."""
    functions = "all(callable(getattr(gradcli, name)) for name in ('parse', 'evaluate', 'grad', 'Trace'))"
    assert _python(f"import gradcli; gradcli.{first}; print({functions})") == "True"


def test_import_costs_nothing() -> None:
    heavy = "[name for name in ('numpy', 'mpmath', 'lark', 'typer', 'rich', 'gradcli.api') if name in sys.modules]"
    assert _python(f"import sys, gradcli; print({heavy})") == "[]"


def test_evaluation_imports_neither_numpy_nor_a_command_line() -> None:
    program = "import sys, gradcli; gradcli.grad('sin(x)*x', x=1)"
    heavy = "[name for name in ('numpy', 'mpmath', 'lark', 'typer', 'rich') if name in sys.modules]"
    assert _python(f"{program}; print({heavy})") == "[]"


@pytest.mark.parametrize("name", ERRORS)
def test_errors_have_one_root(name: str) -> None:
    assert issubclass(getattr(gradcli, name), gradcli.GradcliError)


def test_the_example_of_the_package() -> None:
    trace = gradcli.evaluate("(x+y)*z", x=2, y=3, z=-4)
    assert trace.value == -20.0
    assert trace.gradients == {"x": -4.0, "y": -4.0, "z": 5.0}


# evaluate and grad


def test_values_by_name_or_in_a_mapping() -> None:
    expected = {"x": -4.0, "y": -4.0, "z": 5.0}
    assert gradcli.grad("(x+y)*z", x=2, y=3, z=-4) == expected
    assert gradcli.grad("(x+y)*z", {"x": 2, "y": 3, "z": -4}) == expected
    assert gradcli.grad("(x+y)*z", {"x": 2}, y=3, z=-4) == expected


def test_names_that_are_arguments_here() -> None:
    values = {"wrt": 2.0, "of": 3.0, "max_gates": 5.0, "expression": 7.0, "bindings": 11.0}
    text = "wrt*of*max_gates*expression*bindings"
    assert gradcli.evaluate(text, values).value == 2310.0
    assert gradcli.grad(text, values)["max_gates"] == 462.0
    assert gradcli.evaluate("expression*bindings", expression=7, bindings=11).value == 77.0


def test_a_parsed_program_can_be_used_again() -> None:
    program = gradcli.parse("q = x*y\nq + x")
    assert [gradcli.evaluate(program, x=x, y=3).value for x in (1, 2, 3)] == [4.0, 8.0, 12.0]
    assert gradcli.grad(program, x=1, y=3) == {"x": 4.0, "y": 1.0}
    assert gradcli.evaluate(program, x=1, y=3, of="q").value == 3.0


def test_evaluations_are_independent() -> None:
    program = gradcli.parse("x^2")
    first, second = gradcli.evaluate(program, x=3), gradcli.evaluate(program, x=4)
    assert (first.gradients, second.gradients) == ({"x": 6.0}, {"x": 8.0})
    assert gradcli.evaluate(program, x=3).to_json() == first.to_json()


@pytest.mark.parametrize("value", [2, 2.0, True, Fraction(2), Decimal(2), numpy.float64(2), numpy.int32(2)])
def test_numbers(value: Any) -> None:
    trace = gradcli.evaluate("3x", x=value)
    assert trace.value == 3.0 * float(value)
    assert type(trace.value) is float
    assert type(trace.gates[0].value) is float


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_are_not_finite(value: float) -> None:
    trace = gradcli.evaluate("x", x=value)
    assert str(trace.value) == str(value)
    assert trace.gradients == {"x": 1.0}


@pytest.mark.parametrize("value", ["2", "1_0", "nan", b"2", None, 2j, {}, object, 10**400, "9" * 10_000])
def test_values_that_are_no_numbers(value: Any) -> None:
    with pytest.raises(BindingError, match="the value of x is not a number") as caught:
        gradcli.evaluate("x", x=value)
    assert len(str(caught.value)) < 200


def test_the_result_of_a_program_without_inputs() -> None:
    trace = gradcli.evaluate("2*3")
    assert (trace.value, trace.gradients) == (6.0, {})


# Arrays


@pytest.mark.parametrize(
    "matrix",
    [[[1, 2], [3, 4]], ((1, 2), (3, 4)), numpy.array([[1, 2], [3, 4]]), [numpy.array([1, 2]), [3, Fraction(4)]]],
)
def test_values_may_be_arrays(matrix: Any) -> None:
    trace = gradcli.evaluate("sum(A @ x)", A=matrix, x=[10.0, 1.0])
    assert (trace.value, type(trace.value)) == (46.0, float)
    assert {name: gradient.tolist() for name, gradient in trace.gradients.items()} == {
        "A": [[10.0, 1.0], [10.0, 1.0]],
        "x": [4.0, 6.0],
    }
    assert [gate.shape for gate in trace.gates] == [(2, 2), (2,), (2,), ()]
    assert trace.gradients["A"].dtype == numpy.float64
    assert gradcli.grad("sum(A*2)", A=matrix)["A"].tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_a_trace_does_not_follow_what_happens_to_an_array() -> None:
    own = numpy.array([1.0, 2.0])
    trace = gradcli.evaluate("sum(x^2)", x=own)
    own[:] = 7.0
    assert trace.gates[0].value.tolist() == [1.0, 2.0]
    assert trace.gates[2].operands[0].local_gradient.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1], [2, 3]], "the value of x is not an array: the lists are not equally long"),
        ([1, "2"], "the value of x is not an array: it is not made of real numbers"),
        ([None], "the value of x is not an array: it is not made of real numbers"),
        ([1j], "the value of x is not an array: it is not made of real numbers"),
        (numpy.array(["1"]), "the value of x is not an array: it is not made of real numbers"),
        ([], "the value of x is an empty array"),
        ([[]], "the value of x is an empty array"),
    ],
)
def test_values_that_are_no_arrays(value: Any, message: str) -> None:
    with pytest.raises(BindingError) as caught:
        gradcli.evaluate("sum(x)", x=value)
    assert caught.value.message == message


def test_the_output_has_to_be_a_number() -> None:
    with pytest.raises(BindingError, match="only a number has a gradient, and the output is an array of shape 2"):
        gradcli.evaluate("x*2", x=[1.0, 2.0])
    assert gradcli.evaluate("x*2", x=[1.0, 2.0], wrt=()).value.tolist() == [2.0, 4.0]


def test_a_value_has_the_shape_that_the_graph_was_made_for() -> None:
    graph = lower(gradcli.parse("sum(x) + y"), {"x": numpy.ones(2), "y": 1.0})
    assert bind(graph, {"x": numpy.ones(2), "y": 1})["y"] == 1.0
    with pytest.raises(BindingError, match="x is 3, and the program was made for 2"):
        bind(graph, {"x": numpy.ones(3), "y": 1})
    with pytest.raises(BindingError, match="y is 1×2, and the program was made for a number"):
        bind(graph, {"x": numpy.ones(2), "y": numpy.ones((1, 2))})


def test_integers_are_floats() -> None:
    assert gradcli.evaluate("9^9^9").value == math.inf
    assert gradcli.evaluate("7/2").value == 3.5


def test_wrt() -> None:
    values = {"x": 2.0, "y": 3.0, "z": -4.0}
    assert gradcli.grad("(x+y)*z", values, wrt=["z", "x"]) == {"x": -4.0, "z": 5.0}
    assert gradcli.grad("(x+y)*z", values, wrt=("y",)) == {"y": -4.0}
    assert gradcli.grad("(x+y)*z", values, wrt=[]) == {}
    assert gradcli.grad("x1*x2", x1=2, x2=3, wrt="x2") == {"x2": 2.0}  # one name, not letters
    with pytest.raises(BindingError, match="q is not an input"):
        gradcli.grad("(x+y)*z", values, wrt=["x", "q"])


def test_of() -> None:
    program = "q = x + y\nr = q*z\nr^2"
    values = {"x": 2.0, "y": 3.0, "z": -4.0}
    assert gradcli.evaluate(program, values, of="r").value == -20.0
    assert gradcli.grad(program, values, of="q") == {"x": 1.0, "y": 1.0}
    assert gradcli.grad(program, x=2, y=3, of="q") == {"x": 1.0, "y": 1.0}  # z is not needed for q
    with pytest.raises(ProgramError, match="s is not a stage"):
        gradcli.evaluate(program, values, of="s")


def test_max_gates() -> None:
    assert gradcli.evaluate("x*x", x=2, max_gates=2).value == 4.0
    with pytest.raises(LimitError, match="more than 1 gates"):
        gradcli.evaluate("x*x", x=2, max_gates=1)
    with pytest.raises(LimitError, match="more than 1 gates"):
        gradcli.grad("x*x", x=2, max_gates=1)


@pytest.mark.parametrize(
    ("text", "values", "message", "hint"),
    [
        ("x*y", {"x": 1}, "no value for y", "give it as"),
        ("x*y", {}, "no value for x, y", "give them as"),
        ("x*y", {"x": 1, "y": 2, "z": 3}, "the program has no input z", "the program's inputs are x, y"),
        ("width", {"widht": 1}, "the program has no input widht", "did you mean width?"),
        ("2*3", {"x": 1}, "the program has no input x", "the program has no inputs"),
        ("q = x\nr = q + 1\nr", {"x": 1, "r": 2}, "r is computed by the program and can't be given", "inputs are x"),
        ("pi*x", {"x": 1, "e": 2}, "the program has no input e", "the program's inputs are x"),
        ("sin*x", {"x": 1}, "no value for sin", "sin is a function; write sin(…)"),
        ("π*x", {"x": 1, "pi": 3}, "the program has no input pi", None),
    ],
)
def test_values_that_do_not_fit(text: str, values: dict[str, float], message: str, hint: str | None) -> None:
    with pytest.raises(BindingError) as caught:
        gradcli.evaluate(text, values)
    if hint is not None:
        assert caught.value.message == message
        assert hint in (caught.value.hint or "")


def test_a_value_given_twice() -> None:
    with pytest.raises(BindingError, match="x is given twice"):
        gradcli.evaluate("x", {"x": 1}, x=2)


def test_names_are_written_in_any_form() -> None:
    """The keyboard's micro, increment and ohm signs are the Greek letters, in the text and in the values."""
    for sign, letter in {"µ": "μ", "∆": "Δ", "\u2126": "Ω"}.items():
        for text in (sign, letter):
            for name in (sign, letter):
                assert gradcli.grad(f"3{text}", {name: 2.0}) == {letter: 3.0}
    with pytest.raises(BindingError, match="μ is given twice"):
        gradcli.evaluate("μ", {"µ": 1, "μ": 1})


def test_subscripts_are_no_digits() -> None:
    assert gradcli.grad("x₁*x1", {"x₁": 2, "x1": 3}) == {"x₁": 3.0, "x1": 2.0}


# Errors


def test_a_parse_error_has_place_and_hint() -> None:
    with pytest.raises(ParseError) as caught:
        gradcli.parse("2 + x y")
    error = caught.value
    assert (error.source, error.span, error.status) == ("2 + x y", (6, 7), 2)
    assert error.hint == "did you mean x * y?"
    assert str(error).splitlines()[1:3] == ["  2 + x y", "        ^"]


def test_errors_are_made_of_plain_parts() -> None:
    error = gradcli.GradcliError("something is wrong", hint="try again")
    assert (error.message, error.source, error.span, error.hint) == ("something is wrong", None, None, "try again")
    assert str(error) == "something is wrong\nhint: try again"
    assert gradcli.StreamError("disk full").status == 74


def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("__import__('os').system('touch pwned')", "open(x)", "exec(x)", "x.__class__", "globals()"):
        with pytest.raises(gradcli.GradcliError):
            gradcli.evaluate(text, x=1)
    assert list(tmp_path.iterdir()) == []

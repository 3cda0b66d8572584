"""Cases that others wrote: worked examples, physics equations, optimisation test functions, inputs for the parser.

Each file under cases/ names its sources. Values there have 17 significant digits from 60-digit arithmetic.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from stages import compare_gates, near

import gradcli
from gradcli.cli.app import run

CASES = Path(__file__).parent / "cases"
PROJECT = Path(__file__).parent.parent


def _cases(file: str, key: str) -> list[Any]:
    found: list[Any] = json.loads((CASES / file).read_text(encoding="utf-8"))[key]
    return found


def _by_id(cases: list[Any]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases]


# Worked examples: 1e-12 relative, in every number

EXAMPLES = _cases("tutorials.json", "examples")


def _compare_example(trace: gradcli.Trace, example: Mapping[str, Any]) -> None:
    assert near(trace.value, example["f"])
    assert trace.gradients.keys() == example["grad"].keys()
    for name, gradient in example["grad"].items():
        assert near(trace.gradients[name], gradient), name


@pytest.mark.parametrize("example", _by_id(EXAMPLES))
def test_worked_example(example: Mapping[str, Any]) -> None:
    trace = gradcli.evaluate(example["expr"], example["x"])
    _compare_example(trace, example)
    assert {warning.kind for warning in trace.warnings} <= {"dead"}, "a relu may be off, all else is in order"


@pytest.mark.parametrize("example", _by_id([example for example in EXAMPLES if "gates" in example]))
def test_worked_example_in_stages(example: Mapping[str, Any]) -> None:
    """A program with a line per gate that the source lists: its value, local gradients and global gradient."""
    lines = [f"{gate['name']} = {gate['expr']}" for gate in example["gates"]]
    trace = gradcli.evaluate("\n".join([*lines, example["gates"][-1]["name"]]), example["x"])
    _compare_example(trace, example)
    compare_gates(trace, example["gates"])


@pytest.mark.parametrize("example", _by_id([example for example in EXAMPLES if "printed" in example]))
def test_numbers_that_the_source_prints(example: Mapping[str, Any]) -> None:
    trace = gradcli.evaluate(example["expr"], example["x"])
    for name, printed in example["printed"].items():
        found = trace.value if name == "f" else trace.gradients.get(name)
        if found is not None:
            assert round(found, len(printed.partition(".")[2])) == float(printed), name


# Equations and test functions. The gradient's error is measured in the maximum norm, relative to the norm of the exact
# gradient: where terms cancel in one partial, float64 can't give that partial's own digits.

TOLERANCE = 1e-11
EQUATIONS = _cases("feynman.json", "equations")
FUNCTIONS = _cases("functions.json", "functions")

# How far from 0 a number may be that is exactly 0: a value, or a partial at a minimum. Absolute; the terms that cancel
# are of size 1 to 1e4. Where a minimum is rounded, the gradient is the second derivative times the rounding of x.
FROM_ZERO = 1e-11

NOT_DIFFERENTIABLE = {"bukin6"}  # its minimum is a kink
ON_A_BORDER = {"eggholder": {"x"}}  # the variables at their bound in the minimum: the slope there is not 0


def _norm(values: Mapping[str, float]) -> float:
    return max(map(abs, values.values()))


def _gradient_error(found: Mapping[str, float], exact: Mapping[str, float]) -> float:
    return _norm({name: found[name] - exact[name] for name in exact}) / _norm(exact)


def _check_value(found: float, exact: float) -> None:
    assert abs(found - exact) <= (TOLERANCE * abs(exact) or FROM_ZERO)


def _check_point(expression: str, point: Mapping[str, Any]) -> None:
    trace = gradcli.evaluate(expression, point["x"])
    _check_value(trace.value, point["f"])
    assert trace.gradients.keys() == point["grad"].keys()
    assert _gradient_error(trace.gradients, point["grad"]) <= TOLERANCE
    assert trace.warnings == []


@pytest.mark.parametrize("equation", _by_id(EQUATIONS))
def test_physics_equation(equation: Mapping[str, Any]) -> None:
    for point in equation["points"]:
        _check_point(equation["expr"], point)


@pytest.mark.parametrize("function", _by_id(FUNCTIONS))
def test_function_at_points(function: Mapping[str, Any]) -> None:
    for point in function["points"]:
        _check_point(function["expr"], point)


@pytest.mark.parametrize("function", _by_id([function for function in FUNCTIONS if function["minima"]]))
def test_function_at_minima(function: Mapping[str, Any]) -> None:
    for minimum in function["minima"]:
        trace = gradcli.evaluate(function["expr"], minimum["x"])
        _check_value(trace.value, minimum["f"])
        if function["id"] in NOT_DIFFERENTIABLE:
            assert "kink" in {warning.kind for warning in trace.warnings}
            continue
        for name, gradient in trace.gradients.items():
            assert (abs(gradient) > FROM_ZERO) == (name in ON_A_BORDER.get(function["id"], ())), name


def test_no_case_is_lost() -> None:
    assert (len(EXAMPLES), sum(len(example.get("gates", ())) for example in EXAMPLES)) == (24, 69)
    assert (len(EQUATIONS), sum(len(equation["points"]) for equation in EQUATIONS)) == (60, 180)
    assert (len(FUNCTIONS), sum(len(function["points"]) for function in FUNCTIONS)) == (39, 86)
    assert sum(len(function["minima"]) for function in FUNCTIONS) == 44
    assert len(INPUTS) == 140


# Inputs for the parser and the command line

INPUTS = _cases("parser.json", "cases")

# What the language says where the cases leave it open ("either"): "value", or "error" and why.
OPEN = {
    "precedence-33": "error: modulo or per cent; the message suggests mod(x, y)",
    "implicit multiplication-1": "value",
    "implicit multiplication-3": "error: two parentheses do not multiply",
    "implicit multiplication-5": "error: 2x^2y has two readings",
    "implicit multiplication-9": "error: two names do not multiply",
    "implicit multiplication-11": "value",
    "unicode-2": "value",
    "unicode-4": "value",
    "unicode-6": "value",
    "unicode-8": "value",
    "unicode-10": "value",
    "unicode-12": "value",
    "unicode-20": "error: invisible characters are named",
    "numbers-7": "error: numbers are decimal",
    "numbers-9": "value",
    "numbers-19": "value",
    "numbers-23": "value",
    "numbers-25": "value",
    "whitespace and separators-10": "value",
    "functions and arity-4": "error: names are case-sensitive",
    "names-2": "value",
    "names-4": "error: in is reserved",
    "names-6": "value",
    "names-8": "value",
    "names-10": "error: PI is a name like any other, and has no value",
    "names-18": "value",
    "names-20": "value",
    "syntax of other languages-1": "value",
    "syntax of other languages-7": "value",
    "bytes-5": "value",
    "size-4": "value",
    "size-6": "value",
    "size-8": "value",
    "command line-5": "value",
    "command line-9": "error: a value by --NAME that the program does not use",
    "command line-15": "value",
    "command line-19": "value",
}

# Answers of ours where the cases give none, or give another one that the language decides against.
DECIDED: dict[str, tuple[Any, dict[str, Any]]] = {
    "numbers-19": ("NaN", {"x": 1.0}),  # nan in, nan out
    "numbers-23": ("Infinity", {"x": 1.0}),  # numbers are floats from the first digit: an overflow, reported
    "numbers-25": ("NaN", {"x": 1.0}),  # (-8)^(1/3) is nan, never complex, and nan*0 is nan; the case says 1
    "syntax of other languages-1": (0.0, {"x": 0.0, "y": 0.0}),  # comparisons give 0 or 1
    "syntax of other languages-7": (0.0, {"x": 0.0}),  # so does not
    "command line-5": ("Infinity", {"x": "-Infinity"}),
    "command line-15": ("Infinity", {"x": 1.0}),
    "command line-19": ("Infinity", {"x": "-Infinity"}),
}


def _is_open(case: Mapping[str, Any]) -> bool:
    return bool(case["expect"] == "either")


def _expected_value(case: Mapping[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """Value and gradients, or None where an error is right."""
    if case["expect"] == "error" or (_is_open(case) and OPEN[case["id"]].startswith("error: ")):
        return None
    given = case.get("value_if_accepted", case)
    return DECIDED.get(case["id"]) or (given["f"], given["grad"])


def _content(case: Mapping[str, Any]) -> bytes:
    if "input_hex" in case:
        return bytes.fromhex(case["input_hex"])
    if "build" in case:
        build = case["build"]
        return str(build["prefix"] + build["unit"] * build["times"] + build["suffix"]).encode()
    return str(case["input"]).encode()


def _arguments(case: Mapping[str, Any], folder: Path) -> list[str]:
    """The command line of a case, with JSON asked for."""
    if "argv" in case:
        command, *rest = case["argv"]
        return [command, *([] if "--json" in rest else ["--json"]), *rest]
    (folder / "program").write_bytes(_content(case))
    (folder / "values.json").write_text(json.dumps(case.get("vars", {})), encoding="utf-8")
    return ["eval", "@program", "--vars", "values.json", "--json"]


def _strictly(document: str) -> Any:
    """The JSON document; a bare NaN or Infinity is an error."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(document, parse_constant=refuse)


def _written(number: float) -> float | str:
    """A number as the JSON has it."""
    return number if math.isfinite(number) else str(number).replace("inf", "Infinity").replace("nan", "NaN")


def _check_number(found: Any, expected: Any) -> None:
    if isinstance(expected, str):
        assert found == expected
    else:
        assert near(found, expected)


def _check_answer(case: Mapping[str, Any], status: int, out: str, err: str) -> None:
    assert "Traceback" not in err
    _check_characters(err)
    expected = _expected_value(case)
    if expected is None:
        _check_error(status, out, err, 74 if case["id"] == "bytes-3" else 2)
        return
    assert status == 0, err
    document = _strictly(out)
    _check_number(document["value"], expected[0])
    assert document["gradients"].keys() == expected[1].keys()
    for name, gradient in expected[1].items():
        _check_number(document["gradients"][name], gradient)


def _check_error(status: int, out: str, err: str, wanted: int) -> None:
    """One message: what is wrong, at most a line of source with its caret, a hint."""
    assert (status, out) == (wanted, "")
    lines = err.splitlines()
    assert lines[0].startswith("gradcli: ")
    assert err.count("gradcli: ") == 1
    assert len(lines) <= 4
    assert len(err) < 1000


def _check_characters(text: str) -> None:
    """Nothing that moves the cursor, hides or reorders text, but for line ends."""
    hidden = {unicodedata.category(sign) for sign in text if sign != "\n"} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert not hidden


@pytest.mark.parametrize("case", _by_id(INPUTS))
def test_input(
    case: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status = run(_arguments(case, tmp_path))
    shown = capsys.readouterr()
    _check_answer(case, status, shown.out, shown.err)
    assert not list(tmp_path.rglob("pwned"))
    assert not (PROJECT / "pwned").exists()


IN_PROCESSES = [
    "injection-1", "injection-17", "unicode-16", "unicode-22", "bytes-1", "bytes-3", "size-12", "size-4", "names-22",
    "command line-1", "command line-13", "command line-19",
]  # fmt: skip


@pytest.mark.parametrize("case", _by_id([case for case in INPUTS if case["id"] in IN_PROCESSES]))
def test_input_in_a_process_of_its_own(case: Mapping[str, Any], tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "gradcli", *_arguments(case, tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )
    _check_answer(case, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert {path.name for path in tmp_path.iterdir()} <= {"program", "values.json"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_error_on_a_narrow_stream(encoding: str, tmp_path: Path) -> None:
    """Characters that standard error can't show are escaped."""
    (tmp_path / "program").write_text("٣ + х", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "gradcli", "eval", "@program"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=60)
    _check_error(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding), 2)
    assert "\\u0663" in done.stderr.decode(encoding)


@pytest.mark.parametrize("case", _by_id([case for case in INPUTS if "argv" not in case and "input_hex" not in case]))
def test_input_through_the_api(case: Mapping[str, Any]) -> None:
    """The same answers from gradcli.evaluate, with the values that the program names."""
    text, values = _content(case).decode(), case.get("vars", {})
    expected = _expected_value(case)
    if expected is None:
        with pytest.raises(gradcli.GradcliError) as caught:
            gradcli.evaluate(text, values)
        _check_characters(str(caught.value))
        assert len(str(caught.value)) < 1000
        return
    trace = gradcli.evaluate(text, {name: value for name, value in values.items() if name in expected[1]})
    _check_number(_written(trace.value), expected[0])
    assert trace.gradients.keys() == expected[1].keys()


def test_every_open_case_is_decided() -> None:
    assert {case["id"] for case in INPUTS if _is_open(case)} == set(OPEN)
    values = {id for id, decision in OPEN.items() if decision == "value"}
    without = {case["id"] for case in INPUTS if case["id"] in values and "value_if_accepted" not in case}
    assert without < set(DECIDED) <= values


def test_decisions_against_a_case() -> None:
    """Where the language answers a value and the case another one: only here."""
    against = {
        case["id"]
        for case in INPUTS
        if case["id"] in DECIDED and "value_if_accepted" in case and not math.isnan(case["value_if_accepted"]["f"])
    }
    assert against == {"numbers-25"}

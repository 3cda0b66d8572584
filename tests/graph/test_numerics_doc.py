"""The tables of docs/numerics.md say what gradcli answers; `pytest --renew` with this file writes them.

The table of measured errors is written by `python benchmarks/accuracy.py --renew`; here it is held to the op table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numerics_tables import block, bounds_row, cells, renewed, table
from oracle import TESTED
from test_ops_conventions import CASES as CONVENTIONS
from test_ops_conventions import run
from test_ops_edge_cases import CASES, NOT_HELD, wrong

DOCUMENT = Path(__file__).parents[2] / "docs" / "numerics.md"
NAN, INF = float("nan"), float("inf")

# Each line is a case of test_convention, in test_ops_conventions.py.
PLACES: list[tuple[str, str, dict[str, float]]] = [
    ("kink: the subgradient of least norm", "abs(x)", {"x": -0.0}),
    ("", "relu(x)", {"x": 0.0}),
    ("", "leaky_relu(x, slope=0.2)", {"x": 0.0}),
    ("", "selu(x)", {"x": 0.0}),
    ("", "clamp(x, -1, 1)", {"x": 1.0}),
    ("", "relu(x)-relu(-x)", {"x": 0.0}),
    ("a tie of n operands: 1/n each", "max(x,y)", {"x": 0.0, "y": -0.0}),
    ("", "max(x,0)", {"x": -0.0}),
    ("", "max(x, y, z)", {"x": 1.0, "y": 1.0, "z": 1.0}),
    ("vertical tangent", "sqrt(x)", {"x": 0.0}),
    ("", "x^0.5", {"x": 0.0}),
    ("", "cbrt(x)", {"x": 0.0}),
    ("", "asin(x)", {"x": 1.0}),
    ("", "acos(x)", {"x": -1.0}),
    ("", "acosh(x)", {"x": 1.0}),
    ("", "atanh(x)", {"x": 1.0}),
    ("pole", "1/x", {"x": 0.0}),
    ("", "log(x)", {"x": 0.0}),
    ("x^0 is 1 and flat", "x^0", {"x": INF}),
    ("", "x^0", {"x": NAN}),
    ("powers of 0", "x^y", {"x": 0.0, "y": 0.0}),
    ("", "x^a", {"x": 0.0, "a": 2.0}),
    ("", "x^y", {"x": 0.0, "y": -1.0}),
    ("", "0^x", {"x": 0.0}),
    ("", "0^x", {"x": -1.0}),
    ("negative base", "x^y", {"x": -2.0, "y": 2.0}),
    ("", "x^3", {"x": -2.0}),
    ("", "x^y", {"x": -8.0, "y": 0.5}),
    ("1 to any power", "x^y", {"x": 1.0, "y": INF}),
    ("outside the domain", "log(x)", {"x": -1.0}),
    ("", "sqrt(x)", {"x": -1.0}),
    ("", "acos(x)", {"x": 2.0}),
    ("", "sin(x)", {"x": INF}),
    ("", "x/y", {"x": 0.0, "y": 0.0}),
    ("steps", "sign(x)", {"x": 0.0}),
    ("", "floor(x)", {"x": -2.5}),
    ("", "round(x)", {"x": 2.5}),
    ("", "x < y", {"x": 1.0, "y": 2.0}),
    ("floored remainder", "mod(a, b)", {"a": -7.5, "b": 2.0}),
    ("origin", "hypot(x, y)", {"x": 0.0, "y": 0.0}),
    ("", "atan2(y,x)", {"y": 0.0, "x": 0.0}),
    ("", "xlogy(x, y)", {"x": 0.0, "y": 0.0}),
    ("", "sinc(x)", {"x": 0.0}),
    ("gelu is the erf form", "gelu(x)", {"x": 1.0}),
    ("the branch not chosen gets 0", "where(x > 0, sqrt(x), 0)", {"x": -1.0}),
    ("", "where(x < 0, exp(x), 1 + x)", {"x": 1000.0}),
    ("", "where(x == 0, 1, sin(x)/x)", {"x": 0.0}),
    ("", "where(c, a, b)", {"c": NAN, "a": 1.0, "b": 2.0}),
    ("0 that arrives stays 0", "0*sqrt(x)", {"x": 0.0}),
    ("", "relu(-sqrt(x))", {"x": 0.0}),
    ("0 times inf otherwise", "x*log(x)", {"x": 0.0}),
    ("", "sqrt(x^2+y^2)", {"x": 0.0, "y": 0.0}),
    ("", "sin(x)/x", {"x": 0.0}),
    ("log is the natural one", "log(x, b)", {"x": 9.0, "b": 3.0}),
    ("IEEE, no exceptions", "exp(x)", {"x": 1000.0}),
    ("nan in, nan out", "max(1,x)", {"x": NAN}),
]


def _key(text: str, inputs: dict[str, float]) -> tuple[str, str]:
    """Equal for the same expression at the same point: 0 and -0 differ, nan is nan."""
    return re.sub(r"\s", "", text), repr(sorted((name, float(x)) for name, x in inputs.items()))


_OTHERS = {_key(case["expr"], case["x"]): case for case in CASES}


def _answer(value: object, gradients: dict[str, Any]) -> str:
    return "; ".join([str(value), *(f"∂{name} {slope}" for name, slope in gradients.items())])


def conventions() -> str:
    rows = []
    for place, text, inputs in PLACES:
        trace = run(text, **inputs)
        other = _OTHERS.get(_key(text, inputs))
        theirs = [_answer(other[name]["f"], other[name]["g"]) if other else "" for name in ("torch", "jax")]
        point = ", ".join(f"{name} = {x!r}" for name, x in inputs.items())
        rows.append([place, f"`{text}`", point, _answer(trace.value, trace.gradients), *theirs])
    return table(["place", "expression", "at", "gradcli: value; gradients", "PyTorch", "JAX"], rows)


def _right(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [case for case in cases if not wrong(case)]


def cases() -> str:
    numbers = [case for case in CASES if case["torch_exact"] is not None]
    counted: list[tuple[str, int, int | None]] = [
        ("all", len(CASES), None),
        ("the exact answer is undefined, a limit, or a matter of convention", len(CASES) - len(numbers), None),
        ("the exact answer is a number", len(numbers), len(_right(numbers))),
    ]
    for name, title in (("torch_exact", "PyTorch"), ("jax_exact", "JAX")):
        theirs = {flag: [case for case in numbers if case[name] is flag] for flag in (False, True)}
        counted.append((f"of these {title} is wrong", len(theirs[False]), len(_right(theirs[False]))))
        counted.append((f"of these {title} is right", len(theirs[True]), len(_right(theirs[True]))))
    rows = [[what, str(count), "" if right is None else str(right)] for what, count, right in counted]
    return table(["cases", "count", "gradcli is right"], rows)


def lost() -> str:
    by_name = {case["id"]: case for case in CASES}
    rows = []
    for name, (what, why, remedy) in NOT_HELD.items():
        case = by_name[name]
        point = ", ".join(f"{name} = {x}" for name, x in case["x"].items())
        wrong = ", ".join(["value" if one == "f" else f"∂{one}" for one in sorted(what)])
        rows.append([f"`{case['expr']}`", point, wrong, why, f"`{remedy}`" if remedy else "none"])
    return table(["expression", "at", "lost", "because", "holds"], rows)


@pytest.mark.parametrize(("name", "write"), [("conventions", conventions), ("cases", cases), ("lost", lost)])
def test_the_document_says_what_is_answered(name: str, write: Callable[[], str], renew: bool) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    if renew:
        DOCUMENT.write_text(renewed(text, name, write()), encoding="utf-8", newline="\n")
    assert block(DOCUMENT.read_text(encoding="utf-8"), name).group(1) == write(), "pytest --renew writes the table"


def test_each_convention_is_held_by_a_test() -> None:
    held = {_key(text, inputs) for text, inputs, *_ in CONVENTIONS}
    assert [text for _, text, inputs in PLACES if _key(text, inputs) not in held] == []


def test_where_others_are_right_so_are_we() -> None:
    for case in CASES:
        if case["torch_exact"] or case["jax_exact"]:
            assert not wrong(case), case["expr"]


def test_each_function_has_its_measured_errors() -> None:
    """None is larger than the row promises; promise and domain are those of the row."""
    found = cells(DOCUMENT.read_text(encoding="utf-8"), "bounds")
    assert len(found) == len(TESTED)
    for line, row in zip(found, TESTED, strict=True):
        name, value, slopes, promised, where = line
        places = 1 if row.variadic else len(row.parameters)
        assert [name, promised, where] == [bounds_row(row, [0.0])[place] for place in (0, 3, 4)]
        errors = [float(value), *map(float, slopes.split(", "))]
        assert len(errors) == places + 1
        assert all(0.0 <= error <= row.ulp for error in errors), name


def test_a_wrong_table_is_noticed() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    other = renewed(text, "cases", table(["cases"], [["none"]]))
    assert cells(other, "cases") == [["none"]]
    assert cells(other, "bounds") == cells(text, "bounds")

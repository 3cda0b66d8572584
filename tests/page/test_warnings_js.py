"""The page's warnings are those of Python: the same kinds, gates and messages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any

import numpy as np
import pytest
from array_programs import array_programs
from columns_of import drawn, facts_and_columns
from node_page import run
from programs import ROWS, programs, written

from gradcli.diagnose import NOT_FINITE, warnings
from gradcli.errors import GradcliError
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph
from gradcli.printable import printable
from gradcli.traces import Trace

WARNINGS = """given.map(([facts, raw]) => {
  const columns = Object.fromEntries(Object.entries(raw).map(([name, column]) => [name, plainNumber(column)]));
  return warningsOf(facts, columns).map((one) => [one.kind, one.gate, one.message]);
})"""
SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 2.5, -3.0, 40.0, -40.0, 800.0, -800.0, 1e-8, math.inf, -math.inf, math.nan, 1e308,
    -1e308, 1e-308, 5e-324, -5e-324, 1e-200, 1e200,
)  # fmt: skip


def evaluated(text: str, values: Mapping[str, Any]) -> Trace:
    values = {name: np.array(x) if isinstance(x, list) else x for name, x in values.items()}
    graph = lower(parse(text), values)
    return evaluate_graph(graph, {name: values[name] for name in graph.inputs})


def all_of(cases: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Trace]:
    """The traces of programs that have one."""
    found = []
    for text, values in cases:
        try:
            found.append(evaluated(text, values))
        except GradcliError:
            continue
    return found


def same(traces: list[Trace], write: Callable[[str], str] = str) -> set[str]:
    """Compares all warnings, and gives the kinds that there were. write: of messages, before they are compared."""
    found = run(("numbers", "sentences", "warnings", "warnings_of_arrays"), WARNINGS, [*map(facts_and_columns, traces)])
    kinds = set()
    for trace, told in zip(traces, found, strict=True):
        wanted = [[one.kind, int(one.gate[1:]), write(printable(one.message))] for one in warnings(trace)]
        assert [[kind, gate, write(text)] for kind, gate, text in told] == wanted, (trace.graph.source, trace.values)
        kinds |= {kind for kind, _, _ in wanted}
    return kinds


def rounded(message: str) -> str:
    """A message without its numbers' last digits, by which NumPy's functions of arrays differ from those of numbers."""
    return re.sub(r"(?<!\w)[0-9.]{10,}(e[+-]?[0-9]+)?", lambda found: f"{float(found[0]):.12g}", message)


def points(row: Op) -> Iterator[tuple[float, ...]]:
    """Special points of a function, alone and together, and its samples."""
    draw, count = Random(row.name), 3 if row.variadic else len(row.parameters)
    yield from ((x,) * count for x in SPECIAL)
    yield from (tuple(draw.choice(SPECIAL) for _ in range(count)) for _ in range(40 if count > 1 else 0))
    yield from (sample for sample in row.samples if len(sample) == count)


def around(row: Op, count: int) -> Iterator[str]:
    """Programs in which the function stands alone, is used on, and does not matter or has a gradient of 0."""
    call = written(row.name, row.symbol, ["x", "y", "z"][:count])
    yield call
    yield f"tanh({call}*1e200) + w"
    yield f"q = {call}; 0 * q + where(w > 0, exp(q), w*q)"
    yield f"q = {call}; relu(q - 1e300) * 1e-300 * q"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_function_is_warned_of_at_special_points(row: Op) -> None:
    """Zeros, ties, infinities, nan, the largest and the smallest numbers; as output, and amid other gates."""
    cases = []
    for at in points(row):
        values = {**dict(zip("xyz", at, strict=False)), "w": at[0]}
        cases += [(text, values) for text in around(row, len(at))]
    traces = all_of(cases)
    assert len(traces) == len(cases)
    same(traces)


CASES = (
    ("1e-400 * x", {"x": 1.0}, "underflow"),
    ("1e400 * x", {"x": 1.0}, "overflow"),
    ("x * 1e-200 * 1e-200", {"x": 1.0}, "underflow"),
    ("sigmoid(x)", {"x": 50.0}, "saturation"),
    ("tanh(10*x) + tanh(9*x)", {"x": 1.0}, "saturation"),
    ("relu(x) + y", {"x": -1.0, "y": 1.0}, "dead"),
    ("z * where(x, relu(y), y)", {"x": -1.0, "y": -1.0, "z": 0.0}, "dead"),
    ("z * where(x, y, relu(y))", {"x": 0.0, "y": -1.0, "z": 0.0}, "dead"),
    ("max(x, y)", {"x": 1.0, "y": 1.0}, "tie"),
    ("abs(x)", {"x": 0.0}, "kink"),
    ("1/x", {"x": 0.0}, "pole"),
    ("log(x)", {"x": -1.0}, "domain"),
    ("x - y", {"x": math.inf, "y": math.inf}, "invalid"),
    ("x*y", {"x": 0.0, "y": math.inf}, "0·inf"),
    ("exp(x)", {"x": 1000.0}, "overflow"),
    ("sqrt(x)*0 + sqrt(x)", {"x": 0.0}, "pole"),
    ("where(x > 0, log(x), relu(x))", {"x": -1.0}, "dead"),
    ("x*1e200*1e200*y", {"x": 0.0, "y": 1e200}, "overflow"),
    (" + ".join(f"relu(x{i})" for i in range(80)), {f"x{i}": -1.0 for i in range(80)}, "dead"),
    ("q = " + " + ".join(f"x{i}" for i in range(9)) + "; relu(q)", {f"x{i}": -1.0 for i in range(9)}, "dead"),
)


def test_every_kind_of_warning_is_told() -> None:
    """A program for each kind, with more dead gates than are told of, more inputs than are named, long names."""
    traces = [evaluated(text, values) for text, values, _ in CASES]
    for trace, (text, _, kind) in zip(traces, CASES, strict=True):
        assert kind in {one.kind for one in warnings(trace)}, text
    same(traces)


def test_random_programs_are_warned_of() -> None:
    """Programs over all rows, at values of all sizes and at special points."""
    draw = Random(11)
    cases = [(case.text, case.values) for case in drawn(programs(gradients=True), 250)]
    cases += [(text, {name: draw.choice(SPECIAL) for name in values}) for text, values in cases for _ in range(2)]
    traces = all_of(cases)
    assert len(traces) > 700
    assert len(same(traces)) >= 9


ARRAYS = (
    ("sum(relu(x))", {"x": [[-1.0, 2.0], [-3.0, 0.0]]}),
    ("sum(relu(x*y))", {"x": [[-1.0, 2.0], [-3.0, 0.0]], "y": [1.0, -0.0]}),
    ("sum(log(x) + y)", {"x": [1.0, 0.0, -1.0], "y": 1.0}),
    ("sum(x/y)", {"x": [[1.0, 0.0], [2.0, math.inf]], "y": [0.0, 1.0]}),
    ("sum(sigmoid(x))", {"x": [1.0, 50.0, 60.0, math.inf]}),
    ("sum(x^-2 + (-2)^x)", {"x": [0.0, 1.5, 2.0]}),
    ("sum(max(x, y, 1))", {"x": [0.0, 1.5, 1.0], "y": 1.5}),
    ("amax(x) + sum(amax(y, axis=0))", {"x": [1.0, 3.0, 3.0], "y": [[1.0, 2.0], [1.0, 0.0]]}),
    ("sum(where(x > 0, log(x), exp(y)))", {"x": [-1.0, math.nan, 0.0], "y": [1000.0, 1.0, 2.0]}),
    ("relu(x) + sum(y)", {"x": -1.0, "y": [1.0, 2.0]}),
    ("sum(x @ y)", {"x": [[1e200, 1.0]], "y": [1e200, 2.0]}),
    ("sum(x @ y) * 1e300", {"x": [[1e10, 1.0]], "y": [1e20, math.inf]}),
    ("norm(x) + std(y)", {"x": [0.0, 0.0], "y": [1.0, 1.0]}),
    ("sum([0, 1]/[0, 1] + x)", {"x": [1.0, 2.0]}),
    ("sum(sqrt(x) * [1, 0, 2])", {"x": [0.0, 0.0, 1.0]}),
)


def test_arrays_are_warned_of_by_element() -> None:
    """The first element of each kind is named, and how many there are."""
    assert len(same([evaluated(text, values) for text, values in ARRAYS])) >= 7


def test_random_programs_of_arrays_are_warned_of() -> None:
    """Moderate values, ties, numbers that are not finite, and numbers that over- and underflow."""
    draw = Random(13)
    cases = [
        (case.text, case.values) for kind in ("moderate", "ties", "odd") for case in drawn(array_programs(kind), 100)
    ]
    cases += [(text, {name: replaced(x, draw) for name, x in values.items()}) for text, values in cases]
    traces = all_of(cases)
    assert len(traces) > 500
    assert len(same(traces, rounded)) >= 6


def replaced(x: Any, draw: Random) -> Any:
    """The same array with other elements."""
    return [replaced(part, draw) for part in x] if isinstance(x, list) else draw.choice((*SPECIAL[:10], 1e200, -1e200))


def test_the_kinds_that_are_marked_as_bad() -> None:
    assert {*run(["warnings"], "[...NOT_FINITE]", None)} == NOT_FINITE

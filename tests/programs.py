"""Hypothesis strategies for whole programs with values for their inputs, over all rows of the op table.

A new row takes part by itself. Programs have inputs, constants, stages, defined functions, shared gates, keyword
arguments. They shrink towards one gate of the first input at 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from gradcli.graph import ops
from gradcli.graph.ops import Op

ROWS = tuple(row for row in ops.ELEMENTWISE if not row.hidden)

_INPUTS = (
    "x",
    "y",
    "z",
    "θ",
    "x₁",
    "g2",
    "log",
    "pi",
)  # names that fresh names, functions and constants may clash with
_STAGES = ("q", "r", "s", "g3", "g5", "σ", "h₂", "exp", "t", "u", "v", "w")
_LITERALS = ("2", "0.5", "1", "3", "0", "pi", "e", "1e-3", "0.1", "10", "tau", "inf")
_CONSTANT_FROM = 18  # an operand is the newest gate but n; from this number on it is a constant
_LONG = 200  # characters of an expression that gets a name, so that texts stay short
_NARROW = 8.0


class Case(NamedTuple):
    """A program and a value for each of its inputs."""

    text: str
    values: dict[str, float]


class Function(NamedTuple):
    """A function that a program defines."""

    name: str
    parameters: tuple[str, ...]


class Step(NamedTuple):
    """One gate to write.

    Attributes:
        row: what it computes; or a defined function, by `call`.
        operands: see _CONSTANT_FROM; as many as the row takes are used.
        tame: whether operands are brought into the row's domain.
        named: whether it becomes a stage.
        call: which defined function is called instead, if any is; 0 is none.
        short: whether arguments with defaults are left out, or given by keyword.
    """

    row: Op
    operands: tuple[int, ...]
    tame: bool
    named: bool
    call: int
    short: int


def written(name: str, symbol: str | None, operands: Sequence[str]) -> str:
    """An operation with all parentheses."""
    if symbol is None:
        return f"{'log' if name == 'log_base' else name}({', '.join(operands)})"
    return f"({symbol} {operands[0]})" if len(operands) == 1 else f"({operands[0]} {symbol} {operands[1]})"


def _tamed(operand: str, low: float, high: float) -> str:
    """An operand brought into an interval."""
    if (low, high) == (0.0, 1.0):  # a condition
        return f"({operand} > 0.5)"
    if low < -_NARROW and high > _NARROW:
        return operand
    if high > _NARROW:
        return f"({low!r} + ({operand})^2)"
    if low < -_NARROW:
        return f"({high!r} - ({operand})^2)"
    return f"({(low + high) / 2!r} + {(high - low) / 2!r}*sin({operand}))"


def _operation(step: Step, operands: list[str]) -> str:
    """A call or operator of the op table, on operands written already."""
    row = step.row
    count = len(operands) if row.variadic else len(row.parameters)
    operands = operands[:count]
    if step.tame:
        domain = row.domain * count if row.variadic else row.domain
        operands = [_tamed(operand, *interval) for operand, interval in zip(operands, domain, strict=False)]
    required = count - len(row.defaults)
    if row.defaults and step.short:
        chosen = operands[required:] if step.short > 1 else []
        keywords = [f"{name}={x}" for (name, _), x in zip(row.defaults, chosen, strict=False)]
        operands = operands[:required] + keywords
    return written(row.name, row.symbol, operands)


def _expression(step: Step, pool: list[str], functions: list[Function], literals: Sequence[str] = _LITERALS) -> str:
    operands = [
        pool[-1 - n % len(pool)] if n < _CONSTANT_FROM else literals[(n - _CONSTANT_FROM) % len(literals)]
        for n in step.operands
    ]
    if functions and step.call:
        function = functions[step.call % len(functions)]
        return written(function.name, None, operands[: len(function.parameters)])
    return _operation(step, operands)


# Building a strategy takes longer than drawing from it, hence the caches.


@cache
def steps(rows: tuple[Op, ...] = ROWS) -> st.SearchStrategy[Step]:
    most = _CONSTANT_FROM + len(_LITERALS) - 1
    return st.builds(
        Step,
        st.sampled_from(rows),
        st.tuples(st.sampled_from((0, 0, 0, 1, 2, 3)), *[st.integers(0, most)] * 3),  # the first one is no constant
        st.sampled_from((True, True, True, False)),
        st.booleans(),
        st.sampled_from((0, 0, 0, 0, 0, 1, 2)),
        st.integers(0, 2),
    )


@cache
def values() -> st.SearchStrategy[float]:
    """Small and large numbers, integers and their neighbours, where most kinks are."""
    return st.one_of(
        st.sampled_from((0.5, 1.0, 2.0, -1.0, 3.0, 0.25, -2.5)),
        st.floats(-5.0, 5.0, allow_subnormal=False),
        st.floats(0.1, 3.0),
        st.floats(-1e3, 1e3, allow_subnormal=False),
        st.builds(lambda n, d: n + d, st.integers(-3, 3), st.sampled_from((0.0, 1e-9, -1e-9, 1e-15, -1e-15))),
        st.builds(lambda s, n: s * 10.0**n, st.sampled_from((1.0, -1.0)), st.integers(-20, 20)),
        st.builds(lambda s, n: s * 10.0**n, st.sampled_from((1.0, -1.0)), st.integers(-300, 300)),
    )


@cache
def _lists(least: int, most: int) -> st.SearchStrategy[list[Step]]:
    return st.lists(steps(), min_size=least, max_size=most)


_FUNCTIONS = st.sampled_from(((), (), (), ("f",), ("f", "norm_")))
_COUNT = st.integers(1, 3)
_SOME_INPUTS = st.lists(st.sampled_from(_INPUTS), min_size=1, max_size=3, unique=True)
_SEPARATORS = st.sampled_from(("\n", "; ", " # a remark\n"))


@st.composite
def definitions(draw: Any, with_gradients: st.SearchStrategy[bool]) -> tuple[list[Function], list[str]]:
    """Functions and the lines that define them. What a function declares as its derivative is anything."""
    literals = [literal for literal in _LITERALS if literal != "pi"]  # pi may be an input, which functions do not see
    functions: list[Function] = []
    lines: list[str] = []
    for name in draw(_FUNCTIONS):
        parameters = ("a", "b", "e")[: draw(_COUNT)]
        pool = list(parameters)
        for step in draw(_lists(1, 3)):
            body = _expression(step, pool, functions, literals)
            if len(body) <= _LONG:
                pool.append(body)
        own = f" with grad ({', '.join(pool[-n % len(pool)] for n in range(len(parameters)))})"
        lines.append(f"{name}({', '.join(parameters)}) = {pool[-1]}{own if draw(with_gradients) else ''}")
        functions.append(Function(name, parameters))
    return functions, lines


_DEFINITIONS = {False: definitions(st.just(False)), True: definitions(st.booleans())}


def _lines(found: list[Step], pool: list[str], functions: list[Function]) -> list[str]:
    """Stages for the steps, then the last expression."""
    lines, names, body = [], list(_STAGES), pool[-1]
    for position, step in enumerate(found):
        body = _expression(step, pool, functions)
        if (step.named or len(body) > _LONG) and position < len(found) - 1:
            name = names.pop(0) if names and step.named else f"s{position}"
            lines.append(f"{name} = {body}")
            body = name
        pool.append(body)
    return [*lines, body]


@st.composite
def programs(
    draw: Any, first: Op | None = None, most: int = 10, functions: bool = True, gradients: bool = False
) -> Case:
    """A program with values.

    Args:
        first: a row that the program's first gate has to be of.
        most: the most steps.
        functions: whether it may define functions.
        gradients: whether these may declare derivatives, right or wrong.
    """
    inputs = draw(_SOME_INPUTS)
    defined, lines = draw(_DEFINITIONS[gradients]) if functions else ([], [])
    found = draw(_lists(0 if first else 1, most))
    if first is not None:
        found.insert(0, draw(steps((first,)))._replace(call=0))
    lines += _lines(found, list(inputs), defined)
    text = draw(_SEPARATORS).join(lines)
    return Case(text, {name: draw(values()) for name in inputs})


@cache
def _random_programs() -> Any:
    """The module tests/language/random_programs.py, by its path: that folder is not one to import from everywhere."""
    path = Path(__file__).parent / "language" / "random_programs.py"
    spec = spec_from_file_location("random_programs_of_the_language", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts(seed: int) -> Callable[[], str]:
    """A source of texts in the whole language, most of them spoilt; the same ones for the same seed."""
    found: Callable[[], str] = _random_programs().Programs(seed).text
    return found

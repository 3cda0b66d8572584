"""Levenberg-Marquardt for losses that are sums of squares, found in the program.

Enters: an objective per row, or of no data. Leaves: how it ended. Invariant: the squares of the residuals add up to the
loss.

A loss is a sum of squares if its output is one gate of these, or a sum of such: r^2, r*r, and either times or divided
by a positive constant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.rewriting.template import empty_like
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.kernels import kernel
from gradcli.passes import backward, forward_with_partials
from gradcli.training.layout import Vector, by_elements, feeds
from gradcli.training.losses.forms import Form
from gradcli.training.losses.rows import PerRow
from gradcli.training.losses.whole import Whole
from gradcli.training.objective import Columns, Objective, count
from gradcli.training.squares.solving import Evaluated, Solved, solve, state_of
from gradcli.training.steps.state import Ended, Events, State
from gradcli.training.steps.stopping import Criteria

_HINT = "gradcli fit is for curves; --optimizer lbfgs takes any loss"
_LARGER = "lm solves for all of them at once; --optimizer lbfgs takes more"
_MOST_NUMBERS = 100_000_000  # of a Jacobian, which is stored
_MOST_PARAMETERS = 500
_MOST_WORK = 4_000_000_000  # residuals × parameters²: what an iteration takes, some seconds
_MOST_GATES = 1_000_000  # of the squares of a plain function, which are computed one by one
_MOST_KERNELS = 200  # squares of a row of data, each with its kernel


class Square(NamedTuple):
    """A term of a loss: factor times the square of a gate."""

    gate: int
    factor: float


def squares(graph: Graph, constants: Mapping[str, float]) -> list[Square]:
    """The terms of a loss that is a sum of squares; the graph is of numbers.

    Raises:
        UsageError: it is none.
    """
    found: list[Square] = []
    waiting = [(graph.output, 1.0)]
    while waiting:
        index, factor = waiting.pop()
        gate = graph[index]
        operands = gate.operands
        known = [_constant(graph, operand, constants) for operand in operands]
        name = gate.op.name
        if name == "add":
            waiting += [(operand, factor) for operand in reversed(operands)]
        elif (name == "mul" and operands[0] == operands[1]) or (name == "pow" and known[1] == 2.0):
            found.append(Square(operands[0], factor))
        elif name == "mul" and known[0] is not None and known[0] > 0.0:
            waiting.append((operands[1], factor * known[0]))
        elif name in ("mul", "div") and known[1] is not None and known[1] > 0.0:
            waiting.append((operands[0], factor * known[1] if name == "mul" else factor / known[1]))
        else:
            message = "lm needs a loss that is a square or a sum of squares, such as (w*x + b - y)^2"
            raise UsageError(message, source=graph.source, span=graph.span(index), hint=_HINT)
    return found


def _constant(graph: Graph, index: int, constants: Mapping[str, float]) -> float | None:
    """A number that neither parameters nor data change."""
    gate = graph[index]
    if gate.op is ops.ROWS[ops.CONSTANT]:
        return float(gate.literal or "nan")
    return constants.get(gate.name) if gate.op is ops.ROWS[ops.INPUT] and gate.name is not None else None


class Residuals:
    """The residuals of a loss over rows, and their Jacobian.

    Raises:
        UsageError: the loss is not made of squares, or is no loss per row; or it would take too much time or memory.
    """

    def __init__(self, objective: Objective, columns: Columns) -> None:
        form = _form(objective)
        flat = unroll(form.graph, form.max_gates)
        constants: dict[str, float] = unrolled_values(form.graph, form.constants)
        self.names = objective.layout.elements()
        elements = by_elements(columns, feeds(form.columns))
        self._columns = {name: np.ascontiguousarray(column) for name, column in elements.items()}
        self._rows = count(self._columns) if self._columns else 1
        divisor = self._rows if form.reduce == "mean" else 1
        found = squares(flat, constants)
        self._roots = [sqrt(square.factor / divisor) for square in found]
        self.count = self._rows * len(found)
        _check_size(self.count, len(self.names))
        gates = [square.gate for square in found]
        self._terms: list[_Term]
        if self._columns:
            engine = objective.engine if objective.engine in ("numpy", "native") else "numpy"
            self._terms = _kernels(flat, gates, constants, self.names, engine, form.max_gates)
        else:
            self._terms = _functions(flat, gates, constants, self.names)

    def evaluate(self, theta: Vector) -> Evaluated:
        by_name = dict(zip(self.names, theta.tolist(), strict=True))
        places = {name: column for column, name in enumerate(self.names)}
        residuals = np.empty((len(self._terms), self._rows))
        jacobian = np.zeros((len(self._terms), self._rows, len(self.names)))
        for place, (term, root) in enumerate(zip(self._terms, self._roots, strict=True)):
            values, gradients = term(self._columns, by_name)
            np.multiply(values, root, out=residuals[place])
            for name, gradient in gradients.items():
                np.multiply(gradient, root, out=jacobian[place, :, places[name]])
        flat = residuals.ravel()
        return Evaluated(flat, jacobian.reshape(self.count, -1), np.abs(flat))


_Term = Callable[[Mapping[str, Vector], Mapping[str, float]], tuple[Any, Mapping[str, Any]]]
"""A residual of every row and its derivatives by name, from columns and the parameters by name."""


def _check_size(residuals: int, parameters: int) -> None:
    """Refuse what no iteration comes to an end of."""
    work = residuals * parameters**2
    if parameters > _MOST_PARAMETERS or residuals * parameters > _MOST_NUMBERS or work > _MOST_WORK:
        message = (
            f"{residuals:,} squares of {parameters:,} parameters are too many for lm, which solves for all at once"
        )
        raise UsageError(message, hint=_LARGER)


def _kernels(
    flat: Graph, gates: Sequence[int], constants: Mapping[str, float], names: Sequence[str], engine: str, max_gates: int
) -> list[_Term]:
    """Of data: a kernel for every square of a row."""
    if len(gates) > _MOST_KERNELS:
        message = f"the loss of a row has {len(gates):,} squares, and lm takes {_MOST_KERNELS} at most"
        raise UsageError(message, hint=_LARGER)
    return [_kernel(_part(flat, gate), constants, names, engine, max_gates) for gate in gates]


def _kernel(part: Graph, constants: Mapping[str, float], names: Sequence[str], engine: str, max_gates: int) -> _Term:
    inputs = part.inputs
    used = [name for name in names if name in inputs]
    made = kernel(part, constants, used, varying=used, engine=engine, max_gates=max_gates)

    def term(columns: Mapping[str, Vector], parameters: Mapping[str, float]) -> tuple[Any, Mapping[str, Any]]:
        outputs = made.run(columns, numbers=[parameters[name] for name in made.varying])
        return outputs.value, outputs.gradients

    return term


def _functions(flat: Graph, gates: Sequence[int], constants: Mapping[str, float], names: Sequence[str]) -> list[_Term]:
    """Of a plain function: both passes over the gates that a square depends on."""
    terms, total = [], 0
    for gate in gates:
        part = _part(flat, gate)
        total += len(part)
        if total > _MOST_GATES:
            message = (
                f"the {len(gates):,} squares of the loss depend on more than {_MOST_GATES:,} gates, counted for each"
            )
            raise UsageError(message, hint=_LARGER)
        terms.append(_function(part, constants, names))
    return terms


def _function(part: Graph, constants: Mapping[str, float], names: Sequence[str]) -> _Term:
    inputs = part.inputs
    wanted = frozenset(names)
    used = [name for name in inputs if name in wanted]
    fixed = {name: x for name, x in ((name, constants.get(name)) for name in inputs) if x is not None}

    def term(columns: Mapping[str, Vector], parameters: Mapping[str, float]) -> tuple[Any, Mapping[str, Any]]:
        given = fixed | {name: parameters[name] for name in used}
        values, partials, adjoints = forward_with_partials(part, given, used)
        backward(part, values, partials, adjoints)
        return values[part.output], {name: adjoints[inputs[name]] or 0.0 for name in used}

    return term


def _part(flat: Graph, gate: int) -> Graph:
    """What a gate depends on. Takes no longer than that is large, unlike `prune`: a loss has thousands of squares."""
    needed: set[int] = set()
    waiting = [gate]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            waiting.extend(flat.operands[index])
    found, moved = empty_like(flat), dict[int, int]()
    for index in sorted(needed):
        operands = tuple(moved[operand] for operand in flat.operands[index])
        place = flat.starts[index], flat.ends[index]
        moved[index] = found.append(flat.codes[index], operands, flat.literals[index], *place)
    found.output = moved[gate]
    return found


def _form(objective: Objective) -> Form:
    """The form of a loss per row, or of no data, without a penalty."""
    if not isinstance(objective, PerRow | Whole) or (isinstance(objective, Whole) and objective.form.columns):
        message = "lm needs a loss per row, such as (w*x + b - y)^2, and this one is of whole columns"
        raise UsageError(message, hint=_HINT)
    if objective.penalty is not None:
        raise UsageError("lm takes no penalty", hint="--optimizer lbfgs takes one")
    return objective.form


def minimise(
    objective: Objective, columns: Columns, state: State, lower: Vector, upper: Vector, criteria: Criteria,
    events: Events,
) -> Ended:  # fmt: skip
    """Minimise a loss that is a sum of squares; an epoch is an iteration.

    Args:
        state: `begin(start)`, or one that an earlier run was in. A run is short: it is done again from its start, which
            is in the log.
        lower, upper: infinities where there are none; the start is inside.
        criteria: epochs, and seconds from now on; it always goes on to the last digits.

    Returns:
        Its reason is "gradient" where it converged, else "stalled" with what is wrong in `trouble`, or why it ended
        early.

    Raises:
        MissingError: SciPy is not installed.
        UsageError: the loss is no sum of squares.
    """
    began = time.monotonic()
    given = Residuals(objective, columns)
    if criteria.seconds is not None:
        criteria = criteria._replace(seconds=max(0.0, criteria.seconds - (time.monotonic() - began)))
    start = state.log[0].theta if state.log else state.theta
    if given.count < len(start):
        raise UsageError(
            f"lm needs as many squares as parameters: {given.count} are less than {len(start)}", hint=_HINT
        )
    found = solve(given.evaluate, start, lower, upper, given.names, criteria, events)
    return _ended(found, start, columns)


def _ended(found: Solved, start: Vector, columns: Columns) -> Ended:
    state = state_of(start, found.theta, found.steps, found.history, found.first)
    if found.reason == "nonfinite":
        return Ended(state, "diverged", False, start, start, columns, found.message)
    if found.converged or found.reason in ("epochs", "time", "interrupted"):
        return Ended(state, "gradient" if found.converged else found.reason, found.converged, found.theta)
    return Ended(state, "stalled", False, found.theta, trouble=found.message)

"""Levenberg-Marquardt for losses that are sums of squares, found in the program.

Enters: an objective per row, or of no data. Leaves: how it ended. Invariant: the squares of the residuals add up to the
loss.

A loss is a sum of squares if its output is one gate of these, or a sum of such: r^2, r*r, and either times or divided
by a positive constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np

from gradcli.errors import UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph, prune
from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values
from gradcli.kernels import Kernel, kernel
from gradcli.training.layout import Vector
from gradcli.training.losses.forms import Form
from gradcli.training.losses.rows import PerRow
from gradcli.training.losses.whole import Whole
from gradcli.training.objective import Columns, Objective, count
from gradcli.training.squares.solving import Evaluated, Solved, solve, state_of
from gradcli.training.steps.state import Ended, Events, State
from gradcli.training.steps.stopping import Criteria

_HINT = "gradcli fit is for curves; --optimizer lbfgs takes any loss"


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
        UsageError: the loss is not made of squares, or is no loss per row.
    """

    def __init__(self, objective: Objective, columns: Columns) -> None:
        form = _form(objective)
        flat = unroll(form.graph, form.max_gates)
        constants: dict[str, float] = unrolled_values(form.graph, form.constants)
        self.names = objective.layout.elements()
        self._columns = {
            element: np.ascontiguousarray(columns[name][(slice(None), *place)])
            for name, shape in form.columns.items()
            for element, place in zip(element_names(name, shape), np.ndindex(*shape), strict=True)
        } or {"": np.zeros(1)}
        self._rows = count(self._columns)
        divisor = self._rows if form.reduce == "mean" else 1
        engine = objective.engine if objective.engine in ("numpy", "native") else "numpy"
        self._kernels: list[tuple[Kernel, float]] = []
        for gate, factor in squares(flat, constants):
            part = prune(flat.copy(), gate)
            used = [name for name in self.names if name in part.inputs]
            made = kernel(part, constants, used, varying=used, engine=engine, max_gates=form.max_gates)
            self._kernels.append((made, sqrt(factor / divisor)))
        self.count = self._rows * len(self._kernels)

    def evaluate(self, theta: Vector) -> Evaluated:
        by_name = dict(zip(self.names, theta.tolist(), strict=True))
        residuals = np.empty((len(self._kernels), self._rows))
        jacobian = np.zeros((len(self._kernels), self._rows, len(self.names)))
        for place, (made, root) in enumerate(self._kernels):
            outputs = made.run(self._columns, numbers=[by_name[name] for name in made.varying])
            np.multiply(outputs.value, root, out=residuals[place])
            for column, name in enumerate(self.names):
                if name in outputs.gradients:
                    np.multiply(outputs.gradients[name], root, out=jacobian[place, :, column])
        flat = residuals.ravel()
        return Evaluated(flat, jacobian.reshape(self.count, -1), np.abs(flat))


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
        criteria: epochs and seconds; it always goes on to the last digits.

    Returns:
        Its reason is "gradient" where it converged, else "stalled" with what is wrong in `trouble`, or why it ended
        early.

    Raises:
        MissingError: SciPy is not installed.
        UsageError: the loss is no sum of squares.
    """
    given = Residuals(objective, columns)
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

"""Is every number of an evaluation right? Edges, values and gradients against multiprecision arithmetic.

Enters: a graph and a point of floats. Leaves: `Checked`. Invariant: two questions are kept apart. An edge is judged
at the float operands that its gate met, against the derivative of the gate's own function: that is the rule's doing.
Values and global gradients are judged against the whole program at the same inputs: that is rounding's doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.checking.exact import Numbers, settle
from gradcli.checking.precision import FULL, LEAST_LOST, correct_digits, gradient_sizes, lost, noise, outside
from gradcli.checking.verdicts import EdgeCheck, Judge
from gradcli.errors import GradcliError
from gradcli.graph.defined import constant
from gradcli.graph.graph import Graph
from gradcli.numeric.system import NumberSystem
from gradcli.passes import evaluate_graph
from gradcli.printable import shorten
from gradcli.traces import Trace, contribution

REQUIRED = 6.0  # correct digits of an input's gradient
_DIGITS = 30  # of true values


class GateCheck(NamedTuple):
    """A gate's value and global gradient against the true ones.

    Attributes:
        gate: its position.
        value, true: the float and the true value, as text.
        digits: how many digits of the value are correct, 16 at most.
        lost: how many of them its operands still had.
        gradient, true_gradient, gradient_digits: likewise; None where the gate is not differentiated.
        gradient_lost: how many digits the contributions had that their sum has not.
        beyond: overflow or underflow of the value, if float64 has no such number.
        gradient_beyond: of the gradient.
    """

    gate: int
    value: float
    true: str
    digits: float
    lost: float
    gradient: float | None
    true_gradient: str | None
    gradient_digits: float | None
    gradient_lost: float | None
    beyond: str | None
    gradient_beyond: str | None


class InputCheck(NamedTuple):
    """An input's gradient. holds: whether it keeps the digits required."""

    name: str
    value: float
    gradient: float
    true: str
    digits: float
    beyond: str | None
    holds: bool


class Decimals(NamedTuple):
    """Inputs as they were written, in any number system, and how many digits of true values are wanted."""

    numbers: Numbers
    digits: int


class Hint(NamedTuple):
    """A way to write a gate, with which the program's value and worst gradient keep that many digits at this point."""

    gate: int
    written: str
    replacement: str
    value_digits: float
    gradient_digits: float


class Checked(NamedTuple):
    """One point, checked. reasons: why it does not hold; empty where it does."""

    point: dict[str, float]
    trace: Trace
    gates: list[GateCheck]
    edges: list[EdgeCheck]
    inputs: list[InputCheck]
    hints: list[Hint]
    reasons: list[str]

    @property
    def holds(self) -> bool:
        return not self.reasons


class Report(NamedTuple):
    """One program at one or more points.

    Attributes:
        graph: of the program.
        required: correct digits that an input's gradient has to keep.
        digits: of true values, where the program was read as decimals.
        seed: of the points, where they are random.
        points: each checked.
    """

    graph: Graph
    required: float
    digits: int | None
    seed: int | None
    points: list[Checked]

    @property
    def holds(self) -> bool:
        return all(checked.holds for checked in self.points)

    def reason(self) -> str:
        """Why it does not hold, in one line."""
        failing = [checked for checked in self.points if not checked.holds]
        count = sum(len(checked.reasons) for checked in failing)
        where = f"{len(failing)} of {len(self.points)} points do not hold; " if len(self.points) > 1 else ""
        return where + failing[0].reasons[0] + (f" (and {count - 1:,} more)" if count > 1 else "")


def check(
    graph: Graph,
    point: Mapping[str, float],
    wrt: Sequence[str] | None = None,
    required: float = REQUIRED,
    decimals: Decimals | None = None,
) -> Checked:
    """Check every edge, every gate and every gradient at a point.

    Args:
        wrt: the inputs to differentiate by; None means all.
        required: how many correct digits an input's gradient has to keep.
        decimals: what the program and the point were meant to be; if not given, the doubles that they are.

    Raises:
        GradcliError: a number is too large to be computed at all.
    """
    trace = evaluate_graph(graph, point, wrt)
    true = _true(graph, point, wrt) if decimals is None else settle(graph, decimals.numbers, wrt, decimals.digits)
    edges = list(Judge().edges(trace))
    gates = _gates(trace, true)
    inputs = [_input(trace, true, name, index, gates[index], required) for name, index in _inputs(trace)]
    reasons = [edge.reason for edge in edges if edge.reason is not None]
    reasons += [_too_few(given, required) for given in inputs if not given.holds]
    hints = list(_hints(trace, true, point, wrt, gates))
    return Checked(dict(point), trace, gates, edges, inputs, hints, reasons)


def _true(graph: Graph, point: Mapping[str, float], wrt: Sequence[str] | None) -> Trace:
    """Both passes in multiprecision at the same doubles."""

    def numbers(m: NumberSystem) -> dict[str, Any]:
        return {name: constant(m, repr(float(x))) for name, x in point.items()}

    return settle(graph, numbers, wrt, _DIGITS, doubles=True)


def _inputs(trace: Trace) -> Iterator[tuple[str, int]]:
    return ((name, index) for name, index in trace.graph.inputs.items() if trace.adjoints[index] is not None)


def _gates(trace: Trace, true: Trace) -> list[GateCheck]:
    graph, write = trace.graph, true.system.write
    digits = [correct_digits(x, y) for x, y in zip(trace.values, true.values, strict=True)]
    contributions, sizes = _contribution_digits(trace, true), gradient_sizes(trace)
    found = []
    for index, operands in enumerate(graph.operands):
        value, exact, adjoint, slope = (c[index] for c in (trace.values, true.values, trace.adjoints, true.adjoints))
        before = min((digits[operand] for operand in operands), default=FULL)
        gradient = None if adjoint is None else correct_digits(adjoint, slope)
        if gradient is not None and slope == 0 and abs(adjoint) <= noise(sizes[index]):
            gradient = FULL
        found.append(
            GateCheck(
                index, value, write(exact), digits[index], lost(before, digits[index]),
                adjoint, None if adjoint is None else write(slope), gradient,
                None if gradient is None else lost(contributions[index], gradient),
                outside(value, exact), None if adjoint is None else outside(adjoint, slope),
            )
        )  # fmt: skip
    return found


def _contribution_digits(trace: Trace, true: Trace) -> list[float]:
    """For each gate, the fewest correct digits of a contribution to its gradient."""
    found = [FULL] * len(trace.values)
    for index in range(len(trace.graph)):
        if trace.partials[index] is None:
            continue
        for position, operand in enumerate(trace.graph.operands[index]):
            part = _contribution(trace, index, position)
            if part is not None:
                found[operand] = min(found[operand], correct_digits(part, _contribution(true, index, position)))
    return found


def _contribution(trace: Trace, index: int, position: int) -> Any:
    """What an edge adds to its operand's global gradient."""
    partial = (trace.partials[index] or ())[position]
    if partial is None:
        return None
    return contribution(trace.graph, trace.values, index, position, trace.adjoints[index], partial, trace.system)


def _input(trace: Trace, true: Trace, name: str, index: int, gate: GateCheck, required: float) -> InputCheck:
    digits = gate.gradient_digits or 0.0
    return InputCheck(
        name, trace.values[index], trace.adjoints[index], gate.true_gradient or "", digits, gate.gradient_beyond,
        digits >= required,
    )  # fmt: skip


def _too_few(given: InputCheck, required: float) -> str:
    name = shorten(given.name)
    if given.beyond == "overflow":
        return f"∂/∂{name} overflows: it is {given.gradient!r}, the true gradient {shorten(given.true, 60)}"
    return f"∂/∂{name} keeps {given.digits:.1f} correct digits, fewer than {required:g}"


# Ways to write it better

_MOST_HINTS = 10


def losers(gates: Sequence[GateCheck]) -> list[GateCheck]:
    """The gates that lost digits of their value, the worst first."""
    found = [gate for gate in gates if gate.lost >= LEAST_LOST]
    return sorted(found, key=lambda gate: (-gate.lost, gate.gate))


def _hints(
    trace: Trace, true: Trace, point: Mapping[str, float], wrt: Sequence[str] | None, gates: Sequence[GateCheck]
) -> Iterator[Hint]:
    """Stable forms of what lost digits, where they really give more of them here."""
    from gradcli.graph.rewriting.suggest import suggestions

    graph, before = trace.graph, _quality(trace, true)
    for gate in losers(gates)[:_MOST_HINTS]:
        best: tuple[float, Hint] | None = None
        for suggestion in suggestions(graph, gate.gate):
            after = _rewritten(suggestion.graph, point, true, wrt)
            gain = sum(after) - sum(before)
            worse = any(new + LEAST_LOST < old for old, new in zip(before, after, strict=True))
            if gain >= LEAST_LOST and not worse and (best is None or gain > best[0]):
                best = gain, Hint(suggestion.gate, suggestion.written, suggestion.replacement, *after)
        if best is not None:
            yield best[1]


def _quality(trace: Trace, true: Trace) -> tuple[float, float]:
    """Correct digits: of the value, and of the worst gradient."""
    exact = true.gradients
    gradients = (correct_digits(found, exact[name]) for name, found in trace.gradients.items())
    return correct_digits(trace.value, true.value), min(gradients, default=FULL)


def _rewritten(graph: Graph, point: Mapping[str, float], true: Trace, wrt: Sequence[str] | None) -> tuple[float, float]:
    """The same of a program that means the same."""
    try:
        return _quality(evaluate_graph(graph, {name: point[name] for name in graph.inputs}, wrt), true)
    except (GradcliError, KeyError):  # an input that is differentiated or was not needed any more
        return 0.0, 0.0

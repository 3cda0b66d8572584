"""The graph that an engine computes: a program's gates and those of its gradient, made for floats.

Enters: a Graph of numbers. Leaves: a `Derived` whose graph has rows of its own for the formulas of
gradcli/graph/ops/refined.py. Invariant: a gate that the passes compute with one function is one gate here, but for the
slopes of a few powers, and every contribution is 0 where its adjoint is, so that equal operands give the numbers of the
passes within 4 units in the last place, whatever is infinite or nan.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from inspect import signature
from typing import Any

from gradcli.graph import ops
from gradcli.graph.derive import Derived, derive
from gradcli.graph.emitting import Emitter
from gradcli.graph.graph import Graph, reachable
from gradcli.graph.lower import MAX_GATES
from gradcli.graph.ops import Op
from gradcli.graph.ops.refined import REFINED
from gradcli.graph.ops.row import REAL
from gradcli.graph.traits import BRANCH
from gradcli.graph.wanted import differentiated
from gradcli.numeric import gates
from gradcli.numeric.gates import GateNumber

PREFIX = "refined."  # no function of a program is called so

_BOUNDED = {  # finite at finite operands; exp_times but for overflow
    "unsigned_zero", "atan_slope", "hypot_slope", "sech_squared", "tanh_slope", "exp_minus_square", "normal_pdf",
    "normal_cdf", "gelu_slope", "sigmoid_of_difference", "sigmoid_slope", "silu_slope", "mish_slope", "sinc_slope",
}  # fmt: skip
_SMALL_POWERS = (1.0, 2.0, 3.0, 4.0)  # whose slopes are products, which share gates


def _row(name: str) -> Op:
    """A formula of `refined.py` as a row."""
    names = tuple(signature(REFINED[name]).parameters)[1:]
    return Op(
        PREFIX + name, names, f"The formula {name} in one step.", (0.0,) * len(names), hidden=True,
        forward=lambda m, *xs: getattr(m, name)(*xs), finite=2 if name in _BOUNDED else 0, domain=(REAL,) * len(names),
    )  # fmt: skip


ROWS: tuple[Op, ...] = tuple(map(_row, REFINED))
"""They stand in the graph's rows after those of the table and of the program."""


class KernelEmitter(Emitter):
    """Appends gates of the refined formulas, and guards every contribution: columns may hold anything."""

    def _functions(self) -> dict[str, Any]:
        found = super()._functions()
        rows = [(name, PREFIX + name) for name in REFINED]
        # Constants stand in any emitter's system in the same way, so both may share the functions that append.
        system = gates.primitives(rows, self.named, self.constant)
        one_step = {name: system[name] for name in REFINED}
        return found | one_step | {"pow_slope": lambda x, a: self._pow_slope(one_step["pow_slope"], x, a)}

    def _pow_slope(self, one_step: Any, x: Any, a: Any) -> Any:
        exponent = self.numbers.get(a.index) if isinstance(a, GateNumber) else a
        return a * self.system.pow(x, a - 1.0) if exponent in _SMALL_POWERS else one_step(x, a)

    def times(self, flow: int, partial: int) -> int:
        """Guarded also where no number is expected to be infinite, and 0 where a branch was not chosen."""
        found = self.emit(_CHAIN, (flow, partial))
        if not self.traits[partial] & BRANCH:
            return found
        zero = self.constant("0")
        return self.emit(_WHERE, (self.emit(_EQUAL, (partial, zero)), zero, found))

    def may_be_nan(self, index: int, flow: int) -> bool:
        """A column of conditions may hold anything, too."""
        return not self.is_truth(index)


_CHAIN, _WHERE, _EQUAL = (ops.CODES[name] for name in ("chain", "where", "equal"))


def derived(graph: Graph, values: Mapping[str, float], wrt: Collection[str], max_gates: int = MAX_GATES) -> Derived:
    """The gates of value and gradients.

    Args:
        graph: of numbers.
        values: of inputs that are the same in all rows; they stay inputs.
        wrt: inputs.
        max_gates: the most gates that the derivatives may need.

    Raises:
        BindingError: a name of wrt is not an input.
        LimitError: more than max_gates.
    """
    wanted = differentiated(graph, wrt)
    grown = graph.copy()
    grown.rows = (*graph.rows, *ROWS)
    found = derive(grown, wanted, max_gates=max_gates, kind=KernelEmitter)
    return found._replace(gradients={name: found.gradients[name] for name in wrt})


def needed(found: Derived) -> bytearray:
    """A flag per gate: whether value or a gradient depends on it."""
    return reachable(found.graph, found.value, *found.gradients.values())

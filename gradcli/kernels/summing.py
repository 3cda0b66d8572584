"""How the sums of outputs over rows come about: of fewer columns than the outputs are.

Enters: nodes and outputs. Leaves: `Summing`: a plan that notes sums and scalar products of columns, and how the totals
are put together of these. Invariant: where these sums and the totals are finite, the totals are the sums of what the
rows give, but for rounding; signs and factors that are the same in all rows come after the sum, a product of columns
that nobody else needs is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gradcli.graph.derive import Derived
from gradcli.kernels.nodes import Nodes, nodes_of
from gradcli.kernels.planning import Plan, Planning, needed
from gradcli.passes import FLOATS

_MOST_FACTORS = 8  # after one sum


class Term(NamedTuple):
    """A part of a total: ± a sum, times or divided by what is the same in all rows.

    Attributes:
        output: whose total.
        negative: whether it is subtracted.
        noted: which of the noted sums; None stands for the number of rows.
        factors: places among what is fixed, and whether that divides.
    """

    output: int
    negative: bool
    noted: int | None
    factors: tuple[tuple[int, bool], ...]


class Summing(NamedTuple):
    """A plan whose notes are sums, and the terms of the totals."""

    plan: Plan
    terms: tuple[Term, ...]
    outputs: int

    def totals(self, sums: Sequence[float], fixed: Sequence[float], count: int) -> list[float]:
        """The total of every output.

        Args:
            sums: what the plan noted, added over blocks.
            fixed: what is the same in all rows.
            count: of rows.
        """
        found = [0.0] * self.outputs
        for output, negative, noted, factors in self.terms:
            x = float(count) if noted is None else sums[noted]
            for place, divides in factors:
                x = FLOATS.div(x, fixed[place]) if divides else x * fixed[place]
            found[output] += -x if negative else x
        return found


def summing(
    found: Derived, columns: Sequence[str], values: Mapping[str, float], wrt: Sequence[str], varying: Sequence[str]
) -> Summing:
    """The sums of value and gradients, where no contribution need be guarded."""
    nodes, outputs = nodes_of(found, columns, values, wrt, varying, guarded=False)
    search = _Search(nodes, outputs)
    wanted = [operand for sides in search.sums for operand in sides] + [
        node for _, flow in search.found for node, _ in flow.factors
    ]
    order, places = _with_sums(nodes, needed(nodes, wanted), search.sums)
    plan = Planning(nodes, (), order, len(columns), len(varying)).run()
    terms = tuple(
        Term(flow.output, flow.negative, None if sides is None else places[sides], _placed(flow, plan))
        for sides, flow in search.found
    )
    return Summing(plan, terms, len(outputs))


def _placed(flow: _Flow, plan: Plan) -> tuple[tuple[int, bool], ...]:
    return tuple((plan.fixed[node], divides) for node, divides in flow.factors)


_Sides = tuple[int] | tuple[int, int]  # the column that is summed, or the two whose products are


class _Flow(NamedTuple):
    """How a node goes into a total: summed, or with another column as a product; then times factors."""

    output: int
    other: int | None
    negative: bool
    factors: tuple[tuple[int, bool], ...]


class _Search:
    """Goes from outputs back to the columns that have to be summed.

    Attributes:
        sums: what is summed, each once.
        found: the parts of the totals: of which sum; None stands for the number of rows.
    """

    def __init__(self, nodes: Nodes, outputs: Sequence[int]) -> None:
        self.nodes = nodes
        self.sums: dict[_Sides, None] = {}
        self.found: list[tuple[_Sides | None, _Flow]] = []
        self.wanted = bytearray(len(nodes.names))  # what is needed as a column
        self.flows: dict[int, list[_Flow]] = {}
        for position, index in enumerate(outputs):
            self._send(index, _Flow(position, None, False, ()))
        for index in range(len(self.wanted) - 1, -1, -1):
            flows = self.flows.pop(index, [])
            if flows and not self._passed_on(index, flows):
                self._summed(index, flows)
            if self.wanted[index]:
                for operand in nodes.operands[index]:
                    self.wanted[operand] = 1

    def _send(self, index: int, flow: _Flow) -> None:
        """Products of two columns wait at the one that is computed last."""
        if flow.other is not None and flow.other > index:
            index, flow = flow.other, flow._replace(other=index)
        self.flows.setdefault(index, []).append(flow)

    def _summed(self, index: int, flows: Sequence[_Flow]) -> None:
        for flow in flows:
            sides: _Sides = (index,) if flow.other is None else (flow.other, index)
            self.sums[sides] = None
            self.found.append((sides, flow))
            for side in sides:
                self.wanted[side] = 1

    def _passed_on(self, index: int, flows: Sequence[_Flow]) -> bool:
        """Whether the sums follow from those of operands, so that the node needs no column."""
        nodes = self.nodes
        name, operands = nodes.names[index], nodes.operands[index]
        if nodes.is_fixed(index):
            self.found += [(None, flow._replace(factors=(*flow.factors, (index, False)))) for flow in flows]
            return True
        if self.wanted[index]:
            return False  # it is there
        if name == "neg":
            for flow in flows:
                self._send(operands[0], flow._replace(negative=not flow.negative))
            return True
        if name in ("mul", "div"):
            return self._product(name == "div", operands, flows)
        if name in ("add", "sub") and len(flows) == 1 and flows[0].other is None:
            return self._split(name == "sub", operands, flows[0])
        return False

    def _product(self, divides: bool, operands: tuple[int, ...], flows: Sequence[_Flow]) -> bool:
        a, b = operands
        if not divides and self.nodes.is_fixed(a):
            a, b = b, a
        if self.nodes.is_fixed(b):
            if any(len(flow.factors) >= _MOST_FACTORS for flow in flows):
                return False
            for flow in flows:
                self._send(a, flow._replace(factors=(*flow.factors, (b, divides))))
            return True
        if divides or any(flow.other is not None for flow in flows):
            return False
        for flow in flows:
            self._send(a, flow._replace(other=b))
        return True

    def _split(self, subtracts: bool, operands: tuple[int, ...], flow: _Flow) -> bool:
        """A sum, where a term is a product that may never be stored."""
        if not any(self._is_product(operand) for operand in operands):
            return False
        a, b = operands
        self._send(a, flow)
        self._send(b, flow._replace(negative=flow.negative != subtracts))
        return True

    def _is_product(self, index: int) -> bool:
        nodes = self.nodes
        while nodes.names[index] == "neg":
            index = nodes.operands[index][0]
        return not (self.wanted[index] or nodes.is_fixed(index)) and nodes.names[index] in ("mul", "add", "sub")


def _with_sums(nodes: Nodes, order: Sequence[int], sums: Mapping[_Sides, None]) -> tuple[list[int], dict[_Sides, int]]:
    """The order with sums as soon as their columns are there, and the position of each among the sums."""
    after: dict[int, list[_Sides]] = {}
    for sides in sums:
        after.setdefault(sides[-1], []).append(sides)
    found: list[int] = []
    places: dict[_Sides, int] = {}
    for index in order:
        found.append(index)
        for sides in after.get(index, ()):
            places[sides] = len(places)
            found.append(nodes.sum(sides))
    return found, places

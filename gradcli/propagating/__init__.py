"""How uncertainties of inputs become one of the output.

Enters: a graph, a point, standard uncertainties of some inputs, correlations. Leaves: `Propagated`. Invariant: the
gradients are those of the backward pass; nothing is sampled, so the same question has the same answer.

First order: u² = Σᵢⱼ gᵢ uᵢ rᵢⱼ uⱼ gⱼ, the law of propagation of uncertainty (JCGM 100:2008, 5.1.2 and 5.2.2). Second
order, for normal errors: the mean moves by ½ tr(HV), and ½ tr((HV)²) is added to the variance, which are the moments of
a quadratic form (Rencher and Schaalje, Linear Models in Statistics, 5.2). JCGM 100:2008, note to 5.1.2, has the same
terms for independent inputs, and one with third derivatives, which is left out here: for a polynomial of degree 2 there
is none, and the second order is exact.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gradcli.errors import BindingError
from gradcli.graph.graph import Graph
from gradcli.passes import evaluate_graph, forward
from gradcli.printable import shorten
from gradcli.propagating.correlations import Pair, check, neighbours
from gradcli.traces import Trace

NOTHING = 1e-15  # what rounding leaves of a variance that cancels: this part of its terms, times their inputs


class Input(NamedTuple):
    """An input and its part in the output's uncertainty.

    Attributes:
        name, value, uncertainty: of the input; the uncertainty is 0 where it is exact.
        gradient: of the output by the input.
        contribution: |gradient · uncertainty|, the uncertainty of the output if this input had the only one.
        share: of the output's variance. The shares add up to 1; with correlations, where a covariance is divided
            evenly between its two inputs, a share can be negative. None where the variance is 0 or not finite.
    """

    name: str
    value: float
    uncertainty: float
    gradient: float
    contribution: float
    share: float | None


class SecondOrder(NamedTuple):
    """The output's mean and uncertainty as the second derivatives have it, for normal errors.

    Attributes:
        shift: by how much the mean of the output is above its value at the mean of the inputs.
        value: the output's mean.
        variance, uncertainty: of the output.
    """

    shift: float
    value: float
    variance: float
    uncertainty: float


class Propagated(NamedTuple):
    """An output with its uncertainty.

    Attributes:
        trace: both passes.
        uncertainty: to first order, and its square.
        inputs: those that were considered.
        correlations: of pairs of these.
        second_order: None if it is not known.
    """

    trace: Trace
    uncertainty: float
    variance: float
    inputs: list[Input]
    correlations: dict[Pair, float]
    second_order: SecondOrder | None

    @property
    def value(self) -> float:
        value: float = self.trace.value
        return value


def propagate(
    graph: Graph,
    point: Mapping[str, float],
    uncertainties: Mapping[str, float],
    correlations: Mapping[Pair, float] | None = None,
    wrt: Collection[str] | None = None,
    *,
    second_order: bool = False,
    max_gates: int | None = None,
) -> Propagated:
    """Propagate the uncertainties of inputs.

    Args:
        graph: with a number as its output.
        point: a number per input; an input without an uncertainty may be an array.
        uncertainties: standard deviations by name; inputs that are not named are exact.
        correlations: coefficients by pairs of names; other pairs are uncorrelated.
        wrt: the inputs to consider, the others count as exact; None for all that have an uncertainty.
        second_order: whether second derivatives are looked at; all inputs are numbers then.
        max_gates: as for `hessian`.

    Raises:
        BindingError: correlations that can't be, or of inputs without an uncertainty.
    """
    correlations = dict(correlations or {})
    _check_pairs(correlations, uncertainties)
    check(correlations)
    names = [name for name in graph.inputs if name in (uncertainties if wrt is None else wrt)]
    trace = evaluate_graph(graph, point, names)
    sizes = [uncertainties.get(name, 0.0) for name in names]
    near = neighbours(names, correlations)
    gradients = trace.gradients
    parts = [_product(gradients[name], size) for name, size in zip(names, sizes, strict=True)]
    uncertainty, variance, shares = combined(parts, near)
    inputs = [
        Input(name, point[name], size, gradients[name], abs(part), share)
        for name, size, part, share in zip(names, sizes, parts, shares, strict=True)
    ]
    kept = {pair: r for pair, r in correlations.items() if {*pair} <= {*names}}
    found = Propagated(trace, uncertainty, variance, inputs, kept, None)
    if second_order:
        found = found._replace(second_order=_second_order(graph, point, found, near, max_gates))
    return found


def _check_pairs(correlations: Mapping[Pair, float], uncertainties: Mapping[str, float]) -> None:
    for name in (name for pair in correlations for name in pair):
        if not uncertainties.get(name):
            hint = f'write --{shorten(name)} "2.0 ± 0.1"'
            raise BindingError(f"{shorten(name)} has a correlation, but no uncertainty", hint=hint)


def _product(slope: float, size: float) -> float:
    """What an error of that size does; nothing where there is none, whatever the slope is."""
    return slope * size if size else 0.0


def combined(parts: Sequence[float], near: Sequence[Mapping[int, float]]) -> tuple[float, float, list[float | None]]:
    """The uncertainty that parts have together, its square, and the share of it that each has.

    Args:
        parts: gradient times uncertainty, by inputs.
        near: the inputs that each is correlated with, and how.
    """
    nothing: list[float | None] = [None] * len(parts)
    if not all(map(math.isfinite, parts)):
        odd = math.nan if any(part != part for part in parts) else math.inf
        return odd, odd, nothing
    largest = max(map(abs, parts), default=0.0)
    if not largest:
        return 0.0, 0.0, nothing
    scaled = [part / largest for part in parts]  # squares neither overflow nor vanish
    together = [[x, *(r * scaled[j] for j, r in others.items())] for x, others in zip(scaled, near, strict=True)]
    shares = [x * math.fsum(terms) for x, terms in zip(scaled, together, strict=True)]
    total = math.fsum(shares)
    gross = math.fsum(abs(x) * math.fsum(map(abs, terms)) for x, terms in zip(scaled, together, strict=True))
    if total <= NOTHING * len(parts) * gross:  # they cancel but for rounding
        return 0.0, 0.0, nothing
    return largest * math.sqrt(total), largest * (largest * total), [share / total for share in shares]


def _second_order(
    graph: Graph, point: Mapping[str, float], first: Propagated, near: Sequence[Mapping[int, float]],
    max_gates: int | None,
) -> SecondOrder:  # fmt: skip
    """From the second derivatives, each times the uncertainties of its inputs: s = H∘(u uᵀ), V = u uᵀ∘r."""
    from gradcli.graph.higher import hessian

    inputs = [one for one in first.inputs if one.uncertainty]
    if not inputs:
        return SecondOrder(0.0, first.value, first.variance, first.uncertainty)
    found = hessian(graph, [one.name for one in inputs], max_gates=max_gates)
    numbers = forward(found.graph, point)
    near = neighbours([one.name for one in inputs], first.correlations)
    s = [[numbers[found.curvatures[a.name, b.name]] * a.uncertainty * b.uncertainty for b in inputs] for a in inputs]
    # The matrix s·r, whose trace is that of HV and the trace of whose square is that of (HV)².
    t = [[_sum([row[j], *(row[k] * r for k, r in others.items())]) for j, others in enumerate(near)] for row in s]
    shift = 0.5 * _sum([t[i][i] for i in range(len(t))])
    added = 0.5 * _sum([t[i][j] * t[j][i] for i in range(len(t)) for j in range(len(t))])
    added = 0.0 if added < 0.0 else added  # by rounding alone: it is the square of a matrix that can be made symmetric
    uncertainty = math.hypot(first.uncertainty, math.sqrt(added))
    return SecondOrder(shift, first.value + shift, first.variance + added, uncertainty)


def _sum(terms: Sequence[float]) -> float:
    """With one rounding, where all terms are finite."""
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):  # too large, or inf - inf
        return sum(terms)

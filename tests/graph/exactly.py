"""A graph's value and gradients in multiprecision numbers, for comparing two graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle import decimals

from gradcli.graph.graph import Graph
from gradcli.passes import backward, forward_with_partials


def numbers(graph: Graph, values: Mapping[str, float], digits: int = 150) -> list[Any]:
    """The value, then the gradient by each input."""
    context, m = decimals(digits)
    found, partials, adjoints = forward_with_partials(
        graph, {name: context.mpf(values[name]) for name in graph.inputs}, None, m
    )
    backward(graph, found, partials, adjoints, m)
    return [context.mpf(x) for x in (found[graph.output], *(adjoints[index] for index in graph.inputs.values()))]


def assert_same(one: Graph, other: Graph, values: Mapping[str, float], digits: int = 150) -> None:
    """Wherever one is finite the other is too, and has the same value and gradients."""
    context, _ = decimals(digits)
    assert list(one.inputs) == list(other.inputs)
    for a, b in zip(numbers(one, values, digits), numbers(other, values, digits), strict=True):
        if context.isfinite(a):
            assert abs(a - b) <= context.mpf("1e-30") * max(abs(a), context.mpf("1e-100")), (values, a, b)

"""Named stages of a trace, as texts on backpropagation list them: value, local gradients, global gradient."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import gradcli


def near(found: float, expected: float, tolerance: float = 1e-12) -> bool:
    """Equal within a relative tolerance; 0 is equal to 0 only."""
    return math.isclose(found, expected, rel_tol=tolerance, abs_tol=0.0)


def named_gates(trace: gradcli.Trace) -> dict[str, int]:
    """The positions of inputs and stages, by name."""
    return {gate.name: position for position, gate in enumerate(trace.gates) if gate.name is not None}


def local_gradients(trace: gradcli.Trace, stage: str, names: Collection[str]) -> dict[str, float]:
    """The derivatives of a stage by named gates: the local gradients along every path, multiplied and added."""
    gates, named = trace.gates, named_gates(trace)
    ends = {named[name]: name for name in names}
    weights = {named[stage]: 1.0}
    found = dict.fromkeys(names, 0.0)
    while weights:
        position = max(weights)  # operands stand before their gate: this one gets no further weight
        weight = weights.pop(position)
        if position in ends:
            found[ends[position]] += weight
            continue
        for edge in gates[position].operands:
            if edge.local_gradient is not None:
                operand = int(edge.id[1:])
                weights[operand] = weights.get(operand, 0.0) + weight * edge.local_gradient
    return found


def compare_gates(trace: gradcli.Trace, listed: Collection[Mapping[str, Any]]) -> None:
    """Assert every number of a source's list of gates: {"name", "value", "local": {operand: …}, "grad"}."""
    named = named_gates(trace)
    for gate in listed:
        name = gate["name"]
        traced = trace.gates[named[name]]
        assert near(traced.value, gate["value"]), name
        assert near(traced.global_gradient, gate["grad"]), name
        found = local_gradients(trace, name, gate["local"])
        for operand, local in gate["local"].items():
            assert near(found[operand], local), (name, operand)

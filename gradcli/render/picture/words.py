"""What pictures say in words: tooltips with full numbers, warnings, the title and description for screen readers.

Enters: a graph and its traces. Leaves: plain text, not yet escaped for any format. Invariant: no control character of
the user's survives, and every text is bounded in length.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

from gradcli.diagnose import NOT_FINITE, Warned, warnings
from gradcli.graph.describe import gate_text, structural
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Shape, shown, size
from gradcli.numeric.elements import elements, norm, shape_of
from gradcli.numeric.text import Text
from gradcli.printable import printable, shorten
from gradcli.render.picture import sizes
from gradcli.render.picture.short import brief, finite, short, spread
from gradcli.render.picture.short import size as gradient_size
from gradcli.traces import Edge, Trace

GLYPHS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−·", "sqrt": "√", "sigmoid": "σ", "matmul": "@"}
GLYPHS |= {"less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥", "equal": "=", "not_equal": "≠"}
_STATES = {"saturation": "saturated"}
_INFIX = ("add", "sub", "mul", "div")


def name_of(text: str) -> str:
    """A name, as long as a picture can show it."""
    return shorten(printable(text), sizes.NAME)


def operation(graph: Graph, index: int) -> str:
    return name_of(graph.rows[graph.codes[index]].name)


def heading(graph: Graph, index: int) -> str:
    """What a gate does: a sign, ·[0] or ·' where that is written behind the operand, else its name."""
    row, layout = graph.rows[graph.codes[index]], graph.layout(index)
    if row.written is not None and len(layout.shapes) == 1:
        return name_of(structural(row, [Text("·")], layout.settings, layout.shapes).text)
    return GLYPHS.get(row.name) or operation(graph, index)


def constant(literal: str, shape: Shape | None) -> str:
    """A constant; a large array by its shape."""
    if shape is None:
        return name_of(literal).replace("-", "−")
    if size(shape) > sizes.WHOLE:
        return f"[{shown(shape)}]"
    return name_of(literal[1:-1].replace("], [", "; ").replace(",", "").strip("[]").join("[]")).replace("-", "−")


def full(x: Any) -> str:
    """A number to copy: as it round-trips. Of an array the first elements, and what all are like."""
    if not shape_of(x):
        return repr(x)
    numbers = elements(x)
    first = ", ".join(map(repr, numbers[: sizes.FIRST])) + (", …" if len(numbers) > sizes.FIRST else "")
    text = f"{shown(shape_of(x))} [{first}]"
    if not numbers or not finite(numbers):
        return text if not numbers else f"{text}, {spread(numbers)}"
    mean = sum(number / len(numbers) for number in numbers)
    return f"{text}, norm {norm(numbers)!r}, min {min(numbers)!r}, mean {mean!r}, max {max(numbers)!r}"


def points(traces: Sequence[Trace]) -> list[str]:
    """What stands before the numbers of each trace."""
    return [""] if len(traces) == 1 else ["first point: ", "second point: "][: len(traces)]


def node_tooltip(graph: Graph, traces: Sequence[Trace], index: int, messages: Sequence[str]) -> str:
    head = f"{shorten(printable(graph.label(index)), sizes.TOOLTIP)} · {operation(graph, index)} (g{index})"
    lines = [head]
    if graph.operands[index]:
        lines.append(shorten(printable(gate_text(graph, index)), sizes.TOOLTIP))
    for point, trace in zip(points(traces), traces, strict=True):
        lines.append(f"{point}value {full(trace.values[index])}")
        if trace.adjoints[index] is not None:
            lines.append(f"{point}global gradient {full(trace.adjoints[index])}")
    lines += [shorten(printable(message), 2 * sizes.TOOLTIP) for message in messages]
    return "\n".join(lines)


def folded_tooltip(
    graph: Graph,
    traces: Sequence[Trace],
    head: str,
    gates: Sequence[int],
    leaving: Sequence[int],
    messages: Sequence[str],
) -> str:
    """What a folded group holds, and the numbers of the gates that are used outside."""
    lines = [head, f"g{gates[0]} to g{gates[-1]}"]
    for index in leaving[: sizes.FIRST]:
        lines.append(f"{_label(graph, index)} · {operation(graph, index)} (g{index})")
        for point, trace in zip(points(traces), traces, strict=True):
            lines.append(f"{point}value {full(trace.values[index])}")
            if trace.adjoints[index] is not None:
                lines.append(f"{point}global gradient {full(trace.adjoints[index])}")
    if len(leaving) > sizes.FIRST:
        lines.append(f"and {len(leaving) - sizes.FIRST:,} more")
    lines += [shorten(printable(message), 2 * sizes.TOOLTIP) for message in messages[: sizes.LISTED]]
    return "\n".join(lines)


def _label(graph: Graph, index: int) -> str:
    return shorten(printable(graph.label(index)), 2 * sizes.NAME)


def place(graph: Graph, index: int, position: int) -> str:
    """Which edge: x → q · operand 1 of add."""
    ends = f"{_label(graph, graph.operands[index][position])} → {_label(graph, index)}"
    return f"{ends} · operand {position + 1} of {operation(graph, index)}"


def slope(graph: Graph, index: int, position: int) -> str:
    """What the local gradient is called: ∂q/∂x."""
    return f"∂{_label(graph, index)}/∂{_label(graph, graph.operands[index][position])}"


def edge_tooltip(graph: Graph, traces: Sequence[Trace], edges: Sequence[Edge], index: int, position: int) -> str:
    lines = [place(graph, index, position)]
    for point, trace, edge in zip(points(traces), traces, edges, strict=True):
        rule = shorten(printable(edge.rule or ""), sizes.TOOLTIP)
        if edge.local_gradient is None:  # of a structural gate
            lines.append(f"{point}contribution = {rule} = {full(edge.contribution)}")
            continue
        local = full(edge.local_gradient)
        shown = "" if not rule or rule[:1].isdigit() or rule[:2] == "-1" else f" = {rule}"
        lines.append(f"{point}local gradient {slope(graph, index, position)}{shown} = {local}")
        product = f"{local} × {full(trace.adjoints[index])}"
        lines.append(f"{point}contribution = {product} = {full(edge.contribution)}")
    return "\n".join(lines)


def warning_line(trace: Trace, warned: Warned) -> str:
    """A warning as a line of a node: ⚠ kink at 0, ⚠ saturated, ⚠ nan: 0 × ∞."""
    index = int(warned.gate[1:])
    values = [trace.values[operand] for operand in trace.graph.operands[index]]
    value, adjoint, slopes = trace.values[index], trace.adjoints[index], trace.partials[index] or ()
    if trace.graph.shapes and any(map(shape_of, (value, *values))):
        return f"⚠ {_STATES.get(warned.kind, warned.kind)}"
    if warned.kind == "kink" and len(values) == 1:
        return f"⚠ kink at {short(values[0])}"
    if warned.kind not in NOT_FINITE:
        return f"⚠ {_STATES.get(warned.kind, warned.kind)}"
    if not isfinite(value) and values:
        return f"⚠ {short(value)}: {_with_values(trace.graph, index, values)}"
    steep = [slope for slope in slopes if slope is not None and not isfinite(slope)]
    if steep:
        where = f" at {short(values[0])}" if len(values) == 1 else ""
        return f"⚠ slope {short(steep[0])}{where}"
    if warned.kind == "0·inf" and adjoint is not None and not isnan(adjoint):
        return f"⚠ nan: 0 × {short(adjoint)}"
    return f"⚠ {warned.kind}"


def _with_values(graph: Graph, index: int, values: Sequence[Any]) -> str:
    name, shown = operation(graph, index), [short(value) for value in values]
    if name in _INFIX and len(shown) == 2:
        second = f"({shown[1]})" if shown[1].startswith("−") else shown[1]
        return f"{shown[0]} {GLYPHS[name]} {second}"
    return shorten(f"{GLYPHS.get(name, name) if name == 'sqrt' else name}({', '.join(shown)})", sizes.RULE)


def _given(x: Any) -> str:
    shape = shape_of(x)
    return f"[{shown(shape)}]" if shape and size(shape) > sizes.WHOLE else brief(x)


def title(graph: Graph, traces: Sequence[Trace]) -> str:
    """Computational graph of f = (x + y)*z at x = 2, y = 3, z = -4."""
    source, name = graph.source.strip(), graph.name(graph.output)
    if not source or any(sign in source for sign in "\n;#"):
        source = (f"{name} = " if name and graph.operands[graph.output] else "") + gate_text(graph, graph.output)
    named = list(graph.inputs.items())[: sizes.LISTED]
    shown = "; ".join(
        ", ".join(f"{name_of(name)} = {_given(trace.values[index])}" for name, index in named) for trace in traces
    )
    text = f"Computational graph of {shorten(printable(source), sizes.TITLE)}"
    return text + (f" at {shown}" if named and traces else "")


def description(graph: Graph, traces: Sequence[Trace]) -> str:
    """How many gates, the value, the gradients of the inputs, and the warnings."""
    words = [f"{len(graph)} gates."]
    for point, trace in zip(points(traces), traces, strict=True):
        if point:
            words.append(point.strip().capitalize())
        words.append(f"Value {brief(trace.value)}.")
        gradients = list(trace.gradients.items())
        if gradients:
            shown = ", ".join(
                f"{name_of(name)} {gradient_size(gradient)}" for name, gradient in gradients[: sizes.LISTED]
            )
            words.append(f"Gradients: {shown}" + ("…" if len(gradients) > sizes.LISTED else "."))
        told = warnings(trace)[: sizes.LISTED]
        words += [f"{shorten(printable(warning.message), sizes.TOOLTIP)}." for warning in told]
    return " ".join(words)

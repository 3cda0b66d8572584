"""The warnings of a graph with arrays: one per gate and kind, with the first element that it concerns and their number.

Enters: a Trace of arrays. Leaves: warnings in the order of the gates. Invariant: elements are looked for all at once;
the first one of each kind is then evaluated as a graph of its own, of numbers, so that what is said of it, and what is
blamed, is what would be said of a number. A unit counts as dead if it passes nothing in any example: the last axis
counts units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gradcli.diagnose.nonfinite import PLACES as NOT_FINITE
from gradcli.diagnose.single import of_numbers
from gradcli.diagnose.stages import ROWS, dead_units
from gradcli.diagnose.vanishing import FLAT
from gradcli.diagnose.warned import Warned, text, warned
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Shape, size
from gradcli.numeric import arrays
from gradcli.numeric.elements import elements
from gradcli.numeric.system import NumberSystem
from gradcli.passes import evaluate_graph
from gradcli.traces import BY_RULE, Trace

_CONVENTIONS = frozenset({"kink", "tie"})


def of_arrays(trace: Trace) -> list[Warned]:
    """All warnings but for the way out."""
    found: list[Warned] = []
    with arrays.quiet():
        for index, code in enumerate(trace.graph.codes):
            if code > ops.CONSTANT:
                whole = trace.graph.rows[code].structural
                found.extend(_of_structural(trace, index) if whole else _of_elements(trace, index))
    return found


class _Gate(NamedTuple):
    """An elementwise gate with its numbers; slopes are None where the operand is not differentiated.

    system: of arrays of its numbers.
    """

    system: NumberSystem
    row: ops.Op
    shape: Shape
    value: Any
    operands: list[Any]
    slopes: tuple[Any, ...]


def _finite(x: Any) -> Any:
    """A flag per element, or one."""
    return x - x == 0


def _all_finite(x: Any) -> bool:
    """Whether every element is; a finite sum, which is quick, says so."""
    total = x.sum() if arrays.is_array(x) else x
    return bool(total - total == 0) or bool(_every(_finite(x)))


def _every(flags: Any) -> bool:
    return bool(flags.all() if hasattr(flags, "all") else flags)


def _some(flags: Any) -> bool:
    return bool(flags.any() if hasattr(flags, "any") else flags)


def _of_elements(trace: Trace, index: int) -> Iterator[Warned]:
    """The warnings of a gate that works element by element."""
    graph = trace.graph
    operands = [trace.values[operand] for operand in graph.operands[index]]
    slopes = trace.partials[index] or (None,) * len(operands)
    row, shape = graph.rows[graph.codes[index]], graph.shapes.get(index, ())
    gate = _Gate(arrays.over(trace.system), row, shape, trace.values[index], operands, slopes)
    for kinds, find in _REASONS:
        flags = find(gate)
        if flags is None or not _some(flags):
            continue
        flags = arrays.over(trace.system).broadcast_to(flags, shape=gate.shape) if gate.shape else flags
        yield from _first(trace, index, flags, kinds)
    if gate.row.rectifies and (passing := [slope for slope in gate.slopes if slope is not None]):
        yield from _dead(trace, index, passing, gate.shape)


def _dead(trace: Trace, index: int, slopes: list[Any], shape: Shape) -> Iterator[Warned]:
    units, dead = dead_units(slopes, shape, ROWS in trace.cache)
    if dead and _every(_finite(trace.values[index])):
        message = f"{text(trace, index)} passes no gradient"
        if units > 1:
            message += f" at {dead} of {units} units"
        yield warned(trace, "dead", index, message, elements=dead)


# What to look for in an elementwise gate: the kinds of warnings, and the elements that may deserve one.


def _odd_values(gate: _Gate) -> Any:
    """Not finite, where no operand is nan."""
    return None if _all_finite(gate.value) else _known(gate, ~_array(_finite(gate.value)))


def _odd_slopes(gate: _Gate) -> Any:
    """A value that is finite, and a slope that is not."""
    flags = None
    for slope in gate.slopes:
        if slope is not None and not _all_finite(slope):
            odd = ~_array(_finite(slope)) & _array(_finite(gate.value))
            flags = odd if flags is None else flags | odd
    return None if flags is None else _known(gate, flags)


def _array(flags: Any) -> Any:
    """Flags that ~ and & work on: on Python's own bool, ~ is arithmetic."""
    return flags if hasattr(flags, "shape") else arrays.flag(flags)


def _known(gate: _Gate, flags: Any) -> Any:
    """Without the elements of which an operand is nan."""
    for x in gate.operands:
        flags = flags & _array(x == x)
    return flags


def _kinks(gate: _Gate) -> Any:
    kink = gate.row.kink
    if kink is None or not any(slope is not None for slope in gate.slopes):
        return None
    flags = _array(gate.system.run(kink.at, *gate.operands) != 0)
    for x in gate.operands:
        flags = flags & _array(_finite(x))
    return flags


def _flat(gate: _Gate) -> Any:
    """Saturated."""
    if gate.row.steepest is None or gate.slopes[0] is None:
        return None
    flags = _array(abs(gate.slopes[0]) < FLAT * gate.row.steepest)
    return flags & _array(_finite(gate.operands[0])) if _some(flags) else None


_REASONS: tuple[tuple[frozenset[str], Callable[[_Gate], Any]], ...] = (
    (NOT_FINITE, _odd_values),
    (NOT_FINITE, _odd_slopes),
    (_CONVENTIONS, _kinks),
    (frozenset({"saturation"}), _flat),
)


def _first(trace: Trace, index: int, flags: Any, kinds: frozenset[str]) -> Iterator[Warned]:
    """The warning of the first element that has one of these kinds, with how many there may be."""
    shape = trace.graph.shapes.get(index, ())
    count = int(flags.sum()) if shape else 1
    place = arrays.first(flags) if shape else ()
    element = _element(trace, index, place)
    for found in of_numbers(element):
        if found.kind in kinds and int(found.gate[1:]) == element.graph.output:
            odd = " are not finite" if kinds is NOT_FINITE else ""  # of several kinds, perhaps
            message = f"{found.message} ({count} of {size(shape)} elements{odd})" if shape else found.message
            details = {name: detail for name, detail in found.details.items() if name not in ("sides", "inputs")}
            if shape:
                details |= {"elements": count, "first": list(place)}
            yield Warned(found.kind, f"g{index}", trace.graph.span(index), message, details)
            return


def _element(trace: Trace, index: int, place: tuple[int, ...]) -> Trace:
    """One element of a gate as a graph of numbers, with its operands' elements as inputs."""
    graph, found = trace.graph, Graph(trace.graph.source)
    found.rows, found.bodies = graph.rows, graph.bodies
    inputs: dict[str, Any] = {}
    moved: dict[int, int] = {}
    active = []
    operands = dict.fromkeys(graph.operands[index])
    constants = [o for o in operands if graph.codes[o] == ops.CONSTANT and o not in graph.shapes]
    for operand in [o for o in operands if o not in constants]:
        own = _place_in(graph.shapes.get(operand, ()), place)
        name = graph.label(operand) + (f"[{', '.join(map(str, own))}]" if own else "")
        while name in inputs:  # an operand named x[0], the element of another one, or two elements of a copied label
            name += "_"
        inputs[name] = arrays.element(trace.values[operand], own)
        moved[operand] = found.append(ops.INPUT, (), name, *graph.span(operand))
        if trace.adjoints[operand] is not None:
            active.append(name)
    for operand in constants:
        moved[operand] = found.append(ops.CONSTANT, (), graph.literals[operand], *graph.span(operand))
    places = tuple(moved[operand] for operand in graph.operands[index])
    found.output = found.append(graph.codes[index], places, None, *graph.span(index))
    found.free = dict.fromkeys(inputs, graph.span(index))
    adjoint = trace.adjoints[index]
    seed = None if adjoint is None else arrays.element(adjoint, place)
    return evaluate_graph(found, inputs, active, trace.system, seed)


def _place_in(shape: Shape, place: tuple[int, ...]) -> tuple[int, ...]:
    """The element of an operand that takes part in an element of the result."""
    last = place[len(place) - len(shape) :]
    return tuple(0 if extent == 1 else k for extent, k in zip(shape, last, strict=True))


def _of_structural(trace: Trace, index: int) -> Iterator[Warned]:
    """The warnings of a gate that works on whole arrays."""
    graph, value = trace.graph, trace.values[index]
    operands = [trace.values[operand] for operand in graph.operands[index]]
    row, shape = graph.rows[graph.codes[index]], graph.shapes.get(index, ())
    if not _all_finite(value):
        yield from _not_finite(trace, index, operands, value, shape)
    slopes = trace.partials[index]
    if slopes is None:
        return
    if row.kink is not None and _every(_finite(value)):
        flags = row.kink.at(arrays.over(trace.system), graph.layout(index), value, *operands)
        if _some(flags):
            words = "has a tie" if row.kink.kind == "tie" else "has a kink"
            message = f"{text(trace, index)} {words}: {row.kink.convention}"
            yield warned(trace, row.kink.kind, index, message, convention=row.kink.convention)
    yield from _overflowing_gradient(trace, index, slopes)


def _not_finite(trace: Trace, index: int, operands: list[Any], value: Any, shape: Shape) -> Iterator[Warned]:
    odd = size(shape) - int(_finite(value).sum()) if shape else 1
    count = f" ({odd} of {size(shape)} elements)" if shape else ""
    details: dict[str, Any] = {"elements": odd} if shape else {}
    undefined = _some(value != value)
    if all(map(_all_finite, operands)):
        message = f"{text(trace, index)} {'is undefined' if undefined else 'overflows'}{count}"
        if undefined and (fault := _fault(trace.graph, index, operands)) is not None:
            message += f": {fault}"
        yield warned(trace, "domain" if undefined else "overflow", index, message, **details)
    elif undefined and not any(_some(x != x) for x in operands):
        message = f"{text(trace, index)} is undefined where its operands are infinite{count}"
        yield warned(trace, "invalid", index, message, **details)


def _fault(graph: Graph, index: int, operands: list[Any]) -> str | None:
    """What is wrong with the operands, if the gate's row can tell."""
    row = graph.rows[graph.codes[index]]
    return None if row.fault is None else row.fault(graph.layout(index), *map(elements, operands))


def _overflowing_gradient(trace: Trace, index: int, slopes: tuple[Any, ...]) -> Iterator[Warned]:
    """A contribution that is not finite, of a gradient and operands that are."""
    graph, adjoint = trace.graph, trace.adjoints[index]
    places = [operand for operand, slope in zip(graph.operands[index], slopes, strict=True) if slope is BY_RULE]
    if all(_all_finite(trace.adjoints[operand]) for operand in places) or not _all_finite(adjoint):
        return
    if not _all_finite(trace.values[index]):  # that is told already
        return
    if not all(_all_finite(trace.values[operand]) for operand in graph.operands[index]):
        return
    for edge in trace.edges(index):
        if edge.contribution is not None and not _all_finite(edge.contribution):
            message = f"the gradient that {text(trace, index)} passes on overflows"
            yield warned(trace, "overflow", index, message)
            return


def count_not_finite(trace: Trace) -> int:
    """How many elements of values, local and global gradients are not finite."""
    with arrays.quiet():
        columns = [*trace.values, *trace.adjoints]
        for slopes in trace.partials:
            columns += [slope for slope in slopes or () if slope is not BY_RULE]
        return sum(int(_array(x - x != 0).sum()) for x in columns if x is not None and not _all_finite(x))

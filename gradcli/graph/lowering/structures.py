"""Array literals, indices, transposes, matrix products, calls of structural rows.

Enters: a node, its operands on the stack of lowering. Leaves: a gate, or the operand itself where nothing changes.
Invariant: shapes that do not fit together are an error at the node's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from gradcli.graph import ops
from gradcli.graph.graph import MOST_AXES
from gradcli.graph.lowering import whole
from gradcli.graph.lowering.pairing import Call, paired, wrong_count
from gradcli.graph.ops.layout import Shape, ShapeError, canonical, shown
from gradcli.language.nodes import ARRAY, BINARY, INDEX, NUMBER, SLICE, UNARY
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.lowering.expressions import Expressions


def lower(lowering: Expressions, index: int, stack: list[int], scope: dict[str, int]) -> None:
    """A node that is no name, number or call, and no operator that works element by element."""
    nodes = lowering.program.nodes
    kind = nodes.kinds[index]
    if kind is ARRAY:
        if lowering.statics is not None and index in lowering.statics.literals:
            _literal(lowering, index, stack)
        else:
            count = len(nodes.operands(index))
            elements = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            stack.append(array(lowering, index, elements))
    elif kind is INDEX:
        _index(lowering, index, stack, scope)
    elif kind is UNARY:
        if len(lowering.shape(stack[-1])) > 1:  # a vector is as it is, whichever way it is turned
            stack[-1] = _put(lowering, index, ops.ROWS[ops.CODES["transpose"]], [stack[-1]], {})
    elif kind is BINARY:
        right = stack.pop()
        stack[-1] = _put(lowering, index, ops.ROWS[ops.CODES[nodes.values[index] or ""]], [stack[-1], right], {})


def array(lowering: Expressions, index: int, elements: list[int]) -> int:
    """The gate of an array of expressions."""
    shapes = [lowering.shape(element) for element in elements]
    if len(shapes[0]) >= MOST_AXES:
        lowering.fail(f"an array has at most {MOST_AXES} axes", index)
    for node, shape in zip(lowering.program.nodes.operands(index), shapes, strict=True):
        if shape != shapes[0]:
            _ragged(lowering, node, shape, shapes[0])
    return _put(lowering, index, ops.ROWS[ops.CODES["stack"]], elements, {"axis": 0})


def _literal(lowering: Expressions, index: int, stack: list[int]) -> None:
    """An array of written numbers: one constant."""
    nodes = lowering.program.nodes
    parts: list[tuple[str, Shape, int]] = []
    for node in range(nodes.firsts[index], index + 1):
        kind = nodes.kinds[node]
        if kind is NUMBER:
            parts.append((nodes.values[node] or "", (), node))
        elif kind is UNARY:
            digits = parts[-1][0]
            parts[-1] = digits[1:] if digits.startswith("-") else "-" + digits, (), node
        else:
            first = nodes.firsts[node]
            start = len(parts)
            while start and parts[start - 1][2] >= first:
                start -= 1
            inside = parts[start:]
            del parts[start:]
            shape = inside[0][1]
            if len(shape) >= MOST_AXES:
                lowering.fail(f"an array has at most {MOST_AXES} axes", index)
            for _, other, place in inside:
                if other != shape:
                    _ragged(lowering, place, other, shape)
            text = "[" + ", ".join([part for part, _, _ in inside]) + "]"
            parts.append((text, (len(inside), *shape), node))
    _refuse_in_own(lowering, index)
    stack.append(lowering.graph.append(ops.CONSTANT, (), parts[0][0], nodes.starts[index], nodes.ends[index]))


def _ragged(lowering: Expressions, node: int, shape: Shape, first: Shape) -> NoReturn:
    this, other = (f"an array of shape {shown(one)}" if one else "a number" for one in (shape, first))
    hint = "the elements of an array are all numbers, or all arrays of one shape"
    lowering.misfit(f"this element is {this}, the first one is {other}", node, hint)


def _index(lowering: Expressions, index: int, stack: list[int], scope: dict[str, int]) -> None:
    nodes = lowering.program.nodes
    operands = nodes.operands(index)
    shape = lowering.shape(stack[-1])
    if not shape:
        what = lowering.text(operands[0])
        lowering.misfit(f"{what} is a number and has no elements", index, lowering.number_hint([stack[-1]]))
    if len(operands) - 1 > len(shape):
        axes = "1 axis" if len(shape) == 1 else f"{len(shape)} axes"
        lowering.misfit(
            f"{lowering.text(operands[0])} has {axes}: its shape is {shown(shape)}", operands[len(shape) + 1]
        )
    slots = [_slot(lowering, *pair, shape, scope) for pair in zip(operands[1:], shape, strict=False)]
    slots += [(0, extent) for extent in shape[len(slots) :]]
    if slots != [(0, extent) for extent in shape]:
        stack[-1] = _put(lowering, index, ops.ROWS[ops.CODES["index"]], [stack[-1]], {"slots": tuple(slots)})


def _slot(lowering: Expressions, node: int, extent: int, shape: Shape, scope: dict[str, int]) -> Any:
    """One slot of an index, counted from 0: a number, or start and stop."""
    nodes = lowering.program.nodes
    if nodes.kinds[node] is not SLICE:
        position = _number(lowering, node, scope)
        if not -extent <= position < extent:
            message = f"index {position} is out of range: the shape is {shown(shape)}"
            lowering.misfit(message, node, _range_hint(extent))
        return position % extent
    given, start, stop = nodes.values[node], 0, extent
    bounds = [_number(lowering, bound, scope) for bound in nodes.operands(node)]
    if given in ("from", "both"):
        start = _clipped(bounds[0], extent)
    if given in ("to", "both"):
        stop = _clipped(bounds[-1], extent)
    return start, max(start, stop)


def _range_hint(extent: int) -> str:
    if not extent:
        return "it has no elements"
    return f"indices go from 0 to {extent - 1}, or from -{extent} to -1"


def _clipped(bound: int, extent: int) -> int:
    return min(max(bound + extent if bound < 0 else bound, 0), extent)


def _number(lowering: Expressions, node: int, scope: dict[str, int]) -> int:
    found = whole.evaluated(lowering, node, scope)
    if not isinstance(found, int):
        lowering.fail("an index is a whole number or a range such as 0:3", node)
    return found


def call(lowering: Expressions, index: int, row: ops.Op, stack: list[int], scope: dict[str, int]) -> None:
    """A call of a structural row."""
    known = lowering.statics.calls.get(index) if lowering.statics is not None else None
    found: Call = known or paired(lowering.program, index, row)
    count = len(found.order)
    written = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    settings = {name: whole.evaluated(lowering, node, scope) for name, node in found.settings.items()}
    for part in row.settings:
        if part.kind in ("order", "slots") and isinstance(settings.get(part.name), int):
            settings[part.name] = [settings[part.name]]  # one axis may be written without brackets
    stack.append(_put(lowering, index, row, [written[place] for place in found.order], settings))


def length(lowering: Expressions, index: int, stack: list[int]) -> None:
    """len(x) as a value: a constant."""
    nodes = lowering.program.nodes
    count = len(nodes.operands(index))
    if count != 1 or index in nodes.keywords:
        wrong_count(lowering.program, index, ["len(x)"], count)
    literal = str(lowering.extent(index, stack.pop()))
    stack.append(lowering.graph.append(ops.CONSTANT, (), literal, nodes.starts[index], nodes.ends[index]))


def _put(lowering: Expressions, index: int, row: ops.Op, operands: list[int], settings: dict[str, Any]) -> int:
    """Append the gate of a structural row."""
    nodes, graph = lowering.program.nodes, lowering.graph
    _refuse_in_own(lowering, index)
    try:
        found = canonical(row.settings, settings, [lowering.shape(operand) for operand in operands])
        place = nodes.starts[index], nodes.ends[index]
        return graph.append(ops.CODES[row.name], tuple(operands), None, *place, found)
    except ShapeError as error:
        error.hint = lowering.number_hint(operands) or error.hint
        raise


def _refuse_in_own(lowering: Expressions, index: int) -> None:
    """Functions that bring their own derivative get numbers, one element after another."""
    if lowering.own is not None:
        name = shorten(lowering.own)
        hint = f"define {name} without with grad"
        lowering.fail(
            f"{name} brings its own derivative and works element by element; this needs whole arrays", index, hint
        )


def refuse(lowering: Expressions, index: int, error: ShapeError) -> NoReturn:
    """Shapes that do not fit together, at their place."""
    nodes, message = lowering.program.nodes, error.message
    head, colon, rest = message.partition(": ")
    if not colon or " " in head:
        head, rest = nodes.values[index] or "array", message
    title = lowering.text(index, head)  # else the row's own name, if it has given it
    lowering.misfit(f"{title}: {rest}", index, error.hint)

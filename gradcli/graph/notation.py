"""How structural gates are written, whatever for: which settings a reader needs, and rules as formulas.

Enters: a structural row, how its operands are written, settings; shapes where they are known. Leaves: the settings to
show, and the row's function on texts. Invariant: read again, what is shown gives the same settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradcli.graph import ops
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import REQUIRED, Layout, Setting, Shape, canonical
from gradcli.numeric.text import setting

Shapes = Sequence[Shape] | None  # of the operands, where they are known
Write = Callable[[Op, list[Any], Mapping[str, Any], Shapes], Any]


def arguments(row: Op, settings: Mapping[str, Any], shapes: Shapes) -> list[tuple[str, str]]:
    """The settings that a reader would not take anyway: pairs of keyword and value; one without keyword has "".

    Without shapes it is not known that axes are all of them, or that an axis is the last one; then they are shown.
    """
    found, by_place = [], not row.variadic
    for part in row.settings:
        value = settings.get(part.name, part.default)
        by_place = by_place and (part.default is REQUIRED or part.kind == "shape")
        if not _is_default(part, value, shapes):
            found.append(("" if by_place else part.name, _value(part, value)))
    return found


def _is_default(part: Setting, value: Any, shapes: Shapes) -> bool:
    if part.default is REQUIRED:
        return False
    if value == part.default or shapes is None:
        return bool(value == part.default)
    return canonical((part,), {}, shapes) == canonical((part,), {part.name: value}, shapes)


def _value(part: Setting, value: Any) -> str:
    if part.kind == "axes" and isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return setting(value)


def complete(row: Op, settings: Mapping[str, Any], shapes: Shapes) -> Layout:
    """Settings with those that are not given; without shapes what is known of them."""
    whole = {part.name: settings.get(part.name, part.default) for part in row.settings}
    return Layout(shapes or (), tuple(whole.items()))


def functions(write: Write, of: Callable[[Any], Any]) -> dict[str, Callable[..., Any]]:
    """The structural functions of a system whose numbers are texts: m.sum(x, axis=(0,)).

    Args:
        write: a row, operands, settings and shapes → the text.
        of: a number as text; it has `number` and `shape`, and may have a `source`.
    """
    found: dict[str, Callable[..., Any]] = {}

    def function(row: Op) -> Callable[..., Any]:
        def apply(*given: Any, **settings: Any) -> Any:
            operands = [of(x) for x in given]
            shapes = [x.shape if x.number is None else () for x in operands]
            if None in shapes:
                return write(row, operands, settings, None)
            layout = Layout(shapes, canonical(row.settings, settings, shapes))
            layout.shape = row.shape(layout)  # type: ignore[misc]
            simpler = _simpler(row.name, operands[0], layout, found)
            if simpler is not None:
                return simpler
            source = operands[0] if row.name == "reshape" and _adds_axes_in_front(layout) else None
            return write(row, operands, layout.settings, shapes)._replace(shape=layout.shape, source=source)

        return apply

    found |= {row.name: function(row) for row in ops.STRUCTURAL}
    found["matmul_chained"] = lambda a, b, flow: found["matmul"](a, b)
    return found


def _simpler(name: str, operand: Any, layout: Layout, functions: Mapping[str, Callable[..., Any]]) -> Any:
    """A rule's formula without what changes nothing at these shapes; None if there is no such."""
    if name == "transpose":
        return operand if layout.order == tuple(range(len(layout.order))) else None
    if name not in ("reshape", "broadcast_to", "sum_to", "index"):
        return None
    if layout.shape == layout.shapes[0]:
        return operand
    if name == "broadcast_to" and operand.source is not None:
        return functions[name](operand.source, shape=layout.shape)
    if name == "sum_to" and layout.shape == ():
        return functions["sum"](operand)
    return None


def _adds_axes_in_front(layout: Layout) -> bool:
    before = len(layout.shape) - len(layout.shapes[0])
    return layout.shape == (1,) * before + layout.shapes[0]

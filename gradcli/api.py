"""What Python programs use: parse, evaluate, grad, and the Trace that they return."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any
from zlib import crc32

from gradcli.binding import bind
from gradcli.diagnose import Warned, warnings
from gradcli.errors import BindingError
from gradcli.graph.lower import MAX_GATES, lower
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise, parse
from gradcli.passes import evaluate_graph
from gradcli.printable import shorten
from gradcli.traces import Trace as TracedColumns

__all__ = ["Trace", "evaluate", "grad", "parse"]


_NOTEBOOK_GATES = 300

Value = Any  # a number; an array, NumPy's or lists in lists


class Trace(TracedColumns):
    """Values and gradients of one evaluation, and its renderings.

    Attributes:
        value: the output's value.
        gradients: the derivative of the output with respect to every differentiated input, by name: a float, or for an
            array an array of its shape.
        gates: every gate with its value, local gradients, contributions and global gradient, each of the gate's shape;
            the contribution of an edge has its operand's.

    Arrays are NumPy's, of float64, and can't be written to.
    """

    @property
    def warnings(self) -> list[Warned]:
        """Where a number or a slope needs a second look: kinks, lost numbers, gates where they stop being finite."""
        return warnings(self)

    def to_json(self) -> str:
        """A JSON document of the schema gradcli.trace/1 (`gradcli schema`)."""
        from gradcli.render.json_trace import render

        return "".join(render(self))

    def to_dot(self, **options: Any) -> str:
        """The graph as DOT text; see `to_svg` for the options."""
        return str(self._draw("dot", options))

    def to_svg(self, **options: Any) -> str:
        """The graph as SVG text.

        Args:
            **options: theme ("auto", "light", "dark"), rankdir ("LR", "TB"), heat, legend, path, depth, seconds,
                prefix: see `gradcli.render.picture.Options`.

        Raises:
            UsageError: path is neither an input nor a stage.
            LimitError: the layout took more than `seconds`.
        """
        return str(self._draw("svg", options))

    def _draw(self, name: str, options: dict[str, Any]) -> str | bytes:
        from gradcli.render.picture import Options, draw

        return draw(self.graph, [self], name, Options(**options)).content

    def _repr_svg_(self) -> str | None:
        """What a notebook shows: the picture, unless there are too many gates to read."""
        if len(self.graph) > _NOTEBOOK_GATES:
            return None
        # Pictures of one page need ids of their own, and the same ones on every run.
        return self.to_svg(prefix=f"p{crc32(self.to_json().encode()):08x}-")

    def _repr_html_(self) -> str | None:
        """The same inside a page, where it follows the notebook's theme."""
        return self._repr_svg_()


def evaluate(
    expression: str | Program,
    bindings: Mapping[str, Value] | None = None,
    /,
    *,
    wrt: Collection[str] | None = None,
    of: str | None = None,
    max_gates: int = MAX_GATES,
    **values: Value,
) -> Trace:
    """Evaluate a program and differentiate its output by its inputs.

    Args:
        expression: the program's text, or what `parse` returned.
        bindings: values by name, for names that are not Python identifiers or that are arguments here.
        wrt: the inputs to differentiate by; None means all.
        of: the stage to take as output; None takes the program's result.
        max_gates: refuse programs with more gates.
        **values: further values by name. A value is a number (shape ()), or an array of any shape: a NumPy array, or
            lists in lists. It is copied. The program's output has to be a number, shape (), unless wrt is empty.

    Returns:
        the Trace, with `.value`, `.gradients`, `.gates`, `.warnings` and `.to_json()`. Reverse-mode differentiation:
        the gradients of all inputs cost one backward pass (Linnainmaa 1976; Griewank and Walther 2008, chapter 3).

    Raises:
        ParseError: the text does not follow the grammar.
        ProgramError: a function is unknown or called with the wrong number of arguments, or a name is misused.
        BindingError: a value is missing, unknown, given twice, or not made of numbers; the output is an array.
        LimitError: more than max_gates gates.
    """
    numbers: dict[str, Any] = {}
    for written, value in chain((bindings or {}).items(), values.items()):
        name = normalise(written)
        if name in numbers:
            raise BindingError(f"{shorten(name)} is given twice")
        numbers[name] = _value(name, value)
    program = parse(expression) if isinstance(expression, str) else expression
    graph = lower(program, numbers, of, max_gates)
    made = evaluate_graph(graph, bind(graph, numbers), [wrt] if isinstance(wrt, str) else wrt)
    return Trace(made.graph, made.values, made.partials, made.adjoints, made.system)


def grad(
    expression: str | Program,
    bindings: Mapping[str, Value] | None = None,
    /,
    *,
    wrt: Collection[str] | None = None,
    of: str | None = None,
    max_gates: int = MAX_GATES,
    **values: Value,
) -> dict[str, Any]:
    """The gradients alone: the derivative of the output by every input, by name; each of its input's shape.

    Arguments, errors: see `evaluate`.
    """
    return evaluate(expression, bindings, wrt=wrt, of=of, max_gates=max_gates, **values).gradients


def _value(name: str, value: Value) -> Any:
    """A value as a float, or an array of floats."""
    if isinstance(value, list | tuple) or getattr(value, "shape", None):
        return _array(name, value)
    return _number(name, value)


def _array(name: str, value: Any) -> Any:
    from gradcli.numeric import arrays

    try:
        found = arrays.asarray(value)
    except ValueError as error:
        raise BindingError(f"the value of {shorten(name)} is not an array: {error}") from None
    if 0 in arrays.shape_of(found):
        raise BindingError(f"the value of {shorten(name)} is an empty array", hint="an array has an element at least")
    return found


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, str | bytes | bytearray):  # float() would read "1_0" and "infinity"
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise BindingError(f"the value of {shorten(name)} is not a number: {shorten(repr(value))}") from None

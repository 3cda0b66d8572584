"""What a VALUE on the command line stands for: a number, a constant expression, a range, an array, a file of these.

Enters: texts by name, JSON files. Leaves: numbers and arrays. Invariant: numbers are read without NumPy; an error names
the value, and in an array the element.
"""

from __future__ import annotations

import math
import os.path
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli import streams
from gradcli.errors import BindingError, GradcliError, UsageError
from gradcli.language.parser import normalise, parse
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.graph import Graph
    from gradcli.graph.ops.layout import Shape
    from gradcli.numeric.system import NumberSystem
    from gradcli.readers import Number

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_RANGE_HINT = "a range is written LOW..HIGH, such as 0..1"
_ARRAY_HINT = "an array is written [1, 2] or [[1, 2], [3, 4]]; its elements are numbers or constants such as pi/2"
_SHAPES_HINT = "write --shapes W=3x4,w=4; extents are joined by x"


def overflowed(text: str) -> bool:
    """Whether a number is written, alone or in an array, that is too large for a double."""
    if text[:1] != "[":
        return _NUMBER.fullmatch(text) is not None and math.isinf(float(text))
    return any(overflowed(element.strip()) for element in re.split(r"[\[\],]", text))


class Exact(float):
    """A double that knows what was written for it: `on(m)` is that number in a number system."""

    source: str | Graph

    def on(self, m: NumberSystem) -> Any:
        from gradcli.passes import forward

        return (
            m.number(self.source) if isinstance(self.source, str) else forward(self.source, {}, m)[self.source.output]
        )


def exact_text(x: float) -> str:
    """All digits of a double that was never written as a decimal."""
    from decimal import Decimal

    return str(Decimal(x)) if math.isfinite(x) else repr(x)


def exactly(text: str, name: str = "") -> Exact:
    """As `constant`, without forgetting what was written."""
    from gradcli.passes import forward

    source = _source(_content(text), name)
    number = Exact(source) if isinstance(source, str) else Exact(forward(source, {})[source.output])
    number.source = source
    return number


def constant(text: str, name: str) -> float:
    """The number that a VALUE stands for: a number, a constant expression, or @FILE that holds one.

    Raises:
        BindingError: it is not a number.
    """
    return float(text) if _NUMBER.fullmatch(text) else float(exactly(text, name))


def _content(text: str) -> str:
    """What stands in the file of @FILE; any other text is itself."""
    return streams.read_text(text[1:]).strip() if text.startswith("@") else text


def value(text: str, name: str, decimals: bool = False) -> Any:
    """The number or the array that a VALUE stands for.

    Args:
        decimals: whether numbers are kept as they were written, as `Exact`.

    Raises:
        BindingError: it is neither.
        StreamError: a file could not be read.
    """
    number: Number = exactly if decimals else float
    if text.startswith("@"):
        from gradcli.readers import reader

        if read := reader(text[1:]):
            return read(streams.read(text[1:]), shorten(text[1:], 200), name, number)
        text = _content(text)
        if text.startswith("@"):  # a file does not lead to another one
            raise BindingError(f"the value of {shorten(name)} is not a number: {shorten(text)}")
    listed = text.strip().removeprefix("\ufeff").lstrip()
    if listed.startswith("["):
        return _array(listed, name, decimals)
    try:
        return exactly(text, name) if decimals else constant(text, name)
    except BindingError:
        if hint := _meant(listed.rstrip()):
            message = f"the value of {shorten(name)} is not a number: {shorten(text)}"
            raise BindingError(message, hint=hint) from None
        raise


def _meant(text: str) -> str | None:
    """What stands for a file without its sign, or for an array without its brackets, as a hint."""
    from gradcli.readers import READERS

    if os.path.splitext(text)[1].lower() in READERS or os.path.isfile(text):
        return f"did you mean @{shorten(text, 200)}?"
    bare = text[1:-1].strip() if text[:1] == "(" and text[-1:] == ")" else text
    elements = re.split(r"\s*[,;]\s*|\s+", bare)
    if len(elements) < 2 or not all(map(_NUMBER.fullmatch, elements)):
        return None
    decimal = f", or {bare.replace(',', '.')} for one number" if re.fullmatch("[+-]?[0-9]+,[0-9]+", bare) else ""
    return f"write {shorten('[' + ', '.join(elements) + ']', 60)}{decimal}"


def _separated(text: str, name: str) -> BindingError | None:
    """What is wrong with an array whose elements have nothing but spaces between them: [[1 2] [3 4]]."""
    written = re.sub(r"(?<=[0-9.\]])\s+(?=[-+.\[0-9])", ", ", text.strip())
    if written == text.strip() or _NUMBER.sub("", written).strip("[], \t\n"):
        return None
    try:
        _nested(written, name)
    except BindingError:
        return None
    message = f"the value of {shorten(name)} is not an array: commas stand between elements"
    return BindingError(message, hint=f"write {shorten(written, 60)}")


def _array(text: str, name: str, decimals: bool) -> Any:
    from gradcli.readers.nested import read_array

    def number(element: str, called: str) -> float:
        if re.search(r"[0-9.]\s+[-+][0-9.]", element):  # [1 -2], as NumPy prints it, is not one element
            raise BindingError(f"the value of {shorten(called)} is two numbers: {shorten(element)}", hint=_ARRAY_HINT)
        if decimals:
            return exactly(_not_a_file(element, called), called)
        return float(element) if _NUMBER.fullmatch(element) else constant(_not_a_file(element, called), called)

    try:
        return read_array(_nested(text, name), name, number, decimals)
    except BindingError:
        if error := _separated(text, name):
            raise error from None
        raise


def _not_a_file(element: str, name: str) -> str:
    if element.startswith("@"):
        raise BindingError(f"the value of {shorten(name)} is not a number: {shorten(element)}", hint=_ARRAY_HINT)
    return element


_PART = r"[^\[\](),]+|."


def _nested(text: str, name: str) -> list[Any]:
    """The texts of an array's elements, in nested lists; commas in parentheses belong to an element."""
    from gradcli.readers.nested import MOST_AXES, too_deep

    outermost: list[Any] = []
    open_lists, written, parentheses, after = [outermost], "", 0, False
    for part in re.findall(_PART, text, re.DOTALL):
        if part == "[" and not written.strip() and not after and not (len(open_lists) == 1 and outermost):
            if len(open_lists) > MOST_AXES:
                raise too_deep(name)
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif (part == "," and parentheses < 1) or part == "]":
            if len(open_lists) == 1 or (after and written.strip()):
                raise _not_an_array(text, name, "there is more than one array")
            if not after and (written.strip() or part == "," or open_lists[-1]):
                open_lists[-1].append(written.strip())
            after = part == "]"
            written = ""
            if after:
                open_lists.pop()
        else:
            parentheses += (part == "(") - (part == ")")
            written += part
            if part == "[" or (after and part.strip()):
                raise _not_an_array(text, name, "something stands beside an array")
    if len(open_lists) > 1:
        raise _not_an_array(text, name, "a ] is missing")
    found: list[Any] = outermost[0]
    return found


def _not_an_array(text: str, name: str, why: str) -> BindingError:
    return BindingError(f"the value of {shorten(name)} is not an array: {shorten(text)}: {why}", hint=_ARRAY_HINT)


def interval(text: str, name: str) -> tuple[float, float] | None:
    """The ends of a range LOW..HIGH; None for any other VALUE.

    Raises:
        BindingError: its ends are not numbers, or not in order.
    """
    low, dots, high = text.partition("..")
    if not dots or text.startswith("@"):
        return None
    ends = constant(low.strip(), name), constant(high.strip(), name)
    if not (math.isfinite(ends[0]) and math.isfinite(ends[1])):
        raise BindingError(f"the range of {shorten(name)} is not finite: {shorten(text)}", hint=_RANGE_HINT)
    if ends[0] > ends[1]:
        hint = f"write --{shorten(name)} {shorten(high.strip())}..{shorten(low.strip())}"
        raise BindingError(f"the range of {shorten(name)} is reversed: {shorten(text)}", hint=hint)
    return ends


def _source(text: str, name: str) -> str | Graph:
    """What a VALUE is: the text of a number, or the graph of a constant expression."""
    if _NUMBER.fullmatch(text):
        return text
    if not text.strip():
        raise BindingError(f"the value of {shorten(name)} is empty", hint="a value is a number, such as 2 or pi/2")
    if text.lstrip().startswith("["):
        raise BindingError(f"the value of {shorten(name)} is an array, not a number")
    from gradcli.graph.lower import lower

    try:
        graph = lower(parse(text))
    except GradcliError as error:
        message = f"the value of {shorten(name)} is not a number: {error.message}"
        raise BindingError(message, source=error.source, span=error.span, hint=error.hint) from None
    if graph.free or graph.shapes:
        hint = "a value is a number or a constant expression such as pi/2"
        raise BindingError(f"the value of {shorten(name)} is not a number: {shorten(text)}", hint=hint)
    return graph


def from_json(source: str, number: Number = float) -> dict[str, Any]:
    """Numbers and arrays by name from a JSON object; the `parameters` of a training result are unwrapped.

    Args:
        number: reads a number; `exactly` keeps what is written.

    Raises:
        BindingError: it is not an object of numbers and arrays.
    """
    from gradcli.readers.json_values import OBJECT_HINT, decoded
    from gradcli.readers.json_values import value as json_value

    where = "standard input" if source == "-" else source
    content = decoded(streams.read(source), where, number, "an object of numbers", OBJECT_HINT, normalise)
    if isinstance(content, dict) and isinstance(content.get("parameters"), dict):
        content = content["parameters"]
    if not isinstance(content, dict):
        raise BindingError(f"{where} is not a JSON object", hint=OBJECT_HINT)
    return {name: json_value(part, name, where, number is not float) for name, part in content.items()}


class Shaped(NamedTuple):
    """Stands for a value of which the shape alone is known."""

    shape: Shape

    def __str__(self) -> str:
        return "one without a value"  # where a message shows what was given


def shapes_of(text: str) -> dict[str, Shaped]:
    """Shapes by name: W=3x4, w=4, and c=number for a number.

    Raises:
        UsageError: it is not written like that.
    """
    found: dict[str, Shaped] = {}
    for part in text.split(","):
        name, equals, extents = part.partition("=")
        name = normalise(name.strip())
        if not equals or not name:
            shown = shorten(part.strip()) or "(empty)"
            raise UsageError(f"--shapes: {shown} is not a name and its shape", hint=_SHAPES_HINT)
        if name in found:
            raise BindingError(f"the shape of {shorten(name)} is given twice")
        written = [] if extents.strip() == "number" else [one.strip() for one in re.split("[x×]", extents)]
        if len(written) > 8 or not all(re.fullmatch("[1-9][0-9]{0,8}", one) for one in written):
            shown = shorten(extents.strip()) or "(empty)"
            raise UsageError(f"--shapes: the shape of {shorten(name)} can't be {shown}", hint=_SHAPES_HINT)
        found[name] = Shaped(tuple(map(int, written)))
    return found


def same_shape(name: str, shape: Shape, wanted: Shape, why: str) -> None:
    """Refuse a value of another shape than is wanted.

    Raises:
        BindingError: the shapes differ.
    """
    from gradcli.graph.ops.layout import shown

    if shape != wanted:
        given = "a number" if not shape else f"of shape {shown(shape)}"
        other = "a number" if not wanted else f"of shape {shown(wanted)}"
        raise BindingError(f"the value of {shorten(name)} is {given}, but {why} {other}")

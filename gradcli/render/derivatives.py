"""Derivatives as expressions: programs in the language that can be run again, or LaTeX.

Enters: a graph per derivative, and its value if there is a point. Leaves: text, or a JSON document of the schema
gradcli.derivative/1. Invariant: a derivative that stands alone is a program and nothing else; what is told beside it
is a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from gradcli.graph import styles
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import size
from gradcli.graph.printing import PLAIN, Style, program, staged
from gradcli.numeric import latex
from gradcli.numeric.elements import shape_of
from gradcli.printable import printable, shorten
from gradcli.render import Look
from gradcli.render.writing import inline, number, summary

SCHEMA = "gradcli.derivative/1"
FORMATS = ("text", "unicode", "latex")
_STYLES: dict[str, Style] = {"text": PLAIN, "unicode": styles.UNICODE}
_WHOLE = 64  # elements of an array that is written whole in a comment
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Derivative(NamedTuple):
    """One derivative.

    Attributes:
        of: what is differentiated, if that is to be said.
        by: the inputs, each as often as it is differentiated by.
        graph: its output is the derivative.
        value: its number, or array of numbers, if there is a point.
    """

    of: str
    by: tuple[str, ...]
    graph: Graph
    value: Any = None


def label(of: str, by: Sequence[str], look: Look) -> str:
    """∂/∂x, ∂²/∂x², ∂²/∂x∂y, ∂q/∂x; with ^ where the screen has no superscripts."""

    def power(order: int) -> str:
        return "" if order == 1 else str(order).translate(_SUPERSCRIPTS) if look.unicode else f"^{order}"

    if of and not re.fullmatch(r"\w+(\[[\d,]+\])*", of):
        of = f"({of})"
    below = "".join(f"∂{printable(name)}{power(len([*same]))}" for name, same in groupby(by))
    return f"∂{power(len(by))}{printable(of)}/{below}"


def text(derivative: Derivative, format: str) -> str:
    """The program of a derivative in the language."""
    return program(derivative.graph, repeat_constants=True, style=_STYLES[format])


def shown(value: Any) -> str:
    """A value in a comment: an array whole, or of a large one what it is like."""
    return inline(value, repr) if size(shape_of(value)) <= _WHOLE else ", ".join(summary(value, repr))


def render(
    derivatives: Sequence[Derivative], point: Mapping[str, Any] | None, format: str, look: Look
) -> Iterator[str]:
    """All derivatives: a single one as a program alone, several with what they are called."""
    if format == "latex":
        yield _align(derivatives)
        return
    format = format if look.unicode else "text"  # the same program
    at = "" if point is None else "at " + shorten(", ".join(f"{printable(x)} = {shown(point[x])}" for x in point), 200)
    if len(derivatives) == 1:
        only = derivatives[0]
        yield text(only, format) + "\n"
        if point is not None:
            yield f"# = {shown(only.value)} {at}\n"
        return
    if point is not None:
        yield f"# {at}\n"
    alone = True
    for position, derivative in enumerate(derivatives):
        definitions, stages, result = staged(derivative.graph, _STYLES[format], repeat_constants=True)
        above = [*definitions, *(f"{name} = {expression}" for name, expression in stages)]
        gap = [""] if position and (above or not alone) else []
        told = "" if point is None else f"  # = {shown(derivative.value)}"
        last = f"{label(derivative.of, derivative.by, look)} = {result}{told}"
        yield look.signs("\n".join([*gap, *above, last, ""]))
        alone = not above


def _align(derivatives: Sequence[Derivative]) -> str:
    """An align* environment per derivative, its stages above it."""
    found = []
    for derivative in derivatives:
        _, stages, result = staged(derivative.graph, styles.LATEX, repeat_constants=True)
        rows = [*stages, (fraction(derivative.of, derivative.by), result)]
        lines = " \\\\\n".join(f"  {name} &= {expression}" for name, expression in rows)
        found.append(f"\\begin{{align*}}\n{lines}\n\\end{{align*}}\n")
    return "".join(found)


def fraction(of: str, by: Sequence[str]) -> str:
    r"""\frac{\partial^{2}}{\partial x \partial y}."""

    def power(order: int) -> str:
        return "" if order == 1 else f"^{{{order}}}"

    above = rf"\partial{power(len(by))}" + (f" {latex.name(of).text}" if of else "")
    below = " ".join(rf"\partial {latex.name(name).text}{power(len([*same]))}" for name, same in groupby(by))
    return rf"\frac{{{above}}}{{{below}}}"


def latex_text(derivative: Derivative) -> str:
    """The derivative as rows for align*."""
    _, stages, result = staged(derivative.graph, styles.LATEX, repeat_constants=True)
    return " \\\\\n".join([*(f"{name} &= {expression}" for name, expression in stages), result])


def expressions(derivative: Derivative, format: str) -> dict[str, str]:
    """What JSON says of an expression: its text, and in the format asked for too."""
    found = {"text": text(derivative, "text")}
    if format == "latex":
        found["latex"] = latex_text(derivative)
    elif format == "unicode":
        found["unicode"] = text(derivative, "unicode")
    return found


def as_json(
    source: str, order: int, derivatives: Sequence[Derivative], point: Mapping[str, Any] | None, format: str
) -> Iterator[str]:
    """A document of gradcli.derivative/1, in pieces."""
    yield f'{{"schema": "{SCHEMA}", "expression": {json.dumps(source)}, "order": {order},\n'
    yield f' "at": {point_json(point)},\n "derivatives": {{'
    separator = "\n  "
    for derivative in derivatives:
        fields = [f'"{name}": {json.dumps(written)}' for name, written in expressions(derivative, format).items()]
        fields += [f'"value": {number(derivative.value)}', f'"gates": {len(derivative.graph)}']
        yield f"{separator}{json.dumps(derivative.by[0])}: {{{', '.join(fields)}}}"
        separator = ",\n  "
    yield "}}\n"


def point_json(point: Mapping[str, Any] | None) -> str:
    """The point as a JSON object, or null."""
    if point is None:
        return "null"
    return "{" + ", ".join(f"{json.dumps(name)}: {number(value)}" for name, value in point.items()) + "}"

"""Calls: which row or function is meant, and which argument is which.

Enters: a call, its operands on the stack of lowering. Leaves: a gate for a built-in function and for one that brings
its own derivative; for any other the scope in which its body is lowered. Invariant: only the text decides which row it
is, not what the arguments are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from gradcli.errors import ProgramError, Span
from gradcli.graph import ops
from gradcli.graph.lowering.pairing import chosen, wrong_count
from gradcli.graph.names import FUNCTION_HINT, LENGTH
from gradcli.language.nodes import Definition
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.lowering.expressions import Expressions


def built_in(lowering: Expressions, index: int, stack: list[int], scope: dict[str, int]) -> None:
    """A call of a built-in function."""
    nodes = lowering.program.nodes
    name, count = nodes.values[index] or "", len(nodes.operands(index))
    if name == LENGTH:
        from gradcli.graph.lowering import structures

        structures.length(lowering, index, stack)
        return
    rows = ops.find(name)
    if not rows:
        _unknown(lowering, index, name)
    row = chosen(rows, count, nodes.keywords.get(index, ()))
    if row is None:
        wrong_count(lowering.program, index, [row.signature() for row in rows], count)
    if row.structural:
        from gradcli.graph.lowering import structures

        structures.call(lowering, index, row, stack, scope)
        return
    arguments = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    place = nodes.starts[index], nodes.ends[index]
    if not row.variadic and (count < len(row.parameters) or index in nodes.keywords):
        found = _bound(lowering, index, row.parameters, arguments)
        defaults = dict(row.defaults)
        missing = [p for p in row.parameters if p not in found and p not in defaults]
        if missing:
            lowering.fail(f"{name} needs {missing[0]}", index, f"write {row.signature()}")
        for parameter in row.parameters:
            if parameter not in found:
                found[parameter] = lowering.graph.append(ops.CONSTANT, (), defaults[parameter], *place)
        arguments = [found[parameter] for parameter in row.parameters]
    elif index in nodes.keywords:
        unknown = shorten(nodes.keywords[index][0])
        lowering.fail(f"{name} has no argument {unknown}", index, f"write {row.signature()}")
    stack.append(lowering.graph.append(ops.CODES[row.name], tuple(arguments), None, *place))


def operands(lowering: Expressions, index: int, definition: Definition, stack: list[int]) -> dict[str, int]:
    """The operands of a call of a defined function, by parameter."""
    parameters = lowering.parameters.get(index)
    if parameters is None:  # the first time that this call is reached
        parameters = lowering.parameters[index] = [parameter.name for parameter in definition.parameters]
        given = len(lowering.program.nodes.operands(index))
        if given != len(parameters):
            shown = ", ".join(map(shorten, parameters))
            wrong_count(lowering.program, index, [f"{shorten(definition.name)}({shorten(shown, 200)})"], given)
    count = len(parameters)
    arguments = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    lowering.hand_over(max(1, count))
    if index in lowering.program.nodes.keywords:
        return _bound(lowering, index, parameters, arguments)
    return dict(zip(parameters, arguments, strict=True))


def defined(lowering: Expressions, index: int, found: dict[str, int], stack: list[int]) -> None:
    """A call of a function that brings its own derivative: one gate."""
    nodes = lowering.program.nodes
    code = lowering.defined.codes[nodes.values[index] or ""]
    lowering.hand_over(lowering.defined.costs[code])
    ordered = tuple(found[parameter] for parameter in lowering.defined.rows[code].parameters)
    stack.append(lowering.graph.append(code, ordered, None, nodes.starts[index], nodes.ends[index]))


def _bound(lowering: Expressions, index: int, parameters: Sequence[str], arguments: list[int]) -> dict[str, int]:
    """Pair parameters with arguments, the last of which may be given by keyword."""
    nodes = lowering.program.nodes
    keywords = nodes.keywords.get(index, ())
    if not keywords:
        return dict(zip(parameters, arguments, strict=False))
    positional = len(arguments) - len(keywords)
    found = dict(zip(parameters, arguments[:positional], strict=False))
    for keyword, argument in zip(keywords, arguments[positional:], strict=True):
        if keyword not in parameters or keyword in found:
            what = "is given twice" if keyword in found else "is not one of its arguments"
            name = shorten(nodes.values[index] or "")
            hint = f"they are {shorten(', '.join(map(shorten, parameters)), 200)}"
            lowering.fail(f"{shorten(keyword)} {what} in {name}", index, hint)
        found[keyword] = argument
    return found


def _unknown(lowering: Expressions, index: int, name: str) -> NoReturn:
    """An unknown function: a misspelt one, or a product written without its sign."""
    from difflib import get_close_matches

    nodes, text = lowering.program.nodes, lowering.program.text
    span = Span(nodes.starts[index], nodes.starts[index] + len(name))
    shown = shorten(name)
    known = name in lowering.scope or name in lowering.constants
    if known or (len(name) == 1 and len(nodes.operands(index)) == 1):
        message, hint = f"{shown} is not a function", FUNCTION_HINT
        if len(nodes.operands(index)) == 1 and index not in nodes.keywords:
            inside = text[span.end : nodes.ends[index]].strip()
            hint = f"did you mean {shown}*{shorten(inside)}?"
    else:
        close = get_close_matches(name[:40], [*lowering.names.functions, *ops.names(), LENGTH], n=1)
        message = f"there is no function {shown}"
        hint = f"did you mean {close[0]}?" if close else FUNCTION_HINT + "; `gradcli functions` lists them"
    raise ProgramError(message, source=text, span=span, hint=hint)

"""Which row a call means, and which argument is which: operands, and settings known when the graph is built.

Enters: a call of a built-in function. Leaves: its row and arguments, by name. Invariant: only the text decides, not
what the arguments are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from gradcli.errors import ProgramError
from gradcli.graph.ops import Op
from gradcli.language.nodes import Program
from gradcli.printable import shorten


class Call(NamedTuple):
    """A call of a structural row.

    Attributes:
        order: for each operand of the row, which of the operands as written it is.
        settings: by name, the argument's node.
    """

    row: Op
    order: tuple[int, ...]
    settings: dict[str, int]


def chosen(rows: Sequence[Op], count: int, keywords: Sequence[str]) -> Op | None:
    """The row that fits so many arguments, the last of which are given by these keywords. None if no row does.

    max(x, y) is the larger number, max(x, axis=0) the largest element.
    """
    first = None
    for row in rows:
        if not row.accepts(count):
            continue
        if not keywords:
            return row
        known = () if row.variadic else row.parameters
        if all(keyword in known or keyword in [part.name for part in row.settings] for keyword in keywords):
            return row
        first = first or row
    return first


def fail(program: Program, index: int, message: str, hint: str | None = None) -> NoReturn:
    """Refuse the program at a node."""
    raise ProgramError(message, source=program.text, span=program.nodes.span(index), hint=hint)


def wrong_count(program: Program, index: int, signatures: list[str], count: int) -> NoReturn:
    name = shorten(program.nodes.values[index] or "")
    given = f"{count} argument{'' if count == 1 else 's'}" if count else "no argument"
    fail(program, index, f"{name} can't be called with {given}", "write " + " or ".join(signatures))


def paired(program: Program, index: int, row: Op) -> Call:
    """The arguments of a structural row's call.

    Raises:
        ProgramError: an argument is unknown, missing or given twice.
    """
    nodes = program.nodes
    arguments, keywords = nodes.operands(index), nodes.keywords.get(index, ())
    positional = len(arguments) - len(keywords)
    settings = [part.name for part in row.settings]
    operands = list(map(str, range(positional))) if row.variadic else list(row.parameters)
    found = dict(zip([*operands, *(() if row.variadic else settings)], arguments[:positional], strict=False))
    for keyword, argument in zip(keywords, arguments[positional:], strict=True):
        if keyword in found or keyword not in (settings if row.variadic else [*operands, *settings]):
            what = "is given twice" if keyword in found else "is not one of its arguments"
            shown = ", ".join([*(("…",) if row.variadic else operands), *settings])
            fail(program, index, f"{shorten(keyword)} {what} in {row.called}", f"they are {shown}")
        found[keyword] = argument
    for name in operands or row.parameters:
        if name not in found:
            fail(program, index, f"{row.called} needs {name.lstrip('*')}", f"write {row.signature()}")
    written = sorted(found[name] for name in operands)
    order = tuple(written.index(found[name]) for name in operands) if keywords else tuple(range(len(operands)))
    return Call(row, order, {name: found[name] for name in settings if name in found})

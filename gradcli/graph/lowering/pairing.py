"""Which row a call means, and which argument is which: operands, and settings known when the graph is built.

Enters: a call of a built-in function. Leaves: its row and arguments, by name. Invariant: only the text decides, not
what the arguments are.
"""

from __future__ import annotations

from typing import NamedTuple

from gradcli.graph.lowering.calls import fail
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

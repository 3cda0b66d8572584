"""What completion offers, as words that every shell's script is made of.

Enters: the described commands. Leaves: for every command its options and its operands. Invariant: only what the helps
say; a script asks gradcli for nothing while somebody types.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gradcli.cli.about.described import Command, Option, choices, commands, first_sentence, program, takes_file


class Completed(NamedTuple):
    """A command.

    Attributes:
        name, summary: the command, and what it does.
        options: all of them.
        operands: what stands at each place: PROGRAM, FILE, or the choices; FILES for all places that follow.
    """

    name: str
    summary: str
    options: tuple[Option, ...]
    operands: tuple[str, ...]


PROGRAM, FILE, FILES, OTHER = "program", "file", "files", "other"


def completed() -> list[Completed]:
    """All commands; the first one is gradcli itself, whose operands are the names of the others."""
    root, others = program(), commands()
    first = Completed("gradcli", root.summary, root.options, (" ".join(one.name for one in others),))
    return [first, *(_one(command) for command in others)]


def _one(command: Command) -> Completed:
    operands = tuple(_operand(argument) for argument in command.arguments)
    return Completed(command.name, first_sentence(command.summary), command.options, operands)


def _operand(argument: Option) -> str:
    if takes_file(argument):
        return FILES if argument.metavar.endswith("...") else FILE
    if re.fullmatch(r"EXPR(_\w)?", argument.metavar):
        return PROGRAM
    return " ".join(choices(argument)) or OTHER


def names(options: tuple[Option, ...]) -> list[str]:
    """The names of options, in one list."""
    return [name for option in options for name in option.names]


def flags(options: tuple[Option, ...]) -> list[str]:
    """The names of those without a value."""
    return [name for option in options if not option.metavar for name in option.names]


def values(option: Option) -> str:
    """What follows an option: FILE, its choices, or nothing that is known."""
    return FILE if takes_file(option) else " ".join(choices(option))


def quoted(text: str) -> str:
    """A word for sh, in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"

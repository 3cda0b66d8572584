"""What is the same for all commands: how programs and values are given, formats, statuses, the environment.

Invariant: the names are those of the registries and of `ExitStatus`; only their explanations are written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gradcli import tables
from gradcli.codegen import TARGETS
from gradcli.errors import ExitStatus
from gradcli.readers import READERS
from gradcli.render import FORMATS, explain, picture


class Topic(NamedTuple):
    """A section: its title, a sentence, and terms with what they mean."""

    title: str
    text: str
    rows: tuple[tuple[str, str], ...]


_STATUSES = {
    ExitStatus.DONE: "Done.",
    ExitStatus.NOT_HELD: "A check did not hold: of check or compare, of --strict, or a fit that did not converge.",
    ExitStatus.WRONG_INPUT: "The command line, a program, a value or the data is wrong.",
    ExitStatus.BUG: "A bug of gradcli.",
    ExitStatus.STREAM_FAILED: "Reading or writing failed.",
    ExitStatus.INTERRUPTED: "Interrupted.",
    ExitStatus.CLOSED_PIPE: "Nobody reads standard output any more.",
}
_ENVIRONMENT = {
    "NO_COLOR": "No colours, if it is set to anything.",
    "FORCE_COLOR": "Colours also where standard output is no terminal.",
    "TERM": "With TERM=dumb there are no colours.",
    "COLUMNS": "The width of tables; of a terminal its own, else as wide as they need.",
    "CC": "The C compiler of --engine native; cc, gcc or clang if not set.",
    "XDG_CACHE_HOME": "The folder that compiled programs are kept in, if it is an absolute path.",
    "LOCALAPPDATA": "The same on Windows.",
    "GRADCLI_TRACEBACK": "After a bug of gradcli show where it happened.",
}
_FILES = {
    "~/.cache/gradcli/native": "Compiled programs of --engine native. It can be deleted at any time.",
    "~/.cache/wasmtime": "The compiled layout of pictures. It can be deleted at any time.",
}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) + "."


def topics() -> list[Topic]:
    """All sections, in order."""
    return [
        Topic("Programs and values", "A program is an expression, or statements that end with one.", _given()),
        Topic(
            "Formats",
            "An option asks for a format; most commands that have several also go by the name after --output.",
            _formats(),
        ),
        Topic(
            "Exit status",
            "The result goes to standard output; notes, warnings and errors go to standard error.",
            tuple((str(int(status)), text) for status, text in _STATUSES.items()),
        ),
        Topic(
            "Environment",
            "What is looked at; libraries, and programs that are started, have their own.",
            tuple(_ENVIRONMENT.items()),
        ),
        Topic("Files", "Besides what is asked for, only these are written.", tuple(_FILES.items())),
    ]


def _given() -> tuple[tuple[str, str], ...]:
    return (
        ("EXPR", "The program as text, in quotes; @FILE reads it from a file, - from standard input."),
        (
            "--NAME VALUE",
            "The value of the input NAME. What follows is its value, whatever it looks like: --z -4. "
            "The options of a command win over names of inputs.",
        ),
        ("--NAME=VALUE", "The same in one word."),
        ("--set NAME=VALUE", "The same for any name, also for one that is an option of the command."),
        ("--vars FILE", "The values of inputs in a JSON object. What the program does not use is told in a note."),
        (
            "VALUE",
            "A number (-4, 1e-8, inf, nan), an array ([[1, 2], [3, 4]]), an expression of constants (pi/2), or @FILE: "
            f"a file of numbers, as its name says ({', '.join(READERS)}), or a text.",
        ),
        ("--", "Ends the options: what follows is the program, also if it begins with a hyphen."),
    )


def _formats() -> tuple[tuple[str, str], ...]:
    return (
        ("Traces", _listed(FORMATS)),
        ("Explanations", _listed(explain.FORMATS)),
        ("Pictures", f"{', '.join(picture.FORMATS)}; with Graphviz installed also {_listed(picture.SYSTEM)}"),
        ("Source code", _listed(TARGETS)),
        ("Tables of data", _listed(f"{name} ({' '.join(row.suffixes)})" for name, row in tables.FORMATS.items())),
    )

"""What commands over rows share: options, and what these can't mean.

Enters: options as they were given. Leaves: nothing, or an error. Invariant: everything here is told before a file is
opened, and in the same words by every command.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated, BinaryIO

import typer

from gradcli.cli import streams
from gradcli.cli.option_numbers import whole
from gradcli.errors import StreamError, UsageError
from gradcli.printable import printable, shorten
from gradcli.tables import FORMATS, NAMES

ON_ERROR = ("fail", "null", "skip")

From = Annotated[
    str | None, typer.Option("--from", metavar="FORMAT", help=f"The data's format: {NAMES}; else as its name says.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="FORMAT", help=f"The output's format: {NAMES}; else as its name says.")
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="X=COLUMN", help="Take an input from this column; w=a,b,c makes an array of several."
    ),
]
Only = Annotated[bool, typer.Option("--only", help="Write the results alone, without the data's columns.")]
Keep = Annotated[str | None, typer.Option("--keep", metavar="A,B", help="Of the data's columns, write these only.")]
OnError = Annotated[
    str, typer.Option("--on-error", metavar="HOW", help="What a bad row does: fail, null (no results) or skip.")
]
Rejects = Annotated[
    str | None, typer.Option("--rejects", metavar="FILE", help="Write bad rows here: file, row, column, content.")
]
Null = Annotated[
    list[str] | None,
    typer.Option("--null", metavar="TEXT", help="Cells with this text have no number, like empty ones."),
]
Engine = Annotated[str, typer.Option("--engine", metavar="NAME", help="numpy, native (compiled), or auto.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", parser=whole("--threads", 1, 1024), help="Threads of the native engine."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary, no notes.")]


def check_data(data: Sequence[str], nulls: Sequence[str]) -> None:
    """Refuse a standard input that is not there, and a --null that no cell can be."""
    if "-" in data and sys.stdin is None:
        raise StreamError("standard input is closed")
    if odd := [text for text in nulls if _half(text)]:
        raise UsageError(f"--null {shorten(odd[0])} is no text")


def _half(text: str) -> bool:
    """Whether a text has half characters, which stand for bytes that are not UTF-8."""
    return not text.isascii() and text.encode("utf-8", "replace") != text.encode("utf-8", "surrogatepass")


def check_bad_rows(on_error: str, rejects: str | None, output: str | None) -> None:
    """Refuse what can't become of bad rows."""
    if on_error not in ON_ERROR:
        raise UsageError(f"--on-error {shorten(on_error) or '(empty)'}: write fail, null or skip")
    if rejects is None:
        return
    if on_error == "fail":
        raise UsageError("--rejects needs --on-error null or skip", hint="with fail the first bad row ends the run")
    if same(rejects, output or "-"):
        raise UsageError("--rejects and the results would go to the same file", hint="give them two names")


def same(one: str, other: str) -> bool:
    """Whether two paths are one, in other words or by a link; "-" is standard output, and no file."""
    return one == other or ("-" not in (one, other) and os.path.realpath(one) == os.path.realpath(other))


def check_engine(engine: str) -> None:
    """Refuse what is no engine."""
    from gradcli.kernels import ENGINES

    if engine not in ("auto", *ENGINES):
        hint = f"the engines are {', '.join(('auto', *ENGINES))}"
        raise UsageError(f"there is no engine {shorten(engine) or '(empty)'}", hint=hint)


def check_prefix(prefix: str) -> None:
    """Refuse what is no beginning of a name: it would go into files that other programs read."""
    if prefix and (re.fullmatch(r"[^\W\d][\w.-]*", prefix) is None or printable(prefix) != prefix):
        raise UsageError(f"--prefix {shorten(prefix)} does not begin a name", hint="write letters, such as --prefix d_")


def check_terminal(format: str, output: str | None) -> None:
    """Refuse to write bytes where a person looks at them."""
    if FORMATS[format].binary and streams.is_terminal(output):
        raise UsageError(f"{format} is not for a terminal", hint="write -o FILE, or --to ndjson")


def standard_output(output: str | None) -> BinaryIO | None:
    """The stream for bytes that "-" stands for; None if it is not needed.

    Raises:
        StreamError: it is needed, and closed.
    """
    if output not in (None, "-"):
        return None
    stream: BinaryIO | None = getattr(sys.stdout, "buffer", None)
    if stream is None:
        raise StreamError("standard output is closed")
    return stream

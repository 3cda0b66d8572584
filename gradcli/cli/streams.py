"""Standard streams and files: the result goes out whole or not at all, everything else goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gradcli.errors import StreamError
from gradcli.printable import printable, shorten

if TYPE_CHECKING:
    from gradcli.render import Look

_PIECE = 1 << 16  # characters written at once


class ClosedPipe(Exception):
    """Whoever read our standard output has gone."""


def prepare() -> None:
    """Make sure that a stream of any encoding takes any text."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def emit(pieces: Iterable[str]) -> None:
    """Write the result to standard output.

    Raises:
        ClosedPipe: nobody reads it any more.
        StreamError: it could not be written.
    """
    if sys.stdout is None:
        raise StreamError("standard output is closed")
    waiting: list[str] = []
    size = 0
    try:
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size > _PIECE:
                sys.stdout.write("".join(waiting))
                waiting.clear()
                size = 0
        sys.stdout.write("".join(waiting))
        sys.stdout.flush()
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as error:
        raise StreamError(f"standard output: {error.strerror}") from None


def write_file(path: str, pieces: Iterable[str]) -> None:
    """Write a file that appears under its name only when it is complete.

    Raises:
        StreamError: it could not be written; nothing is left behind.
    """
    if not path:
        raise StreamError("the name of a file is empty")
    target = Path(path)
    try:
        if target.exists() and not target.is_file():  # a device or a named pipe is written to, not replaced
            with target.open("w", encoding="utf-8", newline="\n") as stream:
                stream.writelines(pieces)
        else:
            _replace(target.resolve(), pieces)
    except OSError as error:
        raise StreamError(f"{_name(path)}: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise StreamError(f"{_name(path)}: not a file name") from None


def _replace(target: Path, pieces: Iterable[str]) -> None:
    partial = target.with_name(f".gradcli.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(pieces)
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o777)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def deliver(pieces: Iterable[str], path: str | None) -> None:
    """Write the result to a file, or to standard output if there is no path (or it is -)."""
    if path is None or path == "-":
        emit(pieces)
    else:
        write_file(path, pieces)


def note(text: str) -> None:
    """A line for the person, on standard error; lost if nobody listens."""
    try:
        if sys.stderr is not None:
            sys.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")
            sys.stderr.flush()
    except OSError:
        pass


def abandon_output() -> None:
    """Keep Python from flushing a broken standard output once more at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        pass


def read(source: str) -> bytes:
    """The bytes of a file, or of standard input if source is -.

    Raises:
        StreamError: it could not be read.
    """
    if not source:
        raise StreamError("the name of a file is empty")
    name = _name(source)
    try:
        if source == "-":
            if sys.stdin is None:
                raise StreamError("standard input is closed")
            return sys.stdin.buffer.read()
        return Path(source).read_bytes()
    except OSError as error:
        raise StreamError(f"{name}: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise StreamError(f"{name}: not a file name") from None


def _name(source: str) -> str:
    return "standard input" if source == "-" else shorten(source, 200)


def read_text(source: str) -> str:
    """The text of a file or of standard input.

    Raises:
        StreamError: it could not be read or is not UTF-8.
    """
    content = read(source)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte {error.start} is 0x{content[error.start]:02x}"
        raise StreamError(f"{_name(source)} is not UTF-8 text: {place}") from None


def look(every_gate: bool = False, path: str | None = None) -> Look:
    """What standard output can show, or the file at path. NO_COLOR, FORCE_COLOR, TERM and COLUMNS are heeded."""
    from gradcli.render import Look

    if path not in (None, "-"):
        return Look(every_gate=every_gate)
    stream = sys.stdout
    terminal = stream is not None and stream.isatty()
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    width = None
    if terminal or os.environ.get("COLUMNS"):
        from shutil import get_terminal_size

        width = max(1, get_terminal_size().columns)
    colors = (terminal and os.environ.get("TERM") != "dumb") or bool(os.environ.get("FORCE_COLOR"))
    color = "standard" if colors and not os.environ.get("NO_COLOR") else None
    return Look(width, color, encoding.startswith(("utf", "cp65001")), every_gate)

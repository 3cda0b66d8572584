"""Standard streams and files: the result goes out whole or not at all, everything else goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

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


def emit_bytes(content: bytes) -> None:
    """Write a result that is not text for a terminal, such as a picture, to standard output.

    Raises:
        ClosedPipe, StreamError: as `emit`.
    """
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        emit([content.decode("utf-8", "backslashreplace")])
        return
    try:
        binary.write(content)
        binary.flush()
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as error:
        raise StreamError(f"standard output: {error.strerror}") from None


def write_file(path: str, pieces: Iterable[str] | bytes) -> None:
    """Write a file that appears under its name only when it is complete; what stood there stays until then.

    Raises:
        StreamError: it could not be written; nothing is left behind.
    """
    from gradcli.atomic import replacing
    from gradcli.cli.signals import Leaving

    try:
        with Leaving(), replacing(path) as file:
            _fill(file, pieces)
    except OSError as error:
        raise StreamError(f"{_name(path)}: {error.strerror}") from None


def _fill(file: int, pieces: Iterable[str] | bytes) -> None:
    if isinstance(pieces, bytes):
        with open(file, "wb", closefd=False) as binary:
            binary.write(pieces)
    else:
        with open(file, "w", encoding="utf-8", newline="\n", closefd=False) as stream:
            stream.writelines(pieces)


def deliver(pieces: Iterable[str] | bytes, path: str | None) -> None:
    """Write the result to a file, or to standard output if there is no path (or it is -)."""
    if path is not None and path != "-":
        write_file(path, pieces)
    elif isinstance(pieces, bytes):
        emit_bytes(pieces)
    else:
        emit(pieces)


def is_terminal(path: str | None) -> bool:
    """Whether the result goes to a terminal: by standard output, or as the device at path."""
    try:
        if path is None or path == "-":
            return sys.stdout is not None and sys.stdout.isatty()
        if not Path(path).is_char_device():
            return False
        device = os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
        try:
            return os.isatty(device)
        finally:
            os.close(device)
    except (OSError, ValueError):
        return False


def note(text: str) -> None:
    """A line for the person, on standard error; lost if nobody listens. A line feed in text is shown, not obeyed."""
    tell([text])


def tell(lines: Iterable[str]) -> None:
    """Lines for the person, as `note`."""
    try:
        if sys.stderr is not None:
            sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
            sys.stderr.flush()
    except OSError:
        _abandon(sys.stderr)


def end(status: int) -> NoReturn:
    """End the process at once; what was written is on its way, whether or not anybody takes it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


def abandon_output() -> None:
    """Keep Python from flushing a broken standard output once more at exit."""
    _abandon(sys.stdout)


def _abandon(stream: TextIO | None) -> None:
    """Let what a stream still holds go nowhere: at exit it would change the status."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[union-attr]
    except (OSError, ValueError, AttributeError):
        pass


def read(source: str) -> bytes:
    """The bytes of a file, or of standard input if source is -.

    Raises:
        StreamError: it could not be read.
    """
    from gradcli.atomic import check_name

    check_name(source)
    name = _name(source)
    try:
        if source == "-":
            if sys.stdin is None:
                raise StreamError("standard input is closed")
            return sys.stdin.buffer.read()
        return Path(source).read_bytes()
    except OSError as error:
        raise StreamError(f"{name}: {error.strerror}") from None


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

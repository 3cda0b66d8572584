"""Files of Arrow's formats, and what is wrong with them.

Enters: a file's name. Leaves: a file of Arrow that can be read anywhere. Invariant: bytes that are not what they should
be are a DataError, a file that cannot be read is a StreamError.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from typing import Any, BinaryIO

import pyarrow as pa

from gradcli.errors import DataError, StreamError
from gradcli.tables.sources import failed, filesystem, is_uri, name_of

WRONG = (OSError, ValueError, pa.ArrowException)  # what Arrow raises for files that it cannot make sense of


def open_seekable(path: str, *, mapped: bool = False) -> tuple[Any, str, int | None]:
    """A file of Arrow, what it is called in messages, and its length; a pipe is stored in a temporary file first."""
    name = name_of(path)
    try:
        if is_uri(path):
            system, place = filesystem(path)
            file = system.open_input_file(place)
            return file, name, file.size()
        if path != "-" and os.path.isfile(path):
            file = pa.memory_map(path) if mapped and os.path.getsize(path) else pa.OSFile(path)
            return file, name, file.size()
        pipe: BinaryIO = open(0 if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115
        if not stat.S_ISREG(os.fstat(pipe.fileno()).st_mode):
            with pipe:
                pipe = store(pipe)
        return pa.PythonFile(pipe, mode="r"), name, os.fstat(pipe.fileno()).st_size
    except OSError as error:
        raise failed(path, error) from None


def store(pipe: Any, start: bytes = b"") -> BinaryIO:
    """All that a pipe brings, in a file that vanishes when it is closed."""
    stored = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        stored.write(start)
        shutil.copyfileobj(pipe, stored, 1 << 20)
        stored.seek(0)
    except BaseException:
        stored.close()
        raise
    return stored


def wrong_or_failed(name: str, what: str, error: Exception) -> DataError | StreamError:
    """The error for what Arrow raised: the system's have a number, all others are about what the file holds."""
    if isinstance(error, OSError) and error.errno is not None:
        return failed(name, error)
    why = " ".join(str(error).split()).split(". Detail:")[0]
    return DataError(f"{name} is not a whole {what} file", hint=why[:200] or None)

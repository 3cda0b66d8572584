"""Files of numbers: one module per format, in the registry `READERS`.

Enters: a file's bytes and the name it goes by in messages. Leaves: a number, or nested lists of numbers that
`nested.array` makes an array of, or an array. Invariant: whatever is wrong with the file is one BindingError that names
the file and the place in it; nothing in a file is ever run.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import Any

from gradcli.errors import StreamError

Number = Callable[[str], float]  # what is made of a number's text
Reader = Callable[[bytes, str, str, Number], Any]  # content, the file and the value's name in messages, number

READERS = {
    ".json": "gradcli.readers.json_values:read",
    ".csv": "gradcli.readers.csv_values:read",
    ".npy": "gradcli.readers.npy_values:read",
}


def reader(path: str) -> Reader | None:
    """The reader for a file, by its name's ending; None for any other file."""
    place = READERS.get(PurePath(path).suffix.lower())
    if place is None:
        return None
    module, _, function = place.partition(":")
    found: Reader = getattr(import_module(module), function)
    return found


def text_of(content: bytes, where: str) -> str:
    """The text of a file, without a byte-order mark.

    Raises:
        StreamError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = f"byte {error.start} is 0x{content[error.start]:02x}"
        raise StreamError(f"{where} is not UTF-8 text: {place}") from None

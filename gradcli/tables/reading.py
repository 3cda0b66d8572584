"""Opening tables: the one function that the rest of the program reads through.

Enters: a file's name and how it is to be read. Leaves: a Reader, whatever the format. Invariant: a reader gives every
row of its file exactly once and in order, in a block or as a broken one, in memory that does not grow with the file.
"""

from __future__ import annotations

from gradcli.errors import MissingError
from gradcli.tables import FORMATS, format_of, load
from gradcli.tables.blocks import Block, Broken, Lines, Numbers, Options, Reader
from gradcli.tables.sources import expand

__all__ = ["Block", "Broken", "Lines", "Numbers", "Options", "Reader", "expand", "open_table"]


def open_table(path: str, options: Options, groups: range | None = None) -> Reader:
    """The reader of a file; "-" is standard input. groups: only these row groups of a Parquet file.

    Raises:
        UsageError: the format is not known.
        StreamError: the file cannot be read.
        DataError: the file is not of its format.
        MissingError: the extra that reads it is not installed.
    """
    found = format_of(path, options.format)
    try:
        reader: Reader = load(FORMATS[found].reader)(path, found, options, groups)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pyarrow", "orjson"):
            raise
        raise MissingError(f"reading {found}", "data") from None
    return reader

"""Tables of data: one module per format, reading and writing, in blocks of rows.

Enters: a file's name and the format that somebody asked for. Leaves: the format's name and the functions that open its
readers and writers. Invariant: this module imports no format; a format is imported when a file of it is opened.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import PurePath
from typing import Any, NamedTuple

from gradcli.errors import UsageError
from gradcli.printable import shorten


class Format(NamedTuple):
    """Where a format's functions are, as "module:function"."""

    reader: str
    writer: str


FORMATS = {
    "csv": Format("gradcli.tables.csv_reader:open_reader", "gradcli.tables.csv_writer:open_writer"),
    "tsv": Format("gradcli.tables.csv_reader:open_reader", "gradcli.tables.csv_writer:open_writer"),
    "ndjson": Format("gradcli.tables.ndjson_reader:open_reader", "gradcli.tables.ndjson_writer:open_writer"),
    "parquet": Format("gradcli.tables.parquet_reader:open_reader", "gradcli.tables.parquet_writer:open_writer"),
    "arrow": Format("gradcli.tables.arrow_reader:open_reader", "gradcli.tables.arrow_writer:open_writer"),
}

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
}

# What may stand after the suffix of a format of text, and what the compression is called.
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".xz": "xz"}
TEXT_FORMATS = ("csv", "tsv", "ndjson")


def load(place: str) -> Any:
    """The function that a "module:function" of FORMATS stands for."""
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)


def compression_of(path: str) -> str | None:
    """How a file is compressed, by its name; None where it is not."""
    return COMPRESSIONS.get(PurePath(path).suffix.lower())


def suffix_format(path: str) -> str | None:
    """The format of a file by its name, None where the name does not tell."""
    name = PurePath(path)
    if name.suffix.lower() not in COMPRESSIONS:
        return SUFFIXES.get(name.suffix.lower())
    found = SUFFIXES.get(PurePath(name.stem).suffix.lower())
    return found if found in TEXT_FORMATS else None


def format_of(path: str, wanted: str | None, option: str = "--from") -> str:
    """The format of a file: the one that was asked for with option, else by its name.

    Raises:
        UsageError: there is no such format, or the name tells none.
    """
    known = ", ".join(FORMATS)
    if wanted is not None:
        if wanted in FORMATS:
            return wanted
        near = get_close_matches(wanted.lower(), FORMATS, n=1)
        hint = f"did you mean {near[0]}? Formats are {known}" if near else f"formats are {known}"
        raise UsageError(f"{option} {shorten(wanted)}: there is no such format", hint=hint)
    if found := suffix_format(path):
        return found
    if path == "-":
        raise UsageError(f"a pipe has no name to tell its format by: {option} is missing", hint=f"formats are {known}")
    if PurePath(path).suffix.lower() == ".json":
        hint = f"if it has one JSON object per line: {option} ndjson"
    else:
        hint = f"say it with {option}: {known}; or by the suffix: {' '.join(SUFFIXES)}"
    raise UsageError(f"the name {shorten(path, 80)} does not tell a format", hint=hint)

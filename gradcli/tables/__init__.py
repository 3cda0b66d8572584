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
    """A format of tables: all that is known of it outside of its own modules.

    Attributes:
        title: its name in messages.
        reader, writer: where its functions are, as "module:function".
        suffixes: of the names of its files; parts of an output get the first one.
        typed: whether cells have types, and may be lists; else all are text.
        lines: whether rows are lines that can go on as they were written, and tell the columns only when they are read.
        binary: whether it is nothing for eyes, and compresses by itself.
    """

    title: str
    reader: str
    writer: str
    suffixes: tuple[str, ...]
    typed: bool = True
    lines: bool = False
    binary: bool = False


FORMATS = {
    "csv": Format(
        "CSV", "gradcli.tables.csv_reader:open_reader", "gradcli.tables.csv_writer:open_writer", (".csv",), typed=False
    ),
    "tsv": Format(
        "TSV", "gradcli.tables.csv_reader:open_reader", "gradcli.tables.csv_writer:open_writer", (".tsv", ".tab"),
        typed=False,
    ),
    "ndjson": Format(
        "NDJSON", "gradcli.tables.ndjson_reader:open_reader", "gradcli.tables.ndjson_writer:open_writer",
        (".ndjson", ".jsonl"), lines=True,
    ),
    "parquet": Format(
        "Parquet", "gradcli.tables.parquet_reader:open_reader", "gradcli.tables.parquet_writer:open_writer",
        (".parquet", ".pq"), binary=True,
    ),
    "arrow": Format(
        "Arrow", "gradcli.tables.arrow_reader:open_reader", "gradcli.tables.arrow_writer:open_writer",
        (".arrow", ".feather", ".ipc", ".arrows"), binary=True,
    ),
}  # fmt: skip
NAMES = ", ".join(FORMATS)  # for messages and helps

SUFFIXES = {suffix: name for name, format in FORMATS.items() for suffix in format.suffixes}

# What may stand after the suffix of a format that is not binary, and what the compression is called.
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".xz": "xz"}


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
    return None if found is None or FORMATS[found].binary else found


def format_of(path: str, wanted: str | None, option: str = "--from") -> str:
    """The format of a file: the one that was asked for with option, else by its name.

    Raises:
        UsageError: there is no such format, or the name tells none.
    """
    if wanted is not None:
        if wanted in FORMATS:
            return wanted
        near = get_close_matches(wanted.lower(), FORMATS, n=1)
        hint = f"did you mean {near[0]}? Formats are {NAMES}" if near else f"formats are {NAMES}"
        raise UsageError(f"{option} {shorten(wanted)}: there is no such format", hint=hint)
    if found := suffix_format(path):
        return found
    if path == "-":
        raise UsageError(f"a pipe has no name to tell its format by: {option} is missing", hint=f"formats are {NAMES}")
    if PurePath(path).suffix.lower() == ".json":
        hint = f"if it has one JSON object per line: {option} ndjson"
    else:
        hint = f"say it with {option}: {NAMES}; or by the suffix: {' '.join(SUFFIXES)}"
    raise UsageError(f"the name {shorten(path, 80)} does not tell a format", hint=hint)

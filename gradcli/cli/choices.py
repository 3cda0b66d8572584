"""Options that several commands have in common: the format, random points."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from gradcli.errors import UsageError
from gradcli.printable import shorten

_MOST_POINTS = 100_000
_SUFFIXES = {".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".md": "markdown"}


def by_name(output: str | None, formats: Collection[str]) -> str:
    """The format that the output's name says, of those that there are; any other name is that of a table."""
    named = _SUFFIXES.get(os.path.splitext(output or "")[1].lower(), "table")
    return named if named in formats else "table"


def asked_format(default: str, format: str | None, **flags: bool) -> str:
    """The one format that is asked for, by --format or by a flag of its own such as --json.

    Raises:
        UsageError: two different ones are.
    """
    asked = dict.fromkeys([name for name, given in flags.items() if given])
    if format is not None:
        asked[format] = None
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(map(shorten, asked))} are different formats", hint="ask for one of them")
    return next(iter(asked), default)


def check_format(format: str, formats: Collection[str]) -> None:
    """Refuse a format that there is not."""
    if format not in formats:
        shown = shorten(format) or "(empty)"
        raise UsageError(f"there is no format {shown}", hint=f"the formats are {', '.join(formats)}")


def one_format(formats: Collection[str], default: str, format: str | None, **flags: bool) -> str:
    """Both: the one format that is asked for, which there has to be."""
    chosen = asked_format(default, format, **flags)
    check_format(chosen, formats)
    return chosen


def random_points(point: str) -> int:
    """How many points `--point random:N` asks for."""
    found = re.fullmatch(r"random:([0-9]{1,6})", point)
    if found is None or not 1 <= int(found[1]) <= _MOST_POINTS:
        hint = f"write --point random:N with N from 1 to {_MOST_POINTS:,}"
        raise UsageError(f"there are no points {shorten(point)}", hint=hint)
    return int(found[1])

"""Outputs and the data they are made of: no output may stand where the data does.

Enters: what was given as DATA, the files that it means, the names of outputs. Leaves: nothing, or an error. Invariant:
nothing is opened; two names are one file if the system says so, whatever path, link or address leads there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from gradcli.errors import UsageError
from gradcli.printable import shorten
from gradcli.tables.sources import filesystem, is_uri, name_of

_CONTENT = {
    "-o": "the results",
    "--rejects": "the rejects",
    "--history": "the history",
    "--checkpoint": "the checkpoint",
    "--plot": "the picture",
}


def check_apart(given: Sequence[str], files: Iterable[str], targets: Mapping[str, Iterable[str]]) -> None:
    """Refuse outputs that would replace the data, or would be among the data of the next run.

    Args:
        given: DATA as it was given.
        files: what that means.
        targets: paths of outputs, by the option that names them: -o, --rejects, --history …

    Raises:
        UsageError: an output is one of the files, or inside a directory that is given as data.
    """
    local = {option: [(path, _local(path, 1)) for path in paths] for option, paths in targets.items()}
    for option, paths in local.items():
        for path, where in paths:
            for one in given:
                real = _directory(one)
                elsewhere = where is None and is_uri(one) and path.startswith(f"{one.rstrip('/')}/")
                if elsewhere or (real is not None and _inside(where, real)):
                    raise _among(option, path, one)
    wanted = {_key(path, where): (option, path) for option, paths in local.items() for path, where in paths}
    if wanted.keys() <= {None}:  # as a rule: nothing is there yet
        return
    for file in files:
        key = _key(file, _local(file, 0))
        if key is not None and key in wanted:
            raise _same(*wanted[key], file)


def _same(option: str, path: str, file: str) -> UsageError:
    named = "standard output" if path == "-" else f"{option} {shorten(path, 100)}"
    message = f"{named} is the data itself" if file == path else f"{named} and the data {name_of(file)} are one file"
    return UsageError(message, hint=f"give {_CONTENT[option]} another name")


def _among(option: str, path: str, given: str) -> UsageError:
    shown, own = given.rstrip("/"), path.rstrip("/")
    itself = os.path.realpath(own) == os.path.realpath(shown)
    beside = os.path.join(os.path.dirname(shown), "results/" if itself else os.path.basename(own) + path[len(own) :])
    plain = not is_uri(given) and os.path.basename(shown) not in ("", ".", "..")
    such = f", such as {option} {shorten(beside, 100)}" if plain and not os.path.lexists(beside) else ""
    hint = f"the next run would read {_CONTENT[option]} too; write to a place beside it{such}"
    return UsageError(f"{option} {shorten(path, 100)} is inside {shorten(given, 100)}, which is data", hint=hint)


def _local(path: str, standard: int) -> str | int | None:
    """A path of this machine, or the descriptor that - stands for; None for an address elsewhere."""
    if path == "-":
        return standard
    if not is_uri(path):
        return path
    if not path.lower().startswith("file://"):
        return None
    return str(filesystem(path)[1])


def _directory(path: str) -> str | None:
    """The real path of a directory of this machine that is given as data."""
    where = _local(path, 0)
    return os.path.realpath(where) if isinstance(where, str) and os.path.isdir(where) else None


def _inside(where: str | int | None, directory: str) -> bool:
    """Whether an output would be among the files of a directory, by its own name or by what a link leads to."""
    if not isinstance(where, str) or not where:
        return False
    folder, name = os.path.split(where.rstrip("/"))
    try:
        named, led_to = os.path.join(os.path.realpath(folder or "."), name), os.path.realpath(where)
    except ValueError:  # no name of a file
        return False
    for path in (named, led_to):
        parts = PurePath(path).parts[len(PurePath(directory).parts) :]
        if PurePath(path).is_relative_to(directory) and not any(part.startswith(".") for part in parts):
            return True  # hidden files are no data
    return False


def _key(path: str, where: str | int | None) -> object:
    """What a file is known by: its number on its device, or its address. None if it is not there, or no file."""
    if where is None:
        return path
    try:
        status = os.stat(where)
    except (OSError, ValueError):  # an output that is to be made, or a closed stream
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None

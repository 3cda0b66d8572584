"""Compiled libraries by content, in a directory that is the user's alone.

Enters: a key, and how to make the library. Leaves: the loaded library. Invariant: a library stands there whole or not
at all, under a name that holds the hash of its bytes; a directory that somebody else could write to is not used.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

Library = TypeVar("Library")

_MOST = 256  # libraries that are kept
_OLD = 3600.0  # seconds after which an unfinished build was left behind by a process that died
_BUILD = "build-"


def directory() -> Path | None:
    """Where libraries are kept; None where that is not possible."""
    place = _wanted()
    try:
        if place is None:
            return None
        for folder in reversed([folder for folder in (place, *place.parents) if not folder.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        safe = _is_ours(place.parent) and _is_ours(place)
    except OSError:
        return None
    return place if safe and os.access(place, os.W_OK | os.X_OK) else None


def _is_ours(folder: Path) -> bool:
    """Whether it is a directory, no link, that nobody else may write to."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


def _wanted() -> Path | None:
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        base = Path(given)
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        if not local:
            return None
        base = Path(local)
    else:
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        base = Path(home, "Library", "Caches") if sys.platform == "darwin" else Path(home, ".cache")
    return base / "gradcli" / "native"


def find(key: str) -> Path | None:
    """The library of a key, if it is there and whole. It has been used now."""
    place = directory()
    if place is None:
        return None
    for path in sorted(place.glob(f"{key}-*.so")):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if path.name == _name(key, content):
            with suppress(OSError):
                os.utime(path)
            return path
        path.unlink(missing_ok=True)
    return None


def _name(key: str, content: bytes) -> str:
    return f"{key}-{sha256(content).hexdigest()[:32]}.so"


def make(key: str, build: Callable[[Path], Path], load: Callable[[Path], Library]) -> Library:
    """Build a library, keep it, and load it; without a place to keep it, from a folder that is gone afterwards."""
    place = directory()
    if place is not None:
        _tidy(place)
    folder = Path(tempfile.mkdtemp(prefix=_BUILD, dir=place))
    try:
        made = build(folder)
        return load(made if place is None else _kept(place, key, made))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kept(place: Path, key: str, made: Path) -> Path:
    """The library under its name; where it can't be put there, where it is."""
    path = place / _name(key, made.read_bytes())
    try:
        os.replace(made, path)
    except OSError:
        return path if path.is_file() else made
    return path


def _tidy(place: Path) -> None:
    """Remove what died half-made, and the libraries that were used last the longest ago if there are too many."""
    entries = []
    try:
        with os.scandir(place) as listed:
            for entry in listed:
                with suppress(OSError):  # it may be gone by now
                    found = entry.stat(follow_symlinks=False)
                    entries.append((found.st_mtime, entry.path, stat.S_ISDIR(found.st_mode)))
    except OSError:
        return
    libraries = sorted((when, path) for when, path, is_folder in entries if not is_folder and path.endswith(".so"))
    for _, path in libraries[: max(0, len(libraries) - _MOST + 1)]:
        with suppress(OSError):
            Path(path).unlink()
    for when, path, is_folder in entries:
        if is_folder and re.match(_BUILD, os.path.basename(path)) and time.time() - when > _OLD:
            shutil.rmtree(path, ignore_errors=True)

"""Files that appear under their name only when they are complete.

Enters: a path. Leaves: a descriptor to write to; what was written gets the name when the block ends without an
exception. Invariant: a file that stood under the name stays as it was until then, and nothing else is left behind.

What is unfinished has a name of its own in the same folder, made of the file's name and of random digits, and is locked
as long as its writer lives. A process that is killed can't take it away; the next one that writes the same file can,
since the lock is gone with its owner.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gradcli.errors import StreamError
from gradcli.printable import shorten

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BINARY = getattr(os, "O_BINARY", 0)
_LONGEST = 200  # bytes of a file's name that its unfinished file repeats; a name may have 255


def check_name(path: str) -> None:
    """Refuse what no system could call a file: nothing, a NUL, half a character.

    Raises:
        StreamError: it is one of these.
    """
    if not path:
        raise StreamError("the name of a file is empty")
    try:
        wrong = b"\0" in os.fsencode(path)
    except ValueError:
        wrong = True
    if wrong:
        raise StreamError(f"{shorten(path, 200)}: not a file name")


@contextmanager
def replacing(path: str, *, durable: bool = False) -> Iterator[int]:
    """A descriptor to write path with.

    A link's target is replaced, not the link, and keeps its permissions; a device or a named pipe is written to.
    durable: the content is on the disk before the name is, so that not even a machine that stops leaves half a file.

    Raises:
        StreamError: path is no name of a file.
        OSError: it can't be written.
    """
    check_name(path)
    mode = _mode(path)
    if mode is not None and not os.path.isfile(path):
        with _closing(os.open(path, os.O_WRONLY | _BINARY)) as device:
            yield device
        return
    target = os.path.realpath(path) if os.path.islink(path) else path
    if mode is not None:
        os.close(os.open(target, os.O_WRONLY))  # a file that is read-only is not to be written
    remove_abandoned(target)
    partial, file = _begin(target, mode)
    try:
        with _closing(file):
            yield file
            if durable:
                os.fsync(file)
            if mode is not None:
                os.chmod(partial, mode)
            if fcntl is not None:
                os.replace(partial, target)  # while it is locked still: nobody may take it for an abandoned one
        if fcntl is None:  # where an open file can't be renamed, and can't be removed by others
            os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def remove_abandoned(target: str) -> None:
    """Remove the unfinished files of target whose writers are dead."""
    folder, name = os.path.split(target)
    before, after = _around(name)
    try:
        with os.scandir(folder or ".") as entries:
            found = [entry.path for entry in entries if entry.name.startswith(before) and entry.name.endswith(after)]
    except OSError:  # it may be writable and not readable
        return
    for path in found:
        with suppress(OSError):  # somebody else may be at it, too
            _remove_if_abandoned(path)


def _remove_if_abandoned(path: str) -> None:
    if fcntl is None:
        os.unlink(path)  # fails while it is open
        return
    with _closing(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)


def _begin(target: str, mode: int | None) -> tuple[str, int]:
    """Path and descriptor of a new locked file beside target.

    Its name can't be guessed and must be new, so that no other process, and no link laid out beforehand, gets into it.
    From the start it is open to nobody whom target is closed to.
    """
    folder, name = os.path.split(target)
    before, after = _around(name)
    while True:
        partial = os.path.join(folder, f"{before}{os.urandom(8).hex()}{after}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
        file = os.open(partial, flags, 0o666 if mode is None else mode & 0o666 | 0o200)
        if _lock(file):
            return partial, file
        os.close(file)  # taken for abandoned by another process, before the lock was ours


def _lock(file: int) -> bool:
    """Lock a file that was just made; False if somebody else has locked or removed it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody can get one, so nobody will remove it
        return True
    return os.fstat(file).st_nlink > 0


def _around(name: str) -> tuple[str, str]:
    """What the names of a file's unfinished files begin and end with."""
    if len(os.fsencode(name)) > _LONGEST:
        from hashlib import blake2b

        name = blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return f".{name}.gradcli-", ".part"


def _mode(path: str) -> int | None:
    """The permissions of what stands at path, or None if nothing does."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        return None


@contextmanager
def _closing(file: int) -> Iterator[int]:
    try:
        yield file
    finally:
        os.close(file)

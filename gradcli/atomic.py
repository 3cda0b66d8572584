"""Files that appear under their name only when they are complete.

Enters: a path. Leaves: a descriptor to write to; what was written gets the name when the block ends without an
exception. Invariant: a file that stood under the name stays as it was until then, and nothing else is left behind.

What is unfinished has a name of its own in the same folder, made of the file's name and of random digits, and is locked
as long as its writer lives. A process that is killed can't take it away; the next one that writes the same file can,
since the lock is gone with its owner.
"""

from __future__ import annotations

import os
import re
import stat
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
_RANDOM = 8  # bytes, as hexadecimal digits in the name of an unfinished file


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
    """A descriptor to write path with. durable: as for `Replacement`.

    Raises:
        StreamError: path is no name of a file.
        OSError: it can't be written.
    """
    replacement = Replacement(path, durable=durable)
    try:
        yield replacement.file
        replacement.finish()
        replacement.name()
    finally:
        replacement.close()


class Replacement:
    """A file that takes the place of what stands at path: `finish` what is written, then `name` it, and `close`.

    The target of a link is replaced, with its permissions. A device, a named pipe, or what is open already
    (/dev/stdout) is written to, and there is nothing to name. Closed without a name, it is gone.

    Args:
        durable: the content is on the disk before the name is, so that not even a machine that stops leaves half a
            file.

    Raises:
        StreamError: path is no name of a file.
        OSError: it can't be written.
    """

    def __init__(self, path: str, *, durable: bool = False) -> None:
        check_name(path)
        self.durable = durable
        self.partial: str | None = None  # the unfinished file
        self.before: str | None = None  # what stood under the name, under another one
        self.fresh = False
        if (number := _descriptor(path)) is not None:
            self.file = os.dup(number)
            return
        self.mode = _mode(path)
        if self.mode is not None and not os.path.isfile(path):
            self.file = os.open(path, os.O_WRONLY | _BINARY)
            return
        self.goal = os.path.realpath(path) if os.path.islink(path) else path
        if self.mode is not None:
            os.close(os.open(self.goal, os.O_WRONLY))  # a file that is read-only is not to be written
        remove_abandoned(self.goal)
        self.partial, self.file = _begin(self.goal, self.mode)

    def finish(self) -> None:
        """All is written: whatever could go wrong with the content has gone wrong after this."""
        if self.partial is None:
            return
        if self.durable:
            os.fsync(self.file)
        if self.mode is not None:
            os.chmod(self.partial, self.mode)
        if fcntl is None:  # where an open file can't be renamed, and can't be removed by others
            self._close()

    def keep(self) -> None:
        """Keep what stands under the name, so that `undo` can bring it back."""
        if self.partial is None:
            return
        self.before = _unfinished(self.goal)  # known before it is made: a signal may come directly after that
        try:
            os.link(self.goal, self.before)
        except OSError as error:
            self.before = None  # a file system without hard links, or a file of somebody else; or there is none
            self.fresh = isinstance(error, FileNotFoundError)

    def name(self) -> None:
        """Give it the name. It is locked still: nobody may take it for an abandoned one."""
        if self.partial is not None:
            os.replace(self.partial, self.goal)

    def undo(self) -> None:
        """Take the name away again, if it got it after `keep`."""
        if self.partial is None or os.path.lexists(self.partial):
            return
        with suppress(OSError):
            if self.before is not None:
                os.replace(self.before, self.goal)
            elif self.fresh:
                os.unlink(self.goal)

    def close(self) -> None:
        """Close the descriptor; nothing but what has the name is left."""
        try:
            self._close()
        finally:
            for path in (self.partial, self.before):
                if path is not None:
                    with suppress(OSError):
                        os.unlink(path)

    def _close(self) -> None:
        file, self.file = self.file, -1
        if file >= 0:
            os.close(file)


def _descriptor(path: str) -> int | None:
    """Which of the process's own descriptors a path stands for.

    Behind /dev/stdout may be a file that others write to as well, before us and after: it is not ours to replace.
    """
    found = re.fullmatch(r"/dev/(stdout|stderr|fd/([0-9]+))|/proc/self/fd/([0-9]+)", path)
    if found is None:
        return None
    return {"stdout": 1, "stderr": 2}[found[1]] if found[1] in ("stdout", "stderr") else int(found[2] or found[3])


def remove_abandoned(target: str) -> None:
    """Remove the unfinished files of target whose writers are dead."""
    folder, name = os.path.split(target)
    try:
        with os.scandir(folder or ".") as entries:
            found = [entry.path for entry in entries if _is_unfinished(entry.name, name)]
    except OSError:  # it may be writable and not readable
        return
    for path in found:
        with suppress(OSError):  # somebody else may be at it, too
            _remove_if_abandoned(path)


def _remove_if_abandoned(path: str) -> None:
    if fcntl is None:
        os.unlink(path)  # fails while it is open
        return
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(file).st_mode):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(file)


def _begin(target: str, mode: int | None) -> tuple[str, int]:
    """Path and descriptor of a new locked file beside target.

    Its name can't be guessed and must be new, so that no other process, and no link laid out beforehand, gets into it.
    From the start it is open to nobody whom target is closed to.
    """
    while True:
        partial = _unfinished(target)
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


def _unfinished(target: str) -> str:
    """A path for an unfinished file of target, a new one each time."""
    folder, name = os.path.split(target)
    begin, end = _around(name)
    return os.path.join(folder, f"{begin}{os.urandom(_RANDOM).hex()}{end}")


def _is_unfinished(found: str, name: str) -> bool:
    """Whether found is what an unfinished file of name is called, to the letter: others end alike, too."""
    begin, end = _around(name)
    digits = found[len(begin) : -len(end)]
    return found == f"{begin}{digits}{end}" and len(digits) == 2 * _RANDOM and {*digits} <= {*"0123456789abcdef"}


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

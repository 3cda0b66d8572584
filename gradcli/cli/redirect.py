"""The name of the file that standard output was redirected to, so that `> graph.svg` gives SVG.

Invariant: every system has its own call; where none helps there is no name, and no error.
"""

from __future__ import annotations

import os
import stat
import sys


def redirected_name(descriptor: int = 1) -> str | None:
    """The path of the regular file behind a descriptor; None for anything else, and where it can't be known."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        if sys.platform == "win32":
            return _windows(descriptor)
        if sys.platform == "darwin":
            return _macos(descriptor)
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except (OSError, ValueError, ImportError):
        return None


def _macos(descriptor: int) -> str | None:
    from fcntl import fcntl

    get_path, longest = 50, 1024  # F_GETPATH and MAXPATHLEN of <sys/fcntl.h>
    found: bytes = fcntl(descriptor, get_path, bytes(longest))
    return os.fsdecode(found.partition(b"\0")[0]) or None


def _windows(descriptor: int) -> str | None:
    import ctypes
    import msvcrt

    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))  # type: ignore[attr-defined, unused-ignore]
    name = ctypes.create_unicode_buffer(32768)
    length = ctypes.windll.kernel32.GetFinalPathNameByHandleW(handle, name, len(name), 0)  # type: ignore[attr-defined, unused-ignore]
    return name.value or None if 0 < length < len(name) else None

"""Formats that only a Graphviz of the system draws: PDF, PostScript, JPEG and more, from the same DOT.

Enters: DOT text. Leaves: bytes. Invariant: the program reads a pipe, and no word of the user's is among its arguments.
"""

from __future__ import annotations

import shutil
import subprocess

from gradcli.errors import GradcliError
from gradcli.printable import shorten
from gradcli.render.picture.layout import too_slow


def draw(dot: str, name: str, seconds: float) -> bytes:
    """Draw by the program dot.

    Args:
        dot: the DOT source.
        name: the format, as Graphviz calls it.
        seconds: how long it may take.

    Raises:
        LimitError: the time is over.
        GradcliError: there is no such program, or it failed.
    """
    program = shutil.which("dot")
    if program is None:
        hint = "install Graphviz (https://graphviz.org/download), or take svg or png"
        raise GradcliError(f"{name.upper()} needs the program dot of Graphviz, which is not installed", hint=hint)
    try:
        done = subprocess.run(
            [program, f"-T{name}"], input=dot.encode("utf-8"), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise too_slow(seconds) from None
    except OSError as error:
        raise GradcliError(f"{program} can't be run: {error.strerror}") from None
    if done.returncode != 0 or not done.stdout:
        told = " ".join(done.stderr.decode("utf-8", "replace").split()) or f"it ended with status {done.returncode}"
        raise GradcliError(f"{program} made no {name.upper()}: {shorten(told, 200)}")
    return done.stdout

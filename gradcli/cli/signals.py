"""Signals: Ctrl-C is one line and status 130 at any moment; a process that is told to end tidies up first.

Invariant: only the process's own entry changes how Ctrl-C is taken, and only from what Python set; a signal that is
ignored stays ignored.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # nothing is imported that can wait: until `end_at_once` Ctrl-C is a traceback
if TYPE_CHECKING:
    from typing import Any, NoReturn

_INTERRUPTED = 130  # ExitStatus.INTERRUPTED, from a module that is not imported yet when it is needed
_MESSAGE = b"gradcli: interrupted\n"
_KILLING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _end(number: int, frame: Any) -> NoReturn:
    try:
        os.write(2, _MESSAGE)
    finally:
        os._exit(_INTERRUPTED)


def end_at_once() -> None:
    """From here on Ctrl-C ends the process, for times at which nothing is to be tidied up.

    An exception would be a traceback, or be lost in a callback, while modules are imported and while Python ends.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_interrupts() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: Any) -> NoReturn:
    raise SystemExit(128 + number)


class Leaving:
    """Within, a signal that would kill the process is a SystemExit, so that what is unfinished is taken away."""

    def __enter__(self) -> None:
        self.changed: list[int] = []
        for number in _KILLING:
            if signal.getsignal(number) is signal.SIG_DFL:
                try:
                    signal.signal(number, _leave)
                except ValueError:  # not the main thread, which alone gets signals
                    break
                self.changed.append(number)

    def __exit__(self, *failure: object) -> None:
        for number in self.changed:
            signal.signal(number, signal.SIG_DFL)


class Interrupts:
    """Within, the first Ctrl-C is only remembered, for work that can end in order; the second is a KeyboardInterrupt.

    Attributes:
        come: whether there was one.
    """

    def __init__(self) -> None:
        self.come = False
        self._changed = False

    def __enter__(self) -> Interrupts:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._remember)
                self._changed = True
            except ValueError:  # not the main thread, which alone gets signals
                pass
        return self

    def __exit__(self, *failure: object) -> None:
        if self._changed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _remember(self, number: int, frame: Any) -> None:
        if self.come:
            raise KeyboardInterrupt
        self.come = True

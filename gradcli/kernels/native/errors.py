"""What can go wrong with the native engine."""

from __future__ import annotations

from gradcli.errors import GradcliError

HINT = "--engine numpy needs no compiler"


class NativeError(GradcliError):
    """There is no C compiler, it failed, or what it made can't be loaded."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint=HINT)

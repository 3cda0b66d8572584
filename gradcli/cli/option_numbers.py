"""Numbers of options: what is read, and what is said about what can't be.

Enters: an option's text. Leaves: a number within its limits, or a UsageError. Invariant: the message says what could be
written, in the words of the rest of the command line; typer's own would speak of ranges and types.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from gradcli.errors import UsageError
from gradcli.printable import shorten


def whole(option: str, least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers, for typer's `parser`."""
    wanted = f"a whole number, {least:,} or more" if most is None else f"a whole number from {least:,} to {most:,}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise _wrong(option, text, wanted)
        return number

    return read


def positive(option: str) -> Callable[[str], float]:
    """A reader of finite numbers above 0, for typer's `parser`."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0.0 < number < inf:
            raise _wrong(option, text, "a number above 0")
        return number

    return read


def _wrong(option: str, text: str, wanted: str) -> UsageError:
    return UsageError(f"{option} {shorten(str(text)) or '(empty)'}: write {wanted}")

"""What a run of the command line gives; `cli` in conftest.py makes them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """What a command did. out and err are decoded as the stream's reader would."""

    status: int
    out: str
    err: str

    def transcript(self, arguments: tuple[str, ...]) -> str:
        """The command and all it wrote, for a golden file."""
        told = f"--- standard error\n{self.err}" if self.err else ""
        return f"$ gradcli {shlex.join(arguments)}\n{self.out}{told}--- status {self.status}\n"

    @property
    def trace(self) -> dict[str, Any]:
        """The JSON document on standard output."""
        assert self.status == 0, self.err
        document: dict[str, Any] = json.loads(self.out)
        return document


Cli = Callable[..., Outcome]
Refused = Callable[..., str]
Golden = Callable[[str, str], None]

"""Runs the command line inside the test's own process."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from outcomes import Cli, Outcome

from gradcli.cli.app import run

SETTINGS = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "GRADCLI_TRACEBACK")


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """cli(*arguments, stdin=, encoding=, terminal=, **environment) runs gradcli and gives its Outcome."""

    def call(
        *arguments: str, stdin: bytes = b"", encoding: str = "utf-8", terminal: bool = False, **environment: str
    ) -> Outcome:
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        kind = Terminal if terminal else io.TextIOWrapper
        out, err = (kind(io.BytesIO(), encoding=encoding, newline="\n") for _ in range(2))
        with monkeypatch.context() as streams:
            streams.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            streams.setattr("sys.stdout", out)
            streams.setattr("sys.stderr", err)
            status = run(list(arguments))
        written = [stream.buffer.getvalue().decode(encoding) for stream in (out, err)]  # type: ignore[attr-defined]
        return Outcome(status, *written)

    return call


@pytest.fixture
def refused(cli: Cli) -> Callable[..., str]:
    """refused(*arguments, status=2, …) runs gradcli, which must fail with one message, and gives that message."""

    def call(*arguments: str, status: int = 2, **how: Any) -> str:
        outcome = cli(*arguments, **how)
        assert outcome.status == status, outcome
        assert outcome.out == ""
        assert outcome.err.startswith("gradcli: ")
        assert sum(line.startswith("gradcli: ") for line in outcome.err.splitlines()) == 1
        assert "Traceback" not in outcome.err
        assert len(outcome.err.splitlines()) <= 4
        return outcome.err

    return call

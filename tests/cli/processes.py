"""Runs gradcli in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GRADCLI = [sys.executable, "-m", "gradcli"]


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT", "LANG")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | settings


def process(*arguments: str, stdin: bytes = b"", **settings: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*GRADCLI, *arguments], input=stdin, capture_output=True, env=environment(**settings), timeout=60, check=False
    )


def shell(script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash, where "$@" is gradcli with arguments."""
    command = ["bash", "-c", script, "bash", *GRADCLI, *arguments]
    return subprocess.run(command, capture_output=True, env=environment(), timeout=60, check=False)


def fails(done: subprocess.CompletedProcess[bytes], status: int, *words: str) -> None:
    """The process ended with that status, one message, and nothing else."""
    told = done.stderr.decode()
    assert done.returncode == status, told
    assert done.stdout == b""
    assert "Traceback" not in told
    assert told.startswith("gradcli: ")
    assert sum(line.startswith("gradcli: ") for line in told.splitlines()) == 1
    for word in words:
        assert word in told

"""Schedulers and workers of Dask as processes of their own, as people start them, for the tests of clusters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0  # seconds, for what takes two on an idle machine


def until(what: Callable[[], Any]) -> Any:
    """Wait for something to be true."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return found


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT", "LANG")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "DASK_LOGGING__DISTRIBUTED": "critical"} | settings


@contextmanager
def started(words: Sequence[str], folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A module of Python as a process in a folder, with what it writes in files there; gone at the end."""
    with open(folder / "told.txt", "ab") as told:
        running = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=folder, env=environment(**settings),
            stdin=subprocess.DEVNULL, stdout=told, stderr=told,
        )  # fmt: skip
        try:
            yield running
        finally:
            if running.poll() is None:
                running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


class Cluster:
    """A running scheduler; workers are added one by one."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.file = folder / "scheduler.json"
        words = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
        words += ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(self.file)]
        self.scheduler = stack.enter_context(started(words, folder))
        self.address: str = until(self._address)

    def _address(self) -> str | None:
        try:
            return str(json.loads(self.file.read_text())["address"])
        except (OSError, ValueError):
            return None

    def worker(self, *options: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it has announced itself."""
        before = self.workers()
        words = ["distributed.cli.dask_worker", "--scheduler-file", str(self.file), "--host", "127.0.0.1"]
        words += ["--no-dashboard", "--local-directory", str(self.folder / "scratch"), *options]
        running = self.stack.enter_context(started(words, self.folder, **settings))
        until(lambda: self.workers() > before)
        return running

    def workers(self) -> int:
        import distributed

        with distributed.Client(self.address, set_as_default=False) as client:
            return len(client.scheduler_info()["workers"])


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A scheduler without workers, in a folder of its own; all that was started ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        yield Cluster(folder, stack)


def children(process: int) -> list[int]:
    """The processes that a process has started for its work."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == process and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (OSError, ValueError):  # gone meanwhile
                continue
    return found


def alive(process: int) -> bool:
    """Whether a process is there, and no mere entry that nobody has asked for."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

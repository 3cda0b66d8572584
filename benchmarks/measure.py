"""What the benchmarks share: interleaved measurements, memory of other processes, the machine, tables.

Machines are noisy. So candidates take turns, round after round, and a ratio is the median of the rounds' ratios:
whatever slows the machine down for a while slows both sides.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

Seconds = float
Candidate = Callable[[], Seconds]  # runs once and says how long the part that counts took


class Measured(NamedTuple):
    """The rounds of some candidates that took turns."""

    rounds: dict[str, list[Seconds]]

    def time(self, name: str) -> Seconds:
        """The median over the rounds."""
        return median(self.rounds[name])

    def ratio(self, name: str, base: str) -> float:
        """How many times longer name takes than base: the median over the rounds."""
        return median(a / b for a, b in zip(self.rounds[name], self.rounds[base], strict=True))


def interleaved(candidates: Mapping[str, Candidate], rounds: int, warmups: int = 1) -> Measured:
    """Run the candidates in turn, `warmups` rounds for nothing and then `rounds` that count."""
    found: dict[str, list[Seconds]] = {name: [] for name in candidates}
    for turn in range(warmups + rounds):
        for name, candidate in candidates.items():
            seconds = candidate()
            if turn >= warmups:
                found[name].append(seconds)
    return Measured(found)


def timed(function: Callable[[], object]) -> Candidate:
    """A candidate that counts the whole call."""

    def run() -> Seconds:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return run


# Processes


def child_environment() -> dict[str, str]:
    """The environment for processes that are measured: gradcli importable, and compiled modules kept on disk.

    Without .pyc files every import compiles its module again, which no user meets twice.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    return environment


def gradcli_command() -> list[str]:
    """The installed script, or else what such a script does."""
    script = Path(sys.executable).with_name("gradcli")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-m", "gradcli"]


class Finished(NamedTuple):
    """A process that has ended well."""

    seconds: float
    peak: int  # bytes of resident memory, at most


def run(command: Sequence[str], standard_input: Path | None = None, output: Path | None = None) -> Finished:
    """Run a process to its end, its output into a file or nowhere.

    Raises:
        RuntimeError: its exit status is not 0.
    """
    with (
        open(standard_input or os.devnull, "rb") as source,
        open(output or os.devnull, "wb") as sink,
    ):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=sink, env=child_environment())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)[:200]}")
    # Linux counts the parent's memory at the fork as the child's: benchmarks that ask for a peak stay small themselves.
    return Finished(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def ask(script: str, *arguments: str) -> list[float]:
    """Call a benchmark in its own process with arguments; the numbers that it prints."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    done = subprocess.run(command, env=child_environment(), check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def peak_memory() -> int:
    """The most bytes of resident memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# Reports


def installed(package: str) -> str | None:
    """A peer's version, None where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine() -> str:
    """What the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        fields = dict(_fields(information.read_text()))
        parts = [fields.get(name, "") for name in ("cpu family", "model", "stepping")]
        cpu = f"{fields.get('model name', cpu)} (family {parts[0]}, model {parts[1]}, stepping {parts[2]})"
    today = datetime.now(UTC).date().isoformat()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, {python}, {today}"


def _fields(text: str) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table that also reads well as it is."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    print(f"### {title}\n")
    for cells in (header, ["-" * (width - 1) + ":" for width in widths], *rows):
        print("| " + " | ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) + " |")
    print(flush=True)


def note(text: str) -> None:
    print(text + "\n", flush=True)


def verdict(value: float, bound: float, unit: str = "×", at_least: bool = False) -> str:
    """A figure with its target, and whether it is met."""
    met = value >= bound if at_least else value <= bound
    sign = "≥" if at_least else "≤"
    return f"{value:.3g} {unit} ({'meets' if met else 'MISSES'} {sign} {bound:g})"

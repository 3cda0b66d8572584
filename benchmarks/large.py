"""Large programs through the whole command: `gradcli eval - --json` as a process, text in, JSON out to a file.

A sum of a million terms, of one input and of distinct constants, and a hundred thousand nested parentheses. Wall time,
the process's peak memory, and how much JSON it wrote.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from pathlib import Path
from statistics import median

from measure import gradcli_command, run, table, verdict

ROUNDS = 3
TERMS = 1_000_000
DEPTH = 100_000
# In pieces: the peak of a process counts its parent's memory, which therefore has to stay small.
PROGRAMS: dict[str, Callable[[], Iterable[str]]] = {
    "x + x + …, 1e6 terms": lambda: chain(repeat("x+", TERMS - 1), "x"),
    "1 + 2 + … + x, 1e6 terms": lambda: chain((f"{i}+" for i in range(1, TERMS)), "x"),
    "((…(x)…)), 1e5 deep": lambda: chain(repeat("(", DEPTH), "x", repeat(")", DEPTH)),
    "(…((x + 1) + 1)… + 1), 1e5 deep": lambda: chain(repeat("(", DEPTH), "x", repeat("+1)", DEPTH)),
}


def main() -> None:
    """Measure and print."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program, result = Path(folder) / "program.txt", Path(folder) / "result.json"
        command = [*gradcli_command(), "eval", "-", "--x", "1.5", "--json"]
        run([*gradcli_command(), "eval", "x", "--x", "1.5", "--json"])  # so that every module is compiled
        for name, text in PROGRAMS.items():
            with program.open("w") as stream:
                stream.writelines(text())
            finished = [run(command, program, result) for _ in range(ROUNDS)]
            seconds, peak = median(one.seconds for one in finished), median(one.peak for one in finished)
            size = result.stat().st_size
            rows.append([name, f"{seconds:.2f} s", verdict(peak / 1e6, 1000, "MB"), f"{size / 1e6:.1f} MB"])
    table("gradcli eval - --json", ["program", "wall time", "peak memory", "JSON"], rows)


if __name__ == "__main__":
    main()

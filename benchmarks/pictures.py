"""Pictures: `gradcli dot … -T svg` as a whole process, on a small graph and on large ones.

The layout is most of it. A system Graphviz, where there is one, lays out the same DOT for comparison; it draws no
labels in their lines, no colours and no tooltips.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import gradcli_command, interleaved, note, run, table, verdict

ROUNDS = 15
EMPTY, SMALL = "python -c pass", "product, 5 gates"


def chain(gates: int) -> str:
    """sin(cos(sin(… x))): as deep as it is long."""
    names = ("sin", "cos")
    return "".join(f"{names[i % 2]}(" for i in range(gates)) + "x" + ")" * gates


def tangle(gates: int) -> str:
    """Stages that each use two earlier ones, chosen at random among the last fifty."""
    choice = random.Random(7)
    stages = ["s0 = x", "s1 = y"]
    for i in range(2, gates):
        a, b = (f"s{choice.randrange(max(0, i - 50), i)}" for _ in range(2))
        stages.append(f"s{i} = sin({a}) + {b}")
    return "; ".join([*stages, f"s{gates - 1}"])


PROGRAMS = {
    "neuron, 15 gates": ("1/(1+exp(-(a*x+b*y+c)))", ["--a", "2", "--b", "-3", "--c", "-3", "--x", "-1", "--y", "-2"]),
    "chain of 1,000": (chain(1_000), ["--x", "1"]),
    "tangle of 300": (tangle(300), ["--x", "0.5", "--y", "0.25"]),
    "tangle of 1,000": (tangle(1_000), ["--x", "0.5", "--y", "0.25"]),
    "chain of 10,000": (chain(10_000), ["--x", "1"]),
}
TARGETS = {"chain of 1,000": 2.0, "tangle of 1,000": 2.0}


def small() -> None:
    """A cold process against an empty one."""
    arguments = ["dot", "(x+y)*z", "--x", "2", "--y", "3", "--z", "-4", "-T"]
    commands = {EMPTY: [sys.executable, "-c", "pass"]}
    commands |= {f"{SMALL}, {name}": [*gradcli_command(), *arguments, name] for name in ("dot", "mermaid", "svg")}
    measured = interleaved({name: lambda c=command: run(c).seconds for name, command in commands.items()}, ROUNDS, 2)
    rows = []
    for name in commands:
        ratio = measured.ratio(name, EMPTY)
        shown = verdict(ratio, 25) if "svg" in name else f"{ratio:.3g} ×"
        rows.append([name, f"{measured.time(name) * 1e3:.0f} ms", shown])
    table("Small pictures", ["process", "time", f"/ {EMPTY}"], rows)


def large() -> None:
    """Whole processes; and the system's Graphviz on the same DOT."""
    system = shutil.which("dot")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program, text, picture = (Path(folder) / name for name in ("program.txt", "graph.dot", "graph.svg"))
        for name, (source, values) in PROGRAMS.items():
            program.write_text(source)
            command = [*gradcli_command(), "dot", f"@{program}", *values, "-T"]
            seconds = median(run([*command, "svg", "-o", str(picture)]).seconds for _ in range(3))
            run([*command, "dot", "-o", str(text)])
            other = f"{run([system, '-Tsvg', str(text)]).seconds:.2f} s" if system else "–"
            shown = verdict(seconds, TARGETS[name], "s") if name in TARGETS else f"{seconds:.2f} s"
            rows.append([name, shown, f"{picture.stat().st_size / 1e3:.0f} kB", other])
    table("Large pictures", ["graph", "gradcli dot -T svg", "SVG", "system dot, layout alone"], rows)
    if not system:
        note("There is no system Graphviz here to compare with.")


def main() -> None:
    """Measure and print."""
    small()
    large()


if __name__ == "__main__":
    main()

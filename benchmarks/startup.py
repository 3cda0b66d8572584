"""Whole processes: what `gradcli` costs from the command line to the end, as a multiple of an empty Python process.

The peers are scripts that compute the same gradient, of (x + y)*z at x = 2, y = 3, z = -4. All processes are run before
anything counts, so that every module is compiled and in memory.
"""

from __future__ import annotations

import sys

from measure import gradcli_command, installed, interleaved, note, run, table, verdict

ROUNDS = 25
EXPRESSION = ["eval", "(x+y)*z", "--x", "2", "--y", "3", "--z", "-4"]
EMPTY = "python -c pass"
JSON, TABLE = "gradcli eval … --json", "gradcli eval …"
SCRIPTS = {
    "micrograd": """
from micrograd.engine import Value
x, y, z = Value(2.0), Value(3.0), Value(-4.0)
((x + y) * z).backward()
print(x.grad, y.grad, z.grad)
""",
    "sympy": """
import sympy
names = sympy.symbols("x y z")
f = sympy.sympify("(x+y)*z")
print([f.diff(name).subs(dict(zip(names, (2, 3, -4)))) for name in names])
""",
    "torch": """
import torch
x, y, z = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (2.0, 3.0, -4.0))
((x + y) * z).backward()
print(x.grad.item(), y.grad.item(), z.grad.item())
""",
}
TARGETS = {JSON: 9, TABLE: 13}


def main() -> None:
    """Measure and print."""
    gradcli = gradcli_command()
    commands = {
        EMPTY: [sys.executable, "-c", "pass"],
        "gradcli --version": [*gradcli, "--version"],
        JSON: [*gradcli, *EXPRESSION, "--json"],
        TABLE: [*gradcli, *EXPRESSION],
    }
    for name, script in SCRIPTS.items():
        if installed(name):
            commands[f"{name} script"] = [sys.executable, "-W", "ignore", "-c", script]
    candidates = {name: lambda command=command: run(command).seconds for name, command in commands.items()}
    measured = interleaved(candidates, ROUNDS, warmups=2)
    rows = []
    for name in commands:
        ratio = measured.ratio(name, EMPTY)
        shown = verdict(ratio, TARGETS[name]) if name in TARGETS else f"{ratio:.3g} ×"
        rows.append([name, f"{measured.time(name) * 1e3:.0f} ms", shown])
    table("Whole processes", ["process", "time", f"/ {EMPTY}"], rows)
    for name in SCRIPTS:
        if not installed(name):
            note(f"{name} is not installed and left out.")


if __name__ == "__main__":
    main()

"""Every benchmark, one after the other, each in its own process: prints the tables of docs/performance.md.

python benchmarks/all.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from measure import child_environment, installed, machine, note

BENCHMARKS = (
    "startup",
    "parsing",
    "passes",
    "networks",
    "large",
    "pictures",
    "derivatives",
    "batch",
    "tables",
    "totals",
    "training",
    "comparison",
    "page",
)
PEERS = ("micrograd", "torch", "sympy", "lark", "jax", "autograd", "casadi", "pandas", "pyarrow")


def main() -> int:
    """Run them; 1 if one of them failed."""
    versions = (f"{name} {installed(name) or '(not installed)'}" for name in PEERS)
    note(f"Measured on: {machine()}. Peers: {', '.join(versions)}.")
    failed = 0
    for name in BENCHMARKS:
        script = Path(__file__).with_name(f"{name}.py")
        failed |= subprocess.run([sys.executable, str(script)], env=child_environment()).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())

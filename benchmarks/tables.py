"""Whole processes over tables of data: gradcli batch against plain scripts that do the same with pandas.

- Parquet to Parquet, a million rows, start-up included, against pandas + JAX and pandas + PyTorch.
- Memory at twenty million rows.
- Rows per second of every format, from file to file, and of NDJSON through a pipe.
- --workers: partitions on processes of one machine.

The scripts are what a person would write for one formula: read a data frame, compute, add columns, write it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measure import child_environment, gradcli_command, interleaved, machine, note, run, table, verdict

ROWS, MANY_ROWS, PIPED_ROWS = 1_000_000, 20_000_000, 1_000_000
WORKER_ROWS, SMALL_PARTS = 8_000_000, 200
ROUNDS = 7

PROGRAMS = {  # name → program, the same in Python for JAX and for PyTorch
    "product": ("(x+y)*z", "(x + y) * z"),
    "sigmoids": (
        "(x+sigmoid(y))/(sigmoid(x)+(x+z)^2)",
        "(x + sigmoid(y)) / (sigmoid(x) + (x + z) ** 2)",
    ),
    "wave": ("exp(-x*x)*sin(y*z)+log(1+y*y)*sqrt(1+z*z)", "exp(-x*x) * sin(y*z) + log(1 + y*y) * sqrt(1 + z*z)"),
}

WITH_JAX = """
import sys
import jax
import pandas as pd
jax.config.update("jax_enable_x64", True)
from jax.nn import sigmoid
from jax.numpy import exp, log, sin, sqrt

def f(x, y, z):
    return FORMULA

frame = pd.read_parquet(sys.argv[1])
gradient = jax.jit(jax.vmap(jax.value_and_grad(f, argnums=(0, 1, 2))))
value, slopes = gradient(*(frame[name].to_numpy() for name in "xyz"))
frame["value"] = value
for name, slope in zip("xyz", slopes):
    frame[f"grad_{name}"] = slope
frame.to_parquet(sys.argv[2], index=False)
"""

WITH_TORCH = """
import sys
import pandas as pd
import torch
from torch import exp, log, sigmoid, sin, sqrt

frame = pd.read_parquet(sys.argv[1])
x, y, z = (torch.tensor(frame[name].to_numpy(), requires_grad=True) for name in "xyz")
value = FORMULA
value.sum().backward()
frame["value"] = value.detach().numpy()
for name, column in zip("xyz", (x, y, z)):
    frame[f"grad_{name}"] = column.grad.numpy()
frame.to_parquet(sys.argv[2], index=False)
"""


def make(path: Path, rows: int) -> None:
    """A table of three columns of random numbers, in the format of its suffix; made in pieces."""
    script = f"""
import sys
import numpy as np, pyarrow as pa, pyarrow.csv as csv, pyarrow.parquet as parquet
draw = np.random.default_rng(1)
path, left, sink = sys.argv[1], {rows}, None
while left:
    count = min(left, 1_000_000)
    piece = pa.table({{name: draw.normal(size=count).round(6) for name in "xyz"}})
    if path.endswith("ndjson"):
        sink = sink or open(path, "w")
        columns = (piece[name].to_pylist() for name in "xyz")
        sink.writelines('{{"x":%r,"y":%r,"z":%r}}\\n' % row for row in zip(*columns))
    else:
        if sink is None:
            if path.endswith("csv"):
                sink = csv.CSVWriter(path, piece.schema)
            elif path.endswith("arrow"):
                sink = pa.ipc.new_file(path, piece.schema)
            else:
                sink = parquet.ParquetWriter(path, piece.schema)
        sink.write_table(piece) if hasattr(sink, "write_table") else sink.write(piece)
    left -= count
sink.close()
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)


def whole(command: list[str]) -> Callable[[], float]:
    """A candidate that counts a process from its start to its end."""
    return lambda: run(command).seconds


def batch(program: str, *arguments: str | Path) -> list[str]:
    return [*gradcli_command(), "batch", program, *map(str, arguments), "--quiet"]


def against_scripts(folder: Path) -> None:
    source = folder / "million.parquet"
    make(source, ROWS)
    rows = []
    for name, (program, formula) in PROGRAMS.items():
        candidates = {"gradcli": whole(batch(program, source, "-o", folder / "out.parquet"))}
        for peer, text in (("JAX", WITH_JAX), ("PyTorch", WITH_TORCH)):
            script = folder / f"{name}-{peer}.py"
            script.write_text(text.replace("FORMULA", formula))
            candidates[peer] = whole([sys.executable, str(script), str(source), str(folder / f"{peer}.parquet")])
        measured = interleaved(candidates, ROUNDS)
        rows.append([name, f"{measured.time('gradcli'):.2f}"])
        for peer in ("JAX", "PyTorch"):
            ratio = verdict(measured.ratio(peer, "gradcli"), 3.0, at_least=True)
            rows[-1] += [f"{measured.time(peer):.2f}", ratio]
    header = ["program", "gradcli s", "pandas + JAX s", "ratio", "pandas + PyTorch s", "ratio"]
    table(f"Parquet to Parquet, {ROWS:,} rows, whole process", header, rows)


def memory(folder: Path) -> None:
    source = folder / "many.parquet"
    make(source, MANY_ROWS)
    done = run(batch(PROGRAMS["product"][0], source, "-o", folder / "out.parquet"))
    shown = verdict(done.peak / 1e6, 500.0, "MB")
    note(f"{MANY_ROWS:,} rows Parquet to Parquet: {done.seconds:.2f} s, peak of memory {shown}")
    source.unlink()


def formats(folder: Path) -> None:
    rows = []
    for suffix in ("csv", "ndjson", "parquet", "arrow"):
        source = folder / f"rows.{suffix}"
        make(source, ROWS)
        command = batch(PROGRAMS["product"][0], source, "-o", folder / f"out.{suffix}")
        measured = interleaved({"file": whole(command)}, ROUNDS)
        rows.append([suffix, f"{measured.time('file'):.2f}", f"{ROWS / measured.time('file') / 1e6:.2f}"])
    table(f"File to file, {ROWS:,} rows, whole process", ["format", "s", "million rows/s"], rows)


def through_pipe(folder: Path) -> None:
    source = folder / "rows.ndjson"
    if not source.exists():
        make(source, PIPED_ROWS)
    command = batch(PROGRAMS["product"][0], "-", "--from", "ndjson")

    def piped() -> float:
        start = time.perf_counter()
        writer = subprocess.Popen(["cat", str(source)], stdout=subprocess.PIPE)
        reader = subprocess.Popen(command, stdin=writer.stdout, stdout=subprocess.PIPE, env=child_environment())
        writer.stdout.close()  # or nobody would notice that the other end has gone
        counter = subprocess.run(["wc", "-l"], stdin=reader.stdout, capture_output=True, text=True, check=True)
        assert (writer.wait(), reader.wait()) == (0, 0)
        assert int(counter.stdout) == PIPED_ROWS
        return time.perf_counter() - start

    seconds = interleaved({"pipe": piped}, ROUNDS).time("pipe")
    shown = verdict(PIPED_ROWS / seconds / 1e6, 0.3, "million rows/s", at_least=True)
    note(f"NDJSON through a pipe, {PIPED_ROWS:,} rows, start-up included: {shown}")


def on_workers(folder: Path) -> None:
    """What workers of one machine bring for long parts, and what parts cost that have next to no rows."""
    parts = folder / "parts"
    parts.mkdir()
    for number in range(8):
        make(parts / f"part{number}.parquet", WORKER_ROWS // 8)
    (folder / "tiny.csv").write_text("x,y,z\n1,2,3\n")
    many = folder / "many"
    many.mkdir()
    for number in range(SMALL_PARTS):
        (many / f"part{number}.csv").symlink_to(folder / "tiny.csv")

    def into(source: Path, extra: list[str]) -> float:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            return run(batch(PROGRAMS["wave"][0], source, "-o", out + "/", *extra)).seconds

    ways = {"one process": [], "1 worker": ["--workers", "1"], "2 workers": ["--workers", "2"]}
    long, small, tiny = (
        interleaved({name: partial(into, source, extra) for name, extra in ways.items()}, 3)
        for source in (parts, many, folder / "tiny.csv")
    )
    rows = [
        [name, f"{long.time(name):.2f}", f"{WORKER_ROWS / long.time(name) / 1e6:.1f}", f"{tiny.time(name):.2f}",
         f"{1000 * (small.time(name) - tiny.time(name)) / SMALL_PARTS:.1f}"]
        for name in ways
    ]  # fmt: skip
    header = ["run by", "s", "million rows/s", "s for one row", "ms for a part of one row"]
    table(f"{WORKER_ROWS:,} rows in 8 Parquet files; {SMALL_PARTS:,} CSV files of one row", header, rows)


SECTIONS: dict[str, Callable[[Path], None]] = {
    "scripts": against_scripts,
    "memory": memory,
    "formats": formats,
    "pipe": through_pipe,
    "workers": on_workers,
}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all if none is named")
    chosen = arguments.parse_args().sections or list(SECTIONS)
    note(f"Measured on: {machine()}.")
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            partial(SECTIONS[name], Path(folder))()
    return 0


if __name__ == "__main__":
    sys.exit(main())

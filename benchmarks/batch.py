"""Value and all gradients of a million rows in memory, against PyTorch, JAX, autograd and casadi.

The same formula is given to all, in double precision, with the same columns; before anything is timed their numbers are
compared. gradcli and the others that compile do so before; "set-up" is from text to a kernel that is ready. gradcli
fills the arrays of its first run again; the others give new ones, as they do.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from statistics import geometric_mean, median
from typing import Any

from measure import installed, interleaved, machine, note, table, timed, verdict

ROUNDS = 9
ROWS = 1_000_000
Columns = Mapping[str, Any]
Run = Callable[[], list[Any]]  # value, then gradients in the order of the inputs

FORTY = """
r = sqrt(x*x + y*y + 1)
u = exp(-(x*x)/4)*cos(y*z) + sin(x + z)/r
v = log(1 + u*u + w*w) - sin(y)*cos(x*w)
s = sqrt(2 + cos(z)*sin(w))*exp(0.25*v) + log(r + v*v)
u*v/(1 + s*s) + exp(-r/3)*s - log(3 + sin(u*v))
"""
PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "(x+y)*z": ("(x+y)*z", ("x", "y", "z")),
    "(x+σ(y))/(σ(x)+(x+y)²)": ("(x+sigmoid(y))/(sigmoid(x)+(x+y)^2)", ("x", "y")),
    "tanh neuron": ("(tanh(w1*x1+w2*x2+b)-t)^2", ("w1", "x1", "w2", "x2", "b", "t")),
    "40 gates": (FORTY, ("x", "y", "z", "w")),
}
Formula = Callable[..., Any]  # formula(m, *inputs), m being a namespace of functions


def _forty(m: Any, x: Any, y: Any, z: Any, w: Any) -> Any:
    r = m.sqrt(x * x + y * y + 1)
    u = m.exp(-(x * x) / 4) * m.cos(y * z) + m.sin(x + z) / r
    v = m.log(1 + u * u + w * w) - m.sin(y) * m.cos(x * w)
    s = m.sqrt(2 + m.cos(z) * m.sin(w)) * m.exp(0.25 * v) + m.log(r + v * v)
    return u * v / (1 + s * s) + m.exp(-r / 3) * s - m.log(3 + m.sin(u * v))


FORMULAS: dict[str, Formula] = {
    "(x+y)*z": lambda m, x, y, z: (x + y) * z,
    "(x+σ(y))/(σ(x)+(x+y)²)": lambda m, x, y: (x + m.sigmoid(y)) / (m.sigmoid(x) + (x + y) ** 2),
    "tanh neuron": lambda m, w1, x1, w2, x2, b, t: (m.tanh(w1 * x1 + w2 * x2 + b) - t) ** 2,
    "40 gates": _forty,
}


class Functions:
    """Functions of one library by one name each."""

    def __init__(self, library: Any, sigmoid: Any) -> None:
        self.sigmoid = sigmoid
        for name in ("sqrt", "exp", "log", "sin", "cos", "tanh"):
            setattr(self, name, getattr(library, name))


def data(names: tuple[str, ...]) -> dict[str, Any]:
    """Columns, the same in every run. Like those of tables and tensors they begin with a line of the cache."""
    import numpy as np

    from gradcli.kernels.vectors import aligned

    draw, found = np.random.default_rng(1), {name: aligned(ROWS) for name in names}
    for column in found.values():
        column[:] = draw.normal(size=ROWS) + 0.5
    return found


def with_gradcli(name: str, columns: Columns, engine: str = "numpy", threads: int = 1) -> Run:
    from gradcli.graph.lower import lower
    from gradcli.kernels import kernel
    from gradcli.language.parser import parse

    text, inputs = PROGRAMS[name]
    made = kernel(lower(parse(text)), {}, inputs, engine=engine, threads=threads)

    out = made.run(columns)

    def run() -> list[Any]:
        made.run(columns, out)
        return [out.value, *out.gradients.values()]

    return run


def with_torch(name: str, columns: Columns, compiled: bool = False) -> Run:
    import torch

    formula, functions = FORMULAS[name], Functions(torch, torch.sigmoid)
    tensors = [torch.tensor(column, requires_grad=True) for column in columns.values()]

    def step(*given: Any) -> Any:
        value = formula(functions, *given)
        return value, *torch.autograd.grad(value.sum(), given)

    def forward(*given: Any) -> Any:
        return formula(functions, *given)

    fast = torch.compile(forward) if compiled else None

    def run() -> list[Any]:
        if fast is None:
            return [one.detach().numpy() for one in step(*tensors)]
        value = fast(*tensors)
        return [one.detach().numpy() for one in (value, *torch.autograd.grad(value.sum(), tensors))]

    return run


def with_jax(name: str, columns: Columns) -> Run:
    import jax

    jax.config.update("jax_enable_x64", True)
    formula, functions = FORMULAS[name], Functions(jax.numpy, jax.nn.sigmoid)
    given = [jax.numpy.asarray(column) for column in columns.values()]

    def both(*xs: Any) -> Any:
        value, back = jax.vjp(lambda *inner: formula(functions, *inner), *xs)
        return value, *back(jax.numpy.ones_like(value))

    fast = jax.jit(both)
    return lambda: [one.block_until_ready() for one in fast(*given)]


def with_autograd(name: str, columns: Columns) -> Run:
    import autograd.numpy as library
    from autograd import make_vjp

    formula = FORMULAS[name]
    functions = Functions(library, lambda x: 1 / (1 + library.exp(-x)))
    given, ones = tuple(columns.values()), library.ones(ROWS)
    vjp = make_vjp(lambda xs: formula(functions, *xs))

    def run() -> list[Any]:
        back, value = vjp(given)
        return [value, *back(ones)]

    return run


def with_casadi(name: str, columns: Columns) -> Run:
    import casadi
    import numpy as np

    formula = FORMULAS[name]
    symbols = [casadi.SX.sym(one) for one in columns]
    value = formula(Functions(casadi, lambda x: 1 / (1 + casadi.exp(-x))), *symbols)
    together = casadi.vertcat(*symbols)
    function = casadi.Function("f", [together], [casadi.vertcat(value, casadi.gradient(value, together))])
    mapped, given = function.map(ROWS), casadi.DM(np.array(list(columns.values())))
    return lambda: [mapped(given)]


def with_compile(name: str, columns: Columns) -> Run:
    return with_torch(name, columns, compiled=True)


PEERS: dict[str, tuple[str, Callable[[str, Columns], Run]]] = {  # package and candidate
    "torch": ("torch", with_torch),
    "torch.compile": ("torch", with_compile),
    "jax": ("jax", with_jax),
    "autograd": ("autograd", with_autograd),
    "casadi": ("casadi", with_casadi),
}
TARGETS = {"torch": 1.5, "autograd": 2.0, "casadi": 3.5}  # times as fast, on each formula, of the NumPy engine

LEVEL = {"jax": 1.0}  # the same in the geometric mean


def set_up(name: str) -> float:
    """Milliseconds from text to a kernel that is ready: the median of several, in a process that has all imports."""
    from gradcli.graph.lower import lower
    from gradcli.kernels import kernel
    from gradcli.language.parser import parse

    text, inputs = PROGRAMS[name]
    found = []
    for _ in range(7):
        start = time.perf_counter()
        kernel(lower(parse(text)), {}, inputs)
        found.append(time.perf_counter() - start)
    return median(found) * 1e3


def agree(found: Mapping[str, list[Any]]) -> None:
    """Without the same numbers the times would mean nothing."""
    import numpy as np

    for name, columns in found.items():
        if name == "casadi":
            columns = list(columns[0].full())
        for mine, other in zip(found["gradcli"], columns, strict=True):
            assert np.allclose(mine, np.asarray(other), rtol=1e-8, atol=1e-10), name


def in_memory(chosen: argparse.Namespace) -> None:
    """Measure and print one table, and what is promised."""
    names = [name for name in chosen.peers.split(",") if name and installed(PEERS[name][0])]
    ratios: dict[str, list[float]] = {name: [] for name in names}
    rows, slowest = [], 0.0
    for program, (_, inputs) in PROGRAMS.items():
        columns = data(inputs)
        runs = {"gradcli": with_gradcli(program, columns, chosen.engine, chosen.threads)}
        runs |= {name: PEERS[name][1](program, columns) for name in names}
        agree({name: run() for name, run in runs.items()})
        measured = interleaved({name: timed(run) for name, run in runs.items()}, chosen.rounds, 2)
        for name in names:
            ratios[name].append(measured.ratio(name, "gradcli"))
        ready = set_up(program)
        slowest = max(slowest, ready)
        cells = [f"{ROWS / measured.time(name) / 1e6:.1f}" for name in runs]
        rows.append([program, *cells, *(f"{ratios[name][-1]:.2f} ×" for name in names), f"{ready:.1f} ms"])
    header = ["million rows per second", "gradcli", *names, *(f"gradcli / {name}" for name in names), "set-up"]
    table(f"In memory, {ROWS:.0e} rows, {chosen.engine}, {chosen.threads} threads", header, rows)
    for name in names:
        least, mean = (f"{one(ratios[name]):.2f} ×" for one in (min, geometric_mean))
        if name in TARGETS and chosen.engine == "numpy":
            least = verdict(min(ratios[name]), TARGETS[name], at_least=True)
        if name in LEVEL and chosen.engine == "numpy":
            mean = verdict(geometric_mean(ratios[name]), LEVEL[name], at_least=True)
        note(f"Times as fast as {name}: at least {least}, in the geometric mean {mean}")
    note("Set-up at most " + verdict(slowest, 50.0, "ms"))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--engine", default="numpy")
    options.add_argument("--peers", default="torch,torch.compile,jax,autograd,casadi")
    chosen = options.parse_args()
    wanted = {f"{name}_NUM_THREADS": str(chosen.threads) for name in ("OMP", "OPENBLAS", "MKL")}
    if chosen.threads == 1:
        wanted["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)
    if chosen.threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX has no other way to one thread
    in_memory(chosen)
    note(machine())


if __name__ == "__main__":
    main()

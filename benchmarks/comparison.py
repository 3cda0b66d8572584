"""The same questions to gradcli and its peers: what each answers where gradients are delicate, and what each shows.

Every answer is computed here, none is remembered; a peer that is missing is left out. The table is in
docs/comparison.md. PyTorch, JAX and CasADi compute in float64 as everybody else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from measure import table

import gradcli

Answer = str


def shown(*numbers: Any) -> Answer:
    return ", ".join(f"{float(number):.6g}" for number in numbers)


def by_gradcli(program: str, **values: float) -> Callable[[], Answer]:
    def ask() -> Answer:
        trace = gradcli.evaluate(program, **values)
        return shown(*trace.gradients.values())

    return ask


def by_torch(formula: Callable[..., Any], *values: float) -> Callable[[], Answer]:
    def ask() -> Answer:
        import torch

        inputs = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]
        formula(torch, *inputs).backward()
        return shown(*(one.grad for one in inputs))

    return ask


def by_jax(formula: Callable[..., Any], *values: float) -> Callable[[], Answer]:
    def ask() -> Answer:
        import jax

        jax.config.update("jax_enable_x64", True)
        found = jax.grad(lambda *inputs: formula(jax.numpy, *inputs), tuple(range(len(values))))(*values)
        return shown(*found)

    return ask


def by_casadi(formula: Callable[..., Any], *values: float) -> Callable[[], Answer]:
    def ask() -> Answer:
        import casadi

        inputs = [casadi.SX.sym(f"x{k}") for k in range(len(values))]
        stacked = casadi.vertcat(*inputs)
        function = casadi.Function("g", inputs, [casadi.gradient(formula(_Casadi(casadi), *inputs), stacked)])
        return shown(*(function(*values).full().ravel()))

    return ask


class _Casadi:
    """CasADi's names, under those that the formulas below use."""

    def __init__(self, casadi: Any) -> None:
        self.exp, self.log, self.sqrt, self.cos = casadi.exp, casadi.log, casadi.sqrt, casadi.cos
        self.maximum, self.where = casadi.fmax, casadi.if_else


def by_sympy(formula: Callable[..., Any], *values: float) -> Callable[[], Answer]:
    def ask() -> Answer:
        import sympy

        inputs = sympy.symbols(f"x0:{len(values)}", real=True)
        written = formula(_Sympy(sympy), *inputs)
        point = dict(zip(inputs, map(sympy.Rational, map(repr, values)), strict=True))
        found = [sympy.diff(written, one).subs(point).evalf(20) for one in inputs]
        return ", ".join(f"{float(x):.6g}" if x.is_number and x.is_real else str(x) for x in found)

    return ask


class _Sympy:
    def __init__(self, sympy: Any) -> None:
        self.exp, self.log, self.sqrt, self.cos = sympy.exp, sympy.log, sympy.sqrt, sympy.cos
        self.maximum = sympy.Max
        self.where = lambda c, a, b: sympy.Piecewise((a, c), (b, True))


def _where(m: Any, x: Any) -> Any:
    """PyTorch needs a tensor for the other branch."""
    return m.where(x > 0, m.sqrt(x), 0 * x)


QUESTIONS: tuple[tuple[str, str, dict[str, float], Callable[..., Any]], ...] = (
    ("a product", "(x+y)*z", {"x": 2.0, "y": 3.0, "z": -4.0}, lambda m, x, y, z: (x + y) * z),
    ("overflow on the way", "log(1+exp(x))", {"x": 1000.0}, lambda m, x: m.log(1 + m.exp(x))),
    ("0·∞", "sqrt(x*x)", {"x": 0.0}, lambda m, x: m.sqrt(x * x)),
    ("a branch not taken", "where(x>0, sqrt(x), 0*x)", {"x": -1.0}, _where),
    ("a tie", "max(x,y)", {"x": 1.0, "y": 1.0}, lambda m, x, y: m.maximum(x, y)),
    ("cancellation", "(1-cos(x))/x^2", {"x": 1e-8}, lambda m, x: (1 - m.cos(x)) / x**2),
)
PEERS: dict[str, Callable[..., Callable[[], Answer]]] = {
    "PyTorch": by_torch, "JAX": by_jax, "CasADi": by_casadi, "SymPy": by_sympy,
}  # fmt: skip


def answer(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except ImportError:
        return "–"
    except Exception as error:
        return type(error).__name__


def main() -> None:
    rows = []
    for what, program, values, formula in QUESTIONS:
        at = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        trace = gradcli.evaluate(program, **values)
        warned = "; ".join(dict.fromkeys(one.kind for one in trace.warnings)) if hasattr(trace, "warnings") else ""
        own = answer(by_gradcli(program, **values)) + (f" ⚠ {warned}" if warned else "")
        peers = [answer(ask(formula, *values.values())) for ask in PEERS.values()]
        rows.append([what, f"`{program}`", at, own, *peers])
    table("Gradients", ["", "program", "at", "gradcli", *PEERS], rows)


if __name__ == "__main__":
    main()

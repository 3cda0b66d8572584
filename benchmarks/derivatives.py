"""Derivatives as graphs: time per derived gate, and against sympy on published physics equations.

(a) `derive` on a program of 100,000 gates, per gate that it makes, against both passes over the program, per gate.

(b) The value and all first derivatives of each equation of tests/cases/feynman.json, from a parsed expression to
something that can be called with numbers: for gradcli the derived graph, and that plus a Python function made of it;
for sympy diff by every input, cse of value and derivatives together, lambdify with Python's math. Parsing does not
count. Both are compared at the published points before anything is measured. Operations are counted in what is called:
gates that are neither inputs nor constants, and sympy's count_ops of the common subexpressions and the results.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from measure import ROOT, installed, interleaved, note, table, timed, verdict
from passes import build, steps, values

from gradcli.codegen import generate
from gradcli.graph.derive import Derived, derive
from gradcli.graph.graph import Graph, reachable
from gradcli.graph.lower import lower
from gradcli.graph.ops import CONSTANT
from gradcli.language.parser import parse
from gradcli.passes import evaluate_graph, forward

GATES, ROUNDS = 100_000, 7
LISTED = 8  # equations with the largest difference in operations


def growth() -> None:
    """Part (a)."""
    rows, figures = [], []
    for shape in ("chain", "tree", "random"):
        graph, inputs = build(steps(shape, GATES)), values(shape)
        made = len(derive(graph).graph) - len(graph)
        candidates = {
            "derive": timed(lambda graph=graph: derive(graph)),  # type: ignore[misc]
            "passes": timed(lambda graph=graph, inputs=inputs: evaluate_graph(graph, inputs)),  # type: ignore[misc]
        }
        measured = interleaved(candidates, ROUNDS)
        own, passes = measured.time("derive") / made * 1e9, measured.time("passes") / len(graph) * 1e9
        ratio = measured.ratio("derive", "passes") * len(graph) / made
        rows.append([shape, f"{len(graph):,}", f"{made:,}", f"{own:,.0f}", f"{passes:,.0f}", f"{ratio:.1f} ×"])
        figures.append([f"derive per derived gate / both passes per gate, {shape}", verdict(ratio, 10)])
    header = ["graph", "gates", "derived gates", "derive, ns per derived gate", "passes, ns per gate", "ratio"]
    table("Deriving", header, rows)
    table("Targets of deriving", ["figure", "measured"], figures)


class Equation:
    """One equation, parsed by both."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        import sympy

        self.id, self.points = case["id"], case["points"]
        self.graph: Graph = lower(parse(case["expr"]))
        self.symbols = {name: sympy.Symbol(name) for name in self.graph.inputs}
        self.expression = sympy.sympify(case["expr"], locals={"arcsin": sympy.asin, **self.symbols})

    def ours(self) -> Derived:
        return derive(self.graph)

    def theirs(self) -> tuple[Any, Any]:
        import sympy

        symbols = list(self.symbols.values())
        wanted = [self.expression, *(self.expression.diff(symbol) for symbol in symbols)]
        common = sympy.cse(wanted)
        return sympy.lambdify(symbols, wanted, modules="math", cse=True), common

    def check(self) -> None:
        """Assert that both give the published gradients."""
        derived, (function, _) = self.ours(), self.theirs()
        for point in self.points:
            numbers = forward(derived.graph, point["x"])
            answers = function(*(point["x"][name] for name in self.symbols))
            for name, gradient in zip(self.symbols, answers[1:], strict=True):
                assert math.isclose(numbers[derived.gradients[name]], point["grad"][name], rel_tol=1e-8, abs_tol=1e-12)
                assert math.isclose(gradient, point["grad"][name], rel_tol=1e-8, abs_tol=1e-12), (self.id, name)

    def operations(self) -> tuple[int, int]:
        """Of what is called: gates of ours, operations of theirs."""
        derived, (_, (shared, results)) = self.ours(), self.theirs()
        needed = reachable(derived.graph, derived.value, *derived.gradients.values())
        gates = sum(1 for code, used in zip(derived.graph.codes, needed, strict=True) if used and code > CONSTANT)
        theirs = sum(part.count_ops() for _, part in shared) + sum(result.count_ops() for result in results)
        return gates, int(theirs)


def against_sympy() -> None:
    """Part (b)."""
    cases = json.loads((ROOT / "tests" / "cases" / "feynman.json").read_text(encoding="utf-8"))["equations"]
    equations = [Equation(case) for case in cases]
    for equation in equations:
        equation.check()
    candidates = {
        "gradcli": timed(lambda: [equation.ours() for equation in equations]),
        "gradcli, as Python": timed(lambda: [_compiled(equation.graph) for equation in equations]),
        "sympy": timed(lambda: [_fresh(equation) for equation in equations]),
    }
    measured = interleaved(candidates, 3)
    rows = [
        [name, f"{measured.time(name) * 1e3:,.0f} ms", f"{measured.ratio('sympy', name):.0f} ×"] for name in candidates
    ]
    table(f"Value and gradient of {len(equations)} equations, built", ["built by", "time", "sympy / it"], rows)
    figures = [["sympy / gradcli", verdict(measured.ratio("sympy", "gradcli"), 20, at_least=True)]]
    table("Target against sympy", ["figure", "measured"], figures)
    counts = {equation.id: equation.operations() for equation in equations}
    ours, theirs = (sum(pair[k] for pair in counts.values()) for k in (0, 1))
    fewer = sum(a < b for a, b in counts.values())
    more = sum(a > b for a, b in counts.values())
    note(f"Operations in all: gradcli {ours:,}, sympy {theirs:,}. Fewer in {fewer} equations, more in {more}.")
    order = sorted(counts, key=lambda name: counts[name][0] - counts[name][1])
    chosen = dict.fromkeys([*order[: LISTED // 2], *order[-LISTED // 2 :]])
    table(
        "The largest differences",
        ["equation", "gradcli", "sympy"],
        [[name, *map(str, counts[name])] for name in chosen],
    )


def _compiled(graph: Graph) -> Any:
    """The Python function that `gradcli code` writes, ready to be called."""
    space: dict[str, Any] = {}
    exec(compile(generate(graph, "python"), "generated", "exec"), space)  # noqa: S102  # of the equations above alone
    return space["f"]


def _fresh(equation: Equation) -> Any:
    """sympy's function, without what it remembers from the round before."""
    from sympy.core.cache import clear_cache

    clear_cache()
    return equation.theirs()[0]


def main() -> None:
    """Measure and print."""
    growth()
    if installed("sympy"):
        against_sympy()
    else:
        note("sympy is not installed and left out.")


if __name__ == "__main__":
    sys.exit(main())

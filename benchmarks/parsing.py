"""From text to syntax tree: tokens per second, against sympy, stock Lark and Python's own parser.

All candidates parse the same expressions, which mean the same in all their languages: formulas from physics, statistics
and machine learning, and generated ones. A token is a token of Python's tokenizer, for everybody. sympy is measured
with evaluate=False, which spares it the work of simplifying. Stock Lark runs gradcli's own grammar and calls the same
builder; it is compared with the same part of gradcli's parser. A sum of a million terms has a process of its own.
"""

from __future__ import annotations

import ast
import gc
import io
import random
import sys
import time
import tokenize
from collections.abc import Callable

from measure import Candidate, ask, installed, interleaved, note, peak_memory, table, timed, verdict

from gradcli.language.builder import Builder
from gradcli.language.driver import parse as drive
from gradcli.language.parser import parse

ROUNDS = 11
FORMULAS = (
    "(x + y)*z",
    "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))",
    "(x + 1/(1 + exp(-y)))/(1/(1 + exp(-x)) + (x + y)**2)",
    "exp(-(x - mu)**2/(2*s**2))/(s*sqrt(2*pi))",
    "m0*c**2/sqrt(1 - v**2/c**2)",
    "2*h*f**3/c**2/(exp(h*f/(k*T)) - 1)",
    "-G*m1*m2/sqrt((x1 - x2)**2 + (y1 - y2)**2 + (z1 - z2)**2)",
    "4*eps*((s/r)**12 - (s/r)**6)",
    "a*sin(omega*t + phi)*exp(-d*t) + b*cos(omega*t) + 0.5*g*t**2",
    "log(1 + exp(x)) - y*x + 0.01*(w0**2 + w1**2 + w2**2)",
    "0.5*x*(1 + tanh(0.7978845608*(x + 0.044715*x**3)))",
    "tanh(w11*tanh(v11*x1 + v12*x2 + b1) + w12*tanh(v21*x1 + v22*x2 + b2) + c1)",
    "1.5e-3*x**4 - 2.25*x**3 + 17*x**2 - 3.75e2*x + 1000",
)
OPERATORS = (" + ", " - ", "*", "/")
FUNCTIONS = ("sin", "cos", "exp", "tanh", "sqrt", "log")


def generated(seed: int) -> str:
    """A formula of some hundred tokens, by joining random pieces."""
    choose = random.Random(seed)
    pieces = [choose.choice(("x", "y", "alpha1", "w2", "3", "0.25")) for _ in range(40)]
    while len(pieces) > 1:
        left, right = pieces.pop(choose.randrange(len(pieces))), pieces.pop(choose.randrange(len(pieces)))
        joined = f"{left}{choose.choice(OPERATORS)}{right}"
        shape = choose.random()
        if shape < 0.3:
            joined = f"{choose.choice(FUNCTIONS)}({joined})"
        elif shape < 0.7:
            joined = f"({joined})"
        elif shape < 0.8:
            joined = f"-({joined})**2"
        pieces.append(joined)
    return pieces[0]


def tokens(text: str) -> int:
    """The number of Python's tokens, without the ends of line and text."""
    marks = (tokenize.NEWLINE, tokenize.ENDMARKER)
    return sum(token.type not in marks for token in tokenize.generate_tokens(io.StringIO(text).readline))


def over(texts: list[str], function: Callable[[str], object]) -> Candidate:
    """Parsing all texts with one function."""

    def run() -> None:
        for text in texts:
            function(text)

    return timed(run)


def candidates(texts: list[str]) -> dict[str, Candidate]:
    """Those that are installed."""
    found = {
        "gradcli": over(texts, parse),
        "gradcli, the same part": over(texts, lambda text: drive(text, Builder(text))),
        "Python's ast": over(texts, lambda text: ast.parse(text, mode="eval")),
    }
    if installed("sympy"):
        from sympy.parsing.sympy_parser import parse_expr

        found["sympy"] = over(texts, lambda text: parse_expr(text, evaluate=False))
    if installed("lark"):
        from gradcli.language.grammar import StockParser

        stock = StockParser()
        found["stock Lark"] = over(texts, lambda text: stock.parse(text, Builder(text)))
    return found


def main() -> None:
    """Measure and print."""
    texts = [*FORMULAS, *map(generated, range(27))]
    total = sum(map(tokens, texts))
    measured = interleaved(candidates(texts), ROUNDS)
    rows = [
        [name, f"{total / measured.time(name) / 1e3:,.0f}", f"{measured.ratio(name, 'gradcli'):.2f} ×"]
        for name in measured.rounds
    ]
    table(
        f"Parsing {len(texts)} expressions, {total:,} tokens", ["parser", "thousand tokens/s", "time / gradcli"], rows
    )
    figures = []
    if "sympy" in measured.rounds:
        figures.append(["sympy / gradcli", verdict(measured.ratio("sympy", "gradcli"), 3, at_least=True)])
    if "stock Lark" in measured.rounds:
        ratio = measured.ratio("stock Lark", "gradcli, the same part")
        figures.append(["stock Lark / gradcli, the same part", verdict(ratio, 4.5, at_least=True)])
    for name in ("sympy", "lark"):
        if not installed(name):
            note(f"{name} is not installed and left out.")
    for kind in SUMS:
        rounds = [ask("parsing.py", "--sum", kind) for _ in range(3)]
        seconds, peak = (sorted(column)[1] for column in zip(*rounds, strict=True))
        figures.append([f"1e6 terms, {kind}: time", f"{seconds:.2f} s"])
        figures.append([f"1e6 terms, {kind}: peak memory", verdict(peak / 1e6, 300, "MB")])
    table("Targets of the parser", ["figure", "measured"], figures)


SUMS: dict[str, Callable[[], str]] = {
    "x + x + …": lambda: "+".join(["x"] * 1_000_000),
    "1 + 2 + … + x": lambda: "+".join([*map(str, range(1, 1_000_000)), "x"]),
}


def parse_sum(kind: str) -> None:
    """Print the seconds that a sum takes, and this process's peak memory in bytes."""
    text = SUMS[kind]()
    gc.collect()
    start = time.perf_counter()
    program = parse(text)
    seconds = time.perf_counter() - start
    assert len(program.nodes) == 1_999_999
    print(seconds, peak_memory())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sum"]:
        parse_sum(sys.argv[2])
    else:
        main()

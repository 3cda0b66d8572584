"""Generated LaTeX read as a person would: every formula is computed from the numbers of those before it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradcli.numeric import latex
from gradcli.passes import FLOATS


class Prefix:
    """A function without parentheses, such as sin x: `sin @ x` takes what binds tightly."""

    def __init__(self, function: Callable[[float], float], sign: float = 1.0) -> None:
        self.function, self.sign = function, sign

    def __matmul__(self, x: float) -> float:
        return self.sign * self.function(x)

    def __neg__(self) -> Prefix:
        return Prefix(self.function, -self.sign)


_PREFIXES = {
    "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "erfc": "erfc",
}  # fmt: skip
_FUNCTIONS: dict[str, Any] = {name: Prefix(getattr(FLOATS, own)) for name, own in _PREFIXES.items()} | {
    "sqrt": FLOATS.sqrt, "exp": FLOATS.exp, "div": FLOATS.div, "sigma": FLOATS.sigmoid, "atan2": FLOATS.atan2,
    "relu": FLOATS.relu, "expm1": FLOATS.expm1, "max": FLOATS.max, "min": FLOATS.min, "sign": FLOATS.sign,
    "abs": abs, "floor": FLOATS.floor, "pi": math.pi, "tau": math.tau, "nan": math.nan, "infty": math.inf,
}  # fmt: skip
_INNER = r"\{([^{}]*)\}"
_PART = r"((?:(?!\\begin).)*?)"
_RULES = (  # applied until none does; the innermost braces go first
    (rf"\\begin\{{cases\}} {_PART} & {_PART} \\\\ {_PART} & \\text\{{otherwise\}} \\end\{{cases\}}",
     r"((\1) if (\2) else (\3))"),
    (r"\\mathrm\{nan\}", "nan"),
    (r"(?<![a-z])e\^" + _INNER, r"exp(\1)"),
    (r"\^" + _INNER, r"**(\1)"),
    (r"\^([0-9])", r"**\1"),
    (r"\\lfloor ([^\\]*?) \\rfloor", r"floor(\1)"),
    (r"\\frac" + _INNER + _INNER, r"div((\1), (\2))"),
    (r"\\sqrt" + _INNER, r"sqrt(\1)"),
    (r"\\operatorname\{erfc\} ", "erfc@"),
    (r"\\operatorname" + _INNER, r"\1"),
    (r"\\lvert ((?:(?!\\lvert).)*?) \\rvert", r"abs(\1)"),
    (r"\\left\[ ((?:(?!\\left\[).)*?) \\right\]", r"float(\1)"),
    (r"\\(?:left|right)(?=[()])", ""),
    (r"\\(?:cdot|times)", "*"),
    (r" = ", " == "), (r"\\ne ", "!= "), (r"\\le ", "<= "), (r"\\ge ", ">= "),
    (r"\\wedge", "and"), (r"\\vee", "or"), (r"\\neg ", "not "),
    (rf"\\({'|'.join(sorted(_PREFIXES, key=len, reverse=True))}) ", r"\1@"),
    (r"\\(sigma|max|min|pi|tau|infty)(?![a-z])", r"\1"),
)  # fmt: skip


def equations(fragment: str) -> Iterator[tuple[str, str]]:
    """Left and right sides, without the comments."""
    for inside in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", fragment, re.DOTALL):
        lines = [re.sub(r"(?<!\\)%.*", "", line).rstrip() for line in inside.split("\n")]
        for row in re.split(r"\s*\\\\\n", re.sub(r"\n    +", " ", "\n".join(filter(None, lines)))):
            left, right = row.strip().split(" &= ")
            yield left, right


def python_of(right: str, known: Mapping[str, str]) -> str:
    """A right side in Python, with v[k] for names; the longest go first."""
    for name in sorted((name for name in known if name in right), key=len, reverse=True):
        letter = len(name) == 1
        right = re.sub(rf"(?<![\\a-zA-Z]){name}(?![a-zA-Z])" if letter else re.escape(name), known[name], right)
    before = ""
    while before != right:
        before = right
        for pattern, replacement in _RULES:
            right = re.sub(pattern, replacement, right)
    return re.sub("[\ue100-\uf8ff]", lambda sign: f"v[{ord(sign[0]) - 0xE100}]", right)


def read(fragment: str, inputs: Mapping[str, float]) -> dict[str, float] | None:
    """The number of every name and left side; None if there is something that this reader does not know."""
    if "A function of the program" in fragment:
        return None
    known: dict[str, str] = {}
    numbers: list[float] = []
    for name, number in inputs.items():
        known[latex.name(name).text] = chr(0xE100 + len(numbers))
        numbers.append(number)
    for left, right in equations(fragment):
        text = python_of(right, known)
        if re.search(r"[\\^]", text):
            return None
        found = float(eval(text, {"__builtins__": {"float": float}}, {**_FUNCTIONS, "v": numbers, "e": math.e}))  # noqa: S307
        known[left] = chr(0xE100 + len(numbers))
        numbers.append(found)
    return {left: numbers[ord(sign) - 0xE100] for left, sign in known.items()}

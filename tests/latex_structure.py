"""What tests know of LaTeX without a TeX system: paired braces and environments, known macros, inert text."""

from __future__ import annotations

import re

_WORDS = """frac tfrac partial cdot times left right mathit textit text mathrm operatorname begin end sin cos tan arcsin
    arccos arctan sinh cosh tanh ln log sqrt max min sigma pi tau infty lvert rvert lfloor rfloor lceil rceil le ge ne
    wedge vee neg bmod mathrel quad dots to colon ensuremath textbackslash textasciicircum textasciitilde textless
    textgreater textbar char subsection medskip noindent emph documentclass usepackage surd hbar sum top langle rangle
    alpha beta gamma delta varepsilon epsilon zeta eta theta vartheta iota kappa lambda mu nu xi varpi rho varrho
    varsigma upsilon varphi phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"""
MACROS = {*_WORDS.split()}  # of LaTeX's kernel or of amsmath


def balanced(text: str) -> bool:
    """Whether braces, \\left and \\right, and environments are paired."""
    stack: list[str] = []
    for match in re.finditer(r"\\(begin|end)\{(\w+\*?)\}|\\(left|right)(?![a-z])|\\.|[{}]", text, re.DOTALL):
        kind, name, side, sign = match[1], match[2], match[3], match[0]
        if kind == "begin" or side == "left" or sign == "{":
            stack.append(name or side or sign)
        elif kind == "end" or side == "right" or sign == "}":
            opened = name or ("left" if side else "{")
            if not stack or stack.pop() != opened:
                return False
    return not stack


def unknown(text: str) -> set[str]:
    """The macros that are neither LaTeX's own nor amsmath's."""
    without_pairs = text.replace("\\\\", "")
    return {name for name in re.findall(r"\\([a-zA-Z]+)", without_pairs) if name not in MACROS}


def active(written: str) -> list[str]:
    """Signs that do something in LaTeX, outside of what gradcli writes itself."""
    ours = re.sub(r"\\char\d+\{\}|\\ensuremath\{[^{}]*\}|\\[a-zA-Z]+|\\[{}$&#%_]|_\{[0-9,]+\}", "", written)
    return re.findall(r"[$&#%_^~\\]", ours)

r"""LaTeX as numbers: arithmetic that typesets expressions for a formula, with amsmath alone.

Enters: operands with their precedence, and the templates of the op table. Leaves: the LaTeX of a gate or of a rule,
with the parentheses that a reader needs. Invariant: braces are balanced in every text; names and literals are typeset
or escaped, so that nothing of the user's is a command; literals are folded as `numeric/text.py` folds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from math import isinf
from string import Formatter
from typing import Any, NamedTuple, Protocol

from gradcli.numeric.gates import literal
from gradcli.numeric.text import common_shape
from gradcli.printable import printable

ATOM = 10
POWER = 9  # also fractions and e^x, which need parentheses as a base
PRODUCT = 8
MATRIX = 7  # a matrix product; neither it nor a product is an operand of the other without parentheses
FUNCTION = 6  # sin x: more would seem to belong to its operand
SUM = 5  # also negations
COMPARISON = 4
ANYTHING = 0
_LEVELS = {5: SUM, 6: PRODUCT, 7: SUM, 8: POWER}  # precedence in the language → here


class Latex(NamedTuple):
    """A formula, with the attributes of `numeric/text.py`'s Text."""

    text: str
    precedence: int = ATOM
    number: float | None = None
    shape: tuple[int, ...] | None = None
    source: Latex | None = None

    def __add__(self, other: Any) -> Latex:
        return _fold("+", SUM, self, of(other))

    def __radd__(self, other: Any) -> Latex:
        return _fold("+", SUM, of(other), self)

    def __sub__(self, other: Any) -> Latex:
        return _fold("-", SUM, self, of(other))

    def __rsub__(self, other: Any) -> Latex:
        return _fold("-", SUM, of(other), self)

    def __mul__(self, other: Any) -> Latex:
        return _fold(r"\cdot", PRODUCT, self, of(other))

    def __rmul__(self, other: Any) -> Latex:
        return _fold(r"\cdot", PRODUCT, of(other), self)

    def __neg__(self) -> Latex:
        if self.number is not None:
            return of(-self.number)
        return Latex(f"-{enclosed(self, SUM + 1)}", SUM, shape=self.shape)


def of(x: Any) -> Latex:
    """A number as LaTeX; LaTeX as it is."""
    return x if isinstance(x, Latex) else number(literal(float(x)))


_CONSTANTS = {"pi": r"\pi", "tau": r"\tau", "e": "e", "inf": r"\infty", "nan": r"\mathrm{nan}"}
_NUMBER = re.compile(r"(-?)([0-9_]*\.?[0-9_]*)(?:[eE]([+-]?[0-9]+))?")


def number(written: str) -> Latex:
    """A literal: digits as they are written, a power of ten as one; an array by `constant_array`."""
    if written.startswith("["):
        return constant_array(written)
    sign, rest = ("-", written[1:]) if written[:1] == "-" else ("", written)
    if rest in _CONSTANTS:
        value = float(written) if rest in ("inf", "nan") else None
        return Latex(sign + _CONSTANTS[rest], SUM if sign else ATOM, value)
    match = _NUMBER.fullmatch(written)
    if match is None or not re.search("[0-9]", match[2]):
        return name(written)
    digits = sign + match[2].replace("_", "")
    level = POWER if match[3] else ATOM
    text = rf"{digits} \times 10^{{{int(match[3])}}}" if match[3] else digits
    value = float(written)
    return Latex(text, SUM if sign else level, None if isinf(value) else value)


_SMALL = (
    "alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "pi", "rho", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega",
)  # fmt: skip
_LARGE = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
_GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψω", _SMALL, strict=True)) | dict(zip("ΓΔΘΛΞΠΣΥΦΨΩ", _LARGE, strict=True))
_GREEK |= {"ς": "varsigma", "ϑ": "vartheta", "ϕ": "phi", "ϖ": "varpi", "ϱ": "varrho", "ϵ": "epsilon", "ħ": "hbar"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPTED = re.compile("(.+?)([₀-₉]+)", re.DOTALL)
_ELEMENT = re.compile(r"([^\[\]]+)((?:\[[0-9]+(?:,[0-9]+)*\])+)")  # of an array, or a stage in a turn of a loop


def name(written: str) -> Latex:
    r"""A name: θ as \theta, x₁ as x_{1}, W[0,1] as W_{0,1}, a longer one in one piece."""
    element = _ELEMENT.fullmatch(written)
    places = element[2][1:-1].replace("][", ",").split(",") if element else []
    base = element[1] if element else written
    subscripted = _SUBSCRIPTED.fullmatch(base)
    if subscripted:
        base, places = subscripted[1], [subscripted[2].translate(_SUBSCRIPTS), *places]
    return Latex(_base(base) + (f"_{{{','.join(places)}}}" if places else ""))


def _base(written: str) -> str:
    if written.startswith("∂/∂") and len(written) > len("∂/∂"):  # stands for a derivative too long to be written out
        return rf"\tfrac{{\partial}}{{\partial {_base(written[3:])}}}"
    if len(written) == 1 and written in _GREEK:
        return "\\" + _GREEK[written]
    if len(written) == 1 and written.isascii() and written.isalpha():
        return written
    if re.fullmatch("[A-Za-z0-9_]+", written):
        return rf"\mathit{{{escaped(written)}}}"
    return rf"\textit{{{escaped(written)}}}"


_ESCAPES = {  # for every encoding of fonts; the hyphen in braces, so that two of them stay two
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}", "-": "{-}",
    **{sign: "\\" + sign for sign in "{}$&#%_"},
}  # fmt: skip
_SIGNS = {"∂": r"\partial", "·": r"\cdot", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "−": "-", "→": r"\to", "∞": r"\infty"}
_SIGNS |= {letter: "\\" + command for letter, command in _GREEK.items()}
_SIGNS |= {chr(0x2080 + digit): f"_{digit}" for digit in range(10)} | {"²": "^2", "³": "^3", "√": r"\surd"}
_TEXT = str.maketrans(_ESCAPES | {sign: rf"\ensuremath{{{math}}}" for sign, math in _SIGNS.items()} | {"…": r"\dots{}"})


def escaped(text: str) -> str:
    """Plain text for LaTeX: nothing in it is a command, and known signs are typeset. Nothing is hidden or lost."""
    return printable(text).translate(_TEXT)


_TALL = re.compile(r"\\[dt]?frac|\\begin|\\sqrt|\^")


def parenthesised(text: str) -> str:
    """text in parentheses that are as tall as it is."""
    return rf"\left({text}\right)" if _TALL.search(text) else f"({text})"


def enclosed(operand: Latex, least: int) -> str:
    """The operand's text, in parentheses if it binds more loosely than least."""
    return operand.text if operand.precedence >= least else parenthesised(operand.text)


def call(written: str, operands: Iterable[Latex]) -> Latex:
    """A function without a notation of its own."""
    # A function's name is a word, so that even a single letter stands upright.
    head = _base(written) if written in _GREEK else rf"\text{{{escaped(written)}}}"
    if re.fullmatch("[A-Za-z0-9_]+", written):
        head = rf"\operatorname{{{escaped(written)}}}"
    return Latex(head + parenthesised(", ".join(operand.text for operand in operands)))


def _fold(symbol: str, precedence: int, left: Latex, right: Latex) -> Latex:
    a, b = left.number, right.number
    if a is not None and b is not None:
        return of(a + b if symbol == "+" else a - b if symbol == "-" else a * b)
    if precedence == PRODUCT and (a == 1.0 or b == 1.0):
        return right if a == 1.0 else left
    written = f"{enclosed(left, precedence)} {symbol} {enclosed(right, precedence + 1)}"
    return Latex(written, precedence, shape=common_shape((left, right)))


# Arrays

_WIDEST = 10  # columns of a matrix in amsmath
_OPEN, _SHUT = r"\left[", r"\right]"


def constant_array(written: str) -> Latex:
    """[1, 2] as it is; [[1, 2], [3, 4]] as a matrix."""
    rows = [row.split(", ") for row in written[2:-2].split("], [")]
    if written.startswith("[[") and not written.startswith("[[[") and len(rows[0]) <= _WIDEST:
        lines = r" \\ ".join(" & ".join(number(one).text for one in row) for row in rows)
        return Latex(rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}")
    numbers = re.sub(r"[^\[\], ]+", lambda found: number(found[0]).text, written)
    return Latex(numbers.replace("[", _OPEN).replace("]", _SHUT))


def array(operands: Iterable[Latex]) -> Latex:
    return Latex(f"{_OPEN}{', '.join(operand.text for operand in operands)}{_SHUT}")


def transposed(operand: Latex) -> Latex:
    return Latex(rf"{enclosed(operand, ATOM)}^{{\top}}", POWER)


def indexed(operand: Latex, slots: str) -> Latex:
    """Some of the operand's elements; a second subscript would be an error of TeX."""
    base = parenthesised(operand.text) if re.search(r"(?<!\\)_", operand.text) else enclosed(operand, ATOM)
    return Latex(f"{base}_{{{slots.replace(' ', '')}}}")


def total(operand: Latex, axes: str) -> Latex:
    """A sum over axes, or over all of them if none are named."""
    sign = rf"\sum_{{{axes}}}" if axes else r"\sum"
    return Latex(f"{sign} {enclosed(operand, POWER)}", FUNCTION)


class Template(NamedTuple):
    """How a row is typeset: text, operand, text, operand … text.

    Attributes:
        pieces: pairs of text and the number of the operand behind it, or None behind the last one.
        least: per operand, the precedence from which on it needs no parentheses.
        precedence: of the whole.
    """

    pieces: tuple[tuple[str, int | None], ...]
    least: dict[int, int]
    precedence: int

    def fill(self, operands: list[Latex], variadic: bool = False) -> Latex:
        if variadic:
            operands = [Latex(", ".join(operand.text for operand in operands), ANYTHING)]
        written = [
            text + ("" if place is None else self._operand(operands[place], place)) for text, place in self.pieces
        ]
        return Latex("".join(written), self.precedence)

    def _operand(self, operand: Latex, place: int) -> str:
        crossed = self.precedence == MATRIX and operand.precedence == PRODUCT  # A·B before C: (A·B) C
        return enclosed(operand, POWER if crossed else self.least[place])


_DELIMITERS = {"{": "}", "(": ")", r"\lvert": r"\rvert", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
_FUNCTION_FIRST = re.compile(r"\\(?!lvert|lfloor|lceil)[a-z]+ ")  # \ln \sigma({0}) ends like \ln x
_CASES, _FRACTION, _DOT, _BESIDE = r"\begin{cases}", r"\frac", r" \cdot ", r" \, "


def _pieces(written: str) -> Iterator[tuple[str, int | None]]:
    """The pieces of a template; its parser ends one at every doubled brace."""
    before = ""
    for text, field, *_ in Formatter().parse(written):
        before += text
        if field is not None:
            yield before, int(field)
            before = ""
    if before:
        yield before, None


def template(written: str, symbol: str | None, precedence: int) -> Template:
    """A row's template, understood: which operands it delimits itself, and how tightly the whole binds."""
    pieces = list(_pieces(written))
    texts = [text for text, _ in pieces] + [""]
    if texts[1] == _DOT and symbol is None:
        symbol, precedence = "*", 6
    level = _LEVELS.get(precedence, precedence) if symbol else FUNCTION
    level = MATRIX if texts[1] == _BESIDE else level
    places = [place for _, place in pieces if place is not None]
    operator = symbol is not None and len(places) == 2
    least, depth, bare = {}, 0, False
    for (before, place), after in zip(pieces, texts[1:], strict=True):
        depth += before.count("{") - before.count("}")
        if place is None:
            continue
        delimited = texts[0].startswith(_CASES) or any(
            before.rstrip().endswith(left) and after.lstrip().startswith(right) for left, right in _DELIMITERS.items()
        )
        if delimited:
            least[place] = ANYTHING
            continue
        bare = bare or depth == 0
        if operator and level != POWER:
            least[place] = level + (place > 0 or level == COMPARISON)
        else:
            least[place] = SUM + 1 if texts[0] == "-" else ATOM
    if texts[0].startswith(_CASES):
        level = ANYTHING
    elif texts[0].startswith(_FRACTION) or (not bare and "^" in texts[0]):
        level = POWER
    elif not bare and not _FUNCTION_FIRST.match(texts[0]):
        level = ATOM
    return Template(tuple(pieces), least, level)


class Row(Protocol):
    """What this module needs to know of a row of the op table."""

    @property
    def name(self) -> str: ...
    @property
    def symbol(self) -> str | None: ...
    @property
    def precedence(self) -> int: ...
    @property
    def latex(self) -> str | None: ...
    @property
    def variadic(self) -> bool: ...


def primitives(rows: Iterable[tuple[str, Row]]) -> dict[str, Any]:
    """The functions of the system.

    Args:
        rows: every row with its attribute name.
    """

    def function(row: Row) -> Callable[..., Latex]:
        known = None if row.latex is None else template(row.latex, row.symbol, row.precedence)

        def apply(*given: Any) -> Latex:
            operands = [of(x) for x in given]
            found = call(row.name, operands) if known is None else known.fill(operands, row.variadic)
            return found._replace(shape=common_shape(operands))

        return apply

    system: dict[str, Any] = {attribute: function(row) for attribute, row in rows}
    power = system["pow"]
    system["pow"] = lambda base, exponent: of(base) if of(exponent).number == 1.0 else power(base, exponent)
    system["number"] = number
    system["pi"] = Latex(r"\pi", shape=())
    system["defined_function"] = lambda row: lambda *operands: call(row.name, map(of, operands))
    return system

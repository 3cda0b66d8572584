"""What an explanation is made of: steps, and tokens in place of text, since each format writes them its own way.

Invariant: a token holds the trace's own numbers and positions of gates; signs are compared by identity of their text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

_TERMS = 40  # terms of one sum that are written out


class Token(NamedTuple):
    """A piece of a formula.

    Attributes:
        kind: label (how a gate is called), gate (what it computes), numbers (the same with its operands' values),
            value, slope and gradient (numbers), total (∂f/∂x), partial (∂q/∂x), rule (the partial's formula), sign;
            passed (what a gate on whole arrays passes on, as a formula of ∂f/∂gate) and passed numbers (the same with
            numbers); added (the sum of what its inner tokens say); text (as it is).
        gate, position: which gate, and which operand of it.
        number: of a value, slope or gradient.
        text: of a sign, or of a text; of added, the axes that are added up, as an argument of sum.
        factor: whether it stands behind an operator, so that a minus needs parentheses.
        inner: tokens of added.
    """

    kind: str
    gate: int = -1
    position: int = -1
    number: Any = None
    text: str = ""
    factor: bool = False
    inner: tuple[Token, ...] = ()


class Step(NamedTuple):
    """A line of the explanation.

    Attributes:
        kind: title, prose, warning (all these are words alone); input, forward, gate, arrives, local, passes, result,
            chain, hop.
        formula: tokens; empty for words alone.
        words: a sentence, or what is remarked beside the formula.
    """

    kind: str
    formula: tuple[Token, ...] = ()
    words: str = ""


def _sign(text: str) -> Token:
    return Token("sign", text=text)


EQUALS, PLUS, TIMES, ADDS, ELLIPSIS, LEADS_TO, WITH = map(_sign, ("=", "+", "·", "+=", "…", "→", ":"))


def joined(terms: Iterable[Sequence[Token]], sign: Token, every: bool = True) -> Iterator[Token]:
    """Terms with a sign between them; of very many, the first and the last ones."""
    terms = list(terms)
    left_out = len(terms) > _TERMS and not every
    if left_out:
        terms = [*terms[: _TERMS // 2], (ELLIPSIS,), *terms[-_TERMS // 2 :]]
    for position, term in enumerate(terms):
        if position:
            yield sign
        yield from term

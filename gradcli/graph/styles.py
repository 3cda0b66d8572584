"""Graphs written as people write formulas: with signs such as ² · √ ≤ σ, which the language reads too, or in LaTeX.

Enters: what `printing.py` knows of a gate. Leaves: its text. Invariant: a text in UNICODE parses back to the gates that
the plain text gives; one in LATEX is for people alone.
"""

from __future__ import annotations

import re

from gradcli.graph import typeset
from gradcli.graph.describe import operation_text
from gradcli.graph.graph import Graph
from gradcli.graph.printing import Style
from gradcli.numeric import latex, text
from gradcli.numeric.latex import Latex
from gradcli.numeric.text import Text

_SYMBOLS = {"*": "·", "<=": "≤", ">=": "≥", "!=": "≠"}
_CONSTANTS = {"pi": "π", "tau": "τ", "-pi": "-π", "-tau": "-τ"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_WHOLE = re.compile("-?[0-9]{1,4}")
_POWER = 8


def _literal(written: str) -> Text:
    number = text.number(written)
    return number._replace(text=_CONSTANTS.get(written, written))


def _operation(graph: Graph, index: int, operands: list[Text]) -> Text:
    row = graph.rows[graph.codes[index]]
    if row.name == "pow" and _WHOLE.fullmatch(operands[1].text):
        base, exponent = text.parenthesised(operands[0], text.ATOM), operands[1].text
        return Text(base + exponent.translate(_SUPERSCRIPTS), _POWER)
    if row.name == "sqrt":
        bare = not operands[0].text.endswith(("'", "]"))  # √A' and √w[0] would have two readings
        return Text(f"√{text.parenthesised(operands[0], text.ATOM if bare else text.ATOM + 1)}", _POWER)
    name = "σ" if row.name == "sigmoid" else row.called
    return operation_text(graph, index, operands, name, _SYMBOLS.get(row.symbol or "", row.symbol))


def _typeset(graph: Graph, index: int, operands: list[Latex]) -> Latex:
    return typeset.gate(graph, index, operands)


UNICODE = Style(Text, _literal, _operation)
LATEX = Style(latex.name, latex.number, _typeset, longest=200, assigned=False)

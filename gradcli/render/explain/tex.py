r"""An explanation in LaTeX: align* environments, for a document that loads amsmath.

Enters: the steps. Leaves: a fragment, or a whole document. Invariant: nothing of the user's is a command; an
environment ends in the text that begins it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradcli.graph import typeset
from gradcli.graph.describe import contribution
from gradcli.numeric import latex
from gradcli.numeric.latex import Latex, escaped
from gradcli.render import Look
from gradcli.render.explain import Telling
from gradcli.render.explain.flows import with_named_output
from gradcli.render.explain.steps import steps
from gradcli.render.explain.tokens import ADDS, EQUALS, PLUS, WITH, Step, Token
from gradcli.render.explain.words import Words, gist, is_large, trimmed
from gradcli.render.writing import brief
from gradcli.traces import Trace

_SIGNS = {"·": r"\cdot", "+=": r"\mathrel{+}=", "…": r"\dots", "→": r"\to", ":": r"\colon"}
_WIDTH = 68  # columns of plain text that fill a line of a page
_ROWS = 20  # rows of one environment, which does not go over a page's end
_HEAD = "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n\n"
_FOOT = "\n\\end{document}\n"


class TexWords(Words):
    """Writes tokens as mathematics; `write` still gives plain text, which decides what is said and where lines end."""

    def mathematics(self, token: Token) -> str:
        """The LaTeX of a token."""
        graph, kind = self.graph, token.kind
        if kind == "sign":
            return _SIGNS.get(token.text, token.text)
        if kind in ("value", "slope", "gradient"):
            if is_large(token.number):
                return self._gist(token.number)
            return latex.enclosed(latex.number(self.number(token.number)), latex.SUM + 1 if token.factor else 0)
        if kind == "label":
            return self._label(token.gate)
        if kind == "gate":
            return self._equal(token.gate, typeset.gate(graph, token.gate).text)
        if kind == "numbers":
            numbers = [self._number(operand) for operand in graph.operands[token.gate]]
            return self._equal(token.gate, typeset.gate(graph, token.gate, numbers).text)
        if kind in ("passed", "passed numbers"):
            return self._passed_on(token)
        if kind == "added":
            axis = rf"_{{\text{{{token.text.removeprefix(', ').replace('=', ' ')}}}}}" if token.text else ""
            return rf"\sum{axis} \left( {' '.join(map(self.mathematics, token.inner))} \right)"
        if kind == "total":
            return self._fraction(graph.output, token.gate)
        if kind == "partial":
            return self._fraction(token.gate, graph.operands[token.gate][token.position])
        rule = typeset.rule(graph, token.gate, token.position)
        alone = rule.precedence >= latex.FUNCTION and rule.precedence not in (latex.PRODUCT, latex.MATRIX)
        return rule.text if alone or not token.factor else latex.parenthesised(rule.text)

    def _gist(self, x: Any) -> str:
        """What a large array is like, its numbers as mathematics."""
        shape, told = gist(x, brief if self.shortly else self.number)
        parts = []
        for part in told:
            word, _, number = part.rpartition(" ")
            counted = word[:1].isdigit()
            parts.append(rf"\text{{{part}}}" if counted else rf"\text{{{word} }} {latex.number(number).text}")
        extents = shape.replace("×", r" \times ") if "×" in shape else rf"\text{{{shape}}}"
        return rf"({extents}\colon {', '.join(parts)})"

    def _number(self, index: int) -> Latex:
        """A gate's value where it is used; a large array by its name."""
        large = is_large(self.values[index])
        return typeset.operand(self.graph, index) if large else latex.number(self.operand(index))

    def _passed_on(self, token: Token) -> str:
        """As `_passed`, as mathematics."""
        graph, index = self.graph, token.gate
        level = latex.MATRIX if graph.rows[graph.codes[index]].name == "matmul" else latex.PRODUCT
        adjoint, y = Latex(self._fraction(graph.output, index), level), typeset.operand(graph, index)
        operands = [typeset.operand(graph, place) for place in graph.operands[index]]
        if token.kind == "passed numbers":
            # Without `number`, since rules would compute with literals: 2·1 would be 2.
            y, *operands = (self._number(place)._replace(number=None) for place in (index, *graph.operands[index]))
            if not is_large(self.adjoints[index]):
                adjoint = latex.number(self.number(self.adjoints[index]))._replace(number=None)
        layout, row = graph.layout(index).at(token.position), graph.rows[graph.codes[index]]
        named = contribution(row, typeset.LATEX, layout, lambda _: adjoint, y, operands)
        return latex.enclosed(latex.of(named), latex.SUM + 1 if token.factor and latex.of(named).text[:1] == "-" else 0)

    def _equal(self, index: int, written: str) -> str:
        return latex.parenthesised(written) if self.loose(index) else written

    def _label(self, index: int) -> str:
        return typeset.operand(self.graph, index).text

    def _fraction(self, above: int, below: int) -> str:
        return rf"\frac{{\partial {self._label(above)}}}{{\partial {self._label(below)}}}"


def _row(step: Step, words: TexWords) -> str:
    """A formula, its first equals sign aligned with those of the others, on as many lines as it needs."""
    formula = trimmed(step.formula, words.write)
    written, used, aligned = [], 0, False
    for place, token in enumerate(formula):
        mark = ""
        if token in (EQUALS, ADDS, WITH) and not aligned:
            mark, aligned = "&", True
        elif (token is EQUALS and used + _side(formula, place, words) > _WIDTH) or (token is PLUS and used > _WIDTH):
            mark, used = "\\\\\n  &" + (r"\quad{} " if token is PLUS else ""), 0
        written.append(mark + words.mathematics(token))
        used += len(words.write(token)) + 1
    remark = rf"\text{{({escaped(step.words)})}}" if step.words else ""
    if remark:
        written.append((r"\quad " if used + len(step.words) <= _WIDTH else "\\\\\n  &\\quad ") + remark)
    return "  " + " ".join(written)


def _side(formula: Sequence[Token], place: int, words: Words) -> int:
    """The columns of plain text from an equals sign to the next."""
    length = 0
    for token in formula[place + 1 :]:
        if token is EQUALS:
            break
        length += len(words.write(token)) + 1
    return length


def _environment(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}\n" if rows else ""


def _prose(step: Step, words: TexWords) -> str:
    if step.kind == "title":
        return f"\\subsection*{{{escaped(step.words)}}}\n"
    if step.kind == "warning":
        return f"\\noindent\\emph{{Warning:}} {escaped(step.words)}\n\n"
    if step.kind == "gate":
        formula = trimmed(step.formula, words.write)
        return f"\\medskip\\noindent ${' '.join(map(words.mathematics, formula))}$\n"
    return f"{escaped(step.words)}\n\n"


def render(trace: Trace, look: Look, telling: Telling) -> Iterator[str]:
    """Prose and align* environments by turns."""
    named = with_named_output(trace)
    words, rows = TexWords(named, telling.short), list[str]()
    yield _HEAD if telling.standalone else ""
    for step in steps(named, telling, look.every_gate):
        prose = step.kind == "gate" or not step.formula
        if (prose or len(rows) >= _ROWS) and rows:
            yield _environment(rows)
            rows = []
        if prose:
            yield _prose(step, words)
        else:
            rows.append(_row(step, words))
    yield _environment(rows)
    yield _FOOT if telling.standalone else ""

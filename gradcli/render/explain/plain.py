"""An explanation for the terminal.

Invariant: a number is never cut; lines that are too long go on at an operator, an equals sign first of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from gradcli.printable import printable
from gradcli.render import Look
from gradcli.render.explain import Telling
from gradcli.render.explain.flows import with_named_output
from gradcli.render.explain.steps import steps
from gradcli.render.explain.tokens import Step, Token
from gradcli.render.explain.words import Words, trimmed
from gradcli.render.screen import draw
from gradcli.traces import Trace

_WIDTH, _WIDEST, _LEAST = 80, 100, 20
_LEAST_ROOM = 12  # columns for words, however far they are set in
_STYLES = {"value": "green", "numbers": "green", "gradient": "red", "label": "bold"}
_INDENTS = {"title": 0, "prose": 0, "arrives": 4, "local": 4, "passes": 4, "warning": 4}
_FURTHER = 4  # blanks before a line that goes on
_SPACES = re.compile(r" (?=[^\w(])|(?<=,) ")  # where a formula of many operands may be broken
_TOGETHER = 400  # lines drawn at once


class _Atom(NamedTuple):
    """What is not broken. A side of an equation begins with one that is strong."""

    text: str
    style: str
    strong: bool


def _atoms(step: Step, words: Words) -> Iterator[_Atom]:
    waiting: list[str] = []
    for token in trimmed(step.formula, words.write):
        written, style = words.write(token), _style(step, token)
        if token.kind == "sign" and token.text != ":":
            waiting.append(written)
            continue
        head, *rest = _SPACES.split(written)
        strong = waiting[-1:] == ["="]
        if waiting:
            yield _Atom(" ".join(waiting), "dim", strong)
            waiting = []
        yield _Atom(head, style, False)
        for part in rest:
            yield _Atom(part, style, False)
    if waiting:
        yield _Atom(" ".join(waiting), "dim", False)


def _style(step: Step, token: Token) -> str:
    if token.kind == "gradient" and step.kind in ("arrives", "result"):
        return "bold red"
    if token.kind == "label" and step.kind not in ("input", "forward", "gate", "hop"):
        return ""
    return _STYLES.get(token.kind, "")


def _packed(units: list[list[_Atom]], width: int, first: int) -> Iterator[list[_Atom]]:
    """Units on as few lines as they need; the first line has already used some columns."""
    line: list[_Atom] = []
    used = first
    for unit in units:
        size = sum(cell_len(atom.text) + 1 for atom in unit)
        if line and used + size - 1 > width:
            yield line
            line, used = [], _FURTHER
        line = [*line, *unit]
        used += size
    if line:
        yield line


def _units(atoms: list[_Atom]) -> list[list[_Atom]]:
    """An operator goes with what follows it."""
    units: list[list[_Atom]] = []
    sign = False
    for atom in atoms:
        if sign or (atom.text == ":" and units):
            units[-1].append(atom)
        else:
            units.append([atom])
        sign = atom.style == "dim"
    return units


def _lines(atoms: list[_Atom], width: int) -> list[list[_Atom]]:
    """The atoms on lines; what goes on is set in by _FURTHER."""
    if sum(cell_len(atom.text) + 1 for atom in atoms) - 1 <= width:
        return [atoms]
    sides: list[list[_Atom]] = []
    for atom in atoms:
        if atom.strong or not sides:
            sides.append([])
        sides[-1].append(atom)
    lines: list[list[_Atom]] = []
    room = width - _FURTHER
    for side in sides:
        size = sum(cell_len(atom.text) + 1 for atom in side) - 1
        before = sum(cell_len(atom.text) + 1 for atom in lines[-1]) if lines else 0
        if lines and before + size <= (width if len(lines) == 1 else room):
            lines[-1] = [*lines[-1], *side]
        elif size <= (room if lines else width):
            lines.append(side)
        else:
            lines += _packed(_units(side), width, _FURTHER if lines else 0)
    return lines


def _formula(step: Step, words: Words, width: int) -> Iterator[Text]:
    indent = _INDENTS.get(step.kind, 2)
    lines = _lines(list(_atoms(step, words)), width - indent)
    for place, line in enumerate(lines):
        text = Text(" " * (indent + (_FURTHER if place else 0)))
        for position, atom in enumerate(line):
            text.append(" " if position and atom.text != ":" else "").append(atom.text, atom.style)
        remark = f"   {printable(step.words)}" if step.words and place == len(lines) - 1 else ""
        if remark and text.cell_len + cell_len(remark) > width:
            yield text
            yield from _words(step.words, indent + _FURTHER, width, "dim")
        else:
            yield text.append(remark, "dim")


def _words(words: str, indent: int, width: int, style: str, mark: str = "") -> Iterator[Text]:
    room = max(_LEAST_ROOM, width - indent - len(mark))
    for place, line in enumerate(wrap(printable(words), room, break_long_words=False, break_on_hyphens=False)):
        yield Text(" " * indent).append((" " * len(mark) if place else mark) + line, style)


def _drawn(step: Step, words: Words, width: int, afresh: bool) -> Iterator[Text]:
    """One step's lines. afresh: it begins something, and there is something before it."""
    if afresh and step.kind in ("title", "gate"):
        yield Text()
    if step.kind == "title":
        yield Text(step.words, "bold")
    elif step.kind == "warning":
        yield from _words(step.words, _INDENTS["warning"], width, "yellow", "⚠ ")
    elif not step.formula:
        yield from _words(step.words, 0, width, "dim")
    else:
        yield from _formula(step, words, width)


def render(trace: Trace, look: Look, telling: Telling) -> Iterator[str]:
    """The explanation of a trace."""
    named = with_named_output(trace)
    yield from written(steps(named, telling, look.every_gate), Words(named, telling.short), look)


def written(told: Iterable[Step], words: Words, look: Look) -> Iterator[str]:
    """The steps, one below the other."""
    width = max(_LEAST, min(look.width or _WIDTH, _WIDEST))
    lines: list[Text] = []
    begun = False
    for step in told:
        if not look.unicode:
            step = step._replace(words=step.words.replace("→", "->"))  # before lines are measured
        lines += _drawn(step, words, width, begun)
        begun = True
        if len(lines) >= _TOGETHER:
            yield _shown(lines, look, width)
            lines = []
    yield _shown(lines, look, width) if lines else ""


def _shown(lines: list[Text], look: Look, width: int) -> str:
    drawn = draw(lines, look, width)
    return drawn if look.unicode else drawn.replace("→", "->")

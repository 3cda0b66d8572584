"""What a picture is made of: nodes, arrows, frames, each with its lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradcli.render.picture.folding import Folded
from gradcli.render.picture.framing import Frame, Framed


class Line(NamedTuple):
    """One line of text; `kind` decides its colour."""

    kind: str
    text: str


class Node(NamedTuple):
    """A gate, or a folded group. `operation` and `stage` are its heading; `lines` stand under it."""

    id: str
    kind: str  # input, constant, gate, folded
    operation: str
    stage: str
    lines: tuple[Line, ...]
    mark: str  # "", warn, bad
    is_output: bool
    tooltip: str
    frame: str = ""  # the id of the one it stands in


class Arrow(NamedTuple):
    """An operand. Its id is that of the gate and the operand's position: g4-0; of several in one fold4-g0."""

    id: str
    tail: str
    head: str
    lines: tuple[Line, ...]
    kind: str  # "", inactive, zero, nan
    heat: int | None  # |contribution| against the largest one, from 0 to HEAT_LEVELS
    tooltip: str


class Picture(NamedTuple):
    title: str
    description: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    legend: tuple[Line, ...]
    note: str  # what is not shown, or ""
    inputs: tuple[str, ...]  # ids
    frames: tuple[Frame, ...] = ()


class Selection(NamedTuple):
    """The gates to show, alone or folded, in the order of their (first) gates; and what to say of the others."""

    nodes: Sequence[int | Folded]
    note: str
    framed: Framed = Framed((), {})

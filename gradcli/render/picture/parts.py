"""What a picture is made of: nodes, arrows, frames, each with its lines of text; how it is drawn, what comes of it."""

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


class Options(NamedTuple):
    """How a picture is drawn.

    Attributes:
        theme: auto follows the reader's system where the format can; light, dark.
        rankdir: LR, TB, or None for what suits the graph.
        heat: weight and colour edges by |contribution|.
        legend: explain the colours.
        path: show only what this input or stage influences.
        depth: show at most so many edges back from the output.
        seconds: how long the layout may take.
        prefix: of the ids in an SVG, where several share a page.
        collapse: draw these as one node each: functions, stages, loop variables; a number: what is nested deeper.
        clusters: frames around calls, turns of loops and stages.
    """

    theme: str = "auto"
    rankdir: str | None = None
    heat: bool = False
    legend: bool = True
    path: str | None = None
    depth: int | None = None
    seconds: float = 20.0
    prefix: str = ""
    collapse: tuple[str, ...] = ()
    clusters: bool = True


class Drawn(NamedTuple):
    """A picture in some format, and what is to be said about it."""

    content: str | bytes
    note: str

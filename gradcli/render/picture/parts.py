"""What a picture is made of: nodes, arrows, frames, each with its lines of text; how it is drawn, what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from gradcli.render.picture.folding import Folded
from gradcli.render.picture.framing import Frame, Framed

if TYPE_CHECKING:
    from gradcli.graph.both_passes import BothPasses


class Line(NamedTuple):
    """One line of text; `kind` decides its colour.

    Attributes:
        widest: on a page, where the text changes: what needs the most room there; "" if it never changes.
    """

    kind: str
    text: str
    widest: str = ""

    @property
    def room(self) -> str:
        """The text that the layout leaves room for."""
        return self.widest or self.text


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
    folded: tuple[str, ...] = ()  # on a page: ids of the frames that are closed to begin with


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
        page: for a page that changes the numbers: with room for any, without colours, tooltips and warnings; what
            `collapse` names is drawn in a frame.
        passes: what the graph is, where it holds a program and its gradient.
        standalone: of TikZ, a whole document.
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
    page: bool = False
    passes: BothPasses | None = None
    standalone: bool = False


class Drawn(NamedTuple):
    """A picture in some format, and what is to be said about it.

    Attributes:
        picture: what an SVG shows.
    """

    content: str | bytes
    note: str
    picture: Picture | None = None

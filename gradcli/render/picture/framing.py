"""Frames around the nodes of a stage, of a function's call, of a loop's turn.

Enters: a graph and its nodes, by the position of a gate. Leaves: `Frame`s, nested. Invariant: a frame is drawn only
where it tells more than the names that gates have anyway, so that small pictures stay calm: the rule is `_tells`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.printable import printable, shorten
from gradcli.render.picture import sizes
from gradcli.render.picture.folding import Block, blocks, heading

T = TypeVar("T")


class Frame(NamedTuple):
    """A frame with its caption. parent is the id of the frame that it stands in, or ""; it holds first to last - 1."""

    id: str
    caption: str
    parent: str
    tooltip: str
    first: int = 0
    last: int = 0


class Framed(NamedTuple):
    """Frames, outer ones before those in them, and the id of the innermost one of each node that is in any.

    Attributes:
        closed: ids of the frames that were wanted.
    """

    frames: tuple[Frame, ...]
    homes: Mapping[int, str]
    closed: tuple[str, ...] = ()


def frame(
    graph: Graph, places: Sequence[int], wanted: Collection[tuple[int, int]] = (), only_wanted: bool = False
) -> Framed:
    """Which frames to draw.

    Args:
        graph: all gates.
        places: of every node its gate, ascending; of a node that stands for several its first one.
        wanted: first and last node of frames to draw whatever they tell.
        only_wanted: whether to draw no others.
    """
    if not graph.groups:
        return Framed((), {})
    flags, working = bytearray(len(graph)), bytearray(len(graph))
    for place in places:
        flags[place], working[place] = 1, graph.codes[place] > ops.CONSTANT
    before, before_working = list(accumulate(flags, initial=0)), list(accumulate(working, initial=0))
    frames: list[Frame] = []
    closed: list[str] = []
    homes: dict[int, str] = {}
    around: list[tuple[int, int, str]] = []  # the frames that the next one is in: end, how many nodes, id
    for block in blocks(graph):
        while around and around[-1][0] <= block.first:
            around.pop()
        held = before[block.last] - before[block.first]
        held_working = before_working[block.last] - before_working[block.first]
        again = bool(around) and around[-1][1] == held
        inside = places[before[block.first] : before[block.last]]
        is_wanted = bool(inside) and (inside[0], inside[-1]) in wanted
        is_told = len(around) < sizes.NESTED and _tells(block, held, held_working, before_working[-1])
        if again or not (is_wanted or (is_told and not only_wanted)):
            continue
        name, parent = f"frame{block.first}_{block.last}", around[-1][2] if around else ""
        frames.append(Frame(name, caption(block), parent, _tooltip(block, held), block.first, block.last))
        closed += [name] if is_wanted else []
        around.append((block.last, held, name))
        homes |= dict.fromkeys(inside, name)
    return Framed(tuple(frames), homes, tuple(closed))


def _tells(block: Block, held: int, working: int, all_working: int) -> bool:
    """Whether a frame is worth its ink.

    One around a call or a turn is, from two nodes on. A stage's last gate has the stage's name anyway: its frame says
    more only if several operations make it up, and not if these are the whole picture.
    """
    if block.kinds != {"stage"}:
        return held > 1
    return working >= sizes.STAGE and working < all_working


def caption(block: Block) -> str:
    """h = layer(…), t = 2."""
    what, more = heading(block)
    if "turn" in block.kinds:
        return f"{what}: {more}" if more else what
    return f"{more} = {what}" if more else what


def _tooltip(block: Block, held: int) -> str:
    names = (shorten(printable(group.name), sizes.TOOLTIP) for group in block.groups)
    lines = [f"{group.kind} {name}" for group, name in zip(block.groups, names, strict=True)]
    return "\n".join([*lines, f"{held:,} nodes"])


def nested(frames: Sequence[Frame], nodes: Sequence[tuple[str, T]]) -> Iterator[tuple[Frame | None, T | None]]:
    """Frames and what stands in them, for formats that nest: (frame, None) begins one, (None, None) ends it.

    Args:
        frames: outer ones before those in them.
        nodes: each with the id of its frame.
    """
    by_id = {one.id: one for one in frames}
    inside: dict[str, list[tuple[Frame | None, T | None]]] = {"": []}
    for home, node in nodes:  # a frame stands where its first node does
        opening, name = [], home
        while name not in inside:
            opening.append(by_id[name])
            name = by_id[name].parent
        for one in reversed(opening):
            inside[one.id] = []
            inside[one.parent].append((one, None))
        inside[home].append((None, node))
    open_ = [iter(inside[""])]
    while open_:
        part = next(open_[-1], (None, None))
        if part == (None, None):
            open_.pop()
            if not open_:
                return
        elif part[0] is not None:
            open_.append(iter(inside[part[0].id]))
        yield part

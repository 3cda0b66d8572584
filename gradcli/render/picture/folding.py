"""Groups of gates that a picture draws as one node each.

Enters: a graph, the gates to show, what to fold: names and a depth. Leaves: `Folded` groups. Invariant: time is linear
in the gates and groups, and no gate is in two of them. A group is a range of gates, so folding it never makes a cycle:
every edge still points to a later node. The elements of one name stand apart, and folding these can make one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

from gradcli.errors import UsageError
from gradcli.graph.graph import Graph, Group
from gradcli.printable import shorten
from gradcli.render.picture.words import name_of

KINDS = ("turn", "call", "stage")


class Block(NamedTuple):
    """Groups that hold the same gates: a turn, its one stage, the call that computes it.

    Attributes:
        groups: outer ones first.
        level: in how many other blocks it is.
    """

    groups: tuple[Group, ...]
    first: int
    last: int
    level: int

    @property
    def kinds(self) -> set[str]:
        return {group.kind for group in self.groups}


class Folded(NamedTuple):
    """Gates that become one node. `operation` and `stage` are its heading.

    Attributes:
        is_range: whether they are all the gates of a range that are shown.
    """

    operation: str
    stage: str
    gates: Sequence[int]
    is_range: bool = True

    @property
    def id(self) -> str:
        return f"fold{self.gates[0]}"


def blocks(graph: Graph) -> list[Block]:
    """The groups of a graph, outer ones before those in them."""
    found: list[Block] = []
    ends: list[int] = []  # of the blocks that the next one is in
    ordered = sorted(graph.groups, key=lambda group: (group.first, -group.last))
    for (first, last), same in groupby(ordered, key=lambda group: (group.first, group.last)):
        while ends and ends[-1] <= first:
            ends.pop()
        found.append(Block(tuple(same), first, last, len(ends)))
        ends.append(last)
    return found


def heading(block: Block) -> tuple[str, str]:
    """What it is, and what else: layer(…) and its stage h; t = 2 and its only stage; a stage alone by its name."""
    turn, call, stage = ([group.name for group in block.groups if group.kind == kind][:1] for kind in KINDS)
    calls, stages = [f"{name_of(name)}(…)" for name in call], [name_of(name) for name in stage]
    if turn:
        return name_of(turn[0]), " = ".join(stages + calls)
    return (calls[0], "".join(stages)) if calls else (stages[0], "")


def fold(graph: Graph, shown: Sequence[int], wanted: Iterable[str]) -> list[Folded]:
    """The groups to draw as one node each; those of a single gate stay as they are.

    Args:
        graph: all gates.
        shown: those that the picture shows.
        wanted: names of functions, stages and loop variables, of one turn (t=2), of arrays in single elements; a
            number folds what is nested deeper than that.

    Raises:
        UsageError: nothing has such a name.
    """
    names = {_plain(name) for name in wanted}
    if not names:
        return []
    depths = {name for name in names if name.isdecimal() and name.isascii()}
    names -= depths
    found = blocks(graph)
    known = {name for block in found for group in block.groups for name in _names(group)}
    arrays = _elements(graph)
    for name in names:
        if name not in known and name not in arrays:
            raise _unknown(name, found, arrays)
    deepest = min((int(depth[:9]) for depth in depths), default=len(graph) + 1)
    before = _counts(graph, shown)
    folded, end = [], 0
    for block in found:
        named = any(not names.isdisjoint(_names(group)) for group in block.groups)
        if block.first >= end and (named or block.level >= deepest):
            gates = shown[before[block.first] : before[block.last]]
            if len(gates) > 1:
                folded.append(Folded(*heading(block), gates))
                end = block.last
    return folded + _folded_elements(shown, folded, {name: arrays[name] for name in arrays if name in names - known})


def _plain(name: str) -> str:
    return "".join(name.split())


def _names(group: Group) -> set[str]:
    """What a group goes by: h[2] and h, t=2 and t."""
    whole = _plain(group.name)
    return {whole, whole.partition("=")[0] if group.kind == "turn" else whole.partition("[")[0]}


def _elements(graph: Graph) -> dict[str, list[int]]:
    """Gates that are elements of an array, W[0,1], by its name."""
    found: dict[str, list[int]] = {}
    if any("[" in name for name in (*graph.inputs, *graph.stages.values())):
        for index in sorted({*graph.inputs.values(), *graph.stages}):
            base, bracket, _ = (graph.name(index) or "").partition("[")
            if bracket:
                found.setdefault(base, []).append(index)
    return found


def _folded_elements(shown: Sequence[int], folded: Sequence[Folded], arrays: dict[str, list[int]]) -> list[Folded]:
    free = set(shown).difference(*(group.gates for group in folded)) if arrays else set()
    found = []
    for name, indices in arrays.items():
        gates = [index for index in indices if index in free]
        if len(gates) > 1:
            found.append(Folded(name_of(name), "", gates, is_range=False))
    return found


def _counts(graph: Graph, shown: Sequence[int]) -> list[int]:
    """How many of the gates shown stand before each position."""
    flags = bytearray(len(graph))
    for index in shown:
        flags[index] = 1
    return list(accumulate(flags, initial=0))


def _unknown(name: str, found: Sequence[Block], arrays: dict[str, list[int]]) -> UsageError:
    names = [min(_names(group), key=len) for block in found for group in block.groups]
    listed = shorten(", ".join(map(name_of, dict.fromkeys([*names, *arrays]))), 200)
    hint = f"there are {listed}" if listed else "this graph has no functions, stages or loops of several gates"
    return UsageError(f"--collapse {shorten(name) or '(empty)'}: no function, stage or loop of that name", hint=hint)

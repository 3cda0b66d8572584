"""Where the uncertainties of inputs stand that columns bind: in columns of their own, or on the command line.

Enters: the sources and feeds of the inputs; what --map, --set and --NAME say of names such as T_err. Leaves: `Place`s
and `Uncertain`s by inputs of the kernel. Invariant: what is said of an input by its own name comes before what is
called like its column; a name that is an input of the program is never taken for an uncertainty.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from gradcli.batch.columns import Source, sources
from gradcli.batch.job import Feed
from gradcli.cli.values import constant, value
from gradcli.errors import BindingError
from gradcli.language.parser import normalise
from gradcli.numeric.elements import elements, shape_of
from gradcli.printable import shorten
from gradcli.propagating.columns import Uncertain
from gradcli.propagating.notation import checked_uncertainty, measured


class Place(NamedTuple):
    """A column of uncertainties, and the position in its lists; None if it holds numbers."""

    column: str
    position: int | None


class Said(NamedTuple):
    """What the command line says of uncertainties, by what they are called: T_err, w[0]_err.

    Attributes:
        end: of these names.
        mapped: their columns.
        constants: numbers, arrays or percentages, as they are written.
    """

    end: str
    mapped: dict[str, str]
    constants: dict[str, str]

    def of(self, name: str) -> str:
        """What the uncertainty of an input is called here."""
        return normalise(f"{name}{self.end}")

    def concerns(self, name: str, inputs: Collection[str]) -> bool:
        """Whether a name is that of the uncertainty of an input, or of an element of one."""
        name = normalise(name)
        base = name[: -len(self.end)]
        return name not in inputs and self.of(base) == name and base.partition("[")[0] in inputs

    def check(self, bound: Collection[str]) -> None:
        """Refuse the uncertainty of a value, and one that is given twice. bound: the inputs that columns bind."""
        for name in (*self.mapped, *self.constants):
            base = name[: -len(self.end)].partition("[")[0]
            if base not in bound:
                hint = f'write --{shorten(base)} "2.0 ± 0.1"'
                raise BindingError(f"{shorten(name)}: {shorten(base)} is a value and no column", hint=hint)
            if name in self.mapped and name in self.constants:
                raise BindingError(f"{shorten(name)} is given twice: a value and --map")


def read_too(found: Mapping[str, Source], columns: Sequence[str], said: Said) -> tuple[str, ...]:
    """The columns that may hold uncertainties of the inputs.

    Args:
        found: the inputs that columns bind.
        columns: of the data.
    """
    there, by_array = {*columns}, _of_elements(columns, said.end)
    names: list[str] = []
    for name, source in found.items():
        if said.of(name) in said.constants:
            continue
        keys = (said.of(name), *(key for key in said.mapped if key.startswith(f"{name}[")))
        if maps := [one for key in keys if (one := _mapped(key, said, columns)) is not None]:
            names += [column for one in maps for column in one.columns]
        if keys[0] not in said.mapped:
            names += [f"{one}{said.end}" for one in (name, *source.columns)]
            names += by_array.get(name, [])
    return tuple(name for name in dict.fromkeys(names) if name in there)


def _of_elements(columns: Iterable[str], end: str) -> dict[str, list[str]]:
    """Columns such as w[0]_err by their arrays."""
    found: dict[str, list[str]] = {}
    for column in columns:
        if column.endswith(f"]{end}"):
            found.setdefault(column.partition("[")[0], []).append(column)
    return found


def _mapped(key: str, said: Said, columns: Sequence[str] | None) -> Source | None:
    """What --map says of an uncertainty."""
    if key not in said.mapped:
        return None
    return sources([key], (), {key: said.mapped[key]}, columns)[key]


def places(feeds: Sequence[Feed], columns: Sequence[str] | None, said: Said) -> dict[str, Place]:
    """The columns of the uncertainties, by inputs of the kernel.

    Args:
        feeds: of the inputs; those of the elements of an array in their order.
        columns: of the data; None if there is no row that could tell.
    """
    there = {*(columns or ())}
    found: dict[str, Place] = {}
    for name, own in _by_input(feeds).items():
        whole = _mapped(said.of(name), said, columns)
        array = own[0].input != name
        if whole is not None and whole.shape and (not array or len(whole.columns) != len(own)):
            what = f"an array of {len(own):,}" if array else "a number"
            message = f"--map {shorten(said.of(name))}: {len(whole.columns):,} columns, and {shorten(name)} is {what}"
            raise BindingError(message)
        for position, feed in enumerate(own):
            single = _mapped(said.of(feed.input), said, columns) if array else None
            if single is not None and single.shape:
                raise BindingError(f"--map {shorten(said.of(feed.input))}: several columns, and that is a number")
            place: Place | None
            if single is not None:
                place = Place(single.columns[0], None)
            elif whole is not None and whole.shape:
                place = Place(whole.columns[position], None)
            elif whole is not None:
                place = Place(whole.columns[0], position if array else None)
            else:
                place = _called(name, feed, position if array else None, there, said.end)
            if place is not None:
                found[feed.input] = place
    return found


def _by_input(feeds: Iterable[Feed]) -> dict[str, list[Feed]]:
    found: dict[str, list[Feed]] = {}
    for feed in feeds:
        found.setdefault(feed.input.partition("[")[0], []).append(feed)
    return found


def _called(name: str, feed: Feed, position: int | None, columns: Collection[str], end: str) -> Place | None:
    """The column that is called like an input, or like the column of its values, with the end behind it.

    Where --map takes x from the column y, and there is a column x too, x_err belongs to that one.
    """
    for one, at in ((feed.input, None), (name, position)):
        if f"{one}{end}" in columns and (one == feed.column or one not in columns):
            return Place(f"{one}{end}", at)
    column = f"{feed.column}{end}"
    return Place(column, feed.place) if column in columns else None


def read_feeds(found: Mapping[str, Place], names: Collection[str], feeds: Sequence[Feed]) -> list[Feed]:
    """What is read of the uncertainties of some inputs: of a column of lists all, which tells how long they are.

    Args:
        feeds: of the inputs.
    """
    result, lists = [], {}
    for name in names:
        if name not in found:
            continue
        column, position = found[name]
        result.append(Feed(Uncertain(name, None).column, column, position, 0.0))
        if position is not None:
            lists[column] = name.partition("[")[0]
    counts = {name: len(own) for name, own in _by_input(feeds).items()}
    taken = {(feed.column, feed.place) for feed in result}
    for column, name in lists.items():
        rest = [place for place in range(counts[name]) if (column, place) not in taken]
        result += [Feed(f"{place} of the column {column}", column, place, 0.0) for place in rest]
    return result


def constants(feeds: Sequence[Feed], said: Said) -> dict[str, Uncertain]:
    """The uncertainties that the command line gives to inputs that columns bind."""
    found: dict[str, Uncertain] = {}
    for name, own in _by_input(feeds).items():
        if (text := said.constants.get(said.of(name))) is not None:
            found |= _constant(text, name, [feed.input for feed in own])
        for feed in own:
            if feed.input != name and (text := said.constants.get(said.of(feed.input))) is not None:
                found |= _constant(text, feed.input, [feed.input])
    known = {said.of(one) for feed in feeds for one in (feed.input, feed.input.partition("[")[0])}
    for key in said.constants:
        if key not in known:
            raise BindingError(f"there is no element {shorten(key[: -len(said.end)])}")
    return found


def _constant(text: str, name: str, inputs: list[str]) -> dict[str, Uncertain]:
    """0.1, 1% or [0.1, 0.2]."""
    what = f"the uncertainty of {name}"
    text = text.strip()
    if text.endswith("%"):
        share = checked_uncertainty(constant(text[:-1].strip(), what), name, text) / 100.0
        return {one: Uncertain(one, None, share) for one in inputs}
    if not text.startswith("[") and measured(text, what, constant) is not None:
        raise BindingError(f"{what} has an uncertainty itself: {shorten(text)}", hint="write a number, or 1%")
    given = value(text, what)
    numbers = list(elements(given)) if shape_of(given) else [given] * len(inputs)
    if len(numbers) != len(inputs):
        raise BindingError(f"{what} has {len(numbers):,} elements, and {shorten(name)} has {len(inputs):,}")
    return {
        one: Uncertain(one, checked_uncertainty(float(x), name, text)) for one, x in zip(inputs, numbers, strict=True)
    }


def taken_out(
    pairs: Iterable[tuple[str, str]], said: Said, inputs: Collection[str], known: dict[str, str]
) -> list[tuple[str, str]]:
    """The pairs of names and texts that are no uncertainties; the others are added to those that are known.

    Args:
        inputs: of the program.
        known: one of what is said.
    """
    rest = []
    for name, text in pairs:
        key = re.sub(r"\s+(?=[^\[\]]*\])", "", normalise(name.strip()))
        if not said.concerns(key, inputs):
            rest.append((name, text))
            continue
        if key in known:
            raise BindingError(f"{shorten(key)} is given twice")
        known[key] = text
    return rest

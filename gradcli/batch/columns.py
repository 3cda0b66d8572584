"""Which column of the data binds which input of the program, and what the results are called.

Enters: names of inputs, of values, of columns. Leaves: a `Source` per input, the names of the columns that are kept and
of the results. Invariant: a value that is given by hand wins over a column of its name; a constant such as e is never
bound by a column unless --map says so; a name is never in the output twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count, product, takewhile
from typing import NamedTuple

from gradcli.errors import BindingError, UsageError
from gradcli.graph import ops
from gradcli.graph.ops.layout import Shape
from gradcli.language.parser import normalise
from gradcli.printable import shorten

_ELEMENT = re.compile(r"(.+)\[\s*([0-9]{1,9}(?:\s*,\s*[0-9]{1,9})*)\s*\]", re.DOTALL)
_SIGNS = (
    (";", "semicolons", "write commas, and numbers with a decimal point"),
    ("\t", "tabs", "--from tsv reads them"),
    (",", "commas", "--from csv reads them"),
)
_SPELT_OUT = 20  # columns of an array in a hint: of more, some
_LISTED = 200  # characters of a list of names in a message


class Source(NamedTuple):
    """Where an input's numbers come from.

    Attributes:
        columns: one, or one per element of an array, row by row.
        shape: of the array that several columns make; () for one column, which may still hold lists.
    """

    columns: tuple[str, ...]
    shape: Shape = ()


def sources(
    inputs: Iterable[str], values: Collection[str], mapped: Mapping[str, str], columns: Sequence[str] | None
) -> dict[str, Source]:
    """The columns of every input that has no value.

    Args:
        inputs: of the program.
        values: the names that are given a value.
        mapped: what --map says, by input.
        columns: of the data; None if there is no row that could tell.

    Raises:
        BindingError: an input has neither column nor value, or both by --map; --map names an input or a column that
            there is not.
    """
    inputs = list(inputs)
    for name in mapped:
        if name in values:
            raise BindingError(f"{shorten(name)} is given twice: a value and --map")
        if name not in inputs:
            hint = f"its inputs are {_listed(inputs)}" if inputs else None
            raise BindingError(f"--map: {shorten(name)} is not an input of the program", hint=hint)
    wanted = [name for name in inputs if name not in values]
    if columns is None:
        return {name: Source((mapped.get(name, name),)) for name in wanted}
    known = _by_name(columns)
    arrays = _elements(columns) if any("[" in column for column in columns) else {}
    found: dict[str, Source] = {}
    for name in wanted:
        if name in mapped:
            found[name] = _mapped(name, mapped[name], known, columns)
        elif name in known:
            found[name] = Source((known[name],))
        elif name in arrays:
            found[name] = _array(name, arrays[name])
    if missing := [name for name in wanted if name not in found]:
        raise _missing(missing, columns)
    return found


def hidden(names: Collection[str], columns: Sequence[str]) -> list[str]:
    """The columns, in their order, that would bind inputs of these names if no value were given."""
    if not names:
        return []
    known = _by_name(columns)
    arrays = _elements(columns) if any("[" in column for column in columns) else {}
    taken = {known[name] for name in names if name in known}
    taken |= {one for name in names if name not in known for one in arrays.get(name, {}).values()}
    return [name for name in columns if name in taken]


def _by_name(columns: Sequence[str]) -> dict[str, str]:
    """Columns by what a program may call them: as they are, or normalised as names are."""
    found: dict[str, str] = {}
    for column in columns:
        found.setdefault(normalise(column.strip()), column)
    found.update(zip(columns, columns, strict=True))
    return found


def _elements(columns: Sequence[str]) -> dict[str, dict[Shape, str]]:
    """Columns such as w[0] and w[1], by array and index."""
    found: dict[str, dict[Shape, str]] = {}
    for column in columns:
        if "[" in column and (parts := _ELEMENT.fullmatch(column.strip())):
            index = tuple(map(int, parts[2].split(",")))
            found.setdefault(normalise(parts[1].strip()), {}).setdefault(index, column)
    return found


def _array(name: str, elements: Mapping[Shape, str]) -> Source:
    axes = {len(index) for index in elements}
    if len(axes) > 1:
        some = _listed(elements.values())
        raise BindingError(f"the columns of {shorten(name)} have indices of different length: {some}")
    shape = tuple(max(index[axis] for index in elements) + 1 for axis in range(axes.pop()))
    # So many places along every axis are enough to come across a gap, if there is one.
    few = [range(min(extent, len(elements) + 1)) for extent in shape]
    if gap := next((place for place in product(*few) if place not in elements), None):
        missing = f"{name}[{','.join(map(str, gap))}]"
        hint = f"the data has {_listed(elements.values())}"
        raise BindingError(f"there is no column {shorten(missing)}", hint=hint)
    return Source(tuple(elements[place] for place in product(*few)), shape)


def _mapped(name: str, text: str, known: Mapping[str, str], columns: Sequence[str]) -> Source:
    if text in known:
        return Source((known[text],))
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in known:
            raise BindingError(f"--map {shorten(name)}: there is no column {_quoted(part)}", hint=_hint(part, columns))
    return Source(tuple(known[part] for part in parts), (len(parts),))


def _numbered(name: str, columns: Sequence[str]) -> str | None:
    """The columns x0, x1, … or x1, x2, …, of which an array x can be made, as --map has them."""
    known = _by_name(columns)
    for first in (0, 1):
        found = list(takewhile(known.__contains__, (f"{name}{place}" for place in count(first))))
        if len(found) > 1:
            every = [known[one] for one in found]
            return ",".join(every) if len(every) <= _SPELT_OUT else f"{every[0]},{every[1]},…,{every[-1]}"
    return None


def _missing(missing: Sequence[str], columns: Sequence[str]) -> BindingError:
    if functions := [name for name in missing if ops.find(name)]:
        hint = f"{functions[0]} is a function; write {functions[0]}(…)"
        return BindingError(f"no column and no value for {_listed(missing)}", hint=hint)
    first = missing[0]
    if separated := _separated(columns):
        return BindingError(f"no column and no value for {_listed(missing)}", hint=separated)
    close = _numbered(first, columns) or shorten(_nearest(first, columns) or "")
    way = f"--map {shorten(first)}={close}" if close else f"--{shorten(first)} VALUE"
    begin = f"did you mean {way}?" if close else f"give it by {way} or --map {shorten(first)}=COLUMN;"
    return BindingError(
        f"no column and no value for {_listed(missing)}", hint=f"{begin} the data has {_listed(columns)}"
    )


def _separated(columns: Sequence[str]) -> str | None:
    """A hint, where the only column looks like names with another sign between them than the format has."""
    if len(columns) != 1:
        return None
    for sign, name, way in _SIGNS:
        if sign in columns[0]:
            return f"cells seem to be separated by {name}: {way}; the data has one column, {shorten(columns[0])}"
    return None


def _hint(name: str, columns: Sequence[str]) -> str:
    if hint := _separated(columns):
        return hint
    close = _nearest(name, columns)
    return (f"did you mean {shorten(close)}? " if close else "") + f"the data has {_listed(columns)}"


def _nearest(name: str, columns: Sequence[str]) -> str | None:
    from difflib import get_close_matches

    plain = {column.strip().casefold(): column for column in reversed(columns) if len(column) < 100}
    if name.casefold() in plain:
        return plain[name.casefold()]
    close = get_close_matches(name[:40].casefold(), list(plain)[:2000], n=1)
    return plain[close[0]] if close else None


def _listed(names: Iterable[str]) -> str:
    return shorten(", ".join(map(shorten, names)), _LISTED) or "no columns"


def _quoted(name: str) -> str:
    return shorten(name) or "(empty)"


def kept(only: bool, keep: Sequence[str] | None, columns: Sequence[str] | None) -> tuple[str, ...] | None:
    """The columns that go on to the output, in the order of the data; None for all.

    Raises:
        UsageError: --keep names no column, or --only is given too.
    """
    if keep is None:
        return () if only else None
    if only:
        raise UsageError("--only leaves all columns out and --keep does not", hint="give one of them")
    if columns is None:
        return tuple(dict.fromkeys(keep))
    known = _by_name(columns)
    for name in keep:
        if name not in known:
            raise UsageError(f"--keep: there is no column {_quoted(name)}", hint=_hint(name, columns))
    wanted = {known[name] for name in keep}
    return tuple(name for name in columns if name in wanted)


def result_names(prefix: str, wrt: Sequence[str]) -> tuple[str, ...]:
    """What the columns of the value and of the gradients are called.

    Args:
        prefix: stands before all of them.
        wrt: the inputs to differentiate by.
    """
    return (f"{prefix}value", *(f"{prefix}grad_{name}" for name in wrt))


def check_results(names: Sequence[str], passing: Collection[str]) -> None:
    """Refuse names of results that are in the output already.

    Args:
        passing: the columns of the data that stand there too.

    Raises:
        UsageError: a result is called like one of them.
    """
    taken = {*passing}
    if clash := [name for name in names if name in taken]:
        hint = f"write --prefix d_ to call the results d_{shorten(names[0])}, …; or --only, or --keep"
        verb = "is a column" if len(clash) == 1 else "are columns"
        raise UsageError(f"{_listed(clash)} {verb} of the data already", hint=hint)

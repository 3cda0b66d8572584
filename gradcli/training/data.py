"""Tables whole in memory, as the columns of numbers that a loss takes.

Enters: a look at the data, and which columns bind which inputs. Leaves: an array per input, all with the rows as their
first axis. Invariant: rows keep their order; every number is one that stood in the data, and finite; a row that lacks
one, or has a cell that is none, is refused or left out whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.batch.cells import Array, Cells, bad_cell, broken_row, cells
from gradcli.batch.columns import Source
from gradcli.batch.job import Feed
from gradcli.batch.planning import feeds
from gradcli.errors import DataError
from gradcli.graph.ops.layout import Shape
from gradcli.printable import shorten
from gradcli.tables.reading import open_table

if TYPE_CHECKING:
    from gradcli.batch.looking import Data
    from gradcli.tables.blocks import Block, Options

_WAY_OUT = "--on-error skip leaves such rows out"
_CONTENT = 60  # characters of a cell in a message


class Rows:
    """Data.

    Attributes:
        columns: by input of the program, with the rows as the first axis; those of an element are contiguous.
        count: how many rows there are.
        skipped: how many more were left out.
    """

    def __init__(self, columns: dict[str, Array], count: int, skipped: int = 0) -> None:
        self.columns, self.count, self.skipped = columns, count, skipped


def load(
    data: Data,
    sources: Mapping[str, Source],
    shapes: Mapping[str, Shape],
    options: Options,
    on_error: str = "fail",
    blocks: Mapping[int, Iterator[Block]] | None = None,
) -> Rows:
    """Read all rows of all tables.

    Args:
        sources, shapes: of the inputs that columns bind, by input.
        options: how the tables are read.
        on_error: "fail" or "skip".
        blocks: of the tables that are pipes, by their place.

    Raises:
        GradcliError: a table can't be read, a row is bad, or there is none.
    """
    fed = [feed for name, source in sources.items() for feed in feeds(name, source, shapes[name])]
    parts: list[dict[str, Array]] = []
    read = 0
    for place, table in enumerate(data.tables):
        if blocks is not None and place in blocks:
            count = _table(blocks[place], fed, table.name, on_error, parts)
        else:
            needed = dict.fromkeys(feed.column for feed in fed)
            with closing(open_table(table.path, options._replace(keep="nothing"))) as reader:
                count = _table(reader.blocks(needed, ()), fed, table.name, on_error, parts)
        read += count
    kept = sum(len(part[fed[0].input]) for part in parts) if fed else 0
    if not kept:
        raise without_rows([table.name for table in data.tables], read)
    elements = {feed.input: np.concatenate([part[feed.input] for part in parts]) for feed in fed}
    named = {name: [feed.input for feed in feeds(name, source, shapes[name])] for name, source in sources.items()}
    columns = {name: _stacked([elements[one] for one in ones], shapes[name]) for name, ones in named.items()}
    return Rows(columns, kept, read - kept)


def without_rows(names: Sequence[str], read: int = 0) -> DataError:
    """There is nothing to learn from. read: rows that were there and left out."""
    where = names[0] if len(names) == 1 else f"the data, {len(names):,} files,"
    if read:
        return DataError(f"no row is left of {where}: all {read:,} lack a finite number somewhere")
    return DataError(f"{where} has no rows")


def _table(
    blocks: Iterable[Block], fed: Sequence[Feed], name: str, on_error: str, parts: list[dict[str, Array]]
) -> int:
    """Add the good rows of one table to parts; how many rows it has."""
    read = 0
    for block in blocks:
        found = cells(block, fed)
        read += block.count + len(block.broken)
        missing = [] if found.missing is None else np.flatnonzero(found.missing).tolist()
        good = _finite(found)
        if on_error == "fail":
            _refuse(block, found, missing, good, fed, name)
        if not good.all():
            parts.append({one: column[good] for one, column in found.columns.items()})
        elif block.count:
            # A block may share its numbers with the reader, which goes on: they are not ours.
            parts.append({one: np.array(column) for one, column in found.columns.items()})
    return read


def _finite(found: Cells) -> Array:
    """Which rows have a finite number everywhere. What is missing or bad is nan."""
    good: Array = np.logical_and.reduce([np.isfinite(column) for column in found.columns.values()])
    return good


def _refuse(block: Block, found: Cells, missing: Sequence[int], good: Array, fed: Sequence[Feed], name: str) -> None:
    """Refuse the first row of a block that is no data."""
    first = None if good.all() else int(np.argmin(good))
    if block.broken and (first is None or block.broken[0].row < block.row(first)):
        raise broken_row(*block.broken[0], name, "fail")
    if first is None:
        return
    if first in found.bad:
        raise bad_cell(block, first, found.bad[first], fed, name, _WAY_OUT, empty=False)
    if first in missing:
        ordered = sorted(fed, key=lambda feed: feed.place is not None)
        column = next(feed.column for feed in ordered if _lacks(block, feed, first))
        wrong = "there is no number"
    else:
        column = next(feed.column for feed in fed if not np.isfinite(found.columns[feed.input][first]))
        wrong = f'not finite: "{shorten(block.content(column, first), _CONTENT)}"'
    where = f"{name}, row {block.row(first):,}, column {shorten(column)}"
    raise DataError(f"{where}: {wrong}", hint=_WAY_OUT)


def _lacks(block: Block, feed: Feed, row: int) -> bool:
    """Whether a row has no number for an input. Lists, which are asked last, are not looked into."""
    if feed.place is not None:
        return True
    missing = block.numbers(feed.column).missing
    return missing is not None and bool(missing[row])


def _stacked(elements: Sequence[Array], shape: Shape) -> Array:
    """The columns of an input's elements as one array, rows first; every element is contiguous in it."""
    if not shape:
        return elements[0]
    whole: Any = np.empty((len(elements), len(elements[0])))
    for place, element in enumerate(elements):
        whole[place] = element
    return np.moveaxis(whole.reshape(*shape, -1), -1, 0)

"""From the arguments of `gradcli batch` to a job and the data it is for.

Enters: the command's arguments. Leaves: `Loaded`. Invariant: mistakes in the program are told first, then names that it
does not have, then inputs without a column, then results that are called like columns; nothing is written before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gradcli.batch import columns
from gradcli.batch.columns import Source
from gradcli.batch.looking import Data, Lists, check_columns, hidden, lengths, list_lengths, look, peeked
from gradcli.batch.planning import Asked, Planned, planned, shapes
from gradcli.cli import given, program
from gradcli.cli.batch_targets import check_apart
from gradcli.cli.bindings import Sorted, collect
from gradcli.cli.values import Shaped
from gradcli.errors import BindingError, DataError, GradcliError, ProgramError, StreamError, UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.names import NAMED_CONSTANTS, resolve
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise
from gradcli.printable import shorten
from gradcli.tables import FORMATS, format_of
from gradcli.tables.blocks import Options
from gradcli.tables.reading import expand
from gradcli.tables.sources import is_uri, name_of

if TYPE_CHECKING:
    from gradcli.tables.blocks import Block


class Flags(NamedTuple):
    """The command's options, as they were given.

    Attributes:
        beside: of the inputs that columns bind and the data's columns, those that are read beside them.
        rejects: where bad rows go; None for nowhere.
        names: of the results; None for those of the value and the gradients. Whoever computes others gives none at
            first, and puts them into the job when the inputs are known.
    """

    output: str | None
    source: str | None
    sink: str | None
    mapped: list[str]
    only: bool
    keep: str | None
    prefix: str
    on_error: str
    nulls: tuple[str, ...]
    engine: str
    threads: int | None
    of: str | None
    wrt: str | None
    variables: str | None
    settings: list[str]
    max_gates: int
    beside: Callable[[Mapping[str, Source], Sequence[str]], tuple[str, ...]] | None = None
    names: tuple[str, ...] | None = None
    rejects: str | None = None


class Loaded(NamedTuple):
    """A job and its data.

    Attributes:
        blocks: the rows of the tables that are pipes, by their place; the first may have been looked at.
        source: the program's text.
        notes: what the person should know.
    """

    plan: Planned
    data: Data
    blocks: dict[int, Iterator[Block]]
    source: str
    notes: list[str]


class _Bound(NamedTuple):
    """What the inputs are bound by, and what of the data goes on.

    Attributes:
        found: the inputs that columns bind.
        kept, keep: as in a job.
        beside: columns that are read as numbers too.
    """

    known: given.Given
    found: dict[str, Source]
    kept: tuple[str, ...] | None
    keep: str
    beside: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that are read as numbers."""
        bound = [column for source in self.found.values() for column in source.columns]
        return tuple(dict.fromkeys([*bound, *self.beside]))


def load(written: Program, paths: Sequence[str], flags: Flags, arguments: Sorted, words: Collection[str]) -> Loaded:
    """Look at the data and make the job.

    Args:
        written: the program.
        paths: of the data, as they were given.
        words: the command's options.

    Raises:
        GradcliError: something is wrong with the program, the values, the data or the options.
    """
    wrt = program.names_of(flags.wrt)
    resolve(written)  # what is wrong with the program is told before any file is opened
    _check_values(written, [*arguments.bindings, *(setting.partition("=")[::2] for setting in flags.settings)])
    files = files_of(paths)
    rejects = () if flags.rejects is None else (flags.rejects,)
    check_apart(paths, files, {"-o": [flags.output or "-"], "--rejects": rejects})
    formats = [format_of(path, flags.source) for path in files]
    sink = sink_format(flags, formats[0])
    keep = _keep(flags, {*formats}, sink)
    data = look(files, Options(format=flags.source, nulls=flags.nulls, keep=keep))
    try:
        bound = _bind(written, data, keep, flags, arguments, words)
        reading = Options(format=flags.source, nulls=flags.nulls)
        blocks, lists = first_rows(data, bound.found, bound.needed, bound.kept, reading)
        shaped = shapes(bound.found, lists.lengths)
        known = bound.known
        known.shapes.update({name: Shaped(shape) for name, shape in shaped.items()})
        try:
            graph = given.lowered(written, known, flags.of, flags.max_gates, words=words)
        except ProgramError as error:
            raise of_columns(error, bound.found, lists) from None
        values = given.used(graph, known, words)
        _check_used(graph, bound, data.columns or ())
        typed = FORMATS[sink].typed and not any(FORMATS[format].typed for format in formats)
        asked = Asked(
            None if flags.of is None else normalise(flags.of), wrt, flags.prefix, bound.kept, keep, typed,
            flags.on_error, flags.engine, flags.threads, flags.nulls, flags.source, sink, flags.max_gates,
        )  # fmt: skip
        plan = planned(graph, values, bound.found, shaped, data.columns, data.rows(), asked, flags.names)
    except BaseException:
        data.close()
        raise
    return Loaded(plan, data, blocks, graph.source, _notes(written, bound, graph, data.columns or ()))


def _check_values(written: Program, pairs: Iterable[tuple[str, str]]) -> None:
    """Refuse what looks like a value of other commands: ranges, and the option that is called otherwise here."""
    for name, text in pairs:
        if name == "format" and name not in resolve(written, {name}).inputs:
            hint = "--to is the format of the output, --from that of the data"
            raise UsageError("this command has no option --format", hint=hint)
        low, _, high = text.partition("..")
        if low.strip() and high.strip() and not text.startswith("@") and "{" not in text:  # a loop has braces
            hint = "ranges are for `gradcli sweep`; here columns give a value for every row"
            raise BindingError(f"the value of {shorten(name)} is a range: {shorten(text)}", hint=hint)


def files_of(paths: Sequence[str]) -> list[str]:
    """The files that DATA mean; of a misspelt one the error says which is meant."""
    try:
        return expand(paths)
    except StreamError as error:
        for path in paths:
            folder, name = os.path.split(path)
            if name and not is_uri(path) and not os.path.lexists(path) and error.message.startswith(name_of(path)):
                from difflib import get_close_matches

                with suppress(OSError):
                    if close := get_close_matches(name, os.listdir(folder or "."), n=1):
                        error.hint = f"did you mean {shorten(os.path.join(folder, close[0]), 100)}?"
        raise


def _listed(names: Iterable[str]) -> str:
    return shorten(", ".join(names), 200)


def sink_format(flags: Flags, first: str) -> str:
    """The format of the output: as --to says, as the file's name says, or as that of the data."""
    output = flags.output
    if flags.sink is not None or output in (None, "-") or is_directory(output or ""):
        return first if flags.sink is None else format_of("", flags.sink, "--to")
    return format_of(output or "", None, "--to")


def is_directory(output: str) -> bool:
    """Whether an output is a directory, for parts."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


def _keep(flags: Flags, formats: Collection[str], sink: str) -> str:
    """How the columns of the data go on to the output."""
    if flags.only:
        return "nothing"
    lines = {*formats} == {sink} and FORMATS[sink].lines and flags.keep is None
    return "lines" if lines else "columns"


def _bind(written: Program, data: Data, keep: str, flags: Flags, arguments: Sorted, words: Collection[str]) -> _Bound:
    """Find a value or a column for every input."""
    there, mapped = data.columns, collect([], flags.mapped, "--map")
    named = None if flags.keep is None else [one.strip() for one in flags.keep.split(",") if one.strip()]
    known = given.read(
        [written], arguments, words, flags.variables, flags.settings, elsewhere={*mapped, *(there or ())}
    )
    given.check_names([written], known._replace(shapes={name: Shaped(()) for name in mapped}), words)
    inputs = resolve(written, {*known.values, *mapped}).inputs
    found = columns.sources(inputs, known.values, mapped, there)
    beside = () if flags.beside is None else flags.beside(found, there or ())
    bound = _Bound(known, found, columns.kept(flags.only, named, there), keep, beside)
    check_columns(data, bound.needed, bound.kept, keep)
    return bound


def first_rows(
    data: Data, sources: Mapping[str, Source], needed: Collection[str], kept: Collection[str] | None, options: Options
) -> tuple[dict[int, Iterator[Block]], Lists]:
    """The blocks of the tables that are pipes, and which columns hold how long lists.

    Args:
        sources: of the inputs that columns bind.
        needed: the columns that are read as numbers.
        kept: those that go on to an output; None for all.
    """
    singles = [source.columns[0] for source in sources.values() if not source.shape]
    found: dict[int, Iterator[Block]] = {}
    lists = Lists({}, {})
    for place, reader in data.waiting.items():
        found[place] = iter(reader.blocks(needed, kept))
        if FORMATS[data.tables[place].format].typed:  # the first row has come already, and may hold lists
            first, found[place] = peeked(found[place])
            if first is not None and first.count and not lists.lengths:
                lists = lengths((first,), singles)
    if not lists.lengths:
        others = list_lengths(data, singles, options)
        lists = Lists(others.lengths, {**lists.unknown, **others.unknown})
    if empty := [name for name, typed in lists.unknown.items() if typed]:
        raise _without_lists(empty[0])
    return found, lists


def _without_lists(column: str) -> DataError:
    hint = "what is computed depends on how long lists are, and nulls do not tell"
    return DataError(f"column {shorten(column)} holds no list, in the first rows at least", hint=hint)


def of_columns(error: ProgramError, sources: Mapping[str, Source], lists: Lists) -> GradcliError:
    """The error for an input that is a number and should be an array, in terms of columns."""
    name, mark, rest = (error.hint or "").partition(" is a number here;")
    if not mark or "--shapes" not in rest:
        return error
    source = next((source for one, source in sources.items() if shorten(one) == name), None)
    if source is None:
        error.hint = f"{name} is a number here; give it an array as its value"
    elif source.columns[0] in lists.unknown:
        return _without_lists(source.columns[0])
    else:
        error.hint = f"{name} is a column of numbers; lists make it an array, or --map {name}=a,b,c"
    return error


def _check_used(graph: Graph, bound: _Bound, there: Sequence[str]) -> None:
    """Refuse data of which nothing is used, because values come first."""
    if any(name in bound.found for name in graph.inputs):
        return
    taken = [name for name in graph.inputs if name in bound.known.values and hidden({name}, there)]
    if not taken:
        return
    file = [name for name in taken if name in (bound.known.from_file or ())]
    own = [f"--{name}" for name in taken if name in bound.known.written]
    told = [*([f"--vars gives {_listed(file)}"] if file else ()), *([f"{_listed(own)} is given"] if own else ())]
    message = f"no column is used: {', '.join(told)}, and values come before columns"
    raise BindingError(message, hint="leave out what columns shall give; `gradcli eval` computes a single point")


def _notes(written: Program, bound: _Bound, graph: Graph, there: Sequence[str]) -> list[str]:
    """What is not as somebody may think: values that hide columns, constants that are no columns, values not used."""
    known = bound.known
    notes = []
    if unused := hidden({name for name in graph.inputs if name in known.values}, there):
        what = "column is" if len(unused) == 1 else "columns are"
        notes.append(f"note: given as a value, so the {what} not used: {_listed(unused)}")
    if constants := [name for name in NAMED_CONSTANTS if name in there and name not in graph.free]:
        for name in constants:
            if name in resolve(written, {*graph.free, name}).inputs:
                notes.append(f"note: {name} is the constant, not the column; --map {name}={name} takes the column")
    return [*notes, *given.value_notes(known.unused(graph), known.written)]

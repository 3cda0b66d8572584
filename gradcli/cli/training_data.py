"""From a command's arguments to bound data: which names are parameters, columns and constants, and all the rows.

Enters: programs, and the arguments of a command that trains, fits or predicts. Leaves: `Bound`. Invariant: mistakes in
the programs are told first, then names, then what is wrong with the data; a parameter comes before a column of its
name, and nothing is ignored silently.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.batch import columns
from gradcli.batch.columns import Source
from gradcli.batch.looking import Data, check_columns, look
from gradcli.batch.planning import shapes
from gradcli.cli import batch_job, given, training_starts
from gradcli.cli.batch_targets import check_apart
from gradcli.cli.bindings import Sorted, collect
from gradcli.cli.training_names import listed, refuse_plain, sources_of, unknown, without_rows
from gradcli.cli.values import Shaped
from gradcli.errors import BindingError, GradcliError, ProgramError, UsageError
from gradcli.graph.names import NAMED_CONSTANTS, resolve
from gradcli.graph.ops.layout import Shape
from gradcli.language.nodes import Program
from gradcli.printable import shorten
from gradcli.tables.blocks import Options

if TYPE_CHECKING:
    from gradcli.batch.looking import Lists, Table
    from gradcli.training.data import Rows


class Asked(NamedTuple):
    """The options of these names, as they were given.

    Attributes:
        source: what --from says.
        targets: paths of outputs, by the option that names them; None where it is not given.
    """

    data: list[str]
    source: str | None
    mapped: list[str]
    nulls: tuple[str, ...]
    on_error: str
    params: list[str]
    variables: str | None
    settings: list[str]
    targets: Mapping[str, str | None]

    @property
    def reading(self) -> Options:
        """How tables are read."""
        return Options(format=self.source, nulls=self.nulls, keep="nothing")


class Bound(NamedTuple):
    """What the inputs of programs are.

    Attributes:
        starts: of the parameters, in the order of the options: a number, an array, or a `Spec` that is yet to be drawn.
        shapes: of the parameters.
        values: of the constants that are used.
        sources: the columns that bind inputs.
        row_shapes: of these inputs in one row: () or that of an array.
        rows: the data; without data no columns and 0 rows.
        tables: the files that it came from.
        lists: what the first rows told of columns that hold lists.
        notes: what the person should know.
    """

    starts: dict[str, Any]
    shapes: dict[str, Shape]
    values: dict[str, Any]
    sources: dict[str, Source]
    row_shapes: dict[str, Shape]
    rows: Rows
    tables: tuple[Table, ...]
    lists: Lists
    notes: list[str]

    @property
    def named(self) -> dict[str, list[str]]:
        """The columns by input, as results tell them."""
        return {name: list(source.columns) for name, source in self.sources.items()}


def bound(
    programs: Sequence[Program], asked: Asked, arguments: Sorted, words: Collection[str], plain: Sequence[Program] = ()
) -> Bound:
    """Tell parameters, columns and constants apart, and read the data.

    Args:
        programs: whose inputs may be any of these.
        words: the command's options.
        plain: programs without columns, such as a penalty.

    Raises:
        GradcliError: something is wrong with a program, a value, a parameter's start, a name or the data.
    """
    every = [*programs, *plain]
    for program in every:
        resolve(program)  # what is wrong with a program is told before any file is opened
    starts, optional = training_starts.read(asked.params)
    if not asked.data:
        return _without_data(every, asked, arguments, words, starts, optional)
    files = batch_job.files_of(asked.data)
    targets = {option: [path] for option, path in asked.targets.items() if path is not None}
    check_apart(asked.data, files, targets)
    data = look(files, asked.reading)
    try:
        return _with_data(programs, plain, data, asked, arguments, words, starts, optional)
    finally:
        data.close()


def validation(path: str, found: Bound, asked: Asked) -> Rows:
    """More rows for the same inputs, from columns of the same names.

    Raises:
        GradcliError: a column is missing, or something is wrong with the data.
    """
    from gradcli.training.data import load

    files = batch_job.files_of([path])
    targets = {option: [path] for option, path in asked.targets.items() if path is not None}
    check_apart([path], files, targets)
    data = look(files, asked.reading)
    try:
        if data.columns is None:
            raise without_rows(data)
        needed = _needed(found.sources)
        check_columns(data._replace(tables=(*found.tables, *data.tables)), needed, (), "nothing")
        blocks, _ = batch_job.first_rows(data, found.sources, needed, (), asked.reading)
        return load(data, found.sources, found.row_shapes, asked.reading, asked.on_error, blocks)
    finally:
        data.close()


def drawn(found: Bound, seed: int, fans: Callable[[str], tuple[int, int] | None]) -> dict[str, Any]:
    """The start of every parameter: a number or an array. fans: of an array, as the program uses it."""
    return training_starts.draw(found.starts, seed, fans)


def in_terms_of_columns(error: ProgramError, found: Bound) -> GradcliError:
    """The error for shapes that do not fit, where an input is a column that should hold lists."""
    return batch_job.of_columns(error, found.sources, found.lists)


def _known(
    programs: Sequence[Program], asked: Asked, arguments: Sorted, words: Collection[str], starts: Mapping[str, Any],
    optional: Collection[str], mapped: Mapping[str, str], there: Sequence[str],
) -> given.Given:  # fmt: skip
    """The constants, when it is clear that every name that is given means something."""
    known = given.read(
        programs, arguments, words, asked.variables, asked.settings, elsewhere={*starts, *mapped, *there}
    )  # fmt: skip
    for name in starts:
        if name in mapped:
            raise BindingError(f"{shorten(name)} is given twice: by --param and by --map")
        if name in known.values:
            how = "--vars" if name in (known.from_file or ()) else f"--{shorten(name)}"
            raise BindingError(f"{shorten(name)} is given twice: by --param and by {how}")
    certain = {name: Shaped(()) for name in (*mapped, *starts) if name not in optional}
    given.check_names(programs, known._replace(shapes=certain), words)
    return known


def _used(programs: Sequence[Program], names: Collection[str]) -> dict[str, None]:
    """The inputs of programs, in order; names: with a value, so that pi among them is an input."""
    return dict.fromkeys(name for program in programs for name in resolve(program, names).inputs)


def _told(
    starts: Mapping[str, Any], used: Collection[str], known: given.Given, there: Sequence[str], sources: Collection[str]
) -> list[str]:
    """What is not as somebody may think."""
    notes = []
    for names, what in ((starts, "parameter"), (known.values, "value")):
        if unused := columns.hidden({name for name in names if name in used}, there):
            verb = "column is" if len(unused) == 1 else "columns are"
            notes.append(f"note: given as a {what}, so the {verb} not used: {listed(unused)}")
    for name in NAMED_CONSTANTS:
        if name in there and name not in sources and name not in used:
            notes.append(f"note: {name} is the constant, not the column; --map {name}={name} takes the column")
    if unused := [name for name in (*(known.from_file or ()), *starts) if name not in used]:
        notes.append(f"note: not used by the program: {listed(unused)}")
    return [*notes, *given.value_notes([], known.written)]


def _without_data(
    programs: Sequence[Program], asked: Asked, arguments: Sorted, words: Collection[str], starts: dict[str, Any],
    optional: Collection[str],
) -> Bound:  # fmt: skip
    """The parameters and constants of a plain function."""
    from gradcli.batch.looking import Lists
    from gradcli.training.data import Rows

    if asked.mapped:
        raise UsageError("--map is for columns, and there is no data", hint="name a file: --data FILE")
    known = _known(programs, asked, arguments, words, starts, optional, {}, ())
    used = _used(programs, {*known.values, *starts})
    if missing := [name for name in used if name not in starts and name not in known.values]:
        raise unknown(missing, None, [name for name in starts if name in optional and name not in used])
    return _assembled(starts, known, used, {}, {}, Rows({}, 0), (), Lists({}, {}), _told(starts, used, known, (), ()))


def _assembled(
    starts: Mapping[str, Any], known: given.Given, used: Collection[str], sources: dict[str, Source],
    row_shapes: dict[str, Shape], rows: Rows, tables: tuple[Table, ...], lists: Lists, notes: list[str],
) -> Bound:  # fmt: skip
    """What is used of it all."""
    begun = {name: start for name, start in starts.items() if name in used}
    values = {name: x for name, x in known.values.items() if name in used}
    kinds = {name: training_starts.shape(start) for name, start in begun.items()}
    return Bound(begun, kinds, values, sources, row_shapes, rows, tables, lists, notes)


def _with_data(
    programs: Sequence[Program], plain: Sequence[Program], data: Data, asked: Asked, arguments: Sorted,
    words: Collection[str], starts: dict[str, Any], optional: Collection[str],
) -> Bound:  # fmt: skip
    from gradcli.training.data import load

    mapped, there = collect([], asked.mapped, "--map"), data.columns or ()
    known = _known([*programs, *plain], asked, arguments, words, starts, optional, mapped, there)
    names = {*known.values, *mapped, *starts}
    inputs = _used(programs, names)
    apart = _used(plain, names)
    held = [name for name in starts if name in optional and name not in {*inputs, *apart}]
    sources = sources_of(inputs, {*known.values, *starts}, mapped, data, held)
    for name in apart:
        if name not in known.values and name not in starts:
            refuse_plain(name, sources, there)
    used = {**inputs, **apart}
    needed = _needed(sources)
    if not needed:
        some = f"the data has {listed(there)}"
        raise BindingError("no input of the program is a column of the data", hint=f"{some}; or leave --data out")
    check_columns(data, needed, (), "nothing")
    blocks, lists = batch_job.first_rows(data, sources, needed, (), asked.reading)
    row_shapes = shapes(sources, lists.lengths)
    rows = load(data, sources, row_shapes, asked.reading, asked.on_error, blocks)
    notes = _told(starts, used, known, there, sources)
    if rows.skipped:
        notes.append(
            f"note: {rows.skipped:,} of {rows.count + rows.skipped:,} rows left out: they lack a finite number"
        )
    return _assembled(starts, known, used, sources, row_shapes, rows, data.tables, lists, notes)


def _needed(sources: Mapping[str, Source]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for source in sources.values() for column in source.columns))

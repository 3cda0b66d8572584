"""From a trained model, the arguments of `gradcli predict` and a look at the data to a job.

Enters: a `Model`, the command's arguments. Leaves: `Loaded`. Invariant: only the columns that the stage needs have to
be there; nothing is written before everything is known to fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gradcli.batch import columns
from gradcli.batch.columns import Source, check_results
from gradcli.batch.job import Job
from gradcli.batch.looking import Data, check_columns, look
from gradcli.batch.planning import feeds, shapes
from gradcli.cli import batch_job
from gradcli.cli.batch_job import Flags
from gradcli.cli.batch_targets import check_apart
from gradcli.cli.bindings import collect
from gradcli.errors import BindingError, ParseError, ProgramError, UsageError
from gradcli.graph.names import resolve
from gradcli.graph.ops.layout import Shape
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise, parse
from gradcli.printable import shorten
from gradcli.tables import FORMATS, format_of
from gradcli.tables.blocks import Options
from gradcli.training.models.expressed import expressed, placed
from gradcli.training.models.needs import in_loops, needed
from gradcli.training.models.predicting import Asked, ColumnPredictor, RowPredictor, stage_of
from gradcli.training.models.stored import Model

if TYPE_CHECKING:
    from gradcli.tables.blocks import Block


class Loaded(NamedTuple):
    """A job, what computes it, and its data.

    Attributes:
        blocks: the rows of the tables that are pipes, by their place.
    """

    job: Job
    computing: RowPredictor | ColumnPredictor
    data: Data
    blocks: dict[int, Iterator[Block]]


class _Passing(NamedTuple):
    """What of the data goes on to the output; the words are those of `Job`."""

    kept: tuple[str, ...] | None
    keep: str
    typed: bool
    sink: str


def load(model: Model, paths: Sequence[str], flags: Flags) -> Loaded:
    """Look at the data and make the job.

    Raises:
        GradcliError: something is wrong with the model, the stage, the data or the options.
    """
    program, of, text = _stage(model, flags.of)
    files = batch_job.files_of(paths)
    rejects = () if flags.rejects is None else (flags.rejects,)
    check_apart(paths, files, {"-o": [flags.output or "-"], "--rejects": rejects})
    formats = [format_of(path, flags.source) for path in files]
    sink = batch_job.sink_format(flags, formats[0])
    lines = {*formats} == {sink} and FORMATS[sink].lines and flags.keep is None
    keep = "nothing" if flags.only else "lines" if lines else "columns"
    data = look(files, Options(format=flags.source, nulls=flags.nulls, keep=keep))
    try:
        named = None if flags.keep is None else [one.strip() for one in flags.keep.split(",") if one.strip()]
        kept = columns.kept(flags.only, named, data.columns)
        typed = FORMATS[sink].typed and not any(FORMATS[format].typed for format in formats)
        with placed(program, text):
            return _planned(model, program, of, data, _Passing(kept, keep, typed, sink), flags)
    except BaseException:
        data.close()
        raise


def _stage(model: Model, asked: str | None) -> tuple[Program, str | None, str | None]:
    """The program, the stage of it to compute, and the expression that was asked for in its place."""
    known = {*model.values, *model.columns}
    try:
        program = parse(model.expression)
        names = resolve(program, known)
    except (ParseError, ProgramError) as error:
        error.message = f"the program of {model.where}: {error.message}"
        raise
    stages = [*names.stages]
    if not model.columns:
        hint = f"`gradcli eval PROGRAM --vars {model.where}` computes it at its parameters"
        raise BindingError(f"{model.where} was trained without data", hint=hint)
    if asked is None:
        return program, stage_of(program, stages, None, model.kind, model.output, names.inputs), None
    of = normalise(asked).strip()
    if of in stages or of.partition("[")[0] in in_loops(program):
        return program, of, None
    if not of or (of.isidentifier() and of not in names.inputs and of not in known):
        hint = f"its stages are {_listed(stages)}" if stages else "it has no stages"
        hint += f'; or write an expression, of {_listed([*names.inputs])}: --of "…"'
        raise UsageError(f"--of: there is no stage {shorten(of) or '(empty)'} in the program", hint=hint)
    return expressed(program, of, known), None, of


def _planned(
    model: Model, program: Program, of: str | None, data: Data, passing: _Passing, flags: Flags
) -> Loaded:  # fmt: skip
    names = needed(program, of)
    wanted = [name for name in model.columns if name in names]
    if not wanted:
        stage = f"the stage {of}" if of is not None else "what is asked for" if flags.of else "the program"
        raise BindingError(f"{stage} depends on no column", hint="take one that does, by --of")
    sources = _sources(model, wanted, collect([], flags.mapped, "--map"), data.columns)
    read = tuple(dict.fromkeys(column for source in sources.values() for column in source.columns))
    check_columns(data, read, passing.kept, passing.keep)
    reading = Options(format=flags.source, nulls=flags.nulls)
    blocks, lists = batch_job.first_rows(data, sources, read, passing.kept, reading)
    shaped = shapes(sources, lists.lengths)
    others = {name: _stored(name, model.columns[name]).shape for name in model.columns if name not in shaped}
    asked = Asked(program, of, model.values, {**others, **shaped}, flags.max_gates)
    try:
        computing = ColumnPredictor(asked) if model.whole else RowPredictor(asked, data.rows())
    except ProgramError as error:
        raise batch_job.of_columns(error, sources, lists) from None
    job = _job(program, of, shaped, sources, computing, data, passing, flags)
    return Loaded(job, computing, data, blocks)


def _job(
    program: Program, of: str | None, shaped: Mapping[str, Shape], sources: Mapping[str, Source],
    computing: RowPredictor | ColumnPredictor, data: Data, passing: _Passing, flags: Flags,
) -> Job:  # fmt: skip
    fed = [feed for name in computing.needed for feed in feeds(name, sources[name], shaped[name])]
    if not fed:
        raise BindingError("what is asked for depends on no column", hint="take a stage that does, by --of")
    results = tuple(f"{flags.prefix}{name}" for name in computing.names)
    check_results(results, passing.kept if passing.kept is not None else data.columns or ())
    return Job(
        program=program.text,
        of=of,
        values=(),
        shapes=tuple(sorted(shaped.items())),
        feeds=tuple(fed),
        wrt=tuple(computing.names[1:]),
        names=results,
        kept=passing.kept,
        keep=passing.keep,
        typed=passing.typed,
        on_error=flags.on_error,
        engine=computing.engine,
        threads=None,
        nulls=flags.nulls,
        source=flags.source,
        sink=passing.sink,
        max_gates=flags.max_gates,
    )


def _sources(
    model: Model, wanted: Sequence[str], mapped: Mapping[str, str], there: Sequence[str] | None
) -> dict[str, Source]:
    """The columns of the inputs: as in the training, or as --map says."""
    for name in mapped:
        if name not in wanted:
            what = "is not needed" if name in model.columns else "is no input that a column binds"
            raise BindingError(f"--map: {shorten(name)} {what}", hint=f"these are: {_listed(wanted)}")
    found = {}
    for name in wanted:
        if name in mapped:
            found[name] = columns.sources([name], (), {name: mapped[name]}, there)[name]
        else:
            before = _stored(name, model.columns[name])
            found[name] = before if there is None else _again(model, name, before, there)
    return found


def _stored(name: str, names: Sequence[str]) -> Source:
    """What bound an input in the training. Elements tell the shape of an array by their names."""
    try:
        found = columns.sources([name], (), {}, names)[name]
    except BindingError:
        found = None
    if found is not None and found.columns == tuple(names):
        return found
    return Source(tuple(names), () if len(names) == 1 else (len(names),))


def _again(model: Model, name: str, before: Source, there: Sequence[str]) -> Source:
    """The same columns in other data."""
    found = []
    for column in before.columns:
        try:
            own = columns.sources([name], (), {name: column}, there)[name].columns
        except BindingError as error:
            own, hint = (), error.hint
        else:
            hint = f"the data has {_listed(there)}"
        if len(own) != 1:
            message = f"there is no column {shorten(column)}, which was {shorten(name)} in {model.where}"
            raise BindingError(message, hint=f"{hint}; --map {shorten(name)}=COLUMN takes another")
        found.append(own[0])
    return Source(tuple(found), before.shape)


def _listed(names: Sequence[str]) -> str:
    return shorten(", ".join(map(shorten, names)), 200)

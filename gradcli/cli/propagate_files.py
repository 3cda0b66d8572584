"""gradcli propagate over tables: the value and its uncertainty for every row.

Enters: the command's arguments. Leaves: a table, and a line on standard error. Invariant: tables are read, computed and
written as `gradcli batch` does it; a column of uncertainties is called like that of its values, with an end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import typer

from gradcli.batch.columns import check_results
from gradcli.batch.job import Job, compiled
from gradcli.batch.single import run_all
from gradcli.batch.tally import Tally
from gradcli.cli import batch_job, given, measured, program, row_options, signals, streams, uncertain_columns
from gradcli.cli.batch_summary import summary
from gradcli.cli.bindings import collect, missing_expression
from gradcli.cli.progress import Progress
from gradcli.cli.uncertain_columns import Said
from gradcli.errors import BindingError, DataError, ExitStatus, UsageError
from gradcli.graph.names import resolve
from gradcli.graph.rewriting.unroll import element_names
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise
from gradcli.numeric.elements import shape_of
from gradcli.printable import printable, shorten
from gradcli.propagating.columns import RESULT, Rows, Uncertain
from gradcli.propagating.correlations import of_quantities


class Asked(NamedTuple):
    """What the command line asks for beside what `gradcli batch` knows.

    Attributes:
        end: of the name of a column of uncertainties.
        misplaced: what is wrong with an option that tables do not have.
    """

    correlations: list[str]
    end: str
    shares: bool
    rejects: str | None
    quiet: bool
    misplaced: UsageError | None


def run(
    context: typer.Context, expression: str | None, data: list[str], flags: batch_job.Flags, asked: Asked
) -> ExitStatus:
    """Compute all rows.

    Args:
        data: names of files.
        flags: as `gradcli batch` has them.

    Raises:
        GradcliError: something is wrong with the command, the program or the data.
    """
    arguments, words = program.arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, words, "propagate")
    _check(data, flags, asked)
    once = "the expression, the data, --vars and a value"
    given.check_standard_input([expression, flags.variables, *data], arguments, flags.settings, once)
    pairs = measured.correlations_of(asked.correlations)
    written = program.parsed(expression)
    errors: dict[str, measured.Uncertain] = {}
    said, bindings, settings, mapped = _said(written, arguments.bindings, flags, asked.end)
    bindings = measured.plain_bindings(bindings, errors)
    settings = measured.plain_settings(settings, errors)
    from_file, unused = _from_file(flags.variables, written, [*bindings, *collect([], settings).items()], errors)
    flags = flags._replace(
        settings=settings + from_file, mapped=mapped, variables=None, rejects=asked.rejects, names=(),
        beside=lambda found, columns: uncertain_columns.read_too(found, columns, said),
    )  # fmt: skip
    loaded = batch_job.load(written, data, flags, arguments._replace(bindings=bindings), words)
    try:
        if asked.misplaced is not None:
            raise asked.misplaced
        job, rows = _planned(loaded, errors, said, pairs, flags, asked)
    except BaseException:
        loaded.data.close()
        raise
    if not asked.quiet:
        streams.tell([*loaded.notes, *_hidden(said, loaded.data.columns or ()), *unused])
    with signals.Leaving(), Progress(not asked.quiet) as progress:
        tally = _computed(loaded, job, rows, flags.output or "-", asked, progress)
        seconds = progress.seconds()
    if not asked.quiet:
        streams.note(summary(tally, seconds, rows.engine, job.on_error, loaded.source))
    return ExitStatus.DONE


def _said(
    written: Program, bindings: list[tuple[str, str]], flags: batch_job.Flags, end: str
) -> tuple[Said, list[tuple[str, str]], list[str], list[str]]:
    """What is said of uncertainties by their names, T_err; and bindings, --set and --map without that."""
    values, columns = collect([], flags.settings), collect([], flags.mapped, "--map")
    inputs = resolve(written, {*(name for name, _ in bindings), *values, *columns}).inputs
    said = Said(normalise(end), {}, {})
    bindings = uncertain_columns.taken_out(bindings, said, inputs, said.constants)
    settings = uncertain_columns.taken_out([*values.items()], said, inputs, said.constants)
    mapped = uncertain_columns.taken_out([*columns.items()], said, inputs, said.mapped)
    rest = ([f"{name}={text}" for name, text in pairs] for pairs in (settings, mapped))
    return said, bindings, next(rest), next(rest)


def _hidden(said: Said, columns: Sequence[str]) -> list[str]:
    """A note of the columns of uncertainties that are not used."""
    hidden = [name for name in said.constants if name in columns]
    return [f"note: given as a value, so the column is not used: {shorten(', '.join(hidden), 200)}"] if hidden else []


def _from_file(
    variables: str | None, written: Program, others: list[tuple[str, str]], errors: dict[str, measured.Uncertain]
) -> tuple[list[str], list[str]]:
    """The values of --vars that the program needs, as settings, and a note of the others."""
    if variables is None:
        return [], []
    found = measured.values_of_file(variables, {name for name, _ in others}, errors)
    needed = resolve(written, {*found, *(name for name, _ in others)}).inputs
    unused = [name for name in found if name not in needed]
    for name in unused:
        errors.pop(name, None)
    texts = {name: repr(x.tolist() if shape_of(x) else x) for name, x in found.items() if name in needed}
    notes = [f"note: not used by the program: {shorten(', '.join(unused), 200)}"] if unused else []
    return [f"{name}={text}" for name, text in texts.items()], notes


def _check(data: list[str], flags: batch_job.Flags, asked: Asked) -> None:
    """What can be said of the options without the data."""
    row_options.check_data(data, flags.nulls)
    row_options.check_bad_rows(flags.on_error, asked.rejects, flags.output)
    row_options.check_engine(flags.engine)
    row_options.check_prefix(flags.prefix)
    if printable(asked.end) != asked.end:
        raise UsageError(f"--err-suffix {shorten(asked.end)} has characters that are not to be seen")
    if not asked.end:
        raise UsageError("--err-suffix is empty", hint="write --err-suffix _sigma")
    if flags.output is not None and batch_job.is_directory(flags.output):
        raise UsageError("propagate writes one output, not a directory of parts", hint="write -o FILE")


def _planned(
    loaded: batch_job.Loaded, errors: Mapping[str, measured.Uncertain], said: Said,
    pairs: Mapping[tuple[str, str], float], flags: batch_job.Flags, asked: Asked,
) -> tuple[Job, Rows]:  # fmt: skip
    """The job that reads uncertainties too, and what computes it."""
    job, flat, numbers = loaded.plan
    columns = loaded.data.columns
    said.check({feed.input.partition("[")[0] for feed in job.feeds})
    places = uncertain_columns.places(job.feeds, columns, said)
    found = {name: Uncertain(name, None) for name in places}
    found |= uncertain_columns.constants(job.feeds, said)
    found |= {name: Uncertain(name, error) for name, error in _constants(job, errors, flat.consumed).items()}
    for name in (name for pair in pairs for name in pair):
        _check_correlated(name, [*flat.inputs], found, asked.end)
    correlations = of_quantities(pairs, _quantities(job, found))
    names = [name for name in flat.inputs if name in found and (flags.wrt is None or name in job.wrt)]
    if not names:
        raise _without(job, found, columns or (), asked.end)
    uncertain = [found[name] for name in names]
    kernel = compiled(job._replace(wrt=tuple(names)), flat, numbers)
    read = [one.name for one in uncertain if one.constant is None and one.share is None]
    feeds = uncertain_columns.read_feeds(places, read, job.feeds)
    shared = names if asked.shares else []
    results = tuple(f"{flags.prefix}{x}" for x in ("value", f"value{asked.end}", *(f"share_{x}" for x in shared)))
    check_results(results, (columns or ()) if job.kept is None else job.kept)
    job = job._replace(feeds=(*job.feeds, *feeds), wrt=(RESULT, *shared), names=results)
    return job, Rows(kernel, uncertain, correlations, asked.shares)


def _without(job: Job, found: Mapping[str, Uncertain], columns: Sequence[str], end: str) -> BindingError:
    """No input that counts has an uncertainty."""
    if found:
        message = f"no input of --wrt has an uncertainty, only {shorten(', '.join(found), 200)}"
        return BindingError(message, hint="--wrt names the inputs whose uncertainties count")
    called = shorten(f"{job.feeds[0].input.partition('[')[0]}{end}")
    hint = f"they stand in columns such as {called}, or write --map {called}=COLUMN or --{called} 1%"
    some = shorten(", ".join(map(shorten, columns)), 200)
    return BindingError("no input has an uncertainty", hint=f"{hint}; the data has {some}")


def _quantities(job: Job, found: Mapping[str, Uncertain]) -> dict[str, list[str]]:
    """The inputs that are one measurement: those that a column feeds, or one position of its lists."""
    fed: dict[str, list[str]] = {}
    for feed in job.feeds:
        if feed.input in found:
            position = "" if feed.place is None else f"[{feed.place}]"
            fed.setdefault(f"the column {shorten(feed.column)}{position}", []).append(feed.input)
    return fed


def _constants(job: Job, errors: Mapping[str, measured.Uncertain], consumed: tuple[str, ...]) -> dict[str, float]:
    """The uncertainties that are the same in every row, by inputs of the unrolled graph."""
    values: dict[str, Any] = dict(job.values)
    found: dict[str, float] = {}
    for name, error in errors.items():
        measured.check_counted(name, consumed)
        if isinstance(error, float):
            found[name] = error
            continue
        shape, part = [], values[name]
        while isinstance(part, tuple):
            shape.append(len(part))
            part = part[0]
        elements = element_names(name, tuple(shape))
        found |= {elements[place]: one for place, one in error.items()}
    return found


def _check_correlated(name: str, inputs: list[str], found: Mapping[str, Uncertain], end: str) -> None:
    if name not in inputs:
        hint = f"its inputs are {shorten(', '.join(inputs), 200)}"
        raise BindingError(f"--corr: {shorten(name)} is not an input of the program", hint=hint)
    if name not in found or found[name].exact:
        hint = f'the data has no column {shorten(name)}{end}; or write --{shorten(name)} "2.0 ± 0.1"'
        raise BindingError(f"{shorten(name)} has a correlation, but no uncertainty", hint=hint)


def _computed(loaded: batch_job.Loaded, job: Job, rows: Rows, output: str, asked: Asked, progress: Progress) -> Tally:
    row_options.check_terminal(job.sink, output)
    standard = row_options.standard_output(output)
    try:
        return run_all(job, rows, loaded.data, output, asked.rejects, loaded.blocks, progress, standard)
    except BrokenPipeError:
        raise streams.ClosedPipe from None
    except DataError as error:
        if written := _MEASURED.search(error.message):
            where = shorten(f"{written[1]}{asked.end}")
            hint = f"in tables uncertainties stand in columns of their own, here {where}"
            error.hint = "; ".join(filter(None, (hint, error.hint)))
        raise


_MEASURED = re.compile(r', column (.+?): not a number: ".*(?:±|\+/?[-−]|[0-9.]\s*\([0-9.]+\)).*"\Z', re.DOTALL)

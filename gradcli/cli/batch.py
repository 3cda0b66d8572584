"""gradcli batch: value and gradients of every row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gradcli.batch.tally import Tally, together
from gradcli.cli import given, options, program, row_options, signals, streams
from gradcli.cli.batch_summary import summary
from gradcli.cli.batch_targets import check_apart
from gradcli.cli.bindings import BindingCommand, missing_expression
from gradcli.cli.progress import Progress
from gradcli.cli.row_options import Engine, From, Keep, Map, Null, OnError, Only, Quiet, Rejects, Threads, To
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.batch.job import Job
    from gradcli.batch.partitions import Part
    from gradcli.cli.batch_job import Loaded
    from gradcli.kernels import Kernel

_ONCE = "the expression, the data, --vars and a value"

DataFiles = Annotated[
    list[str] | None,
    typer.Argument(metavar="DATA...", show_default=False, help="Files, directories or globs; - for standard input."),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE|DIR/", help="Write to a file, whole or not at all; to DIR/ in parts."),
]
Prefix = Annotated[
    str, typer.Option("--prefix", metavar="TEXT", help="Put this before value and grad_… in the output.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Compute only the parts that DIR/ does not have yet.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, max=1024, help="Compute the parts of DIR/ in so many processes."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Compute the parts of DIR/ on a Dask cluster: tcp://HOST:8786."
    ),
]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    data: DataFiles = None,
    output: Output = None,
    source: From = None,
    sink: To = None,
    wrt: options.Wrt = None,
    of: options.Of = None,
    mapped: Map = None,
    only: Only = False,
    keep: Keep = None,
    prefix: Prefix = "",
    on_error: OnError = "fail",
    rejects: Rejects = None,
    null: Null = None,
    resume: Resume = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    engine: Engine = "auto",
    threads: Threads = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    max_gates: options.MaxGates = MAX_GATES,
    quiet: Quiet = False,
) -> int:
    """Compute value and gradients for every row of a table.

    Columns bind the inputs of their name; other inputs are given a value:

    \b
      gradcli batch "(x+y)*z" points.csv --z -4 -o results.csv
      gradcli batch "s*exp(-r*t)" trades/*.parquet --map s=spot -o out/
      cat rows.ndjson | gradcli batch "tanh(a*b)" - --from ndjson --only
      gradcli batch "log(x)" in.csv --on-error skip --rejects bad.csv
    """
    progress = Progress(not quiet)
    arguments, words = program.arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, words, context.info_name or "batch")
    if not data:
        raise UsageError("there is no data", hint="name files after the expression, or - for standard input")
    row_options.check_data(data, null or [])
    row_options.check_bad_rows(on_error, rejects, output)
    row_options.check_engine(engine)
    row_options.check_prefix(prefix)
    given.check_standard_input([expression, variables, *data], arguments, settings or [], _ONCE)
    from gradcli.cli import batch_job

    flags = batch_job.Flags(
        output, source, sink, mapped or [], only, keep, prefix, on_error, tuple(null or ()), engine, threads, of, wrt,
        variables, settings or [], max_gates, rejects=rejects,
    )  # fmt: skip
    loaded = batch_job.load(program.parsed(expression), data, flags, arguments, words)
    told = _run(loaded, How(output or "-", rejects, resume, workers, scheduler), progress, quiet)
    if not quiet:
        streams.note(told)
    return ExitStatus.DONE


class How(NamedTuple):
    """Where results go, and who computes them: the options of their names."""

    output: str
    rejects: str | None
    resume: bool
    workers: int | None
    scheduler: str | None


def _run(loaded: Loaded, how: How, progress: Progress, quiet: bool) -> str:
    """Tell the notes, run the job; the summary."""
    if not quiet:
        streams.tell(loaded.notes)
    with signals.Leaving(), progress:
        try:
            tally, done = _computed(loaded, how, progress)
        except BrokenPipeError:
            raise streams.ClosedPipe from None
        seconds = progress.seconds()
    job = loaded.plan.job
    return summary(tally, seconds, job.engine, job.on_error, loaded.source, done)


def _computed(loaded: Loaded, how: How, progress: Progress) -> tuple[Tally, int]:
    """Run the job; the tally, and how many parts were complete already."""
    from gradcli.cli.batch_job import is_directory

    job, data, output, rejects = loaded.plan.job, loaded.data, how.output, how.rejects
    if how.workers is not None and how.scheduler is not None:
        raise UsageError("--workers and --scheduler are two ways to do it", hint="give one of them")
    if is_directory(output):
        return _parts(loaded, how, progress)
    if how.workers is not None or how.scheduler is not None:
        option = "--workers" if how.scheduler is None else "--scheduler"
        raise UsageError(f"{option} needs an output in parts", hint="write -o DIR/")
    if how.resume:
        raise UsageError("--resume goes on with a directory of parts", hint="write -o DIR/")
    row_options.check_terminal(job.sink, output)
    from gradcli.batch.job import compiled
    from gradcli.batch.single import run_all

    standard = row_options.standard_output(output)
    return run_all(job, compiled(*loaded.plan), data, output, rejects, loaded.blocks, progress, standard), 0


def _parts(loaded: Loaded, how: How, progress: Progress) -> tuple[Tally, int]:
    """Run the job part by part."""
    from gradcli.batch import partitions
    from gradcli.batch.job import compiled

    job, data, output = loaded.plan.job, loaded.data, how.output
    _check_parts(loaded, how)
    planned = partitions.parts(data, output, job.sink, how.rejects)
    bad = [part.rejects for part in planned if part.rejects is not None]
    check_apart([], [table.path for table in data.tables], {"--rejects": bad})
    # What is compiled here is in the cache for workers of this machine; a cluster has compilers of its own.
    kernel = None if how.scheduler is not None else compiled(*loaded.plan)
    if kernel is None or how.workers is not None:
        from gradcli.batch.cluster import Company, Where

        with Company(Where(how.scheduler, how.workers or 0)) as company:
            waiting = partitions.prepare(output, job, data, planned, how.resume)
            tallies = company.tallies(job, waiting, progress)
    else:
        waiting = partitions.prepare(output, job, data, planned, how.resume)
        tallies = _one_by_one(job, waiting, kernel, progress)
    return together(tallies), len(planned) - len(waiting)


def _check_parts(loaded: Loaded, how: How) -> None:
    """Refuse what has no parts."""
    from gradcli.cli.batch_job import is_directory
    from gradcli.tables.sources import is_uri

    output, rejects = how.output, how.rejects
    if is_uri(output):
        raise UsageError(f"parts go to a local directory, not to {shorten(output, 100)}", hint="write -o FILE there")
    if loaded.data.waiting:
        raise UsageError("a pipe has no parts", hint="write -o FILE, without a slash at its end")
    if rejects is not None and not (is_directory(rejects) and not row_options.same(rejects, output)):
        raise UsageError("parts have their rejects in parts too", hint="write --rejects DIR/, another one than -o DIR/")


def _one_by_one(job: Job, waiting: Sequence[Part], kernel: Kernel, progress: Progress) -> list[Tally]:
    """The tallies of parts that this process computes."""
    from gradcli.batch.partitions import run_part

    tallies: list[Tally] = []
    rows = 0
    for place, part in enumerate(waiting):

        def watch(count: int, share: float | None, rows: int = rows, place: int = place) -> None:
            progress(rows + count, (place + (share or 0.0)) / len(waiting))

        tallies.append(run_part(job, part, kernel, watch))
        rows += tallies[-1].rows
    return tallies


run.command_class = BindingCommand  # type: ignore[attr-defined]

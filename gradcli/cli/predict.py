"""gradcli predict: what a trained or fitted program says of the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli import options, row_options, signals, streams
from gradcli.cli.batch_summary import summary
from gradcli.cli.progress import Progress
from gradcli.cli.row_options import From, Keep, Null, OnError, Only, Quiet, Rejects, To
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.printable import shorten
from gradcli.tables import FORMATS, suffix_format

if TYPE_CHECKING:
    from gradcli.batch.tally import Tally
    from gradcli.cli.predict_job import Loaded

Result = Annotated[
    str | None,
    typer.Argument(metavar="RESULT.json", show_default=False, help="What train or fit wrote; - for standard input."),
]
Data = Annotated[
    list[str] | None,
    typer.Argument(metavar="DATA...", show_default=False, help="Files, directories or globs; - for standard input."),
]
Of = Annotated[
    str | None,
    typer.Option(
        "--of", metavar="NAME|EXPR",
        help="What to compute, a stage or an expression of them; else the model, or the only stage.",
    ),
]  # fmt: skip
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="X=COLUMN", help="Take an input from this column, not from the one of the training."),
]
Prefix = Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Put this before value in the output.")]


def run(
    result: Result = None,
    data: Data = None,
    of: Of = None,
    output: options.Output = None,
    source: From = None,
    sink: To = None,
    mapped: Map = None,
    only: Only = False,
    keep: Keep = None,
    prefix: Prefix = "",
    on_error: OnError = "fail",
    rejects: Rejects = None,
    null: Null = None,
    max_gates: options.MaxGates = MAX_GATES,
    quiet: Quiet = False,
) -> int:
    """Compute a trained or fitted program for every row of a table.

    Parameters and constants are those of the result, and columns bind inputs as in the training:

    \b
      gradcli predict model.json new.csv -o predicted.csv
      gradcli predict model.json new.csv --of chance --only
      gradcli predict line.json new.csv --of "w*x + b"
      gradcli predict model.json measured.csv --map x=pressure
    """
    progress = Progress(not quiet)
    if result is None:
        raise UsageError("there is no result", hint="name the file that `gradcli train … -o model.json` wrote")
    if not data:
        raise UsageError("there is no data", hint="name files after the result, or - for standard input")
    if result == "-" and "-" in data:
        raise UsageError("only one of the result and the data can come from standard input")
    table = suffix_format(result)
    if table is not None and not FORMATS[table].lines and any(one.endswith(".json") for one in data):
        hint = f"did you mean gradcli predict {shorten(data[0], 200)} {shorten(result, 200)}?"
        raise UsageError(f"{shorten(result, 200)} is a table, and the result of the training comes first", hint=hint)
    row_options.check_data(data, null or [])
    row_options.check_bad_rows(on_error, rejects, output)
    row_options.check_prefix(prefix)
    from gradcli.cli import batch_job, predict_job
    from gradcli.training.models import stored

    if output is not None and batch_job.is_directory(output):
        raise UsageError("predict writes one output, not a directory of parts", hint="write -o FILE")

    model = stored.read(streams.read(result), "standard input" if result == "-" else shorten(result, 200))
    flags = batch_job.Flags(
        output, source, sink, mapped or [], only, keep, prefix, on_error, tuple(null or ()), "auto", None, of, None,
        None, [], max_gates, rejects=rejects,
    )  # fmt: skip
    loaded = predict_job.load(model, data, flags)
    with signals.Leaving(), progress:
        tally = _computed(loaded, output or "-", rejects, progress)
        seconds = progress.seconds()
    if not quiet:
        streams.note(summary(tally, seconds, loaded.computing.engine, on_error, loaded.job.program))
    return ExitStatus.DONE


def _computed(loaded: Loaded, output: str, rejects: str | None, progress: Progress) -> Tally:
    from gradcli.batch.single import run_all

    try:
        row_options.check_terminal(loaded.job.sink, output)
        standard = row_options.standard_output(output)
        return run_all(loaded.job, loaded.computing, loaded.data, output, rejects, loaded.blocks, progress, standard)
    except BrokenPipeError:
        raise streams.ClosedPipe from None

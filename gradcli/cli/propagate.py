"""gradcli propagate: from the uncertainties of measured inputs to that of the output, at a point or row by row."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, program, reporting, row_options, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import by_name, one_format
from gradcli.errors import UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.printable import shorten

FORMATS = ("table", "json", "csv", "markdown")

Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; else as the file's name says, or table."
    ),
]
Correlations = Annotated[
    list[str] | None,
    typer.Option("--corr", metavar="X,Y=R", help="The correlation of two inputs; may be given for many pairs."),
]
Second = Annotated[bool, typer.Option("--second-order", help="Show what second derivatives change, for normal errors.")]
Data = Annotated[
    list[str] | None,
    typer.Argument(metavar="DATA...", show_default=False, help="Tables to compute row by row; - for standard input."),
]
End = Annotated[
    str, typer.Option("--err-suffix", metavar="END", help="The uncertainties of x stand in the column x + END.")
]
Shares = Annotated[bool, typer.Option("--shares", help="Of every row write the inputs' shares of the variance too.")]
Prefix = Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Put this before value, value_err and share_….")]
POINT = ("--json", "--format", "--second-order", "--strict")
ROWS = (
    "--err-suffix", "--shares", "--prefix", "--from", "--to", "--map", "--only", "--keep", "--on-error", "--rejects",
    "--null", "--engine", "--threads", "--quiet", "-q",
)  # fmt: skip
Wrt = Annotated[str | None, typer.Option("--wrt", metavar="X,Y", help="Only these inputs count as uncertain.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    data: Data = None,
    json: Json = False,
    format: Format = None,
    correlations: Correlations = None,
    second_order: Second = False,
    wrt: Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    err_suffix: End = "_err",
    shares: Shares = False,
    prefix: Prefix = "",
    source: row_options.From = None,
    sink: row_options.To = None,
    mapped: row_options.Map = None,
    only: row_options.Only = False,
    keep: row_options.Keep = None,
    on_error: row_options.OnError = "fail",
    rejects: row_options.Rejects = None,
    null: row_options.Null = None,
    engine: row_options.Engine = "auto",
    threads: row_options.Threads = None,
    quiet: row_options.Quiet = False,
) -> int:
    """Propagate the uncertainties of measured inputs to the output.

    Uncertainties are standard deviations: 2.0 ± 0.1, or 2.0 +- 0.1, 2.0 ± 5%, 2.0(1). An input without one is exact.
    In a table the columns x and x_err hold values and uncertainties.

    \b
      gradcli propagate "4*pi^2*L/T^2" --L "0.9985(5)" --T "2.007 ± 0.003"
      gradcli propagate "x*y" --x "2.0(1)" --y "3.0(2)" --corr x,y=0.3
      gradcli propagate "4*pi^2*L/T^2" periods.csv --L "0.9985(5)" -o g.csv
    """
    misplaced = _misplaced(program.arguments_of(context)[0].given, bool(data))
    if not data:
        chosen = one_format(FORMATS, by_name(output, FORMATS), format, json=json)
        return _point(
            context, expression, chosen, correlations or [], second_order, wrt, of, variables,
            settings or [], output, max_gates, strict, misplaced,
        )  # fmt: skip
    from gradcli.cli import batch_job, propagate_files

    flags = batch_job.Flags(
        output, source, sink, mapped or [], only, keep, prefix, on_error, tuple(null or ()), engine, threads, of, wrt,
        variables, settings or [], max_gates,
    )  # fmt: skip
    asked = propagate_files.Asked(correlations or [], err_suffix, shares, rejects, quiet, misplaced)
    return propagate_files.run(context, expression, data, flags, asked)


def _misplaced(given: list[str], rows: bool) -> UsageError | None:
    """What is wrong with an option that belongs to the other way to use the command."""
    for name in given:
        if rows and name in POINT:
            hint = "--to names the format of a table" if name in ("--json", "--format") else "leave out the data"
            return UsageError(f"{name} is for a single point, not for tables", hint=hint)
        if not rows and name in ROWS:
            return UsageError(f"{name} is for tables", hint="name files after the expression, or - for standard input")
    return None


def _point(
    context: typer.Context, expression: str | None, format: str, correlations: list[str], second_order: bool,
    wrt: str | None, of: str | None, variables: str | None, settings: list[str], output: str | None, max_gates: int,
    strict: bool, misplaced: UsageError | None,
) -> int:  # fmt: skip
    """At a single point."""
    from gradcli.cli import measured
    from gradcli.propagating import propagate
    from gradcli.propagating.misleading import notes
    from gradcli.render.uncertainty import render

    loaded = measured.load(context, expression, variables, settings, correlations, of, wrt, max_gates, second_order)
    if misplaced is not None:
        raise misplaced
    found = propagate(
        loaded.graph, loaded.point, loaded.uncertainties, loaded.correlations, loaded.wrt,
        second_order=second_order, max_gates=max_gates,
    )  # fmt: skip
    measured.tell(loaded)
    told = notes(found)
    streams.deliver(render(found, loaded.point, told, format, streams.look(path=output)), output)
    if not any(one.uncertainty for one in found.inputs):
        name = shorten(found.inputs[0].name.partition("[")[0]) if found.inputs else "x"
        streams.note(f'note: no input has an uncertainty; write --{name} "2.0 ± 0.1"')
    status = reporting.report(found.trace, strict=strict)
    for note in told:
        streams.note(f"warning: {note.message}")
    return status


run.command_class = BindingCommand  # type: ignore[attr-defined]

"""gradcli fit: the parameters of a model by least squares, and how sure they are."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options
from gradcli.cli import training_options as shared
from gradcli.cli.option_numbers import whole
from gradcli.cli.row_options import Engine, From, Map, Null, Threads
from gradcli.graph.lower import MAX_GATES

Target = Annotated[
    str | None,
    typer.Option("--target", metavar="EXPR", help="What the model should give: a column, or an expression of columns."),
]
Sigma = Annotated[
    str | None,
    typer.Option("--sigma", metavar="EXPR", help="How uncertain the target is, by rows: what weighs them."),
]
Absolute = Annotated[
    bool,
    typer.Option("--absolute-sigma", help="Take --sigma by its word: standard errors are not scaled by the residuals."),
]
Iterations = Annotated[
    int | None, typer.Option("--epochs", metavar="N", parser=whole("--epochs"), help="Iterations, at most.")
]
History = Annotated[
    str | None,
    typer.Option("--history", metavar="FILE", help="Write the sum of squares of every iteration as a table."),
]


def run(
    context: typer.Context, expression: options.Expression = None, data: shared.Data = None, target: Target = None,
    sigma: Sigma = None, absolute_sigma: Absolute = False, params: shared.Param = None, bounds: shared.Bounds = None,
    source: From = None, mapped: Map = None, null: Null = None, on_error: shared.OnError = "fail",
    seed: shared.Seed = 0, epochs: Iterations = None, max_time: shared.MaxTime = None, history: History = None,
    plot: shared.Plot = None, json: shared.Json = False, format: shared.Format = None, output: options.Output = None,
    engine: Engine = "auto", threads: Threads = None, of: options.Of = None, variables: options.Vars = None,
    settings: options.Set = None, max_gates: options.MaxGates = MAX_GATES, quiet: shared.Quiet = False,
) -> int:  # fmt: skip
    """Fit a model to data by least squares, with exact derivatives.

    Columns bind the inputs of their name, --param names what is fitted, other inputs are given a value:

    \b
      gradcli fit "a*exp(-k*t)" --data decay.csv --target y \\
          --param a=1 --param k=0.1
      gradcli fit "a*exp(-k*t)" --data decay.csv --target y --sigma y_err \\
          --param a=1 --param k=0.1 --plot fit.svg
      gradcli fit "log(a) - k*t" --data decay.csv --target "log(y)" \\
          --param a=1 --param k=0.1 -o model.json
    """
    from gradcli.cli import fit_job
    from gradcli.cli.training_data import Asked

    targets = {"-o": output, "--history": history, "--plot": plot}
    asked = Asked(
        data or [], source, mapped or [], tuple(null or ()), on_error, params or [], variables, settings or [], targets
    )
    how = fit_job.How(
        target, sigma, absolute_sigma, bounds or [], seed, epochs, max_time, engine, threads, of, max_gates, quiet
    )
    return fit_job.run(context, expression, asked, how, shared.chosen_format(format, output, json))


run.command_class = shared.DataCommand  # type: ignore[attr-defined]

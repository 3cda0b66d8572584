"""gradcli train: parameters moved against the gradient of a loss, over a data set or without one."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options
from gradcli.cli import training_options as shared
from gradcli.cli.option_numbers import positive, whole
from gradcli.cli.row_options import Engine, From, Map, Null, Threads
from gradcli.graph.lower import MAX_GATES
from gradcli.training.specs import signature
from gradcli.training.steps.optimisers import OPTIMISERS
from gradcli.training.steps.schedules import SCHEDULES

_OPTIMIZERS = [*OPTIMISERS]
_SCHEDULES = [signature(name, row.settings) for name, row in SCHEDULES.items()]

Reduce = Annotated[
    str | None,
    typer.Option("--reduce", metavar="mean|sum", help="The loss is of one row: take the mean, or the sum, of all."),
]
Penalty = Annotated[
    str | None, typer.Option("--penalty", metavar="EXPR", help="Add this, an expression of parameters, to the loss.")
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        parser=whole("--batch-size"),
        help="Rows of a step; all of them if it is not given.",
    ),
]
Shuffle = Annotated[bool, typer.Option("--shuffle", help="Take the rows of every epoch in another order.")]
Validate = Annotated[
    str | None,
    typer.Option("--validate", metavar="FILE|SHARE", help="Rows to compare with: a file's, or 0.2 of the data."),
]
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer", "--optimiser", metavar="NAME",
        help=f"{', '.join(_OPTIMIZERS[:-1])} or {_OPTIMIZERS[-1]}; with settings: adam(beta1=0.8).",
    ),
]  # fmt: skip
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        "--lr",
        metavar="X",
        parser=positive("--learning-rate"),
        help="How far a step goes; every optimizer has its own.",
    ),
]
Schedule = Annotated[
    str,
    typer.Option(
        "--schedule",
        metavar="NAME",
        help=f"How the rate changes: {', '.join(_SCHEDULES)}; one after the other: warmup(100)+cosine.",
    ),
]
Clip = Annotated[
    float | None,
    typer.Option("--clip", metavar="X", parser=positive("--clip"), help="Shorten gradients whose norm is more than X."),
]
ClipValue = Annotated[
    float | None,
    typer.Option(
        "--clip-value",
        metavar="X",
        parser=positive("--clip-value"),
        help="Keep every number of the gradient within X.",
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        parser=whole("--patience"),
        help="Stop after N epochs without a better validation loss.",
    ),
]
Checkpoint = Annotated[
    str | None, typer.Option("--checkpoint", metavar="FILE", help="Save all that going on needs, whole or not at all.")
]
Every = Annotated[
    int | None,
    typer.Option("--every", metavar="N", parser=whole("--every"), help="Save a checkpoint every N steps."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the checkpoint stands.")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Record gradients, updates, saturated and dead units of every stage.")
]
ExplainStep = Annotated[
    int | None,
    typer.Option(
        "--explain-step",
        metavar="N",
        parser=whole("--explain-step"),
        help="Write out step N as by hand, in place of the result.",
    ),
]
Short = Annotated[bool, typer.Option("--short", help="With --explain-step: numbers with four significant digits.")]


def run(
    context: typer.Context, expression: options.Expression = None, data: shared.Data = None, source: From = None,
    mapped: Map = None, null: Null = None, on_error: shared.OnError = "fail", params: shared.Param = None,
    bounds: shared.Bounds = None, seed: shared.Seed = 0, reduce: Reduce = None, penalty: Penalty = None,
    batch_size: BatchSize = None, epochs: shared.Epochs = None, shuffle: Shuffle = False, validate: Validate = None,
    optimizer: Optimizer = "gd", learning_rate: Rate = None, schedule: Schedule = "constant", clip: Clip = None,
    clip_value: ClipValue = None, tolerance: shared.Tolerance = None,
    gradient_tolerance: shared.GradientTolerance = None, step_tolerance: shared.StepTolerance = None,
    patience: Patience = None, max_time: shared.MaxTime = None, checkpoint: Checkpoint = None, every: Every = None,
    resume: Resume = False, watch: Watch = False, explain_step: ExplainStep = None, short: Short = False,
    history: shared.History = None, plot: shared.Plot = None, json: shared.Json = False, format: shared.Format = None,
    output: options.Output = None, engine: Engine = "auto", threads: Threads = None, of: options.Of = None,
    variables: options.Vars = None, settings: options.Set = None, max_gates: options.MaxGates = MAX_GATES,
    quiet: shared.Quiet = False,
) -> int:  # fmt: skip
    """Move parameters until a loss is small.

    Columns bind the inputs of their name, --param names what is learnt, other inputs are given a value:

    \b
      gradcli train "(w*x + b - y)^2" --data xy.csv --param w=0 --param b=0
      gradcli train "(1-u)^2 + 100*(v-u^2)^2" --param u=-1 --param v=1 \\
          --optimizer lbfgs
      gradcli train @network.grad --data rows.csv --param "W=glorot(4,2)" \\
          --optimizer adam --batch-size 32 --epochs 50 --watch -o model.json
    """
    from gradcli.cli import train_job
    from gradcli.cli.training_data import Asked

    targets = {"-o": output, "--history": history, "--plot": plot, "--checkpoint": checkpoint}
    asked = Asked(
        data or [], source, mapped or [], tuple(null or ()), on_error, params or [], variables, settings or [], targets
    )
    how = train_job.How(
        bounds or [], seed, reduce, penalty, batch_size, epochs, shuffle, validate, optimizer, learning_rate, schedule,
        clip, clip_value, tolerance, gradient_tolerance, step_tolerance, patience, max_time, every, resume, watch,
        explain_step, short, engine, threads, of, max_gates, quiet,
    )  # fmt: skip
    return train_job.run(context, expression, asked, how, shared.chosen_format(format, output, json))


run.command_class = shared.DataCommand  # type: ignore[attr-defined]

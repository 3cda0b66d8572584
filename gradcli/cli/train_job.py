"""From the arguments of `gradcli train` to a result: the data, the objective, the run.

Enters: the command's arguments. Leaves: what `training_output` writes, and a status. Invariant: mistakes in the command
are told first, then those in programs, names, data and shapes; nothing is written before the run begins, and the same
arguments on the same data give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from gradcli.cli import (
    given,
    program,
    streams,
    train_plan,
    training_data,
    training_options,
    training_output,
    training_starts,
)
from gradcli.cli.bindings import missing_expression
from gradcli.cli.signals import Interrupts, Leaving
from gradcli.cli.train_plan import How, Method
from gradcli.cli.training_data import Asked, Bound
from gradcli.cli.training_output import Meter, Targets
from gradcli.errors import BindingError, ExitStatus, ProgramError, UsageError
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.cli.train_parts import Job
    from gradcli.graph.graph import Graph
    from gradcli.training.losses.forms import Form
    from gradcli.training.objective import Objective

__all__ = ["How", "run"]

_ONCE = "the expression, --penalty, the data, --vars and a value"


def run(context: typer.Context, expression: str | None, asked: Asked, how: How, format: str) -> ExitStatus:
    """Train.

    Raises:
        GradcliError: something is wrong with the command, the programs, the values or the data.
    """
    meter = Meter(not how.quiet, how.epochs)
    arguments, words = program.arguments_of(context)
    if expression is None:
        raise missing_expression(
            arguments, words, "train", '"(w*x + b - y)^2" --data points.csv --param w=0 --param b=0'
        )
    output, history, plot, checkpoint = (asked.targets[one] for one in ("-o", "--history", "--plot", "--checkpoint"))
    targets = Targets(format, output, history, plot, training_options.plot_format(plot))
    method = train_plan.method(how, bool(asked.data), checkpoint)
    _check(asked, how, targets)
    files = [*asked.data, *([how.validate] if how.validate and _share(how.validate) is None else [])]
    settings = [*asked.settings, *(f"--param={text}" for text in asked.params if text.startswith("@"))]
    params = [f"{name}={text}" for name, _, text in (one.partition("=") for one in asked.params)]
    given.check_standard_input(
        [expression, how.penalty, asked.variables, *files], arguments, [*settings, *params], _ONCE
    )
    loss = program.parsed(expression)
    penalty = None if how.penalty is None else program.parsed(how.penalty)
    job = _job(loss, penalty, asked, how, method, arguments, words)
    notes = _replaced(checkpoint) if checkpoint is not None and not how.resume else []
    if not how.quiet:
        streams.tell([*job.bound.notes, *_without_effect(job, how), *_faster(job), *notes])
    from gradcli.cli import train_run

    meter.epochs = method.epochs
    if how.explain_step is not None:
        with Leaving(), meter:
            told = train_run.explained(job, method, how, meter, targets)
        streams.deliver(told, output)
        return ExitStatus.DONE
    with Leaving(), meter, Interrupts() as interrupts:
        result, blamed = train_run.trained(job, method, how, checkpoint, meter, interrupts)
    training_output.write(result, train_run.pictures(result, how, plot), targets)
    if not how.quiet:
        training_output.warn(result)
        if format != "table" or output not in (None, "-"):
            ended = training_output.status(result, method.wanted) != ExitStatus.DONE  # then the last line says why
            streams.note(training_output.summary(result, meter.seconds(), told=ended))
    return train_run.end(method, result, blamed, checkpoint)


def _check(asked: Asked, how: How, targets: Targets) -> None:
    """What can be said of the options without the data."""
    training_options.check_data(asked.data, asked.nulls, asked.on_error)
    training_output.check_history(targets.history)
    training_output.check_together(targets)
    training_options.check_targets(asked.targets)
    share = None if how.validate is None else _share(how.validate)
    if share is not None and not 0 < share < 1:
        hint = "write --validate 0.2 for a fifth of the rows, or --validate FILE"
        raise UsageError(f"--validate {shorten(how.validate or '')} is no share of the rows", hint=hint)
    if how.explain_step is None:
        return
    if targets.format not in ("table", "markdown"):
        raise UsageError(f"a step is told in words, not as {targets.format}", hint="leave the format out")
    for option in ("--history", "--plot"):
        if asked.targets[option] is not None:
            raise UsageError(f"--explain-step writes one step, and no result: {option} has no effect")


def _replaced(checkpoint: str) -> list[str]:
    """What to say of a checkpoint that this run replaces; refuses to replace anything else."""
    from gradcli.training.steps.checkpoints import step_of

    step = step_of(checkpoint)
    where = shorten(checkpoint, 200)
    return [] if step is None else [f"note: {where}, which held step {step:,}, is written anew; --resume goes on there"]


def _without_effect(job: Job, how: How) -> list[str]:
    """Options that change nothing with as many rows as there are."""
    from gradcli.training.objective import count

    rows, size = count(job.columns), how.batch_size
    if not rows or (size is not None and size < rows):
        return []
    notes = []
    if size is not None and size > rows:
        all_rows = "the only row: every step takes it" if rows == 1 else f"the {rows:,} rows: every step takes them all"
        notes.append(f"note: --batch-size {size:,} is more than {all_rows}")
    if how.shuffle:
        notes.append("note: --shuffle has no effect: every step takes all rows")
    return notes


def _share(validate: str) -> float | None:
    """The share of the rows that --validate says; None if it names a file."""
    try:
        return float(validate)
    except ValueError:
        return None


def _job(
    loss: Program, penalty: Program | None, asked: Asked, how: How, method: Method, arguments: Any, words: Sequence[str]
) -> Job:
    """Names, data, shapes, the form, the starts, the objective: in this order."""
    from gradcli.cli.train_parts import Job
    from gradcli.training.layout import Layout
    from gradcli.training.limits import check_start, limits
    from gradcli.training.losses import forms

    bound = training_data.bound([loss], asked, arguments, words, [penalty] if penalty is not None else [])
    if not bound.starts:
        first = next(iter(bound.values), None)
        hint = f"write --param {shorten(first)}=0 in place of --{shorten(first)}" if first else "write --param w=0"
        raise BindingError("there is no parameter to train", hint=hint)
    try:
        form = forms.form(
            loss, bound.row_shapes, bound.shapes, bound.values, None if how.of is None else normalise(how.of),
            how.reduce, how.max_gates,
        )  # fmt: skip
    except ProgramError as error:
        raise training_data.in_terms_of_columns(error, bound) from None
    extra = None if penalty is None else forms.penalty(penalty, form)
    training_starts.check_used(bound.starts, [form.graph, *([extra] if extra is not None else [])], "the loss")
    columns, validation = _validation(bound, asked, how)
    starts = training_data.drawn(bound, how.seed, lambda name: forms.fans(form.graph, name))
    layout = Layout(bound.shapes)
    start = layout.vector(starts)
    check_start(layout, start)
    lower, upper = limits(layout, method.bounds, start) if method.bounds else (None, None)
    objective = _objective(form, extra, how, method, bound.rows.count, asked.targets["--checkpoint"])
    shared = how.validate is not None and _share(how.validate) is not None
    return Job(form, how.penalty, bound, objective, columns, validation, shared, start, lower, upper)


def _faster(job: Job) -> list[str]:
    """How the loss could be computed faster, as notes."""
    from gradcli.training.losses.forms import over_columns
    from gradcli.training.losses.rows import PerRow

    objective = job.objective
    told = over_columns(objective.form, len(objective.flat)) if isinstance(objective, PerRow) else None
    return [f"note: {told}"] if told else []


def _objective(
    form: Form, penalty: Graph | None, how: How, method: Method, rows: int, checkpoint: str | None
) -> Objective:
    """The loss as a function. One that goes on from a checkpoint is computed by the engine that began."""
    if not form.per_row:
        from gradcli.training.losses.whole import Whole

        return Whole(form, penalty)
    from gradcli.training.losses.rows import PerRow

    engine = how.engine
    if engine == "auto" and how.resume and checkpoint is not None:
        from gradcli.training.steps.checkpoints import engine_of

        engine = engine_of(checkpoint) or engine
    return PerRow(form, penalty, engine=engine, threads=how.threads, rows=method.epochs * rows)


def _validation(bound: Bound, asked: Asked, how: How) -> tuple[Any, Any]:
    """The rows to learn from, and those to compare with."""
    columns = bound.rows.columns
    if how.validate is None:
        return columns, None
    share = _share(how.validate)
    if share is None:
        return columns, training_data.validation(how.validate, bound, asked).columns
    from gradcli.training.streams import split

    return split(columns, share, how.seed)

"""From the arguments of `gradcli fit` to a result: the data, the kernel of the model, the fit.

Enters: the command's arguments. Leaves: what `training_output` writes, and a status. Invariant: mistakes in the command
are told first, then those in programs, names, data and shapes; the target and its uncertainties are computed once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import typer

from gradcli.cli import (
    fit_result,
    given,
    program,
    row_options,
    streams,
    training_data,
    training_output,
    training_starts,
)
from gradcli.cli import training_options as shared
from gradcli.cli.bindings import missing_expression
from gradcli.cli.signals import Interrupts, Leaving
from gradcli.cli.training_data import Asked, Bound
from gradcli.cli.training_output import Meter, Targets
from gradcli.errors import BindingError, DataError, ExitStatus, ProgramError, UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.names import resolve
from gradcli.graph.ops.layout import shown
from gradcli.language.nodes import Program
from gradcli.language.parser import normalise
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.training.layout import Layout, Vector
    from gradcli.training.objective import Blamed
    from gradcli.training.results import Training
    from gradcli.training.squares.modelled import Modelled

_ONCE = "the model, --target, --sigma, the data, --vars and a value"
_EXAMPLE = '"a*exp(-k*t)" --data decay.csv --target y --param a=1 --param k=0.1'


class How(NamedTuple):
    """The options of these names, as they were given."""

    target: str | None
    sigma: str | None
    absolute_sigma: bool
    bounds: list[str]
    seed: int
    epochs: int | None
    max_time: float | None
    engine: str
    threads: int | None
    of: str | None
    max_gates: int
    quiet: bool


class Job(NamedTuple):
    """All that a fit is of.

    Attributes:
        target, sigma: per row.
        texts: of target and sigma, as the programs have them.
        bounds: by parameter, as they were given.
    """

    model: Program
    modelled: Modelled
    bound: Bound
    layout: Layout
    target: Vector
    sigma: Vector | None
    texts: tuple[str, str | None]
    start: Vector
    lower: Vector
    upper: Vector
    bounds: Mapping[str, tuple[float, float]]


def run(context: typer.Context, expression: str | None, asked: Asked, how: How, format: str) -> ExitStatus:
    """Fit.

    Raises:
        GradcliError: something is wrong with the command, the programs, the values or the data.
    """
    meter = Meter(not how.quiet, None)
    arguments, words = program.arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, words, "fit", _EXAMPLE)
    output, history, plot = (asked.targets[one] for one in ("-o", "--history", "--plot"))
    targets = Targets(format, output, history, plot, shared.plot_format(plot))
    bounds = _check(asked, how, targets)
    settings = [*asked.settings, *(f"--param={text}" for text in asked.params if text.startswith("@"))]
    params = [f"{name}={text}" for name, _, text in (one.partition("=") for one in asked.params)]
    given.check_standard_input(
        [expression, how.target, how.sigma, asked.variables, *asked.data], arguments, [*settings, *params], _ONCE
    )
    programs = [program.parsed(text) for text in (expression, how.target, how.sigma) if text is not None]
    try:
        bound = training_data.bound(programs, asked, arguments, words)
    except BindingError as error:
        raise _of_target(error, programs[1]) from None
    job = _job(programs, bound, bounds, how)
    with Leaving(), meter, Interrupts() as interrupts:
        result, blamed = _fitted(job, how, interrupts)
        pictures = [] if plot is None else [fit_result.picture(job, result)]
    training_output.write(result, pictures, targets)
    if not how.quiet:
        streams.tell(bound.notes)  # behind the fit, which may refuse the data
        if format != "table" or output not in (None, "-"):
            ended = result if result.converged else result._replace(message="not converged")  # why is told below
            streams.note(training_output.summary(ended, meter.seconds()))
    return fit_result.end(result, blamed)


def _of_target(error: BindingError, target: Program) -> BindingError:
    """A name that is nothing, where it is the target alone: another column is meant, not another name for one."""
    found = re.search(r"did you mean --map (\S+)=(\S+)\? (.*)", error.hint or "", re.DOTALL)
    if found is not None and found[1] == target.text.strip():
        error.hint = f"did you mean --target {found[2]}? {found[3]}"
    return error


def _check(asked: Asked, how: How, targets: Targets) -> dict[str, tuple[float, float]]:
    """What can be said of the options without the data; the bounds."""
    if not asked.data:
        raise UsageError("there is no data to fit to", hint="name a file: --data FILE; a function without data: train")
    if how.target is None:
        raise UsageError("there is no target", hint="write --target y for what the model should give")
    if how.absolute_sigma and how.sigma is None:
        raise UsageError("--absolute-sigma is about --sigma, and there is none", hint="write --sigma y_err")
    row_options.check_engine(how.engine)
    shared.check_data(asked.data, asked.nulls, asked.on_error)
    training_output.check_history(targets.history)
    training_output.check_together(targets)
    shared.check_targets(asked.targets)
    return shared.bounds(how.bounds)


def _job(programs: Sequence[Program], bound: Bound, bounds: Mapping[str, tuple[float, float]], how: How) -> Job:
    """The kernel of the model, the target, the starts."""
    from gradcli.training.layout import Layout
    from gradcli.training.limits import check_start, limits
    from gradcli.training.losses import forms

    if not bound.starts:
        raise BindingError("there is no parameter to fit", hint="write --param a=1, with a start near the answer")
    model, target = programs[0], programs[1]
    sigma = programs[2] if len(programs) > 2 else None
    for one, option in ((target, "--target"), (sigma, "--sigma")):
        _check_fixed(one, option, bound)
    graph = _graph(model, bound, None if how.of is None else normalise(how.of), how, "the model")
    training_starts.check_used(bound.starts, [graph], "the model")
    layout = Layout(bound.shapes)
    start = layout.vector(training_starts.draw(bound.starts, how.seed, lambda name: forms.fans(graph, name)))
    check_start(layout, start)
    lower, upper = limits(layout, bounds, start)
    observed = _computed(target, bound, how, "--target")
    deviations = None if sigma is None else _computed(sigma, bound, how, "--sigma")
    modelled = _modelled(graph, bound, layout.elements(), how)
    texts = (target.text.strip(), None if sigma is None else sigma.text.strip())
    return Job(model, modelled, bound, layout, observed, deviations, texts, start, lower, upper, bounds)


def _check_fixed(one: Program | None, option: str, bound: Bound) -> None:
    """Refuse a target, or a sigma, that the fit would move."""
    names = resolve(one, {*bound.starts, *bound.values, *bound.sources}).inputs if one is not None else {}
    if moved := [name for name in names if name in bound.starts]:
        first = shorten(moved[0])
        hint = f"leave out --param {first}, or write in the model what depends on it"
        raise BindingError(f"{option} depends on the parameter {first}", hint=hint)


def _graph(one: Program, bound: Bound, of: str | None, how: How, what: str) -> Graph:
    """The graph of one row, which gives a number."""
    from gradcli.graph.lower import lower

    names = resolve(one, {*bound.starts, *bound.values, *bound.sources}).inputs
    shapes = {name: shape for name, shape in (*bound.row_shapes.items(), *bound.shapes.items()) if name in names}
    values = {name: x for name, x in bound.values.items() if name in names}
    try:
        graph = lower(one, values, of, how.max_gates, shapes=shapes)
    except ProgramError as error:
        raise training_data.in_terms_of_columns(error, bound) from None
    if shape := graph.shapes.get(graph.output):
        message = f"{what} is an array of shape {shown(shape)} in every row, not a number"
        raise BindingError(message, source=graph.source, span=graph.span(graph.output), hint="--of takes a stage of it")
    return graph


def _computed(one: Program, bound: Bound, how: How, option: str) -> Vector:
    """The target, or sigma, of every row; all finite, and sigma more than 0."""
    from gradcli.training.squares.modelled import first_wrong

    graph = _graph(one, bound, None, how, option)
    found = _modelled(graph, bound, [], how).values()
    if (row := first_wrong(found, option == "--sigma")) is not None:
        hint = "it has to be finite" + (", and more than 0" if option == "--sigma" else "")
        what = f"{option} {shorten(one.text.strip(), 60)}"
        raise DataError(f"{_row(bound, row)}: {what} is {float(found[row])!r}", hint=hint)
    return found


def _row(bound: Bound, row: int) -> str:
    """Where a row stands."""
    if len(bound.tables) == 1 and not bound.rows.skipped:
        return f"{bound.tables[0].name}, row {row + 1:,}"
    return f"row {row + 1:,} of the data"


def _modelled(graph: Graph, bound: Bound, parameters: Sequence[str], how: How) -> Modelled:
    """The graph of a row over all rows."""
    from gradcli.training.squares.modelled import How as Which
    from gradcli.training.squares.modelled import Modelled, Rows

    rows = Rows(bound.rows.columns, bound.row_shapes, bound.rows.count)
    return Modelled(graph, bound.values, rows, parameters, Which(how.engine, how.threads, how.max_gates))


def _fitted(job: Job, how: How, interrupts: Interrupts) -> tuple[Training, Blamed | None]:
    """The result, and the gate to blame where the model is not finite at the start."""
    from gradcli.training.squares.fitting import fit
    from gradcli.training.steps.state import Events
    from gradcli.training.steps.stopping import Criteria

    found = fit(
        job.modelled.kernel, job.modelled.columns, job.target, job.sigma, job.layout.elements(), job.start,
        job.lower, job.upper,
        Criteria(epochs=how.epochs, seconds=how.max_time), Events(stop=lambda: interrupts.come),
        absolute=how.absolute_sigma,
    )  # fmt: skip
    blamed = job.modelled.blame(job.layout, job.layout.values(job.start)) if found.reason == "nonfinite" else None
    if blamed is None:
        return fit_result.made(job, how, found), None
    gate, row = blamed
    message = f"{found.message}: in {_row(job.bound, row)}, {gate.message}"
    return fit_result.made(job, how, found._replace(message=message)), gate

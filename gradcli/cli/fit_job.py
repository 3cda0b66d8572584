"""From the arguments of `gradcli fit` to a result: the data, the kernel of the model, the fit.

Enters: the command's arguments. Leaves: what `training_output` writes, and a status. Invariant: mistakes in the command
are told first, then those in programs, names, data and shapes; the target and its uncertainties are computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import typer

from gradcli.cli import given, program, row_options, streams, training_data, training_output, training_starts
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
    from gradcli.render.plots import Plot
    from gradcli.training.layout import Layout, Vector
    from gradcli.training.results import Training
    from gradcli.training.squares.fitting import Fitted
    from gradcli.training.squares.modelled import Modelled

_ONCE = "the model, --target, --sigma, the data, --vars and a value"


class How(NamedTuple):
    """The options of these names, as they were given."""

    target: str | None
    sigma: str | None
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


def run(context: typer.Context, expression: str | None, asked: Asked, how: How, format: str) -> ExitStatus:
    """Fit.

    Raises:
        GradcliError: something is wrong with the command, the programs, the values or the data.
    """
    meter = Meter(not how.quiet, None)
    arguments, words = program.arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, words, "fit")
    output, history, plot = (asked.targets[one] for one in ("-o", "--history", "--plot"))
    targets = Targets(format, output, history, plot, shared.plot_format(plot))
    bounds = _check(asked, how, targets)
    settings = [*asked.settings, *(f"--param={text}" for text in asked.params if text.startswith("@"))]
    params = [f"{name}={text}" for name, _, text in (one.partition("=") for one in asked.params)]
    given.check_standard_input(
        [expression, how.target, how.sigma, asked.variables, *asked.data], arguments, [*settings, *params], _ONCE
    )
    programs = [program.parsed(text) for text in (expression, how.target, how.sigma) if text is not None]
    bound = training_data.bound(programs, asked, arguments, words)
    job = _job(programs, bound, bounds, how)
    with Leaving(), meter, Interrupts() as interrupts:
        result = _fitted(job, how, interrupts)
        pictures = [] if plot is None else [_picture(job, result)]
    training_output.write(result, pictures, targets)
    if not how.quiet:
        streams.tell(bound.notes)  # behind the fit, which may refuse the data
        training_output.warn(result)
        streams.note(training_output.summary(result, meter.seconds()))
    return training_output.status(result, True)


def _check(asked: Asked, how: How, targets: Targets) -> dict[str, tuple[float, float]]:
    """What can be said of the options without the data; the bounds."""
    if not asked.data:
        raise UsageError("there is no data to fit to", hint="name a file: --data FILE; a function without data: train")
    if how.target is None:
        raise UsageError("there is no target", hint="write --target y for what the model should give")
    row_options.check_engine(how.engine)
    shared.check_data(asked.data, asked.nulls, asked.on_error)
    shared.check_positive(max_time=how.max_time)
    training_output.check_history(targets.history)
    shared.check_targets(asked.targets)
    return shared.bounds(how.bounds)


def _job(programs: Sequence[Program], bound: Bound, bounds: Mapping[str, tuple[float, float]], how: How) -> Job:
    """The kernel of the model, the target, the starts."""
    from gradcli.training.layout import Layout
    from gradcli.training.limits import limits
    from gradcli.training.losses import forms

    if not bound.starts:
        raise BindingError("there is no parameter to fit", hint="write --param a=1, with a start near the answer")
    model, target = programs[0], programs[1]
    sigma = programs[2] if len(programs) > 2 else None
    for one, option in ((target, "--target"), (sigma, "--sigma")):
        _check_fixed(one, option, bound)
    graph = _graph(model, bound, None if how.of is None else normalise(how.of), how, "the model")
    _check_used(graph, bound)
    layout = Layout(bound.shapes)
    start = layout.vector(training_starts.draw(bound.starts, how.seed, lambda name: forms.fans(graph, name)))
    lower, upper = limits(layout, bounds, start)
    observed = _computed(target, bound, how, "--target")
    deviations = None if sigma is None else _computed(sigma, bound, how, "--sigma")
    modelled = _modelled(graph, bound, layout.elements(), how)
    texts = (target.text.strip(), None if sigma is None else sigma.text.strip())
    return Job(model, modelled, bound, layout, observed, deviations, texts, start, lower, upper)


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


def _check_used(graph: Graph, bound: Bound) -> None:
    """Refuse parameters that move nothing."""
    for name in bound.starts:
        if name in graph.consumed:
            hint = f"give it as --{shorten(name)} VALUE"
            raise BindingError(f"{shorten(name)} counts, indexes or shapes, and can't be a parameter", hint=hint)
        if name not in graph.inputs:
            hint = f"leave out --param {shorten(name)}"
            raise BindingError(f"the model does not depend on {shorten(name)}", hint=hint)


def _computed(one: Program, bound: Bound, how: How, option: str) -> Vector:
    """The target, or sigma, of every row; all finite, and sigma more than 0."""
    from gradcli.training.squares.modelled import first_wrong

    graph = _graph(one, bound, None, how, option)
    found = _modelled(graph, bound, [], how).values()
    if (row := first_wrong(found, option == "--sigma")) is not None:
        where = f"row {row + 1:,} of the data"
        if len(bound.tables) == 1 and not bound.rows.skipped:
            where = f"{bound.tables[0].name}, row {row + 1:,}"
        hint = "it has to be finite" + (", and more than 0" if option == "--sigma" else "")
        raise DataError(f"{where}: {option} {shorten(one.text.strip(), 60)} is {float(found[row])!r}", hint=hint)
    return found


def _modelled(graph: Graph, bound: Bound, parameters: Sequence[str], how: How) -> Modelled:
    """The graph of a row over all rows."""
    from gradcli.training.squares.modelled import How as Which
    from gradcli.training.squares.modelled import Modelled, Rows

    rows = Rows(bound.rows.columns, bound.row_shapes, bound.rows.count)
    return Modelled(graph, bound.values, rows, parameters, Which(how.engine, how.threads, how.max_gates))


def _fitted(job: Job, how: How, interrupts: Interrupts) -> Training:
    from gradcli.training.squares.fitting import fit
    from gradcli.training.steps.state import Events
    from gradcli.training.steps.stopping import Criteria

    found = fit(
        job.modelled.kernel, job.modelled.columns, job.target, job.sigma, job.layout.elements(), job.start,
        job.lower, job.upper,
        Criteria(epochs=how.epochs, seconds=how.max_time), Events(stop=lambda: interrupts.come),
    )  # fmt: skip
    return _result(job, how, found)


def _result(job: Job, how: How, found: Fitted) -> Training:
    from gradcli.training.results import Finding, Training

    warnings = [] if found.converged else [Finding("not converged", f"not converged: {found.message}")]
    settings = {
        "optimizer": "lm", "target": job.texts[0], "sigma": job.texts[1], "seed": how.seed,
        "bounds": {name: list(ends) for name, ends in shared.bounds(how.bounds).items()},
    }  # fmt: skip
    return Training(
        kind="fit",
        expression=job.model.text,
        of=None if how.of is None else normalise(how.of),
        parameters=job.layout.values(found.theta),
        values=job.bound.values,
        columns=job.bound.named,
        per_row=True,
        rows=job.bound.rows.count,
        loss=found.fit.residual_sum_of_squares if found.fit is not None else float("nan"),
        validation_loss=None,
        converged=found.converged,
        reason=found.reason,
        message=found.message,
        steps=found.steps,
        epochs=found.steps,
        engine=job.modelled.kernel.engine,
        settings=settings,
        history=found.history,
        watched=[],
        warnings=warnings,
        fit=found.fit,
    )


def _picture(job: Job, result: Training) -> Plot:
    """Data and model: a curve where one column makes it."""
    from gradcli.render.training_plots import FitPoints, fit_plot

    predicted = job.modelled.values(job.layout, result.parameters).tolist()
    sigma = None if job.sigma is None else job.sigma.tolist()
    title = " ".join(job.model.text.split())
    points = FitPoints(title, job.texts[0], job.target.tolist(), predicted, deviations=sigma)
    if (curve := job.modelled.curve(job.layout, result.parameters)) is None:
        return fit_plot(points)
    name, grid, heights = curve
    predictor = job.bound.sources[name].columns[0] if name in job.bound.sources else name
    xs = job.modelled.columns[name].tolist()
    return fit_plot(points._replace(predictor=predictor, xs=xs, curve=(grid, heights)))

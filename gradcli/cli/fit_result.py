"""What comes out of `gradcli fit`: the result, its picture, what is said where it did not converge.

Enters: a job of `fit_job` and a `Fitted`. Leaves: a `Training`, a picture, a status. Invariant: why a fit did not
converge is said once on standard error, whatever else is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.cli import streams, training_output
from gradcli.errors import ExitStatus, Span, place
from gradcli.language.parser import normalise

if TYPE_CHECKING:
    from gradcli.cli.fit_job import How, Job
    from gradcli.render.plots import Plot
    from gradcli.training.objective import Blamed
    from gradcli.training.results import Training
    from gradcli.training.squares.fitting import Fitted


def made(job: Job, how: How, found: Fitted) -> Training:
    """The result."""
    from gradcli.training.results import Finding, Training

    warnings = [] if found.converged else [Finding("not converged", f"not converged: {found.message}")]
    settings = {
        "optimizer": "lm", "target": job.texts[0], "sigma": job.texts[1],
        "absolute_sigma": None if job.sigma is None else how.absolute_sigma,
        "seed": how.seed, "bounds": {name: list(ends) for name, ends in job.bounds.items()},
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
        start_loss=found.history[0].loss if found.history else None,
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


def picture(job: Job, result: Training) -> Plot:
    """Data and model: a curve where one column makes it."""
    from gradcli.render.training_plots import FitPoints, fit_plot

    predicted = job.modelled.values(job.layout, result.parameters).tolist()
    sigma = None if job.sigma is None else job.sigma.tolist()
    points = FitPoints(job.model.text, job.texts[0], job.target.tolist(), predicted, deviations=sigma)
    if (curve := job.modelled.curve(job.layout, result.parameters)) is None:
        return fit_plot(points)
    name, grid, heights = curve
    predictor = job.bound.sources[name].columns[0] if name in job.bound.sources else name
    xs = job.modelled.columns[name].tolist()
    return fit_plot(points._replace(predictor=predictor, xs=xs, curve=(grid, heights)))


def end(result: Training, blamed: Blamed | None) -> ExitStatus:
    """Say what went wrong, if anything did; the status to end with.

    Raises:
        Interrupted: it was.
    """
    from gradcli.training.squares.fitting import HINTS

    if result.reason == "interrupted":
        raise training_output.Interrupted(f"interrupted after step {result.steps:,}")
    if not result.converged:
        lines = () if blamed is None else place(result.expression, Span(blamed.start, blamed.end))
        hint = HINTS.get(result.reason)
        streams.tell([f"gradcli: not converged: {result.message}", *lines, *([f"hint: {hint}"] if hint else [])])
    return training_output.status(result, True)

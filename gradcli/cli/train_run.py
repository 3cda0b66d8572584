"""The run of `gradcli train`: steps, checkpoints, what is watched, and how it ended.

Enters: a job. Leaves: a `Training`. Invariant: the result depends on the job alone, not on how it is looked at, nor on
whether it was cut into several runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gradcli.cli import streams, training_output
from gradcli.cli.signals import Interrupts
from gradcli.cli.train_plan import How, Method
from gradcli.cli.training_output import Meter, Targets
from gradcli.errors import ExitStatus, Span, place
from gradcli.printable import shorten
from gradcli.training.digests import digest
from gradcli.training.limits import limits
from gradcli.training.objective import Blamed, Columns, count
from gradcli.training.results import Finding, Training, Watched
from gradcli.training.steps import checkpoints, schedules
from gradcli.training.steps.loop import Plan, steps_of
from gradcli.training.steps.loop import run as run_steps
from gradcli.training.steps.state import Ended, Events, State, begin
from gradcli.training.steps.stopping import REASONS

if TYPE_CHECKING:
    from gradcli.cli.train_job import Job
    from gradcli.render.plots import Plot
    from gradcli.training.steps.schedules import Schedule


def trained(
    job: Job, method: Method, how: How, checkpoint: str | None, meter: Meter, interrupts: Interrupts
) -> tuple[Training, Blamed | None]:
    """Run it, from the start or from a checkpoint. The result, and the gate to blame if it diverged."""
    fingerprint = _fingerprint(job, method, how)
    state = begin(job.start, method.optimiser.memory)
    if how.resume and checkpoint is not None:
        found = checkpoints.read(checkpoint, fingerprint, len(job.start), method.optimiser.memory)
        if found is None and not how.quiet:
            streams.note(f"note: there is no {shorten(checkpoint, 200)} yet: the run starts anew")
        state = state if found is None else found
    anew = method.name == "lm"  # done in so few iterations that it begins anew where it should go on
    saved = _Saving(checkpoint, None if anew else how.every, fingerprint)

    def on_step(now: State) -> None:
        saved.after(now)
        meter.at(now)

    def on_epoch(now: State, batch: Columns) -> Watched | None:
        if not how.watch:
            return None
        from gradcli.training.watching import watch

        return watch(job.objective, now.theta, batch, now.previous, now.epoch + 1)

    events = Events(on_step, on_epoch, lambda: interrupts.come)
    ended = _run(job, method, how, state, events)
    saved.last(begin(job.start) if anew else ended.state)
    return _result(job, method, how, ended)


def _run(job: Job, method: Method, how: How, state: State, events: Events) -> Ended:
    if method.optimiser.kind == "steps":
        return run_steps(job.objective, job.columns, job.validation, plan(job, method, how), state, events)
    lower, upper = limits(job.objective.layout, method.bounds, job.start)
    if method.name == "lbfgs":
        from gradcli.training.steps import lbfgs

        memory = int(method.settings["memory"])
        return lbfgs.minimise(job.objective, job.columns, state, lower, upper, method.criteria, events, memory=memory)
    from gradcli.training.squares import residuals

    return residuals.minimise(job.objective, job.columns, state, lower, upper, method.criteria, events)


def plan(job: Job, method: Method, how: How) -> Plan:
    """How the steps are taken."""
    return Plan(
        method.optimiser, method.rate, method.settings, method.criteria, _schedule(job, method, how), how.batch_size,
        how.shuffle, how.seed, how.clip, how.clip_value, job.lower, job.upper,
    )  # fmt: skip


def explained(job: Job, method: Method, how: How, meter: Meter, targets: Targets) -> Iterator[str]:
    """A step, written out as by hand."""
    from gradcli.render.explain.training_step import explain_step
    from gradcli.training.explaining import step

    state = begin(job.start, method.optimiser.memory)
    taken = plan(job, method, how)
    found = step(job.objective, job.columns, job.validation, taken, state, how.explain_step or 1, meter.at)
    format = "markdown" if targets.format == "markdown" else "text"
    return explain_step(found, format, streams.look(path=targets.output))


def _schedule(job: Job, method: Method, how: How) -> Schedule:
    return schedules.schedule(method.schedule, steps_of(method.epochs, count(job.columns), how.batch_size))


class _Saving:
    """Saves checkpoints: every so many steps, and the last state."""

    def __init__(self, path: str | None, every: int | None, fingerprint: Mapping[str, Any]) -> None:
        self.path, self.every, self.fingerprint = path, every, fingerprint
        self.written: State | None = None

    def after(self, state: State) -> None:
        if self.path is not None and self.every is not None and state.step % self.every == 0:
            self.last(state)

    def last(self, state: State) -> None:
        if self.path is not None and state is not self.written:
            checkpoints.write(self.path, state, self.fingerprint)
            self.written = state


def engine_of(path: str) -> str | None:
    """The engine of the run that a checkpoint is of; None where that can't be told: reading it whole says why."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)["job"]["engine"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if found in ("numpy", "native") else None


def _fingerprint(job: Job, method: Method, how: How) -> dict[str, Any]:
    """What may not change when a run is resumed, by what messages call it."""
    form = job.form
    return {
        "expression": form.program.text,
        "stage": form.of,
        "penalty": job.penalty,
        "reduce": form.reduce,
        "parameters": {name: list(shape) for name, shape in form.parameters.items()},
        "start": digest({"": job.start}),
        "constants": digest(form.constants),
        "data": _rows(job.bound.rows.columns),
        "validation data": how.validate if job.validation is None or job.shared else _rows(job.validation),
        "bounds": None if job.lower is None else digest({"low": job.lower, "high": job.upper}),
        "engine": job.objective.engine,
        "optimizer": method.name,
        "optimizer settings": {name: repr(x) for name, x in method.settings.items()},
        "learning rate": repr(method.rate),
        "schedule": _schedule(job, method, how).text,
        "batch size": how.batch_size,
        "shuffle": how.shuffle,
        "seed": how.seed,
        "clip": repr(how.clip),
        "clip value": repr(how.clip_value),
    }


def _rows(columns: Columns) -> str:
    return f"{count(columns):,} rows, {digest(columns)}"


def _result(job: Job, method: Method, how: How, ended: Ended) -> tuple[Training, Blamed | None]:
    """What came out, and the gate to blame where that is nothing good."""
    objective, form, state = job.objective, job.form, ended.state
    loss = float(objective.evaluate(ended.theta, job.columns).loss)
    result = Training(
        kind="train",
        expression=form.program.text,
        of=form.of,
        parameters=objective.layout.values(ended.theta),
        values=form.constants,
        columns=job.bound.named,
        per_row=form.per_row,
        rows=count(job.columns),
        loss=loss,
        validation_loss=None if job.validation is None else float(objective.loss(ended.theta, job.validation)),
        converged=ended.converged,
        reason=ended.reason,
        message=_message(method, ended),
        steps=state.step,
        epochs=state.epoch,
        engine=objective.engine,
        settings=_settings(job, method, how),
        history=state.history.entries(),
        watched=state.watched.entries(),
        warnings=[],
    )
    blamed = _blamed(job, ended)
    return result._replace(warnings=_findings(ended, result, blamed)), blamed


_OF_A_MINIMISER = {
    "gradient": "the gradient is as flat as it gets",
    "epochs": "all iterations are done",
    "stalled": "nothing better is near, and yet the gradient is not flat",
}


def _message(method: Method, ended: Ended) -> str:
    """Why it ended."""
    own = method.optimiser.kind == "scipy" and not (ended.reason == "gradient" and method.criteria.gradient)
    message = _OF_A_MINIMISER.get(ended.reason) if own else None
    message = message or REASONS[ended.reason].message
    if ended.trouble and ended.reason == "stalled":
        return ended.trouble
    if ended.trouble:
        return f"{message} at step {ended.state.step + 1:,}: {ended.trouble}"
    if ended.reason == "patience" and ended.state.best is not None:
        return f"{message}; the parameters are those of epoch {ended.state.best.epoch:,}"
    return message


def _settings(job: Job, method: Method, how: How) -> dict[str, Any]:
    """How it was done, for the record: what was asked for, and what was taken where nobody asked."""
    own = method.optimiser.kind == "steps"
    found: dict[str, Any] = {
        "optimizer": method.name,
        **method.settings,
        "learning_rate": method.rate if own else None,
        "schedule": how.schedule if own and how.schedule != "constant" else None,
        "reduce": job.form.reduce,
        "penalty": job.penalty,
        "batch_size": how.batch_size,
        "shuffle": True if how.shuffle else None,
        "seed": how.seed,
        "clip": how.clip,
        "clip_value": how.clip_value,
        "bounds": {name: list(ends) for name, ends in method.bounds.items()} or None,
        "epochs": method.epochs,
        "tolerance": how.tolerance,
        "gradient_tolerance": how.gradient_tolerance,
        "step_tolerance": how.step_tolerance,
        "patience": how.patience,
    }
    return {name: value for name, value in found.items() if value is not None}


def _findings(ended: Ended, result: Training, blamed: Blamed | None) -> list[Finding]:
    """What a person should know; where it went wrong stands first."""
    from gradcli.training.advice import findings, of_divergence

    found = findings(result.history, result.watched, result.reason)
    if ended.bad_theta is None:
        return found
    return [of_divergence(blamed, result.history, ended.state.epoch + 1), *found]


def _blamed(job: Job, ended: Ended) -> Blamed | None:
    """The gate to blame."""
    if ended.bad_theta is None:
        return None
    batch = job.columns if ended.bad_batch is None else ended.bad_batch
    return job.objective.blame(ended.bad_theta, batch, job.start)


def pictures(result: Training, how: How, plot: str | None) -> list[Plot]:
    """What --plot draws."""
    if plot is None or not result.history:
        return []
    from gradcli.render.training_plots import loss_plot, watch_plot

    return [watch_plot(result) if how.watch else loss_plot(result)]


def end(method: Method, result: Training, blamed: Blamed | None, checkpoint: str | None) -> ExitStatus:
    """Say what went wrong, if anything did; the status to end with."""
    status = training_output.status(result, method.wanted)
    if result.reason == "interrupted":
        more = "" if checkpoint is None else f"; --resume goes on from {shorten(checkpoint, 200)}"
        streams.note(f"gradcli: interrupted after step {result.steps:,}{more}")
    elif result.reason == "diverged":
        told = next(one for one in result.warnings if one.kind == "diverged")
        lines = () if blamed is None else place(result.expression, Span(blamed.start, blamed.end))
        streams.tell([f"gradcli: {result.message}", *lines, f"hint: {told.message}"])
    elif status != ExitStatus.DONE:
        streams.note(f"gradcli: not converged: {result.message}")
    return status

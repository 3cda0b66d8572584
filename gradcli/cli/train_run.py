"""The run of `gradcli train`: steps, checkpoints, what is watched, and how it ended.

Enters: a job. Leaves: a `Training`. Invariant: the result depends on the job alone, not on how it is looked at, nor on
whether it was cut into several runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gradcli.cli import streams, training_output
from gradcli.cli.signals import Interrupts
from gradcli.cli.train_parts import Job, fingerprint, pace_of, plan
from gradcli.cli.train_plan import How, Method
from gradcli.cli.training_output import Meter, Targets
from gradcli.errors import ExitStatus, Span, place
from gradcli.printable import shorten
from gradcli.training.limits import limits
from gradcli.training.objective import Blamed, Columns, count
from gradcli.training.results import Finding, Training, Watched
from gradcli.training.steps import checkpoints
from gradcli.training.steps.loop import run as run_steps
from gradcli.training.steps.state import Ended, Events, State, begin
from gradcli.training.steps.stopping import sentence

if TYPE_CHECKING:
    from gradcli.render.plots import Plot


def trained(
    job: Job, method: Method, how: How, checkpoint: str | None, meter: Meter, interrupts: Interrupts
) -> tuple[Training, Blamed | None]:
    """Run it, from the start or from a checkpoint. The result, and the gate to blame if it diverged."""
    belongs, state = fingerprint(job, method, how), begin(job.start, method.optimiser.memory)
    if how.resume and checkpoint is not None:
        memory, pace = method.optimiser.memory, pace_of(job, method, how)
        found = checkpoints.read(checkpoint, belongs, len(job.start), memory, pace)
        if found is None and not how.quiet:
            streams.note(f"note: there is no {shorten(checkpoint, 200)} yet: the run starts anew")
        state = state if found is None else found
    anew = method.name == "lm"  # done in so few iterations that it begins anew where it should go on
    saved = _Saving(checkpoint, None if anew else how.every, belongs)

    def on_step(now: State) -> None:
        saved.after(now)
        meter.at(now)

    def on_epoch(now: State, batch: Columns) -> Watched | None:
        if not how.watch:
            return None
        from gradcli.training.watching import watch

        return watch(job.objective, now.theta, batch, now.previous, now.epoch + 1)

    events = Events(on_step, on_epoch, lambda: interrupts.come)
    ended = _run(job, method, how, state, events, checkpoint is not None)
    saved.last(begin(job.start) if anew else ended.state)
    return _result(job, method, how, ended)


def _run(job: Job, method: Method, how: How, state: State, events: Events, logged: bool) -> Ended:
    if method.optimiser.kind == "steps":
        return run_steps(job.objective, job.columns, job.validation, plan(job, method, how), state, events)
    lower, upper = limits(job.objective.layout, method.bounds, job.start)
    if method.name == "lbfgs":
        from gradcli.training.steps import lbfgs

        memory = int(method.settings["memory"])
        return lbfgs.minimise(
            job.objective, job.columns, state, lower, upper, method.criteria, events, memory=memory, logged=logged
        )  # fmt: skip
    from gradcli.training.squares import residuals

    return residuals.minimise(job.objective, job.columns, state, lower, upper, method.criteria, events)


def explained(job: Job, method: Method, how: How, meter: Meter, targets: Targets) -> Iterator[str]:
    """A step, written out as by hand."""
    from gradcli.render.explain.training_step import explain_step
    from gradcli.training.explaining import step

    state = begin(job.start, method.optimiser.memory)
    taken = plan(job, method, how)
    found = step(job.objective, job.columns, job.validation, taken, state, how.explain_step or 1, meter.at)
    format = "markdown" if targets.format == "markdown" else "text"
    return explain_step(found, format, streams.look(path=targets.output), how.short)


class _Saving:
    """Saves checkpoints: every so many steps, and the last state."""

    def __init__(self, path: str | None, every: int | None, belongs: Mapping[str, Any]) -> None:
        self.path, self.every, self.belongs = path, every, belongs
        self.written: State | None = None

    def after(self, state: State) -> None:
        if self.path is not None and self.every is not None and state.step % self.every == 0:
            self.last(state)

    def last(self, state: State) -> None:
        if self.path is not None and state is not self.written:
            checkpoints.write(self.path, state, self.belongs)
            self.written = state


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
        start_loss=float(objective.evaluate(job.start, job.columns).loss),
    )
    blamed = _blamed(job, ended)
    return result._replace(warnings=_findings(method, ended, result, blamed)), blamed


_OF_A_MINIMISER = {"gradient": "the gradient is as flat as it gets", "epochs": "all iterations are done"}
_AT_ONCE = "already at the start values, so that they may be no minimum"


def _message(method: Method, ended: Ended) -> str:
    """Why it ended."""
    own = method.optimiser.kind == "scipy" and not (ended.reason == "gradient" and method.criteria.gradient)
    message = _OF_A_MINIMISER.get(ended.reason) if own else None
    message = message or sentence(ended.reason, method.criteria)
    if own and ended.reason == "gradient" and not ended.state.step:
        return f"{message}, {_AT_ONCE}"
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


def _findings(method: Method, ended: Ended, result: Training, blamed: Blamed | None) -> list[Finding]:
    """What a person should know; where it went wrong stands first."""
    from gradcli.training.advice import findings, of_divergence

    found = findings(result.history, result.watched, result.reason, method.name)
    if ended.bad_theta is None:
        return found
    growth = ended.growth if method.name in _FIXED else None
    return [of_divergence(blamed, result.history, ended.state.epoch + 1, method=method.name, growth=growth), *found]


_FIXED = {"gd", "momentum", "nesterov"}  # whose steps grow with the gradient, so that a loss grows by a factor


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
    """Say what went wrong, if anything did; the status to end with.

    Raises:
        Interrupted: it was.
    """
    status = training_output.status(result, method.wanted)
    if result.reason == "interrupted":
        more = "" if checkpoint is None else f"; --resume goes on from {shorten(checkpoint, 200)}"
        raise training_output.Interrupted(f"interrupted after step {result.steps:,}{more}")
    if result.reason == "diverged":
        told = next(one for one in result.warnings if one.kind == "diverged")
        spot = None if blamed is None or blamed.end <= blamed.start else Span(blamed.start, blamed.end)
        lines = () if spot is None else place(result.expression, spot)  # the penalty's text is another one
        streams.tell([f"gradcli: {result.message}", *lines, f"hint: {told.message}"])
    elif status != ExitStatus.DONE:
        streams.tell([f"gradcli: not converged: {result.message}", *training_output.way_on(result)])
    return status

"""What a training is of, and what follows from it: how its steps are taken, and what a checkpoint of it belongs to.

Enters: a `Job`, the method, the options. Leaves: plain records. Invariant: nothing is computed here but digests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli.train_plan import How, Method
from gradcli.training.digests import digest
from gradcli.training.objective import Columns, count
from gradcli.training.steps import schedules
from gradcli.training.steps.loop import Plan, steps_of
from gradcli.training.steps.reading import Pace

if TYPE_CHECKING:
    from gradcli.cli.training_data import Bound
    from gradcli.training.layout import Vector
    from gradcli.training.losses.forms import Form
    from gradcli.training.objective import Objective
    from gradcli.training.steps.schedules import Schedule


class Job(NamedTuple):
    """All that a run is of.

    Attributes:
        penalty: its text, None without one.
        columns: the rows to learn from; empty without data.
        validation: rows to compare with, None without them.
        shared: whether these were among the data.
        start, lower, upper: vectors of the objective's layout.
    """

    form: Form
    penalty: str | None
    bound: Bound
    objective: Objective
    columns: Columns
    validation: Columns | None
    shared: bool
    start: Vector
    lower: Vector | None
    upper: Vector | None


def plan(job: Job, method: Method, how: How) -> Plan:
    """How the steps are taken."""
    return Plan(
        method.optimiser, method.rate, method.settings, method.criteria, schedule_of(job, method, how), how.batch_size,
        how.shuffle, how.seed, how.clip, how.clip_value, job.lower, job.upper,
    )  # fmt: skip


def schedule_of(job: Job, method: Method, how: How) -> Schedule:
    """The factor of the learning rate at every step."""
    return schedules.schedule(method.schedule, steps_of(method.epochs, count(job.columns), how.batch_size))


def pace_of(job: Job, method: Method, how: How) -> Pace:
    """What the counts of a checkpoint have to fit to; a minimiser's epochs are its steps."""
    if method.optimiser.kind != "steps":
        return Pace(logged=method.name == "lbfgs")
    rows = max(count(job.columns), 1)
    return Pace(rows, min(how.batch_size or rows, rows))


def fingerprint(job: Job, method: Method, how: How) -> dict[str, Any]:
    """What may not change when a run is resumed, by what messages call it."""
    form = job.form
    return {
        "expression": form.program.text,
        "stage": form.of,
        "penalty": job.penalty,
        "reduce": form.reduce,
        "parameters": [[name, *shape] for name, shape in form.parameters.items()],  # in the order of the vectors
        "start": digest({"": job.start}),
        "constants": digest(form.constants),
        "data": _rows(job.bound.rows.columns),
        "validation data": how.validate if job.validation is None or job.shared else _rows(job.validation),
        "bounds": None if job.lower is None else digest({"low": job.lower, "high": job.upper}),
        "engine": job.objective.engine,
        "optimizer": method.name,
        "optimizer settings": {name: repr(x) for name, x in method.settings.items()},
        "learning rate": repr(method.rate),
        "schedule": schedule_of(job, method, how).text,
        "batch size": how.batch_size,
        "shuffle": how.shuffle,
        "seed": how.seed,
        "clip": repr(how.clip),
        "clip value": repr(how.clip_value),
    }


def _rows(columns: Columns) -> str:
    return f"{count(columns):,} rows, {digest(columns)}"

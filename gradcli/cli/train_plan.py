"""How a training is done: what the options of `gradcli train` say, before anything is read.

Enters: options as they were given. Leaves: a `Method`. Invariant: options that have no effect together are refused
here, all of them before a file is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcli.cli import row_options
from gradcli.cli import training_options as shared
from gradcli.errors import UsageError
from gradcli.printable import shorten
from gradcli.training.losses.forms import REDUCTIONS
from gradcli.training.steps import optimisers, schedules
from gradcli.training.steps.stopping import Criteria

if TYPE_CHECKING:
    from gradcli.training.steps.optimisers import Optimiser
    from gradcli.training.steps.schedules import Part

EPOCHS = {"steps": 100, "scipy": 1000}  # where nobody says how many


class How(NamedTuple):
    """The options of these names, as they were given."""

    bounds: list[str]
    seed: int
    reduce: str | None
    penalty: str | None
    batch_size: int | None
    epochs: int | None
    shuffle: bool
    validate: str | None
    optimizer: str
    learning_rate: float | None
    schedule: str
    clip: float | None
    clip_value: float | None
    tolerance: float | None
    gradient_tolerance: float | None
    step_tolerance: float | None
    patience: int | None
    max_time: float | None
    every: int | None
    resume: bool
    watch: bool
    explain_step: int | None
    short: bool
    engine: str
    threads: int | None
    of: str | None
    max_gates: int
    quiet: bool


class Method(NamedTuple):
    """What the options mean.

    Attributes:
        settings: all of the optimiser's numbers.
        rate: the learning rate; 0 where the optimiser has none.
        schedule: its parts.
        bounds: by parameter.
        wanted: whether convergence was asked for, so that a run without it has failed.
    """

    optimiser: Optimiser
    settings: dict[str, float]
    rate: float
    schedule: tuple[Part, ...]
    criteria: Criteria
    epochs: int
    bounds: dict[str, tuple[float, float]]
    wanted: bool

    @property
    def name(self) -> str:
        return self.optimiser.name


def method(how: How, data: bool, checkpoint: str | None) -> Method:
    """Check the options.

    Args:
        data: whether there is any.
        checkpoint: the path of the checkpoint, if there is one.

    Raises:
        UsageError: an option is wrong, or two do not go together.
    """
    row, settings = optimisers.read_optimiser(how.optimizer)
    row_options.check_engine(how.engine)
    if how.reduce is not None and how.reduce not in REDUCTIONS:
        raise UsageError(f"--reduce {shorten(how.reduce) or '(empty)'}: write {' or '.join(REDUCTIONS)}")
    _check_together(how, data, checkpoint)
    if row.kind == "scipy":
        _check_whole(how, row.name)
    if how.explain_step is not None:
        _check_explained(how, checkpoint)
    elif how.short:
        raise UsageError(
            "--short is for --explain-step", hint="write --explain-step 1 for the first step, or leave it out"
        )
    epochs = how.epochs or EPOCHS[row.kind]
    criteria = Criteria(
        epochs, how.tolerance, how.gradient_tolerance, how.step_tolerance, how.patience, how.max_time
    )  # fmt: skip
    wanted = row.kind == "scipy" or any(
        one is not None for one in (how.tolerance, how.gradient_tolerance, how.step_tolerance)
    )
    return Method(
        row, settings, how.learning_rate or row.rate or 0.0,
        schedules.read_schedule(how.schedule), criteria, epochs, shared.bounds(how.bounds), wanted,
    )  # fmt: skip


def _check_together(how: How, data: bool, checkpoint: str | None) -> None:
    """Refuse options that need another one."""
    if not data:
        given = {
            "--batch-size": how.batch_size, "--shuffle": how.shuffle, "--validate": how.validate,
            "--reduce": how.reduce,
        }  # fmt: skip
        for option, value in given.items():
            if value:
                raise UsageError(f"{option} is for data, and there is none", hint="name a file: --data FILE")
    if how.patience is not None and how.validate is None:
        hint = "write --validate FILE, or --validate 0.2 for a fifth of the rows"
        raise UsageError("--patience needs rows to compare with", hint=hint)
    if checkpoint == "-":
        raise UsageError("a checkpoint is a file, not a pipe", hint="write --checkpoint FILE")
    for option, value in (("--every", how.every), ("--resume", how.resume)):
        if value and checkpoint is None:
            raise UsageError(f"{option} needs a checkpoint", hint="write --checkpoint FILE")


def _check_whole(how: How, name: str) -> None:
    """Refuse what is for steps, where SciPy takes them."""
    given: dict[str, object] = {
        "--batch-size": how.batch_size, "--shuffle": how.shuffle, "--learning-rate": how.learning_rate,
        "--schedule": how.schedule != "constant", "--clip": how.clip, "--clip-value": how.clip_value,
        "--patience": how.patience, "--explain-step": how.explain_step,
    }  # fmt: skip
    if name == "lm":
        given |= {
            "--tolerance": how.tolerance, "--gradient-tolerance": how.gradient_tolerance,
            "--step-tolerance": how.step_tolerance, "--watch": how.watch, "--penalty": how.penalty,
        }  # fmt: skip
    for option, value in given.items():
        if value:
            hint = f"leave it out, or take an optimizer with steps of its own: {', '.join(_with_steps())}"
            raise UsageError(f"{option} is not for {name}, which finds its own steps", hint=hint)


def _with_steps() -> list[str]:
    return [name for name, row in optimisers.OPTIMISERS.items() if row.kind == "steps"]


def _check_explained(how: How, checkpoint: str | None) -> None:
    """Refuse what has no place beside --explain-step."""
    for option, value in (("--watch", how.watch), ("--checkpoint", checkpoint), ("--resume", how.resume)):
        if value:
            raise UsageError(f"--explain-step writes one step, and no result: {option} has no effect")

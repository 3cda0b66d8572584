"""What comes out of a training or a fit, as flat records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Epoch(NamedTuple):
    """One pass over the data, or one iteration where there are no batches.

    Loss and gradient are of the parameters before a step, whatever the method: the first entry's are those of the start
    where all rows are one batch, and those of the final parameters are in no entry.

    Attributes:
        epoch: 1, 2, …
        step: how many steps have been taken at its end.
        loss: over its rows, each batch at the parameters before its step, penalty included; of an iteration the one
            at its beginning.
        gradient_norm: the mean of the batches' norms, before clipping; of an iteration the one at its beginning.
        learning_rate: of its last step; None where the optimiser has none.
        validation_loss: at its end; None without validation data.
    """

    epoch: int
    step: int
    loss: float
    gradient_norm: float
    learning_rate: float | None = None
    validation_loss: float | None = None


class WatchedStage(NamedTuple):
    """A stage at the beginning of an epoch; see `diagnose.stages.Stage` for the words.

    Attributes:
        update_ratio: of the parameters that this stage uses first: norm of the last update divided by that of the
            parameters; None where it has none, or before the first step.
        saturated, dead: shares of its units, 0 to 1; None where it has none that could be.
        dead_units: which ones are dead, by index.
    """

    name: str
    gradient_norm: float
    update_ratio: float | None
    saturated: float | None
    dead: float | None
    dead_units: tuple[int, ...] = ()


class WatchedParameter(NamedTuple):
    """A parameter at the beginning of an epoch: its gradient's norm, and update_ratio as of a stage."""

    name: str
    gradient_norm: float
    update_ratio: float | None


class Watched(NamedTuple):
    """What was watched at the beginning of an epoch, before its first step."""

    epoch: int
    stages: tuple[WatchedStage, ...]
    parameters: tuple[WatchedParameter, ...]


class Finding(NamedTuple):
    """What a person should know of a run.

    Attributes:
        kind: "vanishing", "exploding", "dead", "saturated", "plateau", "oscillating", "diverged", …
        message: with the advice that fits, a sentence without a full stop.
        epoch: when; None where it is of the whole run.
        stage: the stage or the gate; None where it is of no single one.
    """

    kind: str
    message: str
    epoch: int | None = None
    stage: str | None = None


class Fit(NamedTuple):
    """The statistics of a fit by least squares. All arrays are in the order of `names`.

    Attributes:
        names: of the numbers that were fitted: b1, W[0,1].
        standard_errors: residual standard deviation times the root of the diagonal of inverse(J'J).
        covariance: its square, as rows.
        residual_standard_deviation: the root of (residual sum of squares / degrees of freedom).
        r_squared: 1 - residual / total sum of squares, both weighted as the fit is; nan where the target is constant.
    """

    names: tuple[str, ...]
    standard_errors: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    residual_sum_of_squares: float
    residual_standard_deviation: float
    degrees_of_freedom: int
    r_squared: float


class Training(NamedTuple):
    """A result.

    Attributes:
        kind: "train" or "fit".
        expression: the loss; of a fit the model.
        of: the stage of the program that is the loss or the model; None for its output.
        parameters: numbers and arrays by name.
        values: the inputs that were constant.
        columns: the data's columns by input, those of an array in its order; as --map would name them.
        per_row: whether the program was computed row by row, or on whole columns.
        rows: of the data; 0 without data.
        loss: of the final parameters over all rows, penalty included; of a fit the residual sum of squares.
        converged: whether a criterion of convergence was met.
        reason: one word: "epochs", "loss", "gradient", "step", "patience", "time", "interrupted", "diverged", …
        message: the reason as a sentence without a full stop.
        steps: that were taken. Those of a minimiser are its iterations, each an entry of the history.
        settings: how it was done, for the record: optimizer, learning_rate, seed, reduce, penalty, target, …
        start_loss: the same as loss, of the start values; None where it was not computed.
    """

    kind: str
    expression: str
    of: str | None
    parameters: Mapping[str, Any]
    values: Mapping[str, Any]
    columns: Mapping[str, list[str]]
    per_row: bool
    rows: int
    loss: float
    validation_loss: float | None
    converged: bool
    reason: str
    message: str
    steps: int
    epochs: int
    engine: str
    settings: Mapping[str, Any]
    history: list[Epoch]
    watched: list[Watched]
    warnings: list[Finding]
    fit: Fit | None = None
    start_loss: float | None = None

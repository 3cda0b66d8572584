"""What a training or a fit looks like: its loss over the epochs, what was watched, data and curve.

Enters: a `Training`, or the points of a fit. Leaves: a `Plot`, for the terminal or as a picture. Invariant: what is not
drawn is said in a note on its panel, or in its label.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gradcli.render.plots import Line, Panel, Plot

if TYPE_CHECKING:
    from gradcli.training.results import Training, Watched

MOST_LINES = 12  # of a panel
MOST_ON_SCREEN, MOST_PANELS = 4, 2  # of a panel's lines, and of the panels, on a terminal
MOST_POINTS = 5_000  # of a line of points, and of a panel's curve
T = TypeVar("T")
_WIDE = 30  # times the smallest: numbers that go so far are shown by their logarithms


class FitPoints(NamedTuple):
    """A fit at its data.

    Attributes:
        title: the model.
        target: what the observed numbers are called.
        observed, predicted: per row.
        predictor: the name of the only column that the model takes; None where there are several.
        xs: that column, per row; empty without it.
        curve: numbers of that column on a fine grid, and the model there; None: the rows' own in order.
        deviations: what the residuals are divided by, per row; None without weights.
    """

    title: str
    target: str
    observed: Sequence[float]
    predicted: Sequence[float]
    predictor: str | None = None
    xs: Sequence[float] = ()
    curve: tuple[Sequence[float], Sequence[float]] | None = None
    deviations: Sequence[float] | None = None


def loss_plot(result: Training) -> Plot:
    """The loss over the epochs, with that of the validation data."""
    return Plot(_title(result.expression), _epochs(result), False, [_losses(result)], whole=True, apart=True)


def watch_plot(result: Training) -> Plot:
    """The loss; gradients by stage; updates by parameter; saturated and dead units by stage."""
    watched = _spread(result.watched, MOST_POINTS)
    panels = [_losses(result)]
    stages = _named(watched, lambda one: one.stages)
    parameters = _named(watched, lambda one: one.parameters)
    kept = _spread([*stages], MOST_LINES)
    if kept:
        lines = [Line(name, *_series(watched, stages[name], "gradient_norm")) for name in kept]
        panels.append(_powers("gradient norm", lines, _some(kept, stages, "stages")))
    if chosen := _spread([*parameters], MOST_LINES):
        lines = [Line(name, *_series(watched, parameters[name], "update_ratio")) for name in chosen]
        if any(isfinite(y) for line in lines for y in line.ys):
            panels.append(_powers("update ratio", lines, _some(chosen, parameters, "parameters")))
    if shares := _shares(watched, stages, kept):
        panels.append(shares)
    return Plot(_title(result.expression), _epochs(result), False, panels, whole=True, apart=True)


def fit_plot(points: FitPoints) -> Plot:
    """Data and curve over the only predictor, or what was observed over what the model says; below, the residuals."""
    across = points.xs if points.predictor is not None else points.predicted
    observed, predicted = points.observed, points.predicted
    rows = [
        row for row in range(len(observed))
        if isfinite(across[row]) and isfinite(observed[row]) and isfinite(predicted[row])
    ]  # fmt: skip
    shown = _spread(rows, MOST_POINTS)
    label = "observed" if len(shown) == len(observed) else f"observed, {len(shown):,} of {len(observed):,} rows"
    xs = [float(across[row]) for row in shown]
    data = Line(label, xs, [float(observed[row]) for row in shown], points=True)
    scales = points.deviations or [1.0] * len(observed)
    residuals = [(float(observed[row]) - float(predicted[row])) / float(scales[row]) for row in shown]
    below = Panel("residual" if points.deviations is None else "residual / sigma", [Line("", xs, residuals, True)])
    x = points.predictor if points.predictor is not None else f"{points.target} by the model"
    return Plot(_title(points.title), x, False, [Panel(points.target, [data, _model(points, rows)]), below], apart=True)


def on_screen(plot: Plot) -> tuple[Plot, str]:
    """What of it a terminal has room for, and what is left out, in a sentence."""
    panels = [*map(_fewer, plot.panels[:MOST_PANELS])]
    some = ["some curves"] if any(a is not b for a, b in zip(panels, plot.panels, strict=False)) else []
    left = [*some, *(panel.name for panel in plot.panels[MOST_PANELS:])]
    told = f"not drawn here: {'; '.join(left)} (--plot FILE.svg has them)" if left else ""
    return plot._replace(panels=panels), told


def _fewer(panel: Panel) -> Panel:
    """The same, or with some of its lines."""
    chosen = _spread(panel.order(), MOST_ON_SCREEN)
    if len(chosen) == len(panel.lines):
        return panel
    count = panel.note.partition(" of ")[2] or f"{len(panel.lines)} curves"
    numbers = tuple(number for number, _ in chosen)
    return panel._replace(lines=[line for _, line in chosen], numbered=numbers, note=f"{len(chosen)} of {count}")


def _model(points: FitPoints, rows: Sequence[int]) -> Line:
    """The model's curve; where several columns make it, the line on which both numbers are the same."""
    if points.predictor is None:
        ends = [float(points.predicted[row]) for row in rows]
        ends = [min(ends), max(ends)] if ends else []
        return Line("equal", ends, ends, marked=False)
    if points.curve is not None:
        xs, ys = points.curve
        return Line("model", [*map(float, xs)], [*map(float, ys)])
    order = _spread(sorted(rows, key=lambda row: points.xs[row]), MOST_POINTS)
    return Line("model", [float(points.xs[row]) for row in order], [float(points.predicted[row]) for row in order])


def _title(program: str) -> str:
    """A program on one line, without the comments that begin it and stand between its lines."""
    lines = (line.strip() for line in program.splitlines())
    return "; ".join(line for line in lines if line and not line.startswith("#"))


def _epochs(result: Training) -> str:
    """What the history counts: passes over the data, or iterations of what has no learning rate."""
    return "epoch" if any(entry.learning_rate is not None for entry in result.history) else "iteration"


def _losses(result: Training) -> Panel:
    history = _spread(result.history, MOST_POINTS)
    epochs = [float(entry.epoch) for entry in history]
    validated = any(entry.validation_loss is not None for entry in history)
    lines = [Line("training" if validated else "", epochs, [entry.loss for entry in history])]
    if validated:
        ys = [nan if entry.validation_loss is None else entry.validation_loss for entry in history]
        lines.append(Line("validation", epochs, ys))
    name = "residual sum of squares" if result.kind == "fit" else "loss"
    heights = [y for line in lines for y in line.ys if isfinite(y)]
    return _scaled(name, lines) if heights and min(heights) > 0 else Panel(name, lines)


def _powers(name: str, lines: list[Line], note: str) -> Panel:
    """A logarithmic panel, unless there is nothing above 0."""
    return Panel(name, lines, any(isfinite(y) and y > 0 for line in lines for y in line.ys), note=note)


def _scaled(name: str, lines: list[Line]) -> Panel:
    """A panel of numbers that are not negative: logarithmic where they go far. Then 0 has no place there."""
    positive = [y for line in lines for y in line.ys if isfinite(y) and y > 0]
    return Panel(name, lines, bool(positive) and max(positive) / min(positive) >= _WIDE)


def _shares(watched: Sequence[Watched], stages: dict[str, dict[int, Any]], kept: Sequence[str]) -> Panel | None:
    """Which share of the units of a stage lets no gradient through; stages that always have none are not drawn."""
    lines, numbers = list[Line](), list[int]()
    for kind in ("saturated", "dead"):
        for name, found in stages.items():
            xs, ys = _series(watched, found, kind)
            if any(isfinite(y) and y > 0 for y in ys):
                lines.append(Line(f"{name} {kind}", xs, ys))
                number = kept.index(name) if name in kept else MOST_LINES + len(numbers)
                numbers.append(number + 2 * MOST_LINES if number in numbers else number)
    if not lines:
        return None
    chosen = _spread(range(len(lines)), MOST_LINES)
    shown = [lines[at] for at in chosen]
    note = _some(shown, lines, "lines")
    return Panel("saturated, dead share", shown, numbered=tuple(numbers[at] for at in chosen), note=note)


def _named(watched: Sequence[Watched], parts: Callable[[Watched], Sequence[Any]]) -> dict[str, dict[int, Any]]:
    """What was watched of every name, by epoch."""
    found: dict[str, dict[int, Any]] = {}
    for one in watched:
        for part in parts(one):
            found.setdefault(part.name, {})[one.epoch] = part
    return found


def _series(watched: Sequence[Watched], found: dict[int, Any], attribute: str) -> tuple[list[float], list[float]]:
    """A number over the epochs; nan where there is none."""
    numbers = (getattr(found.get(one.epoch), attribute, None) for one in watched)
    return [float(one.epoch) for one in watched], [nan if x is None else float(x) for x in numbers]


def _some(shown: Sequence[Any], every: Collection[Any], what: str) -> str:
    """That there are more than are shown, where there are."""
    return f"{len(shown)} of {len(every)} {what}" if len(shown) < len(every) else ""


def _spread(items: Sequence[T], most: int) -> list[T]:
    """All items, or so many of them: the first one, the last one, and evenly some between."""
    count = len(items)
    return [*items] if count <= most else [items[at * (count - 1) // (most - 1)] for at in range(most)]

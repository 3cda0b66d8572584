"""The result of a training or a fit, in a format; and its history as columns.

Enters: a `Training`. Leaves: text. Invariant: the same result gives the same bytes; numbers are whole wherever a
machine reads them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from gradcli.graph.rewriting.unroll import element_names
from gradcli.numeric.elements import elements, shape_of
from gradcli.render import Look
from gradcli.render.csv_rows import inert
from gradcli.render.training_json import document
from gradcli.render.training_table import markdown, table

if TYPE_CHECKING:
    from gradcli.training.results import Training, Watched


def render(result: Training, format: str, look: Look) -> Iterator[str]:
    """In one of the `FORMATS`."""
    return FORMATS[format](result, look)


def history_columns(result: Training) -> dict[str, list[float]]:
    """The history by columns, a row per entry; nan where an entry has no such number.

    epoch, step, loss and gradient_norm; learning_rate and validation_loss if there are any; of what was watched
    norm_NAME and update_ratio_NAME for every parameter, and norm_NAME, saturated_NAME and dead_NAME for every stage.
    """
    found: dict[str, list[float]] = {
        name: [getattr(entry, name) for entry in result.history] for name in ("epoch", "step", "loss", "gradient_norm")
    }
    for name in ("learning_rate", "validation_loss"):
        numbers = [getattr(entry, name) for entry in result.history]
        if any(x is not None for x in numbers):
            found[name] = [nan if x is None else x for x in numbers]
    places = {entry.epoch: at for at, entry in enumerate(result.history)}
    for watched in result.watched:
        if (at := places.get(watched.epoch)) is not None:
            for name, x in _watched_numbers(watched):
                found.setdefault(name, [nan] * len(places))[at] = x
    return found


def _watched_numbers(watched: Watched) -> Iterator[tuple[str, float]]:
    """What a row of the history says of the parameters and stages, by column."""
    for kind, names in (
        (watched.parameters, ("norm", "update_ratio")),
        (watched.stages, ("norm", "saturated", "dead")),
    ):
        for one in kind:
            for name in names:
                x = one.gradient_norm if name == "norm" else getattr(one, name)
                if x is not None:
                    yield f"{name}_{one.name}", x


def _csv(result: Training, look: Look) -> Iterator[str]:
    """A row per number: parameter, value and, of a fit, standard_error. Numbers round-trip."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    fit = result.fit
    errors: Mapping[str, Any] = dict(zip(fit.names, fit.standard_errors, strict=True)) if fit else {}
    writer.writerow(["parameter", "value", *(["standard_error"] if fit else [])])
    for name, x in result.parameters.items():
        for one, number in zip(element_names(name, shape_of(x)), elements(x), strict=True):
            error = [repr(float(errors[one])) if one in errors else ""] if fit else []
            writer.writerow([inert(one), repr(float(number)), *error])
    yield buffer.getvalue()


Renderer = Callable[["Training", Look], Iterator[str]]
FORMATS: dict[str, Renderer] = {"table": table, "json": document, "csv": _csv, "markdown": markdown}

"""The result of a training or a fit as one JSON document, schema gradcli.training/1.

Enters: a `Training`. Leaves: text. Invariant: pure ASCII, the same bytes for the same result; floats round-trip, and
numbers that are not finite are strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from typing import TYPE_CHECKING, Any

from gradcli.graph.rewriting.unroll import element_names
from gradcli.numeric.elements import is_array, shape_of
from gradcli.render import Look
from gradcli.render.writing import nested, number

if TYPE_CHECKING:
    from gradcli.training.results import Fit, Training

SCHEMA = "gradcli.training/1"


def document(result: Training, look: Look | None = None) -> Iterator[str]:
    """The document in pieces."""
    yield f'{{"schema": "{SCHEMA}", {_members(kind=result.kind, expression=result.expression, output=result.of)},\n '
    yield f'"parameters": {{{_listed(_member(name, x) for name, x in result.parameters.items())}}},\n '
    yield f"{_members(start_loss=result.start_loss, loss=result.loss, validation_loss=result.validation_loss)},\n "
    yield f"{_members(converged=result.converged, reason=result.reason, message=result.message)},\n "
    yield f"{_members(steps=result.steps, epochs=result.epochs, engine=result.engine, rows=result.rows)},\n "
    yield f"{_members(per_row=result.per_row, data=result.columns, constants=result.values)},\n "
    yield f'"settings": {value(result.settings)},\n '
    if result.fit is not None:
        yield from _fit(result, result.fit)
    yield f'"history": [{_listed(value(entry._asdict()) for entry in result.history)}],\n '
    if result.watched:
        watched = (
            {**one._asdict(), "stages": _all(one.stages), "parameters": _all(one.parameters)} for one in result.watched
        )
        yield f'"watch": [{_listed(map(value, watched))}],\n '
    yield f'"warnings": [{_listed(value(finding._asdict()) for finding in result.warnings)}]}}\n'


def value(x: Any) -> str:
    """A number, text, an array, or lists and objects of them, as JSON."""
    if x is None or isinstance(x, str | bool):
        return dumps(x)
    if isinstance(x, Mapping):
        return f"{{{', '.join([_member(str(name), part) for name, part in x.items()])}}}"
    if isinstance(x, list | tuple):
        return f"[{', '.join(map(value, x))}]"
    if is_array(x):
        return number(x, _write)
    return str(int(x)) if isinstance(x, int) else number(float(x))


def _write(x: Any) -> str:
    return repr(float(x))


def _member(name: str, x: Any) -> str:
    return f"{dumps(name)}: {value(x)}"


def _members(**named: Any) -> str:
    return ", ".join(_member(name, x) for name, x in named.items())


def _all(parts: Iterable[Any]) -> list[dict[str, Any]]:
    return [part._asdict() for part in parts]


def _listed(items: Iterable[str]) -> str:
    lines = ",\n  ".join(items)
    return f"\n  {lines}" if lines else ""


def _fit(result: Training, fit: Fit) -> Iterator[str]:
    """The statistics of a fit; standard errors in the form of the parameters, null where a number was not fitted."""
    errors = dict(zip(fit.names, fit.standard_errors, strict=True))
    members = []
    for name, x in result.parameters.items():
        shape = shape_of(x)
        texts = [value(errors.get(one)) for one in element_names(name, shape)]
        members.append(f"{dumps(name)}: {nested(texts, shape) if shape else texts[0]}")
    yield f'"standard_errors": {{{_listed(members)}}},\n '
    numbers = {name: getattr(fit, name) for name in (
        "residual_sum_of_squares", "residual_standard_deviation", "degrees_of_freedom", "r_squared",
    )}  # fmt: skip
    yield f"{_members(**numbers)},\n "
    rows = _listed(value(row) for row in fit.covariance)
    yield f'"covariance": {{"names": {dumps(fit.names)}, "matrix": [{rows}]}},\n '

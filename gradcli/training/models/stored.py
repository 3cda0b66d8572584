"""The result of a training or a fit, read back from its JSON document.

Enters: bytes. Leaves: a `Model`. Invariant: every field that is used is checked; whatever else the document says is
left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gradcli.errors import BindingError
from gradcli.language.parser import normalise
from gradcli.printable import shorten
from gradcli.readers.json_values import decoded, value
from gradcli.render.training_json import SCHEMA

_HINT = "`gradcli train … -o model.json` and `gradcli fit … -o model.json` write one"


class Model(NamedTuple):
    """What is known of a program that was trained or fitted.

    Attributes:
        where: the file, in messages.
        kind: "train" or "fit".
        expression: the program.
        output: the stage that was the loss or the model; None for the program's result.
        parameters, constants: numbers and arrays by name.
        columns: of the data, by input, in the order of an array's elements.
        whole: whether the program was computed on whole columns, not row by row.
    """

    where: str
    kind: str
    expression: str
    output: str | None
    parameters: dict[str, Any]
    constants: dict[str, Any]
    columns: dict[str, list[str]]
    whole: bool

    @property
    def values(self) -> dict[str, Any]:
        """Of all inputs that no column binds."""
        return {**self.constants, **self.parameters}


def read(content: bytes, where: str) -> Model:
    """The model of a document.

    Raises:
        BindingError: it is none.
    """
    found = decoded(content, where, float, "the result of a training", _HINT)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        other = f" but of schema {shorten(schema, 60)}" if isinstance(schema, str) else ""
        raise BindingError(f"{where} is not the result of a training or a fit{other}", hint=_HINT)
    kind, expression, output = (found.get(name) for name in ("kind", "expression", "output"))
    _check(kind in ("train", "fit"), where, "kind")
    _check(isinstance(expression, str), where, "expression")
    _check(output is None or isinstance(output, str), where, "output")
    parameters, constants = (_numbers(found.get(name), name, where) for name in ("parameters", "constants"))
    columns = _columns(found.get("data"), where)
    whole = found.get("per_row") is False
    return Model(where, str(kind), str(expression), output, parameters, constants, columns, whole)


def _check(right: bool, where: str, name: str) -> None:
    if not right:
        raise BindingError(f"{where}: {name} is missing, or not what it should be", hint=_HINT)


def _numbers(found: Any, name: str, where: str) -> dict[str, Any]:
    _check(isinstance(found, Mapping), where, name)
    return {normalise(one): value(part, one, where) for one, part in found.items()}


def _columns(found: Any, where: str) -> dict[str, list[str]]:
    _check(isinstance(found, Mapping), where, "data")
    for names in found.values():
        _check(isinstance(names, list) and bool(names) and all(isinstance(x, str) for x in names), where, "data")
    return {normalise(name): list(names) for name, names in found.items()}

"""JSON: a number, nested lists, and objects of these."""

from __future__ import annotations

import json
import math
from typing import Any

from gradcli.errors import BindingError
from gradcli.printable import shorten
from gradcli.readers import Number, text_of
from gradcli.readers.nested import read_array

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # as protobuf writes them
OBJECT_HINT = 'write {"x": 2, "w": [1, 2]}'
_ARRAY_HINT = "write [1, 2] or [[1, 2], [3, 4]]"


def decoded(content: bytes, where: str, number: Number, what: str, hint: str, names: Any = None) -> Any:
    """What a JSON document says, its numbers read by `number`.

    Args:
        where: the file, in messages.
        what: what the document should be.
        hint: how that is written.
        names: makes the one name of those that are written differently.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            name = name if names is None else names(name)
            if name in found:
                raise BindingError(f"{where}: {shorten(name)} is given twice")
            found[name] = value
        return found

    text = text_of(content, where)
    try:
        # Integers are floats from the start: 10**400 is inf, not an endless integer.
        return json.loads(text, object_pairs_hook=unique, parse_float=number, parse_int=number)
    except RecursionError:
        raise BindingError(f"{where} is not {what}: it is nested too deeply", hint=hint) from None
    except ValueError as error:
        raise BindingError(f"{where} is not JSON: {error}", hint=hint) from None


def value(content: Any, name: str, where: str, exact: bool = False) -> Any:
    """The number or the array that a part of a document stands for."""

    def number(element: Any, called: str) -> float:
        return _number(element, called, where)

    if not isinstance(content, list):
        return number(content, name)
    try:
        return read_array(content, name, number, exact)
    except BindingError as error:
        if not error.message.startswith(where):
            error.message = f"{where}: {error.message}"
        raise


def _number(element: Any, name: str, where: str) -> float:
    if isinstance(element, float):
        return element
    hint = None
    if isinstance(element, str):
        if element in NON_FINITE:
            return NON_FINITE[element]
        shown = f'the text "{shorten(element)}"'
        hint = 'write numbers without quotes, except "NaN", "Infinity" and "-Infinity"'
    else:
        shown = "an object" if isinstance(element, dict) else {True: "true", False: "false", None: "null"}[element]
    raise BindingError(f"{where}: {shorten(name)} is not a number but {shown}", hint=hint)


def read(content: bytes, where: str, name: str, number: Number) -> Any:
    """The number or the array of a file."""
    found = decoded(content, where, number, "an array of numbers", _ARRAY_HINT)
    if isinstance(found, dict):
        raise BindingError(f"{where} holds an object, not an array", hint=f"values by name are given by --vars {where}")
    return value(found, name, where, number is not float)

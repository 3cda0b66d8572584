"""NumPy's own files: an array of real numbers of any type, read without running anything that is in it."""

from __future__ import annotations

from typing import Any

from gradcli.errors import BindingError
from gradcli.readers import Number
from gradcli.readers.nested import MOST_AXES


def read(content: bytes, where: str, name: str, number: Number) -> Any:
    """The array of a file, or its number; elements are doubles, whatever `number` would make of a text."""
    from gradcli.numeric import arrays

    try:
        found = arrays.load_npy(content)
    except ValueError as error:
        message = f"{where} is not an array of real numbers: {' '.join(str(error).split())}"
        raise BindingError(message, hint="it is written by numpy.save") from None
    if not found.size:
        raise BindingError(f"{where} holds an empty array", hint="an array has an element at least")
    if found.ndim > MOST_AXES:
        raise BindingError(f"{where} has {found.ndim} axes: an array has at most {MOST_AXES}")
    return found if found.ndim else float(found)

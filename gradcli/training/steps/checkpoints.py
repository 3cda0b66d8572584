"""Checkpoints: a state as a file that is there whole or not at all.

Enters: a state, and the job that it belongs to. Leaves: a file, and the same state again, to the bit. Invariant: of a
file that is damaged or of another job nothing is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from gradcli.atomic import replacing
from gradcli.errors import DataError, StreamError, UsageError
from gradcli.printable import shorten
from gradcli.training.steps.reading import Damaged, Pace, need, state_of, whole
from gradcli.training.steps.state import State, Thinned

SCHEMA = "gradcli.checkpoint/1"
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_SHOWN = 3  # differences between jobs
_SAME = "give the same program, data and options, or another file"


def write(path: str, state: State, job: Mapping[str, Any]) -> None:
    """Write a state, so that not even a machine that stops leaves half a file.

    Args:
        job: what may not change when it is resumed: JSON's values by name.

    Raises:
        StreamError: it can't be written; what stood under the name is still there.
    """
    content = text(state, job).encode()
    try:
        with replacing(path, durable=True) as file, open(file, "wb", closefd=False) as binary:
            binary.write(content)
    except OSError as error:
        raise StreamError(f"{shorten(path, 200)}: {error.strerror}") from None


def text(state: State, job: Mapping[str, Any]) -> str:
    """What a checkpoint says."""
    content = {"schema": SCHEMA, "job": plain(job)}
    content.update((name, plain(value)) for name, value in zip(State._fields, state, strict=True))
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """JSON's own types. Records are lists in the order of their fields; numbers that are not finite are texts."""
    if isinstance(value, np.ndarray):
        numbers = value.tolist()
        return numbers if np.isfinite(value).all() else plain(numbers)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if isfinite(value) else _WORDS[repr(value)]
    if isinstance(value, Thinned):
        return [value.stride, plain(value.entries())]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return [plain(one) for one in value]
    return value


def read(
    path: str, job: Mapping[str, Any], size: int, memory: tuple[str, ...] = (), pace: Pace | None = None
) -> State | None:
    """The state of a checkpoint of this job; None where there is no file.

    Args:
        size: how many numbers the parameters are.
        memory: the names of the optimiser's vectors.
        pace: what the counts have to fit to; None where nothing is known of it.

    Raises:
        DataError: it is damaged, or no checkpoint.
        UsageError: it is of another job; the message says what differs.
        StreamError: it can't be read.
    """
    where, content = shorten(path, 200), _content(path)
    if content is None:
        return None
    try:
        found = _document(content)
        here = json.loads(json.dumps(plain(job)))
        if differences := _differences(found["job"], here):
            message = f"{where} is a checkpoint of another job: {'; '.join(differences[:_SHOWN])}"
            raise UsageError(message, hint=_advice(found["job"], here))
        return state_of(found, size, memory, pace)
    except Damaged as error:
        hint = "nothing of it was used; remove it, or name another file, to start anew"
        raise DataError(f"{where} is not a whole checkpoint: {error}", hint=hint) from None


def step_of(path: str) -> int | None:
    """The step that a checkpoint of any job was written at; None where there is no file, or nothing in it.

    Raises:
        DataError: it is something else, which should not be replaced by a checkpoint.
        StreamError: it can't be read.
    """
    content = _content(path) if os.path.isfile(path) else None
    if not content:
        return None
    try:
        return whole(_document(content).get("step"))
    except Damaged as error:
        hint = "a checkpoint would replace it: remove it, or name another file"
        raise DataError(f"{shorten(path, 200)} is not a checkpoint: {error}", hint=hint) from None


def engine_of(path: str) -> str | None:
    """The engine of the run that a checkpoint is of; None where that can't be told: reading it whole says why."""
    try:
        found = _document(_content(path) or b"")["job"].get("engine")
    except (StreamError, Damaged):
        return None
    return found if found in ("numpy", "native") else None


def _content(path: str) -> bytes | None:
    """What stands in a file; None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StreamError(f"{shorten(path, 200)}: {getattr(error, 'strerror', None) or 'not a file name'}") from None


def _advice(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """What to do about a difference."""
    differs = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    schedule = there.get("schedule")
    if differs == ["schedule"] and isinstance(schedule, str):  # also where only the number of epochs is another one
        return f'to go on with the schedule that it has, write --schedule "{shorten(schedule, 200)}"'
    return _SAME


def _document(content: bytes) -> dict[str, Any]:
    """A document of this schema."""
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise Damaged("it is not JSON") from None
    need(isinstance(found, dict) and "schema" in found, "it does not say what it is")
    need(found["schema"] == SCHEMA, f"its schema is {shorten(str(found['schema']))}, not {SCHEMA}")
    need(isinstance(found.get("job"), dict), "job is missing")
    checked: dict[str, Any] = found
    return checked


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What two jobs differ in, in words."""
    found = []
    for name in {**here, **there}:
        if name not in there or name not in here:
            found.append(f"{shorten(name)} is given {'there' if name in there else 'here'} only")
        elif there[name] != here[name]:
            one, other = (shorten(json.dumps(job[name], ensure_ascii=False), 40) for job in (there, here))
            found.append(f"{shorten(name)} is {one} there and {other} here")
    return found

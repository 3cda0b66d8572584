"""What commands that draw a graph have in common: how it is laid out, and what of it is shown."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from gradcli.errors import UsageError
from gradcli.language.parser import normalise
from gradcli.printable import shorten

Rankdir = Annotated[
    str | None,
    typer.Option("--rankdir", metavar="LR|TB", help="Left to right, or top to bottom; what fits better if not given."),
]
Path = Annotated[
    str | None, typer.Option("--path", metavar="NAME", help="Show only what this input or stage influences.")
]
Depth = Annotated[int | None, typer.Option("--depth", metavar="N", min=0, help="Show N edges back from the output.")]
NoClusters = Annotated[bool, typer.Option("--no-clusters", help="Leave out frames around calls, turns and stages.")]
Seconds = Annotated[
    float, typer.Option("--seconds", metavar="N", min=0.01, max=86_400, help="How long the layout may take.")
]


def choice(option: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise UsageError(f"{option} can't be {shorten(value) or 'empty'}", hint=f"it is one of {', '.join(choices)}")
    return value


def collapsed(given: list[str]) -> tuple[str, ...]:
    """Names and numbers; a comma inside brackets is part of a name: W[0,1]."""
    names = [normalise(name.strip()) for text in given for name in re.split(r",(?![^\[]*\])", text) if name.strip()]
    if given and not names:
        raise UsageError("--collapse names nothing", hint="write --collapse NAME, or --collapse 0")
    return tuple(names)


def checked_seconds(seconds: float) -> float:
    if seconds != seconds:  # nan is in every range
        raise UsageError("--seconds nan is not a time", hint="write --seconds 20")
    return seconds

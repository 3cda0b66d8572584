"""What a grid's VALUE stands for: LOW..HIGH, LOW..HIGH:N, {a,b,c}.

Enters: the arguments of a command. Leaves: an axis for every input that varies, and the arguments with one number in
its place. Invariant: an axis is a range or a list as it is written; any other VALUE is left to what reads values
elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import typer

from gradcli.binding import bind
from gradcli.cli import given
from gradcli.cli.bindings import collect, missing_expression
from gradcli.cli.program import arguments_of, parsed
from gradcli.cli.values import constant
from gradcli.errors import BindingError, GradcliError, UsageError
from gradcli.language.parser import normalise
from gradcli.printable import shorten
from gradcli.sweeping import MOST_POINTS, Axis

_HINT = "write LOW..HIGH, such as -5..5, or LOW..HIGH:N for N points"
_LIST_HINT = "write '{1,2,3}', in quotes; its numbers may be constants such as pi/2"


class Asked(NamedTuple):
    """A command's axes, and what is left of its arguments.

    Attributes:
        axes: in the order of the command line.
        error: what is wrong with one of them, to be told when nothing else is wrong.
        settings: of --set, with a number in place of an axis.
    """

    axes: list[Axis]
    error: GradcliError | None
    settings: list[str]


def check_others(
    context: typer.Context,
    expression: str | None,
    variables: str | None,
    settings: list[str],
    of: str | None,
    max_gates: int,
) -> None:
    """Look for a mistake in the program, in names or in other values, which is told before one in an axis.

    Args:
        context, settings: with a number in place of every axis.

    Raises:
        GradcliError: there is one.
    """
    arguments, words = arguments_of(context)
    if expression is None:
        raise missing_expression(arguments, words, context.info_name or "sweep")
    tree = parsed(expression)
    known = given.read([tree], arguments, words, variables, settings)
    graph = given.lowered(tree, known, of, max_gates, words=words)
    bind(graph, given.used(graph, known, words))


def separated(
    context: typer.Context, settings: Iterable[str], num: int | None, usual: int, log: str | None, drawn: bool
) -> Asked:
    """Take the axes out of a command's arguments; the context then holds the others.

    Args:
        settings, num, log: as the command got them.
        usual: the points of a range without --num.
        drawn: whether there has to be an axis to draw along.
    """
    arguments, words = arguments_of(context)
    settings = list(settings)
    logarithmic = [normalise(name.strip()) for name in (log or "").split(",") if name.strip()]
    axes: dict[str, Axis] = {}
    error: GradcliError | None = None
    used = False
    for name, text in collect(arguments.bindings, settings).items():
        if not is_axis(text):
            continue
        used = used or (":" not in text and not text.strip().startswith("{"))
        axes[name] = Axis(name, 1, None, (0.0,))
        try:
            axes[name] = axis(text, name, num or usual, name in logarithmic)
        except GradcliError as problem:
            error = error or problem
    if error is None:
        error = _unused(axes, logarithmic, log, num if not used else None)
    if drawn and not axes:
        error = UsageError("there is nothing to draw: no input varies", hint="give one a range, such as --x -5..5")
    if num is not None and num < 2:
        error = UsageError(f"--num {num}: a range has 2 points or more, its ends")
    first = {name: repr(float(axis.ends[0] if axis.ends else axis.listed[0])) for name, axis in axes.items()}
    bindings = [(name, first.get(name, text)) for name, text in arguments.bindings]
    context.obj = arguments._replace(bindings=bindings), words
    return Asked([*axes.values()], error, [_setting(setting, first) for setting in settings])


def _setting(setting: str, first: dict[str, str]) -> str:
    name = setting.partition("=")[0]
    number = first.get(normalise(name.strip()))
    return setting if number is None else f"{name}={number}"


def _unused(axes: dict[str, Axis], logarithmic: list[str], log: str | None, num: int | None) -> GradcliError | None:
    """What is wrong with --log and --num."""
    if log is not None and not logarithmic:
        return UsageError("--log names no input", hint="write --log x,y")
    for name in logarithmic:
        if name not in axes or axes[name].ends is None:
            return UsageError(f"--log: {shorten(name)} has no range", hint="write --x 1e-3..1e3 --log x")
    if num is not None:
        return UsageError("--num says how many points a range has, and there is none that it could be for")
    return None


def is_axis(text: str) -> bool:
    """Whether a VALUE is meant as a range or as a list."""
    text = text.strip()
    return text.startswith("{") or (not text.startswith(("@", "[")) and (".." in text or "…" in text))


def axis(text: str, name: str, num: int, logarithmic: bool) -> Axis:
    """The axis that a VALUE stands for.

    Args:
        num: how many points a range has that does not say it.

    Raises:
        BindingError: it is not written as a range or a list, or its numbers make none.
    """
    return _list(text.strip(), name) if text.strip().startswith("{") else _range(text.strip(), name, num, logarithmic)


def _list(text: str, name: str) -> Axis:
    shown = shorten(name)
    if not text.endswith("}"):
        raise BindingError(f"the list of {shown} has no end: {shorten(text)}", hint=_LIST_HINT)
    parts = re.split(r",(?![^()]*\))", text[1:-1])  # a comma in parentheses stands between arguments
    if not text[1:-1].strip():
        raise BindingError(f"the list of {shown} is empty", hint=_LIST_HINT)
    if any(not part.strip() for part in parts):
        raise BindingError(f"the list of {shown} has a comma too many: {shorten(text)}", hint=_LIST_HINT)
    if any(".." in part or "{" in part for part in parts):
        raise BindingError(f"the list of {shown} holds a range: {shorten(text)}", hint=f"{_HINT}; or {_LIST_HINT[6:]}")
    numbers = tuple(constant(part.strip(), name) for part in parts)
    return Axis(name, len(numbers), None, numbers)


def _range(text: str, name: str, num: int, logarithmic: bool) -> Axis:
    body, colon, count = text.partition(":")
    low, _, high = (part.strip() for part in body.partition(".."))
    if not low or not high or ".." in high or high.startswith(".") or "…" in body:
        raise BindingError(f"the range of {shorten(name)} is not LOW..HIGH: {shorten(text)}", hint=_HINT)
    ends = constant(low, name), constant(high, name)
    if not all(map(math.isfinite, ends)):
        raise BindingError(f"the range of {shorten(name)} is not finite: {shorten(text)}", hint=_HINT)
    if ends[0] == ends[1]:
        hint = f"write --{shorten(name)} {shorten(low)} for a number that does not vary"
        raise BindingError(f"the range of {shorten(name)} ends where it begins: {shorten(text)}", hint=hint)
    if logarithmic and not ends[0] * math.copysign(1.0, ends[1]) > 0:
        message = f"--log: the range of {shorten(name)} has no logarithms: {shorten(text)}"
        raise BindingError(message, hint="its ends have to be of one sign, and not 0")
    return Axis(name, _count(count.strip(), name) if colon else num, ends, logarithmic=logarithmic)


def _count(text: str, name: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or not 2 <= int(text) <= MOST_POINTS:
        hint = f"write LOW..HIGH:N with N from 2 to {MOST_POINTS:,}, both ends counted"
        raise BindingError(f"the range of {shorten(name)} can't have {shorten(text) or 'no'} points", hint=hint)
    return int(text)

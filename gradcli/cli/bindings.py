"""Values for the program's names from the command line: --NAME VALUE, --set NAME=VALUE, --vars FILE.

Enters: the arguments of a command. Leaves: its own options for typer, and the bindings. Invariant: an argument is one
of three: the command's own option (exact name), a binding `--NAME`, or an operand; what follows a binding's name is its
value, whatever it looks like. --NAME-WITH-HYPHENS is none of them, and refused.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from typer.core import TyperCommand

from gradcli.errors import BindingError, UsageError
from gradcli.language.parser import normalise
from gradcli.printable import shorten

_NAME = re.compile(r"[^\W\d]\w*")
_HYPHENATED = re.compile(r"--[^\W\d]\w*(?:-[^\W\d]\w*)+")  # no name, and no expression that anybody means


class Sorted(NamedTuple):
    """A command's arguments, told apart."""

    options: list[str]
    operands: list[str]
    bindings: list[tuple[str, str]]
    given: list[str]  # the names of the own options, as they were given


def sort_arguments(
    arguments: list[str], valued: Mapping[str, bool], joined: Mapping[str, Collection[str]] | None = None
) -> Sorted:
    """Tell options, bindings and operands apart.

    Args:
        arguments: of one command.
        valued: the command's own option names, each with whether a value follows it.
        joined: short options and the values that may stand directly behind them, as in -Tsvg; any other text that
            begins like that is an expression.
    """
    whole = {f"{name}{value}": (name, value) for name, values in (joined or {}).items() for value in values}
    found = Sorted([], [], [], [])
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument == "--":
            found.operands.extend(waiting)
        elif argument in valued or (equals and name.startswith("--") and name in valued):
            found.options.append(argument)
            found.given.append(name)
            if valued[name] and not equals:
                found.options.append(_value_of(name, waiting, valued))
        elif argument in whole:
            found.options.extend(whole[argument])
            found.given.append(whole[argument][0])
        elif name.startswith("--") and _NAME.fullmatch(normalise(name[2:])):
            found.bindings.append((normalise(name[2:]), value if equals else _value_of(name, waiting, valued)))
        elif _HYPHENATED.fullmatch(name) and not {"--help", "-h"} & {*arguments}:
            raise _unknown(name, valued)
        else:
            found.operands.append(argument)
    return found


def _unknown(name: str, valued: Mapping[str, bool]) -> UsageError:
    """There is no such option, and no value's name holds a hyphen."""
    refuse_option_of_others(name)
    hint = _meant(name, valued) or f"names hold no hyphens; a value is given as --{shorten(name[2:].replace('-', '_'))}"
    return UsageError(f"there is no option {shorten(name)}", hint=hint)


def _value_of(name: str, waiting: Iterator[str], valued: Mapping[str, bool]) -> str:
    value: str | None = next(waiting, None)
    if value is None:
        if name not in valued:
            refuse_option_of_others(name)
        hint = f"write {shorten(name)} VALUE" if name in valued else _meant(name, valued)
        raise UsageError(f"{shorten(name)} needs a value after it", hint=hint or f"write {shorten(name)} VALUE")
    return value


def refuse_option_of_others(name: str) -> None:
    """Say so where an option belongs to another command; it would be taken for a value's name."""
    from gradcli.cli.app import commands_with

    if others := commands_with(name):
        raise UsageError(f"this command has no option {name}", hint=f"these have it: {', '.join(others)}")


def _meant(name: str, options: Iterable[str]) -> str | None:
    """The option that a misspelt one stands for, as a hint."""
    from difflib import get_close_matches

    close = get_close_matches(name[:40], [option for option in options if option.startswith("--")], n=1)
    return f"did you mean {close[0]}?" if close else None


class BindingCommand(TyperCommand):
    """A typer command that also takes --NAME VALUE for any name."""

    joined: ClassVar[Mapping[str, Collection[str]]] = {}  # as for `sort_arguments`

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[--NAME VALUE]..."]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = [p for p in self.get_params(ctx) if p.param_type_name == "option"]
        valued = {name: not getattr(p, "is_flag", False) for p in options for name in (*p.opts, *p.secondary_opts)}
        found = sort_arguments(args, valued, self.joined)
        counts = [p.nargs for p in self.get_params(ctx) if p.param_type_name == "argument"]
        most = _files(found.operands) if -1 in counts else sum(counts)  # -1: any number of them
        if len(found.operands) > most and not {"--help", "-h"} & {*found.given}:
            raise _too_many(found, most, valued)
        for p in options:
            if valued[p.opts[0]] and not p.multiple and sum(map(found.given.count, p.opts)) > 1:
                raise UsageError(f"{p.opts[0]} is given twice")
        ctx.obj = found, [name for name in valued if name.startswith("--")]
        return super().parse_args(ctx, [*found.options, "--", *found.operands])


def _files(operands: list[str]) -> int:
    """How many operands there are before one that looks like an option; the first is an expression, the rest files."""
    odd = (i for i, one in enumerate(operands) if i and one[:1] == "-" and one != "-" and not os.path.exists(one))
    return next(odd, len(operands))


def _too_many(found: Sorted, most: int, valued: Mapping[str, bool]) -> UsageError:
    """What is wrong with an operand too many, which typer cannot know."""
    if any(operand.startswith("--") for operand in found.operands):
        hint = "what follows -- is the expression; values and options stand before it"
        return UsageError("there is more than the expression after --", hint=hint)
    for position, operand in enumerate(found.operands):
        shown = shorten(operand)
        following = "".join(f" {shorten(value)}" for value in found.operands[position + 1 : position + 2])
        if re.fullmatch(r"-[^\W\d]=?[\w./-]+", operand) and valued.get(operand[:2]):
            return UsageError(
                f"there is no option {shown}", hint=f"did you mean {shown[:2]} {shown[2:].removeprefix('=')}?"
            )
        if re.fullmatch(r"-[^\W\d]\w*", operand):
            return UsageError(f"there is no option {shown}", hint=f"did you mean -{shown}{following}?")
        if named := re.fullmatch(r"[\u2010-\u2015\u2212]-?(\w+)", operand):
            hint = f"did you mean --{shorten(named[1])}{following}?"
            return UsageError(f"an option begins with two hyphens, not with a dash: {shown}", hint=hint)
    extra = shorten(found.operands[most])
    hint = "put the expression in quotes"
    if (setting := re.fullmatch(r"([^\W\d]\w*)=(.+)", found.operands[most])) is not None:
        hint = f"did you mean --{shorten(setting[1])} {shorten(setting[2])}?"
    for name, value in found.bindings:
        if value.startswith("--"):
            hint = _meant(f"--{name}", valued) or f"--{shorten(name)} took {shorten(value)} as its value"
    flags = [name for name, takes in valued.items() if not takes and name in found.given]
    if flags:
        hint = f"{flags[0]} is an option without a value; give an input of that name by --set {flags[0][2:]}={extra}"
    return UsageError(f"there is an argument too many: {extra}", hint=hint)


def missing_expression(
    found: Sorted, options: Iterable[str], command: str, example: str = '"(x+y)*z" --x 2 --y 3 --z -4'
) -> UsageError:
    """There is no expression: forgotten, or taken as the value of a misspelt option. example: of arguments."""
    for name, _ in found.bindings:
        if hint := _meant(f"--{name}", options):
            return UsageError(f"there is no expression; --{shorten(name)} took the argument after it", hint=hint)
    return UsageError("there is no expression", hint=f"write it in quotes: gradcli {command} {example}")


def collect(pairs: list[tuple[str, str]], settings: list[str], option: str = "--set") -> dict[str, str]:
    """The values given by --NAME VALUE and --set NAME=VALUE, or by another option that takes NAME=VALUE, as written.

    Raises:
        BindingError: a name is given twice.
    """
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            name = shorten(setting)
            raise UsageError(f"{option} {name} has no value", hint=f"write {option} {name or 'NAME'}=VALUE")
        if not name.strip():
            raise UsageError(f"{option} {shorten(setting)} has no name", hint=f"write {option} NAME=VALUE")
        pairs = [*pairs, (name.strip(), value)]
    found: dict[str, str] = {}
    for name, value in pairs:
        name = normalise(name)
        if name in found:
            raise BindingError(f"{shorten(name)} is given twice")
        found[name] = value
    return found

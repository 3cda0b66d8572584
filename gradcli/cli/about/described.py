"""The command line as flat data.

Enters: the commands, as typer builds them. Leaves: what their helps say, in the order in which they say it. Invariant:
every word is one that `gradcli --help` or `gradcli COMMAND --help` prints; nothing here knows a command by its name.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import typer

from gradcli.cli.app import COMMANDS, app, grouped


class Option(NamedTuple):
    """An option, or an argument, which has no names.

    Attributes:
        names: as the help writes them, such as -o and --output.
        metavar: what stands for its value; nothing where it has none.
        help: its words.
        limits: its default and its bounds, such as "default: 1; 1<=x<=1000".
    """

    names: tuple[str, ...]
    metavar: str
    help: str
    limits: str = ""


class Command(NamedTuple):
    """A command.

    Attributes:
        name, group: what it is called, and the title above it.
        usage: the shape of a call.
        summary: one sentence.
        paragraphs: the other text of its help.
        examples: calls, some of several lines.
        arguments, options: in the help's order.
        takes_values: whether --NAME VALUE gives an input its value.
    """

    name: str
    group: str
    usage: str
    summary: str
    paragraphs: tuple[str, ...]
    examples: tuple[str, ...]
    arguments: tuple[Option, ...]
    options: tuple[Option, ...]
    takes_values: bool


def program() -> Command:
    """gradcli itself."""
    root: Any = typer.main.get_command(app)
    return _described(root, typer.Context(root, info_name="gradcli", **root.context_settings), "gradcli", "")


def commands() -> list[Command]:
    """All commands, group by group."""
    root: Any = typer.main.get_command(app)
    above = typer.Context(root, info_name="gradcli", **root.context_settings)
    found = []
    for group, names in grouped().items():
        for name in names:
            built = root.get_command(above, name)
            found.append(_described(built, typer.Context(built, parent=above, info_name=name), name, group))
    assert len(found) == len(COMMANDS)
    return found


def _described(command: Any, context: Any, name: str, group: str) -> Command:
    summary, *texts = command.help.split("\n\n")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parameters = command.get_params(context)
    return Command(
        name=name,
        group=group,
        usage=usage,
        summary=" ".join(summary.split()),
        paragraphs=tuple(" ".join(text.split()) for text in texts if not text.startswith("\b")),
        examples=tuple(one for text in texts if text.startswith("\b") for one in _examples(text)),
        arguments=tuple(_option(one, context) for one in parameters if one.param_type_name == "argument"),
        options=tuple(_option(one, context) for one in parameters if one.param_type_name == "option"),
        takes_values="--NAME" in usage and not name.startswith("gradcli"),
    )


def _examples(text: str) -> list[str]:
    r"""The calls of a paragraph that begins with \b; a line that ends with a backslash goes on."""
    lines = [line.removeprefix("  ") for line in text.split("\n")[1:]]
    return re.findall(r"(?:.*\\\n)*.+", "\n".join(lines))


def _option(parameter: Any, context: Any) -> Option:
    shown, text = parameter.get_help_record(context)
    text, _, limits = text.partition("  [")
    limits = limits.removesuffix("]")
    if parameter.param_type_name == "argument":
        return Option((), shown, text, limits)
    names = sorted([*parameter.opts, *parameter.secondary_opts], key=lambda name: name.startswith("--"))
    return Option(tuple(names), "" if parameter.is_flag else parameter.make_metavar(context), text, limits)


# A value with a remark on it: native (compiled), auto: as the system is. What is listed has two of them at least.
_VALUE = r"([a-z][\w-]*)(?: ?\([^)]*\))?(?:: [^,:;.]+)?"
_LIST = re.compile(rf"(?:^|[Oo]ne of |: )({_VALUE}(?:(?:, or |, | or ){_VALUE})+)(?=[.:;])")


def choices(option: Option) -> tuple[str, ...]:
    """The values that an option lists, in its metavar or in its help; nothing where it takes a file."""
    if takes_file(option):
        return ()
    alternatives = option.metavar.split("|")
    if len(alternatives) > 1 and all(re.fullmatch(r"[a-z]+|[A-Z]{2}", one) for one in alternatives):
        return tuple(alternatives)
    listed = [re.split(", or |, | or ", re.sub(r" ?\([^)]*\)", "", found[1])) for found in _LIST.finditer(option.help)]
    return tuple(dict.fromkeys(value.partition(":")[0] for values in listed for value in values))


def takes_file(option: Option) -> bool:
    """Whether its value is a file's name, or may be one."""
    return re.search(r"FILE|DIR|DATA|\.json", option.metavar) is not None


def first_sentence(text: str) -> str:
    """The beginning of a help, for where there is room for a line."""
    return re.split(r"[.;:](?: |$)", text)[0]

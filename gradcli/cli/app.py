"""The commands and the process: arguments in, an exit status out.

Invariant: a command's module is imported when it is called, so that every call pays only for what it uses; whatever
happens, the user sees one message and never a traceback.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import Any, NoReturn, cast

import typer
from typer.core import TyperCommand, TyperGroup

from gradcli.cli import streams
from gradcli.errors import ExitStatus, GradcliError, UsageError
from gradcli.printable import shorten

COMMANDS = {
    "eval": "gradcli.cli.eval:run",
    "explain": "gradcli.cli.explain:run",
    "dot": "gradcli.cli.dot:run",
    "view": "gradcli.cli.view:run",
    "check": "gradcli.cli.check:run",
    "compare": "gradcli.cli.compare:run",
    "diff": "gradcli.cli.diff:run",
    "hessian": "gradcli.cli.hessian:run",
    "jacobian": "gradcli.cli.jacobian:run",
    "code": "gradcli.cli.generate:run",
    "batch": "gradcli.cli.batch:run",
    "sweep": "gradcli.cli.sweep:run",
    "propagate": "gradcli.cli.propagate:run",
    "train": "gradcli.cli.train:run",
    "fit": "gradcli.cli.fit:run",
    "predict": "gradcli.cli.predict:run",
    "functions": "gradcli.cli.functions:run",
    "schema": "gradcli.cli.schema:run",
    "man": "gradcli.cli.man:run",
    "completion": "gradcli.cli.completion:run",
}
# What the helps put together, each from its first command on.
GROUPS = {
    "Evaluate": "eval",
    "Pictures": "dot",
    "Trust": "check",
    "Derivatives": "diff",
    "Data": "batch",
    "Learn": "train",
    "Look up": "functions",
}


class Explained(TyperCommand):
    """A command whose help goes out as every other result does: typer's own way out knows no closed pipe."""

    def get_help(self, ctx: Any) -> NoReturn:
        _explain(super().get_help(ctx))


def _explain(text: str) -> NoReturn:
    streams.emit([text, "\n"])
    raise typer.Exit


class Commands(TyperGroup):
    """The commands of the registry, each built when it is asked for."""

    def get_help(self, ctx: Any) -> NoReturn:
        _explain(super().get_help(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, COMMANDS))
        for title, names in grouped().items():
            helps = [self.get_command(ctx, name).get_short_help_str(formatter.width) for name in names]
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in zip(names, helps, strict=True)])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        run = getattr(import_module(module), function)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        bases = (Explained, getattr(run, "command_class", TyperCommand))
        single.command(cmd_name, cls=type("Command", bases, {}))(run)
        return typer.main.get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            what = "option" if _OPTION.fullmatch(args[0]) else "command"
            raise UsageError(f"there is no {what} {shorten(args[0])}", hint=_command_hint(args[0]))
        return super().resolve_command(ctx, args)


def grouped() -> dict[str, list[str]]:
    """The commands under the titles of their groups."""
    found: dict[str, list[str]] = {}
    titles = {first: title for title, first in GROUPS.items()}
    for name in COMMANDS:
        if name in titles:
            found[titles[name]] = group = []
        group.append(name)
    return found


def _command_hint(word: str) -> str:
    from difflib import get_close_matches

    if _OPTION.fullmatch(word):
        close = get_close_matches(word[:40], ["--version", "--help"], n=1)
        otherwise = "options follow the command; `gradcli --help` lists the commands"
        return f"did you mean {close[0]}?" if close else otherwise
    close = get_close_matches(word[:40], COMMANDS, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the commands are {', '.join(COMMANDS)}; one comes first: gradcli eval EXPR"


def commands_with(option: str) -> list[str]:
    """The commands that have an option of that name; to be asked only when something is wrong."""
    group = Commands(name="gradcli")
    built = [(name, group.get_command(None, name)) for name in COMMANDS]
    return [name for name, command in built if any(option in parameter.opts for parameter in command.params)]


_OPTION = re.compile(r"--?[^\W\d][\w-]*(=.*)?", re.DOTALL)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    options_metavar="COMMAND",
    subcommand_metavar="[OPTIONS] [EXPR] [--NAME VALUE]...",
    context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True},
)


def _version(wanted: bool) -> None:
    if wanted:
        from gradcli import __version__

        streams.emit([f"gradcli {__version__}\n"])
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """See and trust a gradient: every gate's value, local and global gradient.

    A command, a program in quotes, and a value for each of its inputs:

    \b
      gradcli eval "(x+y)*z" --x 2 --y 3 --z -4
      gradcli dot "(x+y)*z" --x 2 --y 3 --z -4 > graph.svg
      gradcli eval @program.grad --vars values.json --json

    `gradcli COMMAND --help` tells all about a command, `gradcli man` about all.
    """


# What typer raises for a wrong command line; it does not export the class.
_TyperError = cast(type[Exception], typer.BadParameter.__mro__[2])


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its status."""
    from gradcli.cli import signals

    try:
        signals.raise_interrupts()
        status = run(arguments)
        signals.end_at_once()
    except KeyboardInterrupt:  # before or after the work, or a second one
        status = _failed("interrupted", ExitStatus.INTERRUPTED)
    # After an interrupted eval, as in namedtuple, Python itself ends by the signal. And threads of Arrow that are still
    # about when Python takes itself apart abort the process.
    if status == ExitStatus.INTERRUPTED or "pyarrow" in sys.modules:
        streams.end(status)
    sys.exit(status)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    streams.prepare()
    try:
        return _run(arguments)
    except streams.ClosedPipe:
        streams.abandon_output()
        return ExitStatus.CLOSED_PIPE
    except GradcliError as error:
        return _failed(str(error), error.status)
    except MemoryError:
        return _failed("there is not enough memory\nhint: take smaller arrays, or fewer gates", ExitStatus.WRONG_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", ExitStatus.INTERRUPTED)
    except Exception as error:
        if os.environ.get("GRADCLI_TRACEBACK"):
            raise
        message = f"a bug in gradcli: {type(error).__name__}: {error}\nhint: GRADCLI_TRACEBACK=1 shows where"
        return _failed(message, ExitStatus.BUG)


def _run(arguments: list[str]) -> int:
    try:
        status = typer.main.get_command(app)(arguments or ["--help"], prog_name="gradcli", standalone_mode=False)
    except _TyperError as error:
        message: str = cast(Any, error).format_message()
        message = shorten(message[:1].lower() + message[1:].rstrip("."), 200)
        raise UsageError(message, hint="--help shows how it is used") from None
    if status == ExitStatus.INTERRUPTED:  # what typer makes of Ctrl-C, in silence
        raise KeyboardInterrupt
    return int(status or 0)


def _failed(message: str, status: int) -> int:
    streams.tell(f"gradcli: {message}".split("\n"))
    if status == ExitStatus.STREAM_FAILED:
        streams.abandon_output()
    return status

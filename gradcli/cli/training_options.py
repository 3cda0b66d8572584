"""Options that training and fitting share, and what these can't mean.

Enters: options as they were given. Leaves: types for typer; numbers and names; or an error. Invariant: everything here
is told before a file is opened, and in the same words by every command.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gradcli.cli import row_options
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import by_name, one_format
from gradcli.cli.option_numbers import positive, whole
from gradcli.cli.values import constant
from gradcli.errors import StreamError, UsageError
from gradcli.language.parser import normalise
from gradcli.printable import shorten
from gradcli.tables import FORMATS as TABLE_FORMATS
from gradcli.tables import SUFFIXES, suffix_format
from gradcli.tables.sources import is_uri
from gradcli.training.starts import STARTS

FORMATS = ("table", "json", "csv", "markdown")
TABLES = tuple(name for name in TABLE_FORMATS if name not in FORMATS)  # of the parameters, in a file
PLOTS = ("-", "FILE.svg", "FILE.png", "FILE.pdf")
ON_ERROR = ("fail", "skip")

Data = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="FILE", help="The data: files, directories or globs; - for standard input."),
]
OnError = Annotated[
    str, typer.Option("--on-error", metavar="HOW", help="What a row without numbers does: fail, or skip.")
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=START",
        help=f"A parameter and its start: a number, an array, @FILE, or {', '.join(STARTS)} with a shape, as in"
        " he(4,2); @model.json takes all.",
    ),
]  # fmt: skip
Bounds = Annotated[
    list[str] | None, typer.Option("--bounds", metavar="NAME=LOW..HIGH", help="Keep a parameter between two numbers.")
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", parser=whole("--seed", 0, 2**63 - 1), help="What random numbers are drawn from."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help=f"One of {', '.join((*FORMATS, *TABLES))}; else as the file's name says, or table.",
    ),
]
History = Annotated[
    str | None,
    typer.Option("--history", metavar="FILE", help="Write loss and gradient norm of every epoch as a table."),
]
Plot = Annotated[
    str | None,
    typer.Option("--plot", metavar="-|FILE", help="Draw: on the terminal, or to a .svg, .png or .pdf file."),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", parser=whole("--epochs"), help="Passes over the data, or iterations, at most."
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        metavar="X",
        parser=positive("--tolerance"),
        help="Stop when the loss changes by less than X of itself.",
    ),
]
GradientTolerance = Annotated[
    float | None,
    typer.Option(
        "--gradient-tolerance",
        metavar="X",
        parser=positive("--gradient-tolerance"),
        help="Stop when no number of the gradient exceeds X.",
    ),
]
StepTolerance = Annotated[
    float | None,
    typer.Option(
        "--step-tolerance",
        metavar="X",
        parser=positive("--step-tolerance"),
        help="Stop when a step is shorter than X of the parameters.",
    ),
]
MaxTime = Annotated[
    float | None,
    typer.Option("--max-time", metavar="S", parser=positive("--max-time"), help="Stop after so many seconds."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary, no notes.")]


def check_data(data: Sequence[str], nulls: Sequence[str], on_error: str) -> None:
    """Refuse data that is not there, and what can't become of bad rows."""
    row_options.check_data(data, nulls)
    if on_error not in ON_ERROR:
        raise UsageError(f"--on-error {shorten(on_error) or '(empty)'}: write fail or skip")


def chosen_format(format: str | None, output: str | None, json: bool) -> str:
    """The format of the result: one of text, or a table of the parameters, which goes to a file."""
    named = SUFFIXES.get(os.path.splitext(output or "")[1].lower(), by_name(output, FORMATS))
    chosen = one_format((*FORMATS, *TABLES), named, format, json=json)
    if chosen not in FORMATS and output in (None, "-"):
        raise UsageError(f"{chosen} goes to a file", hint="write -o FILE; standard output takes " + ", ".join(FORMATS))
    return chosen


def plot_format(plot: str | None) -> str | None:
    """The format of a picture: "text" for the terminal's; None without one."""
    from gradcli.render.plots import SUFFIXES

    if plot in (None, "-"):
        return None if plot is None else "text"
    suffix = os.path.splitext(plot)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"there is no plot of the kind of {shorten(plot, 80)}", hint=f"write {', '.join(PLOTS)}")
    return SUFFIXES[suffix]


def check_targets(targets: Mapping[str, str | None]) -> None:
    """Refuse outputs that can't be written, or that would replace each other.

    Args:
        targets: paths by option; None where the option is not given.
    """
    found = {option: path for option, path in targets.items() if path not in (None, "-")}
    for option, path in found.items():
        for other, before in found.items():
            if other == option:
                break
            if row_options.same(before or "", path or ""):
                raise UsageError(f"{other} and {option} would be the same file", hint="give them two names")
    for path in found.values():
        if path and not is_uri(path):
            _check_place(path)


def _check_place(path: str) -> None:
    """Refuse the path of a file that can't be made; what is said is what opening it would say."""
    from gradcli.atomic import check_name

    check_name(path)
    folder = os.path.dirname(os.path.realpath(path)) or "."
    if not os.path.isdir(folder):
        raise StreamError(f"{shorten(path, 200)}: No such file or directory")
    if os.path.isdir(path):
        raise StreamError(f"{shorten(path, 200)}: Is a directory")
    plain = not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode)
    if not os.access(path if os.path.exists(path) else folder, os.W_OK) or (plain and not os.access(folder, os.W_OK)):
        raise StreamError(f"{shorten(path, 200)}: Permission denied")


def bounds(written: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The ends between which parameters stay, by name; a missing end is infinite: 0.. and ..1.

    Raises:
        UsageError: it is not written like that.
        BindingError: an end is no number.
    """
    found: dict[str, tuple[float, float]] = {}
    for text in written:
        name, equals, ends = text.partition("=")
        name = normalise(name.strip())
        low, dots, high = ends.partition("..")
        if not equals or not name or not dots:
            raise UsageError(
                f"--bounds {shorten(text) or '(empty)'} is no range", hint="write --bounds w=0..1, or w=0.."
            )
        if name in found:
            raise UsageError(f"the bounds of {shorten(name)} are given twice")
        pair = (
            constant(low.strip(), name) if low.strip() else -math.inf,
            constant(high.strip(), name) if high.strip() else math.inf,
        )
        if not pair[0] <= pair[1]:
            raise UsageError(f"the bounds of {shorten(name)} are reversed: {shorten(ends)}")
        found[name] = pair
    return found


_SETTING = re.compile(r"[^\W\d]\w*=.+", re.DOTALL)


class DataCommand(BindingCommand):
    """A command whose data is an option: says so to whoever names a file behind the expression.

    And that every start needs a --param of its own.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            _, mark, file = error.message.partition("there is an argument too many: ")
            if mark and (os.path.exists(file) or suffix_format(file)):
                error.hint = f"did you mean --data {file}?"
            elif mark and _SETTING.fullmatch(file) and any(one.split("=", 1)[0] == "--param" for one in args):
                error.hint = f"did you mean --param {file}?"
            raise

"""gradcli sweep: value and gradients at every point of a grid, as a table, as data, or as a plot."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from gradcli.cli import options, program, row_options, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.errors import ExitStatus, GradcliError
from gradcli.graph.lower import MAX_GATES
from gradcli.tables import FORMATS

USUAL = 101  # points of a range
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

Num = Annotated[
    int | None,
    typer.Option("--num", metavar="N", help=f"Points of a range, both ends counted; {USUAL} if not given."),
]
Log = Annotated[
    str | None, typer.Option("--log", metavar="X,Y", help="Space the ranges of these inputs by their logarithms.")
]
Draw = Annotated[
    bool, typer.Option("--plot", help="Draw value and derivative: on the terminal, or to -o FILE.svg, .png or .pdf.")
]
To = Annotated[
    str | None,
    typer.Option("--to", "--format", metavar="NAME", help=f"One of {', '.join(('table', *FORMATS))}."),
]
Only = Annotated[bool, typer.Option("--only", help="Leave the columns of the inputs out.")]
Prefix = Annotated[
    str, typer.Option("--prefix", metavar="P", help="What stands before value and grad_… in the names of columns.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no warnings.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    num: Num = None,
    log: Log = None,
    plot: Draw = False,
    to: To = None,
    output: options.Output = None,
    only: Only = False,
    prefix: Prefix = "",
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    engine: row_options.Engine = "auto",
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    quiet: Quiet = False,
) -> int:
    """Show value and gradients over a grid.

    An input is a number, a range LOW..HIGH or LOW..HIGH:N, or a list '{1,2,3}'; the first one named varies slowest:

    \b
      gradcli sweep "x^2*sin(y)" --y "{1,2,3}" --x -5..5 --num 11
      gradcli sweep "1/(1 + exp(-k*x))" --k 2 --x -3..3 --plot
      gradcli sweep "log(x)" --x 1e-3..1e3:1001 --log x -o log.parquet
    """
    from gradcli.cli import axes, grid

    asked = axes.separated(context, settings or (), num, USUAL, log, drawn=plot)
    try:
        format = grid.plot_format(to, output, only, prefix) if plot else grid.chosen_format(to, output)
        row_options.check_prefix(prefix)
        row_options.check_engine(engine)
        if asked.error is not None:
            raise asked.error
    except GradcliError:
        axes.check_others(context, expression, variables, asked.settings, of, max_gates)
        raise
    loaded = program.load(
        context, expression, variables, asked.settings, of, wrt, max_gates,
        rewriting=program.Rewriting(expand, fuse, share), scalars=True, quiet=quiet,
    )  # fmt: skip
    job = grid.made(loaded, asked.axes, wrt is not None, engine, max_gates, plot, strict)
    tally, notes = grid.draw(job, format, output) if plot else grid.write(job, format, output, only, prefix)
    if not quiet:
        streams.tell(notes)
        grid.warn(job, tally)
    return grid.report(job, tally) if strict else ExitStatus.DONE


class GridCommand(BindingCommand):
    """Also understands what a shell makes of {1,2,3} without quotes: --y 1 2 3, and of --y={1,2}: --y=1 --y=2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = [p for p in self.get_params(ctx) if p.param_type_name == "option"]
        valued = {name: not getattr(p, "is_flag", False) for p in options for name in (*p.opts, *p.secondary_opts)}
        return super().parse_args(ctx, joined(args, valued))


def joined(arguments: list[str], valued: dict[str, bool]) -> list[str]:
    """The same arguments, numbers that follow a binding's number put back into braces.

    A number can be nothing else there: an expression without a name has no point in a grid.
    """
    found: list[str] = []
    at = 0
    while at < len(arguments):
        name, equals, value = arguments[at].partition("=")
        if arguments[at] == "--":
            return found + arguments[at:]
        if name in valued or not name.startswith("--"):
            taken = 2 if valued.get(name) and not equals else 1
            found += arguments[at : at + taken]
            at += taken
            continue
        at += 1
        if not equals:
            if at == len(arguments):
                return [*found, name]
            value = arguments[at]
            at += 1
        numbers = [value] if _NUMBER.fullmatch(value) else []
        while numbers and at < len(arguments):
            following = arguments[at].removeprefix(f"{name}=") if equals else arguments[at]
            if not _NUMBER.fullmatch(following):
                break
            numbers.append(following)
            at += 1
        written = f"{{{','.join(numbers)}}}" if len(numbers) > 1 else value
        found += [f"{name}={written}"] if equals else [name, written]
    return found


run.command_class = GridCommand  # type: ignore[attr-defined]

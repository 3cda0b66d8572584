"""gradcli eval: forward and backward pass, every gate shown."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import program, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.errors import UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.passes import evaluate_graph
from gradcli.printable import shorten
from gradcli.render import FORMATS, renderer


def run(
    context: typer.Context,
    expression: program.Expression = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    tree: Annotated[bool, typer.Option("--tree", help="The same as --format tree.")] = False,
    format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; table if not given.")
    ] = None,
    wrt: program.Wrt = None,
    of: program.Of = None,
    variables: program.Vars = None,
    settings: program.Set = None,
    every_gate: Annotated[bool, typer.Option("--all", help="Show every gate of a large graph in the table.")] = False,
    output: program.Output = None,
    max_gates: program.MaxGates = MAX_GATES,
) -> None:
    """Show every gate's value, local and global gradient.

    Every input of the program is given as --NAME VALUE:

    \b
      gradcli eval "(x+y)*z" --x 2 --y 3 --z -4
    """
    chosen = _format(json, tree, format)
    loaded = program.load(context, expression, variables, settings, of, wrt, max_gates)
    if chosen not in FORMATS:
        raise UsageError(f"there is no format {shorten(chosen)}", hint=f"the formats are {', '.join(FORMATS)}")
    trace = evaluate_graph(loaded.graph, loaded.points[0], loaded.wrt)
    streams.deliver(renderer(chosen)(trace, streams.look(every_gate, output)), output)
    program.report(trace.warnings)


def _format(json: bool, tree: bool, format: str | None) -> str:
    asked = [name for name, given in (("json", json), ("tree", tree), (format, format is not None)) if given and name]
    if len({*asked}) > 1:
        raise UsageError(f"{' and '.join(map(shorten, asked))} are different formats", hint="ask for one of them")
    return asked[0] if asked else "table"


run.command_class = BindingCommand  # type: ignore[attr-defined]

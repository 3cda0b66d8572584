"""gradcli eval: forward and backward pass, every gate shown."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand, constant
from gradcli.cli.choices import asked_format, check_format
from gradcli.errors import UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.passes import evaluate_graph
from gradcli.render import FORMATS, renderer
from gradcli.traces import Trace, along

Jvp = Annotated[
    list[str] | None,
    typer.Option("--jvp", metavar="NAME=VALUE", help="The derivative along a direction too; inputs not named stay."),
]
Vjp = Annotated[
    str | None, typer.Option("--vjp", metavar="SEED", help="Start the backward pass with this number instead of 1.")
]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    tree: Annotated[bool, typer.Option("--tree", help="The same as --format tree.")] = False,
    format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; table if not given.")
    ] = None,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    every_gate: Annotated[bool, typer.Option("--all", help="Show every gate of a large graph in the table.")] = False,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    digits: options.Digits = None,
    jvp: Jvp = None,
    vjp: Vjp = None,
) -> int:
    """Show every gate's value, local and global gradient.

    Every input of the program is given as --NAME VALUE:

    \b
      gradcli eval "(x+y)*z" --x 2 --y 3 --z -4
    """
    chosen = asked_format("table", format, json=json, tree=tree)
    rewriting = program.Rewriting(expand, fuse, share)
    decimals = digits is not None
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates, rewriting=rewriting, decimals=decimals
    )
    check_format(chosen, FORMATS)
    if digits is not None and (jvp or vjp is not None):
        raise UsageError("--jvp and --vjp are computed in doubles", hint="leave --digits out")
    direction = program.direction(loaded, jvp or [])
    seed = None if vjp is None else constant(vjp, "--vjp")
    trace = (
        _settled(loaded, digits)
        if digits is not None
        else evaluate_graph(loaded.graph, loaded.points[0], loaded.wrt, seed=seed)
    )
    if direction:
        trace.along = along(trace, direction)
    streams.deliver(renderer(chosen)(trace, streams.look(every_gate, output)), output)
    return reporting.report(trace, strict=strict)


def _settled(loaded: program.Loaded, digits: int) -> Trace:
    """The trace with so many correct digits."""
    from gradcli.checking.exact import settle

    return settle(loaded.graph, loaded.numbers, loaded.wrt, digits)


run.command_class = BindingCommand  # type: ignore[attr-defined]

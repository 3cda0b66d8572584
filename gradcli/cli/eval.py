"""gradcli eval: forward and backward pass, every gate shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer

from gradcli.cli import options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import asked_format, by_name, check_format
from gradcli.graph.lower import MAX_GATES
from gradcli.passes import evaluate_graph
from gradcli.render import FORMATS, renderer

Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Tree = Annotated[bool, typer.Option("--tree", help="The same as --format tree.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; else as the file's name says, or table."
    ),
]
All = Annotated[bool, typer.Option("--all", help="Show every gate of a large graph in the table.")]
Jvp = Annotated[
    list[str] | None,
    typer.Option("--jvp", metavar="NAME=VALUE", help="The derivative along a direction too; inputs not named stay."),
]
Vjp = Annotated[
    str | None,
    typer.Option(
        "--vjp", "--seed-gradient", metavar="SEED",
        help="Start the backward pass with this number instead of 1; with an array for an output that is one.",
    ),
]  # fmt: skip
Full = Annotated[bool, typer.Option("--full", help="Show all elements of every array.")]
Jacobians = Annotated[
    bool, typer.Option("--jacobians", help="Show the Jacobian of edges that have a rule for a local gradient.")
]
OneContributions = Annotated[
    str | None,
    typer.Option("--contributions", metavar="NAME", help="Show what adds up to the gradient of this input or stage."),
]
Stats = Annotated[
    bool, typer.Option("--stats", help="Show a line per stage: its gradient's norm, saturated and dead units.")
]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    json: Json = False,
    tree: Tree = False,
    format: Format = None,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    every_gate: All = False,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
    digits: options.Digits = None,
    jvp: Jvp = None,
    vjp: Vjp = None,
    full: Full = False,
    jacobians: Jacobians = False,
    contributions: OneContributions = None,
    stats: Stats = False,
) -> int:
    """Show every gate's value, local and global gradient.

    Every input of the program is given as --NAME VALUE:

    \b
      gradcli eval "(x+y)*z" --x 2 --y 3 --z -4
      gradcli eval "sum(tanh(W @ x))" --W "[[1, 2], [3, 4]]" --x "[0.5, -1]"
      gradcli eval @program.grad --vars values.json --json
    """
    named = by_name(output, _formats(contributions is not None or stats, jacobians))
    chosen = asked_format(named, format, json=json, tree=tree)
    # Stages are told of whole arrays, which know examples from units; only --wrt "W[0,0]" needs the elements.
    by_element = unroll and (not stats or "[" in (wrt or ""))
    rewriting = program.Rewriting(expand, fuse, share, by_element)
    decimals = digits is not None
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates, rewriting=rewriting, decimals=decimals
    )
    look = streams.look(every_gate, output)._replace(full=full, jacobians=jacobians)
    if contributions is not None or stats or jacobians or jvp or vjp is not None or decimals:
        from gradcli.cli import questions

        asked = questions.Asked(contributions, stats, jacobians, jvp or [], vjp, digits)
        trace, written = questions.answer(loaded, asked, chosen, look)
    else:
        check_format(chosen, FORMATS)
        trace = evaluate_graph(loaded.graph, loaded.points[0], loaded.wrt)
        written = renderer(chosen)(trace, look)
    streams.deliver(written, output)
    return reporting.report(trace, strict=strict)


def _formats(adding_up: bool, jacobians: bool) -> Collection[str]:
    """Those that an answer has: a file's name does not ask for others."""
    if not adding_up and not jacobians:
        return FORMATS
    from gradcli.cli import questions

    return questions.OF_QUESTIONS if adding_up else questions.WITH_JACOBIANS


run.command_class = BindingCommand  # type: ignore[attr-defined]

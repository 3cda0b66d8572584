"""gradcli explain: the chain rule, step by step."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import check_format
from gradcli.errors import UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.language.parser import normalise
from gradcli.passes import evaluate_graph
from gradcli.render.explain import FORMATS, Telling, renderer

Format = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}; text if not given.")
]
OneGate = Annotated[
    str | None, typer.Option("--gate", metavar="NAME", help="Explain this stage, input or id (g7) alone.")
]
Brief = Annotated[bool, typer.Option("--brief", help="One line per gate: the chain rule alone.")]
Short = Annotated[bool, typer.Option("--short", help="Numbers with four significant digits.")]
Standalone = Annotated[bool, typer.Option("--standalone", help="LaTeX, as a whole document.")]
EveryGate = Annotated[bool, typer.Option("--all", help="Explain every gate of a large graph.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    format: Format = None,
    gate: OneGate = None,
    brief: Brief = False,
    short: Short = False,
    standalone: Standalone = False,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    every_gate: EveryGate = False,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
) -> int:
    """Explain both passes step by step, as one does them by hand.

    \b
      gradcli explain "q = x + y; q*z" --x 2 --y 3 --z -4
      gradcli explain "q = x + y; q*z" --x 2 --y 3 --z -4 --gate q
      gradcli explain "sin(x)*y" --x 1 --y 2 --format latex --standalone
    """
    telling = Telling(None if gate is None else normalise(gate), brief, short, standalone)
    rewriting = program.Rewriting(expand, fuse, share, unroll)
    loaded = program.load(context, expression, variables, settings, of, wrt, max_gates, rewriting=rewriting)
    # After what is wrong with the program: an option may have been meant as an input's value.
    chosen = _format(format, standalone)
    if gate is not None and brief:
        raise UsageError("--gate and --brief are different explanations", hint="ask for one of them")
    trace = evaluate_graph(loaded.graph, loaded.points[0], loaded.wrt)
    streams.deliver(renderer(chosen)(trace, streams.look(every_gate, output), telling), output)
    return reporting.report(trace, strict=strict)


def _format(format: str | None, standalone: bool) -> str:
    """The format asked for; a whole document is LaTeX."""
    chosen = format if format is not None else "latex" if standalone else "text"
    check_format(chosen, FORMATS)
    if standalone and chosen != "latex":
        raise UsageError(f"--standalone is for LaTeX, not for {chosen}", hint="write --format latex")
    return chosen


run.command_class = BindingCommand  # type: ignore[attr-defined]

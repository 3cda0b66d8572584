"""gradcli code: value and gradient as source of another language."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, program, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.codegen import TARGETS, generate, target
from gradcli.errors import UsageError
from gradcli.graph.lower import MAX_GATES
from gradcli.printable import shorten

_KNOWN = ", ".join(TARGETS)

To = Annotated[str | None, typer.Option("--to", metavar="TARGET", help=f"One of {_KNOWN}.")]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What the function is called.")]
SelfTest = Annotated[
    bool, typer.Option("--self-test", help="Add a check at the values that are given, for running the file.")
]
Trace = Annotated[bool, typer.Option("--trace", help="Return every gate's numbers too (javascript).")]
List = Annotated[bool, typer.Option("--list", help="List the targets.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    to: To = None,
    name: Name = "f",
    self_test: SelfTest = False,
    trace: Trace = False,
    every_target: List = False,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
    shapes: options.Shapes = None,
) -> None:
    """Generate source code of the value and its gradient.

    No values are needed, but for --self-test: it checks the file at them when it is run.
    Where some inputs have a value and others none, the former are constants of the function:

    \b
      gradcli code "(x+y)*z" --to python
      gradcli code "(x+y)*z" --to c --self-test --x 2 --y 3 --z -4 -o product.c
      gradcli code "sum((X@w-y)^2)" --to numpy --shapes X=5x3,w=3,y=5
      gradcli code "A*exp(-k*t) + c" --to javascript --vars fitted.json
    """
    if every_target:
        streams.emit(f"{one}\n" for one in TARGETS)
        return
    if to is None:
        raise UsageError("--to is missing: the language to generate", hint=f"the targets are {_KNOWN}")
    target(to)
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates,
        structure=not self_test, partly=True, rewriting=program.Rewriting(expand, fuse, share, unroll), shapes=shapes,
    )  # fmt: skip
    point = loaded.points[0] if self_test else None
    constants = loaded.constants
    streams.deliver(
        [generate(loaded.graph, to, name, loaded.wrt, point, max_gates, constants=constants, trace=trace)], output
    )
    if constants:
        streams.note(f"note: constants of the function: {shorten(', '.join(constants), 200)}")


run.command_class = BindingCommand  # type: ignore[attr-defined]

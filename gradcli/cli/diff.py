"""gradcli diff: the derivative as an expression of the language."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.choices import check_format
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.derive import derive
from gradcli.graph.emitting import Emitter, PlainEmitter, TextbookEmitter
from gradcli.graph.graph import Graph, prune
from gradcli.graph.higher import repeated
from gradcli.graph.lower import MAX_GATES
from gradcli.passes import evaluate_graph, forward
from gradcli.printable import shorten
from gradcli.render.derivatives import FORMATS, Derivative, as_json, render

Order = Annotated[
    int, typer.Option("--order", metavar="N", min=1, max=1000, help="Differentiate N times by the same input.")
]
Raw = Annotated[bool, typer.Option("--raw", help="Simplify nothing: every edge a product, every constant written.")]
Textbook = Annotated[
    bool,
    typer.Option("--textbook", help="By the rules of textbooks, without guards: it may be undefined at odd points."),
]
Stages = Annotated[
    bool, typer.Option("--stages", help="Both passes as one program in stages, each gradient with its rule.")
]
Format = Annotated[str, typer.Option("--format", metavar="NAME", help=f"One of {', '.join(FORMATS)}.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON; --format adds the expressions in that format.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    order: Order = 1,
    raw: Raw = False,
    textbook: Textbook = False,
    stages: Stages = False,
    format: Format = "text",
    json: Json = False,
    wrt: options.Wrt = None,
    of: options.Of = None,
    variables: options.Vars = None,
    settings: options.Set = None,
    output: options.Output = None,
    max_gates: options.MaxGates = MAX_GATES,
    strict: options.Strict = False,
    expand: options.Expand = None,
    fuse: options.Fuse = False,
    share: options.Share = False,
    unroll: options.Unroll = False,
    shapes: options.Shapes = None,
) -> int:
    """Differentiate: the derivative as a program of its own.

    Values are not needed; with them the derivative's value is a comment:

    \b
      gradcli diff "x^2*sin(y)"
      gradcli diff "x^2*sin(y)" --wrt y | gradcli eval - --x 2 --y 0.5
      gradcli diff "tanh(x)" --order 2 --x 1
      gradcli diff "sum((X@w-y)^2)" --wrt w --shapes X=5x3,w=3,y=5
    """
    others = {"--order": order > 1, "--raw": raw, "--textbook": textbook, "--json": json, "--format": format != "text"}
    kind = _kind(format, stages, {option for option, given in others.items() if given})
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates,
        structure=True, rewriting=program.Rewriting(expand, fuse, share, unroll), shapes=shapes,
    )  # fmt: skip
    if strict and not loaded.points:
        raise UsageError("--strict needs values", hint=program.NO_POINT)
    names = program.differentiated(loaded)
    point = loaded.points[0] if loaded.points else None
    told = ExitStatus.DONE
    if stages:
        from gradcli.codegen.language_target import staged_program

        streams.deliver([staged_program(loaded.graph, names, max_gates, kind)], output)
    else:
        found = [
            Derivative("", (name,) * order, graph, None if point is None else forward(graph, point)[graph.output])
            for name, graph in _derivatives(loaded.graph, names, order, max_gates, kind).items()
        ]
        source, look = loaded.graph.source, streams.look(path=output)
        pieces = as_json(source, order, found, point, format) if json else render(found, point, format, look)
        streams.deliver(pieces, output)
        told = _told(found, order, strict)
    if point is None:
        return ExitStatus.DONE
    return max(told, reporting.report(evaluate_graph(loaded.graph, point, names), strict=strict))


def _told(found: list[Derivative], order: int, strict: bool) -> ExitStatus:
    """Warn of derivatives of higher order that are not finite; those of first order are the program's gradients."""
    if order == 1:
        return ExitStatus.DONE
    return reporting.results({f"the derivative of order {order} by {one.by[0]}": one.value for one in found}, strict)


def _kind(format: str, stages: bool, given: set[str]) -> type[Emitter]:
    """How gates are made, from options that fit together."""
    check_format(format, FORMATS)
    if stages and (others := given - {"--textbook"}):
        raise UsageError(f"--stages and {min(others)} can't be combined", hint="--stages is a program in plain text")
    if given >= {"--raw", "--textbook"}:
        raise UsageError("--raw and --textbook are different derivatives", hint="ask for one of them")
    return PlainEmitter if "--raw" in given else TextbookEmitter if "--textbook" in given else Emitter


def _derivatives(graph: Graph, names: list[str], order: int, max_gates: int, kind: type[Emitter]) -> dict[str, Graph]:
    """For each input the graph of its derivative."""
    if order > 1:
        if arrays := [name for name in names if graph.inputs[name] in graph.shapes]:
            message = f"{shorten(arrays[0])} is an array: its derivatives of order {order} are more than one program"
            hint = "`gradcli hessian` shows the second derivatives by all its elements; --wrt chooses other inputs"
            raise UsageError(message, hint=hint)
        return {name: repeated(graph, name, order, max_gates=max_gates, kind=kind) for name in names}
    derived = derive(graph, names, max_gates=max_gates, kind=kind)
    return {name: prune(derived.graph, gate) for name, gate in derived.gradients.items()}


run.command_class = BindingCommand  # type: ignore[attr-defined]

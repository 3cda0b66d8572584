"""gradcli jacobian: the derivatives of several outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from gradcli.cli import options, program, reporting
from gradcli.cli.bindings import BindingCommand
from gradcli.cli.hessian import Format, Json, Symbolic, chosen_format, deliver
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.graph import Graph, prune
from gradcli.graph.higher import jacobian
from gradcli.graph.lower import MAX_GATES
from gradcli.passes import evaluate_graph, forward
from gradcli.printable import shorten
from gradcli.render.derivatives import Derivative
from gradcli.render.matrix import Matrix

Of = Annotated[str | None, typer.Option("--of", metavar="Q,R", help="Take these stages as the outputs.")]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    symbolic: Symbolic = False,
    format: Format = None,
    json: Json = False,
    wrt: options.Wrt = None,
    of: Of = None,
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
    """Show the matrix of first derivatives of several outputs.

    The outputs are stages, or an array of expressions as the program's last statement:

    \b
      gradcli jacobian "[x*y, x+y]" --x 2 --y 3
      gradcli jacobian "q = x*y; r = x/y; q + r" --of q,r --symbolic
      gradcli jacobian "A@x" --A "[[1, 2], [3, 4]]" --x "[5, 6]" --wrt x
    """
    chosen = chosen_format(format, symbolic)
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates,
        structure=symbolic, several=True,
        rewriting=program.Rewriting(expand, fuse, share, unroll), shapes=shapes, scalars=True,
    )  # fmt: skip
    if strict and not loaded.points:
        raise UsageError("--strict needs values", hint=program.NO_POINT)
    graph = loaded.graph
    names, outputs = program.differentiated(loaded), graph.outputs or (graph.output,)
    found = jacobian(graph, names, outputs, max_gates=max_gates)
    rows = _named(graph, outputs)
    point = loaded.points[0] if loaded.points else None
    values = entries = None
    if point is not None:
        numbers = forward(found.graph, point)
        values = [[numbers[gate] for gate in row] for row in found.entries]
    if symbolic:
        entries = [
            [
                Derivative(row, (name,), prune(found.graph, gate), values[i][j] if values else None)
                for j, (name, gate) in enumerate(zip(names, gates, strict=True))
            ]
            for i, (row, gates) in enumerate(zip(rows, found.entries, strict=True))
        ]
    deliver(Matrix("jacobian", graph.source, rows, names, point, values, entries), chosen, json, output)
    if point is None:
        return ExitStatus.DONE
    return _report(graph, outputs, dict(zip(outputs, rows, strict=True)), point, strict)


def _report(
    graph: Graph, outputs: Sequence[int], names: Mapping[int, str], point: Mapping[str, float], strict: bool
) -> ExitStatus:
    """Warn as for each output alone."""
    status = ExitStatus.DONE
    for place in dict.fromkeys(outputs):
        trace = evaluate_graph(prune(graph.copy(), place), point)
        status = max(status, reporting.report(trace, f"{names[place]}: " if len(outputs) > 1 else "", strict))
    return status


def _named(graph: Graph, outputs: Sequence[int]) -> list[str]:
    """What the outputs are called. Elements of an array without a name are numbered, row by row."""
    found, places = [_called(graph, place) for place in outputs], [graph.span(place) for place in outputs]
    for position, (place, span) in enumerate(zip(outputs, places, strict=True)):
        if graph.name(place) is None and places.count(span) > 1 and outputs.count(place) == 1:
            whole = found[position]
            whole = whole if re.fullmatch(r"\w+", whole) else f"({whole})"
            found[position] = f"{whole}[{places[:position].count(span)}]"
    return found


def _called(graph: Graph, place: int) -> str:
    """An output by its name, or as it is written."""
    name = graph.name(place)
    written = re.sub("#.*", "", graph.source[slice(*graph.span(place))])
    return shorten(" ".join(written.split())) if name is None else name


run.command_class = BindingCommand  # type: ignore[attr-defined]

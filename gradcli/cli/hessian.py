"""gradcli hessian: all second derivatives."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, program, reporting, streams
from gradcli.cli.bindings import BindingCommand
from gradcli.errors import ExitStatus, UsageError
from gradcli.graph.graph import prune
from gradcli.graph.higher import hessian
from gradcli.graph.lower import MAX_GATES
from gradcli.passes import evaluate_graph, forward
from gradcli.printable import shorten
from gradcli.render.derivatives import Derivative
from gradcli.render.matrix import NUMBERS, SYMBOLS, Matrix, as_json, render

Symbolic = Annotated[
    bool, typer.Option("--symbolic", help="The expressions, one by one; values are not needed for them.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help=f"One of {', '.join(NUMBERS)}; with --symbolic one of {', '.join(SYMBOLS)}."
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="As JSON; with --symbolic, --format adds expressions in that format.")
]


def run(
    context: typer.Context,
    expression: options.Expression = None,
    symbolic: Symbolic = False,
    format: Format = None,
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
    """Show the matrix of second derivatives.

    \b
      gradcli hessian "(w*x-1)^2" --w 0.5 --x 2
      gradcli hessian "x^2*sin(y)" --symbolic
      gradcli hessian "sum(x^3)" --x "[1, 2]"
    """
    chosen = chosen_format(format, symbolic)
    loaded = program.load(
        context, expression, variables, settings, of, wrt, max_gates,
        structure=symbolic, rewriting=program.Rewriting(expand, fuse, share, unroll), shapes=shapes, scalars=True,
    )  # fmt: skip
    if strict and not loaded.points:
        raise UsageError("--strict needs values", hint=program.NO_POINT)
    graph, names = loaded.graph, program.differentiated(loaded)
    found = hessian(graph, names, max_gates=max_gates)
    point = loaded.points[0] if loaded.points else None
    values = entries = None
    gates = [[found.curvatures[a, b] for b in names] for a in names]
    if point is not None:
        numbers = forward(found.graph, point)
        values = [[numbers[gate] for gate in row] for row in gates]
    if symbolic:
        entries = [
            [
                Derivative("", (a, b), prune(found.graph, found.curvatures[a, b]), values[i][j] if values else None)
                for j, b in enumerate(names)
            ]
            for i, a in enumerate(names)
        ]
    matrix = Matrix("hessian", graph.source, names, names, point, values, entries)
    deliver(matrix, chosen, json, output)
    if point is None:
        return ExitStatus.DONE
    told = reporting.report(evaluate_graph(graph, point, names), strict=strict)
    return max(told, reporting.results(_listed(names, values or []), strict))


def _listed(names: list[str], values: list[list[float]]) -> dict[str, float]:
    """Each second derivative once."""
    return {f"∂²/∂{a}∂{names[j]}": values[i][j] for i, a in enumerate(names) for j in range(i, len(names))}


def chosen_format(format: str | None, symbolic: bool) -> str:
    """--format, or what is usual."""
    known = SYMBOLS if symbolic else NUMBERS
    if format is not None and format not in known:
        hint = f"the formats are {', '.join(known)}"
        if format in SYMBOLS:
            raise UsageError(f"{format} is a format of expressions", hint=f"add --symbolic; {hint}")
        raise UsageError(f"there is no format {shorten(format) or '(empty)'}", hint=hint)
    return format or known[0]


def deliver(matrix: Matrix, format: str, json: bool, output: str | None) -> None:
    """Write the matrix out."""
    streams.deliver(as_json(matrix, format) if json else render(matrix, format, streams.look(path=output)), output)


run.command_class = BindingCommand  # type: ignore[attr-defined]

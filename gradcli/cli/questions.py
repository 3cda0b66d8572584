"""What `gradcli eval` can be asked beside its table: contributions to one gradient, a line per stage, Jacobians.

Enters: the options, and a graph with its values. Leaves: the trace, and text in pieces. Invariant: what does not go
together is refused before anything is evaluated, what nobody could read before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gradcli.cli import streams
from gradcli.cli.choices import check_format
from gradcli.cli.program import Loaded, direction
from gradcli.cli.values import value
from gradcli.errors import BindingError, LimitError, UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import shown, size
from gradcli.language.parser import normalise
from gradcli.numeric.elements import shape_of
from gradcli.passes import evaluate_graph
from gradcli.render import FORMATS, Look, renderer
from gradcli.traces import Trace, along

WITH_JACOBIANS = ("table", "json", "ndjson")
OF_QUESTIONS = ("table", "json", "csv", "markdown")  # of --contributions and --stats
MOST_ELEMENTS = 1_000_000  # of one Jacobian


class Asked(NamedTuple):
    """The options of these names."""

    contributions: str | None
    stats: bool
    jacobians: bool
    jvp: list[str]
    vjp: str | None
    digits: int | None


def _added_up(trace: Trace, name: str, format: str, look: Look) -> Iterator[str]:
    """What adds up to the gradient of one input or stage."""
    from gradcli.render.contributions import contributions, render

    return render(contributions(trace, re.sub(r"\s+", "", normalise(name))), format, look)


def _by_stage(trace: Trace, format: str, look: Look) -> Iterator[str]:
    """How the gradient fares through the stages."""
    from gradcli.diagnose.stages import statistics
    from gradcli.render.stages import render

    found = statistics(trace)
    if not found.stages:
        streams.note("note: no stage of the program passes a gradient on; name the stages: h = tanh(W @ x)")
    return render(found, trace, format, look)


def answer(loaded: Loaded, asked: Asked, format: str, look: Look) -> tuple[Trace, Iterator[str]]:
    """The evaluation, and the text of what was asked for."""
    _check(asked, format)
    moved = direction(loaded, asked.jvp)
    seed = None if asked.vjp is None else _seed(asked.vjp, loaded.graph)
    if asked.digits is not None:
        trace = _settled(loaded, asked.digits)
    else:
        trace = evaluate_graph(loaded.graph, loaded.points[0], loaded.wrt, seed=seed)
    if moved:
        trace.along = along(trace, moved)
    return trace, _text(trace, asked, format, look)


def _check(asked: Asked, format: str) -> None:
    """Refuse a format that an answer does not have, and what would have no effect together."""
    check_format(format, OF_QUESTIONS if asked.stats or asked.contributions is not None else FORMATS)
    if asked.jacobians and (asked.stats or asked.contributions is not None or format not in WITH_JACOBIANS):
        raise UsageError("--jacobians is for the table of gates and for JSON", hint="leave it out, or write --json")
    given = {"--stats": asked.stats, "--contributions": asked.contributions is not None, "--jvp": asked.jvp}
    names = [name for name, wanted in given.items() if wanted]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} are different questions", hint="ask for one of them")
    if asked.digits is not None:
        if asked.jvp or asked.vjp is not None:
            raise UsageError("--jvp and --vjp are computed in doubles", hint="leave --digits out")
        if asked.stats:
            raise UsageError("--stats are computed in doubles", hint="leave --digits out")


def _text(trace: Trace, asked: Asked, format: str, look: Look) -> Iterator[str]:
    """The text of what was asked for; nothing is written before all is known to be possible."""
    if asked.jacobians:
        _check_jacobians(trace)
    if asked.contributions is not None:
        return _added_up(trace, asked.contributions, format, look)
    return _by_stage(trace, format, look) if asked.stats else renderer(format)(trace, look)


def _check_jacobians(trace: Trace) -> None:
    """Refuse Jacobians that nobody could read, before anything is written."""
    graph = trace.graph
    for index in graph.settings:
        for operand in graph.operands[index]:
            count = size(graph.shapes.get(index, ())) * size(graph.shapes.get(operand, ()))
            if trace.adjoints[operand] is not None and count > MOST_ELEMENTS:
                message = f"the Jacobian of {graph.label(index)} by {graph.label(operand)} has {count:,} elements"
                hint = f"--jacobians shows up to {MOST_ELEMENTS:,} for an edge"
                raise LimitError(message, source=graph.source, span=graph.span(index), hint=hint)


def _seed(written: str, graph: Graph) -> Any:
    """What the backward pass starts with; whether an array has the output's shape is seen there."""
    found = value(written, "the seed")
    if shape_of(found) and not (graph.shapes or graph.settings):
        message = f"the seed is an array of shape {shown(shape_of(found))}, and the output a number"
        raise BindingError(message, hint="write --vjp 2")
    return found


def _settled(loaded: Loaded, digits: int) -> Trace:
    """The trace with so many correct digits."""
    from gradcli.checking.exact import settle

    return settle(loaded.graph, loaded.numbers, loaded.wrt, digits)

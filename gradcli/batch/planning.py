"""From a program's graph and the columns of the data to a job.

Enters: the graph with the shapes of its inputs, the sources of the inputs, what the command line asks for. Leaves: a
`Job`. Invariant: everything that can be wrong without looking at a row is told here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gradcli.batch.columns import Source, check_results, result_names
from gradcli.batch.job import Feed, Job, frozen, scalars
from gradcli.errors import BindingError
from gradcli.graph import wanted
from gradcli.graph.graph import Graph
from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import element_names
from gradcli.kernels import choose_engine
from gradcli.printable import shorten


class Asked(NamedTuple):
    """What the command line says, beside program, values and data. The words are those of `Job`."""

    of: str | None
    wrt: Sequence[str] | None
    prefix: str
    kept: tuple[str, ...] | None
    keep: str
    typed: bool
    on_error: str
    engine: str
    threads: int | None
    nulls: tuple[str, ...]
    source: str | None
    sink: str
    max_gates: int


class Planned(NamedTuple):
    """A job, and what its kernel is compiled from; see `compiled`."""

    job: Job
    flat: Graph
    numbers: dict[str, float]


def shapes(sources: Mapping[str, Source], lengths: Mapping[str, int]) -> dict[str, Shape]:
    """The shapes of the inputs that columns bind. lengths: of the lists in columns that hold some."""
    return {name: _shape(source, lengths) for name, source in sources.items()}


def _shape(source: Source, lengths: Mapping[str, int]) -> Shape:
    if source.shape or source.columns[0] not in lengths:
        return source.shape
    return (lengths[source.columns[0]],)


def feeds(name: str, source: Source, shape: Shape) -> list[Feed]:
    """What binds the elements of an input."""
    names = element_names(name, shape)
    if shape and not source.shape:
        return [Feed(one, source.columns[0], place) for place, one in enumerate(names)]
    return [Feed(one, column) for one, column in zip(names, source.columns, strict=True)]


def planned(
    graph: Graph,
    values: Mapping[str, Any],
    sources: Mapping[str, Source],
    shaped: Mapping[str, Shape],
    columns: Sequence[str] | None,
    rows: int | None,
    asked: Asked,
    names: Sequence[str] | None = None,
) -> Planned:
    """The job.

    Args:
        graph: of the program, not unrolled.
        values: of its inputs, numbers and arrays.
        sources, shaped: of all other inputs.
        columns: of the data; None if there is no row that could tell.
        rows: how many there are, nearly; None in a pipe.
        names: of the results; None for those of the value and the gradients.

    Raises:
        BindingError: no input is a column; a name of wrt is no input; the output is an array.
        UsageError: a result is called like a column.
    """
    wanted.check_output(graph)
    fed = [feed for name in graph.inputs if name in sources for feed in feeds(name, sources[name], shaped[name])]
    if not fed:
        some = shorten(", ".join(map(shorten, columns or ())), 200)
        hint = f"`gradcli eval` computes a single point; the data has {some}"
        raise BindingError("no input of the program is a column of the data", hint=hint)
    flat, numbers = scalars(graph, values, asked.max_gates)
    wrt = _differentiated(graph, flat, values, asked.wrt)
    names = result_names(asked.prefix, wrt) if names is None else tuple(names)
    check_results(names, asked.kept if asked.kept is not None else columns or ())
    job = Job(
        program=graph.source,
        of=asked.of,
        values=tuple((name, frozen(values[name])) for name in sorted(values)),
        shapes=tuple(sorted(shaped.items())),
        feeds=tuple(fed),
        wrt=tuple(wrt),
        names=names,
        kept=asked.kept,
        keep=asked.keep,
        typed=asked.typed,
        on_error=asked.on_error,
        engine=choose_engine(asked.engine, flat, rows),
        threads=asked.threads,
        nulls=asked.nulls,
        source=asked.source,
        sink=asked.sink,
        max_gates=asked.max_gates,
    )
    return Planned(job, flat, numbers)


def _differentiated(graph: Graph, flat: Graph, values: Mapping[str, Any], names: Sequence[str] | None) -> list[str]:
    """The inputs of the unrolled graph to differentiate by; without names all but arrays that are given as values."""
    arrays = {name: graph.shapes[place] for name, place in graph.inputs.items() if place in graph.shapes}
    if names is None:
        names = [name for name in graph.inputs if not (name in values and name in arrays)]
    elements = [one for name in names for one in element_names(name, arrays.get(name, ()))]
    return wanted.differentiated(flat, elements)

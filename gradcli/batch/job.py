"""What a run computes, in plain texts and numbers: any process can build its kernel from it.

Enters: what was decided when the data's columns were known. Leaves: `Job`, and the graph and kernel that belong to it.
Invariant: a job is made of tuples, texts and numbers alone, so that it can be sent and compared; equal jobs on equal
rows give equal bytes, wherever they run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import Shape
from gradcli.graph.rewriting.unroll import unroll, unrolled_values
from gradcli.language.parser import parse

if TYPE_CHECKING:
    import pyarrow as pa

    from gradcli.kernels import Kernel
    from gradcli.tables.blocks import Options


class Feed(NamedTuple):
    """Where the numbers of one input come from.

    Attributes:
        input: of the kernel: x, w[0].
        column: of the data.
        place: in the lists that the column holds; None if it holds numbers.
        least: the least number that may stand there, where it has to be finite too; None where any number may.
    """

    input: str
    column: str
    place: int | None = None
    least: float | None = None


class Job(NamedTuple):
    """One computation over tables of the same columns.

    Attributes:
        program: its text.
        of: the stage that is the output; None for the program's result.
        values: the inputs that are the same in all rows: numbers, and arrays as nested tuples.
        shapes: of the inputs that columns bind.
        feeds: what the columns are, for every input of the kernel.
        wrt: the inputs to differentiate by, in the order of the output.
        names: of the result columns: the value, then a gradient per name of wrt.
        kept: the columns that go on to the output; None for all.
        keep: "columns", "lines" (of NDJSON, as they are) or "nothing".
        typed: whether columns of text that bind inputs go on as numbers: from CSV to a format that has types.
        on_error: what a bad row is: "fail", "null" or "skip".
        engine: "numpy" or "native".
        threads: of the kernel; None leaves it to the engine.
        nulls: texts that mean that there is no number.
        source, sink: names of formats; source None means by each file's own name.
    """

    program: str
    of: str | None
    values: tuple[tuple[str, Any], ...]
    shapes: tuple[tuple[str, Shape], ...]
    feeds: tuple[Feed, ...]
    wrt: tuple[str, ...]
    names: tuple[str, ...]
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

    @property
    def needed(self) -> dict[str, None]:
        """The columns that are read as numbers, in order; a dict, in which thousands are found at once."""
        return dict.fromkeys(feed.column for feed in self.feeds)


def frozen(value: Any) -> Any:
    """A number, or an array as nested tuples."""
    return _tuples(value.tolist()) if hasattr(value, "tolist") else float(value)


def _tuples(listed: Any) -> Any:
    return tuple(map(_tuples, listed)) if isinstance(listed, list) else listed


def thawed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and arrays again."""
    import numpy as np

    return {name: np.array(x, dtype=np.float64) if isinstance(x, tuple) else x for name, x in values.items()}


def scalars(graph: Graph, values: Mapping[str, Any], max_gates: int) -> tuple[Graph, dict[str, float]]:
    """A graph of numbers alone, and the values of its inputs."""
    return unroll(graph, max_gates), unrolled_values(graph, values)


def compiled(job: Job, flat: Graph, numbers: Mapping[str, float]) -> Kernel:
    """The kernel of a job whose graph of numbers is there already, with the values of its inputs."""
    from gradcli.kernels import kernel

    return kernel(flat, numbers, job.wrt, engine=job.engine, threads=job.threads, max_gates=job.max_gates)


def built(job: Job) -> Kernel:
    """The kernel of a job, from its text."""
    values = thawed(dict(job.values))
    shapes = dict(job.shapes)
    graph = lower(parse(job.program), values, job.of, job.max_gates, shapes=shapes)
    return compiled(job, *scalars(graph, values, job.max_gates))


def options(job: Job) -> Options:
    """How the tables of a job are read."""
    from gradcli.tables.blocks import Options

    return Options(format=job.source, nulls=job.nulls, keep=job.keep)


def kept_schema(job: Job, schema: pa.Schema | None) -> pa.Schema | None:
    """The names and types of the columns that go on to the output; None where there are none, or lines."""
    if job.keep != "columns" or schema is None:
        return None
    from gradcli.tables.arrow_memory import passing_schema

    return passing_schema(schema, job.kept, job.needed if job.typed else ())

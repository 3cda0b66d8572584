"""A stage of a program for rows: what a trained model says of new data.

Enters: a program with values for its parameters, the shapes of what columns bind, a stage. Leaves: a `RowPredictor` or
a `ColumnPredictor`, which computes columns as a kernel does: one per number of the stage. Invariant: what is computed
of a row depends on that row alone; no derivative is computed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import BindingError, LimitError, ProgramError
from gradcli.graph.graph import Graph, prune
from gradcli.graph.lower import lower
from gradcli.graph.ops.layout import Shape, shown
from gradcli.graph.rewriting.unroll import element_names, unroll, unrolled_values
from gradcli.kernels import Kernel, Outputs, choose_engine, kernel
from gradcli.language.nodes import NAME, Program, Result
from gradcli.passes import forward
from gradcli.printable import shorten
from gradcli.training.losses.forms import ROWS_OF_NOBODY
from gradcli.training.models.apart import Seen, check_apart

Column = Any

_ROWS = (ROWS_OF_NOBODY[1], 1_013)  # stand for the rows where only shapes are asked: primes both
_SIZES = 2  # of blocks whose graphs are kept: all but the last block are equally long


class Asked(NamedTuple):
    """What is to be computed.

    Attributes:
        of: the stage; None for the program's result.
        values: numbers and arrays, by input.
        shapes: of the inputs that columns bind, in one row.
    """

    program: Program
    of: str | None
    values: Mapping[str, Any]
    shapes: Mapping[str, Shape]
    max_gates: int

    def graph(self, rows: int | None = None) -> Graph:
        """The graph of a row, or of so many rows at once."""
        shapes = self.shapes if rows is None else {name: (rows, *shape) for name, shape in self.shapes.items()}
        known = {name: x for name, x in self.values.items() if name not in shapes}
        return lower(self.program, known, self.of, self.max_gates, shapes=shapes)


class RowPredictor:
    """Computes the program of a row; in place of a kernel.

    Attributes:
        inputs: what has to have a column.
        engine: that of the kernels.
        names: of what is computed, as the elements of an array called value; the first one is the value.
        needed: the inputs of the program that columns bind.
    """

    def __init__(self, asked: Asked, rows: int | None = None) -> None:
        """rows: how many there will be, nearly."""
        graph = asked.graph()
        self.names = element_names("value", graph.shapes.get(graph.output, ()))
        self.needed = tuple(name for name in graph.inputs if name in asked.shapes)
        flat, numbers = unroll(graph, asked.max_gates), unrolled_values(graph, asked.values)
        self.engine = choose_engine("auto", flat, rows)
        self._kernels = [_kernel(flat, place, numbers, self) for place in flat.outputs or (flat.output,)]
        self.inputs = tuple(dict.fromkeys(name for one in self._kernels for name in one.inputs))

    def run(self, columns: Mapping[str, Column]) -> Outputs:
        """The numbers of the stage; all but the first by their names. Never warns."""
        first, *others = (one.run(columns).value for one in self._kernels)
        return Outputs(first, dict(zip(self.names[1:], others, strict=True)))

    def blame(self, columns: Mapping[str, Column]) -> dict[tuple[int, int], int]:
        """As that of a kernel; a place that spoils several numbers counts the rows of the one that it spoils most."""
        found: dict[tuple[int, int], int] = {}
        for one in self._kernels:
            for place, rows in one.blame(columns).items():
                found[place] = max(rows, found.get(place, 0))
        return found


def _kernel(flat: Graph, place: int, numbers: Mapping[str, float], owner: RowPredictor) -> Kernel:
    graph = prune(flat, place) if flat.outputs else flat
    given = {name: x for name, x in numbers.items() if name in graph.inputs}
    return kernel(graph, given, (), engine=owner.engine)


class ColumnPredictor:
    """Computes a program over whole columns, block by block; in place of a kernel.

    Attributes: as of `RowPredictor`.
    """

    engine = "arrays"

    def __init__(self, asked: Asked) -> None:
        """Look at the shapes.

        Raises:
            BindingError: the stage has no number, or no array, for every row.
        """
        first, second = (_seen(asked, rows) for rows in _ROWS)
        graph, shape = first.graph, first.shape
        if shape[:1] != (first.rows,) or second.shape != (second.rows, *shape[1:]):
            raise _not_by_rows(first, asked.of)
        check_apart(first, second, asked.shapes)
        self._asked, self._graphs = asked, dict[int, Graph]()
        self.names = element_names("value", shape[1:])
        self.needed = tuple(name for name in graph.inputs if name in asked.shapes)
        elements = (one for name in self.needed for one in element_names(name, asked.shapes[name]))
        self.inputs = tuple(elements)

    def run(self, columns: Mapping[str, Column]) -> Outputs:
        """The numbers of the stage; all but the first by their names. Never warns."""
        count = len(columns[self.inputs[0]])
        if not count:
            empty = np.empty(0)
            return Outputs(empty, dict.fromkeys(self.names[1:], empty))
        graph = self._graph(count)
        given = {name: self._stacked(name, columns, count) for name in self.needed}
        values = {name: given[name] if name in given else self._asked.values[name] for name in graph.inputs}
        found = np.asarray(forward(graph, values)[graph.output], dtype=np.float64).reshape(count, -1)
        first, *others = (np.ascontiguousarray(found[:, place]) for place in range(found.shape[1]))
        return Outputs(first, dict(zip(self.names[1:], others, strict=True)))

    def blame(self, columns: Mapping[str, Column]) -> dict[tuple[int, int], int]:
        """Nothing: gates on whole columns spoil all rows or none."""
        return {}

    def _graph(self, count: int) -> Graph:
        if count not in self._graphs:
            if len(self._graphs) == _SIZES:
                self._graphs.pop(next(iter(self._graphs)))
            self._graphs[count] = self._asked.graph(count)
        return self._graphs[count]

    def _stacked(self, name: str, columns: Mapping[str, Column], count: int) -> Any:
        shape = self._asked.shapes[name]
        if not shape:
            return columns[name]
        return np.stack([columns[one] for one in element_names(name, shape)], axis=1).reshape(count, *shape)


def _seen(asked: Asked, rows: int) -> Seen:
    """The program over so many rows, which errors call rows."""
    try:
        return Seen(asked.graph(rows), rows)
    except (ProgramError, LimitError) as error:
        error.message, error.hint = _with_rows(error.message, rows), _with_rows(error.hint or "", rows) or None
        error.args = (error.message,)
        raise


def _with_rows(text: str, rows: int) -> str:
    """A message in which the number of rows that was tried is called so."""
    return re.sub(rf"\b{rows}\b", "rows", text)


def _not_by_rows(seen: Seen, of: str | None) -> BindingError:
    graph = seen.graph
    what = f"the stage {of}" if of is not None else "the program's result"
    has = "one number" if not seen.shape else f"an array of shape {_with_rows(shown(seen.shape), seen.rows)}"
    message = f"{what} is {has} for all rows together"
    return BindingError(
        message, source=graph.source, span=graph.span(graph.output), hint="take a stage whose first axis are the rows"
    )


def stage_of(
    program: Program, stages: Sequence[str], asked: str | None, kind: str, output: str | None,
    inputs: Collection[str] = (),
) -> str | None:  # fmt: skip
    """The stage to predict: the one that is asked for; of a fit its model; else the only one there is.

    Args:
        stages: of the program.
        output: the stage that is the loss or the model; None for the program's result.
        inputs: of the program, which an expression could be of.

    Raises:
        ProgramError: nobody says which one.
    """
    if asked is not None or kind == "fit":
        return output if asked is None else asked
    loss = output if output is not None else _last_name(program)
    found = [name for name in stages if name != loss]
    if len(found) == 1:
        return found[0]
    if not found:
        some = shorten(", ".join(map(shorten, inputs)), 100)
        hint = f'write it as an expression of {some or "its inputs"}: --of "w*x + b"'
        raise ProgramError("the loss has no stage that could be predicted", hint=hint)
    raise ProgramError("the loss has several stages", hint=f"choose one by --of: {', '.join(found)}")


def _last_name(program: Program) -> str | None:
    """The stage that is the program's result, where it is one."""
    last = program.statements[-1]
    node = program.nodes[last.root] if isinstance(last, Result) else None
    return node.value if node is not None and node.kind == NAME else None

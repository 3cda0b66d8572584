"""What a loss is: a program per row whose values are averaged or added, or one over whole columns.

Enters: a program, the shapes of its columns in one row and of its parameters, the values of its constants. Leaves: a
`Form`, of which objectives are made. Invariant: only the text and the shapes decide, never the data: a program is of
whole columns if it gives one number when every column has a first axis of as many rows as no data set has by chance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gradcli.errors import BindingError, LimitError, ProgramError, UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, lower
from gradcli.graph.names import resolve
from gradcli.graph.ops.layout import Shape
from gradcli.language.nodes import Program
from gradcli.printable import shorten
from gradcli.training.losses.mistakes import Failed, meant, no_number, told

REDUCTIONS = ("mean", "sum")
"""What makes one number of the rows'."""
ROWS_OF_NOBODY = (104_729, 1_009)
"""As many rows as no data has by chance: the 10,000th prime, and one for programs that make an array of rows × rows, or
a turn for every row."""
_MANY_GATES = 2_000  # of a row: whole columns are faster than so many
_SHORT = 60  # characters of a program in a hint
_GATES = 5_000  # that are tried with the larger one: a loop over the rows is better tried with fewer


class Form(NamedTuple):
    """A loss, and how it is read.

    Attributes:
        columns: shapes in one row, by input; () for a number.
        parameters: shapes.
        constants: numbers and arrays by input.
        of: the stage that is the loss; None for the program's result.
        per_row: whether it gives a number per row; else it is of whole columns, or there are none.
        reduce: what makes one number of the rows', "mean" or "sum"; None for whole columns.
        graph: per row: of one row; else with as many rows as no data set has, or without data.
    """

    program: Program
    columns: dict[str, Shape]
    parameters: dict[str, Shape]
    constants: dict[str, Any]
    of: str | None
    per_row: bool
    reduce: str | None
    graph: Graph
    max_gates: int

    def lowered(self, rows: int) -> Graph:
        """The graph over whole columns of so many rows."""
        try:
            found = self._lowered(rows)
        except ProgramError as error:
            raise told(Failed(error), self.columns, self.parameters, self.constants) from None
        if found.shapes.get(found.output):
            raise no_number(found)
        return found

    def _lowered(self, rows: int | None, max_gates: int | None = None) -> Graph:
        """rows: None for one row without an axis."""
        axis = () if rows is None else (rows,)
        shapes = {name: (*axis, *shape) for name, shape in self.columns.items()} | self.parameters
        most = self.max_gates if max_gates is None else max_gates
        return lower(self.program, self.constants, self.of, most, shapes=shapes)


def form(
    program: Program,
    columns: Mapping[str, Shape],
    parameters: Mapping[str, Shape],
    constants: Mapping[str, Any],
    of: str | None = None,
    reduce: str | None = None,
    max_gates: int = MAX_GATES,
) -> Form:
    """Decide whether a loss is per row or over whole columns.

    Args:
        columns: the inputs that columns bind, with their shapes in one row; none of them means that there is no data.
        parameters: with their shapes.
        constants: values of the other inputs.
        of: the stage that is the loss.
        reduce: "mean" or "sum": then it is per row; None leaves it open, and means the mean where it is per row.
        max_gates: the most gates of a graph.

    Raises:
        ProgramError: it can be read in neither way, or the loss is no number; told of the way that is likely meant.
        BindingError: an input is nothing of all that.
        LimitError: more than max_gates.
    """
    if reduce is not None and reduce not in REDUCTIONS:
        raise UsageError(f"there is no reduction {shorten(reduce)}", hint="mean and sum are what there is")
    if reduce is not None and not columns:
        raise UsageError("nothing is reduced where there are no columns", hint="leave out --reduce, or give --data")
    _check_names(program, columns, parameters, constants)
    start = Form(
        program, dict(columns), dict(parameters), dict(constants), of, False, None, Graph(), max_gates
    )  # fmt: skip
    if not columns:
        found = _attempt(start, None)
        if isinstance(found, Failed):
            raise told(found, (), parameters, constants)
        return start._replace(graph=found)
    whole = _whole(start) if reduce is None else None
    if isinstance(whole, Graph):
        return start._replace(graph=whole)
    single = _attempt(start, None)
    if isinstance(single, Graph):
        return start._replace(per_row=True, reduce=reduce or "mean", graph=single)
    raise told(meant(single, whole), columns, parameters, constants)


def over_columns(found: Form, gates: int) -> str | None:
    """That a loss per row would be faster over whole columns, where that is so and the program need only be wrapped.

    Args:
        gates: of one row, its arrays as their elements.
    """
    rows = ROWS_OF_NOBODY[1]
    if not found.per_row or gates <= _MANY_GATES:
        return None
    graph = _lowered_or_none(found, rows)
    if graph is None or graph.shapes.get(graph.output) != (rows,):
        return None
    text = graph.source[slice(*graph.span(graph.output))]
    wrapped = f"{found.reduce}({text})" if text and len(text) <= _SHORT and "\n" not in text else f"{found.reduce}(…)"
    return f"a row takes {gates:,} gates: over whole columns, as {wrapped} at the end, the loss may be much faster"


def _lowered_or_none(found: Form, rows: int) -> Graph | None:
    try:
        return found._lowered(rows)
    except (ProgramError, LimitError):
        return None


def _whole(start: Form) -> Graph | Failed:
    """The graph of whole columns, or why there is none."""
    found = _attempt(start, ROWS_OF_NOBODY[0], min(start.max_gates, _GATES))
    limited = isinstance(found, Failed) and isinstance(found.error, LimitError)
    return _attempt(start, ROWS_OF_NOBODY[1]) if limited else found


def _attempt(start: Form, rows: int | None, max_gates: int | None = None) -> Graph | Failed:
    """A graph whose output is a number, or why there is none."""
    try:
        found = start._lowered(rows, max_gates)
    except (ProgramError, LimitError) as error:
        return Failed(error, rows)
    if found.shapes.get(found.output):
        return Failed(no_number(found, bool(start.columns) and rows is None), rows)
    return found


def _check_names(
    program: Program, columns: Collection[str], parameters: Collection[str], constants: Collection[str]
) -> None:
    known = {*columns, *parameters, *constants}
    for name, span in resolve(program, known).inputs.items():
        if name not in known:
            what = f"{shorten(name)} has no column and no value, and is no parameter"
            hint = f"--{name} VALUE makes it a constant, --param {name}=START a parameter"
            raise BindingError(what, source=program.text, span=span, hint=hint)


def penalty(program: Program, found: Form) -> Graph:
    """The graph of a penalty on the parameters of a loss.

    Raises:
        BindingError: it has an input that is neither a parameter nor a constant.
        ProgramError: it is no number.
    """
    inputs = resolve(program, {*found.parameters, *found.constants}).inputs
    for name, span in inputs.items():
        if name in found.columns:
            message = f"a penalty is the same for all rows, and {shorten(name)} is a column"
            hint = "what is of the data belongs into the loss"
            raise BindingError(message, source=program.text, span=span, hint=hint)
        if name not in found.parameters and name not in found.constants:
            message = f"{shorten(name)} is neither a parameter nor a constant"
            known = shorten(", ".join([*found.parameters, *found.constants]), 200)
            raise BindingError(message, source=program.text, span=span, hint=f"a penalty may use {known or 'numbers'}")
    start = found._replace(program=program, of=None, columns={})
    graph = _attempt(start, None)
    if isinstance(graph, Failed):
        error = told(graph, (), found.parameters, found.constants)
        error.message = error.message.replace("the loss is an array", "the penalty is an array")
        raise error
    return graph


_MATMUL, _TRANSPOSE = ops.CODES["matmul"], ops.CODES["transpose"]


def fans(graph: Graph, name: str) -> tuple[int, int] | None:
    """How many inputs and outputs a unit of a parameter's layer has, as its first product of matrices uses it.

    X@W sums over the rows of W, W@x over its columns, and W'@x over its rows again. A vector of n has n inputs and one
    output.

    Returns:
        (fan in, fan out); None for a number, and where nothing tells.
    """
    place = graph.inputs.get(name)
    shape = () if place is None else graph.shapes.get(place, ())
    if len(shape) == 1:
        return shape[0], 1
    if place is None or len(shape) < 2:
        return None
    turned = {place: False}  # the parameter and its transposes
    rows, columns = shape[-2:]
    for index, code in enumerate(graph.codes):
        operands = graph.operands[index]
        if code == _TRANSPOSE and operands[0] in turned and len(shape) == 2:
            turned[index] = not turned[operands[0]]
        elif code == _MATMUL:
            for position, operand in enumerate(operands):
                if operand in turned:
                    return (rows, columns) if (position == 1) != turned[operand] else (columns, rows)
    return None

"""What a loss is: a program per row whose values are averaged or added, or one over whole columns.

Enters: a program, the shapes of its columns in one row and of its parameters, the values of its constants. Leaves: a
`Form`, of which objectives are made. Invariant: only the text and the shapes decide, never the data: a program is of
whole columns if it gives one number when every column has a first axis of as many rows as no data set has by chance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gradcli.errors import BindingError, GradcliError, LimitError, ProgramError, UsageError
from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, lower
from gradcli.graph.names import resolve
from gradcli.graph.ops.layout import Shape, shown
from gradcli.language.nodes import Program
from gradcli.printable import shorten

REDUCTIONS = ("mean", "sum")
_ROWS = 104_729  # the 10,000th prime
_FEWER_ROWS = 1_009  # for programs that make an array of rows × rows, or a turn for every row
_GATES = 5_000  # that are tried with so many rows: a loop over them is better tried with fewer
_ONE_NUMBER = "sum(…) or mean(…) makes one number of it"


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
            raise _told(error, self.columns, self.parameters) from None
        if shape := found.shapes.get(found.output):
            raise _not_a_number(found, f"the loss is an array of shape {shown(shape)}")
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
        if isinstance(found, GradcliError):
            raise found
        return start._replace(graph=found)
    whole = _whole(start) if reduce is None else None
    if isinstance(whole, Graph):
        return start._replace(graph=whole)
    single = _attempt(start, None)
    if isinstance(single, Graph):
        return start._replace(per_row=True, reduce=reduce or "mean", graph=single)
    raise _meant(single, whole)


def _whole(start: Form) -> Graph | GradcliError:
    """The graph of whole columns, or why there is none."""
    found = _attempt(start, _ROWS, min(start.max_gates, _GATES))
    return _attempt(start, _FEWER_ROWS) if isinstance(found, LimitError) else found


def _attempt(start: Form, rows: int | None, max_gates: int | None = None) -> Graph | GradcliError:
    """A graph whose output is a number, or why there is none."""
    try:
        found = start._lowered(rows, max_gates)
        if not (shape := found.shapes.get(found.output)):
            return found
        where = " in every row" if start.columns and rows is None else ""
        return _not_a_number(found, f"the loss is an array of shape {shown(shape)}{where}", rows)
    except ProgramError as error:
        return _told(error, start.columns, start.parameters, rows)
    except LimitError as error:
        return error


def _not_a_number(graph: Graph, message: str, rows: int | None = None) -> ProgramError:
    span = graph.span(graph.output)
    return ProgramError(_with_rows(message, rows), source=graph.source, span=span, hint=_ONE_NUMBER)


def _with_rows(text: str, rows: int | None) -> str:
    """A message in which the number of rows that was tried is called so."""
    return text if rows is None else re.sub(rf"\b{rows}\b", "rows", text)


def _meant(single: GradcliError, whole: GradcliError | None) -> GradcliError:
    """The error to tell: per row, unless the program went further when it was read over whole columns.

    An index of a column of numbers is per row: who writes x[2] means an element of x, not the third row.
    """
    if whole is None or single.message.endswith(_INDEXED):
        return single
    return whole if _place(whole) > _place(single) else single


_INDEXED = " is a number and has no elements"


def _place(error: GradcliError) -> float:
    """How far a reading came: an output that is no number is the end."""
    if error.hint == _ONE_NUMBER:
        return float("inf")
    return -1.0 if error.span is None else error.span.start


def _told(
    error: ProgramError, columns: Collection[str], parameters: Collection[str], rows: int | None = None
) -> ProgramError:
    """An error of lowering, with a way out that fits columns and parameters."""
    error.message = _with_rows(error.message, rows)
    hint = _with_rows(error.hint or "", rows)
    name, mark, _ = hint.partition(" is a number here;")
    if mark and "--shapes" in hint:
        hint = f"{name} is a number here; give it an array as its value"
        if name in columns:
            hint = f"{name} is a column of numbers; --map {name}=a,b,c makes it an array"
        elif name in parameters:
            hint = f'{name} is a number here; --param "{name}=normal(3)" makes it an array'
    name, mark, _ = error.message.partition(" has to be known when the graph is built")
    if mark and name in columns:
        hint = f"{name} is a column, with a number of its own in every row: it can't count, index or shape"
    elif mark and name in parameters:
        hint = f"{name} is a parameter; what counts, indexes or shapes is given as --{name} 3"
    error.hint = hint or None
    error.args = (error.message,)
    return error


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
    if isinstance(graph, GradcliError):
        graph.message = graph.message.replace("the loss is an array", "the penalty is an array")
        raise graph
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

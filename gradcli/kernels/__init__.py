"""Programs over columns of numbers: value and gradients of every row, or their sums, by one of two engines.

Enters: a Graph of numbers, the inputs that are the same in every row, the inputs to differentiate by. Leaves: a
`Kernel`, made once and run on many blocks of rows. Invariant: both engines compute one derived graph, whose gates give
what the passes give at equal operands, within 4 units in the last place; a row's numbers depend on that row alone, and
the bits of a sum on the rows and numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from gradcli.errors import BindingError, UsageError
from gradcli.graph import ops
from gradcli.graph.derive import Derived
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES
from gradcli.kernels import blaming, derived, vectors

Column = Any  # an array of float64
Vector = Any  # an array of float64, short
ENGINES = ("numpy", "native")


class Outputs(NamedTuple):
    """What a kernel computes, one number per row.

    Inputs whose gradients are one gate, as those of x and y in x + y, share an array, unless arrays were given.
    """

    value: Column
    gradients: dict[str, Column]  # by input, in the order of wrt


class Totals(NamedTuple):
    """Sums over all rows."""

    value: float
    gradients: Vector  # in the order of wrt


class Engine(Protocol):
    """A derived graph made ready. Arrays are contiguous and of float64; outputs are the value, then gradients."""

    def run(self, inputs: Sequence[Column], numbers: Vector, results: Sequence[Column]) -> None:
        """Fill the result columns.

        Args:
            inputs: a column per input that varies from row to row.
            numbers: one per input that varies from run to run.
            results: a column per output, at least one row long.
        """

    def totals(self, inputs: Sequence[Column], numbers: Vector, count: int) -> Vector:
        """The sum of every output over so many rows, at least one."""


class Kernel:
    """A program over columns; safe to run from one thread at a time.

    Attributes:
        inputs: the inputs that vary from row to row, by first appearance.
        varying: the inputs that are the same in every row, but not in every run.
        wrt: the inputs that it differentiates by.
        engine: "numpy" or "native": what it really is.
        found: the derived graph.
    """

    def __init__(
        self,
        found: Derived,
        values: Mapping[str, float],
        engine: str,
        compiled: Callable[..., Engine],
        varying: Sequence[str] = (),
    ) -> None:
        self.found, self.engine, self.varying = found, engine, tuple(varying)
        self._values = dict(values)
        elsewhere = {*values, *varying}
        self.inputs = tuple(name for name in found.graph.inputs if name not in elsewhere)
        self.wrt = tuple(found.gradients)
        firsts = {gate: name for name, gate in reversed(found.gradients.items())}
        self._like = {name: firsts[gate] for name, gate in found.gradients.items()}  # whose gradient is the same gate
        self._distinct = [name for name in self.wrt if self._like[name] == name]
        self._places = [1 + self._distinct.index(self._like[name]) for name in self.wrt]  # among the outputs
        self._engine = compiled(found, self.inputs, self._values, self._distinct, self.varying)

    def run(
        self, columns: Mapping[str, Column], out: Outputs | None = None, numbers: Vector | Sequence[float] = ()
    ) -> Outputs:
        """Value and gradients of every row. Never warns.

        Args:
            columns: an array of numbers for every input, all of one length; others are not looked at.
            out: where to put them: contiguous arrays of float64. None shares memory with a column or with another,
                but gradients that are one gate may share an array, as those of an earlier run do.
            numbers: of the inputs that vary from run to run, in the order of `varying`.

        Raises:
            BindingError: an input has no column.
            ValueError: the columns are not equally long, or not made of real numbers; out does not fit, or it shares
                memory; there are too many or too few numbers.
        """
        given, count = self._columns(columns)
        vector = self._vector(numbers)
        if out is None:
            made = {name: vectors.aligned(count) for name in self._distinct}
            out = Outputs(vectors.aligned(count), {name: made[self._like[name]] for name in self.wrt})
        else:
            self._check(out, given, count)
        if count:
            self._engine.run(given, vector, [out.value, *(out.gradients[name] for name in self._distinct)])
        for name, like in self._like.items():
            if out.gradients[name] is not out.gradients[like]:
                np.copyto(out.gradients[name], out.gradients[like])
        return out

    def totals(self, columns: Mapping[str, Column], numbers: Vector | Sequence[float] = ()) -> Totals:
        """The sums over all rows of what `run` gives, which are nowhere stored. Never warns.

        A sum is not finite where a row is not, or where it overflows.

        Raises:
            BindingError, ValueError: as `run`.
        """
        given, count = self._columns(columns)
        vector = self._vector(numbers)
        if not count:
            return Totals(0.0, np.zeros(len(self.wrt)))
        sums = self._engine.totals(given, vector, count)
        return Totals(float(sums[0]), sums[self._places])

    def blame(
        self, columns: Mapping[str, Column], numbers: Vector | Sequence[float] = ()
    ) -> dict[tuple[int, int], int]:
        """Where numbers stop being finite, for the rows whose outputs are not.

        Returns:
            the source span of a gate → how many rows it spoils, most rows first.
        """
        given, count = self._columns(columns)
        if not count:
            return {}
        named = dict(zip(self.inputs, given, strict=True))
        outputs = self.run(named if named else columns, numbers=numbers)
        values = {**self._values, **dict(zip(self.varying, self._vector(numbers).tolist(), strict=True))}
        return blaming.blame(self.found, values, named, [outputs.value, *outputs.gradients.values()])

    def _check(self, out: Outputs, given: Sequence[Column], count: int) -> None:
        """Refuse outputs that do not fit, or that would be overwritten while something is still to be read."""
        results = [out.value, *(out.gradients[name] for name in self._distinct)]
        for name, like in self._like.items():
            if out.gradients[name] is not out.gradients[like]:
                results.append(out.gradients[name])
        for result in results:
            fits = result.shape == (count,) and result.dtype == np.float64
            if not (fits and result.flags.c_contiguous and result.flags.writeable):
                raise ValueError(f"an output is not a contiguous array of {count} floats")
        if _share_memory(given, results):
            raise ValueError("an output shares memory with a column or with another output")

    def _vector(self, numbers: Vector | Sequence[float]) -> Vector:
        """The numbers of this run."""
        found = np.ascontiguousarray(numbers, dtype=np.float64)
        if found.shape != (len(self.varying),):
            raise ValueError(f"{len(self.varying)} numbers are needed, for {', '.join(self.varying) or 'none'}")
        return found

    def _columns(self, columns: Mapping[str, Column]) -> tuple[list[Column], int]:
        """The columns of the inputs, contiguous, and their length."""
        missing = [name for name in self.inputs if name not in columns]
        if missing:
            raise BindingError(f"no column for {missing[0]}")
        found = [_floats(columns[name], name) for name in self.inputs]
        lengths = {len(column) for column in found} or {len(next(iter(columns.values())))} if columns else {0}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        return found, lengths.pop()


def _share_memory(read: Sequence[Column], written: Sequence[Column]) -> bool:
    """Whether memory that is written, all of it contiguous, is read or written under another name, too."""
    places = [(column.__array_interface__["data"][0], column.nbytes, False) for column in read]
    places += [(column.__array_interface__["data"][0], column.nbytes, True) for column in written]
    end_of_read = end_of_written = 0
    for start, size, is_written in sorted(places):
        if size and (start < end_of_written or (is_written and start < end_of_read)):
            return True
        if is_written:
            end_of_written = max(end_of_written, start + size)
        else:
            end_of_read = max(end_of_read, start + size)
    return False


def _floats(column: Any, name: str) -> Column:
    """A column as contiguous float64; whole numbers and truth values are converted."""
    found = np.asarray(column)
    if found.dtype == np.float64 and found.ndim == 1 and found.flags.c_contiguous:
        return found
    if found.dtype.kind not in "buif" or found.ndim != 1:
        raise ValueError(f"the column of {name} is not made of real numbers")
    return np.ascontiguousarray(found, dtype=np.float64)


def kernel(
    graph: Graph,
    values: Mapping[str, float],
    wrt: Sequence[str],
    *,
    varying: Sequence[str] = (),
    engine: str = "numpy",
    threads: int | None = None,
    max_gates: int = MAX_GATES,
) -> Kernel:
    """Make a kernel.

    Args:
        graph: of numbers; arrays are unrolled before.
        values: of the inputs that are the same in every row and every run.
        wrt: the inputs to differentiate by, whatever they are.
        varying: inputs that are the same in every row, but not in every run; all others are columns.
        engine: "numpy", which always works, or "native", which needs a C compiler.
        threads: of the native engine; None means as many as there are cores.
        max_gates: the most gates that the derivatives may need.

    Raises:
        BindingError: a name of wrt or of varying is not an input.
        LimitError: the derivatives need more than max_gates.
        ValueError: an input of varying is there twice, or has a value.
        NativeError: there is no C compiler, or it failed.
    """
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine}", hint=f"the engines are {', '.join(ENGINES)}")
    _check_varying(graph, values, varying)
    found = derived.derived(graph, values, wrt, max_gates)
    fixed = {name: float(values[name]) for name in graph.inputs if name in values}
    if engine == "native":
        from gradcli.kernels import native

        return Kernel(found, fixed, engine, partial(native.compiled, threads=threads), varying)
    return Kernel(found, fixed, engine, vectors.compiled, varying)


def _check_varying(graph: Graph, values: Mapping[str, float], varying: Sequence[str]) -> None:
    for name in varying:
        if name not in graph.inputs:
            raise BindingError(f"{name} is not an input of the program")
    if len({*varying}) < len(varying) or any(name in values for name in varying):
        raise ValueError("an input that varies from run to run is there twice, or has a value")


_WORTH_COMPILING = 500_000_000  # of work that NumPy needs about as long for as a compiler
_CALL = 10  # the work of a function, such as exp; that of an operator is 1


def choose_engine(wanted: str, graph: Graph, rows: int | None) -> str:
    """The engine to use; the same for the same arguments on a machine.

    Args:
        wanted: "numpy", "native" or "auto".
        graph: of the program, without its gradients, which are taken to be as much work per gate.
        rows: None where it is not known, as in a pipe.
    """
    if wanted != "auto":
        return wanted
    if rows is None or rows * _work(graph) < _WORTH_COMPILING:
        return "numpy"
    from gradcli.kernels import native

    return "native" if native.available() else "numpy"


def _work(graph: Graph) -> int:
    """What a row of a table costs, about: memory is what operators wait for, whichever engine runs them."""
    return sum(1 if graph.rows[code].symbol else _CALL for code in graph.codes if code > ops.CONSTANT)

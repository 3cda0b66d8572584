"""One row of the op table: all that gradcli knows of a function.

A rule is written once and runs on every number system `m`: on floats it computes, on gates it builds the derivative's
graph, on text it prints. Rules use + - * and otherwise only functions of `m` (`m.div(a, b)`, `m.where(c, a, b)`), never
`if` on a value.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from gradcli.graph.ops.layout import Layout, Setting, Shape, size

Rule = Callable[..., Any]
Interval = tuple[float, float]
REAL: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)
_ALWAYS = 2  # finite at finite operands


class OperandValue:
    """The rule of a partial that is just an operand's value, as in a product. The passes need not call it."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position

    def __call__(self, m: Any, y: Any, *operands: Any) -> Any:
        return operands[self.position]


class Kink(NamedTuple):
    """Points where the derivative jumps, and which slope is taken there."""

    at: Rule  # at(m, x, …): 1 there, else 0; a rule like any other
    convention: str
    kind: str = "kink"  # or "tie", where operands are equal


class Op:
    """A function of the language, as a gate.

    Attributes:
        name: the gate's name, also how the function is called unless `symbol` is set.
        parameters: the operands' names. The last one of a variadic row starts with `*`.
        doc: one line of documentation.
        partials: for each operand a number or `rule(m, y, *operands)`, y being the gate's own output; for a variadic
            row one `rule(m, y, *operands)` that gives them all, so that the cost stays linear.
        forward: `rule(m, *operands)`, or None for a primitive, which every number system brings itself.
        rules: how the partials are shown, where the computing formula is not the one of the textbooks. Equal to
            `partials` but for rounding, on `domain`. For a variadic row one `rule(m, y, operand)`.
        vjps: for each operand `rule(m, adjoint, *operands)`, where the contribution is more than adjoint times partial.
        definition: the function in gradcli's own language, from the elementary functions; its oracle. None for
            primitives.
        symbol: the operator that writes it, e.g. "+".
        precedence: of the operator when printed; 0 for a call.
        defaults: literals of operands that may be left out, by name.
        aliases: other names it is called by.
        call: the name that calls it, if that is not its own: log(x, b) is the row log_base.
        domain: per operand, where value and partials are promised to `ulp`, for operands that are 0 or normal numbers.
            Results that are not normal numbers are promised in units of the smallest one.
        samples: points that the tests visit besides random ones of the domain.
        kink: see Kink; None for a smooth function.
        pole: pole(m, x, …) is 1 where the exact value is infinite, else 0; None for functions without poles.
        zero: zero(m, x, …) is 1 where the exact value is 0, else 0; None for functions that never underflow.
        steepest: the largest slope of a function that saturates, such as sigmoid; None for the others.
        rectifies: whether it can pass no gradient at all, such as relu, so that a unit dies of it.
        vanishes: whether it is 0 by construction for some inputs: zeros around a block, a branch that is not chosen.
        finite: whether the value is finite at finite operands: 2 always, 1 but for overflow, 0 not (poles, domains).
        ulp: the error bound of value and partials, in units in the last place.
        terms: for the value and each partial, `rule(m, *operands)` for the largest term, where a sum crosses 0: the
            bound is then in units of that term. None where there is no such crossing.
        latex: a template with {0}, {1} … for the operands; None prints \\operatorname{name}(…).
        hidden: rows that programs cannot call.

    A *structural* row works on whole arrays: sums, products of matrices, indexing. It has these fields as well, and no
    `partials`; elementwise rows have none of them and work on arrays element by element, as NumPy broadcasts.

    Attributes:
        shape: `shape(s)` → the result's shape, from a `Layout` without it; raises ShapeError.
        vjps: for each operand `rule(m, s, adjoint, y, *operands)`, which gives its contribution, of the operand's
            shape; for a variadic row one rule for all, which finds the operand at `s.position`.
        jvps: for each operand `rule(m, s, tangent, y, *operands)`: by what the result moves when this operand moves by
            the tangent.
        forward: `rule(m, s, *operands)`, or None for a primitive of the array systems.
        rules: how the contributions are shown, `rule(m, s, adjoint, y, *operands)`, where it is not by `vjps`.
        settings: arguments that are known when the graph is built.
        written: `written(operands, s)` → the text of a gate, from texts of its operands; None for a call.
        trials: what the tests evaluate: pairs of operand shapes and settings.
        linear: whether the result is linear in all operands together.
        gates: `gates(s)` → how many gates of numbers it comes to when unrolled, or fewer; None: see `least_gates`.
        kink: its `at(m, s, y, *operands)` gives 1 or 0 per element of the result.
        definition: may name settings.
        fault: `fault(s, *operands)`, each a flat list of its elements → why a result of finite operands is undefined,
            or None; only asked where it is.
    """

    name: str
    parameters: tuple[str, ...]
    doc: str
    partials: tuple[Rule | float, ...]
    forward: Rule | None = None
    rules: tuple[Rule | None, ...] | None = None
    vjps: tuple[Rule | None, ...] | None = None
    definition: str | None = None
    symbol: str | None = None
    precedence: int = 0
    defaults: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    domain: tuple[Interval, ...] = ()
    samples: tuple[tuple[float, ...], ...] = ()
    kink: Kink | None = None
    pole: Rule | None = None
    zero: Rule | None = None
    steepest: float | None = None
    rectifies: bool = False
    finite: int = 0
    ulp: float = 4.0
    terms: tuple[Rule | None, ...] | None = None
    latex: str | None = None
    call: str = ""
    hidden: bool = False
    shape: Callable[[Layout], Shape] | None = None
    jvps: tuple[Rule, ...] | None = None
    settings: tuple[Setting, ...] = ()
    written: Callable[..., Any] | None = None
    trials: tuple[tuple[tuple[Shape, ...], dict[str, Any]], ...] = ()
    linear: bool = False
    gates: Callable[[Layout], int] | None = None
    vanishes: bool = False
    fault: Callable[..., str | None] | None = None

    # Not a named tuple: making one of so many fields takes as long as importing a module.
    def __init__(
        self, name: str, parameters: tuple[str, ...], doc: str, partials: tuple[Rule | float, ...], **fields: Any
    ) -> None:
        if unknown := fields.keys() - Op.__annotations__.keys():
            raise TypeError(f"a row has no {', '.join(sorted(unknown))}")
        self.__dict__.update(fields, name=name, parameters=parameters, doc=doc, partials=partials)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a row of the table does not change")

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def replaced(self, **fields: Any) -> Op:
        """The same row but for some fields."""
        return Op(**{**self.__dict__, **fields})

    @property
    def variadic(self) -> bool:
        return self.parameters[-1].startswith("*")

    @property
    def structural(self) -> bool:
        """Whether it works on whole arrays; the other rows work element by element."""
        return self.shape is not None

    def least_gates(self, s: Layout) -> int:
        """How many gates of numbers a gate comes to when it is unrolled, or fewer."""
        if self.gates is not None:
            return self.gates(s)
        result = size(s.shape)
        if not self.structural:
            return result
        lost = abs(size(s.shapes[0]) - result)
        if self.finite == _ALWAYS:  # what is linear and cannot overflow only moves elements
            return 0 if self.linear else min(result, lost)
        return lost

    @property
    def called(self) -> str:
        """How programs call it."""
        return self.call or self.name

    def accepts(self, count: int) -> bool:
        """Whether the function can be called with count operands."""
        most = len(self.parameters)
        if self.structural and not self.variadic:
            return most <= count <= most + len(self.settings)
        return count >= 1 if self.variadic else most - len(self.defaults) <= count <= most

    def signature(self) -> str:
        """How it is written: `x + y`, `tanh(x)`, `leaky_relu(x, slope=0.01)`, `max(x, …)`."""
        if self.symbol is not None:
            if len(self.parameters) > 1:
                return f" {self.symbol} ".join(self.parameters)
            return self.symbol + (" " if self.symbol.isalpha() else "") + self.parameters[0]
        defaults = dict(self.defaults)
        shown = [f"{p}={defaults[p]}" if p in defaults else p for p in self.parameters]
        if self.variadic:
            shown = [self.parameters[0].lstrip("*"), "…"]
        return f"{self.name}({', '.join(shown)})"

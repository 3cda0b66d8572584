"""What an explanation says, before any format writes it: a list of steps, each a formula of tokens or a sentence.

Enters: a Trace and what is to be told of it. Leaves: `Step`s, as a person would write them down. Invariant: all formats
get the same steps; every number in them is one of the trace's; what is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sys import float_info
from typing import Any

from gradcli.diagnose import Warned, warnings
from gradcli.graph import ops
from gradcli.graph.ops import layout
from gradcli.numeric.elements import elements
from gradcli.render.explain import Telling, flows
from gradcli.render.explain.flows import Part
from gradcli.render.explain.tokens import ADDS, EQUALS, LEADS_TO, PLUS, TIMES, WITH, Step, Token, joined
from gradcli.render.writing import is_finite
from gradcli.traces import Trace

SHOWN = 200  # gates told of a large graph, and gradients
_HOPS = 40  # edges of a path


class Teller:
    """Writes steps of one trace.

    Attributes:
        trace: the trace; its output has a name where it can have one.
        every: whether everything of a large graph is told.
        rows: as in `Telling`.
        told: the warnings by gate.
    """

    def __init__(self, trace: Trace, every: bool, rows: int = 0) -> None:
        self.trace, self.every, self.rows = trace, every, rows
        self.told: dict[int, list[Warned]] = {}
        for warned in warnings(trace):
            self.told.setdefault(int(warned.gate[1:]), []).append(warned)

    def warned(self, index: int, forward: bool) -> Iterator[Step]:
        """The warnings of a gate that belong to this pass."""
        value, adjoint = self.trace.values[index], self.trace.adjoints[index]
        for warned in self.told.get(index, ()):
            of_value = not is_finite(value) or (warned.kind == "underflow" and _vanishes(value))
            if (of_value or adjoint is None) == forward:
                yield Step("warning", words=warned.message)

    def forward(self, index: int) -> Iterator[Step]:
        """How a gate's value comes about."""
        trace, value = self.trace, Token("value", number=self.trace.values[index])
        label, name = Token("label", index), trace.graph.name(index)
        if trace.graph.codes[index] == ops.INPUT:
            fixed = trace.adjoints[index] is None and any(x is not None for x in trace.adjoints)
            yield Step("input", (label, EQUALS, value), "held fixed" if fixed else "")
        elif trace.graph.operands[index]:
            computed = Token("gate", index), EQUALS, Token("numbers", index), EQUALS, value
            yield Step("forward", (label, EQUALS, *computed), self.shapes(index))
        elif name is not None:
            yield Step("forward", (label, EQUALS, Token("gate", index), EQUALS, value), "a constant")
        yield from self.warned(index, True)

    def shapes(self, index: int) -> str:
        """What a gate makes of arrays, in words: Matrix product: shapes 2×3, 3 → 2."""
        graph = self.trace.graph
        found = graph.layout(index)
        if not (found.shape or any(found.shapes)):
            return ""
        row = graph.rows[graph.codes[index]]
        if not row.structural and all(shape in ((), found.shape) for shape in found.shapes):
            return f"shape {layout.shown(found.shape)}"
        told = f"{row.doc.rstrip('.')}: " if row.structural else ""
        plural = "s" if len(found.shapes) > 1 else ""
        return f"{told}shape{plural} {', '.join(map(layout.shown, found.shapes))} → {layout.shown(found.shape)}"

    def symbol(self, part: Part, factor: bool = True) -> Token:
        """The local gradient of an edge: by its name, or by its formula where the name would mean something else."""
        if part.gate == self.trace.graph.output or flows.repeated(self.trace.graph, part):
            return Token("rule", part.gate, part.position, part.local, factor=factor)
        return Token("partial", part.gate, part.position, factor=factor)

    def sum(self, index: int, parts: Sequence[Part]) -> Step:
        """The global gradient of a gate as the sum of what it received."""
        adjoint, total = self.trace.adjoints[index], Token("total", index)
        formula: tuple[Token, ...] = total, EQUALS, Token("gradient", number=adjoint)
        if index == self.trace.graph.output:
            return Step("arrives", formula, "the seed: here the gradient starts")
        words = ""
        if len(parts) > 1:
            terms = ((Token("gradient", number=part.contribution, factor=i > 0),) for i, part in enumerate(parts))
            formula = total, EQUALS, *joined(terms, PLUS, self.every), *formula[1:]
            words = f"{len(parts):,} contributions add up"
        return Step("arrives", formula, words)

    def passes(self, part: Part) -> Iterator[Step]:
        """One edge: the local gradient, then the chain rule."""
        symbol, words = (
            self.symbol(part),
            flows.why_nothing(self.trace, part) or flows.why_shaped(self.trace, part, self.rows),
        )
        if symbol.kind == "partial" and part.local is not None:
            yield self.local(part)
        elif flows.repeated(self.trace.graph, part):
            words = f"as its {flows.ordinal(part.position + 1)} operand" + (f"; {words}" if words else "")
        yield Step("passes", (Token("total", part.operand), ADDS, *self.chain([part])), words)

    def local(self, part: Part) -> Step:
        """∂q/∂x = rule = number."""
        rule, number = Token("rule", part.gate, part.position, part.local), Token("slope", number=part.local)
        return Step("local", (Token("partial", part.gate, part.position), EQUALS, rule, EQUALS, number))

    def hop(self, part: Part) -> Step:
        """From an operand to its gate, with the local gradient."""
        ends = Token("label", part.operand), LEADS_TO, Token("label", part.gate)
        if part.local is None:
            return Step("hop", (*ends, WITH, Token("passed", part.gate, part.position)))
        rule, number = Token("rule", part.gate, part.position, part.local), Token("slope", number=part.local)
        return Step("hop", (*ends, WITH, rule, EQUALS, number))

    def chain(self, parts: Sequence[Part]) -> tuple[Token, ...]:
        """Upstream times local, in symbols, in numbers, and what comes of it; for several paths their sum."""
        symbols = [self._product(part, i > 0) for i, part in enumerate(parts)]
        numbers = [self._numbers(part, i > 0) for i, part in enumerate(parts)]
        together = parts[0].contribution if len(parts) == 1 else self.trace.adjoints[parts[0].operand]
        return (
            *joined(symbols, PLUS, self.every), EQUALS, *joined(numbers, PLUS, self.every), EQUALS,
            Token("gradient", number=together),
        )  # fmt: skip

    def _product(self, part: Part, factor: bool) -> tuple[Token, ...]:
        """Upstream times local, or the rule in its place."""
        if part.local is None:
            return (Token("passed", part.gate, part.position, factor=factor),)
        return self._added(part, (Token("total", part.gate), TIMES, self.symbol(part)))

    def _numbers(self, part: Part, factor: bool) -> tuple[Token, ...]:
        if part.local is None:
            return (Token("passed numbers", part.gate, part.position, factor=factor),)
        axes = flows.added_axes(part, self.trace.graph.shapes.get(part.gate, ()))
        upstream = Token("gradient", number=part.upstream, factor=factor and axes is None)
        return self._added(part, (upstream, TIMES, Token("slope", number=part.local, factor=True)))

    def _added(self, part: Part, product: tuple[Token, ...]) -> tuple[Token, ...]:
        """The product, or the sum of it where it was added up."""
        axes = flows.added_axes(part, self.trace.graph.shapes.get(part.gate, ()))
        return product if axes is None else (Token("added", text=axes, inner=product),)


def _vanishes(x: Any) -> bool:
    return any(abs(element) < float_info.min for element in elements(x))


_FORWARD = "Every gate computes its value from the values of its operands."
_BACKWARD = (
    "The gradient flows from the output to the inputs. Every gate multiplies what has arrived by each of its local "
    "gradients; += adds the product to the gradient of that operand. A local gradient is written ∂gate/∂operand, or as "
    "its formula where that could be taken for the gradient of the output."
)
_ARRAYS = (
    "Of arrays, · multiplies element by element. A gate that works on whole arrays, such as a sum or a product of "
    "matrices, has a rule for what it passes on in place of a local gradient."
)
_NOTHING = "The output depends on no input that is differentiated: there is no gradient."
_SHORT = "Numbers have four significant digits: 0.5 is exact, 0.5000 was rounded."


def _chosen(trace: Trace, every: bool) -> tuple[range, range]:
    """The gates to tell of: all, or the first and the last ones of a large graph."""
    count = len(trace.graph)
    if every or count <= SHOWN:
        return range(count), range(0)
    return range(SHOWN // 2), range(count - SHOWN // 2, count)


def _left_out(trace: Trace, last: range) -> Iterator[Step]:
    if last:
        yield Step(
            "prose", words=f"… {len(trace.graph) - SHOWN:,} gates left out: --all shows them, --gate NAME shows one"
        )


def _forward(teller: Teller, first: range, last: range) -> Iterator[Step]:
    yield Step("title", words="Forward pass")
    yield Step("prose", words=_FORWARD)
    for index in first:
        yield from teller.forward(index)
    yield from _left_out(teller.trace, last)
    for index in last:
        yield from teller.forward(index)


def _backward(teller: Teller, first: range, last: range, parts: dict[int, list[Part]]) -> Iterator[Step]:
    yield Step("title", words="Backward pass")
    yield Step("prose", words=_BACKWARD)
    if teller.trace.graph.shapes or teller.trace.graph.settings:
        yield Step("prose", words=_ARRAYS)
    for shown in (reversed(last), None, reversed(first)):
        if shown is None:
            yield from _left_out(teller.trace, last)
            continue
        for index in shown:
            if teller.trace.adjoints[index] is not None and teller.trace.graph.operands[index]:
                yield from _gate_backward(teller, index, parts[index])


def _gate_backward(teller: Teller, index: int, parts: list[Part]) -> Iterator[Step]:
    yield Step("gate", (Token("label", index), EQUALS, Token("gate", index)))
    yield teller.sum(index, parts)
    for part in flows.passed(teller.trace, index):
        yield from teller.passes(part)
    yield from teller.warned(index, False)


def _results(teller: Teller, inputs: list[int], parts: dict[int, list[Part]]) -> Iterator[Step]:
    yield Step("title", words="The gradients")
    shown = inputs if teller.every else inputs[:SHOWN]
    for index in shown:
        yield teller.sum(index, parts[index])._replace(kind="result")
        yield from teller.warned(index, False)
    if len(shown) < len(inputs):
        yield Step("prose", words=f"… {len(inputs) - len(shown):,} more gradients: --all shows them")


def _whole(teller: Teller) -> Iterator[Step]:
    trace = teller.trace
    first, last = _chosen(trace, teller.every)
    yield from _forward(teller, first, last)
    if trace.adjoints[trace.graph.output] is None:
        yield Step("prose", words=_NOTHING)
        return
    inputs = [index for index in trace.graph.inputs.values() if trace.adjoints[index] is not None]
    parts = flows.received(trace, {*first, *last, *(inputs if teller.every else inputs[:SHOWN])})
    yield from _backward(teller, first, last, parts)
    yield from _results(teller, inputs, parts)


def _brief(teller: Teller) -> Iterator[Step]:
    """A line per gate, from the output down."""
    trace = teller.trace
    if trace.adjoints[trace.graph.output] is None:
        yield Step("prose", words=_NOTHING)
        return
    first, last = _chosen(trace, teller.every)
    parts = flows.received(trace, {*first, *last})
    for shown in (reversed(last), None, reversed(first)):
        if shown is None:
            yield from _left_out(trace, last)
            continue
        for index in shown:
            if trace.adjoints[index] is None:
                continue
            if parts[index]:
                yield Step("chain", (Token("total", index), EQUALS, *teller.chain(parts[index])))
            else:
                yield teller.sum(index, parts[index])._replace(kind="chain")
            yield from teller.warned(index, False)


def _one_gate(teller: Teller, index: int) -> Iterator[Step]:
    """One gate alone: its value, what flows in, what it passes on, and a path to the output."""
    trace = teller.trace
    yield Step("title", words="Forward pass")
    yield from teller.forward(index)
    if not trace.graph.operands[index] and trace.graph.name(index) is None:
        yield Step("forward", (Token("gate", index), EQUALS, Token("value", number=trace.values[index])), "a constant")
    if trace.adjoints[index] is None:
        yield Step("prose", words="It depends on no input that is differentiated: no gradient flows through it.")
        return
    parts = flows.received(trace, [index])[index]
    yield Step("title", words="What flows in")
    for part in parts if teller.every else parts[:SHOWN]:
        yield from teller.passes(part)
    if len(parts) > SHOWN and not teller.every:
        yield Step("prose", words=f"… {len(parts) - SHOWN:,} more contributions: --all shows them")
    yield teller.sum(index, parts)
    if trace.graph.operands[index]:
        yield Step("title", words="What it passes on")
        for part in flows.passed(trace, index):
            yield from teller.passes(part)
    yield from teller.warned(index, False)
    if index != trace.graph.output:
        yield from _path(teller, index)


def _path(teller: Teller, index: int) -> Iterator[Step]:
    found = flows.path(teller.trace, index)
    yield Step("title", words="The path to the output")
    if found.ways > 1:
        most = "more than a million" if found.ways >= flows.MOST_PATHS else f"{found.ways:,}"
        yield Step("prose", words=f"One of {most} paths: from gate to gate it follows the largest contribution.")
    parts = found.parts
    left_out = len(parts) - _HOPS if len(parts) > _HOPS and not teller.every else 0
    for part in parts[: _HOPS // 2] if left_out else parts:
        yield teller.hop(part)
    if left_out:
        yield Step("prose", words=f"… {left_out:,} gates left out: --all shows them")
        for part in parts[-_HOPS // 2 :]:
            yield teller.hop(part)


def steps(trace: Trace, telling: Telling, every: bool = False) -> Iterator[Step]:
    """The explanation.

    Args:
        trace: from `flows.with_named_output`.
        telling: what is to be told.
        every: tell everything of a large graph.

    Raises:
        UsageError: the gate to tell of is not there.
    """
    teller = Teller(trace, every, telling.rows)
    if telling.short:
        yield Step("prose", words=_SHORT)
    if telling.gate is not None:
        yield from _one_gate(teller, flows.find(trace.graph, telling.gate))
    else:
        yield from (_brief if telling.brief else _whole)(teller)

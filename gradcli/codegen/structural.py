"""How array libraries write the rows that work on whole arrays.

Enters: texts of operands and the layout of a gate, which says shapes and settings. Leaves: `W @ x`,
`np.sum(x, axis=0)`, `x[0, 1:3]`. Invariant: shapes and axes stand in the text as numbers, so that no value decides what
is run; a function that the library lacks, or has in a form that overflows or cancels, comes with the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gradcli.codegen import structural_helpers
from gradcli.codegen.arrays import Library, is_literal
from gradcli.codegen.facts import number as value_of
from gradcli.codegen.target import ATOM, POWER, PRODUCT, SUM, ArrayWriter, Helper, Target, Text, infix, parenthesised
from gradcli.graph.ops.layout import Layout, Shape
from gradcli.graph.ops.reductions import counted


class Words(NamedTuple):
    """What a library calls things.

    Attributes:
        constant: what makes an array of nested lists, with {} for them.
        filled: an array of one number, with {} for the shape and the number.
        put: how `scatter` returns the array `found` with x at the slices `block`; lines of a function.
        counted: the numbers 0, 1 … as an array, with {} for how many.
        softmax: the library's own, if it has one.
        many_axes: whether a product goes over several axes at once.
    """

    constant: str
    filled: str
    put: str
    counted: str
    softmax: str | None = None
    axis: str = "axis"
    keepdims: str = "keepdims"
    largest: str = "max"
    smallest: str = "min"
    concatenate: str = "concatenate"
    permute: str = "transpose"
    many_axes: bool = True


def with_arrays(target: Target, library: Library, words: Words) -> Target:
    """The target for programs with arrays."""
    helpers: dict[str, Helper] = {**target.helpers, **structural_helpers.helpers(library.alias, library.truth, words)}
    return target._replace(
        helpers=helpers,
        reserved=target.reserved | ({"jax"} if library.alias == "jnp" else frozenset()),
        literal=lambda written: _literal(library, words, written),
        structural={name: _on_arrays(library, write) for name, write in _Writers(library, words).all().items()},
    )


def _literal(library: Library, words: Words, written: str) -> Text:
    if not written.startswith("["):
        return library.literal(written)
    pieces = written.replace("[", " [ ").replace("]", " ] ").replace(",", " , ").split()
    numbers = [piece if piece in "[]," else library.number(_value(piece)) for piece in pieces]
    text = words.constant.format("".join(numbers).replace(",", ", "))
    name = words.constant.partition("(")[0]
    return Text(text, needs=(name,) if name.isidentifier() else ())


def _value(written: str) -> float:
    return -value_of(written[1:]) if written.startswith("-") else value_of(written)


def _on_arrays(library: Library, write: ArrayWriter) -> ArrayWriter:
    """Operands that are literals become arrays; the rest of a writer need not think of them."""

    def written(operands: Sequence[Text], s: Layout) -> Text:
        texts = [operand if write.__name__ == "broadcast_to" else library.array(operand) for operand in operands]
        found = write(texts, s)
        return found._replace(needs=tuple(need for text in (*texts, found) for need in text.needs))

    return written


class _Writers:
    """The writers of one library, each called as its row."""

    def __init__(self, library: Library, words: Words) -> None:
        self.library, self.words, self.alias = library, words, library.alias

    def all(self) -> dict[str, ArrayWriter]:
        names = (
            "sum mean prod var std norm amax amin dot matmul outer transpose reshape stack concat index broadcast_to"
            " sum_to scatter flip cumsum softmax logsoftmax logsumexp cross_entropy mse one_hot"
        )
        return {name: getattr(self, name) for name in names.split()}

    def call(self, name: str, *arguments: str) -> Text:
        """A function of the library."""
        return Text(f"{self.alias}.{name}({', '.join(arguments)})")

    def own(self, name: str, *arguments: str) -> Text:
        """A function of the file."""
        return Text(f"{name}({', '.join(arguments)})", needs=(name,))

    # Sums, means, extremes

    def reduced(self, name: str, x: str, s: Layout, axes: Shape, keepdims: bool) -> Text:
        """A reduction over these axes; all of them need not be named."""
        arguments = [x]
        named = keepdims and self.alias == "torch"  # which wants to know which are kept
        if named or len(axes) < len(s.shapes[0]):
            arguments.append(f"{self.words.axis}={axes[0] if len(axes) == 1 else axes}")
        if keepdims:
            arguments.append(f"{self.words.keepdims}=True")
        return self.call(name, *arguments)

    def reduction(self, name: str, operands: Sequence[Text], s: Layout) -> Text:
        return self.reduced(name, operands[0].text, s, s.axis, s.keepdims) if s.axis else operands[0]

    def sum(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.reduction("sum", operands, s)

    def mean(self, operands: Sequence[Text], s: Layout) -> Text:
        if 0 in s.shapes[0]:  # of nothing, where a library would warn
            return Text(f"{self.reduction('sum', operands, s).text} / {float(counted(s))}", PRODUCT)
        return self.reduction("mean", operands, s)

    def amax(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.reduction(self.words.largest, operands, s)

    def amin(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.reduction(self.words.smallest, operands, s)

    def prod(self, operands: Sequence[Text], s: Layout) -> Text:
        if self.words.many_axes or len(s.axis) <= 1 or (len(s.axis) == len(s.shapes[0]) and not s.keepdims):
            return self.reduction("prod", operands, s)
        text = operands[0].text
        for axis in reversed(s.axis):
            text = self.reduced("prod", text, s, (axis,), s.keepdims).text
        return Text(text)

    def norm(self, operands: Sequence[Text], s: Layout) -> Text:
        if not s.axis or 0 in s.shapes[0]:
            return self.reduction("sum", [self.call("abs", operands[0].text)], s)
        return self._over("norm", operands[0].text, s)

    def logsumexp(self, operands: Sequence[Text], s: Layout) -> Text:
        return self._over("logsumexp", operands[0].text, s) if s.axis else operands[0]

    def _over(self, name: str, x: str, s: Layout) -> Text:
        return self.own(name, x, str(s.axis), *([f"{self.words.keepdims}=True"] if s.keepdims else []))

    def _deviations(self, operands: Sequence[Text], s: Layout) -> Text:
        if s.axis:
            return self.own("deviations", operands[0].text, str(s.axis))
        return infix("-", SUM)(operands[0], operands[0])

    def var(self, operands: Sequence[Text], s: Layout) -> Text:
        moved = self._deviations(operands, s)
        square = Text(f"{parenthesised(moved, ATOM)} ** 2", POWER)
        return self.reduction("mean", [square], s)._replace(needs=moved.needs)

    def std(self, operands: Sequence[Text], s: Layout) -> Text:
        moved = self._deviations(operands, s)
        if not s.axis:
            return moved
        found = self._over("norm", moved.text, s)
        return Text(f"{found.text} / {float(counted(s))} ** 0.5", PRODUCT, needs=(*moved.needs, *found.needs))

    # Products

    def dot(self, operands: Sequence[Text], s: Layout) -> Text:
        return infix("@", PRODUCT)(*operands)

    def matmul(self, operands: Sequence[Text], s: Layout) -> Text:
        return infix("@", PRODUCT)(*operands)

    def outer(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.call("outer", *(operand.text for operand in operands))

    # Other shapes, other places

    def transpose(self, operands: Sequence[Text], s: Layout) -> Text:
        if s.order == (1, 0):
            return Text(f"{parenthesised(operands[0], ATOM)}.T")
        return self.call(self.words.permute, operands[0].text, str(s.order)) if len(s.order) > 1 else operands[0]

    def reshape(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.call("reshape", operands[0].text, str(s.shape))

    def stack(self, operands: Sequence[Text], s: Layout) -> Text:
        return self._joined("stack", operands, s)

    def concat(self, operands: Sequence[Text], s: Layout) -> Text:
        return self._joined(self.words.concatenate, operands, s)

    def _joined(self, name: str, operands: Sequence[Text], s: Layout) -> Text:
        inside = f"[{', '.join(operand.text for operand in operands)}]"
        return self.call(name, inside, *([f"{self.words.axis}={s.axis}"] if s.axis else []))

    def index(self, operands: Sequence[Text], s: Layout) -> Text:
        slots, shape = [*s.slots], s.shapes[0]
        while len(slots) > 1 and slots[-1] == (0, shape[len(slots) - 1]):
            slots.pop()
        inside = ", ".join(_slot(slot, extent) for slot, extent in zip(slots, shape, strict=False))
        return Text(f"{parenthesised(operands[0], ATOM)}[{inside}]")

    def broadcast_to(self, operands: Sequence[Text], s: Layout) -> Text:
        if is_literal(operands[0]):
            return Text(self.words.filled.format(s.shape, operands[0].text))
        return self.call("broadcast_to", operands[0].text, str(s.shape))

    def sum_to(self, operands: Sequence[Text], s: Layout) -> Text:
        before, after = s.shapes[0], s.shape
        lead = len(before) - len(after)
        kept = tuple(k for k in range(lead, len(before)) if after[k - lead] == 1 != before[k])
        axes = (*range(lead), *kept)
        if not axes:
            return operands[0]
        found = self.reduced("sum", operands[0].text, s, axes, not lead)
        return self.call("reshape", found.text, str(after)) if lead and kept else found

    def scatter(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.own("scatter", operands[0].text, str(s.shape), str(s.starts))

    def flip(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.call("flip", operands[0].text, str(s.axis)) if s.axis else operands[0]

    def cumsum(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.call("cumsum", operands[0].text, f"{self.words.axis}={s.axis}")

    # Softmax and losses

    def softmax(self, operands: Sequence[Text], s: Layout) -> Text:
        axis = f"{self.words.axis}={s.axis}"
        if self.words.softmax is None:
            return self.own("softmax", operands[0].text, axis)
        return Text(f"{self.words.softmax}({operands[0].text}, {axis})", needs=("softmax",))

    def logsoftmax(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.own("logsoftmax", operands[0].text, f"{self.words.axis}={s.axis}")

    def cross_entropy(self, operands: Sequence[Text], s: Layout) -> Text:
        logits, targets = (operand.text for operand in operands)
        if len(s.shapes[1]) == len(s.shapes[0]):
            return self.own("cross_entropy", logits, targets)
        found = self.own("cross_entropy", logits, f"classes({targets}, {s.shapes[0][-1]})")
        return found._replace(needs=(*found.needs, "classes"))

    def mse(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.call("mean", f"({infix('-', SUM)(*operands).text}) ** 2")

    def one_hot(self, operands: Sequence[Text], s: Layout) -> Text:
        return self.own("one_hot", operands[0].text, str(s.count))


def _slot(slot: Any, extent: int) -> str:
    if not isinstance(slot, tuple):
        return str(slot)
    start, stop = slot
    return f"{start or ''}:{'' if stop == extent else stop}"

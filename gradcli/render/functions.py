"""The op table for people: all rows, one row whole, or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

from gradcli.graph import ops
from gradcli.graph.describe import TEXT, contribution, structural
from gradcli.graph.growth import cost
from gradcli.graph.ops.layout import REQUIRED, Layout, Setting, Shape, canonical
from gradcli.graph.ops.layout import shown as shown_shape
from gradcli.numeric.text import Text, of, setting
from gradcli.render import Look

_OUT = "out"
_OPERANDS = 2  # of variadic functions, where their cost is shown
_OUTPUT = "out is the function's own value."
_TEXTBOOK = "  (the textbook's formulas; those that compute also guard zeros, ties and overflow)"
_PASSED_ON = "to x: what functions of arrays pass on to x; g is their own global gradient."


def signature(row: ops.Op) -> str:
    """How it is written: x + y, tanh(x), sum(x, axis=…, keepdims=0), A @ B."""
    if not row.structural:
        return row.signature()
    operands = ["x", "…"] if row.variadic else list(row.parameters)
    if row.symbol is not None:
        return f" {row.symbol} ".join(operands)
    return f"{row.called}({', '.join([*operands, *map(_parameter, row.settings)])})"


def _parameter(part: Setting) -> str:
    if part.default is REQUIRED:
        return part.name
    return f"{part.name}={'…' if part.default in (None, ()) else setting(part.default)}"


def example(row: ops.Op) -> tuple[list[str], Layout]:
    """What a structural row's rules are shown for: names of its operands; shapes and settings of its telling trial."""
    optional = {part.name for part in row.settings if part.default is not REQUIRED}

    def dullness(trial: tuple[tuple[Shape, ...], dict[str, Any]]) -> tuple[Any, ...]:
        shapes, given = trial
        trivial = any(1 in shape or list(shape) in given.values() for shape in shapes) or [] in given.values()
        far = sum(abs(len(shape) - 2) for shape in shapes)
        return row.variadic and len(shapes) < _OPERANDS, len(optional & given.keys()), trivial, far

    shapes, given = min(row.trials, key=dullness)
    layout = Layout(shapes, canonical(row.settings, given, shapes))
    layout.shape = row.shape(layout)  # type: ignore[misc]
    names = [f"x{place}" for place in range(1, len(shapes) + 1)] if row.variadic else list(row.parameters)
    return names, layout


def example_text(row: ops.Op) -> str:
    """The example: sum(x, axis=0) for x of 2×3."""
    names, layout = example(row)
    written = structural(row, [Text(name) for name in names], layout.settings, layout.shapes).text
    of_shape: dict[Shape, list[str]] = {}
    for name, shape in zip(names, layout.shapes, strict=True):
        of_shape.setdefault(shape, []).append(name)
    described = [f"{', '.join(some)} {_kind(shape, some)}" for shape, some in of_shape.items()]
    return f"{written} for {' and '.join(described)}"


def _kind(shape: Shape, names: Sequence[str]) -> str:
    if not shape:
        return "numbers" if len(names) > 1 else "a number"
    return f"of {shown_shape(shape)}{' elements' if len(shape) == 1 else ''}"


def contributions(row: ops.Op) -> list[tuple[str, str]]:
    """Pairs of operand name and the formula of its contribution, in the example; `g` is the gate's global gradient."""
    names, layout = example(row)
    operands, found = [Text(name) for name in names], []
    for position, name in enumerate(names):
        formula = contribution(row, TEXT, layout.at(position), Text, Text(_OUT), operands)
        found.append((name, of(formula).text))
    return found


def rules(row: ops.Op) -> list[tuple[str, str]]:
    """Pairs of operand name and the formula of its local gradient; `out` is the gate's own output."""
    if row.structural:
        return []
    if row.variadic:
        operand = Text(row.parameters[0].lstrip("*"))
        return [(operand.text, of((row.rules or row.partials)[0](TEXT, Text(_OUT), operand)).text)]  # type: ignore[misc, operator]
    operands, found = [Text(name) for name in row.parameters], []
    for position, (name, partial) in enumerate(zip(row.parameters, row.partials, strict=True)):
        shown: Any = (row.rules[position] if row.rules else None) or partial
        found.append((name, of(shown if isinstance(shown, float) else shown(TEXT, Text(_OUT), *operands)).text))
    return found


def table(rows: Sequence[ops.Op], look: Look) -> Iterator[str]:
    """A row per function: how it is written, what it is, and under that its local gradients, or contributions."""
    from rich import box
    from rich.table import Table
    from rich.text import Text as Cell

    from gradcli.render.screen import draw

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    shown.add_column("function", no_wrap=True)
    shown.add_column("what it is, and its local gradients", overflow="fold")
    for row in rows:
        names = Cell(look.signs(signature(row)))
        for alias in row.aliases:
            names.append(f"\n{alias}", "dim")
        meaning = Cell(row.doc)
        slopes: dict[str, str] = {}
        for operand, formula in rules(row):
            slopes[formula] = slopes.get(formula, "") + f"∂/∂{operand} = "
        meaning.append("".join(f"\n{left}{formula}" for formula, left in slopes.items()), "dim")
        if row.structural:
            meaning.append(look.signs(f"\n{example_text(row)}:"), "dim")
            meaning.append("".join(f"\nto {operand}: {formula}" for operand, formula in contributions(row)), "dim")
        shown.add_row(names, meaning)
    notes = [Cell(_OUTPUT), Cell("`gradcli functions NAME` shows one function whole.")]
    if any(row.structural for row in rows):
        notes.insert(1, Cell(_PASSED_ON))
    yield draw([shown, *notes], look, look.width or 80)


def costs(rows: Sequence[ops.Op], look: Look) -> Iterator[str]:
    """How many gates the derivative of each function takes, at most."""
    from rich import box
    from rich.table import Table
    from rich.text import Text as Cell

    from gradcli.render.screen import draw

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    shown.add_column("function", no_wrap=True)
    for head in ("rules", "contributions", "additions", "gates"):
        shown.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        found = cost(row, _OPERANDS)
        shown.add_row(Cell(look.signs(signature(row))), *map(str, found), str(found.total))
    notes = [
        "The gates that a derivative adds for one such gate, at most. Rules: what its",
        "local gradients take, constants included. Contributions: a guarded product",
        f"per operand. Functions of any number of operands are counted with {_OPERANDS}.",
    ]
    if any(row.structural for row in rows):
        notes.append("What functions of arrays take depends on shapes: the most of some examples.")
    yield draw([shown, *map(Cell, notes)], look, look.width or 80)


def details(rows: Sequence[ops.Op], look: Look) -> Iterator[str]:
    """Everything about each row."""
    for position, row in enumerate(rows):
        lines = [signature(row), f"  {row.doc}"]
        if row.aliases:
            lines.append(f"  also called {', '.join(row.aliases)}")
        slopes = contributions(row) if row.structural else rules(row)
        if row.structural:
            lines.append(f"  {example_text(row)}, where g is its global gradient:")
            lines += [f"  to {operand}: {formula}" for operand, formula in slopes]
        else:
            lines += [f"  ∂/∂{operand} = {formula}" for operand, formula in slopes]
        if any(re.search(rf"\b{_OUT}\b", formula) for _, formula in slopes):
            lines.append(f"  where {_OUT} is its value")
        if row.rules:
            lines.append(_TEXTBOOK if row.structural else "  (computed by formulas that neither cancel nor overflow)")
        if row.definition:
            lines.append(f"  defined as {row.definition}")
        if row.kink:
            lines.append(f"  kink: {row.kink.convention}")
        if not row.structural:
            lines.append(f"  accurate to {row.ulp:g} ulp {domain(row)}")
        yield look.signs(("\n" if position else "") + "\n".join(lines) + "\n")


def domain(row: ops.Op) -> str:
    """Where the accuracy is promised: for -1 ≤ x ≤ 1."""
    names = [name.lstrip("*") for name in row.parameters]
    bounds = []
    for name, (low, high) in zip(names, row.domain, strict=False):
        below = f"{low:g} ≤ " if low > -inf else ""
        above = f" ≤ {high:g}" if high < inf else ""
        if below or above:
            bounds.append(f"{below}{name}{above}")
    return f"for {', '.join(bounds)}" if bounds else "everywhere"


def as_json(rows: Sequence[ops.Op], with_cost: bool = False) -> Iterator[str]:
    """An array of objects."""
    import json

    listed = [
        {
            "name": row.name,
            "signature": signature(row),
            "aliases": row.aliases,
            "documentation": row.doc,
            "local_gradients": dict(rules(row)),
            "definition": row.definition,
            "kink": row.kink.convention if row.kink else None,
            "latex": row.latex,
        }
        | (_of_arrays(row) if row.structural else {})
        | (_cost(row) if with_cost else {})
        for row in rows
    ]
    yield json.dumps(listed, indent=1) + "\n"


def _cost(row: ops.Op) -> dict[str, Any]:
    found = cost(row, _OPERANDS)
    return {"cost": found._asdict() | {"gates": found.total}}


def _of_arrays(row: ops.Op) -> dict[str, Any]:
    """What only structural rows have: their settings with the defaults, an example, and what it passes on."""
    defaults = {part.name: None if part.default is REQUIRED else part.default for part in row.settings}
    return {"settings": defaults, "example": example_text(row), "contributions": dict(contributions(row))}

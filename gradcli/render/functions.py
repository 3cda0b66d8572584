"""The op table for people: all rows, one row whole, or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

from gradcli.graph import ops
from gradcli.graph.describe import TEXT
from gradcli.graph.growth import cost
from gradcli.numeric.text import Text, of
from gradcli.render import Look

_OUT = "out"
_OPERANDS = 2  # of variadic functions, where their cost is shown
_OUTPUT = "out is the function's own value."


def rules(row: ops.Op) -> list[tuple[str, str]]:
    """Pairs of operand name and the formula of its local gradient; `out` is the gate's own output."""
    if row.variadic:
        operand = Text(row.parameters[0].lstrip("*"))
        return [(operand.text, of((row.rules or row.partials)[0](TEXT, Text(_OUT), operand)).text)]  # type: ignore[misc, operator]
    operands, found = [Text(name) for name in row.parameters], []
    for position, (name, partial) in enumerate(zip(row.parameters, row.partials, strict=True)):
        shown: Any = (row.rules[position] if row.rules else None) or partial
        found.append((name, of(shown if isinstance(shown, float) else shown(TEXT, Text(_OUT), *operands)).text))
    return found


def table(rows: Sequence[ops.Op], look: Look) -> Iterator[str]:
    """A row per function: how it is written, what it is, and under that its local gradients."""
    from rich import box
    from rich.table import Table
    from rich.text import Text as Cell

    from gradcli.render.screen import draw

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    shown.add_column("function", no_wrap=True)
    shown.add_column("what it is, and its local gradients", overflow="fold")
    for row in rows:
        names = Cell(look.signs(row.signature()))
        for alias in row.aliases:
            names.append(f"\n{alias}", "dim")
        meaning = Cell(row.doc)
        slopes: dict[str, str] = {}
        for operand, formula in rules(row):
            slopes[formula] = slopes.get(formula, "") + f"∂/∂{operand} = "
        meaning.append("".join(f"\n{left}{formula}" for formula, left in slopes.items()), "dim")
        shown.add_row(names, meaning)
    notes = [Cell(_OUTPUT), Cell("`gradcli functions NAME` shows one function whole.")]
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
        shown.add_row(Cell(look.signs(row.signature())), *map(str, found), str(found.total))
    notes = (
        "The gates that a derivative adds for one such gate, at most. Rules: what its",
        "local gradients take, constants included. Contributions: a guarded product",
        f"per operand. Functions of any number of operands are counted with {_OPERANDS}.",
    )
    yield draw([shown, *map(Cell, notes)], look, look.width or 80)


def details(rows: Sequence[ops.Op], look: Look) -> Iterator[str]:
    """Everything about each row."""
    for position, row in enumerate(rows):
        lines = [row.signature(), f"  {row.doc}"]
        if row.aliases:
            lines.append(f"  also called {', '.join(row.aliases)}")
        slopes = rules(row)
        lines += [f"  ∂/∂{operand} = {formula}" for operand, formula in slopes]
        if any(re.search(rf"\b{_OUT}\b", formula) for _, formula in slopes):
            lines.append(f"  where {_OUT} is its value")
        if row.rules:
            lines.append("  (computed by formulas that neither cancel nor overflow)")
        if row.definition:
            lines.append(f"  defined as {row.definition}")
        if row.kink:
            lines.append(f"  kink: {row.kink.convention}")
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
            "signature": row.signature(),
            "aliases": row.aliases,
            "documentation": row.doc,
            "local_gradients": dict(rules(row)),
            "definition": row.definition,
            "kink": row.kink.convention if row.kink else None,
            "latex": row.latex,
        }
        | ({"cost": cost(row, _OPERANDS)._asdict() | {"gates": cost(row, _OPERANDS).total}} if with_cost else {})
        for row in rows
    ]
    yield json.dumps(listed, indent=1) + "\n"

"""gradcli functions: the op table, as rows or one row whole."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import streams
from gradcli.errors import UsageError
from gradcli.graph import ops
from gradcli.printable import shorten
from gradcli.render import functions as rendered


def run(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="One function or operator.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    cost: Annotated[bool, typer.Option("--cost", help="How many gates the derivative of each takes.")] = False,
) -> None:
    """List functions and operators with their rules, or show one.

    \b
      gradcli functions
      gradcli functions sigmoid
      gradcli functions --json
    """
    rows = [row for row in ops.ROWS if not row.hidden]
    if name is not None:
        rows = [row for row in rows if name in (row.name, row.symbol, *row.aliases)]
        if not rows:
            raise UsageError(f"there is no function {shorten(name)}", hint=_hint(name))
    if json:
        streams.emit(rendered.as_json(rows, cost))
    elif cost:
        streams.emit(rendered.costs(rows, streams.look()))
    elif name is not None:
        streams.emit(rendered.details(rows, streams.look()))
    else:
        streams.emit(rendered.table(rows, streams.look()))


def _hint(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name[:40], ops.names(), n=1)
    return f"did you mean {close[0]}?" if close else "`gradcli functions` lists them"

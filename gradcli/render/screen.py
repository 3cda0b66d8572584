"""Rich, kept on a short lead: no markup, no emoji, nothing taken from the environment.

Enters: tables and lines of text. Leaves: what a terminal shows. Invariant: a line of text is never cut or wrapped; a
screen without Unicode gets signs that it has.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradcli.render import Look


def draw(items: Iterable[Table | Text], look: Look, width: int) -> str:
    """Tables as wide as they need, up to width, and lines as long as they are."""
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=width, height=25, color_system=look.color, force_terminal=look.color is not None,  # type: ignore[arg-type]
        force_jupyter=False, legacy_windows=False, highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    for item in items:
        if look.color is None and isinstance(item, Text):
            buffer.write(item.plain + "\n")  # what rich would write, a hundred times as fast
        else:
            console.print(item, soft_wrap=isinstance(item, Text))
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    return look.signs("\n".join(lines) + "\n")

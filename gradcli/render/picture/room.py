"""How much room the lines of a page need, whatever the inputs become.

Enters: how a line writes its number or array (a function of `short`), and the shape, which never changes. Leaves: the
widest text that it may write. Invariant: nothing that `short` writes of that shape is wider, numbers alone being
`fitted`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcli.graph.ops.layout import Shape, size
from gradcli.render.picture import short, sizes
from gradcli.render.picture.placing import text_width

# All digits are equally wide, and nothing is as wide as a minus sign.
_NUMBER = "−8.88e−188"
_LONG = "−8.888e−188"  # not fitted
_NORM = "8.888e−188"


def widest(shown: Callable[[Any], str], shape: Shape) -> str:
    """The widest text that `brief`, `size`, `slope` or `flow` may write of an array; of a number, that `fitted` may."""
    if not shape:
        return _NUMBER
    whole = sizes.WHOLE_ON_EDGE if shown in (short.slope, short.flow) else sizes.WHOLE
    count = size(shape)
    if count <= whole:
        return short.rows([_NUMBER] * count, shape)
    lost = f"{count:,} of {count:,} not finite"
    if shown in (short.size, short.flow):
        written = [f"norm {_NORM}", _many(count, shape, lost)]
    elif shown is short.slope:
        written = [f"{_NUMBER} … {_NUMBER}", f"all {_LONG}", lost]
    else:
        written = [f"mean {_NUMBER}, {_NUMBER} … {_NUMBER}", f"all {_LONG}", lost]
    return max(written, key=lambda text: text_width(text, sizes.NODE_TEXT))


def _many(count: int, shape: Shape, lost: str) -> str:
    """How a gradient that is not finite is written: its elements where a node would write them."""
    return short.rows([_NUMBER] * count, shape) if count <= sizes.WHOLE else lost

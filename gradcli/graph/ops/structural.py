"""All rows that work on whole arrays."""

from __future__ import annotations

from gradcli.graph.ops import losses, products, rearranging, reductions
from gradcli.graph.ops.row import Op

ROWS: tuple[Op, ...] = (*reductions.ROWS, *products.ROWS, *rearranging.ROWS, *losses.ROWS)

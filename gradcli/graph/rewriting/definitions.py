"""Definitions of rows that work on whole arrays, for the settings and the shapes of one call.

Enters: a row, settings, shapes of operands. Leaves: the graph of its definition, whose inputs are the row's parameters.
Invariant: it computes what the row computes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradcli.graph.graph import Graph, result_shape
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.graph.ops.layout import Settings, Shape, size
from gradcli.language.parser import parse
from gradcli.numeric.text import setting


def written_out(row: Op, settings: Settings, shapes: Sequence[Shape]) -> Graph:
    """The graph of a row's definition.

    Its text may name settings, and `count`: how many elements of the operand make one of the result.
    """
    text = row.definition or ""
    known = {name: setting(value) for name, value in settings}
    known["count"] = str(size(shapes[0]) // max(1, size(result_shape(row, shapes, settings))))
    if dict(settings).get("axis") == tuple(range(len(shapes[0]))):  # all of them, which need not be said
        text = text.replace(", axis=axis", "")
    text = re.sub(r"\b[a-z]+\b(?!=)", lambda word: known.get(word[0], word[0]), text)
    if row.name == "cross_entropy" and len(shapes[1]) < len(shapes[0]):  # targets are class numbers
        text = f"p = one_hot(targets, {shapes[0][-1]})\n" + text.replace("targets", "p")
    return lower(parse(text), row.parameters, shapes=dict(zip(row.parameters, shapes, strict=True)))

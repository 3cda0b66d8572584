"""What the tests of lowering share: shapes without values, verified graphs, errors with their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

import gradcli
from gradcli import GradcliError, ProgramError
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower


class Shaped(NamedTuple):
    """A value of which only the shape matters here."""

    shape: tuple[int, ...]


GIVEN = {"x": Shaped((3,)), "w": Shaped((4,)), "W": Shaped((3, 4)), "C": Shaped((2, 3, 4)), "n": 2, "T": 3.0}


def graph_of(text: str, given: Mapping[str, Any] | None = None, **settings: Any) -> Graph:
    """The graph, verified."""
    graph = lower(gradcli.parse(text), GIVEN if given is None else given, **settings)
    graph.verify()
    return graph


def refused(text: str, kind: type[GradcliError] = ProgramError, **settings: Any) -> GradcliError:
    with pytest.raises(kind) as caught:
        graph_of(text, **settings)
    return caught.value


def place(error: GradcliError) -> str:
    """What the error's carets stand under."""
    assert error.source is not None
    assert error.span is not None
    return error.source[slice(*error.span)]

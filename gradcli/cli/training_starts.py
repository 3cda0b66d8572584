"""Where parameters start: what --param says.

Enters: texts such as w=0.5, W=he(4,2), b=@file, @model.json. Leaves: numbers, arrays, and specs that are yet to be
drawn. Invariant: nothing is drawn before every shape is known and the program tells the fans.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradcli.cli.bindings import collect
from gradcli.cli.values import from_json, value
from gradcli.errors import BindingError, UsageError
from gradcli.numeric.elements import shape_of
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.graph import Graph
    from gradcli.graph.ops.layout import Shape


def read(params: Sequence[str]) -> tuple[dict[str, Any], set[str]]:
    """The parameters' starts as --param says them, and the names that come from a file: these may be too many."""
    from gradcli.training.specs import parse_spec
    from gradcli.training.starts import is_start

    if not all(text.strip() for text in params):
        raise UsageError("--param is empty", hint="write --param w=0")
    files = [text[1:] for text in params if text.startswith("@")]
    written = collect([], [text for text in params if not text.startswith("@")], "--param")
    starts: dict[str, Any] = {}
    for text in params:
        if text.startswith("@"):
            for name, x in from_json(text[1:]).items():
                if name in starts or name in written:
                    raise BindingError(f"{shorten(name)} is given twice: by {shorten(text, 80)} and by --param")
                starts[name] = x
            continue
        name = next(iter(collect([], [text], "--param")))
        start = written[name]
        starts[name] = parse_spec(start, "start") if is_start(start) else value(start, name)
    own = {name for name in starts if name not in written}
    return starts, own if files else set()


def shape(start: Any) -> Shape:
    from gradcli.training.specs import Spec
    from gradcli.training.starts import shape_of_start

    return shape_of_start(start) if isinstance(start, Spec) else shape_of(start)


def draw(starts: Mapping[str, Any], seed: int, fans: Callable[[str], tuple[int, int] | None]) -> dict[str, Any]:
    """The start of every parameter: a number or an array. fans: of an array, as the program uses it."""
    from gradcli.training.specs import Spec
    from gradcli.training.starts import draw as drawn

    return {
        name: drawn(start, name, seed, fans(name)) if isinstance(start, Spec) else start
        for name, start in starts.items()
    }


def check_used(starts: Collection[str], graphs: Sequence[Graph], what: str) -> None:
    """Refuse parameters that move nothing.

    Args:
        starts: the parameters.
        graphs: what they may move.
        what: that is called: the loss, the model.
    """
    for name in starts:
        if any(name in graph.inputs for graph in graphs):
            continue
        if any(name in graph.consumed for graph in graphs):
            hint = f"give it as --{shorten(name)} VALUE"
            raise BindingError(f"{shorten(name)} counts, indexes or shapes, and can't be a parameter", hint=hint)
        raise BindingError(f"{what} does not depend on {shorten(name)}", hint=f"leave out --param {shorten(name)}")

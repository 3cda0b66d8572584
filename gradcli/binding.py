"""Values for names: what the program needs against what is given.

Enters: a graph and the values by name. Leaves: a number per input, or an array of the shape that the graph was made
for. Invariant: nothing is ignored silently; a name that is missing, unknown or computed by the program is an error that
lists what the program needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from gradcli.errors import BindingError
from gradcli.graph import ops
from gradcli.graph.ops.layout import Shape, shown
from gradcli.printable import shorten


class UnboundError(BindingError):
    """Inputs have no value."""


class Needs(Protocol):
    """What is asked of a graph, or of several graphs together; see `Graph`."""

    @property
    def free(self) -> Mapping[str, Any]: ...
    @property
    def inputs(self) -> Mapping[str, Any]: ...
    @property
    def assigned(self) -> Collection[str]: ...


def check_known(graph: Needs, given: Collection[str], words: Iterable[str] = ()) -> None:
    """Check that every name given is an input.

    Args:
        graph: from `lower`.
        given: the names that have a value.
        words: further words that a misspelt name may have meant, such as a command's options.

    Raises:
        BindingError: a name is not an input.
    """
    for name in given:
        if name not in graph.free:
            raise _unknown(graph, given, name, words)


def bind(graph: Needs, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the graph's inputs.

    Args:
        given: a number, or an array of floats, by name.

    Raises:
        UnboundError: an input has no value.
        BindingError: a name is given and not an input, or a value has another shape.
    """
    check_known(graph, given)
    missing = [name for name in graph.inputs if name not in given]
    if missing:
        some = shorten(", ".join(shorten(name) for name in missing), 200)
        wanted = " ".join(f"--{shorten(name)} VALUE" for name in missing[:8])
        hint = f"give {'it' if len(missing) == 1 else 'them'} as {shorten(wanted, 200)}"
        if functions := [name for name in missing if ops.find(name)]:
            hint = f"{functions[0]} is a function; write {functions[0]}(…)"
        raise UnboundError(f"no value for {some}", hint=hint)
    shapes: Mapping[int, Shape] = getattr(graph, "shapes", {})
    return {name: _fitting(name, given[name], shapes.get(place, ())) for name, place in graph.inputs.items()}


def _fitting(name: str, value: Any, wanted: Shape) -> Any:
    """A value of the shape that the graph was made for: numbers as floats, arrays as they are."""
    shape = tuple(getattr(value, "shape", ()))
    if shape != wanted:
        raise BindingError(f"{shorten(name)} is {shown(shape)}, and the program was made for {shown(wanted)}")
    return value if shape else float(value)


def _unknown(graph: Needs, given: Collection[str], name: str, words: Iterable[str]) -> BindingError:
    from difflib import get_close_matches

    shown = shorten(name)
    needs = ", ".join(map(shorten, graph.free))
    needs = f"the program's inputs are {shorten(needs, 200)}" if needs else "the program has no inputs"
    if name in graph.assigned:
        return BindingError(f"{shown} is computed by the program and can't be given", hint=needs)
    missing = [free for free in graph.free if free not in given]
    meant = {word.lstrip("-"): word for word in words} | {free: free for free in missing}
    for free in missing:
        if 1 < len(free) < 9 and all(letter in given for letter in free):
            return BindingError(f"the program has no input {shown}", hint=f"did you mean {'*'.join(free)}? {needs}")
    close = get_close_matches(name[:40], meant, n=1)
    hint = f"did you mean {meant[close[0]]}? {needs}" if close else needs
    return BindingError(f"the program has no input {shown}", hint=hint)

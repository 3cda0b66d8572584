"""Generated code: a program's value and gradient as source of another language.

Enters: a Graph, a target's name, how the function is called, perhaps a point to check at. Leaves: the text of a file.
Invariant: what is generated is the derivative graph of `graph/derive.py`, gate by gate; nothing is computed in another
order, and user text is only ever a name that was made safe, or an inert comment.

`TARGETS` is the registry; a target is imported when asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from gradcli.codegen.staging import UNROLL
from gradcli.codegen.target import Target
from gradcli.errors import UsageError
from gradcli.graph.graph import Graph
from gradcli.graph.lower import MAX_GATES, has_arrays
from gradcli.graph.wanted import check_output, differentiated
from gradcli.printable import shorten

TARGETS = {
    "python": "gradcli.codegen.python_target:TARGET",
    "javascript": "gradcli.codegen.javascript_target:TARGET",
    "c": "gradcli.codegen.c_target:TARGET",
    "numpy": "gradcli.codegen.numpy_target:TARGET",
    "torch": "gradcli.codegen.torch_target:TARGET",
    "jax": "gradcli.codegen.jax_target:TARGET",
    "latex": "gradcli.codegen.latex_target:TARGET",
}


def target(name: str) -> Target:
    """The target of that name in the registry.

    Raises:
        UsageError: there is none.
    """
    if name not in TARGETS:
        raise UsageError(
            f"there is no target {shorten(name) or '(empty)'}", hint=f"the targets are {', '.join(TARGETS)}"
        )
    module, _, attribute = TARGETS[name].partition(":")
    found: Target = getattr(import_module(module), attribute)
    return found


def generate(
    graph: Graph,
    to: str,
    name: str = "f",
    wrt: Collection[str] | None = None,
    point: Mapping[str, Any] | None = None,
    max_gates: int = MAX_GATES,
    *,
    constants: Mapping[str, Any] | None = None,
    trace: bool = False,
) -> str:
    """The source of a function that computes value and gradient.

    Args:
        graph: of the program.
        to: a name in TARGETS.
        name: of the function.
        wrt: the inputs to differentiate by; None means all.
        point: a number or an array for every input, if the file is to check itself there.
        max_gates: the most gates that arrays may be taken apart into, for a language without these.
        constants: inputs of the program that `graph/rewriting/fixing.py` made constants of, for a comment.
        trace: whether the function returns every number of both passes as well.

    Raises:
        UsageError: there is no such target, it can't check itself or return every number, or the function can't be
            called that there.
        BindingError: a name of wrt is not an input, or the output does not depend on it; the output is an array.
        LimitError: arrays have to be taken apart, and have too many elements.
    """
    from gradcli.codegen.file import file_of

    differentiated(graph, wrt)
    chosen = target(to)
    if trace and not chosen.traces:
        tracing = [one for one in TARGETS if target(one).traces]
        raise UsageError(f"{to} has no --trace", hint=f"it is for {', '.join(tracing)}")
    if has_arrays(graph):
        check_output(graph)
        if chosen.arrays is None:
            raise UsageError(f"{to} can't be given arrays", hint=UNROLL)
        chosen = chosen.arrays
    if not chosen.is_name(name):
        shown = shorten(name) or "(empty)"
        raise UsageError(
            f"{shown} can't be the name of a function in {to}", hint="write --name with letters and digits"
        )
    if point is not None and not chosen.self_test:
        raise UsageError(f"{to} has no --self-test", hint="a formula can't be run; other targets can")
    if trace:
        from gradcli.codegen.tracing import Wanted, tracing_file

        file = tracing_file(graph, chosen, Wanted(name, wrt, point, max_gates))
    else:
        file = file_of(graph, chosen, name, wrt, point, max_gates)
    return chosen(file._replace(constants=dict(constants or {})))

"""AST → Graph: names become edges, functions are expanded, loops unrolled; every constant and operation becomes a gate.

Enters: a Program, the names that are bound with what is known of their values, the stage wanted as output. Leaves: a
Graph that holds only what this output needs. Invariant: time and memory are linear in the gates; no recursion, whatever
the depth.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import LimitError, ProgramError
from gradcli.graph import ops
from gradcli.graph.defined import Defined
from gradcli.graph.defined import row as defined_row
from gradcli.graph.graph import Graph, prune
from gradcli.graph.lowering.expressions import MAX_GATES, Expressions
from gradcli.graph.lowering.statements import Statements
from gradcli.graph.names import LENGTH, Names, resolve
from gradcli.language.nodes import Definition, Program
from gradcli.printable import shorten

if TYPE_CHECKING:
    from gradcli.graph.lowering.statics import Statics

__all__ = ["MAX_GATES", "has_arrays", "lower", "may_have_statics"]

_DEEPEST = 100


def lower(
    program: Program,
    bound: Collection[str] | Mapping[str, Any] = (),
    of: str | None = None,
    max_gates: int = MAX_GATES,
    *,
    several: bool = False,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Graph:
    """Build the graph of a program.

    Args:
        program: what `parse` returned.
        bound: names with a value; pi, e and tau are inputs if they are among them. With their values: a number, or
            anything that has a `shape`. A whole number may be what the graph is built by, as the end of a loop.
        of: the stage to take as output, h[2] for its turn in a loop; None takes the program's result.
        max_gates: the most gates that may be built.
        several: whether several outputs are fine: an array of expressions as the result, or `of` naming several stages.
        shapes: shapes of inputs without a value; an input that has neither is a number.

    Raises:
        ProgramError: a function is unknown or has the wrong number of arguments, a name is misused, shapes do not fit
            together, a number has to be known and is not, `of` is no stage.
        LimitError: more than max_gates.
    """
    names = resolve(program, {*bound, *shapes} if shapes else bound)
    statics = _statics(program, names, several)
    defined = Defined()
    start = partial(Expressions, program, names, statics, names.constants(bound), max_gates, defined)
    for definition in names.functions.values():
        if definition.gradients is not None:
            _define(definition, defined, start)
    lowering = start()
    lowering.inputs(names.inputs, bound if isinstance(bound, Mapping) else {}, shapes or {})
    lowering.graph.assigned = tuple(names.stages)
    wanted = [] if of is None else [name.strip() for name in of.split(",")] if several else [of]
    statements = Statements(lowering, several, wanted)
    statements.run()
    return prune(lowering.graph, *(_outputs(names, statements, wanted) if wanted else statements.outputs))


_WITH_SETTINGS = {LENGTH}.union(*((row.called, row.name, *row.aliases) for row in ops.STRUCTURAL if row.settings))


def may_have_statics(program: Program) -> bool:
    """Whether a program may hold loops, indices or settings; found out without a search."""
    nodes = program.nodes
    return nodes.static or not nodes.words.keys().isdisjoint(_WITH_SETTINGS)


def has_arrays(graph: Graph) -> bool:
    """Whether there is something to unroll: an array, or a gate that takes arrays."""
    return bool(graph.shapes) or any(graph.rows[code].structural for code in {*graph.codes})


def _statics(program: Program, names: Names, several: bool) -> Statics | None:
    """What is known when the graph is built; nothing of the kind in a program of numbers, which is not searched."""
    if not may_have_statics(program):
        return None
    from gradcli.graph.lowering.statics import Statics

    return Statics(program, names, several)


def _define(definition: Definition, defined: Defined, start: Callable[..., Expressions]) -> None:
    """Add the row of a function; those that it calls are there already."""
    parameters = {parameter.name: parameter.span for parameter in definition.parameters}
    graphs, cost, depth = [], 0, 1
    for root in (definition.root, *(definition.gradients or ())):
        lowering = start(own=definition.name)
        lowering.inputs(parameters)
        lowering.graph.output = lowering.expression(root)
        graphs.append(lowering.graph)
        cost += len(lowering.graph) + lowering.handed_over
        depth = max(depth, *(defined.depths.get(code, 0) + 1 for code in lowering.graph.codes))
    program = lowering.program
    if depth > _DEEPEST:
        message = f"functions with their own derivative are nested more than {_DEEPEST} deep"
        raise LimitError(message, source=program.text, span=definition.name_span)
    body, *gradients = graphs
    code = defined.codes[definition.name] = len(defined.rows)
    text = program.text[slice(*program.nodes.span(definition.root))]
    defined.rows = (*defined.rows, defined_row(definition.name, list(parameters), text, body, gradients))
    defined.bodies = (*defined.bodies, body)
    defined.costs[code], defined.depths[code] = cost, depth


def _outputs(names: Names, statements: Statements, wanted: Sequence[str]) -> list[int]:
    """The gates of the stages that are wanted."""
    found = []
    for name in wanted:
        gate = statements.lowering.scope.get(name) if name in names.stages else statements.turns.get(name)
        if gate is None:
            message, hint = (
                f"{shorten(name) or '(empty)'} is not a stage of the program",
                _stages_hint(names, statements),
            )
            if name in names.stages:
                message, hint = f"{shorten(name)} has no value", "its loop makes no turn"
            raise ProgramError(message, hint=hint)
        found.append(gate)
    return found


def _stages_hint(names: Names, statements: Statements) -> str:
    if not names.stages:
        return "the program names no stage; write one as q = x + y"
    return "its stages are " + shorten(", ".join([*names.stages, *statements.first_turns]), 200)

"""A whole graph as a program in gradcli's own language.

Enters: a Graph. Leaves: text that lowers to the same gates: the same rows, literals, operands and names of stages.
Invariant: nothing is folded or shared that the graph does not fold or share; time and memory are linear, whatever the
depth.

What text cannot say: inputs are numbered by first appearance and gates as written, so positions differ where the graph
was not built in that order, as by calls of defined functions. A constant -inf becomes the negation of inf. A stage of a
loop's turn or an element of one, h[2], becomes h_2. The shapes of inputs are not part of a program. There is no empty
list: a reshaping to a number, or sum_to, is written as a sum. An index that takes everything is no gate when read.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

from gradcli.graph import ops
from gradcli.graph.describe import operation_text
from gradcli.graph.graph import Graph, reachable
from gradcli.graph.names import FIXED_CONSTANTS, NAMED_CONSTANTS
from gradcli.language.nodes import CALL, Definition
from gradcli.language.parser import parse
from gradcli.numeric import text
from gradcli.numeric.text import Text

LONGEST = 1000  # characters of an expression that is still written inside another one

_RESERVED = frozenset({"and", "or", "not", "for", "in"})
_NEGATION = ops.CODES["neg"]

# For programs in which pi, e or tau is the name of an input or a stage.
_DIGITS = {
    "pi": "3.141592653589793238462643383279502884197169399375105820974944592307816406286208998628034825342117068",
    "e": "2.718281828459045235360287471352662497757247093699959574966967627724076630353547594571382178525166427",
    "tau": "6.283185307179586476925286766559005768394338798750211641949889184615632812572417997256069650684234136",
}


class Style(NamedTuple):
    """How names, literals and operations are written; what they give has a `text`.

    Attributes:
        name: of an input or a stage.
        literal: of a constant.
        operation: of a graph, a gate of it and how its operands are written.
        longest: characters of an expression that is still written inside another one.
        assigned: whether the text is a program, where only a plain name can be assigned.
    """

    name: Callable[[str], Any]
    literal: Callable[[str], Any]
    operation: Callable[[Graph, int, list[Any]], Any]
    longest: int = LONGEST
    assigned: bool = True


class Staged(NamedTuple):
    """A graph written out.

    Attributes:
        definitions: the functions that it needs, as its source has them.
        stages: pairs of name and expression.
        result: the expression of the output.
    """

    definitions: list[str]
    stages: list[tuple[str, str]]
    result: str


def program(graph: Graph, *, repeat_constants: bool = False, style: Style | None = None) -> str:
    """The graph as a program, one stage per line, the output last.

    A gate with a name is a stage. So is one that is used more than once, or whose text has become long: it gets its id
    as name, with underscores where that is taken. All others are written where they are used. Functions that bring
    their own derivative keep their definitions, without comments.

    Args:
        repeat_constants: write a constant wherever it is used, also one that several gates share: better to read, but
            it will be several gates when the text is lowered.
        style: of the language; the plain one if not given.
    """
    definitions, stages, result = staged(graph, style or PLAIN, repeat_constants=repeat_constants)
    lines = [*definitions, *(f"{name} = {expression}" for name, expression in stages)]
    if lines and result.startswith("-"):
        lines[-1] += ";"  # else the line would be continued: a sign at its beginning takes the line above as left side
    return "\n".join([*lines, result])


def staged(graph: Graph, style: Style, *, repeat_constants: bool = False) -> Staged:
    """The parts of what `program` writes, in any style."""
    needed = reachable(graph, graph.output)
    uses = _uses(graph, needed)
    named = _named(graph, needed, uses, repeat_constants)
    taken, constants = taken_names(graph), constants_in_digits(graph)
    written: dict[int, Any] = {}  # how a gate is referred to, while something will still use it
    stages: list[tuple[str, str]] = []
    for index in range(graph.output + 1):
        if not needed[index]:
            continue
        name = graph.name(index)
        if graph.codes[index] == ops.INPUT:
            written[index] = style.name(name or "")
            continue
        whole = _gate(graph, index, written, constants, style)
        for operand in graph.operands[index]:
            if uses[operand] == 1 and graph.codes[operand] != ops.INPUT:
                written.pop(operand, None)
        if name is None and index != graph.output and (named[index] or len(whole.text) > style.longest):
            name = _fresh(f"g{index}", taken)
        if name is not None:
            if "[" in name and style.assigned:
                name = _fresh("_".join(re.findall(r"[^\[\],]+", name)), taken)
            expression, whole = whole.text, style.name(name)
            stages.append((whole.text, expression))
        written[index] = whole
    return Staged(definitions(graph, needed), stages, written[graph.output].text)


def _uses(graph: Graph, needed: bytearray) -> array[int]:
    """How often each gate is an operand."""
    uses = array("q", bytes(8 * len(graph)))
    for index, operands in enumerate(graph.operands):
        if needed[index]:
            for operand in operands:
                uses[operand] += 1
    return uses


def _named(graph: Graph, needed: bytearray, uses: array[int], repeat_constants: bool) -> bytearray:
    """A flag per gate: whether the text has to name it, so that it is the same gate wherever it is used."""
    named = bytearray(count > 1 for count in uses)
    if repeat_constants:
        for index, code in enumerate(graph.codes):
            if code == ops.CONSTANT and index not in graph.shapes:
                named[index] = 0
    for index, code in enumerate(graph.codes):
        if code == _NEGATION and needed[index]:
            constant = graph.operands.firsts[index]
            if graph.codes[constant] == ops.CONSTANT and (graph.literals[constant] or "")[0] in ".0123456789":
                named[constant] = 1  # -3 would be one constant, not the negation of another
    return named


def taken_names(graph: Graph) -> set[str]:
    """The names that have a meaning in the program. That of an element, w[0], stands for its array's too."""
    names = {name for index in range(len(graph)) if (name := graph.name(index)) is not None}
    names |= {name.partition("[")[0] for name in names}
    functions = {row.name for row in graph.rows[len(ops.ROWS) :]}
    return names | functions | {*graph.free, *graph.assigned, *NAMED_CONSTANTS, *FIXED_CONSTANTS, *_RESERVED}


def _fresh(name: str, taken: set[str]) -> str:
    """A name for a gate that has none, or none that can be assigned."""
    while name in taken or ops.find(name):
        name += "_"
    taken.add(name)
    return name


def constants_in_digits(graph: Graph) -> dict[str, str]:
    """Named constants that have to be written as digits, because their name has another meaning here."""
    names = {name.partition("[")[0] for name in (*graph.inputs, *graph.stages.values())}
    meant = {NAMED_CONSTANTS[name] for name in NAMED_CONSTANTS if name in names}
    return {constant: _DIGITS[constant] for constant in meant}


def definitions(graph: Graph, needed: bytearray | None = None) -> list[str]:
    """The definitions of the functions that are gates, and of those that they call, as in the source; no comments."""
    needed = needed or reachable(graph, graph.output)
    wanted = {
        graph.rows[code].name for index, code in enumerate(graph.codes) if code >= len(ops.ROWS) and needed[index]
    }
    if not wanted:
        return []
    whole = parse(graph.source)
    found = []
    for statement in reversed(whole.statements):
        if isinstance(statement, Definition) and statement.name in wanted:
            found.append(_bare(whole.text[slice(*statement.span)]))
            for root in (statement.root, *(statement.gradients or ())):
                calls = (index for index in whole.postfix(root) if whole.nodes.kinds[index] is CALL)
                wanted.update(whole.nodes.values[index] or "" for index in calls)
    return found[::-1]


def _bare(definition: str) -> str:
    """A definition without its comments, in which any character may stand, and with plain blanks."""
    lines = (re.sub("#.*", "", line).rstrip() for line in definition.split("\n"))
    return "\n".join(re.sub(r"[^\S ]", " ", line) for line in lines if line)


def _gate(graph: Graph, index: int, written: dict[int, Any], constants: dict[str, str], style: Style) -> Any:
    """What a gate computes, from how its operands are written."""
    if graph.codes[index] == ops.CONSTANT:
        literal = graph.literals[index] or ""
        return style.literal(constants.get(literal, literal))
    return style.operation(graph, index, [written[operand] for operand in graph.operands[index]])


def _operation(graph: Graph, index: int, operands: list[Text]) -> Text:
    row = graph.rows[graph.codes[index]]
    return operation_text(graph, index, operands, row.called, row.symbol)


PLAIN = Style(Text, text.number, _operation)

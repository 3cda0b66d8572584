"""Which inputs a stage needs, by the program's text alone: before any shape is known.

Enters: a program, a stage. Leaves: names. Invariant: every input that the stage's graph has is among them.
"""

from __future__ import annotations

from gradcli.language.nodes import NAME, Loop, Program, Result, Stage, in_order

_RESULT = ""  # stands for the program's result, which may have no name


def needed(program: Program, of: str | None) -> set[str]:
    """The names that a stage depends on, stages and loops' variables among them. of: None for the program's result."""
    uses = _uses(program)
    start = uses[_RESULT] if of is None else {of.partition("[")[0].strip()}
    found: set[str] = set()
    waiting = [*start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(uses.get(name, ()))
    return found


def _uses(program: Program) -> dict[str, set[str]]:
    """By stage the names in its expressions, and in the heads of the loops around these."""
    uses: dict[str, set[str]] = {}
    heads: list[set[str]] = []
    for statement in in_order(program.statements):
        if statement is None:
            heads.pop()
        elif isinstance(statement, Loop):
            heads.append(_names(program, statement.start) | _names(program, statement.stop))
        elif isinstance(statement, Stage):
            uses.setdefault(statement.name, set()).update(_names(program, statement.root), *heads)
        elif isinstance(statement, Result):
            uses[_RESULT] = _names(program, statement.root)
    return uses


def _names(program: Program, root: int) -> set[str]:
    nodes = program.nodes
    return {nodes.values[index] or "" for index in program.postfix(root) if nodes.kinds[index] is NAME}


def in_loops(program: Program) -> set[str]:
    """The stages that have a turn: h[2] is what h is in the third one."""
    found: set[str] = set()
    depth = 0
    for statement in in_order(program.statements):
        if statement is None:
            depth -= 1
        elif isinstance(statement, Loop):
            depth += 1
        elif depth and isinstance(statement, Stage):
            found.add(statement.name)
    return found

"""What the layouts of all targets share: comments, and lines that are not too long."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from gradcli.codegen.file import File
from gradcli.codegen.target import WIDTH, wrapped
from gradcli.graph.ops.layout import Shape, size
from gradcli.graph.rewriting.fixing import literal
from gradcli.graph.rewriting.unroll import element_names
from gradcli.printable import printable, shorten

_MOST_LINES = 60
_LONGEST_LINE = 1000


def program_lines(source: str) -> list[str]:
    """The program's text for a comment: no line is long, and no character does anything."""
    lines = [printable(line.rstrip()) for line in source.strip("\n").split("\n")]
    shown: list[str] = []
    for line in lines[:_MOST_LINES]:
        pieces = textwrap.wrap(shorten(line, _LONGEST_LINE), WIDTH - 12, expand_tabs=False, replace_whitespace=False)
        shown += [f"    {piece}" if k == 0 else f"        {piece}" for k, piece in enumerate(pieces)] or [""]
    if len(lines) > _MOST_LINES:
        shown.append(f"    … and {len(lines) - _MOST_LINES:,} lines more")
    return shown


def head_lines(file: File) -> list[str]:
    """What a file is made from, for the comment at its head: the program's text, and inputs that have their values."""
    found = ["", *program_lines(file.source), ""]
    if not file.constants:
        return found
    found += ["Inputs of the program that are constants of the function:", ""]
    for name, x in file.constants.items():
        line = shorten(f"{name} = {literal(x)}", _LONGEST_LINE)
        pieces = textwrap.wrap(line, WIDTH - 12, break_on_hyphens=False)
        found += [f"    {piece}" if k == 0 else f"        {piece}" for k, piece in enumerate(pieces)]
    return [*found, ""]


def commented(sign: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{sign} {line}".rstrip()


def differentiated(file: File) -> str:
    """By what the gradient is."""
    parameters = file.parameters if file.arrays is None else file.arrays.names
    names = [parameters[name] for name in gradients(file)]
    inputs = file.parameters if file.arrays is None else file.arrays.shapes
    return "every input" if len(names) == len(inputs) else shorten(", ".join(names), WIDTH // 2)


def parameters(file: File) -> list[str]:
    """Those of the function, in their order."""
    return (
        [*file.parameters.values()] if file.arrays is None else [file.arrays.names[one] for one in file.arrays.shapes]
    )


def nested(texts: Sequence[str], shape: Shape) -> str:
    """Texts row by row as lists in lists; a number's only text as it is."""
    items = [*texts]
    for axis in reversed(range(len(shape))):
        extent, count = shape[axis], size(shape[:axis])
        items = [f"[{', '.join(items[k * extent : (k + 1) * extent])}]" for k in range(count)]
    return items[0]


def listed(x: Any, number: Callable[[float], str]) -> str:
    """A number, or numbers in lists."""
    return f"[{', '.join(listed(one, number) for one in x)}]" if isinstance(x, list) else number(x)


def unpacked(file: File) -> Iterator[tuple[str, str]]:
    """Where arrays are taken apart: the names of the elements as lists in lists, and the parameter."""
    if file.arrays is not None:
        for name, shape in file.arrays.shapes.items():
            if shape:
                elements = [file.parameters[element] for element in element_names(name, shape)]
                yield nested(elements, shape), file.arrays.names[name]


def gradients(file: File) -> dict[str, list[str]]:
    """Input → the texts of its gradient's elements, row by row; of one that is whole its only text."""
    found = file.gradients
    if file.arrays is None or not _is_apart(file):
        return {name: [gradient.text] for name, gradient in found.items()}
    elements = {name: element_names(name, shape) for name, shape in file.arrays.shapes.items()}
    return {
        name: [found[one].text for one in parts]
        for name, parts in elements.items()
        if all(one in found for one in parts)
    }


def packed(file: File) -> dict[str, str]:
    """Input → the text of its gradient, as lists in lists where arrays are taken apart."""
    shapes = {} if file.arrays is None or not _is_apart(file) else file.arrays.shapes
    return {name: nested(texts, shapes.get(name, ())) for name, texts in gradients(file).items()}


def backward_title(file: File) -> str:
    """What the backward pass is about, and how its comments are read."""
    title = f"Backward pass: d_… is the gradient of {file.output} by …"
    if file.arrays is not None and any("→" in comment for one in file.backward for comment in one.comments):
        title += "; a → b: what b gets of g, that of a"
    return title


def _is_apart(file: File) -> bool:
    """Whether elements are parameters, and not arrays."""
    return file.arrays is not None and file.parameters.keys() != file.arrays.shapes.keys()


def described(sign: str, text: str) -> list[str]:
    """A sentence as a comment."""
    return [f"{sign} {line}" for line in textwrap.wrap(text, WIDTH - 8)]


def statement_lines(line: str, sign: str = "#", comments: Sequence[str] = (), above: bool = False) -> list[str]:
    """A statement with its comments behind it, or above it where they do not fit."""
    indent = line[: len(line) - len(line.lstrip())]
    if not comments:
        return wrapped(line)
    behind = f"{line}  {sign} {'; '.join(comments)}"
    if len(behind) <= WIDTH and not above:
        return [behind]
    joined = f"{indent}{sign} {'; '.join(comments)}"
    if len(joined) <= WIDTH:
        return [joined, *wrapped(line)]
    lines = [piece for comment in comments for piece in textwrap.wrap(comment, WIDTH - 16, subsequent_indent="    ")]
    return [*(f"{indent}{sign} {piece}" for piece in lines), *wrapped(line)]

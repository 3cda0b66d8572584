"""What a function in JavaScript returns: one object of numbers, and arrays of them.

Enters: a File. Leaves: the lines of its return statement. Invariant: a name of the program is a key and nothing else,
whatever it is; columns stand in the order of the gates' ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from gradcli.codegen.file import File
from gradcli.codegen.layout import packed
from gradcli.codegen.target import WIDTH, wrapped
from gradcli.printable import printable

# What columns are, in comments before them.
COLUMNS = {
    "values": "Of each gate, g0, g1 …: its value.",
    "global_gradients": "The derivative of the value by each gate; null where it is not differentiated.",
    "local_gradients": "Of each gate, the local gradient by each operand; null for functions of whole arrays.",
    "contributions": "What each gate adds to the global gradient of each operand.",
    "kinks": "Whether each gate stands on a kink.",
    "poles": "Whether the exact value of each gate is infinite.",
    "zeros": "Whether the exact value of each gate is 0.",
}


def keys(file: File) -> str:
    """The keys of what is returned, for a comment."""
    return ", ".join(["value", "gradients", *file.columns])


def result_lines(file: File) -> Iterator[str]:
    """The return statement."""
    entries = [f"{_key(name)}: {gradient}" for name, gradient in packed(file).items()]
    inner = f"{{ {', '.join(entries)} }}" if entries else "{}"
    value = "value" if file.value.text == "value" else f"value: {file.value.text}"
    line = f"    return {{ {value}, gradients: {inner} }};"
    if len(line) <= WIDTH and not file.columns:
        yield line
        return
    yield from ("    return {", f"        {value},", "        gradients: {")
    yield from (line for entry in entries for line in wrapped(f"            {entry},"))
    yield "        },"
    for name, column in file.columns.items():
        yield f"        // {COLUMNS[name]}"
        yield from (f"        {name}: [", *_filled(column), "        ],")
    yield "    };"


def _filled(texts: Sequence[str]) -> Iterator[str]:
    """Items of a list, as many in a line as there is room for."""
    before = ""
    for text in texts:
        if before and len(before) + len(text) + 2 > WIDTH:
            yield before
            before = ""
        before = f"{before} {text}," if before else f"            {text},"
        if len(before) > WIDTH:
            *lines, before = wrapped(before)
            yield from lines
    if before:
        yield before


def _key(name: str) -> str:
    """A name of a program as a key. An object's __proto__ is no key, unless it is computed."""
    if name == "__proto__":
        return '["__proto__"]'
    return name if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else quoted(name)


def quoted(name: str) -> str:
    """A text as a literal that does not end a script in a page, and that shows what it is."""
    return json.dumps(name, ensure_ascii=printable(name) != name).replace("<", "\\u003c")

"""C with arrays: pointers to their elements, row by row, for inputs and for gradients.

Enters: a File of a program with arrays. Leaves: lines. Invariant: only elements that are needed get a name, so that no
compiler warns of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradcli.codegen.file import Arrays, Check, File
from gradcli.codegen.layout import listed
from gradcli.codegen.target import Helper, wrapped
from gradcli.graph.ops.layout import shown, size
from gradcli.graph.rewriting.unroll import element_names

ALL_AGREE = Helper(  # for programs with arrays alone
    """// Whether all numbers of two arrays agree.
static int all_agree(
    const char *name, const double *found, const double *expected, int count, double tolerance)
{
    int good = 1;
    for (int k = 0; k < count; k++)
        good &= agrees(name, found[k], expected[k], tolerance);
    return good;
}
""",
    ("agrees",),
)


def stored(output: str, arrays: Arrays) -> Iterator[str]:
    """Lines that tell what is stored where."""
    for name, place in arrays.stores.items():
        shape = arrays.shapes[name]
        rows = f", {shown(shape)}, row by row" if len(shape) > 1 else ""
        yield f"//     {place}  ∂{output}/∂{arrays.names[name]}{rows}"


def parameters(arrays: Arrays) -> list[str]:
    """The parameters of a program with arrays: these row by row, and where their gradients go."""
    found = []
    for name, shape in arrays.shapes.items():
        written = arrays.names[name]
        found.append(f"const double {written}[{max(1, size(shape))}]" if shape else f"double {written}")
    return found + [f"double {stored}[{max(1, size(arrays.shapes[name]))}]" for name, stored in arrays.stores.items()]


def elements(file: File, arrays: Arrays) -> Iterator[str]:
    """The elements that are needed, by their names; what is not needed at all."""
    texts = [*(one.text for one in (*file.forward, *file.backward)), file.value, *file.gradients.values()]
    used = {name for text in texts for name in text.uses}
    taken = False
    for name, shape in arrays.shapes.items():
        parts = [file.parameters[one] for one in element_names(name, shape)]
        if not used.intersection(parts):
            yield f"    (void){arrays.names[name]};"
        elif shape:
            places = ((k, one) for k, one in enumerate(parts) if one in used)
            yield from (f"    const double {one} = {arrays.names[name]}[{k}];" for k, one in places)
        taken = taken or bool(shape)
    if taken and (file.forward or file.backward):
        yield ""


def self_test(file: File, arrays: Arrays, check: Check, number: Callable[[float], str], value: str) -> Iterator[str]:
    """The inside of main. Given and expected numbers are arrays of one axis; numbers are arrays of one element.

    Args:
        number: how a double is written.
        value: what compares the value.
    """
    for position, x in enumerate(check.inputs.values()):
        yield from wrapped(f"    static const double given_{position}[] = {{{_row(x, number)}}};")
    given = [f"given_{k}" if shape else f"given_{k}[0]" for k, shape in enumerate(arrays.shapes.values())]
    for position, (name, expected) in enumerate(check.gradients.items()):
        yield f"    static double found_{position}[{max(1, size(arrays.shapes[name]))}];"
        yield from wrapped(f"    static const double expected_{position}[] = {{{_row(expected.value, number)}}};")
    given += [f"found_{k}" for k in range(len(check.gradients))]
    yield from wrapped(f"    const double value = {file.name}({', '.join(given)});")
    yield f"    int good = agrees({value});"
    for position, (name, expected) in enumerate(check.gradients.items()):
        called, count = f'"gradient by {arrays.names[name]}"', size(arrays.shapes[name])
        compared = f"{called}, found_{position}, expected_{position}, {count}, {number(expected.tolerance)}"
        yield from wrapped(f"    good &= all_agree({compared});")
    yield from ("    if (good)", '        printf("as gradcli has it\\n");', "    return good ? 0 : 1;", "}")


def _row(x: Any, number: Callable[[float], str]) -> str:
    """The numbers of an array row by row; C has no empty array."""
    return listed(x, number).replace("[", "").replace("]", "") or "0.0"

"""JavaScript: a plain function for Node and browsers, with nothing but `Math`.

Enters: a File. Leaves: a script that is also a CommonJS module. Invariant: what `Math` lacks or answers otherwise than
IEEE 754 comes with the file as a function, only if it is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradcli.codegen.facts import number as value_of
from gradcli.codegen.file import Check, Expected, File
from gradcli.codegen.functions import Function
from gradcli.codegen.javascript_helpers import ALL_AGREE, HELPERS
from gradcli.codegen.javascript_result import keys, quoted, result_lines
from gradcli.codegen.layout import (
    commented,
    described,
    differentiated,
    head_lines,
    listed,
    parameters,
    statement_lines,
    unpacked,
)
from gradcli.codegen.names import spelt
from gradcli.codegen.staging import Statement
from gradcli.codegen.target import (
    AND,
    ARITHMETIC,
    ATOM,
    CHOICE,
    COMPARISON,
    COMPARISONS,
    OR,
    POWER,
    PRODUCT,
    SIGN,
    Target,
    Text,
    Writer,
    call,
    comparison,
    helper,
    infix,
    parenthesised,
    square_or,
    wrapped,
)  # fmt: skip
from gradcli.graph.ops.layout import shown


def identifier(name: str) -> str:
    found = spelt(name, keep_greek=True)
    return found if found and not found[0].isdecimal() else f"_{found}"


def number(x: float) -> str:
    """A number that reads back as the same one."""
    if not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0.0 else "-Infinity"
    if x.is_integer() and abs(x) < 1e15 and (x != 0.0 or math.copysign(1.0, x) > 0.0):
        return str(int(x))
    return repr(x)


def literal(written: str) -> Text:
    if written in ("pi", "e"):
        return Text(f"Math.{written.upper()}")
    text = number(value_of(written))
    return Text(text, SIGN if text.startswith("-") else ATOM)


def as_number(condition: Text) -> Text:
    return Text(f"Number({condition.text})")


def as_condition(x: Text) -> Text:
    return x if x.condition else Text(f"{parenthesised(x, COMPARISON + 1)} !== 0", COMPARISON, True)


def _plain(x: Text) -> Text:
    return as_number(x) if x.condition else x


def _math(name: str) -> Writer:
    return call(f"Math.{name}")


def _power(x: Text, a: Text) -> Text:
    if a.number is None or not math.isfinite(a.number):
        return helper("power")(x, a)
    return Text(f"{parenthesised(x, ATOM)} ** {parenthesised(a, SIGN)}", POWER)


def _negation(x: Text) -> Text:
    """-x; of a power in parentheses, without which it is no expression."""
    return Text(f"-{parenthesised(x, ATOM)}", SIGN)


def _where(c: Text, a: Text, b: Text) -> Text:
    a, b = _plain(a), _plain(b)
    if not c.condition:
        return helper("where")(c, a, b)
    chosen = f"{parenthesised(c, CHOICE + 1)} ? {parenthesised(a, CHOICE + 1)} : {parenthesised(b, CHOICE)}"
    return Text(chosen, CHOICE)


def _both(a: Text, b: Text) -> Text:
    return infix("&&", AND, condition=True)(as_condition(a), as_condition(b))


def _either(a: Text, b: Text) -> Text:
    return infix("||", OR, condition=True)(as_condition(a), as_condition(b))


def _not(a: Text) -> Text:
    return Text(f"!{parenthesised(as_condition(a), SIGN)}", SIGN, True)


_MATH = """
max min exp expm1 log log2 log10 log1p sqrt cbrt sin cos tan asin acos atan atan2 hypot sinh cosh tanh asinh acosh atanh
abs floor ceil sign
"""

WRITERS: dict[str, Writer] = {
    **{name: _math(name) for name in _MATH.split()},
    **ARITHMETIC,
    **COMPARISONS,
    "neg": _negation,
    "equal": comparison("==="),
    "not_equal": comparison("!=="),
    "div": infix("/", PRODUCT),
    "pow": square_or(_power),
    "and": _both,
    "or": _either,
    "not": _not,
    "where": _where,
    "chain": helper("chain"),
    "round": helper("roundHalfEven"),
    "mod": helper("modulo"),
    "erf": helper("erf"),
    "erfc": helper("erfc"),
}

_RESERVED = """
await break case catch class const continue debugger default delete do else enum export extends false finally for
function if implements import in instanceof interface let new null package private protected public return static super
switch this throw true try typeof var void while with yield async of get set
arguments eval undefined NaN Infinity globalThis Math Number Object Array Symbol module require exports process console
window self document expMinusSquare ratio erfcTail
"""


def layout(file: File) -> str:
    """The text of the script."""
    return "\n".join(_lines(file)) + "\n"


def script(file: File) -> str:
    """The text of an expression that is the function alone, as short as it may be: for a page."""
    helpers = [one.source for one in file.helpers.values()]
    lines = [*helpers, *(line for function in file.functions for line in _function(function)), *_main(file)]
    stripped = (line.strip() for text in lines for line in text.split("\n"))
    kept = "\n".join(line for line in stripped if line and not line.startswith("//"))
    return f'(() => {{\n"use strict";\n{kept}\nreturn {file.name};\n}})()'


def inert(line: str) -> str:
    """A line of the program that neither ends a script nor begins a comment in a page."""
    return line.replace("</", "< /").replace("<!--", "< !--")


def _lines(file: File) -> Iterator[str]:
    yield "// Generated by gradcli from this program:"
    yield from commented("//", map(inert, head_lines(file)))
    returned = f"returns {{ {keys(file)} }}, a gradient by {differentiated(file)}."
    yield from wrapped(f"// {_called(file)} {returned}", "// ")
    if file.arrays is not None:
        yield "// Arrays are arrays of arrays:"
        for name, shape in file.arrays.shapes.items():
            yield f"//     {file.arrays.names[name]}  {shown(shape)}"
    yield ""
    yield '"use strict";'
    helpers = dict(file.helpers)
    if file.check is not None:
        helpers["agrees"] = HELPERS["agrees"]
        if file.arrays is not None:
            helpers["allAgree"] = ALL_AGREE
    for one in helpers.values():
        yield from ("", *one.source.rstrip("\n").split("\n"))
    for function in file.functions:
        yield from ("", *_function(function))
    yield from ("", *_main(file))
    yield from ("", 'if (typeof module !== "undefined" && module.exports) module.exports = { ' + file.name + " };")
    if file.check is not None:
        yield from ("", *_self_test(file, file.check))


def _called(file: File) -> str:
    return f"{file.name}({', '.join(parameters(file))})"


def _function(function: Function) -> Iterator[str]:
    yield from described("//", function.doc)
    yield f"function {function.name}({', '.join(function.parameters)}) {{"
    for statement in function.statements:
        yield from statement_lines(_declared(statement))
    yield from statement_lines(f"    return {function.result.text};")
    yield "}"


def _declared(statement: Statement) -> str:
    return f"    const {statement.name} = {statement.text.text};"


def _main(file: File) -> Iterator[str]:
    yield from wrapped(f"function {_called(file)} {{")
    for names, parameter in (taken := [*unpacked(file)]):
        yield from wrapped(f"    const {names} = {parameter};")
    if taken and (file.forward or file.backward):
        yield ""
    if file.backward and file.forward:
        yield "    // Forward pass"
    for statement in file.forward:
        yield from statement_lines(_declared(statement))
    if file.backward:
        yield from ([""] if file.forward else [])
        yield f"    // Backward pass: d_… is the gradient of {file.output} by …"
    for statement in file.backward:
        yield from statement_lines(_declared(statement), "//", statement.comments, statement.above)
    if file.backward:
        yield ""
    yield from result_lines(file)
    yield "}"


def _self_test(file: File, check: Check) -> Iterator[str]:
    yield 'if (typeof require !== "undefined" && require.main === module) {'
    given = ", ".join(listed(x, number) for x in check.inputs.values())
    yield from wrapped(f"    const {{ value, gradients }} = {file.name}({given});")
    yield "    const checks = ["
    yield f"        {_compared('value', 'value', check.value)},"
    for name, expected in check.gradients.items():
        yield from wrapped(f"        {_compared('∂/∂' + name, f'gradients[{quoted(name)}]', expected)},")
    yield "    ];"
    agrees = "agrees" if file.arrays is None else "allAgree"
    yield f"    const failed = checks.filter(([, ...numbers]) => !{agrees}(...numbers)).map(([name]) => name);"
    yield '    console.log(failed.length ? `differs from gradcli: ${failed.join(", ")}` : "as gradcli has it");'
    yield "    process.exitCode = failed.length ? 1 : 0;"
    yield "}"


def _compared(name: str, found: str, expected: Expected) -> str:
    return f"[{quoted(name)}, {found}, {listed(expected.value, number)}, {number(expected.tolerance)}]"


_NUMBERS = Target(
    "javascript", WRITERS, HELPERS, frozenset(_RESERVED.split()), identifier, literal, as_number, as_condition, layout,
    reserved_functions=frozenset({"value", "gradients", "checks", "failed"}), traces=True,
)  # fmt: skip

TARGET = _NUMBERS._replace(arrays=_NUMBERS._replace(helpers={**HELPERS, "allAgree": ALL_AGREE}, by_element=True))

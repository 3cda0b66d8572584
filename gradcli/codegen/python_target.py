"""Python, with nothing but its `math`.

Enters: a File. Leaves: a module with one function that returns the value and a dict of gradients. Invariant: where
`math` or an operator raises, a helper has IEEE 754's answer; it comes with the file only if it is needed.
"""

from __future__ import annotations

import keyword
import math
import textwrap
from collections.abc import Iterator

from gradcli.codegen.facts import number as value_of
from gradcli.codegen.file import Arrays, Check, Expected, File
from gradcli.codegen.functions import Function
from gradcli.codegen.layout import (
    commented,
    differentiated,
    head_lines,
    listed,
    packed,
    parameters,
    statement_lines,
    unpacked,
)
from gradcli.codegen.names import spelt
from gradcli.codegen.python_helpers import ALL_AGREE, HELPERS
from gradcli.codegen.target import (
    AND,
    ARITHMETIC,
    ATOM,
    CHOICE,
    COMPARISON,
    COMPARISONS,
    NOT,
    OR,
    PRODUCT,
    SIGN,
    WIDTH,
    Target,
    Text,
    Writer,
    call,
    helper,
    infix,
    parenthesised,
    square_or,
    wrapped,
)  # fmt: skip

__all__ = ["HELPERS", "TARGET", "WRITERS", "identifier", "quoted"]


def identifier(name: str) -> str:
    return spelt(name, keep_greek=True)


def number(x: float) -> str:
    """A float that reads back as the same one."""
    if math.isfinite(x):
        return repr(x)
    return "math.nan" if x != x else "math.inf" if x > 0.0 else "-math.inf"


def literal(written: str) -> Text:
    if written in ("pi", "e", "tau"):
        return Text(f"math.{written}", needs=("math",))
    x = value_of(written)
    return Text(number(x), SIGN if number(x).startswith("-") else ATOM, needs=() if math.isfinite(x) else ("math",))


def as_number(condition: Text) -> Text:
    return Text(f"float({condition.text})")


def as_condition(x: Text) -> Text:
    return x if x.condition else Text(f"{parenthesised(x, COMPARISON + 1)} != 0.0", COMPARISON, True)


def _math(name: str) -> Writer:
    return call(f"math.{name}", "math")


def _divide(a: Text, b: Text) -> Text:
    return infix("/", PRODUCT)(a, b) if abs(b.sign) == 2 else helper("divide")(a, b)


def _exp(name: str) -> Writer:
    """A function that can't overflow below 0."""
    return lambda x: _math(name)(x) if x.sign < 0 else helper(name)(x)


def _sqrt(x: Text) -> Text:
    return _math("sqrt")(x) if x.sign > 0 else helper("sqrt")(x)


def _log(name: str) -> Writer:
    return lambda x: _math(name)(x) if x.sign == 2 else helper(name)(x)


def _log1p(x: Text) -> Text:
    return _math("log1p")(x) if x.sign > 0 else helper("log1p")(x)


def _where(c: Text, a: Text, b: Text) -> Text:
    if not c.condition:
        return helper("where")(as_plain(c), as_plain(a), as_plain(b))
    a, b = as_plain(a), as_plain(b)
    chosen = f"{parenthesised(a, CHOICE + 1)} if {parenthesised(c, CHOICE + 1)} else {parenthesised(b, CHOICE)}"
    return Text(chosen, CHOICE)


def as_plain(x: Text) -> Text:
    return as_number(x) if x.condition else x


def _both(a: Text, b: Text) -> Text:
    return infix("and", AND, condition=True)(as_condition(a), as_condition(b))


def _either(a: Text, b: Text) -> Text:
    return infix("or", OR, condition=True)(as_condition(a), as_condition(b))


def _not(a: Text) -> Text:
    return Text(f"not {parenthesised(as_condition(a), NOT)}", NOT, True)


def _several(name: str) -> Writer:
    return lambda *xs: xs[0] if len(xs) == 1 else helper(name)(*xs)


WRITERS: dict[str, Writer] = {
    **ARITHMETIC,
    **COMPARISONS,
    "div": _divide,
    "pow": square_or(helper("power")),
    "and": _both,
    "or": _either,
    "not": _not,
    "where": _where,
    "max": _several("maximum"),
    "min": _several("minimum"),
    "chain": helper("chain"),
    "exp": _exp("exp"),
    "expm1": _exp("expm1"),
    "log": _log("log"),
    "log2": _log("log2"),
    "log10": _log("log10"),
    "log1p": _log1p,
    "sqrt": _sqrt,
    "cbrt": _math("cbrt"),
    "sin": helper("sin"),
    "cos": helper("cos"),
    "tan": helper("tan"),
    "asin": helper("asin"),
    "acos": helper("acos"),
    "atan": _math("atan"),
    "atan2": _math("atan2"),
    "hypot": _math("hypot"),
    "sinh": helper("sinh"),
    "cosh": helper("cosh"),
    "tanh": _math("tanh"),
    "asinh": _math("asinh"),
    "acosh": helper("acosh"),
    "atanh": helper("atanh"),
    "abs": call("abs"),
    "floor": helper("floor"),
    "round": helper("round_half_even"),
    "mod": helper("modulo"),
    "erf": _math("erf"),
    "erfc": _math("erfc"),
}


# Of the oldest Python that is supported; listed, so that every Python generates the same text.
_BUILTINS = """
abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex copyright
credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr hash help
hex id input int isinstance issubclass iter len license list locals map max memoryview min next object oct open ord pow
print property quit range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip
"""


def layout(file: File) -> str:
    """The text of the module."""
    return "\n".join(_lines(file)) + "\n"


def _lines(file: File) -> Iterator[str]:
    yield "# Generated by gradcli from this program:"
    yield from commented("#", head_lines(file))
    called = f"{file.name}({', '.join(parameters(file))})"
    yield from wrapped(f"# {called} returns its value and its gradient by {differentiated(file)}.", "# ")
    helpers = dict(file.helpers)
    if file.check is not None:
        helpers["agrees"] = HELPERS["agrees"]
        if file.arrays is not None:
            helpers["all_agree"] = ALL_AGREE
    self_test = [*_self_test(file, file.check)] if file.check is not None else []
    if helpers.pop("math", None) is not None or any("math." in line for line in self_test):
        yield from ("", "import math")
    for one in helpers.values():
        yield from ("", "", *one.source.rstrip("\n").split("\n"))
    for function in file.functions:
        yield from ("", "", *_function(function))
    yield from ("", "", *_main(file))
    if self_test:
        yield from ("", "", *self_test)


def _function(function: Function) -> Iterator[str]:
    yield f"def {function.name}({', '.join(function.parameters)}):"
    yield from (f"    {line}" for line in textwrap.wrap(f'"""{function.doc}"""', WIDTH - 8))
    for statement in function.statements:
        yield from statement_lines(f"    {statement.name} = {statement.text.text}")
    yield from statement_lines(f"    return {function.result.text}")


def _main(file: File) -> Iterator[str]:
    yield from wrapped(f"def {file.name}({', '.join(parameters(file))}):")
    what = f"The value, and a dict of the gradient by {differentiated(file)}"
    if file.arrays is None:
        yield f'    """{what}."""'
    else:
        yield from documented(f"{what}. Arrays are lists in lists.", file.arrays, "list")
    for names, parameter in (taken := [*unpacked(file)]):
        yield from wrapped(f"    {names} = {parameter}")
    if taken and (file.forward or file.backward):
        yield ""
    if file.backward and file.forward:
        yield "    # Forward pass"
    for statement in file.forward:
        yield from statement_lines(f"    {statement.name} = {statement.text.text}")
    if file.backward:
        yield from ([""] if file.forward else [])
        yield f"    # Backward pass: d_… is the gradient of {file.output} by …"
    for statement in file.backward:
        yield from statement_lines(
            f"    {statement.name} = {statement.text.text}", "#", statement.comments, statement.above
        )
    entries = [f"{quoted(name)}: {gradient}" for name, gradient in packed(file).items()]
    line = f"    return {file.value.text}, {{{', '.join(entries)}}}"
    if file.backward:
        yield ""
    if len(line) <= WIDTH:
        yield line
    else:
        lines = (line for entry in entries for line in wrapped(f"        {entry},"))
        yield from (f"    return {file.value.text}, {{", *lines, "    }")


def documented(what: str, arrays: Arrays, kind: str) -> Iterator[str]:
    """The docstring of a function of arrays: their shapes are those of the program."""
    if not arrays.shapes:
        yield f'    """{what}"""'
        return
    yield from (f'    """{what}', "")
    for name, shape in arrays.shapes.items():
        one = "number" if kind == "list" else "number or array of shape ()"
        yield f"    {arrays.names[name]}: {f'{kind} of shape {shape}' if shape else one}"
    yield '    """'


def quoted(name: str) -> str:
    """A name of a program, which has letters, digits and underscores only, as a string."""
    return f'"{name}"'


def _self_test(file: File, check: Check) -> Iterator[str]:
    yield 'if __name__ == "__main__":'
    given = ", ".join(listed(x, number) for x in check.inputs.values())
    yield from wrapped(f"    value, gradients = {file.name}({given})")
    yield "    checks = ["
    yield f"        {_compared(quoted('value'), 'value', check.value)},"
    for name, expected in check.gradients.items():
        yield from wrapped(f"        {_compared(quoted('∂/∂' + name), f'gradients[{quoted(name)}]', expected)},")
    yield "    ]"
    agrees = "agrees" if file.arrays is None else "all_agree"
    yield f"    failed = [name for name, *numbers in checks if not {agrees}(*numbers)]"
    yield '    print("differs from gradcli: " + ", ".join(failed) if failed else "as gradcli has it")'
    yield "    raise SystemExit(1 if failed else 0)"


def _compared(name: str, found: str, expected: Expected) -> str:
    return f"({name}, {found}, {listed(expected.value, number)}, {number(expected.tolerance)})"


_NUMBERS = Target(
    "python", WRITERS, HELPERS, frozenset({*keyword.kwlist, *_BUILTINS.split(), "math"}), identifier, literal,
    as_number, as_condition, layout,
)  # fmt: skip

TARGET = _NUMBERS._replace(arrays=_NUMBERS._replace(helpers={**HELPERS, "all_agree": ALL_AGREE}, by_element=True))

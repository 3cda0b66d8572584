"""C11 with nothing but <math.h>.

Enters: a File. Leaves: a translation unit with one function that returns the value and stores the gradients. Invariant:
it compiles without a warning, and no compiler may contract a*b + c into one rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradcli.codegen import c_arrays
from gradcli.codegen.facts import number as value_of
from gradcli.codegen.file import Check, Expected, File
from gradcli.codegen.functions import Function
from gradcli.codegen.layout import commented, described, gradients, head_lines, statement_lines
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
    PRODUCT,
    SIGN,
    Helper,
    Target,
    Text,
    Writer,
    call,
    helper,
    infix,
    nested,
    parenthesised,
    square_or,
    wrapped,
)


def identifier(name: str) -> str:
    """In ASCII; names that begin with an underscore, or have two of them, belong to the compiler."""
    found = spelt(name, keep_greek=False)
    while "__" in found:
        found = found.replace("__", "_")
    return f"v{found}" if found.startswith("_") else found


def number(x: float) -> str:
    """A double that reads back as the same one."""
    if math.isfinite(x):
        return repr(x)
    return "NAN" if x != x else "INFINITY" if x > 0.0 else "-INFINITY"


def literal(written: str) -> Text:
    text = number(value_of(written))
    return Text(text, SIGN if text.startswith("-") else ATOM)


def as_number(condition: Text) -> Text:
    return Text(f"(double)({condition.text})", SIGN)


def as_condition(x: Text) -> Text:
    return x if x.condition else Text(f"{parenthesised(x, COMPARISON + 1)} != 0.0", COMPARISON, True)


def _plain(x: Text) -> Text:
    return as_number(x) if x.condition else x


def _where(c: Text, a: Text, b: Text) -> Text:
    a, b = _plain(a), _plain(b)
    if not c.condition:
        return helper("where")(c, a, b)
    chosen = f"{parenthesised(c, CHOICE + 1)} ? {parenthesised(a, CHOICE + 1)} : {parenthesised(b, CHOICE)}"
    return Text(chosen, CHOICE)


def _both(a: Text, b: Text) -> Text:
    return infix("&&", AND, condition=True)(as_condition(a), as_condition(b))


def _either(a: Text, b: Text) -> Text:
    """Compilers warn of && inside || without parentheses."""
    a, b = as_condition(a), as_condition(b)
    return Text(f"{_apart(a)} || {_apart(b)}", OR, True)


def _apart(x: Text) -> str:
    return f"({x.text})" if x.precedence in (OR, AND) else parenthesised(x, OR)


def _not(a: Text) -> Text:
    return Text(f"!{parenthesised(as_condition(a), SIGN)}", SIGN, True)


_FUNCTIONS = """
pow exp expm1 log log2 log10 log1p sqrt cbrt sin cos tan asin acos atan atan2 hypot sinh cosh tanh asinh acosh atanh
erf erfc floor ceil
"""

WRITERS: dict[str, Writer] = {
    **{name: call(name) for name in _FUNCTIONS.split()},
    **ARITHMETIC,
    **COMPARISONS,
    "div": infix("/", PRODUCT),
    "pow": square_or(call("pow")),
    "and": _both,
    "or": _either,
    "not": _not,
    "where": _where,
    "max": nested("maximum", "maximum"),
    "min": nested("minimum", "minimum"),
    "chain": helper("chain"),
    "abs": call("fabs"),
    "round": call("nearbyint"),
    "mod": helper("modulo"),
}

HELPERS: dict[str, Helper] = {
    "where": Helper(
        """// a, or b where c is 0; NAN where c is NAN.
static double where(double c, double a, double b)
{
    return c == 0.0 ? b : c == c ? a : NAN;
}
"""
    ),
    "maximum": Helper(
        """// The larger number; NAN if one is, unlike fmax.
static double maximum(double a, double b)
{
    return b > a || b != b ? b : a;
}
"""
    ),
    "minimum": Helper(
        """// The smaller number; NAN if one is, unlike fmin.
static double minimum(double a, double b)
{
    return b < a || b != b ? b : a;
}
"""
    ),
    "chain": Helper(
        """// gradient * slope, and 0 where the gradient is exactly 0, even if the slope is infinite.
static double chain(double gradient, double slope)
{
    return gradient == 0.0 ? 0.0 : gradient * slope;
}
"""
    ),
    "modulo": Helper(
        """// a - b*floor(a/b), with the sign of b.
static double modulo(double a, double b)
{
    double rest = fmod(a, b);
    return rest != 0.0 && (rest < 0.0) != (b < 0.0) ? rest + b : rest;
}
"""
    ),
    "agrees": Helper(
        """// Whether two numbers are the same but for rounding; NAN agrees with NAN.
static int agrees(const char *name, double found, double expected, double tolerance)
{
    if (found == expected || (found != found && expected != expected))
        return 1;
    if (fabs(found - expected) <= tolerance)
        return 1;
    printf("%s differs from gradcli: %.17g, not %.17g\\n", name, found, expected);
    return 0;
}
"""
    ),
}

_MACROS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof bool true
false nullptr constexpr thread_local alignas alignof static_assert linux unix i386 NULL EOF BUFSIZ stdin stdout stderr
errno NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL FP_NAN FP_INFINITE FP_ZERO FP_SUBNORMAL FP_NORMAL FP_FAST_FMA
FP_FAST_FMAF FP_FAST_FMAL FP_ILOGB0 FP_ILOGBNAN MATH_ERRNO MATH_ERREXCEPT math_errhandling DOMAIN SING OVERFLOW
UNDERFLOW PLOSS TLOSS
MAXFLOAT M_E M_LOG2E M_LOG10E M_LN2 M_LN10 M_PI M_PI_2 M_PI_4 M_1_PI M_2_PI M_2_SQRTPI M_SQRT2 M_SQRT1_2
main gradient fabs nearbyint fmod printf
"""

# Functions of the library: a variable may have such a name, a function may not.
_LIBRARY = """
acosf acosl asinf asinl atanf atanl copysign exp2 fdim fma fmax fmin fpclassify frexp gamma ilogb isfinite isgreater
isinf isless isnan isnormal isunordered j0 j1 jn ldexp lgamma llrint llround logb lrint lround modf nan nextafter
nexttoward remainder remquo rint round scalb scalbln scalbn signbit significand signgam tgamma trunc y0 y1 yn abs div
exit abort drem finite pow10 index time
"""


def layout(file: File) -> str:
    """The text of the translation unit."""
    return "\n".join(_lines(file)) + "\n"


def inert(line: str) -> str:
    """A line for a comment of one line: at its end a backslash, or a trigraph for one, would continue it."""
    return line + " ." if line.endswith(("\\", "??/")) else line


_NO_CONTRACTION = """
// a*b + c is rounded twice, as everywhere. Compilers without such a pragma: -ffp-contract=off.
#if defined(__clang__) || !defined(__GNUC__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize ("fp-contract=off")
#endif
"""


def _lines(file: File) -> Iterator[str]:
    yield "// Generated by gradcli from this program:"
    yield from commented("//", map(inert, head_lines(file)))
    yield f"// {file.name} returns its value and stores the gradients{':' if file.gradients else ''}"
    if file.arrays is None:
        for position, name in enumerate(file.gradients):
            yield f"//     gradient[{position}]  ∂{file.output}/∂{file.parameters[name]}"
    else:
        yield from c_arrays.stored(file.output, file.arrays)
    yield from ("", "#include <math.h>")
    helpers = dict(file.helpers)
    if file.check is not None:
        yield "#include <stdio.h>"
        helpers["agrees"] = HELPERS["agrees"]
        if file.arrays is not None:
            helpers["all_agree"] = c_arrays.ALL_AGREE
    yield from _NO_CONTRACTION.rstrip("\n").split("\n")
    for one in helpers.values():
        yield from ("", *one.source.rstrip("\n").split("\n"))
    for function in file.functions:
        yield from ("", *_function(function))
    yield from ("", *_main(file))
    if file.check is not None:
        yield from ("", *_self_test(file, file.check))


def _function(function: Function) -> Iterator[str]:
    yield from described("//", function.doc)
    parameters = ", ".join(f"double {name}" for name in function.parameters)
    yield from wrapped(f"static double {function.name}({parameters})")
    yield "{"
    used = {name for text in (*(s.text for s in function.statements), function.result) for name in text.uses}
    yield from (f"    (void){name};" for name in function.parameters if name not in used)
    for statement in function.statements:
        yield from statement_lines(_declared(statement))
    yield from statement_lines(f"    return {function.result.text};")
    yield "}"


def _declared(statement: Statement) -> str:
    return f"    const {'int' if statement.text.condition else 'double'} {statement.name} = {statement.text.text};"


def _main(file: File) -> Iterator[str]:
    parameters = [f"double {name}" for name in file.parameters.values()]
    if file.gradients:
        parameters.append(f"double gradient[{len(file.gradients)}]")
    if file.arrays is not None:
        parameters = c_arrays.parameters(file.arrays)
    yield from wrapped(f"double {file.name}({', '.join(parameters) or 'void'})")
    yield "{"
    if file.arrays is not None:
        yield from c_arrays.elements(file, file.arrays)
    if file.backward and file.forward:
        yield "    // Forward pass"
    for statement in file.forward:
        yield from statement_lines(_declared(statement))
    if file.backward:
        yield from ([""] if file.forward else [])
        yield f"    // Backward pass: d_… is the gradient of {file.output} by …"
    for statement in file.backward:
        yield from statement_lines(_declared(statement), "//", statement.comments, statement.above)
    if file.gradients:
        yield ""
    if file.arrays is None:
        for position, gradient in enumerate(file.gradients.values()):
            yield f"    gradient[{position}] = {gradient.text};"
    else:
        for name, texts in gradients(file).items():
            yield from (f"    {file.arrays.stores[name]}[{k}] = {text};" for k, text in enumerate(texts))
    yield f"    return {file.value.text};"
    yield "}"


def _self_test(file: File, check: Check) -> Iterator[str]:
    yield from ("int main(void)", "{")
    if file.arrays is not None:
        value = _compared("value", "value", check.value)
        yield from c_arrays.self_test(file, file.arrays, check, number, value)
        return
    arguments = [number(x) for x in check.inputs.values()]
    if check.gradients:
        yield f"    double gradient[{len(check.gradients)}];"
        arguments.append("gradient")
    yield from wrapped(f"    const double value = {file.name}({', '.join(arguments)});")
    yield f"    int good = agrees({_compared('value', 'value', check.value)});"
    for position, (name, expected) in enumerate(check.gradients.items()):
        compared = _compared("gradient by " + file.parameters[name], f"gradient[{position}]", expected)
        yield from wrapped(f"    good &= agrees({compared});")
    yield from ("    if (good)", '        printf("as gradcli has it\\n");', "    return good ? 0 : 1;", "}")


def _compared(name: str, found: str, expected: Expected) -> str:
    return f'"{name}", {found}, {number(expected.value)}, {number(expected.tolerance)}'


_NUMBERS = Target(
    "c", WRITERS, HELPERS, frozenset({*_MACROS.split(), *_FUNCTIONS.split()}), identifier, literal, as_number,
    as_condition, layout, reserved_functions=frozenset({*_LIBRARY.split(), "value", "good"}), longest=70,
)  # fmt: skip

TARGET = _NUMBERS._replace(
    arrays=_NUMBERS._replace(helpers={**HELPERS, "all_agree": c_arrays.ALL_AGREE}, by_element=True, stores=True)
)

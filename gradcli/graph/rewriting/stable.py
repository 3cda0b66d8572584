"""Forms that lose digits or overflow, each with one that is mathematically the same and does not.

Enters: nothing. Leaves: rules by the code of their root. Invariant: wherever both sides are finite they are equal, and
so are their gradients; the right side is at least as accurate everywhere and better somewhere. A test proves both.

Not here, because they would be wrong somewhere: `exp(a)*exp(b)` as `exp(a + b)` and `exp(a)/(exp(a) + exp(b))` as
`sigmoid(a - b)` round the sum, which the exponential magnifies; `exp(y*log(x))` as `x^y` has another domain, as has
`atan(y/x)` as `atan2(y, x)`; definitions of functions with a kink, whose slope there is a convention. (`abs` and
`hypot` have one where the form on the left has a slope of nan.)

Sources: Goldberg 1991, "What every computer scientist should know about floating-point arithmetic"; Mächler 2012,
"Accurately computing log(1 - exp(-|a|))"; Abramowitz and Stegun, chapters 4.3 to 4.6 and 7.1; Higham 2002, "Accuracy
and stability of numerical algorithms", chapter 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

from gradcli.graph import ops
from gradcli.graph.graph import Graph
from gradcli.graph.lower import lower
from gradcli.graph.ops import Op
from gradcli.graph.rewriting.patterns import Key, Pattern, Rule, key
from gradcli.graph.rewriting.template import template
from gradcli.language.parser import parse

# The names are variables. The order of + and * does not matter; x^2 is also x*x, x/2 also 0.5*x, -x also -1*x, and -k*x
# counts as -(k*x).
STABLE: tuple[tuple[str, str], ...] = (
    ("e^x", "exp(x)"),
    ("log(exp(x))", "x"),
    ("exp(x) - 1", "expm1(x)"),
    ("1 - exp(x)", "-expm1(x)"),
    ("log(1 + x)", "log1p(x)"),
    ("log(1 - x)", "log1p(-x)"),
    ("log(1 + exp(x))", "softplus(x)"),
    ("log1p(exp(x))", "softplus(x)"),
    ("-log(1 + exp(-x))", "logsigmoid(x)"),
    ("-log1p(exp(-x))", "logsigmoid(x)"),
    ("log(sigmoid(x))", "logsigmoid(x)"),
    ("log(1 - sigmoid(x))", "logsigmoid(-x)"),
    ("log(1 - sigmoid(-x))", "logsigmoid(x)"),
    ("1/(1 + exp(-x))", "sigmoid(x)"),
    ("exp(x)/(1 + exp(x))", "sigmoid(x)"),
    ("1/(1 + exp(x))", "sigmoid(-x)"),
    ("1 - sigmoid(x)", "sigmoid(-x)"),
    ("1 - sigmoid(-x)", "sigmoid(x)"),
    ("2*sigmoid(2*x) - 1", "tanh(x)"),
    ("x/(1 + exp(-x))", "silu(x)"),
    ("x*sigmoid(x)", "silu(x)"),
    ("x*tanh(softplus(x))", "mish(x)"),
    ("x*((1 + erf(x/sqrt(2)))/2)", "gelu(x)"),
    ("x*(1 + erf(x/sqrt(2)))/2", "gelu(x)"),
    ("(x/2)*(1 + erf(x/sqrt(2)))", "gelu(x)"),
    ("log(exp(x) + exp(y))", "logaddexp(x, y)"),
    ("x*log(x)", "xlogy(x, x)"),
    ("(exp(x) - exp(-x))/2", "sinh(x)"),
    ("(exp(x) + exp(-x))/2", "cosh(x)"),
    ("(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)"),
    ("(exp(2*x) - 1)/(exp(2*x) + 1)", "tanh(x)"),
    ("(1 - exp(-(2*x)))/(1 + exp(-(2*x)))", "tanh(x)"),
    ("2/(1 + exp(-(2*x))) - 1", "tanh(x)"),
    ("1 - 2/(exp(2*x) + 1)", "tanh(x)"),
    ("sinh(x)/cosh(x)", "tanh(x)"),
    ("1 - tanh(x)^2", "1/cosh(x)^2"),
    ("log(x + sqrt(x^2 + 1))", "asinh(x)"),
    ("log(x + sqrt(x^2 - 1))", "acosh(x)"),
    ("log((1 + x)/(1 - x))/2", "atanh(x)"),
    ("sqrt(x^2)", "abs(x)"),
    ("sqrt(x^2 + y^2)", "hypot(x, y)"),
    ("sqrt(1 + x^2)", "hypot(1, x)"),
    ("1 - cos(x)", "2*sin(x/2)^2"),
    ("cos(x) - 1", "-2*sin(x/2)^2"),
    ("sin(x)/x", "sinc(x)"),
    ("1 - erf(x)", "erfc(x)"),
    ("1 + erf(x)", "erfc(-x)"),
    ("1 + erf(-x)", "erfc(x)"),
    ("1 - erfc(x)", "erf(x)"),
    ("log(x)/log(2)", "log2(x)"),
    ("log(x)/log(10)", "log10(x)"),
    ("x^2 - y^2", "(x - y)*(x + y)"),
    ("1 - x^2", "(1 - x)*(1 + x)"),
    ("x^2 - 1", "(x - 1)*(x + 1)"),
    ("sqrt(x + 1) - sqrt(x)", "1/(sqrt(x + 1) + sqrt(x))"),
)

Rules = dict[int, list[Rule]]


def fusable() -> list[Op]:
    """The rows whose definition is recognised: functions without a kink, of numbers or of arrays element by element."""
    rows = ops.ELEMENTWISE
    return [row for row in rows if row.definition is not None and row.symbol is None and row.kink is None]


@cache
def stable() -> Rules:
    """The rules of the table."""
    return _by_root(rule(pattern, lower(parse(replacement))) for pattern, replacement in STABLE)


@cache
def fusing() -> Rules:
    """The rules whose replacement is one gate: those of the table, and the definitions of composed functions."""
    definitions = [rule(row.definition or "", _call(row)) for row in fusable()]
    rules = [*chain.from_iterable(stable().values()), *definitions]
    return _by_root(found for found in rules if found.gate is not None)


def rule(pattern: str, replacement: Graph) -> Rule:
    """A rule from a text, and a graph of the same inputs."""
    graph = lower(parse(pattern))
    variables = list(graph.inputs)
    put = template(replacement, variables)
    code, operands, *_ = put.gates[-1] if put.gates else (ops.INPUT, ())
    single = len(put) == 1 and all(operand < 0 for operand in operands)
    constants = graph.codes.count(ops.CONSTANT)
    gate = (code, tuple(~operand for operand in operands)) if single else None
    return Rule(_pattern(graph, variables), put, gate, len(variables), constants)


def _call(row: Op) -> Graph:
    """The call of a row with its parameters as inputs."""
    name = row.called
    return lower(parse(f"{name}({', '.join(row.parameters)})"), row.parameters)


def _pattern(graph: Graph, variables: Sequence[str]) -> Pattern:
    found: list[Pattern] = []
    for code, operands, literal in zip(graph.codes, graph.operands, graph.literals, strict=True):
        if code == ops.INPUT:
            found.append(Pattern(variables.index(literal or ""), None, code, ()))
        elif code == ops.CONSTANT:
            number: Key = key(code, (), literal)
            found.append(Pattern(-1, number, code, ()))
        else:
            found.append(Pattern(-1, None, code, tuple(found[operand] for operand in operands)))
    return found[graph.output]


def _by_root(rules: Iterable[Rule]) -> Rules:
    found: Rules = {}
    for one in rules:
        found.setdefault(one.pattern.code, []).append(one)
    return found

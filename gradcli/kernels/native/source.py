"""One translation unit of a derived graph: the function of a row, inside a loop over rows.

Enters: a Derived, which of its inputs are columns, the inputs whose gradients are wanted. Leaves: C. Invariant: the
same gates in the same order as `gradcli code --to c` writes; nothing of the program's text is in it, and no value of an
input, so that one library serves all programs of one form. Every row runs the same instructions, wherever it stands:
rows come in whole blocks of LANES.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gradcli.codegen.functions import Function, Functions
from gradcli.codegen.names import Names
from gradcli.codegen.staging import Stager, Statement, live
from gradcli.codegen.target import Helper, Text
from gradcli.graph.derive import Derived
from gradcli.kernels.native import totals
from gradcli.kernels.native.dialect import LIBRARY, LONG, TARGET, TWO_OPERANDS, VECTOR
from gradcli.kernels.native.rare import HEAD
from gradcli.kernels.native.totals import LANES

_BLOCKS = 64  # that a thread takes at once
_STAGE = 4  # blocks whose results stand in the first cache before they are stored
_MOST_STAGED = 40  # results; of more there is no room on a stack

_HEAD = """\
#define INLINE static inline __attribute__((always_inline))
#define PURE __attribute__((const, nothrow))
#define NAN __builtin_nan("")
#define INFINITY __builtin_inf()
#define EACH_LANE _Pragma("omp declare simd notinbranch")
typedef __INT64_TYPE__ whole;
#if defined(__clang__) || !defined(__GNUC__)
#pragma STDC FP_CONTRACT OFF
#endif
"""

_STORING = """\
/* Results go to memory past the cache if `apart`: they are not read before they would have left it. */
static void store(double *to, const double *from, whole count, int apart)
{
    whole done = 0;
#ifdef BY_HAND
    if (apart) {
        while (done < count && (__UINTPTR_TYPE__)(to + done) % 64)
            to[done] = from[done], done++;
        for (; done + 8 <= count; done += 8) {
#ifdef __AVX512F__
            __builtin_ia32_movntpd512(to + done, *(const loose8 *)(from + done));
#else
            for (int k = 0; k < 8; k += 2)
                __builtin_ia32_movntpd(to + done + k, *(const loose2 *)(from + done + k));
#endif
        }
    }
#endif
    for (; done < count; done++)
        to[done] = from[done];
}
"""

_DRIVER = f"""\
void run(whole blocks, int threads, int apart, const double *const *in, const double *fixed, double *const *out)
{{
    const whole parts = (blocks + {_BLOCKS - 1}) / {_BLOCKS};
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (whole part = 0; part < parts; part++) {{
        const whole first = part * {_BLOCKS}, left = blocks - first, last = left < {_BLOCKS} ? left : {_BLOCKS};
        for (whole done = 0; done < last; done += STEP)
            rows((first + done) * {LANES}, (first + done) * {LANES}, last - done < STEP ? last - done : STEP, apart,
                in, fixed, out);
#ifdef BY_HAND
        __builtin_ia32_sfence();
#endif
    }}
}}
"""


_TAKEN = {"first", "place", "blocks", "apart", "in", "out", "fixed", "rows", "run", "store", "add", "whole", "i"}


class Source:
    """A translation unit, but for how the functions of the library are declared.

    Attributes:
        functions: of <math.h> that are called for all rows of a loop at once.
        gates: how many statements there are.
        sizes: of what sums over rows need.
    """

    def __init__(self, derived: Derived, columns: Sequence[str], fixed: Sequence[str], wrt: Sequence[str]) -> None:
        functions = Functions(derived.graph, TARGET, "rows")
        names = Names({*functions.taken, *_TAKEN})
        wanted = [derived.value, *(derived.gradients[name] for name in wrt)]
        stager = Stager(derived.graph, TARGET, names, functions, wanted)
        inputs = {name: names.count("x") for name in (*columns, *fixed)}
        for name, index in derived.graph.inputs.items():
            stager.named[index] = inputs[name]
            stager.written[index] = Text(inputs[name], uses=(inputs[name],))
        results = [stager.as_number(stager.refer(index)) for index in wanted]
        statements = live(stager.statements, [used for text in results for used in text.uses])
        needs = [need for text in (*(one.text for one in statements), *results) for need in text.needs]
        called, helpers = functions.closure(needs)
        self.gates = len(statements) + sum(len(one.statements) for one in called)
        self.functions = sorted(name.removeprefix(VECTOR) for name in helpers if name.startswith(VECTOR))
        self._single = [name.removeprefix(LIBRARY) for name in helpers if name.startswith(LIBRARY)]
        own = {name: helper for name, helper in helpers.items() if helper.source}
        self.sizes = totals.sizes(len(columns), len(results), self.gates)
        staged = not self.functions and len(results) <= _MOST_STAGED
        loop = _loop(inputs, columns, fixed, statements, results, staged)
        self._body = "\n".join([*_body(own, called, loop), totals.source(self.sizes)])

    def text(self, vectors: Iterable[str]) -> str:
        """The unit.

        Args:
            vectors: functions of the library that it has vector variants of, by the names of the x86-64 vector ABI.
        """
        fast = {*vectors}
        single = {*self._single, *(name for name in self.functions if name not in fast)}
        lines = [_prototype(name) for name in sorted(single)]
        lines += [line for name in self.functions for line in _declared(name, name in fast)]
        lines += [f"#define FAST_{name}" for name in self.functions if name in fast]
        return "\n".join([_HEAD, *lines, "", self._body])


def _parameters(name: str) -> str:
    return "double x, double y" if name in TWO_OPERANDS or name in ("fmod", "copysign") else "double x"


def _prototype(name: str) -> str:
    return f"long double {name}(long double x);" if name in LONG else f"double {name}({_parameters(name)});"


def _declared(name: str, is_vector: bool) -> list[str]:
    """A function under a name of ours, so that the compiler does not join sin and cos into one that has no variant."""
    signature = f"double {VECTOR}{name}({_parameters(name)})"
    if is_vector:
        return ["EACH_LANE", f'extern {signature} __asm__("{name}") PURE;']
    passed = _parameters(name).replace("double ", "")
    return ["EACH_LANE", f"static __attribute__((noinline, const)) {signature} {{ return {name}({passed}); }}"]


def _body(helpers: Mapping[str, Helper], functions: Iterable[Function], loop: Iterable[str]) -> Iterator[str]:
    yield HEAD
    yield from (helper.source for helper in helpers.values())
    for function in functions:
        parameters = ", ".join(f"double {name}" for name in function.parameters)
        yield f"INLINE double {function.name}({parameters})\n{{"
        yield from map(_statement, function.statements)
        yield f"    return {function.result.text};\n}}\n"
    yield _STORING
    yield from loop
    yield _DRIVER


def _statement(statement: Statement) -> str:
    return f"    const {'whole' if statement.text.condition else 'double'} {statement.name} = {statement.text.text};"


def _loop(
    inputs: Mapping[str, str],
    columns: Sequence[str],
    fixed: Sequence[str],
    statements: Iterable[Statement],
    results: Sequence[Text],
    staged: bool,
) -> Iterator[str]:
    """The function of a block of rows.

    Args:
        staged: whether results stand on the stack before they are stored: a program that calls no functions waits for
            memory alone, and past the cache it has to wait for less; for others the second copy would cost more.
    """
    yield f"#define STEP {_STAGE if staged else _BLOCKS}"
    yield "static __attribute__((noinline, noclone)) void rows(whole first, whole place, whole blocks, int apart,"
    yield "    const double *const *in, const double *fixed, double *const *out)\n{"
    for position in range(len(columns)):
        yield f"    const double *restrict in{position} = in[{position}] + first;"
    for position in range(len(results)):
        place = f"out{position}[STEP * {LANES}] __attribute__((aligned(64)))"
        yield f"    double {place if staged else f'*restrict out{position} = out[{position}] + place'};"
    for position, name in enumerate(fixed):
        yield f"    const double {inputs[name]} = fixed[{position}];"
    yield f"#pragma omp simd\n    for (whole i = 0; i < blocks * {LANES}; i++) {{"
    for position, name in enumerate(columns):
        yield f"    const double {inputs[name]} = in{position}[i];"
    yield from map(_statement, statements)
    for position, text in enumerate(results):
        yield f"    out{position}[i] = {text.text};"
    yield "    }"
    for position in range(len(results) if staged else 0):
        yield f"    store(out[{position}] + place, out{position}, blocks * {LANES}, apart);"
    yield "}\n"

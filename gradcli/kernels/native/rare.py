"""Formulas that few rows need: computed one row at a time, and only in those rows.

Leaves: C. Invariant: a vector of rows of which none needs it costs one test. Compilers that know the x86-64 vector ABI
are given the variants of it by hand; for all others a loop over the rows of a vector calls the function.
"""

from __future__ import annotations

from collections.abc import Sequence

HEAD = """\
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__ELF__) && defined(_OPENMP)
#define BY_HAND
#define HIDDEN __attribute__((visibility("hidden")))
typedef double numbers2 __attribute__((vector_size(16)));
typedef double numbers4 __attribute__((vector_size(32)));
typedef double numbers8 __attribute__((vector_size(64)));
typedef whole bits2 __attribute__((vector_size(16)));
typedef whole bits4 __attribute__((vector_size(32)));
typedef whole bits8 __attribute__((vector_size(64)));
typedef double loose2 __attribute__((vector_size(16), aligned(8)));
typedef double loose8 __attribute__((vector_size(64), aligned(8)));
#define ANY2(x) __builtin_ia32_movmskpd((numbers2)(x))
#define ANY4(x) __builtin_ia32_movmskpd256((numbers4)(x))
#define ANY8(x) __builtin_ia32_ptestmq512((longs8)(x), (longs8)(x), -1)
typedef long long longs8 __attribute__((vector_size(64)));
#define SELDOM static __attribute__((noinline, cold))
#endif
"""

# Letter of the vector ABI, numbers in a vector, when it exists.
_VARIANTS = (("b", 2, "__SSE2__"), ("c", 4, "__AVX__"), ("d", 4, "__AVX2__"), ("e", 8, "__AVX512F__"))


def rare(name: str, parameters: Sequence[str], body: str) -> str:
    """A function of the parameters and of `needed`: 0.0 where that is 0.0, else what the body returns."""
    taken = ", ".join(f"double {parameter}" for parameter in parameters)
    passed = ", ".join(parameters)
    variants = "".join(_variant(name, parameters, *variant) for variant in _VARIANTS)
    return f"""static double {name}_once({taken})
{{
{body}}}

#ifdef BY_HAND
HIDDEN double rare_{name}({taken}, double needed) {{ return needed != 0.0 ? {name}_once({passed}) : 0.0; }}
EACH_LANE
extern double {name}({taken}, double needed) __asm__("rare_{name}") PURE;
{variants}#else
EACH_LANE
static __attribute__((noinline, const)) double {name}({taken}, double needed)
{{
    return needed != 0.0 ? {name}_once({passed}) : 0.0;
}}
#endif
"""


def _variant(name: str, parameters: Sequence[str], letter: str, count: int, when: str) -> str:
    taken = ", ".join(f"numbers{count} {parameter}" for parameter in parameters)
    passed = ", ".join(f"{parameter}[k]" for parameter in parameters)
    return f"""#ifdef {when}
SELDOM numbers{count} {name}_{letter}({taken}, numbers{count} needed)
{{
    for (int k = 0; k < {count}; k++)
        if (needed[k] != 0.0)
            needed[k] = {name}_once({passed});
    return needed;
}}

HIDDEN numbers{count} _ZGV{letter}N{count}{"v" * len(parameters)}v_rare_{name}({taken}, numbers{count} needed)
{{
    const bits{count} wanted = needed != 0.0;
    return __builtin_expect(ANY{count}(wanted) != 0, 0) ? {name}_{letter}({", ".join(parameters)}, needed) : needed;
}}
#endif
"""


def guarded(name: str, called: str, edge: str) -> str:
    """A function of the library with results of its own at an edge: a condition on x and y, the library's result.

    Where the library has vector variants, the test is in a variant of ours around them.
    """
    variants = "".join(_around(name, called, edge, *variant) for variant in _VARIANTS)
    return f"""#if defined(BY_HAND) && defined(FAST_{name})
HIDDEN double rare_{called}(double x)
{{
    const double y = v_{name}(x);
    return {edge} ? {name}_at_edge_once(x) : y;
}}
EACH_LANE
extern double {called}(double x) __asm__("rare_{called}") PURE;
{variants}#else
INLINE double {called}(double x)
{{
    const double y = v_{name}(x);
    const whole edge = {edge};
    const double rare = {name}_at_edge(x, edge ? 1.0 : 0.0);
    return edge ? rare : y;
}}
#endif
"""


def _around(name: str, called: str, edge: str, letter: str, count: int, when: str) -> str:
    return f"""#ifdef {when}
extern numbers{count} _ZGV{letter}N{count}v_{name}(numbers{count} x);
SELDOM numbers{count} {called}_{letter}(numbers{count} x, numbers{count} y, bits{count} wanted)
{{
    for (int k = 0; k < {count}; k++)
        if (wanted[k])
            y[k] = {name}_at_edge_once(x[k]);
    return y;
}}

HIDDEN numbers{count} _ZGV{letter}N{count}v_rare_{called}(numbers{count} x)
{{
    const numbers{count} y = _ZGV{letter}N{count}v_{name}(x);
    const bits{count} wanted = {edge};
    return __builtin_expect(ANY{count}(wanted) != 0, 0) ? {called}_{letter}(x, y, wanted) : y;
}}
#endif
"""

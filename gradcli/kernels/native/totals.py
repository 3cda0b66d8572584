"""The C of sums over rows: results stand in the cache for a moment, and only their sums are kept.

Enters: how many columns, results and statements there are. Leaves: C, and the sizes that its caller makes memory of.
Invariant: the order of additions follows from the number of rows and from the source alone: rows are summed in parts of
a fixed size, each in fixed chunks with a fixed number of accumulators, and the parts' sums are added in the order of
the parts, whoever computed them.
"""

from __future__ import annotations

from typing import NamedTuple

LANES = 64  # rows of a block: a multiple of what any processor takes at once
SUMS = 8  # accumulators of a result that stay from chunk to chunk
_LINE = 8  # numbers in a line of the cache
_CHUNK = 1 << 14  # results of a chunk: 128 KiB, which leave room for the columns in a second-level cache
_MOST_IN_CHUNK = 16  # blocks
_PAIRS = 512  # results of which there is room for two blocks: one alone reads too little of a column at once
_PART = 64  # blocks, at most
_WORK = 1 << 11  # blocks times work of a part: enough for a thread to come for, and not so much that others wait
_PARTIAL = 1 << 17  # sums of parts that are kept at once


class Sizes(NamedTuple):
    """What a unit is compiled for.

    Attributes:
        columns: input columns.
        results: value and gradients.
        chunk: blocks whose results stand in the cache at once.
        part: blocks that one thread takes.
        work: of a row, in about a quarter of a nanosecond.
    """

    columns: int
    results: int
    chunk: int
    part: int
    work: int

    @property
    def apart(self) -> int:
        """Numbers from one result of a chunk to the next: an odd number of lines, which spreads them over the cache."""
        return self.chunk * LANES + _LINE

    @property
    def scratch(self) -> int:
        """Numbers that a thread needs, beside a gap to those of the next one."""
        return self.results * (self.apart + SUMS) + 2 * _LINE

    @property
    def together(self) -> int:
        """Parts whose sums are kept until they are added."""
        return max(1, min(1024, _PARTIAL // self.results))


def sizes(columns: int, results: int, statements: int) -> Sizes:
    """Fewer rows at once where there are many results or statements."""
    work = columns + results + statements
    least = 2 if results <= _PAIRS else 1
    chunk = max(least, min(_MOST_IN_CHUNK, _CHUNK // (LANES * results)))
    part = max(1, min(_PART, _WORK // work) // chunk) * chunk
    return Sizes(columns, results, chunk, part, work)


def source(made: Sizes) -> str:
    """Functions that call `rows`, and `totals`, which calls them."""
    return f"""\
#define COLUMNS {made.columns}
#define RESULTS {made.results}
#define CHUNK {made.chunk * LANES}
#define PART {made.part * LANES}
#define APART {made.apart}
#define SCRATCH {made.scratch}
#define SUMS {SUMS}
{_TEXT}"""


_TEXT = f"""\
struct job {{
    whole count, workers, together;
    const double *const *in;
    double *const *last_in; /* a block per column, for the rows after the last whole block */
    const double *fixed;
    double *const *out; /* a chunk per worker and result */
    double *scratch, *partial, *sums;
}};

static void add(double *restrict sums, const double *restrict from, whole count)
{{
    double found[4 * SUMS];
    for (int k = 0; k < 4 * SUMS; k++)
        found[k] = 0.0;
    for (whole i = 0; i < count; i += 4 * SUMS) {{
#pragma omp simd
        for (int k = 0; k < 4 * SUMS; k++)
            found[k] += from[i + k];
    }}
    for (int k = 0; k < SUMS; k++)
        sums[k] += (found[k] + found[k + SUMS]) + (found[k + 2 * SUMS] + found[k + 3 * SUMS]);
}}

/* The rows after the last whole block, in a block of their own, which is filled up with copies of the last one. */
static __attribute__((noinline)) void add_rest(const struct job *job, double *const *out, double *sums)
{{
    const whole first = job->count / {LANES} * {LANES}, rest = job->count - first;
    for (whole k = 0; k < COLUMNS; k++)
        for (whole i = 0; i < {LANES}; i++)
            job->last_in[k][i] = job->in[k][first + (i < rest ? i : rest - 1)];
    rows(0, 0, 1, 0, (const double *const *)job->last_in, job->fixed, out);
    for (whole k = 0; k < RESULTS; k++)
        for (whole i = 0; i < rest; i++)
            sums[k * SUMS + i % SUMS] += out[k][i];
}}

static void sum_part(const struct job *job, whole part, whole worker, double *restrict partial)
{{
    double *const *out = job->out + worker * RESULTS, *sums = job->scratch + worker * SCRATCH + RESULTS * APART;
    const whole first = part * PART, left = job->count - first, count = left < PART ? left : PART;
    const whole inside = count / {LANES} * {LANES};
    for (whole k = 0; k < RESULTS * SUMS; k++)
        sums[k] = 0.0;
    for (whole start = 0; start < inside; start += CHUNK) {{
        const whole size = inside - start < CHUNK ? inside - start : CHUNK;
        for (whole done = 0; done < size; done += STEP * {LANES}) {{
            const whole blocks = (size - done) / {LANES};
            rows(first + start + done, done, blocks < STEP ? blocks : STEP, 0, job->in, job->fixed, out);
        }}
        for (whole k = 0; k < RESULTS; k++)
            add(sums + k * SUMS, out[k], size);
    }}
    if (inside < count)
        add_rest(job, out, sums);
    for (whole k = 0; k < RESULTS; k++) {{
        const double *s = sums + k * SUMS;
        partial[k] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    }}
}}

static void sum_parts(const struct job *job, whole worker, whole from, whole to, whole *next)
{{
    for (;;) {{
        whole part;
#pragma omp atomic capture
        part = (*next)++;
        if (part >= to)
            break;
        sum_part(job, part, worker, job->partial + (part - from) * RESULTS);
    }}
}}

void totals(const struct job *job)
{{
    const whole parts = (job->count + PART - 1) / PART, workers = job->workers;
    for (whole k = 0; k < RESULTS; k++)
        job->sums[k] = 0.0;
    for (whole from = 0; from < parts; from += job->together) {{
        const whole to = parts - from < job->together ? parts : from + job->together;
        whole next = from;
        if (workers > 1) {{
#pragma omp parallel for schedule(static, 1) num_threads(workers)
            for (whole worker = 0; worker < workers; worker++)
                sum_parts(job, worker, from, to, &next);
        }} else {{
            sum_parts(job, 0, from, to, &next);
        }}
        for (whole part = 0; part < to - from; part++)
            for (whole k = 0; k < RESULTS; k++)
                job->sums[k] += job->partial[part * RESULTS + k];
    }}
}}
"""

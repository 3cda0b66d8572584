"""The accuracy of every function: the worst error of value and partials, in units in the last place.

python benchmarks/accuracy.py [POINTS] [--seed N] [--only NAME …] [--renew]

Each row of the op table is compared with multiprecision numbers at POINTS points of its domain (default 300), more than
half of them where it is likely to be weakest. The oracle and the points are those of the tests, with another seed.
--renew writes the table into docs/numerics.md. 5000 points of all rows take some five minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from multiprocessing import Pool

from measure import ROOT, note, table

sys.path.insert(0, str(ROOT / "tests" / "graph"))

from numerics_tables import BOUNDS_HEADER, bounds_row, renewed
from numerics_tables import table as markdown
from oracle import TESTED, Comparison, Point, compared
from points import dense_points

from gradcli.graph import ops

DOCUMENT = ROOT / "docs" / "numerics.md"
Worst = tuple[Comparison, Point]


def worst_of(task: tuple[str, int, int]) -> tuple[str, list[Worst]]:
    """The worst comparison of a row's value and of each partial, with its point."""
    name, count, seed = task
    row = ops.ROWS[ops.CODES[name]]
    worst: dict[int, Worst] = {}
    for point in dense_points(row, count, seed):
        for one in compared(row, point):
            if one.place not in worst or one.off > worst[one.place][0].off:
                worst[one.place] = one, point
    return name, [worst[place] for place in sorted(worst)]


def measured(count: int) -> str:
    """When and on what kind of machine. The C library computes the primitives, so it counts; the processor does not."""
    library, python = " ".join(platform.libc_ver()), ".".join(platform.python_version_tuple()[:2])
    system = f"{platform.system()} {platform.machine()}, {platform.python_implementation()} {python}, {library}"
    return f"Measured on {datetime.now(UTC).date().isoformat()}, {system}, at {count:,} points per function."


def main() -> int:
    """Measure and print; 1 if a row is worse than it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", nargs="?", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[row.name for row in TESTED])
    parser.add_argument("--renew", action="store_true", help=f"write the table into {DOCUMENT.relative_to(ROOT)}")
    chosen = parser.parse_args()
    if chosen.renew and len(chosen.only) < len(TESTED):
        parser.error("--renew needs all rows")
    note(measured(chosen.points))
    with Pool(os.cpu_count()) as pool:
        found = dict(pool.imap_unordered(worst_of, [(name, chosen.points, chosen.seed) for name in chosen.only]))
    rows = [bounds_row(ops.ROWS[ops.CODES[name]], [one.off for one, _ in found[name]]) for name in chosen.only]
    table("Worst error in ulp", BOUNDS_HEADER, rows)
    beyond = [name for name in chosen.only for one, _ in found[name] if one.off > ops.ROWS[ops.CODES[name]].ulp]
    for name in chosen.only:
        one, point = max(found[name], key=lambda worst: worst[0].off)
        if one.off > 2.0:
            note(f"{name}{point}, place {one.place}: {one.off:.3g} ulp, {one.got!r}")
    if chosen.renew:
        text = DOCUMENT.read_text(encoding="utf-8")
        content = f"{measured(chosen.points)}\n\n{markdown(BOUNDS_HEADER, rows)}"
        DOCUMENT.write_text(renewed(text, "bounds", content), encoding="utf-8", newline="\n")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())

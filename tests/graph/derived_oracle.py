"""What derivatives written as text have to be: differences of the program's values in multiprecision.

First derivatives: the text, read again, has to give the global gradients of the backward pass, in multiprecision, so
that rounding is no excuse. Second and third derivatives: central differences of the program's values, no rule of a
partial used. Points on kinks, and those whose numbers are not finite, are skipped.

    python tests/graph/derived_oracle.py [--programs N] [--seed N]

checks every case of tests/cases and N random programs (default 500), and prints counts and disagreements. It takes
some minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from program_oracle import (  # noqa: E402
    FLAT,
    Disagreement,
    Skipped,
    check_finite,
    check_off_edges,
    decimals,
    digits_for,
)  # fmt: skip

from gradcli.graph.derive import derive  # noqa: E402
from gradcli.graph.graph import Graph, prune  # noqa: E402
from gradcli.graph.higher import hessian  # noqa: E402
from gradcli.graph.lower import lower  # noqa: E402
from gradcli.graph.printing import program  # noqa: E402
from gradcli.graph.styles import UNICODE  # noqa: E402
from gradcli.language.parser import parse  # noqa: E402
from gradcli.passes import evaluate_graph, forward  # noqa: E402

AGREED = 1e-10  # relative, between derivatives and differences
SAME = 1e-20  # relative, between texts and the backward pass

Point = Mapping[str, float]


def cases() -> Iterator[tuple[str, str, Point]]:
    """Name, program and point of every published case."""
    for file, key in (("feynman", "equations"), ("functions", "functions")):
        for case in json.loads((TESTS / "cases" / f"{file}.json").read_text(encoding="utf-8"))[key]:
            for number, point in enumerate(case["points"]):
                yield f"{case['id']} {number}", case["expr"], point["x"]


def judged_point(graph: Graph, values: Point) -> tuple[dict[str, Any], Any, int]:
    """The point in multiprecision, its number system, its digits.

    Raises:
        Skipped: it is on a kink, or something is not finite there.
    """
    used = {name: float(values[name]) for name in graph.inputs}
    if not used:
        raise Skipped("no input")
    floats = evaluate_graph(graph, used)
    check_finite(floats)
    check_off_edges(floats)
    digits = digits_for(floats)
    context, m = decimals(digits)
    return {name: context.mpf(value) for name, value in used.items()}, m, digits


def near(found: Any, wanted: Any, tolerance: float, scale: Any) -> bool:
    return bool(abs(found - wanted) <= tolerance * max(abs(found), abs(wanted)) + FLAT * scale)


def check_text(graph: Graph, values: Point) -> None:
    """Every first derivative, printed plainly and with signs, read and evaluated.

    Raises:
        Skipped: the point says nothing.
        Disagreement: a text gives another number than the backward pass.
    """
    point, m, _ = judged_point(graph, values)
    wanted = evaluate_graph(graph, point, None, m).gradients
    derived = derive(graph)
    for name, gate in derived.gradients.items():
        needed = prune(derived.graph, gate)
        for style in (None, UNICODE):
            text = program(needed, repeat_constants=True, style=style)
            again = lower(parse(text), graph.inputs)
            found = forward(again, point, m)[again.output]
            if not near(found, wanted[name], SAME, 1):
                raise Disagreement(f"∂/∂{name} is {float(wanted[name])!r}, and {float(found)!r} by the text {text}")


def second_difference(graph: Graph, point: Mapping[str, Any], a: str, b: str, m: Any, h: Any) -> Any:
    """The central difference of values, for one input or two."""

    def at(*moves: tuple[str, Any]) -> Any:
        moved = dict(point)
        for name, step in moves:
            moved[name] = moved[name] + step
        return forward(graph, moved, m)[graph.output]

    if a == b:
        return (at((a, h)) - 2 * at() + at((a, -h))) / h**2
    return (at((a, h), (b, h)) - at((a, h), (b, -h)) - at((a, -h), (b, h)) + at((a, -h), (b, -h))) / (4 * h**2)


def check_second(graph: Graph, values: Point, pairs: int | None = None) -> dict[tuple[str, str], Any]:
    """Second derivatives against differences; the exact ones, for comparison with floats.

    Args:
        pairs: check only so many, chosen at random.

    Raises:
        Skipped: the point says nothing.
        Disagreement: a second derivative is wrong.
    """
    point, m, digits = judged_point(graph, values)
    second = hessian(graph)
    numbers = forward(second.graph, point, m)
    chosen = list(itertools.combinations_with_replacement(graph.inputs, 2))
    if pairs is not None and len(chosen) > pairs:
        chosen = random.Random(0).sample(chosen, pairs)
    found = {}
    for a, b in chosen:
        found[a, b] = number = numbers[second.curvatures[a, b]]
        context, _ = decimals(digits)
        size = min((abs(point[name]) for name in (a, b) if point[name] != 0), default=context.one)
        steps = [min(size, 1) * context.mpf(10) ** -(digits // part) for part in (5, 4)]
        wide, narrow = (second_difference(graph, point, a, b, m, h) for h in steps)
        scale = max(abs(numbers[graph.output]), 1) / min(size, 1) ** 2
        if not near(number, narrow, AGREED, scale):
            if not near(wide, narrow, AGREED, scale):
                raise Skipped("near a kink")
            raise Disagreement(f"∂²/∂{a}∂{b} is {float(number)!r} by the rules and {float(narrow)!r} by differences")
    return found


def check_floats(graph: Graph, values: Point, exact: Mapping[tuple[str, str], Any]) -> float:
    """How far the second derivatives on floats are from the exact ones, relative to the largest."""
    second = hessian(graph)
    numbers = forward(second.graph, {name: float(values[name]) for name in graph.inputs})
    largest = max(map(abs, exact.values()))
    off = max(abs(numbers[second.curvatures[pair]] - x) for pair, x in exact.items())
    return float(off / largest) if largest else float(off)


def tally(judged: Counter[str], check: Any, *arguments: Any) -> Any:
    """Run one check and count what comes out; disagreements go on."""
    try:
        found = check(*arguments)
    except Skipped as reason:
        judged[f"skipped: {reason}"] += 1
        return None
    judged["checked"] += 1
    return found


def _long(count: int, seed: int) -> int:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from programs import programs

    texts, seconds, wrong, worst = Counter[str](), Counter[str](), 0, 0.0
    for name, text, values in cases():
        graph = lower(parse(text))
        try:
            tally(texts, check_text, graph, values)
            exact = tally(seconds, check_second, graph, values)
            worst = max(worst, check_floats(graph, values, exact) if exact else 0.0)
        except Disagreement as error:
            wrong += 1
            print(f"{name}: {error}")
    print(f"published cases: texts {dict(texts)}, second derivatives {dict(seconds)}, on floats within {worst:.2g}")
    texts, seconds = Counter(), Counter()
    found: list[str] = []

    @seeded(seed)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(programs(gradients=False, most=6))
    def one(case: Any) -> None:
        graph = lower(parse(case.text), case.values)
        try:
            tally(texts, check_text, graph, case.values)
            tally(seconds, check_second, graph, case.values, 4)
        except Disagreement as error:
            found.append(f"{case}: {error}")

    one()
    print("\n".join(found))
    print(f"random programs: texts {dict(texts)}, second derivatives {dict(seconds)}, disagreements {len(found)}")
    return 1 if wrong or found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given_options = parser.parse_args()
    sys.exit(_long(given_options.programs, given_options.seed))

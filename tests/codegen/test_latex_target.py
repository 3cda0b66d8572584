"""Generated LaTeX is a fragment that LaTeX takes, and a reader who computes its formulas gets gradcli's numbers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

import pytest
from array_runs import HOSTILE, all_cases
from generated import SAMPLES, program_cases, published_cases, sample_cases
from latex_reading import equations, read
from latex_structure import balanced, unknown

import gradcli
from gradcli.codegen import generate
from gradcli.errors import UsageError
from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.numeric import latex


def latex_of(text: str) -> str:
    return generate(lower(parse(text)), "latex")


def formulas(fragment: str) -> str:
    """The fragment without its comments."""
    return re.sub(r"(?<!\\)%.*", "", fragment)


def test_structure() -> None:
    """Braces and environments are paired, macros are LaTeX's or amsmath's, no environment is longer than a page."""
    for case in all_cases():
        fragment = generate(case.graph, "latex")
        assert balanced(fragment), case
        assert unknown(formulas(fragment)) == set(), case
        for environment in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", fragment, re.DOTALL):
            assert 1 <= environment.count(" &= ") <= 20
            assert "\n\n" not in environment, "a paragraph's end is an error there"
        assert not re.search("[\ue000-\uf8ff]", fragment)


def test_a_reader_gets_the_same_numbers() -> None:
    """In every sample, equation and test function, and in programs of all kinds: value and all gradients."""
    read_by, left_out, guarded = 0, set(), set()
    for case in (*sample_cases(), *published_cases(), *program_cases()):
        fragment = generate(case.graph, "latex")
        for point in case.points[:3]:
            trace = gradcli.evaluate(case.text, point)
            if not all(map(math.isfinite, (trace.value, *trace.gradients.values()))):
                continue
            numbers = read(fragment, {name: float(point[name]) for name in case.graph.inputs})
            if numbers is None:
                left_out.add(case.name)
                break
            read_by += 1
            assert any(x == pytest.approx(trace.value, rel=1e-11) for x in numbers.values()), case
            for name, gradient in trace.gradients.items():
                end = rf"{{\partial {latex.name(name).text}}}"
                found = [x for left, x in numbers.items() if left.startswith(r"\frac") and left.endswith(end)]
                if "passes 0 on" in fragment and [*map(math.isnan, found)] == [True]:
                    guarded.add(case.name)  # this reader multiplies 0 by what is undefined
                else:
                    assert found == [pytest.approx(gradient, rel=1e-11, abs=1e-11)], (case, name)
    assert guarded == {"branch not chosen", "infinite constants"}
    assert left_out == {"own derivative", "own derivative of nothing", "own in own"}
    assert read_by > 300


@pytest.mark.parametrize("sample", ["product", "neuron-sigmoid", "stages"])
def test_golden(sample: str, golden: Callable[[str, str], None]) -> None:
    """What people see, for review."""
    text = (SAMPLES / f"{sample}.grad").read_text(encoding="utf-8")
    point = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
    golden(f"codegen/golden/{sample}.latex.txt", generate(lower(parse(text), point), "latex"))


def test_names() -> None:
    """Each name has a notation of its own, also one that looks like a name of ours."""
    fragment = latex_of("d_x = x*θ₁; t1 = exp(d_x)*sin(d_x); value = t1*t1; g2_ = value*x_1; g2_*cos(d_x)*d_d_x")
    left = [one for one, _ in equations(fragment)]
    assert {r"\mathit{d\_x}", r"\mathit{t1}", r"\mathit{value}", r"\mathit{g2\_}"} <= {*left}
    assert r"\mathit{value} \cdot \mathit{x\_1}" in fragment
    gradients = {one for one in left if one.startswith(r"\frac")}
    for name in ("x", r"\theta_{1}", r"\mathit{x\_1}", r"\mathit{d\_x}", r"\mathit{d\_d\_x}", r"\mathit{t1}"):
        assert sum(one.endswith(rf"{{\partial {name}}}") for one in gradients) == 1, name
    assert len(left) == len(set(left))


def test_equal_gates_have_gradients_of_their_own() -> None:
    """Each by its own notation, and a comment says so."""
    fragment = latex_of("x*(cos(w*t) + a*cos(w*t)^2)")
    left = [one for one, _ in equations(fragment)]
    assert len(left) == len(set(left))
    assert sum(one.endswith("'}") for one in left) == 1
    assert "% A prime is at another gate that has the same value.\n" in fragment


def test_conditions() -> None:
    """A condition that is used as a number stands in brackets."""
    fragment = latex_of("c = x < y; where(c, x, y) + c*x + (c and not (x == 2))")
    assert r"c &= \left[ x < y \right]" in fragment
    assert r"\begin{cases} x & c \ne 0 \\ y & \text{otherwise} \end{cases}" in fragment
    assert r"\left[ c \ne 0 \wedge \neg (x = 2) \right]" in fragment


def test_functions_of_the_program() -> None:
    """They are defined before both passes, if they are called at all."""
    fragment = latex_of("clip(a, b) = where(a > 0, a, b) with grad (1, 0)\nclip(x*y, 2)*x")
    assert r"\operatorname{clip}(a, b) &= \begin{cases} a & a > 0 \\ b & \text{otherwise} \end{cases}" in fragment
    assert r"&= \operatorname{clip}(\mathrm{g}_{2}, 2)" in fragment


def test_little_programs() -> None:
    """An input, a number, and a gradient that is 0."""
    slope = r"\frac{\partial \mathrm{value}}{\partial x}"
    assert [*equations(latex_of("x"))] == [(r"\mathrm{value}", "x"), (slope, "1")]
    assert [*equations(latex_of("3"))] == [(r"\mathrm{value}", "3")]
    assert (slope, "0") in [*equations(latex_of("y + 0*floor(x)"))]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_programs_text_is_inert(text: str) -> None:
    """It stands behind % alone."""
    assert formulas(latex_of(text)).strip() == formulas(latex_of("x*y")).strip()


def test_it_has_no_self_test() -> None:
    with pytest.raises(UsageError, match="no --self-test"):
        generate(lower(parse("x")), "latex", point={"x": 1.0})

"""An explanation, read back: its numbers are the chain rule, whatever the program and the format."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import pytest
from hostile import COLOR, TEXTS, hidden
from hostile_graphs import PLACES, evaluated
from hypothesis import assume, given, settings
from latex_structure import balanced, unknown
from markdown_it import MarkdownIt
from pictures import NAMES, sample
from programs import Case, programs

import gradcli
from gradcli.render import Look
from gradcli.render.explain import FORMATS, Telling, renderer
from gradcli.render.explain.flows import received, with_named_output
from gradcli.traces import Trace

NUMBER = r"-?(?:inf|nan|[0-9.]+(?:e[-+]?[0-9]+)?)"
FACTOR = rf"\(?({NUMBER})\)?"
PASSES = re.compile(rf"∂(.+)/∂(\S+) \+= .* = {FACTOR} · {FACTOR} = ({NUMBER})")
TOTAL = re.compile(rf"∂\S+/∂(\S+) = (?:(.+) = )?({NUMBER})")
ALL = Look(every_gate=True)


def told(trace: Trace, format: str = "text", look: Look = ALL, **telling: object) -> str:
    return "".join(renderer(format)(trace, look, Telling(**telling)))  # type: ignore[arg-type]


def formulas(trace: Trace, look: Look = ALL, **telling: object) -> list[tuple[str, str]]:
    """The formulas of the Markdown, where no line is broken, each with what is remarked."""
    lines = re.findall(r"^(?:- |\*\*)`([^`]*)`(?:\*\*)?(?: \((.*)\))?$", told(trace, "markdown", look, **telling), re.M)
    return [(formula, remark) for formula, remark in lines]


class Passed(NamedTuple):
    upstream: float
    local: float
    contribution: float
    remark: str


class Read(NamedTuple):
    """What the backward pass of an explanation says, by how gates are called."""

    totals: dict[str, float]
    terms: dict[str, list[float]]  # of sums that are written out
    passed: dict[str, list[Passed]]


def read(trace: Trace) -> Read:
    found = Read({}, {}, {})
    for formula, remark in formulas(trace):
        if match := PASSES.fullmatch(formula):
            numbers = map(float, match.groups()[2:])
            found.passed.setdefault(match[2], []).append(Passed(*numbers, remark))
        elif (match := TOTAL.fullmatch(formula)) and formula.startswith(f"∂{output(trace)}/"):
            if "seed" in remark or "·" in formula:
                continue
            found.totals[match[1]] = float(match[3])
            if "add up" in remark:
                found.terms[match[1]] = [float(term) for term in re.findall(FACTOR, match[2])]
    return found


def output(trace: Trace) -> str:
    graph = with_named_output(trace).graph
    return graph.label(graph.output)


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def check(trace: Trace) -> None:
    """upstream × local = contribution; contributions add up to the global gradient; all are the trace's."""
    found, graph = read(trace), with_named_output(trace).graph
    active = [i for i, adjoint in enumerate(trace.adjoints) if adjoint is not None and i != graph.output]
    assert found.totals.keys() == {graph.label(index) for index in active}
    for index in active:
        name = graph.label(index)
        parts = found.passed[name]
        for part in parts:
            product = part.upstream * part.local
            nothing = part.contribution == 0 and (part.upstream == 0 or part.remark != "")
            assert same(product, part.contribution) or nothing, (name, part)
        total = 0.0
        for part in parts:
            total += part.contribution
        assert same(total, found.totals[name]), name
        assert same(trace.adjoints[index], found.totals[name]), name
        if len(parts) > 1:
            assert all(map(same, found.terms[name], (part.contribution for part in parts)))
            assert len(found.terms[name]) == len(parts)
    ours = sum(partial is not None for partials in trace.partials for partial in partials or ())
    assert sum(map(len, found.passed.values())) == (ours if trace.adjoints[graph.output] is not None else 0)


WITH_ARRAYS = [name for name in NAMES if sample(name).graph.settings]  # see test_explain_arrays.py


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITH_ARRAYS])
def test_samples_are_the_chain_rule(name: str) -> None:
    check(sample(name))


@settings(max_examples=60)
@given(programs(most=8))
def test_any_program_is_the_chain_rule(case: Case) -> None:
    try:
        trace = gradcli.evaluate(case.text, case.values)
    except gradcli.GradcliError:
        assume(False)
    labels = [trace.graph.label(i) for i, adjoint in enumerate(trace.adjoints) if adjoint is not None]
    assume(len({*labels, "f"}) == len(labels) + 1)  # an input may be called as a gate without a name is
    check(trace)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("x*x", {"x": 3}), ("x", {"x": 2}), ("2*pi", {}), ("max(x, y, x)", {"x": 1, "y": 1}), ("f*2", {"f": 3}),
        ("max(y, 1, x)", {"x": 3, "y": 2}),
        ("where(x > 0, log(x), 0)*y", {"x": -1, "y": 2}), ("floor(x)*abs(x) + relu(-x)", {"x": 0.5}),
        ("sqrt(x)*0 + 1/x", {"x": 0}), ("f(a) = a^2 with grad (2*a)\nf(f(x))", {"x": 2}), ("exp(x)-exp(x)", {"x": 1e3}),
    ],
)  # fmt: skip
def test_corner_cases_are_the_chain_rule(expression: str, values: dict[str, float]) -> None:
    check(gradcli.evaluate(expression, values))


def test_only_wrt_flows() -> None:
    trace = gradcli.evaluate("(x+y)*z", x=2, y=3, z=-4, wrt=["x"])
    check(trace)
    assert ("y = 3.0", "held fixed") in formulas(trace)
    assert not any("∂/∂y" in formula for formula, _ in formulas(trace))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("telling", [{}, {"brief": True}, {"short": True}, {"gate": "g3"}], ids=str)
def test_all_formats_say_the_same(name: str, telling: dict[str, object]) -> None:
    """Text is Markdown but for its layout; LaTeX has the same numbers in the same order, and the same remarks."""
    trace = sample(name)
    marked, plain, tex = (told(trace, format, **telling) for format in ("markdown", "text", "latex"))
    bare = re.sub(r"^(### |- )|\*\*|`", "", marked, flags=re.M)
    assert re.sub(r"[()\s]", "", plain) == re.sub(r"[()\s]", "", bare)
    mathematics = "".join(re.findall(r"\\begin\{align\*\}.*?\\end\{align\*\}|\$[^$]*\$", tex, re.S))
    without_warnings = "".join(re.findall("^[^⚠`\n]*`(.*?)`", marked, re.M))
    assert numbers(re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", mathematics)) == numbers(without_warnings)


def numbers(text: str) -> list[float]:
    """The numbers with a point, which no name has."""
    return [float(found) for found in re.findall(r"(?<![\w.])[0-9]+\.[0-9]+(?:e-?\+?[0-9]+)?", text)]


@pytest.mark.parametrize("width", [20, 40, 80, 100])
@pytest.mark.parametrize("name", NAMES)
def test_lines_are_broken_at_operators_and_numbers_never(name: str, width: int) -> None:
    trace = sample(name)
    text, marked = told(trace, look=Look(width=width, every_gate=True)), told(trace, "markdown")
    assert numbers(text) == numbers(marked)
    for line in text.splitlines():
        if len(line) > width:
            assert len(line.split()) <= 3, "only what cannot be broken is longer"
    if width >= 80:
        assert max(map(len, text.splitlines())) <= width


def test_the_brief_form_is_one_line_per_gate() -> None:
    trace = sample("shared-weight")
    lines = [formula for formula, _ in formulas(trace, brief=True)]
    assert len(lines) == sum(adjoint is not None for adjoint in trace.adjoints)
    w = next(line for line in lines if line.startswith("∂loss/∂w ="))
    assert w.count("·") == 4
    first, second = re.findall(rf"{FACTOR} · {FACTOR}", w.split(" = ")[2])
    assert float(first[0]) * float(first[1]) + float(second[0]) * float(second[1]) == trace.gradients["w"]


def test_one_gate() -> None:
    """Its value, what flows in, what it passes on, the path."""
    trace = gradcli.evaluate("q = x + y\nr = q*q\nr*x + sin(q)", x=2, y=3)
    found = [formula for formula, _ in formulas(trace, gate="q")]
    assert found[0] == "q = x + y = 2.0 + 3.0 = 5.0"
    (place,) = (index for index, name in trace.graph.stages.items() if name == "q")
    arriving = [part.contribution for part in received(trace, [place])[place]]
    printed = [float(match[5]) for formula in found if (match := PASSES.fullmatch(formula)) and match[2] == "q"]
    assert printed == arriving
    assert len(arriving) == 3
    text = told(trace, gate="q")
    assert "One of 3 paths" in text
    assert re.findall(r"(\w+) → (\w+)", text) == [("q", "r"), ("r", "g4"), ("g4", "f")]
    assert told(trace, gate="g2") == text
    assert told(trace, gate="f").count("→") == 0
    with pytest.raises(gradcli.GradcliError, match="no such gate"):
        told(trace, gate="g99")


def test_a_gate_that_is_a_third_operand_receives_too() -> None:
    assert any(PASSES.fullmatch(formula) for formula, _ in formulas(gradcli.evaluate("max(1, 2, x)", x=3), gate="x"))


def test_a_path_follows_the_largest_contribution_and_counts_do_not_explode() -> None:
    stages = "; ".join(["s0 = x + x", *(f"s{i} = s{i - 1} + s{i - 1}" for i in range(1, 60))])
    text = told(gradcli.evaluate(f"{stages}; s59", x=1), look=Look(), gate="x")
    assert "One of more than a million paths" in text
    assert "… 20 gates left out: --all shows them" in text


@pytest.mark.parametrize("format", FORMATS)
def test_warnings_stand_at_their_gate(format: str) -> None:
    """A kink behind the gate's backward step, a pole behind its forward step; nothing is lost."""
    trace = gradcli.evaluate("r = relu(d); p = log(x); r*2 + p", d=0, x=0)
    text = told(trace, format)
    forward, _, backward = text.partition("Backward pass")
    assert "inf at x" in forward
    assert "has a kink" in backward
    after = backward[: backward.index("has a kink")]
    assert after.rindex("relu") > after.rindex(r"\ln" if format == "latex" else "log")


@pytest.mark.parametrize(
    ("expression", "values", "reason"),
    [
        ("where(x > 0, x, y)", {"x": 1, "y": 2}, "not chosen"),
        ("where(x > 0, x, y)", {"x": 1, "y": 2}, "a condition passes nothing on"),
        ("relu(x)", {"x": -1}, "the local gradient is 0"),
        ("floor(x)", {"x": 1.5}, "a step is flat"),
        ("max(x, y)", {"x": 1, "y": 2}, "another operand is chosen"),
        ("relu(x*y)", {"x": -1, "y": 2}, "nothing arrived"),
        ("x*x", {"x": 1}, "as its 2nd operand"),
    ],
)
def test_why_nothing_passes_is_said(expression: str, values: dict[str, float], reason: str) -> None:
    assert any(reason in remark for _, remark in formulas(gradcli.evaluate(expression, values)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("brief", [False, True])
def test_large_graphs_are_told_from_both_ends(format: str, brief: bool) -> None:
    trace = gradcli.evaluate("+".join(f"x*{i}" for i in range(200)), x=1.5)
    short, whole = told(trace, format, Look(), brief=brief), told(trace, format, brief=brief)
    left_out = f"{len(trace.graph) - 200:,} gates left out"
    assert short.count(left_out) == (1 if brief else 2)
    assert "left out" not in whole
    assert len(short) < len(whole) / 2
    if format != "latex":
        assert "∂f/∂g4 " in short
        assert "∂f/∂g301 " not in short
        assert "∂f/∂g301 " in whole


def test_a_long_sum_shows_its_ends() -> None:
    trace = gradcli.evaluate("+".join(["x"] * 90), x=1.5)
    assert "1.0 + … + 1.0" in told(trace, look=Look(width=100))
    assert "…" not in told(trace)
    rows = told(gradcli.evaluate("+".join(["x"] * 38), x=1.5), "latex").splitlines()
    assert max(row.count("+ 1.0") for row in rows) < 15, "LaTeX breaks no lines by itself"


def test_a_minus_behind_an_operator_is_in_parentheses() -> None:
    text = told(gradcli.evaluate("x*y - x^2/y + relu(x) - (-x)", x=-2, y=-4))
    for written in (
        "-2.0 * (-4.0) = 8.0",
        "(-2.0)^2 = 4.0",
        "4.0 / (-4.0) = -1.0",
        "relu(-2.0) = 0.0",
        "-(-2.0) = 2.0",
    ):
        assert written in text
    assert "1.0 · (-4.0) = -4.0" in told(gradcli.evaluate("x*y", x=-2, y=-4))


def test_short_numbers_say_so() -> None:
    trace = gradcli.evaluate("x/3 - y", x=1, y=math.inf)
    text = told(trace, short=True)
    assert text.startswith("Numbers have four significant digits")
    assert "0.3333" in text
    assert "0.33333" not in text
    assert "-inf" in text


def test_the_output_without_a_name_is_f_unless_something_is() -> None:
    assert "∂f/∂x" in told(gradcli.evaluate("x*2", x=1))
    assert "∂g2/∂f" in told(gradcli.evaluate("f*2", f=1))
    assert "∂loss/∂x" in told(gradcli.evaluate("loss = x*2; loss", x=1))
    named = gradcli.evaluate("x*2", x=1)
    told(named)
    assert named.graph.stages == {}, "the trace stays as it was"


def test_screens_without_unicode_get_signs_they_have() -> None:
    trace = gradcli.evaluate("relu(x)*y", x=0, y=1)
    for telling in ({}, {"gate": "x"}, {"brief": True}):
        assert told(trace, look=Look(unicode=False), **telling).isascii()


def test_colours_change_nothing_but_colours() -> None:
    trace = sample("stages")
    coloured = told(trace, look=Look(width=80, color="standard", every_gate=True))
    assert COLOR.sub("", coloured) == told(trace, look=Look(width=80, every_gate=True))
    assert "\x1b[32m3.0" in coloured, "values are green"
    assert re.search("\x1b\\[[0-9;]*31m", coloured), "gradients are red"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("format", FORMATS)
def test_hostile_texts_are_inert(format: str, text: str) -> None:
    trace = evaluated(text, *PLACES)
    for look in (Look(), Look(width=30), Look(width=80, color="truecolor"), Look(unicode=False)):
        for telling in ({}, {"brief": True}, {"gate": "g6", "short": True}):
            written = told(trace, format, look, **telling)
            assert not hidden(COLOR.sub("", written) if format == "text" else written)
            CHECKS[format](written)


def _tex(written: str) -> None:
    assert balanced(written)
    assert unknown(written) == set()
    assert written.count(r"\begin{") == written.count(r"\begin{align*}") + written.count(r"\begin{cases}")


def _markdown(written: str) -> None:
    """Nothing but titles, paragraphs, lists, strong code: no link, no image, no HTML."""
    for token in MarkdownIt("commonmark").parse(written):
        assert token.type not in ("html_block", "fence", "code_block", "blockquote_open", "hr"), token
        if token.type == "heading_open":
            assert token.tag == "h3"
        spans = [part.type for part in token.children or ()].count("code_inline")
        assert spans <= 1, "a formula is one code span"
        for part in token.children or ():
            assert part.type == "code_inline" or "`" not in part.content
            assert part.type in ("text", "code_inline", "strong_open", "strong_close", "softbreak"), part


def _text(written: str) -> None:
    assert "\t" not in written


CHECKS = {"latex": _tex, "markdown": _markdown, "text": _text}


def test_every_format_is_checked() -> None:
    assert set(CHECKS) == set(FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_latex_is_a_fragment_or_a_document(name: str) -> None:
    fragment, whole = told(sample(name), "latex"), told(sample(name), "latex", standalone=True)
    assert fragment in whole
    assert whole.startswith("\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n")
    assert whole.endswith("\\end{document}\n")
    without_matrices = re.sub(r"\\begin\{bmatrix\}.*?\\end\{bmatrix\}", "", fragment)
    _tex(without_matrices)
    assert balanced(fragment)
    for rows in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", without_matrices, re.S):
        assert "\n\n" not in rows, "a paragraph cannot end in an environment"
        for row in rows.split("\\\\\n"):
            assert row.replace(r"\&", "").count("&") == 1 or r"\begin{cases}" in row
            assert not row.lstrip().startswith("["), "it would be taken for an argument of the line's end"

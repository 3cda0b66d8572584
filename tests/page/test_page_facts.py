"""What a page knows: small, inert whatever the program holds, and its places are those of the text it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from columns_of import facts_and_columns
from hostile import TEXTS, hidden
from hostile_graphs import PLACES, evaluated
from node_page import run

from gradcli.graph.lower import lower
from gradcli.language.parser import parse
from gradcli.page.facts import facts
from gradcli.passes import evaluate_graph
from gradcli.printable import printable
from gradcli.traces import Trace


def trace_of(text: str) -> Trace:
    graph = lower(parse(text))
    return evaluate_graph(graph, dict.fromkeys(graph.inputs, 0.5))


def strings(x: Any) -> Iterator[str]:
    """All texts in plain data."""
    if isinstance(x, str):
        yield x
    elif isinstance(x, dict):
        yield from x
        x = [*x.values()]
    if isinstance(x, list):
        for part in x:
            yield from strings(part)


def test_a_hundred_gates_are_small() -> None:
    """A program of 100 gates, each with two operands and a name, has less than 45 kB of facts."""
    lines = ["h0 = x", *(f"layer{k} = relu({'h0' if k == 1 else f'layer{k - 1}'}*w + tanh(y))" for k in range(1, 26))]
    trace = trace_of("\n".join([*lines, "layer25"]))
    assert len(trace.graph) >= 75
    written = json.dumps(facts(trace, {}), ensure_ascii=False, separators=(",", ":"))
    assert len(written.encode()) < 450 * len(trace.graph)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_is_inert(text: str, place: str) -> None:
    """In names, constants, functions and the program nothing is left that hides or moves; lines stay lines."""
    found = facts(evaluated(text, place), {})
    assert not hidden(found.pop("program").replace("\n", "").replace("\t", ""))
    assert [one for one in strings(found) if hidden(one) or "\n" in one] == []


def test_sentences_and_warnings_of_hostile_names_are_inert() -> None:
    """The scripts put names into text as they are: templates, patterns of replacements and prototypes are no danger."""
    texts = [*TEXTS.values(), "__proto__", "constructor", "{0}", "{g-}", "$&", "$1", "toString"]
    given = [facts_and_columns(evaluated(text, "input", "stage", "function")) for text in texts]
    expression = """given.map(([facts, raw]) => {
      const columns = Object.fromEntries(Object.entries(raw).map(([name, column]) => [name, plainNumber(column)]));
      const warnings = warningsOf(facts, columns), told = facts.gates.map((_, index) =>
        [forwardSentences(facts, columns, index, warnings), backwardSentences(facts, columns, index, warnings)]);
      return [warnings.map((one) => one.message), told.flat(2).map((one) => one.text + one.words)];
    })"""
    found = run(("numbers", "sentences", "warnings", "warnings_of_arrays"), expression, given)
    for text, (messages, sentences) in zip(texts, found, strict=True):
        assert not any(map(hidden, [*messages, *sentences]))
        assert sentences[0].startswith(f"{printable(text)} = 0.0")
        assert any(printable(text)[:30] in one for one in messages)


def test_places_are_those_of_the_program_that_is_shown() -> None:
    """Where characters are written as escapes, all places behind them move; line ends stay."""
    text = "# a\u202eb\u200b\tc\nq = x * y # \U000e0041\n\nexp(q) +\n  sin(x)"
    trace = trace_of(text)
    found = facts(trace, {})
    assert found["program"].count("\n") == text.count("\n")
    for index, gate in enumerate(found["gates"]):
        start, end = trace.graph.span(index)
        assert start >= 0
        assert found["program"][gate["start"] : gate["end"]] == text[start:end]


def test_every_use_of_an_input_is_known() -> None:
    """But for parameters of that name; and a graph that was built by hand has no program to look at."""
    found = facts(trace_of("f(x) = x^2\ng = x*x + y\nf(g)*x"), {})
    program = found["program"]
    x, y = found["gates"][:2]
    assert [program[start:end] for start, end in [(x["start"], x["end"]), *x["uses"]]] == ["x"] * 3
    assert min(start for start, _ in x["uses"]) > program.index("g =")
    assert "uses" not in y

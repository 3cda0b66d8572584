"""gradcli explain: what a person reads, the options, the screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from outcomes import Cli, Golden, Refused

from gradcli.render.explain import FORMATS

SAMPLES = Path(__file__).parents[2] / "samples"
PRODUCT = ("q = x + y; q*z", "--x", "2", "--y", "3", "--z", "-4")
WIDE = json.dumps([[(7 * row + 3 * column) % 11 / 8 - 0.5 for column in range(5)] for row in range(4)])
PROGRAMS = {
    "product": PRODUCT,
    "product-without-stages": ("(x+y)*z", *PRODUCT[1:]),
    "neuron-sigmoid": (
        "f = σ(w0*x0 + w1*x1 + w2)\nf", "--w0", "2", "--x0", "-1", "--w1", "-3", "--x1", "-2", "--w2", "-3",
    ),
    "shared-weight": (
        "h₁ = tanh(w*x₁); h₂ = tanh(w*x₂ + u*h₁); loss = (h₂ - target)²; loss",
        "--w", "0.5", "--u", "-1.25", "--x₁", "1", "--x₂", "2", "--target", "1",
    ),
    "square": ("x*x", "--x", "3"),
    "kink": ("d = a - b; w*relu(d) + d^2", "--a", "2", "--b", "2", "--w", "3"),
    "where": ("where(x > 0, log(x), x^2)*y", "--x", "-3", "--y", "2"),
    "pole": ("p = 1/x; y*p", "--x", "0", "--y", "2"),
    "constant": ("2*pi",),
    "array-layer": (
        "h = tanh(W @ x + b); L = sum(h^2); L", "--W", "[[1, 2], [3, 4]]", "--x", "[0.5, -1]", "--b", "0.25",
    ),
    "array-large": ("sum(softmax(A @ x))", "--A", WIDE, "--x", "[1, 0, -1, 2, 0.5]"),
}  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_person_reads(name: str, format: str, cli: Cli, golden: Golden) -> None:
    arguments = ("explain", *PROGRAMS[name], "--format", format)
    golden(f"cli/golden/explain/{name}.{format}.txt", cli(*arguments).transcript(arguments))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("brief", (*PRODUCT, "--brief")),
        ("brief-shared-weight", (*PROGRAMS["shared-weight"], "--brief", "--short")),
        ("gate", (*PROGRAMS["shared-weight"], "--gate", "h₁")),
        ("gate-input", (*PROGRAMS["shared-weight"], "--gate", "w", "--short")),
        ("gate-id", (*PRODUCT, "--gate", "g4")),
        ("gate-unknown", (*PRODUCT, "--gate", "r")),
        ("gate-and-brief", (*PRODUCT, "--gate", "q", "--brief")),
        ("gate-constant", ("x^2", "--x", "3", "--gate", "g1")),
        ("wrt", (*PRODUCT, "--wrt", "x")),
        ("of", (*PRODUCT[:-2], "--of", "q")),
        ("format-unknown", (*PRODUCT, "--format", "pdf")),
        ("standalone-markdown", (*PRODUCT, "--format", "markdown", "--standalone")),
        ("expand", ("sigmoid(x)", "--x", "1", "--expand", "sigmoid", "--brief")),
        ("missing", PRODUCT[:-2]),
        ("too-many-gates", (*PRODUCT, "--max-gates", "2")),
        ("strict", (*PROGRAMS["kink"], "--strict", "--brief")),
    ],
)
def test_options(name: str, arguments: tuple[str, ...], cli: Cli, golden: Golden) -> None:
    golden(f"cli/golden/explain/option-{name}.txt", cli("explain", *arguments).transcript(("explain", *arguments)))


def test_ids_and_names_are_the_same_gate(cli: Cli) -> None:
    assert cli("explain", *PRODUCT, "--gate", "g3").out == cli("explain", *PRODUCT, "--gate", "q").out


def test_a_whole_document_is_latex(cli: Cli) -> None:
    document = cli("explain", *PRODUCT, "--standalone").out
    assert document == cli("explain", *PRODUCT, "--standalone", "--format", "latex").out
    assert document.startswith("\\documentclass")


def test_values_come_from_everywhere(cli: Cli) -> None:
    usual = cli("explain", *PRODUCT).out
    assert cli("explain", PRODUCT[0], "--vars", "-", stdin=b'{"x": 2, "y": 3, "z": -4}').out == usual
    assert cli("explain", "-", *PRODUCT[1:], stdin=PRODUCT[0].encode()).out == usual
    assert cli("explain", PRODUCT[0], "--set", "x=2", "--set", "y=3", "--set", "z=-4").out == usual


def test_an_input_may_be_called_as_an_option(cli: Cli, refused: Refused) -> None:
    assert "--gate is an option here and also an input" in refused("explain", "gate*2", "--gate", "3")
    assert cli("explain", "gate*2", "--set", "gate=3").status == 0


def test_the_result_goes_to_a_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "explained.md"
    outcome = cli("explain", *PRODUCT, "--format", "markdown", "-o", str(path))
    assert outcome.out == outcome.err == ""
    assert path.read_text(encoding="utf-8") == cli("explain", *PRODUCT, "--format", "markdown").out


def test_a_terminal_gets_colours_and_its_width(cli: Cli) -> None:
    wide = cli("explain", *PROGRAMS["shared-weight"], terminal=True, TERM="xterm", COLUMNS="80").out
    assert "\x1b[" in wide
    plain = cli("explain", *PROGRAMS["shared-weight"], terminal=True, TERM="xterm", COLUMNS="80", NO_COLOR="1").out
    assert plain == cli("explain", *PROGRAMS["shared-weight"]).out
    narrow = cli("explain", *PROGRAMS["shared-weight"], COLUMNS="50").out
    assert max(map(len, narrow.splitlines())) <= 50
    assert "∂" not in cli("explain", *PRODUCT, encoding="ascii").out


def test_large_graphs_are_cut_and_all_shows_them(cli: Cli) -> None:
    program = "+".join(f"x*{i}" for i in range(300))
    assert "gates left out: --all shows them" in cli("explain", program, "--x", "1").out
    assert "left out" not in cli("explain", program, "--x", "1", "--all").out


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.grad")), ids=lambda path: path.stem)
def test_every_sample_is_explained(path: Path, cli: Cli) -> None:
    for format in FORMATS:
        outcome = cli("explain", f"@{path}", "--vars", str(path.with_suffix(".json")), "--format", format)
        assert outcome.status == 0
        assert outcome.out.count("Backward pass") == 1

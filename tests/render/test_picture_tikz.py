"""TikZ: one node per gate and one line per arrow, nothing of the user's a command; LaTeX compiles it."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import pytest
from hostile import TEXTS, hidden
from hostile_graphs import PLACES, evaluated
from latex_structure import balanced, unknown
from pictures import NAMES, graph_of, picture_of, sample, text

from gradcli.api import evaluate
from gradcli.graph.both_passes import both_passes
from gradcli.render.picture import Options, draw
from gradcli.render.picture.tikz import name, words

OURS = {
    "begin", "end", "definecolor", "path", "draw", "node", "textcolor", "fontsize", "selectfont", "textbf",
    "ensuremath", "leftarrow", "uparrow", "triangleright", "div", "quad", "textrm",
}  # fmt: skip


def body(source: str) -> str:
    """What stands behind the styles."""
    return source.partition("\n  ]\n")[2]


def check(source: str, nodes: int, arrows: int) -> None:
    assert balanced(source)
    assert unknown(body(source)) <= OURS
    lines = body(source).splitlines()
    assert sum(line.startswith("  \\node[") for line in lines) == nodes == source.count("\\node")
    assert sum(line.startswith("  \\draw[") for line in lines) == arrows == source.count("\\draw")
    assert all(re.match(r"  \\(node|draw|path|definecolor)[\[{ ]", line) for line in lines[:-1]), lines
    assert all(line.endswith(";") or "definecolor" in line for line in lines[:-1])
    assert lines[-1] == "\\end{tikzpicture}"


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_and_arrow(name: str) -> None:
    trace = sample(name)
    picture = picture_of(trace)
    source = text(trace, "tikz")
    check(source, len(picture.nodes), len(picture.arrows))
    assert re.findall(r"\((g\d+)\) at", source) == [node.id for node in picture.nodes]


def test_colours_are_defined_once_and_all_are_known() -> None:
    source = text(sample("stages"), "tikz", heat=True)
    defined = re.findall(r"\\definecolor\{(\w+)\}\{HTML\}\{[0-9A-F]{6}\}", source)
    assert len(defined) == len(set(defined))
    assert {*re.findall(r"gradcli[a-z]+", body(source))} <= {*defined}


def test_structure_has_formulas() -> None:
    source = text(graph_of("q = x₁ + θ\nq^2*y/z"), "tikz")
    assert r"$\partial\;2 \cdot q$" in source
    assert "$x_{1}$" in source
    assert r"$\theta$" in source
    assert r"\frac{1}{z}" in source


def test_a_rule_that_amsmath_would_have_to_set_stands_as_text() -> None:
    source = text(graph_of("where(x < y, relu(x), y)"), "tikz")
    assert "\\begin{cases}" not in source
    assert "\\operatorname" not in source
    assert "where(" in source


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ("−1.381e−23", r"$-1.381 \cdot 10^{-23}$"),
        ("0.5", "$0.5$"),
        ("−∞ | nan", r"$-\infty$ \textbar{} nan"),
        ("1,234 elements", "$1{,}234$ elements"),
        ("← −4", r"\ensuremath{\leftarrow} $-4$"),
        ("x1_a", r"x1\_a"),
    ],
)
def test_words(shown: str, written: str) -> None:
    assert words(shown) == written


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ("x", "$x$"),
        ("∂f/∂x₁", r"$\partial f/\partial x_{1}$"),
        ("= ∂f/∂ab", r"$=\,\partial f/\partial \mathit{ab}$"),
        ("W[0,1]", "$W_{0,1}$"),
        ("a_very_long_name_t…", r"\textit{a\_very\_long\_name\_t\dots{}}"),
    ],
)
def test_names(shown: str, written: str) -> None:
    assert name(shown) == written


@pytest.mark.parametrize("theme", ["light", "auto", "dark"])
def test_themes(theme: str) -> None:
    source = text(sample("product"), "tikz", theme=theme)
    assert ("fill=gradclipage, use as bounding box" in source) == (theme == "dark")


def test_the_legend_can_be_left_out() -> None:
    with_legend, without = (text(sample("product"), "tikz", legend=legend) for legend in (True, False))
    assert "on edges:" in with_legend
    assert "on edges:" not in without


def test_letters_that_only_some_engines_know_are_told() -> None:
    trace = evaluate("q = x*2\nq + x", x=3)
    assert "LuaLaTeX" not in text(trace, "tikz")
    trace.graph.literals[0] = "变"
    assert text(trace, "tikz").startswith("% It has letters that pdfLaTeX does not know")


# A function whose name is empty is drawn by no format.
HOSTILE = [name for name in TEXTS if name != "empty"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    trace = evaluated(TEXTS[name], *PLACES)
    picture = picture_of(trace)
    for shown in (trace, trace.graph):
        source = text(shown, "tikz", rankdir="LR")
        assert not hidden(source)
        check(source, len(picture.nodes), len(picture.arrows))


def pdf_of(pictures: list[str], folder: Path) -> bytes:
    """What pdflatex makes of them; it ends at the first error."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex on PATH: the structure is checked without it by the other tests")
    pages = "".join(f"\\resizebox{{\\textwidth}}{{!}}{{%\n{picture}}}\\clearpage\n" for picture in pictures)
    document = f"\\documentclass{{article}}\\usepackage{{tikz}}\\begin{{document}}\n{pages}\\end{{document}}\n"
    (folder / "pictures.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "pictures.tex"],
        cwd=folder, capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-2000:]
    return (folder / "pictures.pdf").read_bytes()


def test_samples_compile(tmp_path: Path) -> None:
    traces = [sample(name) for name in ("product", "stages", "softmax-regression")]
    pictures = [text(shown, "tikz") for trace in traces for shown in (trace, trace.graph)]
    passes = both_passes(traces[1].graph)
    pictures.append(str(draw(passes.graph, [], "tikz", Options(passes=passes)).content))
    assert pdf_of(pictures, tmp_path).startswith(b"%PDF")


def test_hostile_texts_compile(tmp_path: Path) -> None:
    """Some of them; those with letters that pdflatex does not know are left to other engines."""
    pictures = [
        text(evaluated(TEXTS[name], *PLACES).graph, "tikz", rankdir="LR") for name in islice(HOSTILE, 0, None, 8)
    ]
    assert pdf_of([one for one in pictures if not one.startswith("% It has")], tmp_path).startswith(b"%PDF")


def test_a_document_compiles(tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex on PATH: the structure is checked without it by the other tests")
    source = text(sample("product"), "tikz", standalone=True)
    (tmp_path / "g.tex").write_text(source, encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "g.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert b"Output written on g.pdf (1 page" in done.stdout

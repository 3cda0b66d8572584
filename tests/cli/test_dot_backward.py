"""gradcli dot --backward, its rules, TikZ as a document: what fits together, and what is said."""

from __future__ import annotations

import re

import pytest
from drawn import PRODUCT, kind_of
from outcomes import Cli, Refused

from gradcli.render.picture import FORMATS


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "png"])
@pytest.mark.parametrize("values", [True, False], ids=["values", "structure"])
def test_every_format(name: str, values: bool, cli: Cli) -> None:
    outcome = cli(*(PRODUCT if values else PRODUCT[:2]), "--backward", "-T", name)
    assert (outcome.status, outcome.err, kind_of(outcome.out.encode())) == (0, "", name)


def test_png(cli: Cli, tmp_path: pytest.TempPathFactory) -> None:
    pytest.importorskip("resvg_py")
    assert cli(*PRODUCT, "--backward", "-o", f"{tmp_path}/g.png") == (0, "", "")


def test_only_the_inputs_asked_for(cli: Cli) -> None:
    """Without values too, since the picture shows the gradient's gates."""
    both, one = (cli("dot", "x*y", "--backward", *more).out for more in ([], ["--wrt", "y"]))
    assert "∂f/∂x" in both
    assert "∂f/∂x" not in one
    assert "∂f/∂y" in one


def test_another_output(cli: Cli) -> None:
    drawn = cli("dot", "q = x*y\nr = q+z\nr^2", "--of", "r", "--backward").out
    assert "∂r/∂x" in drawn
    assert "∂r/∂q" in drawn


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--backward", "--heat"], "--heat and --backward can't be combined", "they are gates"),
        (["--backward", "--depth", "2"], "--depth and --backward can't be combined", "--wrt, --of, --path"),
        (["--backward", "--rules", "nice"], "--rules can't be nice", "it is one of textbook, guarded, raw"),
        (["--rules", "raw"], "--rules says how --backward writes local gradients", "add --backward"),
        (["--standalone"], "--standalone makes a document of TikZ, and this is dot", "write -T tikz"),
        (["--backward", "--max-gates", "6"], "the derivatives need more than 6 gates", "--max-gates"),
    ],
)
def test_refused(options: list[str], message: str, hint: str, refused: Refused) -> None:
    told = refused(*PRODUCT, *options)
    assert message in told
    assert hint in told
    assert len(told.splitlines()) == 2


def test_what_has_no_gradient(refused: Refused) -> None:
    assert "no input to differentiate by" in refused("dot", "2*3", "--backward")
    assert "only a number has a gradient" in refused("dot", "x*2", "--shapes", "x=3", "--backward")
    assert "--strict needs values" in refused("dot", "x*2", "--backward", "--strict")


def test_warnings_and_strict_are_those_of_the_program(cli: Cli) -> None:
    plain, backward = (cli("dot", "abs(x)", "--x", "0", *more) for more in ([], ["--backward"]))
    assert plain.err == backward.err
    assert "warning: abs(x) has a kink" in backward.err
    assert cli("dot", "abs(x)", "--x", "0", "--backward", "--strict").status != 0


def test_a_rule_that_loses_the_gradient_is_told(cli: Cli) -> None:
    """At 40 the sigmoid is 1 as a float: the textbook's y*(1 - y) is 0, what gradcli computes is not."""
    by_book = cli("dot", "sigmoid(x)", "--x", "40", "--backward")
    assert "the gradient of x is not what the backward pass gives here: --rules guarded draws its gates" in by_book.err
    guarded = cli("dot", "sigmoid(x)", "--x", "40", "--backward", "--rules", "guarded")
    assert "--rules" not in guarded.err
    assert "4.248e−18" in guarded.out


def test_raw_writes_every_product(cli: Cli) -> None:
    counts = {
        rules: len(re.findall(r"^\t+g\d+ \[", cli("dot", "(x+y)*z", "--backward", "--rules", rules).out, re.MULTILINE))
        for rules in ("textbook", "raw")
    }
    assert counts == {"textbook": 8, "raw": 12}


def test_two_points(cli: Cli) -> None:
    assert re.search(
        r"4 \| 6", cli("dot", "x^2", "--x", "2", "--against", "x=3", "--backward").out.replace("\xa0", " ")
    )


def test_folded_in_both_passes(cli: Cli) -> None:
    drawn = cli("dot", "f(x, w) = tanh(w*x + w); h = f(a, u); f(h, v)", "--backward", "--collapse", "f").out
    assert len(re.findall(r"^\t+fold\d+ \[", drawn, re.MULTILINE)) == 4


def test_a_document(cli: Cli) -> None:
    document, picture = (cli(*PRODUCT, "-T", "tikz", *more).out for more in (["--standalone"], []))
    assert document.startswith("\\documentclass{article}\n")
    assert document.endswith("\\end{document}\n")
    assert "\\documentclass" not in picture
    assert picture.partition("\\begin{tikzpicture}")[2].strip() in document


def test_the_help_fits(cli: Cli) -> None:
    shown = cli("dot", "--help", terminal=False).out
    assert "--backward" in shown
    assert 'gradcli dot "tanh(w*x+b)" --backward -o graph.svg' in shown
    assert max(map(len, shown.splitlines())) <= 80

"""The tree from the output down."""

from __future__ import annotations

import re

import pytest

import gradcli
from gradcli.render import Look
from gradcli.render.tree import render


def drawn(expression: str, every_gate: bool = False, **values: float) -> str:
    return "".join(render(gradcli.evaluate(expression, values), Look(every_gate=every_gate)))


def test_the_product() -> None:
    assert drawn("q = x + y; q*z", x=2, y=3, z=-4).splitlines() == [
        "g4  q * z   -20.0   ← 1.0",
        "├── ∂/∂q = z = -4.0   ← -4.0",
        "│   g3  q = x + y   5.0   ← -4.0",
        "│   ├── ∂/∂x = 1.0   ← -4.0",
        "│   │   g0  x   2.0   ← -4.0",
        "│   └── ∂/∂y = 1.0   ← -4.0",
        "│       g1  y   3.0   ← -4.0",
        "└── ∂/∂z = q = 5.0   ← 5.0",
        "    g2  z   -4.0   ← 5.0",
    ]


def test_a_shared_gate_is_shown_once_and_referred_to() -> None:
    tree = drawn("q = x*y; (q + 1)*(q + 2)", x=2, y=3)
    assert tree.count("q = x * y") == 1
    assert tree.count("q   shown above") == 1
    assert tree.count("∂/∂q = 1.0") == 2, "both edges are there"


def test_both_edges_of_a_square() -> None:
    assert drawn("x*x", x=3).count("∂/∂x = x = 3.0   ← 3.0") == 2


def test_a_constant_has_no_gradient() -> None:
    assert "g1  2   2.0\n" in drawn("x^2", x=3)


def test_a_single_input() -> None:
    assert drawn("x", x=3) == "g0  x   3.0   ← 1.0\n"


@pytest.mark.parametrize("expression", ["+".join(f"x*{i}" for i in range(200)), "sin(" * 300 + "x" + ")" * 300])
def test_what_is_left_out_is_said(expression: str) -> None:
    tree = drawn(expression, x=1.5)
    shown = len(set(re.findall(r"g[0-9]+(?=  [^ ])", tree)))
    total = len(gradcli.evaluate(expression, x=1.5).gates)
    assert f"… {total - shown:,} gates left out: --all shows them" in tree
    assert "left out" not in drawn(expression, every_gate=True, x=1.5)


def test_doubling_again_and_again_stays_linear() -> None:
    """The paths through 40 doublings are 2^40; the gates are 41."""
    stages = "; ".join(["s0 = x + x", *(f"s{i} = s{i - 1} + s{i - 1}" for i in range(1, 40))])
    tree = drawn(f"{stages}; s39", every_gate=True, x=1)
    assert len(tree.splitlines()) < 40 * 5


def test_hostile_names_are_inert() -> None:
    tree = drawn("x*2", x=2)
    assert "\x1b" not in tree
    with pytest.raises(gradcli.ParseError):
        drawn("x\x1b[31m", x=1)

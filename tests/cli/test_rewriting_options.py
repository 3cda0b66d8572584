"""--expand, --fuse and --share, on every command that takes an expression."""

from __future__ import annotations

import subprocess
import sys

import pytest
from outcomes import Cli, Golden, Refused

SHOWN = {
    "expand": ("sigmoid(x)", "--x", "1", "--expand", "sigmoid"),
    "expand-all": ("q = gelu(x); q*relu(q)", "--x", "0.5", "--expand", "all", "--share"),
    "fuse": ("1/(1+exp(-x))", "--x", "1", "--fuse"),
    "fuse-stages": ("e1 = exp(-(x+y)); p = 1/(1+e1); p", "--x", "1", "--y", "2", "--fuse"),
    "share": ("q = (x+y)^2; r = (x+y)^2; q*r", "--x", "1", "--y", "2", "--share"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown(name: str, cli: Cli, golden: Golden) -> None:
    arguments = ("eval", *SHOWN[name])
    golden(f"cli/golden/rewriting/{name}.txt", cli(*arguments).transcript(arguments))


def _operations(cli: Cli, *arguments: str) -> list[str]:
    return [gate["op"] for gate in cli("eval", *arguments, "--json").trace["gates"]]


def test_names_are_given_with_commas_and_repeatedly(cli: Cli) -> None:
    program = ("sigmoid(x) + silu(x) + relu(x)", "--x", "1")
    together = _operations(cli, *program, "--expand", "sigmoid, swish")
    assert together == _operations(cli, *program, "--expand", "σ", "--expand=silu")
    assert "relu" in together
    assert {"sigmoid", "silu"}.isdisjoint(together)


def test_expand_comes_first_then_fuse_then_share(cli: Cli) -> None:
    program = ("silu(x) + silu(x)", "--x", "1")
    assert _operations(cli, *program, "--share", "--fuse", "--expand", "silu") == ["input", "silu", "add"]
    assert _operations(cli, *program, "--fuse", "--expand", "silu") == ["input", "silu", "silu", "add"]


def test_fused_numbers_are_right_where_the_written_ones_are_not(cli: Cli) -> None:
    program = ("exp(x)/(1 + exp(x))", "--x", "800")
    assert cli("eval", *program, "--json").trace["value"] == "NaN"
    assert cli("eval", *program, "--json", "--fuse").trace["value"] == 1.0


def test_a_function_of_the_program_shows_its_body(cli: Cli) -> None:
    text = "f(a) = a^2 with grad (3)\ng(a) = a + 1\nf(g(x))"
    assert cli("eval", text, "--x", "2", "--json").trace["gradients"] == {"x": 3.0}
    assert cli("eval", text, "--x", "2", "--json", "--expand", "f,g").trace["gradients"] == {"x": 6.0}


def test_pictures_are_of_the_rewritten_graph(cli: Cli) -> None:
    assert cli("dot", "1/(1+exp(-x))", "--fuse").out == cli("dot", "1/(1+exp(-x))", "--fuse", "--share").out
    for values in ((), ("--x", "1")):
        fused = cli("dot", "1/(1+exp(-x))", *values, "--fuse")
        assert fused.status == 0
        assert "σ" in fused.out
        assert "exp" not in fused.out
        assert "exp" in cli("dot", "sigmoid(x)", *values, "--expand", "all").out


@pytest.mark.parametrize("command", ["eval", "dot"])
def test_what_is_refused(command: str, cli: Cli, refused: Refused) -> None:
    program = (command, "sigmoid(x)", "--x", "1")
    assert "did you mean sigmoid?" in refused(*program, "--expand", "sigmiod")
    assert "sin is elementary" in refused(*program, "--expand", "sin")
    assert "--expand names no function" in refused(*program, "--expand", ",")
    assert "needs a value" in refused(*program, "--expand")
    assert "more than 4 gates" in refused(*program, "--expand", "sigmoid", "--max-gates", "4")


@pytest.mark.parametrize(("name", "option"), [("expand", "--expand=all"), ("fuse", "--fuse"), ("share", "--share")])
def test_inputs_of_the_same_name_are_given_by_set(name: str, option: str, cli: Cli, refused: Refused) -> None:
    assert f"--set {name}=VALUE" in refused("eval", f"{name}^2", option)
    assert cli("eval", f"{name}^2", option, "--set", f"{name}=3", "--json").trace["value"] == 9.0


def test_a_stage_that_loses_its_gate_is_told(cli: Cli) -> None:
    outcome = cli("eval", "q = x+1; r = x+1; q*r", "--x", "1", "--share")
    assert outcome.err == "note: without a gate of their own after rewriting: r\n"
    assert cli("eval", "q = x+1; r = x+2; q*r", "--x", "1", "--share").err == ""


def test_nothing_of_it_is_loaded_unless_it_is_asked_for() -> None:
    """Start-up is a feature."""
    code = (
        "import sys; from gradcli.cli.app import run; run(sys.argv[1:]); "
        "sys.exit('gradcli.graph.rewriting' in sys.modules or 'gradcli.graph.rewriting.stable' in sys.modules)"
    )
    plain = [sys.executable, "-c", code, "eval", "x*2", "--x", "1"]
    assert subprocess.run(plain, capture_output=True, check=False).returncode == 0
    assert subprocess.run([*plain, "--fuse"], capture_output=True, check=False).returncode == 1

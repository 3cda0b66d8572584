"""gradcli diff: derivatives as text, their values, stages, JSON."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from outcomes import Cli, Golden, Refused

import gradcli

SAMPLES = Path(__file__).parents[2] / "samples"
STAGES = (SAMPLES / "stages.grad").read_text(encoding="utf-8")
SCHEMA = json.loads((files("gradcli") / "schemas" / "derivative-1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("product", ("(x+y)*z",)),
        ("one-input", ("x^2*sin(y)", "--wrt", "y")),
        ("value", ("tanh(x)/x", "--x", "2")),
        ("values", ("q = x + y; q^2*exp(q) + x", "--x", "1", "--y", "-2")),
        ("unicode", ("q = x + y; q^2*sqrt(q) + σ(x)", "--format", "unicode", "--wrt", "x")),
        ("latex", ("q = x + y; q^2*sqrt(q) + θ₁*x", "--format", "latex")),
        ("raw", ("x^2*y", "--raw")),
        ("textbook", ("σ(x)*log(y)", "--textbook")),
        ("order", ("sin(x)*y^3", "--order", "3")),
        ("json", ("x^2*y", "--json", "--format", "unicode", "--x", "3", "--y", "2")),
        ("json-infinite", ("sqrt(x)", "--json", "--x", "0")),
        ("defined", ("f(a, b) = a*b with grad (b, a)\nf(x, f(x, y))",)),
        ("stages", (STAGES, "--stages")),
        ("stages-values", ("f(a) = a^3 with grad (3a^2)\nvalue = f(d_x*x); value - floor(x)", "--stages")),
        ("no-input", ("2*pi",)),
        ("unknown-input", ("x*y", "--wrt", "z")),
        ("order-0", ("x", "--order", "0")),
        ("order-too-large", ("sin(x)*exp(x)/x", "--order", "100", "--max-gates", "5000")),
        ("format-unknown", ("x", "--format", "html")),
        ("stages-textbook", (STAGES, "--stages", "--textbook")),
        ("stages-json", ("x", "--stages", "--json")),
        ("raw-textbook", ("x", "--raw", "--textbook")),
        ("some-values", ("x*y", "--x", "2")),
        ("array", ("[x, y]",)),
    ],
)  # fmt: skip
def test_what_a_person_reads(name: str, arguments: tuple[str, ...], cli: Cli, golden: Golden) -> None:
    outcome = cli("diff", *arguments, COLUMNS="80")
    golden(f"cli/golden/diff/{name}.txt", outcome.transcript(("diff", *arguments)))


@pytest.mark.parametrize("text", ["x^2*sin(x)", "q = tanh(x); q*q - x", "-x*(x+2)", "x*pi"])
@pytest.mark.parametrize("how", [(), ("--format", "unicode"), ("--raw",), ("--textbook",)])
def test_the_output_is_a_program(text: str, how: tuple[str, ...], cli: Cli) -> None:
    """With and without a value it can be piped into eval."""
    gradient = gradcli.grad(text, x=0.7)["x"]
    for values in ((), ("--x", "0.7")):
        out = cli("diff", text, *how, *values).out
        used = ("--x", "0.7") if "x" in out.partition("# =")[0] else ()
        found = cli("eval", "-", *used, "--json", stdin=out.encode()).trace["value"]
        assert found == pytest.approx(gradient, rel=1e-14)
        assert not values or out.splitlines()[-1] == f"# = {found!r} at x = 0.7"


def test_every_format_of_json_has_its_schema(cli: Cli) -> None:
    for how in ((), ("--format", "unicode"), ("--format", "latex"), ("--x", "2"), ("--x", "-1"), ("--order", "2")):
        document = cli("diff", "sqrt(x)*x", "--json", *how).trace
        jsonschema.validate(document, SCHEMA)
        assert document["derivatives"].keys() == {"x"}


def _staged(text: str, point: dict[str, float], cli: Cli) -> dict[str, Any]:
    """Each input's gradient by its stage in the staged program."""
    staged = cli("diff", text, "--stages").out
    picks = re.search(r"--of picks a gradient instead: (.*)", staged)
    assert picks is not None
    found: dict[str, Any] = {
        "": gradcli.evaluate(staged, {x: v for x, v in point.items() if x in _inputs(staged)}).value
    }
    for pick in (written.partition(" ")[0] for written in picks[1].split(", ")):
        trace = gradcli.evaluate(staged, {x: v for x, v in point.items() if x in _inputs(staged)}, of=pick)
        found[pick] = trace.value
    return found


def _inputs(text: str) -> set[str]:
    from gradcli.graph.lower import lower

    return {*lower(gradcli.parse(text)).free}


@pytest.mark.parametrize(
    ("text", "point"),
    [
        (STAGES, {"x": 3.0, "y": -4.0}),
        ("(x+y)*z", {"x": 2.0, "y": 3.0, "z": -4.0}),
        ("a = x*y; b = a*x; c = b + a; c*b", {"x": 0.5, "y": 1.5}),
        ("d_x = x*2; value = sin(d_x)*θ₁; value*d_x", {"x": 0.5, "θ₁": 1.5}),
        ("f(a, b) = a*b with grad (b, a)\nq = f(x, x); where(q > 1, q, x)*pi", {"x": 1.5}),
        ("g2 = x*x; max(g2, x, 1)*tanh(g2)", {"x": 1.5}),
        ("x*floor(y) + d_x*z*0", {"x": 1.5, "y": 2.5, "d_x": 3.0, "z": 4.0}),
    ],
)
def test_staged_programs_run(text: str, point: dict[str, float], cli: Cli) -> None:
    wanted = gradcli.evaluate(text, point)
    found = _staged(text, point, cli)
    assert found.pop("") == pytest.approx(wanted.value, rel=1e-15)
    assert sorted(found.values()) == pytest.approx(sorted(wanted.gradients.values()), rel=1e-14)


def test_a_program_in_eight_stages_has_its_eight_gradients_in_reverse(cli: Cli) -> None:
    out = cli("diff", STAGES, "--stages").out
    names = re.findall(r"^(\w+) =", out, re.MULTILINE)
    forward = ["sigy", "num", "sigx", "xpy", "xpysqr", "den", "invden", "f"]
    assert names[:8] == forward
    backward = ["d_invden", "d_den", "d_xpysqr", "d_xpy", "d_sigx", "d_num", "d_sigy"]
    assert names[8:15] == backward
    assert {*names[15:]} == {"d_x", "d_y"}
    assert "d_x = d_xpy + d_sigx * (sigx * sigmoid(-x)) + d_num" in out  # three uses, three terms


def test_screens_without_signs_get_a_program_too(cli: Cli) -> None:
    out = cli("diff", "x^2*y", "--format", "unicode", encoding="ascii").out
    assert out == "d/dx = y * (2 * x)\nd/dy = x^2\n"
    assert cli("diff", "x^3*y^3", "--order", "2", "--wrt", "x,y", encoding="ascii").out.startswith("d^2/dx^2 = ")


def test_strict_needs_values(cli: Cli, refused: Refused) -> None:
    assert "--strict needs values" in refused("diff", "x", "--strict")
    assert cli("diff", "abs(x)", "--strict", "--x", "0").status == 1
    assert cli("diff", "abs(x)", "--strict", "--x", "1").status == 0


def test_the_result_goes_to_a_file(cli: Cli, tmp_path: Path) -> None:
    assert cli("diff", "x^2", "-o", str(tmp_path / "slope.grad")).out == ""
    assert (tmp_path / "slope.grad").read_text(encoding="utf-8") == "2 * x\n"

"""What train and fit write, as the values of eval, dot and code."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from outcomes import Cli, Refused
from test_code import imported

DECAY = "A*exp(-k*t)+c"
LAYER = "z = sum(W @ X + b); z"


@pytest.fixture
def decay(cli: Cli, tmp_path: Path) -> str:
    """The result of a fit."""
    path, model = tmp_path / "decay.csv", tmp_path / "decay.json"
    rows = [f"{t},{2.5 * math.exp(-0.75 * t) + 0.5 + 0.01 * (-1) ** t}" for t in range(9)]
    path.write_text("\n".join(["t,y", *rows]) + "\n")
    starts = ("--param", "A=1", "--param", "k=1", "--param", "c=0")
    outcome = cli("fit", DECAY, "--data", str(path), "--target", "y", *starts, "-o", str(model))
    assert outcome.status == 0, outcome.err
    return str(model)


@pytest.fixture
def layer(cli: Cli, tmp_path: Path) -> str:
    """The result of a training, whose parameters are arrays."""
    path, model = tmp_path / "layer.csv", tmp_path / "layer.json"
    path.write_text("p,q,y\n1,2,3\n2,1,5\n0,1,1\n")
    starts = ("--param", "W=[[0.1, 0.2], [0.3, -0.4]]", "--param", "b=[0, 0.5]")
    data = ("--data", str(path), "--map", "X=p,q", "--epochs", "3", "--lr", "0.01")
    outcome = cli("train", f"{LAYER[:-3]}; (z - y)^2", *data, *starts, "-o", str(model))
    assert outcome.status == 0, outcome.err
    return str(model)


def parameters(model: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(Path(model).read_text(encoding="utf-8"))["parameters"]
    return found


def test_eval_at_a_fits_parameters(cli: Cli, decay: str) -> None:
    """The numbers of the file, to the last bit."""
    trace = cli("eval", DECAY, "--vars", decay, "--t", "1", "--json").trace
    p = parameters(decay)
    assert trace["value"] == pytest.approx(p["A"] * math.exp(-p["k"]) + p["c"], rel=1e-15)
    assert trace["gradients"]["c"] == 1.0
    shown = {gate["name"]: gate["value"] for gate in trace["gates"] if gate["op"] == "input"}
    assert shown == {**p, "t": 1.0}


def test_eval_at_parameters_that_are_arrays(cli: Cli, layer: str) -> None:
    trace = cli("eval", LAYER, "--vars", layer, "--X", "[1, 2]", "--json").trace
    p = parameters(layer)
    assert trace["value"] == pytest.approx(np.sum(np.array(p["W"]) @ [1.0, 2.0] + np.array(p["b"])), rel=1e-14)
    assert trace["gradients"]["W"] == [[1.0, 2.0], [1.0, 2.0]]


def test_a_picture_with_all_values(cli: Cli, decay: str) -> None:
    outcome = cli("dot", DECAY, "--vars", decay, "--t", "1")
    assert (outcome.status, outcome.err) == (0, "")
    assert f"{parameters(decay)['A']:.4f}"[:4] in outcome.out


def test_a_picture_with_some_values(refused: Refused, decay: str) -> None:
    """What is missing, and what leaves it away."""
    assert refused("dot", DECAY, "--vars", decay) == (
        "gradcli: no value for t\nhint: give it as --t VALUE; or leave out --vars: the structure needs none\n"
    )


def test_code_with_the_parameters_as_constants(cli: Cli, decay: str, tmp_path: Path) -> None:
    """f(t) alone, with the numbers that eval has; a note says which are constants."""
    path = tmp_path / "decay.py"
    for to in ("python", "numpy"):
        outcome = cli("code", DECAY, "--vars", decay, "--to", to, "-o", str(path))
        assert (outcome.status, outcome.err) == (0, "note: constants of the function: A, k, c\n")
        trace = cli("eval", DECAY, "--vars", decay, "--t", "1.5", "--json").trace
        value, gradients = imported(path).f(1.5)
        assert value == pytest.approx(trace["value"], rel=1e-15)
        assert {**gradients} == {"t": pytest.approx(trace["gradients"]["t"], rel=1e-15)}
        text = path.read_text(encoding="utf-8")
        for name, x in parameters(decay).items():
            assert f"#     {name} = {x!r}\n" in text


def test_code_with_arrays_as_constants(cli: Cli, layer: str, tmp_path: Path) -> None:
    path = tmp_path / "layer.py"
    trace = cli("eval", LAYER, "--vars", layer, "--X", "[1, 2]", "--json").trace
    for to, more in (("python", ()), ("numpy", ()), ("numpy", ("--unroll",))):
        outcome = cli("code", LAYER, "--vars", layer, "--shapes", "X=2", "--to", to, *more, "-o", str(path))
        assert (outcome.status, outcome.err) == (0, "note: constants of the function: W, b\n")
        f = imported(path).f
        value, gradients = f(1.0, 2.0) if more else f([1.0, 2.0])
        assert float(value) == pytest.approx(trace["value"], rel=1e-14)
        assert [*gradients] == (["X[0]", "X[1]"] if more else ["X"])
        found = [*gradients.values()] if more else [*gradients["X"]]
        assert [*map(float, found)] == pytest.approx(trace["gradients"]["X"], rel=1e-14)


def test_an_arrays_shape_is_asked_for(refused: Refused, layer: str) -> None:
    """Where an input without a value has to be an array."""
    assert "X is a number here; give it an array as its value, or its shape by --shapes" in refused(
        "code", LAYER, "--vars", layer, "--to", "c"
    )


def test_a_result_through_a_pipe(cli: Cli, decay: str) -> None:
    text = Path(decay).read_bytes()
    outcome = cli("code", DECAY, "--vars", "-", "--to", "c", stdin=text)
    assert "double f(double t, double gradient[1])" in outcome.out
    assert outcome.err == "note: constants of the function: A, k, c\n"


def test_predictions_and_code_agree(cli: Cli, decay: str, tmp_path: Path) -> None:
    """What predict gives for new rows, the generated file gives too."""
    (tmp_path / "new.csv").write_text("t\n0.5\n11\n")
    predicted = cli("predict", decay, str(tmp_path / "new.csv"), "--to", "ndjson").out.splitlines()
    assert cli("code", DECAY, "--vars", decay, "--to", "numpy", "-o", str(tmp_path / "model.py")).status == 0
    value, _ = imported(tmp_path / "model.py").f([0.5, 11.0])
    assert [*value] == pytest.approx([json.loads(line)["value"] for line in predicted], rel=1e-14)


@pytest.mark.parametrize("to", ["python", "javascript", "c", "numpy"])
def test_all_values_are_those_of_the_self_test(cli: Cli, decay: str, to: str) -> None:
    """A function of all inputs then, as without a file."""
    outcome = cli("code", DECAY, "--vars", decay, "--t", "1", "--to", to, "--self-test")
    assert (outcome.status, outcome.err) == (0, "")
    assert "constants of the function" not in outcome.out
    assert cli("code", DECAY, "--to", to).out == cli("code", DECAY, "--vars", decay, "--t", "1", "--to", to).out


def test_the_self_test_needs_every_value(refused: Refused, decay: str) -> None:
    assert refused("code", DECAY, "--vars", decay, "--to", "c", "--self-test") == (
        "gradcli: no value for t\nhint: give it as --t VALUE\n"
    )

"""The samples that have data: the commands of samples/README.md learn what it says."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.cli.app import run

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
README = (SAMPLES / "README.md").read_text(encoding="utf-8")


def _commands() -> dict[str, list[str]]:
    """The arguments of every command that trains, by its program."""
    found = {}
    for block in re.findall(r"^```\n(gradcli (?:fit|train) .*?)^```$", README, re.MULTILINE | re.DOTALL):
        for command in block.split("\n\n"):
            words = shlex.split(command.replace("\\\n", " "))
            found[Path(words[2]).stem] = words[1:]
    return found


COMMANDS = _commands()
CLAIMS = dict(re.findall(r"^\| ([\w-]+) \| (b1 [^|]+|a loss [^|]+) \|$", README, re.MULTILINE))
# What is predicted, and which column tells what is right.
RIGHT = {
    "iris-logistic": ("iris.csv", "chance", "virginica"),
    "softmax-regression": ("iris.csv", "logits", "labels"),
    "xor": ("xor.csv", "chance", "y"),
    "spiral": ("spiral.csv", "chance", "arm"),
    "three-ones": ("three-ones.csv", "chance", "y"),
}

Printed = Callable[..., str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Printed:
    """Runs a command in the folder of the project, and gives what it prints."""
    monkeypatch.chdir(ROOT)

    def call(*arguments: str) -> str:
        assert run([*arguments]) == 0, arguments
        return capsysbinary.readouterr().out.decode()

    return call


@pytest.fixture
def trained(printed: Printed, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The result of a sample's command, which is left in a file as well."""

    def call(name: str, *more: str) -> dict[str, Any]:
        path = tmp_path / f"{name}.json"
        printed(*COMMANDS[name], *more, "--quiet", "-o", str(path))
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    return call


def _predicted(text: str, truth: str) -> tuple[Any, Any]:
    """What was predicted, a class for every row, and what is right."""
    rows = list(csv.DictReader(io.StringIO(text)))
    names = [name for name in rows[0] if name.startswith("value")]
    numbers = np.array([[float(row[name]) for name in names] for row in rows])
    classes = numbers.argmax(axis=1) if len(names) > 1 else (numbers[:, 0] > 0.5).astype(int)
    return classes, np.array([int(row[truth]) for row in rows])


def test_every_claim_has_a_command() -> None:
    assert CLAIMS.keys() == COMMANDS.keys() == {*RIGHT, "misra1a"}


def test_the_regression_is_as_certified(trained: Callable[..., dict[str, Any]]) -> None:
    found, claim = trained("misra1a"), CLAIMS["misra1a"]
    certified = {"b1": (2.3894212918e2, 2.7070075241), "b2": (5.5015643181e-4, 7.2668688436e-6)}
    for name, (value, deviation) in certified.items():
        assert math.isclose(found["parameters"][name], value, rel_tol=1e-9)
        assert math.isclose(found["standard_errors"][name], deviation, rel_tol=1e-7)
    assert f"b1 = {found['parameters']['b1']:.6f} ± {found['standard_errors']['b1']:.3f}" in claim
    assert f"b2 = {found['parameters']['b2']:.8e} ± {found['standard_errors']['b2']:.3e}" in claim


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_learnt_is_right(
    name: str, trained: Callable[..., dict[str, Any]], printed: Printed, tmp_path: Path
) -> None:
    """The loss, and the share of rows that are told right, are at least as good as the README says."""
    found, claim = trained(name), CLAIMS[name]
    file, stage, truth = RIGHT[name]
    text = printed("predict", str(tmp_path / f"{name}.json"), str(SAMPLES / file), "--of", stage, "--quiet")
    classes, right = _predicted(text, truth)
    share = re.search(r"(\d+) % of", claim)
    assert np.mean(classes == right) >= (float(share[1]) / 100 if share else 1.0)
    below, loss = re.search(r"a loss (below|of) ([\d.]+)", claim).groups()  # type: ignore[union-attr]
    assert found["loss"] < float(loss) if below == "below" else f"{found['loss']:.3g}" == f"{float(loss):.3g}"
    assert share or "are right" in claim


def test_a_recurrent_network_reads_other_lengths(
    trained: Callable[..., dict[str, Any]], printed: Printed, tmp_path: Path
) -> None:
    """What it learnt from sequences of eight holds for all of ten, but for a few."""
    trained("three-ones")
    names = [f"x{t}" for t in range(10)]
    rows = [[*format(number, "010b")] for number in range(1024)]
    path = tmp_path / "ten.csv"
    path.write_text(
        "\n".join(",".join(row) for row in [[*names, "y"], *([*row, str(int("111" in "".join(row)))] for row in rows)])
    )
    model = str(tmp_path / "three-ones.json")
    text = printed("predict", model, str(path), "--of", "chance", "--map", f"x={','.join(names)}", "--quiet")
    classes, right = _predicted(text, "y")
    assert np.mean(classes == right) > 0.95


def _rows(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_flowers() -> None:
    """Fifty of each species; the mean lengths that Fisher's article prints for the first and the second."""
    rows = _rows("iris.csv")
    species = ["setosa", "versicolor", "virginica"]
    assert [row["species"] for row in rows] == [name for name in species for _ in range(50)]
    for row in rows:
        assert (species[int(row["labels"])], row["virginica"]) == (row["species"], str(int(row["labels"] == "2")))
    lengths = np.array([[float(row[name]) for name in list(row)[:4]] for row in rows])
    assert np.allclose(lengths[:50].mean(axis=0), [5.006, 3.428, 1.462, 0.246])
    assert np.allclose(lengths[50:100].mean(axis=0), [5.936, 2.770, 4.260, 1.326])


def test_the_spiral_is_made_as_the_readme_says() -> None:
    noise = np.random.RandomState(0).normal(0, 0.08, (2, 100, 2))
    rows = _rows("spiral.csv")
    assert len(rows) == 200
    for place, row in enumerate(rows):
        arm, i = divmod(place, 100)
        r, φ = 5 * i / 100, 2.5 * math.pi * i / 100 + math.pi * arm
        assert int(row["arm"]) == arm
        assert abs(float(row["x"]) - r * math.sin(φ) - noise[arm, i, 0]) < 0.00051
        assert abs(float(row["y"]) - r * math.cos(φ) - noise[arm, i, 1]) < 0.00051


def test_the_sequences_are_all_there_are() -> None:
    rows = _rows("three-ones.csv")
    texts = ["".join(row[f"x{t}"] for t in range(8)) for row in rows]
    assert texts == [format(number, "08b") for number in range(256)]
    assert [row["y"] for row in rows] == [str(int("111" in text)) for text in texts]
    assert [(row["x[0]"], row["x[1]"], row["y"]) for row in _rows("xor.csv")] == [
        (a, b, str(int(a != b))) for a in "01" for b in "01"
    ]


def test_data_are_small() -> None:
    assert max(os.path.getsize(path) for path in SAMPLES.glob("*.csv")) < 10_000

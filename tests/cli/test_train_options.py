"""Options of train and fit that are numbers or names of a table: what is said where they can't be meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from outcomes import Cli

LOSS = "(w*x + b - y)^2"
STARTS = ("--param", "w=0", "--param", "b=0")
WHOLE, ABOVE = "write a whole number, 1 or more", "write a number above 0"
NUMBERS = {
    "--epochs -5": WHOLE, "--epochs 1e3": WHOLE, "--batch-size 0": WHOLE, "--batch-size 2.5": WHOLE,
    "--patience 0": WHOLE, "--every x": WHOLE, "--explain-step 0": WHOLE, "--seed -1": "write a whole number from 0 to",
    "--threads 0": "write a whole number from 1 to 1,024", "--threads 2000": "write a whole number from 1 to 1,024",
    "--learning-rate -0.1": ABOVE, "--learning-rate fast": ABOVE, "--clip nan": ABOVE, "--clip-value inf": ABOVE,
    "--tolerance 0": ABOVE, "--gradient-tolerance -1": ABOVE, "--step-tolerance x": ABOVE, "--max-time 0": ABOVE,
}  # fmt: skip


@pytest.fixture(autouse=True)
def points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("x,y\n0,1\n1,3\n2,5\n3,7\n")


@pytest.mark.parametrize("given", NUMBERS)
def test_a_number_that_cannot_be_meant(given: str, refused: Callable[..., str]) -> None:
    message = refused("train", LOSS, "--data", "points.csv", *STARTS, *given.split())
    assert message.startswith(f"gradcli: {given}: {NUMBERS[given]}")


@pytest.mark.parametrize("given", ["--epochs 0", "--seed 1.5", "--max-time -1"])
def test_fit_says_the_same(given: str, refused: Callable[..., str]) -> None:
    message = refused("fit", "w*x + b", "--data", "points.csv", "--target", "y", *STARTS, *given.split())
    assert message.startswith(f"gradcli: {given}: write a ")


def test_a_short_name_is_told_as_the_long_one(refused: Callable[..., str]) -> None:
    message = refused("train", LOSS, "--data", "points.csv", *STARTS, "--lr", "-0.1")
    assert message == "gradcli: --learning-rate -0.1: write a number above 0\n"


@pytest.mark.parametrize(
    ("optimizer", "message", "hint"),
    [
        ("Adam", "there is no optimizer Adam", "did you mean adam?"),
        ("adam(beta=0.8)", "optimizer adam has no number beta", "did you mean beta1 or beta2?"),
        ("adam(beta1=1)", "optimizer adam: beta1 is 1", "it is from 0 to 1, without 1"),
        ("sgd(0.9)", "optimizer sgd takes no numbers, not 1", ""),
    ],
)
def test_an_optimizer_that_is_none(optimizer: str, message: str, hint: str, refused: Callable[..., str]) -> None:
    said = refused("train", LOSS, "--data", "points.csv", *STARTS, "--optimizer", optimizer)
    assert message in said
    assert hint in said


def test_a_step_in_short_numbers(cli: Cli) -> None:
    given = ("train", LOSS, "--data", "points.csv", *STARTS, "--explain-step", "2")
    told, short = cli(*given).out, cli(*given, "--short").out
    assert "1.7000000000000002" in told
    assert "1.7000000000000002" not in short
    assert "Numbers have four significant digits" in short
    assert "added up over the 4 rows" in short


def test_short_numbers_are_for_a_step(refused: Callable[..., str]) -> None:
    assert "--short is for --explain-step" in refused("train", LOSS, "--data", "points.csv", *STARTS, "--short")

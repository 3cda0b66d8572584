"""gradcli train: what is said of a run, beside its numbers: where it began, why it ended, what had no effect."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from outcomes import Cli

LINE = "(w*x + b - y)^2"
STARTS = ("--param", "w=0", "--param", "b=0")


@pytest.fixture
def points(tmp_path: Path) -> str:
    """Points on y = 2x + 1, one of them beside it: at w = b = 0 the mean of the squares is 24.75."""
    path = tmp_path / "points.csv"
    path.write_text("x,y\n0,1\n1,3\n2,5\n3,8\n")
    return str(path)


def trained(cli: Cli, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("train", *arguments, "--json", "--quiet").out)
    return found


METHODS: dict[str, tuple[str, ...]] = {
    "all rows": ("--epochs", "4"),
    "batches": ("--batch-size", "2", "--epochs", "4", "--lr", "0.01"),
    "one epoch of batches": ("--batch-size", "1", "--shuffle", "--epochs", "1", "--lr", "0.01"),
    "adam": ("--optimizer", "adam", "--epochs", "2"),
    "lbfgs": ("--optimizer", "lbfgs"),
    "lm": ("--optimizer", "lm"),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_loss_at_the_start_is_that_of_the_start_values_over_all_rows(name: str, cli: Cli, points: str) -> None:
    found = trained(cli, LINE, "--data", points, *STARTS, *METHODS[name])
    assert found["start_loss"] == pytest.approx(24.75, rel=1e-15)
    assert found["loss"] < 24.75
    if "--batch-size" not in METHODS[name] and name != "lm":
        assert found["history"][0]["loss"] == pytest.approx(24.75, rel=1e-15)
        assert found["history"][-1]["loss"] >= found["loss"]
    table = cli("train", LINE, "--data", points, *STARTS, *METHODS[name], "--quiet").out
    assert f"loss = 24.75 → {found['loss']!r}\n" in table


def test_the_loss_at_the_start_is_the_same_after_a_resume(cli: Cli, points: str, tmp_path: Path) -> None:
    given = (LINE, "--data", points, *STARTS, "--batch-size", "3", "--lr", "0.01", "--penalty", "1 + w^2")
    saved = ("--checkpoint", str(tmp_path / "c"), "--resume", "--epochs")
    assert trained(cli, *given, *saved, "2")["start_loss"] == pytest.approx(25.75, rel=1e-15)
    assert trained(cli, *given, *saved, "5")["start_loss"] == pytest.approx(25.75, rel=1e-15)


def test_a_start_that_is_flat_may_be_no_minimum(cli: Cli) -> None:
    """cos has its largest value at 0, where its gradient is 0."""
    found = trained(cli, "cos(w)", "--param", "w=0", "--optimizer", "lbfgs")
    assert found["steps"] == 0
    assert found["message"].endswith("already at the start values, so that they may be no minimum")
    assert "start values" not in trained(cli, "cos(w)", "--param", "w=1", "--optimizer", "lbfgs")["message"]


def test_a_divergence_in_the_penalty_marks_no_place_in_the_loss(cli: Cli) -> None:
    outcome = cli("train", "(w - 3)^2", "--param", "w=0", "--penalty", "0/w")
    assert outcome.status == 1
    assert "^^" not in outcome.err
    assert "in the penalty" in outcome.err
    assert [line for line in outcome.err.splitlines() if "(w - 3)^2" in line] == []
    other = cli("train", "(w - 3)^2 + 1/w", "--param", "w=0", "--penalty", "w^2")
    assert "^" in other.err.splitlines()[2]


@pytest.mark.parametrize("share", ["5", "0", "-0.5", "1", "nan", "1e400"])
def test_a_share_that_is_none_is_refused_before_the_data_is_read(share: str, cli: Cli) -> None:
    outcome = cli("train", LINE, "--data", "not-there.csv", *STARTS, "--validate", share)
    assert (outcome.status, outcome.out) == (2, "")
    assert f"--validate {share} is no share of the rows" in outcome.err


def test_options_without_effect_are_told(cli: Cli, points: str, tmp_path: Path) -> None:
    given = ("train", LINE, "--data", points, *STARTS, "--epochs", "1", "--format", "csv")
    large = cli(*given, "--batch-size", "5").err.splitlines()
    assert large[0] == "note: --batch-size 5 is more than the 4 rows: every step takes them all"
    mixed = cli(*given, "--shuffle").err.splitlines()
    assert mixed[0] == "note: --shuffle has no effect: every step takes all rows"
    for fine in (("--batch-size", "4"), ("--batch-size", "3", "--shuffle"), ()):
        assert "note:" not in cli(*given, *fine).err
    assert "note:" not in cli(*given, "--batch-size", "5", "--shuffle", "--quiet").err
    single = tmp_path / "one.csv"
    single.write_text("x,y\n3,2\n")
    told = cli("train", LINE, "--data", str(single), *STARTS, "--batch-size", "2", "--epochs", "1").err
    assert told == "note: --batch-size 2 is more than the only row: every step takes it\n"


def test_one_row_is_no_rows(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("x,y\n3,2\n")
    table = cli("train", LINE, "--data", str(path), *STARTS, "--lr", "0.01").out
    assert "1 row, engine numpy" in table


def test_patience_says_for_how_many_epochs(cli: Cli, points: str) -> None:
    given = (LINE, "--data", points, *STARTS, "--validate", points, "--lr", "0.2", "--epochs", "900", "--patience")
    several, single = (trained(cli, *given, number) for number in ("3", "1"))
    assert several["reason"] == single["reason"] == "patience"
    assert several["message"].startswith("the validation loss has not become better for 3 epochs; the parameters are")
    assert single["message"].startswith("the validation loss has not become better for 1 epoch; the parameters are")


def test_why_a_run_failed_is_said_once(cli: Cli, points: str, tmp_path: Path) -> None:
    """The line that the command ends with says it; the summary before it does not."""
    given = ("train", LINE, "--data", points, *STARTS, "-o", str(tmp_path / "m.json"))
    short = cli(*given, "--tolerance", "1e-9", "--epochs", "3")
    assert short.status == 1
    assert short.err.count("all epochs are done") == 1
    assert cli(*given, "--epochs", "3").err.count("all epochs are done") == 1


def test_update_ratios_are_of_the_last_step(cli: Cli, points: str, tmp_path: Path) -> None:
    """The ratio that epoch n + 1 begins with: how far w moved in epoch n, beside w, also in a run that was resumed."""
    given = (LINE, "--data", points, *STARTS, "--lr", "0.05", "--watch", "--epochs")
    after = [trained(cli, *given, str(epochs))["parameters"]["w"] for epochs in (1, 2, 3)]
    saved = ("--checkpoint", str(tmp_path / "c"), "--resume")
    trained(cli, *given, "2", *saved)
    for found in (trained(cli, *given, "4"), trained(cli, *given, "4", *saved)):
        ratios = [
            next(one["update_ratio"] for one in watched["parameters"] if one["name"] == "w")
            for watched in found["watch"]
        ]
        assert ratios[0] is None
        assert ratios[1] == pytest.approx(1.0, rel=1e-12)
        for place, (before, now) in enumerate(pairwise(after), 2):
            assert ratios[place] == pytest.approx(abs(now - before) / abs(now), rel=1e-12)
        assert all(math.isfinite(ratio) for ratio in ratios[1:])

"""gradcli train --checkpoint: what it belongs to, what it may replace, and how far a run has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from outcomes import Cli

LINE = "e = w*x + b - y\ne^2"
GIVEN: dict[str, tuple[str, ...]] = {
    "data": ("--data", "points.csv"), "w": ("--param", "w=0"), "b": ("--param", "b=0"), "k": ("--k", "2"),
    "penalty": ("--penalty", "k*w^2"), "reduce": (), "validate": ("--validate", "other.csv"), "of": ("--of", "e^2"),
    "bounds": ("--bounds", "w=-9..9"), "engine": ("--engine", "numpy"), "optimizer": ("--optimizer", "momentum"),
    "rate": ("--lr", "0.01"), "schedule": ("--schedule", "step(3)"), "batch": ("--batch-size", "2"), "shuffle": (),
    "seed": (), "clip": ("--clip", "5"), "cut": ("--clip-value", "4"),
}  # fmt: skip
CHANGES: dict[str, tuple[dict[str, tuple[str, ...]], str]] = {
    "penalty": ({"penalty": ("--penalty", "k*b^2")}, 'penalty is "k*w^2" there and "k*b^2" here'),
    "reduce": ({"reduce": ("--reduce", "sum")}, 'reduce is "mean" there and "sum" here'),
    "start": ({"w": ("--param", "w=0.5")}, "start is "),
    "constants": ({"k": ("--k", "3")}, "constants is "),
    "data": ({"data": ("--data", "more.csv")}, 'data is "4 rows, '),
    "validation data": ({"validate": ("--validate", "more.csv")}, 'validation data is "4 rows, '),
    "bounds": ({"bounds": ("--bounds", "w=-9..8")}, "bounds is "),
    "engine": ({"engine": ("--engine", "native")}, 'engine is "numpy" there and "native" here'),
    "optimizer": ({"optimizer": ("--optimizer", "nesterov")}, 'optimizer is "momentum" there and "nesterov" here'),
    "optimizer settings": ({"optimizer": ("--optimizer", "momentum(0.8)")}, "optimizer settings is "),
    "learning rate": ({"rate": ("--lr", "0.02")}, 'learning rate is "0.01" there and "0.02" here'),
    "schedule": ({"schedule": ("--schedule", "step(4)")}, "schedule is "),
    "batch size": ({"batch": ("--batch-size", "3")}, "batch size is 2 there and 3 here"),
    "shuffle": ({"shuffle": ("--shuffle",)}, "shuffle is false there and true here"),
    "seed": ({"seed": ("--seed", "1")}, "seed is 0 there and 1 here"),
    "clip": ({"clip": ("--clip", "6")}, 'clip is "5.0" there and "6.0" here'),
    "clip value": ({"cut": ("--clip-value", "3")}, 'clip value is "4.0" there and "3.0" here'),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three tables, in the folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    for name, last in (("points.csv", "3,8"), ("other.csv", "3,7"), ("more.csv", "3,9")):
        (tmp_path / name).write_text(f"x,y\n0,1\n1,3\n2,5\n{last}\n")
    return tmp_path


def command(changed: dict[str, tuple[str, ...]] | None = None, program: str = LINE) -> list[str]:
    return ["train", program, *(word for part in ({**GIVEN, **(changed or {})}).values() for word in part), "--json"]


SAVED = ("--checkpoint", "run.ckpt", "--epochs")


@pytest.mark.parametrize("name", CHANGES)
def test_any_single_change_of_the_job_is_refused_by_its_name(name: str, cli: Cli) -> None:
    changed, message = CHANGES[name]
    given = {"of": ()}
    assert cli(*command(given), *SAVED, "2").status == 0
    before = Path("run.ckpt").read_bytes()
    assert cli(*command(given), *SAVED, "2", "--resume").status == 0
    outcome = cli(*command({**given, **changed}), *SAVED, "2", "--resume")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gradcli: run.ckpt is a checkpoint of another job: {message}")
    assert ";" not in outcome.err.splitlines()[0]  # nothing else differs
    assert Path("run.ckpt").read_bytes() == before


def test_another_program_or_another_stage_is_another_job(cli: Cli) -> None:
    program = "e = w*x + b - y\nL = e^2\nL"
    assert cli(*command({"of": ("--of", "e")}, program), *SAVED, "2").status == 0
    other = cli(*command({"of": ("--of", "e")}, f"{program}*1"), *SAVED, "2", "--resume")
    assert (other.status, "another job: expression is " in other.err) == (2, True)
    stage = cli(*command({"of": ()}, program), *SAVED, "2", "--resume")
    assert (stage.status, 'another job: stage is "e" there and null here' in stage.err) == (2, True)


def test_parameters_of_another_order_are_another_job(cli: Cli) -> None:
    """Their numbers stand in a vector; equal starts alone do not tell which is which."""
    plain: dict[str, tuple[str, ...]] = {"of": (), "bounds": (), "penalty": (), "k": ()}
    assert cli(*command(plain), *SAVED, "2").status == 0
    outcome = cli(*command({**plain, "w": ("--param", "b=0"), "b": ("--param", "w=0")}), *SAVED, "2", "--resume")
    assert (outcome.status, outcome.out) == (2, "")
    assert "another job: parameters is " in outcome.err


def test_more_epochs_under_an_open_schedule_say_what_to_write(cli: Cli) -> None:
    given = ["train", "(w - 3)^2", "--param", "w=0", "--json", "--checkpoint", "run.ckpt", "--resume"]
    assert cli(*given, "--schedule", "warmup(5)+cosine", "--epochs", "50", "--quiet").status == 0
    outcome = cli(*given, "--schedule", "warmup(5)+cosine", "--epochs", "80")
    assert outcome.status == 2
    hint = outcome.err.splitlines()[1]
    assert hint.startswith('hint: to go on with the schedule that it has, write --schedule "warmup(')
    schedule = hint.split('"')[1]
    assert "45" in schedule
    more = cli(*given, "--schedule", schedule, "--epochs", "80", "--quiet")
    assert more.status == 0
    assert json.loads(more.out)["steps"] == 80


def test_a_checkpoint_that_is_written_anew_is_told(cli: Cli) -> None:
    given = ("train", "(w - 3)^2", "--param", "w=0", "--json", "--checkpoint", "run.ckpt")
    assert cli(*given, "--epochs", "7").err.count("note:") == 0
    again = cli(*given, "--epochs", "3")
    assert again.status == 0
    assert again.err.splitlines()[0] == "note: run.ckpt, which held step 7, is written anew; --resume goes on there"
    assert json.loads(Path("run.ckpt").read_text())["step"] == 3
    assert "note:" not in cli(*given, "--epochs", "5", "--resume").err
    assert "note:" not in cli(*given, "--quiet").err


@pytest.mark.parametrize("content", ["my thesis\n", "{}", '{"schema": "gradcli.training/1"}', "[1]"])
def test_a_file_that_is_no_checkpoint_is_not_replaced(content: str, cli: Cli) -> None:
    Path("precious").write_text(content)
    for more in ((), ("--quiet",), ("--resume",)):
        outcome = cli("train", "(w - 3)^2", "--param", "w=0", "--checkpoint", "precious", *more)
        assert (outcome.status, outcome.out) == (2, "")
        assert "precious is not a" in outcome.err
        assert Path("precious").read_text() == content


def test_an_empty_file_holds_nothing_that_could_be_lost(cli: Cli) -> None:
    Path("made").touch()
    outcome = cli("train", "(w - 3)^2", "--param", "w=0", "--checkpoint", "made", "--epochs", "2")
    assert (outcome.status, outcome.err) == (0, "")
    assert json.loads(Path("made").read_text())["step"] == 2


def damaged(**changes: Any) -> None:
    document = json.loads(Path("run.ckpt").read_text())
    Path("run.ckpt").write_text(json.dumps({**document, **changes}))


@pytest.mark.parametrize(
    "changes", [{"row": 400, "batch": 200}, {"row": 1, "batch": 1}, {"step": 7}, {"epoch": 1}, {"row": 4, "batch": 2}]
)
def test_counts_that_are_not_those_of_the_data_and_its_batches(changes: dict[str, int], cli: Cli) -> None:
    assert cli(*command({"of": ()}), *SAVED, "3").status == 0
    damaged(**changes)
    outcome = cli(*command({"of": ()}), *SAVED, "5", "--resume")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("gradcli: run.ckpt is not a whole checkpoint: ")


def test_evaluations_that_are_missing_are_seen(cli: Cli) -> None:
    given = ("train", "(w - 3)^4", "--param", "w=0", "--optimizer", "lbfgs", "--json", *SAVED)
    assert cli(*given, "4").status == 1
    document = json.loads(Path("run.ckpt").read_text())
    damaged(log=document["log"][: document["step"]])
    outcome = cli(*given, "9", "--resume")
    assert (outcome.status, "log: evaluations are missing" in outcome.err) == (2, True)


def test_the_time_before_a_resume_counts(cli: Cli) -> None:
    """A run that has had its ten seconds takes no further step."""
    given = ("train", "(w - 3)^2", "--param", "w=0", "--json", "--quiet", *SAVED, "1000", "--max-time", "10")
    assert cli(*given[:-3], "3", "--max-time", "10").status == 0
    assert 0.0 < json.loads(Path("run.ckpt").read_text())["seconds"] < 10.0
    damaged(seconds=10.0)
    found = json.loads(cli(*given, "--resume").out)
    assert (found["steps"], found["reason"]) == (3, "time")


def test_evaluations_are_stored_for_a_checkpoint_alone(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcli.training.steps import lbfgs

    asked: list[bool] = []
    inner = lbfgs.minimise

    def spied(*given: Any, **named: Any) -> Any:
        asked.append(named["logged"])
        found = inner(*given, **named)
        assert bool(found.state.log) == named["logged"]
        return found

    monkeypatch.setattr(lbfgs, "minimise", spied)
    given = ("train", "(w - 3)^4", "--param", "w=0", "--optimizer", "lbfgs", "--json", "--quiet")
    plain = cli(*given).out
    assert cli(*given, "--checkpoint", "run.ckpt").out == plain
    assert asked == [False, True]

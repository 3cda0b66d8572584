"""gradcli train as a process: interrupted, killed, resumed, on a terminal, at start-up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import GRADCLI, environment, process
from test_terminals import on_terminal

PROGRAM = "h = tanh(x@V + c)\nz = h@w + b\nsoftplus(z) - y*z"
STARTS = ("V=glorot(2,3)", "c=zeros(3)", "w=normal(3)", "b=0")
SHAPED = ("--batch-size", "16", "--shuffle", "--schedule", "warmup(20)+cosine", "--clip", "1", "--validate", "0.2")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Points in four quadrants, of two classes."""
    lines = [f"{x / 7 - 1},{y / 5 - 1},{int((x > 7) != (y > 5))}" for x in range(15) for y in range(11)]
    path = tmp_path / "rows.csv"
    path.write_text("x1,x2,y\n" + "\n".join(lines) + "\n")
    return path


def command(rows: Path, *more: str, program: str = PROGRAM) -> list[str]:
    starts = [part for start in STARTS for part in ("--param", start)]
    return ["train", program, "--data", str(rows), "--map", "x=x1,x2", *starts, "--patience", "100000", *more]


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*GRADCLI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )  # fmt: skip


def wait_for(held: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    """Until something holds, or the process has ended."""
    until = time.monotonic() + 30
    while not held() and running.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)


def step_of(path: Path) -> int:
    return int(json.loads(path.read_text())["step"]) if path.exists() else 0


@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_killed_at_any_step_and_resumed_it_gives_the_same_bytes(optimizer: str, rows: Path, tmp_path: Path) -> None:
    """Five times killed, wherever it is; nothing unfinished stays behind; the documents are equal to the byte."""
    given = command(rows, *SHAPED, "--optimizer", optimizer, "--epochs", "150", "--quiet")
    plain, model, checkpoint = (tmp_path / name for name in ("plain.json", "model.json", "checkpoint"))
    assert process(*given, "-o", str(plain)).returncode == 0
    kills = 0
    for _ in range(5):
        before = step_of(checkpoint)
        running = started(*given, "-o", str(model), "--checkpoint", str(checkpoint), "--every", "1", "--resume")
        wait_for(lambda before=before: step_of(checkpoint) > before + 40, running)  # type: ignore[misc]
        kills += running.poll() is None
        running.kill()
        running.communicate()
    assert kills >= 3
    assert not model.exists()
    done = process(*given, "-o", str(model), "--checkpoint", str(checkpoint), "--every", "50", "--resume")
    assert done.returncode == 0
    assert step_of(checkpoint) == json.loads(plain.read_text())["steps"] == 150 * 9
    assert model.read_bytes() == plain.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "plain.json", "model.json", "checkpoint"}


def test_ctrl_c_ends_after_the_step_with_everything_saved(rows: Path, tmp_path: Path) -> None:
    """Status 130, the result so far and a checkpoint, from which the run goes on as if nothing had been."""
    given = command(rows, "--batch-size", "16", "--shuffle", "--validate", "0.2", "--engine", "numpy")
    model, history, checkpoint = (tmp_path / name for name in ("model.json", "history.csv", "checkpoint"))
    outputs = ("-o", str(model), "--history", str(history), "--checkpoint", str(checkpoint), "--every", "30")
    running = started(*given, "--epochs", "10000000", *outputs)
    wait_for(lambda: step_of(checkpoint) > 0, running)
    running.send_signal(signal.SIGINT)
    told = running.communicate(timeout=30)[1].decode()
    assert running.returncode == 130
    assert "gradcli: interrupted after step" in told
    assert told.count("interrupted") == 1
    assert "Traceback" not in told
    found = json.loads(model.read_text())
    assert found["reason"] == "interrupted"
    assert found["steps"] == step_of(checkpoint) > 0
    assert len(history.read_text().splitlines()) == min(found["epochs"], 10_000) + 1
    epochs = str(found["epochs"] + 3)
    whole = process(*given, "--epochs", epochs, "--json", "--quiet").stdout
    rest = process(*given, "--epochs", epochs, "--json", "--quiet", "--checkpoint", str(checkpoint), "--resume").stdout
    assert rest == whole


def test_a_process_that_is_told_to_end_leaves_nothing_unfinished(rows: Path, tmp_path: Path) -> None:
    model, checkpoint = tmp_path / "model.json", tmp_path / "checkpoint"
    given = command(rows, "--validate", "0.2", "--epochs", "10000000", "-o", str(model))
    running = started(*given, "--checkpoint", str(checkpoint), "--every", "5")
    wait_for(checkpoint.exists, running)
    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=30)[0] == b""
    assert running.returncode == 128 + signal.SIGTERM
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "checkpoint"}


def test_progress_is_seen_on_a_terminal_and_nowhere_else(rows: Path) -> None:
    given = [*command(rows, "--validate", "0.2", "--epochs", "10000000", "--max-time", "1.2"), "--engine", "numpy"]
    status, shown = on_terminal(*given, columns=100)
    assert status == 0
    assert "\repoch " in shown
    assert "of 10,000,000, loss 0." in shown
    assert "steps/s" in shown
    status, shown = on_terminal(*given, "--quiet", columns=100)
    assert status == 0
    assert "steps/s" not in shown
    assert process(*given).stderr == b""


def test_other_commands_do_not_import_it() -> None:
    """Nor does the command's own help need NumPy."""
    script = "import sys; from gradcli.cli.app import run; run(sys.argv[1:]); print(*sys.modules)"
    for words, unwanted in (
        (["eval", "x", "--x", "2"], ("gradcli.training", "numpy", "scipy")),
        (["train", "--help"], ("numpy", "scipy", "pyarrow", "gradcli.training.steps.loop")),
        (["train", "w^2", "--param", "w=1"], ("scipy", "pyarrow", "matplotlib")),
    ):
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(command, capture_output=True, env=environment(), check=True, timeout=60)
        loaded = {*done.stdout.decode().splitlines()[-1].split(" ")}
        assert "gradcli.cli.app" in loaded
        for name in unwanted:
            assert name not in loaded, (words, name)


def test_a_reader_that_is_gone(rows: Path) -> None:
    """The run is done all the same; nobody took its result."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        running = subprocess.Popen(
            [*GRADCLI, *command(rows, "--validate", "0.2", "--epochs", "2", "--quiet")],
            stdout=writer, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        assert running.communicate(timeout=60)[1] == b""
        assert running.returncode == 141
    finally:
        os.close(writer)

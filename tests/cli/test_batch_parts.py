"""`gradcli batch -o DIR/` after a run that ended before its first part."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from outcomes import Cli, Refused
from processes import GRADCLI, environment

MANIFEST = "_gradcli.json"


def test_a_run_that_was_interrupted_before_its_first_part(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    """There is nothing to resume, and nothing that could be lost: the same run simply begins again."""
    out = tmp_path / "out"
    (tmp_path / "in.csv").write_text("x\n" + "1.5\n" * 2_000_000)
    command = ["batch", "sin(x)", str(tmp_path / "in.csv"), "-o", f"{out}/"]
    running = subprocess.Popen([*GRADCLI, *command], env=environment(), stderr=subprocess.PIPE)
    until = time.monotonic() + 30
    while not (out / MANIFEST).exists():
        assert time.monotonic() < until
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    assert (running.communicate(timeout=60)[1], running.returncode) == (b"gradcli: interrupted\n", 130)
    assert [path.name for path in out.iterdir()] == [MANIFEST]
    mark = (out / MANIFEST).read_bytes()
    assert "holds the parts of another job" in refused(*command, "--prefix", "d_")
    assert cli(*command).status == 0
    assert sorted(path.name for path in out.iterdir()) == [MANIFEST, "in-00000.csv"]
    assert (out / MANIFEST).read_bytes() == mark
    assert "holds parts of this job already" in refused(*command)


def test_a_directory_of_parts_is_data(cli: Cli, tmp_path: Path) -> None:
    """Its manifest is no table."""
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("x\n2\n")
    assert cli("batch", "x^2", str(tmp_path / "*.csv"), "-o", f"{tmp_path}/out/").status == 0
    outcome = cli("batch", "value*grad_x", f"{tmp_path}/out", "--only", "--prefix", "d_")
    assert outcome.out == "d_value,d_grad_value,d_grad_grad_x\n" + "16.0,4.0,4.0\n" * 2

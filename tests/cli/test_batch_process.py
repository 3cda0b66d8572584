"""`gradcli batch` as a process: pipes, signals, disks that fill, and outputs in parts."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from batch_tables import read, write
from outcomes import Cli, Refused
from processes import GRADCLI, environment, fails, process, shell
from pyarrow import parquet

from gradcli.batch.looking import look
from gradcli.batch.partitions import parts, run_part
from gradcli.batch.tally import Tally, together
from gradcli.cli.app import run
from gradcli.cli.progress import Progress, clock, line
from gradcli.tables.blocks import Options

ROWS = 20_000


@contextmanager
def started(*arguments: str, **how: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of gradcli, which is gone at the end."""
    running = subprocess.Popen([*GRADCLI, *arguments], env=environment(), stderr=subprocess.PIPE, **how)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        for stream in (running.stdin, running.stdout, running.stderr):
            if stream is not None:
                stream.close()


def a_table(path: Path, rows: int = ROWS, groups: int = 1) -> str:
    """A Parquet file of so many rows in so many groups."""
    numbers = pa.array([float(i % 1000) for i in range(rows)])
    table = pa.table({"x": numbers, "y": numbers})
    parquet.write_table(table, path, row_group_size=-(-rows // groups))
    return str(path)


class TestPipes:
    """Standard input and output."""

    def test_from_a_pipe_to_a_pipe(self) -> None:
        done = process("batch", "x*y", "-", "--from", "ndjson", "--only", stdin=b'{"x":2,"y":3}\n{"x":4,"y":5}')
        assert done.stdout == b'{"value":6.0,"grad_x":3.0,"grad_y":2.0}\n{"value":20.0,"grad_x":5.0,"grad_y":4.0}\n'
        assert done.stderr.startswith(b"2 rows ")
        done = process("batch", "x*y", "-", "--from", "csv", "-q", stdin=b"x,y\n2,3\n")
        assert (done.stdout, done.stderr) == (b"x,y,value,grad_x,grad_y\n2,3,6.0,3.0,2.0\n", b"")

    @pytest.mark.parametrize("kind", ["parquet", "arrow"])
    def test_binary_formats(self, kind: str, tmp_path: Path) -> None:
        data = Path(write(tmp_path / f"in.{kind}", [{"x": 2.0, "y": 3.0}]))
        done = process("batch", "x*y", "-", "--from", kind, stdin=data.read_bytes())
        assert done.returncode == 0, done.stderr
        content = io.BytesIO(done.stdout)
        found = parquet.read_table(content) if kind == "parquet" else pa.ipc.open_stream(content).read_all()
        assert found.to_pylist() == [{"x": 2.0, "y": 3.0, "value": 6.0, "grad_x": 3.0, "grad_y": 2.0}]

    def test_a_pipe_without_rows(self) -> None:
        done = process("batch", "x*y", "-", "--from", "ndjson")
        assert (done.returncode, done.stdout) == (0, b"")
        assert done.stderr.startswith(b"0 rows ")

    def test_standard_input_and_files_together(self, tmp_path: Path) -> None:
        data = write(tmp_path / "in.csv", [{"x": 2.0}])
        done = process("batch", "x^2", data, "-", data, "--from", "csv", "--only", "-q", stdin=b"x\n3\n")
        assert done.stdout == b"value,grad_x\n4.0,4.0\n9.0,6.0\n4.0,4.0\n"

    def test_other_pipes(self) -> None:
        """Every pipe is opened once, whatever it is called."""
        one, other = """<(printf 'x\\n2\\n')""", """<(printf 'x\\n3\\n4\\n')"""
        done = shell(f'"$@" {one} {other} --from csv --only -q', "batch", "x^2")
        assert done.stdout == b"value,grad_x\n4.0,4.0\n9.0,6.0\n16.0,8.0\n", done.stderr
        lists = """<(printf '{"w":[1,2]}\\n')"""
        done = shell(f'"$@" {lists} {lists} --from ndjson --only -q', "batch", "sum(w^2)")
        assert done.stdout == b'{"value":5.0,"grad_w[0]":2.0,"grad_w[1]":4.0}\n' * 2, done.stderr

    @pytest.mark.parametrize("kind", ["ndjson", "csv"])
    def test_a_result_comes_before_the_next_row_is_there(self, kind: str) -> None:
        rows = {"ndjson": b'{"x":%d}\n', "csv": b"%d\n"}[kind]
        command = ("batch", "x^2", "-", "--from", kind, "--only", "--to", "ndjson")
        with started(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            if kind == "csv":
                running.stdin.write(b"x\n")
            waits = []
            for x in range(3):
                begin = time.monotonic()
                running.stdin.write(rows % x)
                running.stdin.flush()
                assert select.select([running.stdout], [], [], 20)[0], "no result within 20 seconds"
                assert json.loads(running.stdout.readline())["value"] == x * x
                waits.append(time.monotonic() - begin)
            assert min(waits[1:]) < 0.2, waits  # the first one waits for the process to start

    def test_a_reader_that_leaves(self) -> None:
        script = 'yes \'{"x": 2}\' | "$@" | head -1; exit ${PIPESTATUS[1]}'
        done = shell(script, "batch", "x", "-", "--from", "ndjson")
        assert done.returncode == 141, done.stderr
        assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")

    def test_a_full_disk(self, tmp_path: Path) -> None:
        data = a_table(tmp_path / "in.parquet")
        for sink in ("csv", "ndjson", "parquet", "arrow"):
            done = process("batch", "x*y", data, "--to", sink, "-o", "/dev/full")
            fails(done, 74, "/dev/full: No space left on device")
        fails(shell('"$@" > /dev/full', "batch", "x*y", data, "--to", "csv"), 74, "No space left on device")

    def test_closed_standard_streams(self, tmp_path: Path) -> None:
        data = write(tmp_path / "in.csv", [{"x": 2.0}])
        fails(shell('"$@" >&-', "batch", "x", data), 74, "standard output is closed")
        fails(shell('"$@" <&-', "batch", "x", "-", "--from", "csv"), 74, "standard input is closed")

    def test_a_pipe_from_ndjson_to_ndjson_imports_no_pyarrow(self) -> None:
        script = (
            "import sys; from gradcli.cli.app import run\n"
            "status = run(sys.argv[1:])\n"
            "print(status, sorted({'pyarrow', 'rich', 'mpmath', 'pandas', 'dask'} & {*sys.modules}), file=sys.stderr)"
        )
        command = [sys.executable, "-c", script, "batch", "tanh(x)/x", "-", "--from", "ndjson", "-q"]
        done = subprocess.run(command, input=b'{"x":0}\n', capture_output=True, env=environment(), check=True)
        assert done.stderr == b"0 []\n"

    @pytest.mark.parametrize("kind", ["csv", "ndjson"])
    def test_the_end_comes_at_once_where_arrow_is_loaded(self, kind: str) -> None:
        """Its threads would abort a Python that takes itself apart; all output is there before."""
        script = (
            "import atexit, os, sys; from gradcli.cli.app import main\n"
            "atexit.register(os.write, 2, b'taken apart')\n"
            "main(sys.argv[1:])"
        )
        command = [sys.executable, "-c", script, "batch", "x^2", "-", "--from", kind, "--only", "--to", "ndjson"]
        rows = {"csv": b"x\n" + b"2\n" * ROWS, "ndjson": b'{"x":2}\n' * ROWS}[kind]
        done = subprocess.run(command, input=rows, capture_output=True, env=environment(), check=True)
        assert done.stdout == b'{"value":4.0,"grad_x":4.0}\n' * ROWS
        assert done.stderr.startswith(b"20,000 rows ")
        assert (b"taken apart" in done.stderr) == (kind == "ndjson")
        failed = subprocess.run(
            [*command, "--on-error", "fail"], input=b"x\nq\n", capture_output=True, env=environment()
        )
        assert failed.returncode == 2
        assert failed.stderr.endswith(b"taken apart" if kind == "ndjson" else b"leaves them out\n")


class TestSignals:
    """A run that is told to end, or killed, leaves nothing that looks complete."""

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    @pytest.mark.parametrize("source", ["pipe", "file"])
    def test_what_is_unfinished_is_taken_away(self, source: str, number: int, status: int, tmp_path: Path) -> None:
        out = tmp_path / "out.ndjson"
        data = "-" if source == "pipe" else a_table(tmp_path / "in.parquet", 2_000_000)
        how = {"stdin": subprocess.PIPE} if source == "pipe" else {}
        kind = "ndjson" if source == "pipe" else "parquet"
        with started("batch", "x^2", data, "--from", kind, "-o", str(out), **how) as running:
            if running.stdin is not None:
                running.stdin.write(b'{"x":1}\n')
                running.stdin.flush()
            unfinished(tmp_path)
            running.send_signal(number)
            told = running.communicate(timeout=60)[1]
            assert running.returncode == status, told
        assert told in ((b"gradcli: interrupted\n",) if status == 130 else (b"",))
        assert [path.name for path in tmp_path.iterdir()] == ([] if source == "pipe" else ["in.parquet"])

    def test_killed_at_any_moment(self, tmp_path: Path) -> None:
        """The output is absent or complete; the next run takes the remains away."""
        data, out = a_table(tmp_path / "in.parquet", 200_000), tmp_path / "out.parquet"
        command = ("batch", "sin(x)*y", data, "-o", str(out))
        begin = time.monotonic()
        assert process(*command).returncode == 0
        whole, seconds = out.read_bytes(), time.monotonic() - begin
        moments, killed, remained = random.Random(7), 0, 0
        for turn in range(20):
            out.unlink(missing_ok=True)
            with started(*command) as running:
                if turn % 2:  # half of them while rows are being written
                    unfinished(tmp_path)
                    time.sleep(moments.uniform(0, seconds / 4))
                else:
                    time.sleep(moments.uniform(0, seconds))
                running.kill()
                running.wait()
                killed += running.returncode == -signal.SIGKILL
            assert not out.exists() or out.read_bytes() == whole
            remained += len(hidden(tmp_path))
        assert killed >= 5
        assert remained, "no kill came while there was something unfinished"
        assert process(*command).returncode == 0
        assert out.read_bytes() == whole
        assert hidden(tmp_path) == []


def hidden(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.name.startswith(".")]


def unfinished(directory: Path) -> None:
    """Wait until a run has begun its output."""
    until = time.monotonic() + 30
    while not hidden(directory):
        assert time.monotonic() < until, "nothing was begun"
        time.sleep(0.002)


class TestParts:
    """-o DIR/: a file per input file or group of rows."""

    def test_names_and_content(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        a_table(tmp_path / "in" / "b.parquet", 9, 3)
        a_table(tmp_path / "in" / "c.parquet", 4)
        outcome = cli("batch", "x*y", str(tmp_path / "in"), "-o", f"{tmp_path}/out/")
        assert outcome.err.startswith("13 rows ")
        names = ["_gradcli.json", *(f"b-0000{i}.parquet" for i in range(3)), "c-00003.parquet"]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
        found = [row for name in names[1:] for row in read(tmp_path / "out" / name)]
        assert cli("batch", "x*y", str(tmp_path / "in"), "-o", str(tmp_path / "whole.parquet")).status == 0
        assert found == read(tmp_path / "whole.parquet")
        manifest = json.loads((tmp_path / "out" / "_gradcli.json").read_text())
        assert manifest["schema"] == "gradcli.parts/1"
        assert [part["name"] for part in manifest["parts"]] == names[1:]

    def test_text_to_an_existing_directory(self, cli: Cli, tmp_path: Path) -> None:
        data = [write(tmp_path / f"{name}.csv", [{"x": 1.0}]) for name in "ab"]
        (tmp_path / "out").mkdir()
        assert cli("batch", "x", *data, "--to", "ndjson", "-o", str(tmp_path / "out")).status == 0
        assert (tmp_path / "out" / "b-00001.ndjson").read_text() == '{"x":1.0,"value":1.0,"grad_x":1.0}\n'

    def test_resume_computes_what_is_not_there(self, cli: Cli, refused: Refused, tmp_path: Path) -> None:
        data, out = a_table(tmp_path / "in.parquet", 1000, 4), tmp_path / "out"
        command = ("batch", "x*y", data, "-o", f"{out}/")
        assert cli(*command).status == 0
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        assert "holds parts of this job already" in refused(*command)
        (out / "in-00002.parquet").unlink()
        kept = (out / "in-00001.parquet").stat().st_mtime_ns
        outcome = cli(*command, "--resume")
        assert outcome.err.startswith("250 rows ")
        assert "; 3 parts were complete already" in outcome.err
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        assert (out / "in-00001.parquet").stat().st_mtime_ns == kept
        assert cli(*command, "--resume").err.startswith("0 rows ")
        assert "parts of another job" in refused("batch", "x+y", data, "-o", f"{out}/", "--resume")
        a_table(Path(data), 1004, 4)
        assert "parts of another job" in refused(*command, "--resume")

    def test_a_directory_of_somebody_else(self, refused: Refused, tmp_path: Path) -> None:
        data = a_table(tmp_path / "in.parquet", 10)
        assert "is not empty" in refused("batch", "x", data, "-o", f"{tmp_path}/")
        assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "_gradcli.json").write_text("[]")
        assert "parts of another job" in refused("batch", "x", data, "-o", f"{tmp_path}/out/", "--resume")

    def test_killed_and_resumed(self, tmp_path: Path) -> None:
        """What is there is complete, and the end is the same as of a run that nobody killed."""
        data = a_table(tmp_path / "in.parquet", 400_000, 16)
        command = ("batch", "sin(x)*y", data, "--to", "csv", "-o")
        assert process(*command, f"{tmp_path}/whole/").returncode == 0
        whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
        out, moments, resume = tmp_path / "out", random.Random(3), []
        for _ in range(4):
            with started(*command, f"{out}/", *resume) as running:
                until = time.monotonic() + 30
                while not out.exists() or not (out / "_gradcli.json").exists():
                    assert time.monotonic() < until
                    time.sleep(0.002)
                time.sleep(moments.uniform(0, 0.3))
                running.kill()
                running.wait()
            resume = ["--resume"]
            for path in out.iterdir():
                assert path.name.startswith(".") or path.read_bytes() == whole[path.name]
        assert process(*command, f"{out}/", "--resume").returncode == 0
        assert {path.name: path.read_bytes() for path in out.iterdir()} == whole

    def test_a_bad_row_ends_the_run_and_its_part_is_not_there(self, refused: Refused, tmp_path: Path) -> None:
        for name, x in (("a", "1"), ("b", "q"), ("c", "3")):
            (tmp_path / f"{name}.csv").write_text(f"x\n{x}\n")
        message = refused("batch", "x", str(tmp_path / "*.csv"), "-o", f"{tmp_path}/out/")
        assert "b.csv, row 1, column x" in message
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_gradcli.json", "a-00000.csv"]

    def test_rejects_in_parts(self, cli: Cli, refused: Refused, tmp_path: Path) -> None:
        for name, x in (("a", "1"), ("b", "q")):
            (tmp_path / f"{name}.csv").write_text(f"x\n{x}\n")
        command = ("batch", "x", str(tmp_path / "*.csv"), "-o", f"{tmp_path}/out/", "--on-error", "skip", "--rejects")
        assert "--rejects DIR/" in refused(*command, str(tmp_path / "bad.csv"))
        assert cli(*command, f"{tmp_path}/bad/").status == 0
        assert (tmp_path / "bad" / "b-00001.csv").read_text().splitlines()[1].endswith("b.csv,1,x,q,q")

    def test_standard_input_has_no_parts(self, tmp_path: Path) -> None:
        fails(
            process("batch", "x", "-", "--from", "csv", "-o", f"{tmp_path}/out/", stdin=b"x\n1\n"),
            2,
            "a pipe has no parts",
        )
        assert not (tmp_path / "out").exists()


def test_a_job_travels(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets a job and a part as bytes writes the file that the run itself writes."""
    data = a_table(tmp_path / "in.parquet", 100, 2)
    seen = []
    monkeypatch.setattr(
        "gradcli.batch.partitions.run_part", lambda job, part, *more: (seen.append((job, part)), Tally())[1]
    )
    command = ["batch", "sum(w*[x, y])", data, "--w", "[2, 3]", "--wrt", "w,x", "-o"]
    assert run([*command, f"{tmp_path}/one/"]) == 0
    monkeypatch.undo()
    assert run([*command, f"{tmp_path}/two/"]) == 0
    tallies = [run_part(*pickle.loads(pickle.dumps(piece))) for piece in seen]
    assert together(tallies).rows == 100
    for name in ("in-00000.parquet", "in-00001.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert [part.target for part in parts(look([data], Options()), "d", "csv")] == ["d/in-00000.csv", "d/in-00001.csv"]


class TestProgress:
    """The line that is written over."""

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    def test_a_line(self) -> None:
        assert line(1_234_567, 0.5, 2.0) == "1,234,567 rows, 50 %, 617,284 rows/s, 0:02 left"
        assert line(10, None, 1.0) == "10 rows, 10 rows/s"
        assert clock(3723.4) == "1:02:03"
        assert len(line(10**30, 0.001, 1e9)) <= 79

    def test_it_is_shown_late_seldom_and_erased(self, monkeypatch: pytest.MonkeyPatch) -> None:
        screen, now = self.Screen(), [0.0]
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr("gradcli.cli.progress.monotonic", lambda: now[0])
        with Progress() as progress:
            for step in range(100):
                now[0] = step / 100
                progress(step, step / 100)
        shown = screen.getvalue().split("\r")
        assert [text.split(" rows")[0] for text in shown[1:6]] == ["50", "60", "70", "80", "90"]
        assert set(shown[6]) == {" "}, "erased"
        assert shown[7] == ""

    def test_a_short_run_and_a_file_get_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for screen in (self.Screen(), io.StringIO()):
            monkeypatch.setattr("sys.stderr", screen)
            with Progress() as progress:
                progress(10, 0.5)
            assert screen.getvalue() == ""

    def test_on_a_real_terminal(self) -> None:
        """It appears after half a second, and only the summary stays."""
        master, slave = os.openpty()
        try:
            command = [*GRADCLI, "batch", "x", "-", "--from", "ndjson", "--only"]
            running = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=slave, env=environment()
            )
            assert running.stdin is not None
            told = b""
            until = time.monotonic() + 30
            while b"rows/s" not in told:
                assert time.monotonic() < until, told
                running.stdin.write(b'{"x":1}\n')
                running.stdin.flush()
                if select.select([master], [], [], 0.1)[0]:
                    told += os.read(master, 10_000)
            running.stdin.close()
            assert running.wait(30) == 0
            while select.select([master], [], [], 0.1)[0]:
                told += os.read(master, 10_000)
        finally:
            os.close(master)
            os.close(slave)
        *_, erased, last = told.rstrip(b"\r\n").split(b"\r")
        assert erased.strip() == b""
        assert b" per second, numpy engine)" in last

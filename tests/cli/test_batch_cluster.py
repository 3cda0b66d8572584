"""`gradcli batch --workers` and `--scheduler` as processes: killed, interrupted, resumed, always the same bytes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters import Cluster, alive, children, cluster, until
from outcomes import Cli, Refused
from processes import GRADCLI, environment, fails, process
from pyarrow import parquet, table

PARTS, ROWS = 16, 24_000  # rows of a part
PROGRAM = "+".join(f"sin(x*{i})*exp(y/{i + 1})" for i in range(90))  # a tenth of a second and more for a part
ENGINE = ("--engine", "numpy")
Contents = dict[str, bytes]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and with what a run without workers makes of it."""
    folder = tmp_path_factory.mktemp("data")
    numbers = [(i * 7919 % 10_007) / 5003.5 - 1 for i in range(PARTS * ROWS)]
    parquet.write_table(table({"x": numbers, "y": numbers[::-1]}), folder / "in.parquet", row_group_size=ROWS)
    done = subprocess.run(command("alone/"), cwd=folder, env=environment(), capture_output=True, check=True)
    assert done.stderr.startswith(f"{PARTS * ROWS:,} rows ".encode())
    return folder


@pytest.fixture
def alone(here: Path) -> Contents:
    return contents(here / "alone")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers of two threads each, one with a nanny and one without, in a folder of their own."""
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        found.worker("--no-nanny", "--nthreads", "2")
        found.worker("--nanny", "--nthreads", "2")
        yield found


def command(out: str | Path, *more: str, program: str = PROGRAM, data: str = "in.parquet") -> list[str]:
    return [*GRADCLI, "batch", program, data, "-o", f"{out}/", *ENGINE, *more]


def contents(folder: Path) -> Contents:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def finished(folder: Path) -> list[str]:
    """The parts that are there."""
    return sorted(path.name for path in folder.glob("in-*")) if folder.exists() else []


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@contextmanager
def begun(here: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has finished its first part; gone at the end."""
    running = subprocess.Popen(command(out, *more), cwd=here, env=environment(), stderr=subprocess.PIPE)
    try:
        until(lambda: finished(out) or running.poll() is not None)
        assert len(finished(out)) < PARTS - 2, "too late to be the middle"
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def ended(running: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    told = running.communicate(timeout=60)[1]
    return running.returncode, told


def the_same(out: Path, here: Path, alone: Contents) -> None:
    """Complete and identical; nothing else is there, and nothing new beside the data."""
    assert contents(out) == alone
    assert sorted(path.name for path in here.iterdir()) == ["alone", "in.parquet"]


class TestOwnWorkers:
    """--workers 2."""

    def test_the_same_bytes_and_the_same_words(self, here: Path, out: Path, alone: Contents) -> None:
        done = subprocess.run(command(out, "--workers", "2"), cwd=here, env=environment(), capture_output=True)
        assert done.returncode == 0, done.stderr
        summary = rb"384,000 rows in [0-9.]+ s \([0-9,]+ per second, numpy engine\)\n"
        assert re.fullmatch(summary, done.stderr), done.stderr
        the_same(out, here, alone)

    def test_a_killed_worker_costs_no_rows(self, here: Path, out: Path, alone: Contents) -> None:
        with begun(here, out, "--workers", "2") as running:
            os.kill(children(running.pid)[0], signal.SIGKILL)
            status, told = ended(running)
        assert status == 0, told
        assert told.startswith(b"384,000 rows ")
        assert told.count(b"\n") == 1
        the_same(out, here, alone)

    @pytest.mark.parametrize(("number", "to"), [(signal.SIGINT, "all"), (signal.SIGTERM, "one")])
    def test_interrupted(self, here: Path, out: Path, alone: Contents, number: signal.Signals, to: str) -> None:
        """A terminal sends Ctrl-C to all processes; `kill` means one. No word but ours, and nobody stays."""
        with begun(here, out, "--workers", "2") as running:
            workers = children(running.pid)
            assert len(workers) == 2
            for process in [*(workers if to == "all" else ()), running.pid]:
                os.kill(process, number)
            status, told = ended(running)
        assert (status, told) == ((130, b"gradcli: interrupted\n") if number == signal.SIGINT else (143, b""))
        assert hidden(out) == []
        until(lambda: not any(map(alive, workers)))
        whole = contents(out)
        assert whole.items() <= alone.items()
        assert len(whole) < len(alone)

    def test_a_killed_run_ends_its_workers_and_is_resumed(self, here: Path, out: Path, alone: Contents) -> None:
        with begun(here, out, "--workers", "2") as running:
            workers = children(running.pid)
            running.kill()
            assert ended(running)[0] == -signal.SIGKILL
        until(lambda: not any(map(alive, workers)))
        there = finished(out)
        assert len(there) < PARTS
        before = {name: (out / name).stat().st_mtime_ns for name in there}
        done = subprocess.run(
            command(out, "--workers", "2", "--resume"), cwd=here, env=environment(), capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert f"{len(there)} part".encode() in done.stderr
        assert {name: (out / name).stat().st_mtime_ns for name in there} == before
        the_same(out, here, alone)

    def test_a_bad_row_is_told_as_on_one_machine(self, tmp_path: Path, out: Path) -> None:
        for place in range(6):
            cells = "\n".join(["1"] * 2000 + ["no"] * (place in (2, 4)))
            (tmp_path / f"in{place}.csv").write_text(f"x\n{cells}\n")
        one = process("batch", "x", str(tmp_path / "*.csv"), "-o", f"{tmp_path}/one/")
        two = process("batch", "x", str(tmp_path / "*.csv"), "-o", f"{out}/", "--workers", "2")
        fails(two, 2, "in2.csv, row 2,001, column x")
        assert two.stderr == one.stderr
        assert {"in0-00000.csv", "in1-00001.csv"} <= {path.name for path in out.iterdir()}
        assert "in2-00002.csv" not in {path.name for path in out.iterdir()}
        assert hidden(out) == []

    def test_counts_and_rejects_of_all_parts(self, tmp_path: Path) -> None:
        for place in range(4):
            (tmp_path / f"in{place}.csv").write_text(f"x\n{place}\nno\n\n-1\n")
        how = ("batch", "sqrt(x)", str(tmp_path / "*.csv"), "--on-error", "skip", "--rejects")
        told, made = [], []
        for name, more in (("one", ()), ("two", ("--workers", "2"))):
            done = process(*how, f"{tmp_path}/bad-{name}/", "-o", f"{tmp_path}/{name}/", *more)
            assert done.returncode == 0, done.stderr
            told.append(re.sub(rb"(?: in \S+ s)? \((?:\S+ per second, )?", b" (", done.stderr))
            made.append((contents(tmp_path / name), contents(tmp_path / f"bad-{name}")))
        assert told[0] == told[1]
        assert b"4 bad, left out; 5 not finite" in told[1]
        assert made[0] == made[1]

    def test_progress_on_a_terminal(self, here: Path, out: Path) -> None:
        master, slave = os.openpty()
        try:
            words = command(out, "--workers", "1")
            running = subprocess.Popen(words, cwd=here, env=environment(), stderr=slave)
            assert running.wait(60) == 0
            told = os.read(master, 1 << 20)
        finally:
            os.close(master)
            os.close(slave)
        assert re.search(rb"\r[0-9,]+ rows, [0-9]+ %, [0-9,]+ rows/s", told), told
        assert told.rstrip(b"\r\n").split(b"\r")[-1].startswith(b"384,000 rows ")


class TestScheduler:
    """--scheduler, with workers that others have started."""

    def test_the_same_bytes(self, here: Path, out: Path, alone: Contents, lasting: Cluster) -> None:
        """By workers of several threads, in another directory."""
        how = ("--scheduler", lasting.address)
        done = subprocess.run(command(out, *how), cwd=here, env=environment(), capture_output=True)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(rb"384,000 rows [^\n]*\n", done.stderr), done.stderr
        the_same(out, here, alone)
        assert {path.name for path in lasting.folder.iterdir()} == {"scheduler.json", "scratch", "told.txt"}

    def test_a_killed_worker_costs_no_rows(self, here: Path, out: Path, alone: Contents, tmp_path: Path) -> None:
        with cluster(tmp_path / "cluster") as found:
            first = found.worker("--no-nanny", "--nthreads", "1")
            found.worker("--no-nanny", "--nthreads", "1")
            with begun(here, out, "--scheduler", found.address) as running:
                first.kill()
                status, told = ended(running)
        assert status == 0, told
        assert told.startswith(b"384,000 rows ")
        assert told.count(b"\n") == 1
        the_same(out, here, alone)

    def test_a_scheduler_that_goes_is_told_at_once(self, here: Path, out: Path, tmp_path: Path) -> None:
        with cluster(tmp_path / "cluster") as found:
            found.worker("--no-nanny", "--nthreads", "1")
            with begun(here, out, "--scheduler", found.address) as running:
                found.scheduler.kill()
                status, told = ended(running)
        assert status == 74
        assert told.startswith(b"gradcli: the scheduler has gone")
        assert told.count(b"\n") == 2

    def test_rejects_call_the_data_as_they_were_given(self, tmp_path: Path, lasting: Cluster) -> None:
        """Workers have another directory, and get whole paths; what they write is as without them."""
        for place in range(2):
            (tmp_path / f"in{place}.csv").write_text("x\n1\nno\n")
        how = ("batch", "x", "in0.csv", "in1.csv", "--on-error", "skip")
        made = []
        for name, more in (("one", ()), ("two", ("--scheduler", lasting.address))):
            words = [*GRADCLI, *how, "--rejects", f"bad-{name}/", "-o", f"{name}/", *more]
            done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True)
            assert done.returncode == 0, done.stderr
            made.append(contents(tmp_path / f"bad-{name}"))
        assert made[0] == made[1]
        assert sorted(made[1].values())[0].endswith(b"\nin0.csv,2,x,no,no\n")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_ended_and_resumed(
        self, here: Path, out: Path, alone: Contents, lasting: Cluster, number: signal.Signals
    ) -> None:
        """The workers stay, but nobody goes on with a part that is not wanted, and nothing unfinished is left."""
        how = ("--scheduler", lasting.address)
        with begun(here, out, *how) as running:
            running.send_signal(number)
            status, told = ended(running)
        wanted = {signal.SIGINT: (130, b"gradcli: interrupted\n"), signal.SIGTERM: (143, b"")}
        assert (status, told) == wanted.get(number, (-signal.SIGKILL, b""))
        until(lambda: not hidden(out))
        assert len(finished(out)) < PARTS
        done = subprocess.run(command(out, *how, "--resume"), cwd=here, env=environment(), capture_output=True)
        assert done.returncode == 0, done.stderr
        assert b"complete already" in done.stderr
        the_same(out, here, alone)

    def test_a_bad_row_is_told_as_on_one_machine(self, tmp_path: Path, lasting: Cluster) -> None:
        """By the name that the person gave, though the workers know the file by another one."""
        (tmp_path / "in.csv").write_text("x\n1\nno\n")
        told = []
        for name, more in (("one", ()), ("two", ("--scheduler", lasting.address))):
            words = [*GRADCLI, "batch", "x", "in.csv", "-o", f"{name}/", *more]
            done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True)
            fails(done, 2, "in.csv, row 2, column x")
            told.append(done.stderr)
        assert told[0] == told[1]

    def test_a_worker_without_a_compiler_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("x\n1\n")
        with cluster(tmp_path / "cluster") as found:
            found.worker("--no-nanny", PATH=str(tmp_path), CC="")
            how = ("--engine", "native", "--scheduler", found.address)
            done = process("batch", "x^2", str(tmp_path / "in.csv"), "-o", f"{tmp_path}/out/", *how)
        fails(done, 2, "gradcli: the worker tcp://127.0.0.1:", "needs a C compiler", "hint: --engine numpy")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["_gradcli.json"]


class TestUsage:
    """What is wrong with the command line is told before anything is written."""

    @pytest.mark.parametrize("how", [("--workers", "2"), ("--scheduler", "tcp://127.0.0.1:1")])
    def test_only_parts_can_be_handed_out(self, how: tuple[str, str], refused: Refused, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("x\n1\n")
        for output in ((), ("-o", f"{tmp_path}/out.csv")):
            message = refused("batch", "x", f"{tmp_path}/in.csv", *output, *how)
            assert f"{how[0]} needs an output in parts" in message
            assert "hint: write -o DIR/" in message
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]

    def test_one_way_only(self, refused: Refused, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("x\n1\n")
        how = ("--workers", "2", "--scheduler", "tcp://127.0.0.1:1")
        assert "--workers and --scheduler" in refused(
            "batch", "x", f"{tmp_path}/in.csv", "-o", f"{tmp_path}/out/", *how
        )
        assert not (tmp_path / "out").exists()

    def test_no_scheduler_and_no_address(self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gradcli.batch.cluster.members.ANSWER", 1)
        (tmp_path / "in.csv").write_text("x\n1\n")
        words = ("batch", "x", f"{tmp_path}/in.csv", "-o", f"{tmp_path}/out/", "--scheduler")
        for address, status in (("here", 2), ("tcp://127.0.0.1:1", 74)):
            outcome = cli(*words, address)
            assert (outcome.status, outcome.out) == (status, "")
            assert outcome.err.count("\n") == 2
            assert address in outcome.err
        assert not (tmp_path / "out").exists()

    def test_without_dask(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("x\n1\n")
        script = "import sys; sys.modules['distributed'] = None; from gradcli.cli.app import main; main()"
        words = ["batch", "x", f"{tmp_path}/in.csv", "-o", f"{tmp_path}/out/", "--workers", "2"]
        done = subprocess.run([sys.executable, "-c", script, *words], env=environment(), capture_output=True)
        fails(done, 2, "computing on workers needs the extra dask", 'hint: pip install "gradcli[dask]"')
        assert not (tmp_path / "out").exists()

    def test_nothing_to_do_starts_nobody(self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "in.csv").write_text("x\n1\n")
        words = ("batch", "x", f"{tmp_path}/in.csv", "-o", f"{tmp_path}/out/")
        assert cli(*words).status == 0
        monkeypatch.setattr("gradcli.batch.cluster.own", None)
        outcome = cli(*words, "--workers", "2", "--resume")
        assert outcome.status == 0
        assert "1 part was complete already" in outcome.err

"""Parts on a cluster, against a real scheduler with real workers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import Cluster, cluster, until

from gradcli.batch.cluster import Company, Where, handing, members
from gradcli.batch.job import Feed, Job
from gradcli.batch.partitions import Part, run_part
from gradcli.errors import DataError, GradcliError, StreamError, UsageError

JOB = Job(
    program="x^2", of=None, values=(), shapes=(), feeds=(Feed("x", "x"),), wrt=("x",), names=("value", "grad_x"),
    kept=None, keep="columns", typed=False, on_error="fail", engine="numpy", threads=None, nulls=(), source=None,
    sink="csv", max_gates=1000,
)  # fmt: skip


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of a worker with three threads."""
    with cluster(tmp_path_factory.mktemp("one")) as found:
        found.worker("--no-nanny", "--nthreads", "3")
        yield found


def the_parts(folder: Path, cells: list[str]) -> list[Part]:
    """A file of a row for each cell, and where its part goes."""
    found = []
    for place, cell in enumerate(cells):
        path = folder / f"in{place}.csv"
        path.write_text(f"x\n{cell}\n")
        found.append(Part(str(path), None, str(folder / f"out{place}.csv")))
    return found


def company(found: Cluster) -> Company:
    return Company(Where(found.address))


def test_tallies_are_in_the_order_of_the_parts_and_the_watch_hears_of_all(one: Cluster, tmp_path: Path) -> None:
    parts = the_parts(tmp_path, ["\n".join("1" * (place + 1)) for place in range(10)])
    heard: list[tuple[int, float | None]] = []
    with company(one) as some:
        tallies = some.tallies(JOB, parts, lambda rows, share: heard.append((rows, share)))
        assert some.tallies(JOB, []) == []
    assert [tally.rows for tally in tallies] == [*range(1, 11)]
    assert heard[-1] == (55, 1.0)
    assert heard == sorted(heard)
    for part in parts:
        here = part._replace(target=f"{part.target}.here")
        run_part(JOB, here)
        assert Path(part.target).read_bytes() == Path(here.target).read_bytes()


def test_of_several_bad_parts_the_first_one_is_told(one: Cluster, tmp_path: Path) -> None:
    """As if they were computed one after the other; all before it are there."""
    cells = ["1\n" * 20_000 + "1"] * 4 + ["no"] + ["1"] * 4 + ["nor this"] * 4
    parts = the_parts(tmp_path, cells)
    with company(one) as some, pytest.raises(DataError) as told:
        some.tallies(JOB, parts)
    with pytest.raises(DataError) as alone:
        run_part(JOB, parts[4])
    assert str(told.value) == str(alone.value)
    assert all(Path(part.target).exists() for part in parts[:4])
    assert not any(Path(part.target).exists() for part in [parts[4], *parts[9:]])


def test_a_part_that_nobody_wants_any_more_ends(one: Cluster, tmp_path: Path) -> None:
    """In the middle: what it has written is taken away, and it never gets its name."""
    parts = the_parts(tmp_path, ["1\n" * 2_000_000 + "no", "1\n" * 12_000_000 + "1"])
    begun: list[Path] = []
    looking = threading.Thread(target=lambda: begun.extend(until(lambda: [*tmp_path.glob(".out1.csv.*")])))
    looking.start()
    with company(one) as some, pytest.raises(DataError, match="row 2,000,001"):
        some.tallies(JOB, parts)
    looking.join()
    assert begun
    until(lambda: not [*tmp_path.glob(".*")])
    assert not Path(parts[1].target).exists()


def test_messages_call_files_as_they_were_called(one: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are in another directory, and get other names."""
    parts = [part._replace(path=os.path.basename(part.path)) for part in the_parts(tmp_path, ["1", "no", "1"])]
    monkeypatch.chdir(tmp_path)
    with company(one) as some:
        with pytest.raises(GradcliError) as told:
            some.tallies(JOB, parts)
        assert told.value.message.startswith("in1.csv, row 1, column x")
        Path("in1.csv").unlink()
        with pytest.raises(StreamError) as missing:
            some.tallies(JOB, parts)
        assert missing.value.message == "in1.csv: No such file or directory"


def test_reading_that_fails_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(
        "from gradcli.batch.cluster import worker\n"
        "from gradcli.batch.partitions import run_part\n"
        "from gradcli.errors import StreamError\n"
        "tries = []\n"
        "def fails(job, part, *more):\n"
        "    tries.append(part)\n"
        "    if len(tries) < 3:\n"
        "        raise StreamError(f'{part.path}: the disk is away')\n"
        "    return run_part(job, part, *more)\n"
        "worker.run_part = fails\n"
    )
    parts = the_parts(tmp_path, ["1"])
    with cluster(tmp_path / "cluster") as found:
        found.worker("--no-nanny", "--nthreads", "1", "--preload", str(tmp_path / "fails.py"))
        with company(found) as some:
            assert some.tallies(JOB, parts)[0].rows == 1
    assert Path(parts[0].target).read_text() == "x,value,grad_x\n1,1.0,2.0\n"


# What Python runs as it starts: from there on the package is not installed.
WITHOUT_GRADCLI = """
import importlib.metadata as metadata
found = metadata.version
def version(name):
    if name == "gradcli":
        raise metadata.PackageNotFoundError(name)
    return found(name)
metadata.version = version
"""


class TestWhoIsThere:
    """A scheduler that is none, no workers, workers that are others."""

    @pytest.mark.parametrize(
        "address", ["", "nonsense", "tcp://", "tcp://here", "here:x", "no://where:1", "a b:1", "/:1"]
    )
    def test_no_address(self, address: str) -> None:
        with pytest.raises(UsageError, match="is not the address of a scheduler"), Company(Where(address)):
            pass

    @pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "tcp://127.0.0.1:99999", "ws://[::1]:1"])
    def test_no_scheduler(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(members, "ANSWER", 1)
        with pytest.raises(StreamError, match="no scheduler answers at") as told, Company(Where(address)):
            pass
        assert len(told.value.message) < 300

    def test_no_workers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(members, "ARRIVAL", 1)
        with cluster(tmp_path) as found, pytest.raises(StreamError, match="has no workers"), company(found):
            pass

    def test_the_last_worker_goes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(handing, "ABSENCE", 2)
        parts = the_parts(tmp_path, ["1\n" * 300_000 + "1"] * 40)
        with cluster(tmp_path / "cluster") as found:
            worker = found.worker("--no-nanny", "--nthreads", "1")
            with company(found) as some:

                def kill() -> None:
                    until(Path(parts[0].target).exists)
                    worker.kill()

                killer = threading.Thread(target=kill)
                killer.start()
                with pytest.raises(StreamError, match="there are no workers any more"):
                    some.tallies(JOB, parts)
                killer.join()
        assert not Path(parts[-1].target).exists()

    def test_another_version(self, one: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Told of the worker by its address, also if it came when the others had been asked."""
        for module in (members, handing):
            monkeypatch.setattr(module, "versions", lambda: {"gradcli": "99.1"})
        with pytest.raises(UsageError, match=r"has gradcli 0\.\S+, this machine gradcli 99\.1"), company(one):
            pass
        monkeypatch.setattr(members, "_check", lambda client: None)
        with company(one) as some, pytest.raises(UsageError, match=r"the worker tcp://127\S+ has gradcli"):
            some.tallies(JOB, the_parts(tmp_path, ["1"]))

    def test_no_gradcli(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "sitecustomize.py").write_text(WITHOUT_GRADCLI)
        with cluster(tmp_path / "cluster") as found:
            found.worker("--no-nanny", PYTHONPATH=str(tmp_path / "other"))
            told = r"the worker tcp://127\S+ has no gradcli, this machine"
            with pytest.raises(UsageError, match=told), company(found):
                pass

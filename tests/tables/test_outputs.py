"""Outputs appear under their name when they are complete, or not at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from gradcli import atomic
from gradcli.errors import StreamError
from gradcli.tables import FORMATS, places
from gradcli.tables.outputs import Output, Sink
from gradcli.tables.writing import open_writer

ROOT = Path(__file__).parents[2]

# Writes rows without end, or as many as told, and says when the first are written.
WRITER = """
import sys
import numpy as np
from gradcli.errors import GradcliError
from gradcli.tables.outputs import Output
from gradcli.tables.writing import open_writer

path, format, blocks = sys.argv[1], sys.argv[2], int(sys.argv[3])
numbers = {"value": np.random.default_rng(0).normal(size=50_000)}
try:
    with Output(path) as output:
        writer = open_writer(output.sink, format, None, ["value"])
        while blocks:
            writer.write(None, numbers, None)
            writer.flush()
            print("writing", file=sys.stderr, flush=True)
            blocks -= 1
        writer.close()
except GradcliError as error:
    print(type(error).__name__, error, file=sys.stderr)
    sys.exit(error.status)
except BrokenPipeError:
    sys.exit(141)
"""


def process(path: str, format: str, blocks: int, before: str = "", **how: Any) -> subprocess.Popen[bytes]:
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": ROOT} | how
    return subprocess.Popen([sys.executable, "-c", before + WRITER, path, format, str(blocks)], **how)


def ended(running: subprocess.Popen[bytes]) -> tuple[int, str]:
    told = running.communicate(timeout=60)[1].decode().replace("writing\n", "")
    return running.returncode, told


def begun(running: subprocess.Popen[bytes]) -> None:
    assert running.stderr is not None
    assert running.stderr.readline() == b"writing\n"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put(path: Path | str, content: bytes = b"new", **options: Any) -> None:
    with Output(str(path), **options) as output:
        output.sink.write(content)


def fail(path: Path | str, error: BaseException) -> None:
    """Write half of something, then fail."""
    with Output(str(path)) as output:
        output.sink.write(b"half")
        raise error


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with Output(str(tmp_path / "out.csv")) as output:
        output.sink.write(b"a\n")
        output.sink.flush()
        (unfinished,) = names(tmp_path)
        assert unfinished.startswith(".out.csv.gradcli-")
        assert unfinished.endswith(".part")
        output.sink.write(b"1\n")
    assert names(tmp_path) == ["out.csv"]
    assert (tmp_path / "out.csv").read_bytes() == b"a\n1\n"


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), SystemExit(143), StreamError("elsewhere")])
def test_an_exception_leaves_what_was_there(error: BaseException, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        with pytest.raises(type(error)) as caught:
            fail(tmp_path / name, error)
        assert caught.value is error
    assert names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.csv", "out.csv.gz", "out.csv.zst"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_a_signal_while_something_is_written(name: str, error: BaseException, tmp_path: Path) -> None:
    """It reaches the caller as it is, through Arrow and through what compresses, and nothing is left."""

    def write() -> None:
        with Output(str(tmp_path / name)) as output:
            writer = open_writer(output.sink, name.split(".")[1], None, ["v"])
            output.file.target.write = signalled
            for _ in range(10):
                writer.write(None, {"v": np.random.default_rng(0).normal(size=200_000)}, None)
            writer.close()

    def signalled(piece: Any) -> int:
        raise error

    with pytest.raises(type(error)) as caught:
        write()
    assert caught.value is error
    assert names(tmp_path) == []


def test_permissions(tmp_path: Path) -> None:
    """Those of the file that was there; of a new one those that the process gives to new files."""
    (tmp_path / "private").write_bytes(b"old")
    (tmp_path / "private").chmod(0o604)
    before = os.umask(0o027)
    try:
        put(tmp_path / "new")
        with Output(str(tmp_path / "private")) as output:
            output.sink.write(b"new")
            (unfinished,) = (path for path in tmp_path.iterdir() if path.name.startswith("."))
            assert unfinished.stat().st_mode & 0o777 & ~0o604 == 0, "at no time more than the file itself allows"
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o604
    assert (tmp_path / "private").read_bytes() == b"new"


def test_links_are_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/there")
    (tmp_path / "dangling").symlink_to("folder/created")
    put(tmp_path / "link")
    put(tmp_path / "dangling")
    assert (tmp_path / "link").readlink() == Path("folder/there")
    assert {name: (tmp_path / "folder" / name).read_bytes() for name in names(tmp_path / "folder")} == {
        "there": b"new",
        "created": b"new",
    }


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "-dash", "a\nb", "=1", "[x]*?", os.fsdecode(b"\xff")])
def test_names_of_any_kind(name: str, tmp_path: Path) -> None:
    put(tmp_path / name)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    "name", ["", "no/file", "folder", "folder/", "new/", "loop", "n" * 256, "file/below", "a\0b", "\ud800"]
)
def test_names_that_cannot_be_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StreamError), Output(name):
        raise AssertionError("it was opened")
    assert names(tmp_path) == ["file", "folder", "loop"]
    assert names(tmp_path / "folder") == []


def test_a_read_only_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's refusal to open it counts, also in a folder that could be written to."""
    (tmp_path / "out").write_bytes(b"old")
    real = os.open

    def refusing(name: str, flags: int, *mode: int) -> int:
        if name.endswith("out") and flags & os.O_WRONLY:
            raise PermissionError(13, "Permission denied", name)
        return real(name, flags, *mode)

    monkeypatch.setattr("os.open", refusing)
    with pytest.raises(StreamError, match="out: Permission denied"):
        put(tmp_path / "out")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_a_named_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with Output(str(tmp_path / "pipe")) as output:
        writer = open_writer(output.sink, "arrow", None, ["v"])
        writer.write(None, {"v": np.array([1.0])}, None)
        writer.close()
    reader.join(10)
    assert pa.ipc.open_stream(pa.BufferReader(read[0])).read_all().to_pydict() == {"v": [1.0]}
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_named_pipe_that_nobody_reads_any_more(tmp_path: Path) -> None:
    """Not standard output: an error, not the end of a pipeline."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    def write() -> None:
        with Output(str(tmp_path / "pipe")) as output:
            os.close(reader)
            output.sink.write(b"x")

    with pytest.raises(StreamError, match="pipe: Broken pipe"):
        write()


@pytest.mark.parametrize("format", FORMATS)
def test_a_device_that_is_full(format: str) -> None:
    running = process("/dev/full", format, 100)
    assert ended(running) == (74, "StreamError /dev/full: No space left on device\n")


@pytest.mark.parametrize(("format", "suffix"), [*((format, "") for format in FORMATS), ("csv", ".gz"), ("csv", ".zst")])
def test_a_disk_that_fills_leaves_what_was_there(format: str, suffix: str, tmp_path: Path) -> None:
    """At any size: before the first block is complete, and in the middle."""
    (tmp_path / f"out{suffix}").write_bytes(b"old")
    for limit in (10, 700_000):
        before = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        before += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        running = process(str(tmp_path / f"out{suffix}"), format, 30, before)
        assert ended(running) == (74, f"StreamError {tmp_path}/out{suffix}: File too large\n")
        assert names(tmp_path) == [f"out{suffix}"]
        assert (tmp_path / f"out{suffix}").read_bytes() == b"old"


@pytest.mark.parametrize("format", FORMATS)
def test_a_closed_pipe(format: str) -> None:
    """Standard output that nobody reads ends quietly; the command line makes a status of it."""
    running = process("-", format, 100)
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None  # communicate would read it
    assert ended(running) == (141, "")


def test_standard_output_that_is_closed() -> None:
    running = process("-", "csv", 1, preexec_fn=lambda: os.close(1))
    assert ended(running) == (74, "StreamError standard output is closed\n")


def test_standard_output_that_does_not_wait() -> None:
    """Somebody who shares a pipe may have told it not to block."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    running = process("-", "ndjson", 10, stdout=writer)
    os.close(writer)
    time.sleep(0.5)
    with os.fdopen(reader, "rb") as pipe:
        found = pipe.read()
    assert ended(running) == (0, "")
    assert found.count(b"\n") == 500_000


def test_a_stream_may_stand_for_standard_output() -> None:
    standard = io.BytesIO()
    put("-", standard=standard)
    assert standard.getvalue() == b"new"
    assert not standard.closed


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """After kill -9 the name is absent; the next run that writes it cleans up, and only after this file."""
    for format in ("csv", "parquet"):
        target = tmp_path / f"out.{format}"
        (tmp_path / f".other.{format}.gradcli-0123456789abcdef.part").write_bytes(b"of another file")
        running = process(str(target), format, -1)
        begun(running)
        running.send_signal(signal.SIGKILL)
        assert running.wait(60) == -signal.SIGKILL
        running.communicate()
        assert not target.exists()
        assert len(names(tmp_path)) == 2
        put(target)
        assert names(tmp_path) == [f".other.{format}.gradcli-0123456789abcdef.part", f"out.{format}"]
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.parametrize("name", ["a", "a.gradcli-b", "r.csv", "n" * 255])
def test_files_that_only_look_like_unfinished_ones(name: str, tmp_path: Path) -> None:
    """They stay: a user's own, and those of targets whose names begin alike."""
    digits = "0123456789abcdef"
    others = [
        ".r.csv.gradcli-notes.part", ".a.gradcli-b.gradcli-1.part", ".a.gradcli-.part", ".a.gradcli-part",
        f".a.gradcli-{digits[1:]}.part", f".a.gradcli-{digits}0.part", f".a.gradcli-{digits.upper()}.part",
        f".a.gradcli-{digits}.part.txt", f"x.a.gradcli-{digits}.part", f".a.gradcli-b.gradcli-c.gradcli-{digits}.part",
        f".{'n' * 200}.gradcli-{digits}.part",
    ]  # fmt: skip
    for other in others:
        (tmp_path / other).write_bytes(b"of somebody else")
    os.mkfifo(tmp_path / f".{name[:200]}.gradcli-{digits[::-1]}.part")
    before = names(tmp_path)
    put(tmp_path / name)
    assert names(tmp_path) == sorted([*before, name])


@pytest.mark.parametrize("name", ["a", "é.csv", "n" * 255])
def test_what_was_abandoned_is_removed(name: str, tmp_path: Path) -> None:
    """Under the name that it really had."""
    with Output(str(tmp_path / name)):
        (unfinished,) = names(tmp_path)
    (tmp_path / unfinished).write_bytes(b"half")
    put(tmp_path / name)
    assert names(tmp_path) == [name]


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    """Two writers of one name: each is complete in its turn, the last one stays."""
    target = tmp_path / "out.ndjson"
    running = process(str(target), "ndjson", -1)
    begun(running)
    put(target)
    assert target.read_bytes() == b"new"
    assert len(names(tmp_path)) == 2, "what the other writes is still there"
    running.kill()
    running.communicate()
    with Output(str(target)) as first, Output(str(target)) as second:
        first.sink.write(b"first")
        second.sink.write(b"second")
        assert len(names(tmp_path)) == 3
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["out.ndjson"]


def test_a_cleaner_that_is_faster_than_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process takes for abandoned before it is locked is given up for a new one."""
    real, tries = atomic._lock, []

    def late(file: int) -> bool:
        tries.append(file)
        if len(tries) == 1:
            atomic.remove_abandoned(str(tmp_path / "out"))
        return real(file)

    monkeypatch.setattr(atomic, "_lock", late)
    put(tmp_path / "out")
    assert len(tries) == 2
    assert (tmp_path / "out").read_bytes() == b"new"
    assert names(tmp_path) == ["out"]


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell who lives there, so nothing is cleaned up; writing works all the same."""

    def refuse(file: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    (tmp_path / ".out.gradcli-0123456789abcdef.part").write_bytes(b"perhaps alive")
    monkeypatch.setattr("fcntl.flock", refuse)
    put(tmp_path / "out")
    assert names(tmp_path) == [".out.gradcli-0123456789abcdef.part", "out"]


def test_a_link_that_looks_abandoned_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"old")
    (tmp_path / ".out.gradcli-0123456789abcdef.part").symlink_to("victim")
    put(tmp_path / "out")
    assert (tmp_path / "victim").read_bytes() == b"old"


def test_a_name_that_cannot_be_given(tmp_path: Path) -> None:
    """A folder that takes the name while the table is written stays, and nothing else does."""

    def write() -> None:
        with Output(str(tmp_path / "out")) as output:
            output.sink.write(b"new")
            (tmp_path / "out").mkdir()

    with pytest.raises(StreamError, match="out: "):
        write()
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out").is_dir()


def test_the_disk_has_it_before_the_name_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stops must not leave half a partition that counts as complete."""
    told: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *where, name=name, real=real: (told.append(name), real(*where))[1])
    put(tmp_path / "out")
    assert told == ["fsync", "replace"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_writer_that_is_left_alone_writes_nothing_more(
    format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Arrow's writers write their end when they are collected: not to a descriptor that is somebody else's by then."""
    output = Output(str(tmp_path / "out"))
    writer = open_writer(output.sink, format, None, ["v"])
    writer.write(None, {"v": np.ones(10)}, None)
    output.__exit__(ValueError, ValueError("a bug"), None)
    others = [os.open(tmp_path / f"other{number}", os.O_CREAT | os.O_WRONLY) for number in range(5)]
    del writer, output
    for file in others:
        os.close(file)
    assert all((tmp_path / f"other{number}").stat().st_size == 0 for number in range(5))
    assert capfd.readouterr().err == ""


OPENED: dict[str, Any] = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
    "zst": lambda content: pa.CompressedInputStream(pa.BufferReader(content), "zstd").read(),
    "lz4": lambda content: pa.CompressedInputStream(pa.BufferReader(content), "lz4").read(),
}


@pytest.mark.parametrize("suffix", OPENED)
def test_compressed_outputs(suffix: str, tmp_path: Path) -> None:
    """By their name; the same rows give the same bytes, whenever and under whatever name."""
    for name in ("one", "two"):
        with Output(str(tmp_path / f"{name}.csv.{suffix}")) as output:
            writer = open_writer(output.sink, "csv", None, ["v"])
            for number in range(3):
                writer.write(None, {"v": np.full(1000, float(number))}, None)
                writer.flush()
            writer.close()
    one, two = ((tmp_path / f"{name}.csv.{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert OPENED[suffix](one) == b"v\n" + b"0.0\n" * 1000 + b"1.0\n" * 1000 + b"2.0\n" * 1000
    with pytest.raises(ValueError, match="a bug"):
        fail(tmp_path / f"three.csv.{suffix}", ValueError("a bug"))
    assert names(tmp_path) == [f"one.csv.{suffix}", f"two.csv.{suffix}"]


class TestOtherFileSystems:
    def test_a_local_uri_is_a_local_file(self, tmp_path: Path) -> None:
        (tmp_path / "a b").mkdir()
        (tmp_path / "a b" / "out").write_bytes(b"old")
        (tmp_path / "a b" / "out").chmod(0o604)
        put(f"{(tmp_path / 'a b').as_uri()}/out")
        assert (tmp_path / "a b" / "out").read_bytes() == b"new"
        assert (tmp_path / "a b" / "out").stat().st_mode & 0o777 == 0o604
        assert names(tmp_path / "a b") == ["out"]

    def test_what_is_no_file_system(self) -> None:
        with pytest.raises(StreamError, match="nowhere://"):
            put("nowhere://bucket/out")

    @pytest.fixture
    def remote(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """far://… is this folder, by a file system that is not the local one."""
        far = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
        monkeypatch.setattr(places, "filesystem", lambda uri: (far, uri.removeprefix("far://")))
        return tmp_path

    def test_a_file_appears_when_it_is_complete(self, remote: Path) -> None:
        (remote / "bucket").mkdir()
        with Output("far://bucket/out.parquet") as output:
            writer = open_writer(output.sink, "parquet", None, ["v"])
            writer.write(None, {"v": np.array([1.0])}, None)
            assert not (remote / "bucket" / "out.parquet").exists()
            writer.close()
        assert names(remote / "bucket") == ["out.parquet"]
        assert pq.read_table(remote / "bucket" / "out.parquet").to_pydict() == {"v": [1.0]}

    def test_an_exception_leaves_what_was_there(self, remote: Path) -> None:
        (remote / "out").write_bytes(b"old")
        with pytest.raises(ValueError, match="a bug"):
            fail("far://out", ValueError("a bug"))
        assert names(remote) == ["out"]
        assert (remote / "out").read_bytes() == b"old"

    def test_a_place_that_is_not_there(self, remote: Path) -> None:
        with pytest.raises(StreamError, match="far://no/such/out: "):
            put("far://no/such/out")
        assert names(remote) == []


def test_an_error_that_arrow_wraps_is_told_as_it_was() -> None:
    """Whatever a writer makes of it on the way."""

    class Full(io.RawIOBase):
        def write(self, content: Any) -> int:
            raise OSError(28, "No space left on device")

    standard: Any = Full()

    def write() -> None:
        with Output("-", standard=standard) as output:
            try:
                output.sink.write(b"x")
            except StreamError:
                raise pa.ArrowException("IOError: something failed") from None

    with pytest.raises(StreamError, match="standard output: No space left"):
        write()


def test_a_write_that_takes_only_a_part() -> None:
    """As systems may: the rest is written, too."""
    written: list[bytes] = []

    def some(piece: memoryview) -> int:
        written.append(bytes(piece[:3]))
        return min(3, len(piece))

    sink = Sink(places.Target(some, lambda: None, False), lambda error: error)
    assert sink.write(np.frombuffer(b"0123456789", np.uint8)) == 10
    assert b"".join(written) == b"0123456789"
    assert sink.tell() == 10

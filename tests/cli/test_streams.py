"""Pipes that close, disks that fill, signals, and files that appear whole or not at all; all with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from commands import PROGRAM, arguments
from processes import GRADCLI, environment, fails, process, shell

from gradcli.cli import streams
from gradcli.cli.app import COMMANDS
from gradcli.errors import StreamError
from gradcli.render import FORMATS
from gradcli.render.picture import FORMATS as PICTURES

LONG = "+".join(f"sin(x*{i})" for i in range(400))
PRINTING = [
    ["--help"],
    ["--version"],
    *([name, "--help"] for name in COMMANDS),
    *(["eval", *PROGRAM, "--format", name] for name in FORMATS),
    *(["dot", *PROGRAM, "-T", name] for name in PICTURES),
    *(arguments(name) for name in COMMANDS if name not in ("eval", "dot")),
]


def ended(commands: Sequence[Sequence[str]], stdout: int) -> Iterator[tuple[Sequence[str], int, bytes]]:
    """Run commands, two at a time, with such a standard output; their statuses and what they told."""
    for start in range(0, len(commands), 2):
        running = [
            (command, subprocess.Popen([*GRADCLI, *command], stdout=stdout, stderr=subprocess.PIPE, env=environment()))
            for command in commands[start : start + 2]
        ]
        for command, each in running:
            told = each.communicate(timeout=60)[1]
            yield command, each.returncode, told


def test_a_reader_that_is_gone_before_anything_is_written() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for command, status, told in ended(PRINTING, writer):
            assert (status, told) == (141, b""), command
    finally:
        os.close(writer)


@pytest.mark.parametrize("written", [["eval", LONG, "--x", "1", "--format", name] for name in FORMATS])
def test_a_reader_that_leaves_after_a_line(written: list[str]) -> None:
    done = shell('"$@" | head -1; exit ${PIPESTATUS[0]}', *written)
    assert done.returncode == 141 or len(process(*written).stdout) < 65_536, "all of it fits into the pipe"
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_a_full_disk_for_every_command() -> None:
    with open("/dev/full", "wb") as full:
        for command, status, told in ended(PRINTING, full.fileno()):
            assert status == 74, command
            assert told == b"gradcli: standard output: No space left on device\n", command
    for command in (["eval", *PROGRAM], ["dot", *PROGRAM, "-T", "svg"]):
        done = process(*command, "-o", "/dev/full")
        fails(done, 74)
        assert done.stderr == b"gradcli: /dev/full: No space left on device\n"


def test_a_full_standard_error_changes_nothing() -> None:
    done = shell('"$@" 2>/dev/full', "eval", "abs(x)", "--x", "0", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["warnings"]
    assert shell('"$@" 2>/dev/full', "eval", "x y").returncode == 2


class TestFiles:
    """-o writes whole files, as the shell's > would place and protect them."""

    @staticmethod
    def write(folder: Path, name: str, *arguments: str, program: str = "x*2") -> subprocess.CompletedProcess[bytes]:
        command = ["eval", program, "--x", "1", "--json", "-o", name, *arguments]
        return shell(f'cd "{folder}" && umask 027 && "$@"', *command)

    def test_names_and_permissions(self, tmp_path: Path) -> None:
        (tmp_path / "private").write_text("old")
        (tmp_path / "private").chmod(0o604)
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("folder/target")
        for name in ("new", "private", "link", "n" * 255, "-dash", "=1", "a\nb", "folder/../up"):
            done = self.write(tmp_path, name)
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
            assert json.loads((tmp_path / name).read_text())["value"] == 2.0
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
        assert (tmp_path / "private").stat().st_mode & 0o777 == 0o604
        assert (tmp_path / "link").readlink() == Path("folder/target")
        left = {path.name for path in tmp_path.rglob("*")}
        assert left == {"new", "private", "link", "n" * 255, "-dash", "=1", "a\nb", "up", "folder", "target"}

    @pytest.mark.parametrize("name", ["no/file", "folder", "folder/", "loop", "n" * 256, "file/below", "new/"])
    def test_names_that_cannot_be_written(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("old")
        (tmp_path / "loop").symlink_to("loop")
        before = sorted(tmp_path.rglob("*"))
        fails(self.write(tmp_path, name), 74, "gradcli: ")
        assert sorted(tmp_path.rglob("*")) == before
        assert (tmp_path / "loop").is_symlink()

    def test_a_disk_that_fills_leaves_what_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("old")
        command = [*GRADCLI, "eval", LONG, "--x", "1", "--json", "-o", "out"]
        script = "import resource, subprocess, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        script += "sys.exit(subprocess.call(sys.argv[1:]))"
        done = subprocess.run(
            [sys.executable, "-c", script, *command], cwd=tmp_path, env=environment(), capture_output=True, check=False
        )
        fails(done, 74, "out: File too large")
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert (tmp_path / "out").read_text() == "old"

    def test_writers_at_once_do_not_mix(self, tmp_path: Path) -> None:
        commands = [[*GRADCLI, "eval", f"{LONG}+{i}", "--x", "1", "--json", "-o", "out"] for i in range(4)]
        running = [subprocess.Popen(command, cwd=tmp_path, env=environment()) for command in commands]
        assert [each.wait(60) for each in running] == [0] * 4
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        found = (tmp_path / "out").read_bytes()
        assert found in [process(*command[len(GRADCLI) : -2]).stdout for command in commands]


def test_a_link_laid_out_for_the_unfinished_file_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name can't be guessed; were it guessed, the file must still be new."""
    names = set()
    real = os.open

    def recording(name: str, *how: int) -> int:
        names.add(Path(name).name)
        return real(name, *how)

    with monkeypatch.context() as patched:
        patched.setattr("os.open", recording)
        for _ in range(5):
            streams.write_file(f"{tmp_path}/out", ["text"])
            (tmp_path / "out").unlink()
    assert len(names) == 5
    (tmp_path / "victim").write_text("old")
    guessed = tmp_path / ".out.gradcli-0000000000000000.part"
    guessed.symlink_to("victim")
    monkeypatch.setattr("os.urandom", bytes)
    with pytest.raises(StreamError, match="File exists"):
        streams.write_file(f"{tmp_path}/out", ["text"])
    assert (tmp_path / "victim").read_text() == "old"
    assert guessed.is_symlink()
    assert not (tmp_path / "out").exists()


def test_a_read_only_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's refusal to open it is what counts, whoever owns the folder."""
    (tmp_path / "out").write_text("old")
    real = os.open

    def refusing(name: str, flags: int, *mode: int) -> int:
        if name.endswith("out") and flags & os.O_WRONLY:
            raise PermissionError(13, "Permission denied", name)
        return real(name, flags, *mode)

    monkeypatch.setattr("os.open", refusing)
    with pytest.raises(StreamError, match="out: Permission denied"):
        streams.write_file(f"{tmp_path}/out", ["text"])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_error_in_a_renderer_is_not_taken_for_a_bad_name(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "text"
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        streams.write_file(f"{tmp_path}/out", broken())
    assert list(tmp_path.iterdir()) == []


# Runs gradcli as its own process does, and tells by a pipe when a function is called.
ANNOUNCED = """
import importlib, os, sys
ready, place = int(sys.argv.pop(1)), sys.argv.pop(1)
module, _, name = place.partition(":")
owner = importlib.import_module(module)
real = getattr(owner, name)

def announced(*arguments, **options):
    os.write(ready, b"!")
    return real(*arguments, **options)

setattr(owner, name, announced)
from gradcli.__main__ import main
main()
"""


def signalled(
    number: int, moment: str, written: list[str], folder: Path, delay: float = 0.05
) -> tuple[int, bytes, bytes]:
    """Status and output of gradcli, sent a signal shortly after a function was called."""
    reader, writer = os.pipe()
    running = subprocess.Popen(
        [sys.executable, "-c", ANNOUNCED, str(writer), moment, *written], cwd=folder, env=environment(),
        pass_fds=[writer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # whoever runs the tests may ignore it, as nohup does
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader, "rb") as ready:
        assert ready.read(1) == b"!"
    time.sleep(delay)
    began = time.monotonic()
    running.send_signal(number)
    out, told = running.communicate(timeout=60)
    assert time.monotonic() - began < 10
    return running.returncode, out, told


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder with a program of many gates, and what an earlier run wrote."""
    (tmp_path / "large.grad").write_text("x" + "+sin(x)" * 40_000)
    (tmp_path / "out").write_text("old")
    return tmp_path


EVAL = ["eval", "@large.grad", "--x", "1", "--json"]
WIDE = "\n".join(["a0 = x*y", *(f"a{i} = sin(a{i // 2} + a{i // 3} * x)" for i in range(1, 300))]) + "\n"
WIDE += "+".join(f"a{i}" for i in range(300))


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("gradcli.cli.app:run", EVAL),
        ("gradcli.cli.program:parse", EVAL),
        ("gradcli.cli.given:lower", EVAL),
        ("gradcli.cli.eval:evaluate_graph", EVAL),
        ("gradcli.cli.streams:emit", EVAL),
        ("gradcli.cli.streams:_fill", [*EVAL, "-o", "out"]),
        ("gradcli.cli.streams:read", ["eval", "-"]),
        ("gradcli.cli.streams:read", ["eval", "x", "--vars", "-"]),
        ("gradcli.render.picture.layout:_run", ["dot", WIDE, "-T", "svg", "--seconds", "60", "-o", "out"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:20],
)
def test_interrupted(moment: str, written: list[str], large: Path) -> None:
    """Ctrl-C is one line and status 130 whatever is being done, and leaves the files as they were."""
    status, out, told = signalled(signal.SIGINT, moment, written, large)
    assert (status, told) == (130, b"gradcli: interrupted\n")
    assert out == b"" or written == EVAL, "it may have got as far as writing"
    assert {path.name for path in large.iterdir()} == {"large.grad", "out"}
    assert (large / "out").read_text() == "old"


def test_interrupted_while_nobody_reads(large: Path) -> None:
    running = subprocess.Popen(
        [*GRADCLI, *EVAL], cwd=large, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert running.stdout is not None
    assert running.stdout.read(1) == b"{"
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=60)[1] == b"gradcli: interrupted\n"
    assert running.returncode == 130


def test_interrupted_while_modules_are_imported(tmp_path: Path) -> None:
    """Not even then is there a traceback."""
    (tmp_path / "typer.py").write_text("import os, time; os.write(1, b'!'); time.sleep(60)")
    running = subprocess.Popen(
        [*GRADCLI, "eval", "x"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{Path(streams.__file__).parents[2]}"),
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.read(1) == b"!"
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=60) == (b"", b"gradcli: interrupted\n")
    assert running.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_while_writing(number: int, large: Path) -> None:
    """No part of a file is left, under no name; the old one stays."""
    status, out, told = signalled(number, "gradcli.cli.streams:_fill", [*EVAL, "-o", "out"], large)
    assert (status, out, told) == (128 + number, b"", b"")
    assert {path.name for path in large.iterdir()} == {"large.grad", "out"}
    assert (large / "out").read_text() == "old"


def test_signals_that_are_ignored_stay_ignored(tmp_path: Path) -> None:
    """As under nohup, and in the background of a script."""

    def ignore() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    running = subprocess.Popen(
        [*GRADCLI, "eval", "-", "--x", "1", "--json", "-o", "out"], cwd=tmp_path, env=environment(),
        stdin=subprocess.PIPE, preexec_fn=ignore,
    )  # fmt: skip
    for number in (signal.SIGINT, signal.SIGHUP) * 10:
        time.sleep(0.02)
        running.send_signal(number)
    running.communicate(b"x", timeout=60)
    assert running.returncode == 0
    assert json.loads((tmp_path / "out").read_text())["value"] == 1.0


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_what_is_open_already_is_written_to_and_not_replaced(name: str, tmp_path: Path) -> None:
    """Behind it may be a file that has lines of others, before and after."""
    log = tmp_path / "log"
    log.write_text("before\n")
    with open(log, "ab") as standard:
        command = [sys.executable, "-m", "gradcli", "eval", "2*x", "--x", "3", "--format", "csv", "-o", name]
        subprocess.run(command, stdout=standard, check=True)
        standard.write(b"after\n")
    lines = log.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert lines[1].startswith("gate,op,name")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]

"""Several outputs appear together, or none of them does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from gradcli import atomic
from gradcli.errors import StreamError
from gradcli.tables import places
from gradcli.tables.outputs import Outputs

FILES = ("results.csv", "bad.csv", "more.csv")


def content(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def write(folder: Path, before_the_end: Callable[[], Any] = lambda: None, prefix: str = "") -> None:
    with Outputs() as outputs:
        for name in FILES:
            outputs.open(f"{prefix or f'{folder}/'}{name}").sink.write(b"new")
        before_the_end()


@pytest.fixture(params=[(), FILES, FILES[:1], FILES[1:]])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, bytes]:
    """What stands there already."""
    for name in request.param:
        (tmp_path / name).write_bytes(b"old " + name.encode())
        (tmp_path / name).chmod(0o640)
    return content(tmp_path)


def failing(monkeypatch: pytest.MonkeyPatch, call: str, turn: int, error: BaseException, late: bool = False) -> None:
    """Let a call of the system fail in its turn; late: after it has done its work, as a signal may arrive."""
    real, turns = getattr(os, call), []

    def instead(*given: Any) -> Any:
        turns.append(call)
        if len(turns) != turn:
            return real(*given)
        try:
            if late:
                real(*given)
        finally:
            raise error

    monkeypatch.setattr(os, call, instead)


def test_all_appear(tmp_path: Path, there: dict[str, bytes]) -> None:
    write(tmp_path)
    assert content(tmp_path) == dict.fromkeys(sorted(FILES), b"new")
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o640 for name in there)


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_one_that_fails_takes_all_with_it(
    call: str, turn: int, tmp_path: Path, there: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, call, turn, OSError(5, "Input/output error"))
    with pytest.raises(StreamError, match=r"\.csv: Input/output error"):
        write(tmp_path)
    assert content(tmp_path) == there


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("call", ["fsync", "link", "replace"])
def test_a_signal_at_the_end_leaves_what_was_there(
    call: str, turn: int, late: bool, tmp_path: Path, there: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that arrives directly after a file has got its name."""
    failing(monkeypatch, call, turn, SystemExit(143), late)
    with pytest.raises(SystemExit):
        write(tmp_path)
    assert content(tmp_path) == there


def test_an_exception_within(tmp_path: Path, there: dict[str, bytes]) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        write(tmp_path, fail)
    assert content(tmp_path) == there


def test_an_output_that_cannot_be_begun(tmp_path: Path, there: dict[str, bytes]) -> None:
    def write() -> None:
        with Outputs() as outputs:
            outputs.open(str(tmp_path / FILES[0])).sink.write(b"new")
            outputs.open(str(tmp_path / "no" / "file"))

    with pytest.raises(StreamError, match="No such file"):
        write()
    assert content(tmp_path) == there


def test_none_has_its_name_before_all_are_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the one that was begun first has it last: whoever sees it may count on the others."""
    told: list[str] = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)

        def instead(*given: Any, call: str = call, real: Any = real) -> None:
            told.append(call if call == "fsync" else Path(given[1]).name)
            real(*given)

        monkeypatch.setattr(os, call, instead)
    write(tmp_path)
    assert told == ["fsync", "fsync", "fsync", *reversed(FILES)]


def test_a_folder_that_takes_a_name_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"results\.csv: "):
        write(tmp_path, (tmp_path / "results.csv").mkdir)
    assert content(tmp_path) == {}


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new is taken away again, what was old can't come back; nothing unfinished is left."""

    def refuse(*names: str) -> None:
        raise FileNotFoundError(2, "No such file") if not os.path.exists(names[0]) else PermissionError(1, "no links")

    (tmp_path / "bad.csv").write_bytes(b"old")
    monkeypatch.setattr(os, "link", refuse)
    failing(monkeypatch, "replace", 3, OSError(5, "Input/output error"))
    with pytest.raises(StreamError):
        write(tmp_path)
    assert content(tmp_path) == {"bad.csv": b"new"}


def test_without_locks_of_files(tmp_path: Path, there: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems where an open file can't be renamed: it is closed before."""
    monkeypatch.setattr(atomic, "fcntl", None)
    with monkeypatch.context() as failed:
        failing(failed, "replace", 3, OSError(5, "Input/output error"))
        with pytest.raises(StreamError):
            write(tmp_path)
    assert content(tmp_path) == there
    write(tmp_path)
    assert content(tmp_path) == dict.fromkeys(sorted(FILES), b"new")


class TestOtherFileSystems:
    @pytest.fixture
    def remote(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """far://… is this folder, by a file system that is not the local one."""
        far = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
        monkeypatch.setattr(places, "filesystem", lambda uri: (far, uri.removeprefix("far://")))
        return tmp_path

    def test_all_appear(self, remote: Path) -> None:
        write(remote, prefix="far://")
        assert content(remote) == dict.fromkeys(sorted(FILES), b"new")

    def test_what_is_new_goes_again(self, remote: Path) -> None:
        with pytest.raises(StreamError, match=r"far://results\.csv: "):
            write(remote, (remote / "results.csv").mkdir, "far://")
        assert content(remote) == {}

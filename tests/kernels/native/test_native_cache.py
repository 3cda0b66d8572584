"""The cache of compiled libraries: whose it is, what goes when there are too many, what stops no tidying."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gradcli.graph.lower import lower
from gradcli.kernels import kernel
from gradcli.kernels.native import cache, compiler
from gradcli.language.parser import parse


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where an empty cache will be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_MOST", 3)
    return tmp_path / "cache" / "gradcli" / "native"


def made(number: int) -> str:
    """The key of something like a library, which is made if it is not there."""
    key = f"{number:032x}"

    def build(place: Path) -> Path:
        (place / "rows.so").write_text(key)
        return place / "rows.so"

    if cache.find(key) is None:
        cache.make(key, build, Path.read_bytes)
    return key


def libraries(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.so") if path.is_file()]


def older(folder: Path) -> None:
    """Time passes."""
    for path in folder.iterdir():
        os.utime(path, (path.lstat().st_mtime - 10.0,) * 2, follow_symlinks=False)


def test_a_library_that_is_used_stays(folder: Path) -> None:
    """What goes was used last the longest ago, however old it is."""
    used = made(0)
    for k in range(1, 8):
        older(folder)
        assert cache.find(used) is not None
        older(folder)
        made(k)
    assert cache.find(used) is not None
    assert len(libraries(folder)) == 3


def test_what_is_no_library_stops_no_tidying(folder: Path) -> None:
    """A link to nowhere, and a folder with the name of a library."""
    folder.mkdir(parents=True, mode=0o700)
    (folder / "link").symlink_to(folder / "nowhere")
    (folder / "folder.so").mkdir()
    for k in range(6):
        made(k)
    assert len(libraries(folder)) == 3


class _Gone:
    """An entry that another process removed between the listing and the look at it."""

    name = path = "gone.so"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        raise FileNotFoundError(self.path)

    is_dir = is_file = stat


class _Listed(list[object]):
    def __enter__(self) -> _Listed:
        return self

    def __exit__(self, *raised: object) -> None:
        return None


def test_what_is_gone_by_then_stops_no_tidying(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(0)
    (folder / "build-old").mkdir()
    os.utime(folder / "build-old", (1.0, 1.0))
    listed = _Listed([_Gone(), *os.scandir(folder)])
    monkeypatch.setattr(os, "scandir", lambda place: listed)
    cache._tidy(folder)
    monkeypatch.undo()
    assert not (folder / "build-old").exists()


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_nothing_is_kept_in_a_directory_where_others_may_write(folder: Path, mode: int) -> None:
    """They could put another one in its place."""
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(mode)
    assert cache.directory() is None


def test_whatever_is_made_is_the_users_alone(folder: Path) -> None:
    """Also by a process that lets everybody write to what it makes."""
    before = os.umask(0)
    try:
        assert cache.directory() == folder
    finally:
        os.umask(before)
    for one in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(one.stat().st_mode) == 0o700


def test_a_compiler_by_a_relative_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It runs in a folder of its own, where that path would lead to nothing."""
    monkeypatch.delenv("CC", raising=False)
    real = compiler.command()
    assert real is not None
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "cc").write_text(f'#!/bin/sh\nexec "{real[0]}" "$@"\n')
    (tmp_path / "here" / "cc").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CC", "here/cc -DGIVEN=1")
    found = compiler.command()
    assert found == (str(tmp_path / "here" / "cc"), "-DGIVEN=1")
    run: Callable[..., object] = kernel(lower(parse("x*x + 3")), {}, ["x"], engine="native").run
    assert np.array_equal(run({"x": np.ones(3)}).value, np.full(3, 4.0))  # type: ignore[attr-defined]

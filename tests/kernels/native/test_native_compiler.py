"""The compiler and the cache: what is missing is left out, what fails is one line, what is kept is whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gradcli.graph.lower import lower
from gradcli.kernels import kernel, native
from gradcli.kernels.native import NativeError, cache, compiler
from gradcli.language.parser import parse

Make = Callable[..., Path]
TEXT = "tanh(x)*sin(x) + where(x > 0, log(x), exp(x)) + mod(x, 2)^1.7"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache for every test; no compiler but the one that is found."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    compiler._version.cache_clear()
    return tmp_path / "cache" / "gradcli" / "native"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Puts a script before the compiler: $CC. It may look at its arguments and then run $REAL."""

    def make(script: str) -> Path:
        real = compiler.command()
        assert real is not None
        path = tmp_path / "fake compiler"  # with a space
        path.write_text(f'#!/bin/sh\nREAL="{real[0]}"\nLOG="{tmp_path / "log"}"\necho "$*" >> "$LOG"\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("CC", f"'{path}' -DGIVEN=1")
        return tmp_path / "log"

    return make


def run(text: str = TEXT) -> np.ndarray:
    graph = lower(parse(text))
    found = kernel(graph, {}, ["x"], engine="native").run({"x": np.linspace(-3.0, 3.0, 1001)})
    return np.stack([found.value, found.gradients["x"]])


def by_numpy(text: str = TEXT) -> np.ndarray:
    graph = lower(parse(text))
    found = kernel(graph, {}, ["x"]).run({"x": np.linspace(-3.0, 3.0, 1001)})
    return np.stack([found.value, found.gradients["x"]])


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return np.allclose(found, wanted, rtol=1e-13, atol=1e-13, equal_nan=True)


# What is missing


@pytest.mark.parametrize(
    "missing",
    [
        "-march=native",
        "-fopenmp",
        "-fno-tree-sink",
        "vect-",
        "prefer-vector",
        "-z,defs",
        "-O3",
        "-fopenmp*|*-march",
        "-f[no]",
    ],
)
def test_a_compiler_without_a_flag(fake: Make, missing: str) -> None:
    """It refuses the flag: the others are kept, and the numbers stay."""
    spared = 'case "$a" in -fPIC|-ffp-contract=off) continue;; esac'
    refused = f'case "$a" in *{missing}*) echo "error: what is $a" >&2; exit 1;; esac'
    log = fake(f'for a; do {spared}; {refused}; done; exec "$REAL" "$@"')
    assert close(run(), by_numpy())
    last = log.read_text().splitlines()[-1]
    assert "-ffp-contract=off" in last
    if missing == "-march=native":
        assert "-fopenmp" in last
        assert "-fno-math-errno" in last


def test_a_library_without_vector_functions(fake: Make) -> None:
    """Some are missing, as from an earlier glibc: the linker says which, and these are called one by one."""
    log = fake(
        'if grep -q \'__asm__("tanh")\' rows.c; then echo "undefined reference to \\`_ZGVeN8v_tanh\'" >&2; exit 1; fi\n'
        'cp rows.c "$LOG.c"; exec "$REAL" "$@"'
    )
    assert close(run(), by_numpy())
    kept = Path(f"{log}.c").read_text()
    assert "return tanh(x)" in kept
    if compiler.best(1).vectors:
        assert '__asm__("exp")' in kept


def test_a_library_without_any(fake: Make) -> None:
    log = fake('if grep -q "define FAST_" rows.c; then exit 1; fi; cp rows.c "$LOG.c"; exec "$REAL" "$@"')
    assert close(run(), by_numpy())
    assert "define FAST_" not in Path(f"{log}.c").read_text()


def test_without_the_vector_abi(fake: Make) -> None:
    """Rare formulas as other compilers and processors get them."""
    fake('exec "$REAL" "$@" -U__x86_64__ -fno-openmp')
    assert close(run(), by_numpy())


def test_words_of_the_compilers_command(fake: Make) -> None:
    """$CC is split as a shell would, and nothing is run by one."""
    log = fake('exec "$REAL" "$@"')
    assert close(run(), by_numpy())
    assert "-DGIVEN=1" in log.read_text().splitlines()[-1]


@pytest.mark.parametrize("given", ["no-such-compiler-anywhere", "'", "", "; touch shell"])
def test_a_compiler_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str) -> None:
    """Then the usual ones are looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CC", given)
    assert native.available()
    assert close(run(), by_numpy())
    assert not (tmp_path / "shell").exists()


# What fails


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not native.available()
    with pytest.raises(NativeError, match="needs a C compiler") as caught:
        run()
    assert "--engine numpy" in (caught.value.hint or "")


def test_available_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert native.available()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first >&2; echo 'rows.c:1: fatal error: disk full' >&2; exit 1", "fatal error: disk full"),
        ("exit 3", "it said nothing"),
        ("exit 0", "it wrote no library"),
        ("echo error: \"$(head -c 5000 /dev/zero | tr '\\0' x)\"; exit 1", "error: xxx"),
        ("printf 'error: \\033[31mred\\n'; exit 1", "error: "),
    ],
)
def test_a_compiler_that_fails(fake: Make, folder: Path, script: str, said: str) -> None:
    """One line, not the compiler's pages; nothing stays behind."""
    fake(script)
    with pytest.raises(NativeError) as caught:
        run()
    assert said in caught.value.message
    assert len(caught.value.message) < 300
    assert "\n" not in caught.value.message
    assert "\033" not in caught.value.message
    assert [*folder.iterdir()] == []


def test_what_it_makes_is_no_library(fake: Make) -> None:
    fake('while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"')
    with pytest.raises(NativeError, match="can't be loaded"):
        run()


def test_a_compiler_that_hangs_is_ended_with_its_children(fake: Make, tmp_path: Path) -> None:
    """The child holds the output open; it is gone too."""
    fake(f'sleep 60 & echo $! > "{tmp_path / "child"}"; wait')
    found = compiler.Compiler(compiler.command() or (), "")
    began = time.monotonic()
    done = compiler._compile(found, "int x;", (), tmp_path, 0.5)
    assert done.status != 0
    assert "longer than" in done.output
    assert time.monotonic() - began < 20.0
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not _is_alive(child):
            break
        time.sleep(0.05)
    assert not _is_alive(child)


def _is_alive(process: int) -> bool:
    """Whether it runs; it may be dead and not waited for."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


# The cache


def test_a_library_is_made_once(fake: Make, folder: Path) -> None:
    log = fake('exec "$REAL" "$@"')
    first = run()
    compiled = log.read_text().count("rows.c")
    assert np.array_equal(run(), first, equal_nan=True)
    assert log.read_text().count("rows.c") == compiled == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.suffix for path in folder.iterdir()] == [".so"]


def test_other_flags_or_another_compiler_make_another(
    fake: Make, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    run()
    fake('exec "$REAL" "$@"')
    run()
    assert len([*folder.iterdir()]) == 2
    monkeypatch.setattr(compiler, "processor", lambda: "another processor")
    run()
    assert len([*folder.iterdir()]) == 3


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-1] + b"?"])
def test_a_damaged_library_is_made_anew(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    first = run()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.unlink()  # it is loaded in this process
    path.write_bytes(damage(whole))
    assert np.array_equal(run(), first, equal_nan=True)
    (again,) = folder.iterdir()
    assert again.read_bytes() != damage(whole)


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_directory_that_others_may_write_to_is_not_used(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert cache.directory() is None
    assert close(run(), by_numpy())
    assert [*folder.iterdir()] == []


def test_somebody_elses_directory_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert cache.directory() is None


def test_a_link_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path / "elsewhere")
    assert cache.directory() is None


def test_without_a_place_the_library_is_gone_after_loading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert close(run(), by_numpy())
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_what_died_half_made_is_removed(folder: Path) -> None:
    run()
    old, new = folder / "build-old", folder / "build-new"
    for one in (old, new):
        one.mkdir()
        (one / "rows.so").write_text("half")
    os.utime(old, (1.0, 1.0))
    run("x*x + 1")
    assert not old.exists()
    assert new.exists()


def test_the_oldest_libraries_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST", 3)
    for k in range(5):
        run(f"x*x + {k}")
        for path in folder.iterdir():
            os.utime(path, (path.stat().st_mtime - 10.0,) * 2)
    assert len([*folder.iterdir()]) == 3


def test_two_processes_at_once(folder: Path) -> None:
    """Both compile, both run; one library stays."""
    script = f"""
import numpy as np
from gradcli.graph.lower import lower
from gradcli.kernels import kernel
from gradcli.language.parser import parse
found = kernel(lower(parse({TEXT!r})), {{}}, ["x"], engine="native").run({{"x": np.linspace(-3.0, 3.0, 1001)}})
print(found.value.tobytes().hex())
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert said[0][0] == said[1][0] != b""
    assert [path.suffix for path in folder.iterdir()] == [".so"] * len([*folder.iterdir()])
    assert close(np.frombuffer(bytes.fromhex(said[0][0].decode().strip())), by_numpy()[0])


@pytest.mark.parametrize(
    ("system", "variables", "wanted"),
    [
        ("linux", {}, "home/.cache/gradcli/native"),
        ("linux", {"XDG_CACHE_HOME": "{}/x"}, "x/gradcli/native"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/gradcli/native"),
        ("darwin", {}, "home/Library/Caches/gradcli/native"),
        ("win32", {"LOCALAPPDATA": "{}/local"}, "local/gradcli/native"),
        ("win32", {}, None),
    ],
)
def test_where_libraries_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, variables: dict[str, str], wanted: str | None
) -> None:
    """As every system has it; a relative path in the environment counts for nothing."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    monkeypatch.setattr(cache.sys, "platform", system)
    assert cache.directory() == (None if wanted is None else tmp_path / wanted)


@pytest.mark.parametrize(("machine", "library"), [("aarch64", "glibc"), ("x86_64", "")])
def test_a_machine_whose_vector_functions_are_not_known(
    monkeypatch: pytest.MonkeyPatch, machine: str, library: str
) -> None:
    monkeypatch.setattr(compiler.platform, "machine", lambda: machine)
    monkeypatch.setattr(compiler.platform, "libc_ver", lambda: (library, ""))
    assert compiler.best(1).vectors == frozenset()
    assert close(run(), by_numpy())

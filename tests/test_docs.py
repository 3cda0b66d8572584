"""Every command and every Python example that README and docs show is run, and its output compared.

A block that begins with ```console holds commands (lines starting with `$ `) and what they print, standard error
included. `pytest --renew tests/test_docs.py` writes the present output into the documents, for review by `git diff`.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradcli.training.steps.optimisers import OPTIMISERS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("samples/*.md")])
IMAGES = Path("docs") / "images"
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(>>> .*?)^```$", re.DOTALL | re.MULTILINE)


def _documents(pattern: re.Pattern[str]) -> list[Path]:
    return [path for path in DOCUMENTS if pattern.search(path.read_text(encoding="utf-8"))]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scratch folder that holds the samples, so that examples may write files."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    (tmp_path / IMAGES).mkdir(parents=True)
    return tmp_path


def _commands(block: str) -> list[str]:
    """The commands of a block; a line ending in a backslash goes on."""
    joined = block.replace("\\\n", "\\\x00")
    return [line[2:].replace("\\\x00", "\\\n") for line in joined.splitlines() if line.startswith("$ ")]


def _run(command: str, folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    unset = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {
        "PATH": path,
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    return done.stdout


def _replayed(block: str, folder: Path) -> str:
    return "".join(f"$ {command}\n{_run(command, folder)}" for command in _commands(block))


_TRAINED = re.compile(r"^\$ (?:.*\| )?gradcli (?:train|fit|predict)\b|--vars xor\.json", re.MULTILINE)
_LONG = re.compile(r"(\d\.\d{11})\d+")  # 12 digits and more


def _told(block: str) -> str:
    """A block as it is compared: whole, but for the last digits of what was learnt.

    Thousands of steps carry the last bit of a processor's exp or dot product into them, and its length moves columns.
    """
    if not _TRAINED.search(block):
        return block
    return re.sub(r"[ \u2500\n]+", " ", _LONG.sub(lambda number: f"{float(number[0]):.9g}", block))


@pytest.mark.parametrize("path", _documents(_CONSOLE), ids=_name)
def test_commands_print_what_is_shown(path: Path, folder: Path, renew: bool) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = _CONSOLE.findall(text)
    now = [_replayed(block, folder) for block in blocks]
    if renew:
        waiting = iter(now)
        shutil.copytree(folder / IMAGES, ROOT / IMAGES, dirs_exist_ok=True)
        path.write_text(_CONSOLE.sub(lambda _: f"```console\n{next(waiting)}```", text), encoding="utf-8")
        return
    assert [_told(block) for block in now] == [_told(block) for block in blocks]
    for made in (folder / IMAGES).iterdir():
        assert made.read_bytes() == (ROOT / IMAGES / made.name).read_bytes(), f"{made.name} differs: pytest --renew"


@pytest.mark.parametrize("path", _documents(_PYTHON), ids=_name)
def test_python_examples(path: Path) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    blocks = _PYTHON.findall(path.read_text(encoding="utf-8"))
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, path.name, str(path), 0)
    runner.run(example)
    assert runner.failures == 0
    assert runner.tries > 0


def test_every_command_is_in_the_readme() -> None:
    from gradcli.cli.app import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"gradcli {name}" not in readme] == []


def test_links_lead_somewhere() -> None:
    broken = []
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                broken.append(f"{_name(path)}: {target}")
    assert broken == []


def test_the_optimisers_are_told_as_they_are() -> None:
    """Names, rates, settings and formulas in the document are those of the table."""
    rows = {
        line.split("`")[1]: line
        for line in (ROOT / "docs/train.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    }
    for name, row in OPTIMISERS.items():
        settings = ", ".join(f"`{key}={x:g}`" for key, x in row.settings.items())
        rate = "" if row.rate is None else f"{row.rate:g}"
        formula = row.formula if row.step is None else f"`{row.formula}`"
        assert rows[name] == f"| `{name}` | {rate} | {settings} | {row.doc} {formula} ({row.source}) |"

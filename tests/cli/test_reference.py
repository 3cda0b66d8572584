"""The reference and the man page: they say what the helps say, all of it, and nothing in them is markup by accident."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes import Cli, Golden, Refused

import gradcli
from gradcli.cli.about import markdown, roff
from gradcli.cli.about.described import Command, commands, program
from gradcli.cli.about.topics import topics
from gradcli.errors import ExitStatus

DESCRIBED = [program(), *commands()]
REFERENCE = "../docs/reference.md"
MAN_PAGE = "../docs/man/gradcli.1"


def words(text: str) -> str:
    return " ".join(text.split())


def tool(name: str) -> str:
    """A program that reads man pages. Where a run must be complete, GRADCLI_ALL_TESTS makes its absence a failure."""
    found = shutil.which(name)
    if found is None:
        assert "GRADCLI_ALL_TESTS" not in os.environ, f"no {name} on PATH"
        pytest.skip(f"no {name} on PATH: the page is checked without it by the other tests")
    return found


def rendered(page: str) -> str:
    """A man page as mandoc shows it in 80 columns."""
    done = subprocess.run(
        [tool("mandoc"), "-T", "utf8", "-O", "width=78"], input=page, capture_output=True, text=True,
        encoding="utf-8", env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=30, check=True,
    )  # fmt: skip
    return re.sub(r".\x08", "", done.stdout)


def test_the_reference_in_the_docs_is_the_present_one(cli: Cli, golden: Golden) -> None:
    golden(REFERENCE, cli("man", "--format", "markdown").out)


def test_the_man_page_in_the_docs_is_the_present_one(cli: Cli, golden: Golden) -> None:
    golden(MAN_PAGE, cli("man").out)


def test_a_file_says_which_of_both_by_its_name(cli: Cli, refused: Refused, tmp_path: Path) -> None:
    for name, format in (("gradcli.1", "man"), ("reference.md", "markdown")):
        assert cli("man", "-o", str(tmp_path / name)).status == 0
        assert (tmp_path / name).read_text(encoding="utf-8") == cli("man", "--format", format).out
    assert "the formats are man, markdown" in refused("man", "--format", "html")


def test_a_window_changes_nothing(cli: Cli) -> None:
    for format in ("man", "markdown"):
        plain = cli("man", "--format", format).out
        assert cli("man", "--format", format, COLUMNS="30", FORCE_COLOR="1", terminal=True, TERM="xterm").out == plain


@pytest.mark.parametrize("command", DESCRIBED, ids=lambda command: command.name)
def test_every_word_is_one_of_the_help(command: Command, cli: Cli) -> None:
    """What is described is what --help prints: usage, text, examples, every option with its words and its limits."""
    printed = cli(*([] if command.name == "gradcli" else [command.name]), "--help").out
    help = words(printed)
    assert help.startswith(f"Usage: {command.usage} {command.summary}")
    for text in (*command.paragraphs, *command.examples):
        assert words(text) in help
    for option in (*command.arguments, *command.options):
        limits = f" [{option.limits}]" if option.limits else ""
        assert words(f"{', '.join(option.names)} {option.metavar} {option.help}{limits}") in help
    listed = re.findall(r"(?m)^  (-.*?)(?:  |$)", printed.partition("\nOptions:\n")[2])
    assert listed == [f"{', '.join(option.names)} {option.metavar}".strip() for option in command.options]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_the_reference_and_the_page_have_every_option(command: Command) -> None:
    reference, page = "".join(markdown.page()), "".join(roff.page())
    section = re.split(r"\n##", reference.partition(f"\n### {command.name}\n")[2])[0]
    part = re.split(r"\n\.S[HS] ", page.partition(f'\n.SS "gradcli {command.name}"\n')[2])[0]
    for option in (*command.arguments, *command.options):
        assert markdown.code(" ".join([", ".join(option.names), option.metavar]).strip()) in section
        assert markdown.prose(option.help) in section
        names = ", ".join(rf"\fB{roff.escaped(name)}\fR" for name in option.names)
        assert f"\n.TP\n{names}" in part
        assert words(roff.filled(option.help)) in words(part)
    for example in command.examples:
        assert f"\n{example}\n" in section
        assert all(f"\n{roff.escaped(line)}\n" in part for line in example.splitlines())


def test_the_contents_lead_to_the_sections() -> None:
    reference = "".join(markdown.page())
    titles = [line.strip("# ").lower().replace(" ", "-") for line in reference.splitlines() if re.match("##", line)]
    links = re.findall(r"\]\(#([^)]+)\)", reference)
    assert sorted(links) == sorted(
        {*titles} - {"contents", *(one.group.lower().replace(" ", "-") for one in commands())}
    )
    assert len(titles) == len({*titles})


def test_tables_have_as_many_cells_as_their_heads() -> None:
    for line in "".join(markdown.page()).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4), line
            assert line.count("`") % 2 == 0, line


def test_every_status_is_told() -> None:
    rows = {topic.title: dict(topic.rows) for topic in topics()}
    assert list(rows["Exit status"]) == [str(int(status)) for status in ExitStatus]


def test_every_variable_of_the_environment_is_told() -> None:
    """All names that os.environ is asked for, wherever; and no other."""
    asked = set()
    for path in Path(gradcli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
                asked.add(ast.literal_eval(node.args[0]))
    rows = {topic.title: dict(topic.rows) for topic in topics()}
    assert asked == {*rows["Environment"]}


REQUESTS = {".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi", ".nh", ".ad", ".br", ".BR"}


def test_the_page_is_made_of_known_requests() -> None:
    """Lines of text begin with no dot or quote; what follows a backslash is one of the few escapes that are meant."""
    page = "".join(roff.page())
    assert page.isascii()
    assert not re.search(r"[^\n -~]", page)
    for line in page.splitlines():
        assert line, "an empty line is a request of its own"
        if line[0] in ".'":
            assert line.split()[0] in REQUESTS
        rest = re.sub(r"\\(?:e|-|&|\((?:aq|ga|ha|ti|dq)|\[u[0-9A-F]{4,5}\]|f[BIR])", "", line)
        assert "\\" not in rest, line
        if line[0] not in ".'":
            assert not re.search(r"[-'`^~\"]", rest.replace(r"\-", "")), line
    assert page.count(".nf\n") == page.count(".fi\n") > len(commands())
    assert page.startswith(f'.TH GRADCLI 1 "" "gradcli {gradcli.__version__}" ')


def test_the_page_names_no_day() -> None:
    assert not re.search(r"\b(19|20)\d\d\b", "".join(roff.page()).partition("\n")[0])


ODD = st.text(st.sampled_from("ab .'\\\"-`^~\t[]()*π²𝔸&%"), min_size=1, max_size=20).filter(str.strip)


@given(st.lists(ODD.map(lambda text: words(text)), min_size=1, max_size=30))
def test_roff_prints_any_text_as_it_is(texts: list[str]) -> None:
    """Every line of text, whatever it holds, is read back from the escapes, and begins with no request."""
    signs = {r"\e": "\\", r"\-": "-", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\(dq": '"', r"\&": ""}
    for text in texts:
        written = roff.escaped(text)
        assert written[:1] not in (".", "'")
        read = re.sub(
            r"\\(?:\[u([0-9A-F]+)\]|\(..|.)",
            lambda found: chr(int(found[1], 16)) if found[1] else signs[found[0]],
            written,
        )
        assert read == text


def test_mandoc_finds_nothing_but_the_missing_day() -> None:
    done = subprocess.run(
        [tool("mandoc"), "-T", "lint", "-W", "warning"], input="".join(roff.page()), capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    told = [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line]
    assert told == []


def test_mandoc_shows_the_page_in_eighty_columns() -> None:
    shown = rendered("".join(roff.page()))
    assert max(map(len, shown.splitlines())) <= 80
    for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"):
        assert f"\n{title}\n" in shown
    for command in DESCRIBED:
        for example in command.examples:
            for line in example.splitlines():
                assert f"\n       {line}\n" in shown
        for option in (*command.arguments, *command.options):
            assert words(option.help) in words(shown)


def test_mandoc_shows_odd_text_as_it_is() -> None:
    lines = [".TH x", "'quote'", "a\\b \\fB -x --y ~/.z ^2 `c`", "± ∂f/∂x … 𝔸", '"quoted" .SH']
    shown = rendered(".TH X 1\n.SH X\n.nf\n" + "".join(f"{roff.escaped(line)}\n" for line in lines) + ".fi\n")
    assert all(f"\n       {line}\n" in shown for line in lines), shown

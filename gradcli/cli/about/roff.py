r"""The man page, in roff with the macros of man(7).

Enters: the described commands and the topics. Leaves: pieces of text. Invariant: no word of theirs is a request or an
escape; the page is ASCII, and the same for every terminal, locale and day: it names the version, and no date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap

from gradcli import __version__
from gradcli.cli.about.described import Command, Option, commands, program
from gradcli.cli.about.topics import topics

# Signs that roff takes for requests or escapes, or sets as typographic ones: hyphens, quotes, circumflex and tilde.
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}


def escaped(text: str) -> str:
    """A line of text that roff prints as it is, wherever it stands in a line."""
    shown = "".join(_ESCAPES.get(sign) or (sign if sign.isascii() else rf"\[u{ord(sign):04X}]") for sign in text)
    return rf"\&{shown}" if shown.startswith(".") else shown


def filled(text: str) -> str:
    """Lines of text to be filled, none of them long."""
    return "".join(f"{escaped(line)}\n" for line in wrap(text, 64, break_long_words=False, break_on_hyphens=False))


def page() -> Iterator[str]:
    """The whole page."""
    yield re.sub(r"(?m)(^\.S[HS] .*\n)\.PP\n", r"\1", "".join(_pieces()))  # a section begins a paragraph by itself


def _pieces() -> Iterator[str]:
    root, described, told = program(), commands(), topics()
    yield f'.TH GRADCLI 1 "" "gradcli {escaped(__version__)}" "User commands"\n'
    yield ".nh\n.ad l\n"
    yield from (".SH NAME\n", rf"gradcli \- {escaped(_lowered(root.summary))}", "\n")
    yield from (".SH SYNOPSIS\n", _usage(root), ".br\n", r"\fBgradcli\fR \fICOMMAND\fR \fB\-\-help\fR", "\n")
    yield from (".SH DESCRIPTION\n", *_text(root), *_options(root.options))
    yield from (".SH COMMANDS\n", *_contents(described))
    for one in described:
        yield from (f'.SS "{escaped(f"gradcli {one.name}")}"\n', *_command(one))
    for topic in told:
        yield from (f'.SH "{escaped(topic.title.upper())}"\n', filled(topic.text))
        for term, meaning in topic.rows:
            yield f".TP\n\\fB{escaped(term)}\\fR\n{filled(meaning)}"
    yield from (".SH EXAMPLES\n", *_examples(root.examples))
    for one in described:
        yield from (f".PP\n{filled(one.summary)}", *_examples(one.examples[:1]))
    yield ".SH SEE ALSO\n.BR dot (1),\n.BR jq (1)\n"


def _lowered(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).removesuffix(".")


def _usage(command: Command) -> str:
    name = " ".join(word for word in command.usage.split() if word.islower())
    rest = command.usage.removeprefix(name).strip()
    return rf"\fB{escaped(name)}\fR {escaped(rest)}" + "\n"


def _contents(described: list[Command]) -> Iterator[str]:
    """The commands at a glance, under the titles of their groups."""
    group = ""
    for one in described:
        if one.group != group:
            group = one.group
            yield f".PP\n{escaped(group)}:\n"
        yield f".TP 16\n\\fB{escaped(one.name)}\\fR\n{filled(one.summary)}"


def _command(command: Command) -> Iterator[str]:
    yield _usage(command)
    yield f".PP\n{filled(command.summary)}"
    yield from _text(command)
    yield from _options((*command.arguments, *command.options))


def _text(command: Command) -> Iterator[str]:
    *before, last = command.paragraphs or ("",)
    leads = last.endswith(":")  # to the examples
    for text in (*before, *([last] if leads else [])):
        yield f".PP\n{filled(text)}"
    yield from _examples(command.examples)
    if last and not leads:
        yield f".PP\n{filled(last)}"


def _examples(examples: tuple[str, ...]) -> Iterator[str]:
    if examples:
        yield ".PP\n.nf\n"
        yield from (f"{escaped(line)}\n" for example in examples for line in example.split("\n"))
        yield ".fi\n"


def _options(options: tuple[Option, ...]) -> Iterator[str]:
    for one in options:
        names = ", ".join(rf"\fB{escaped(name)}\fR" for name in one.names)
        value = rf"\fI{escaped(one.metavar)}\fR" if one.metavar else ""
        limits = f" [{one.limits}]" if one.limits else ""
        yield f".TP\n{' '.join(part for part in (names, value) if part)}\n{filled(one.help + limits)}"

"""The reference, in Markdown: what the man page says, with a table of contents.

Enters: the described commands and the topics. Leaves: pieces of text. Invariant: no word of theirs is markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradcli.cli.about.described import Command, Option, commands, program
from gradcli.cli.about.topics import topics


def prose(text: str) -> str:
    """Words that read as they are; what is written in backquotes is code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part[:1] == "`" else re.sub(r"([\\*_<>\[\]|#~])", r"\\\1", part) for part in parts)


def code(text: str) -> str:
    """Code inside a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def page() -> Iterator[str]:
    """The whole reference."""
    root, described, told = program(), commands(), topics()
    yield f"# Reference\n\nWhat `gradcli man --format markdown` prints.\n\n```\n{root.usage}\n```\n\n"
    yield f"{prose(root.summary)}\n"
    yield from _text(root)
    yield from _table("option", root.options)
    yield "\n## Contents\n\n"
    for group in dict.fromkeys(one.group for one in described):
        yield f"- {group}: {', '.join(f'[{one.name}](#{one.name})' for one in described if one.group == group)}\n"
    yield from (f"- [{topic.title}](#{topic.title.lower().replace(' ', '-')})\n" for topic in told)
    group = ""
    for one in described:
        if one.group != group:
            group = one.group
            yield f"\n## {group}\n"
        yield f"\n### {one.name}\n\n{prose(one.summary)}\n\n```\n{one.usage}\n```\n"
        yield from _text(one)
        yield from _table("argument", one.arguments)
        yield from _table("option", one.options)
    for topic in told:
        yield f"\n## {topic.title}\n\n{prose(topic.text)}\n\n| | |\n| :--- | :--- |\n"
        yield from (f"| {code(term)} | {prose(meaning)} |\n" for term, meaning in topic.rows)


def _text(command: Command) -> Iterator[str]:
    leading = [text for text in command.paragraphs if text.endswith(":")]
    yield from (f"\n{prose(text)}\n" for text in (*(t for t in command.paragraphs if t not in leading), *leading))
    if command.examples:
        yield "\n```\n" + "".join(f"{example}\n" for example in command.examples) + "```\n"


def _table(title: str, options: tuple[Option, ...]) -> Iterator[str]:
    if options:
        yield f"\n| {title} | | default, bounds |\n| :--- | :--- | :--- |\n"
        for one in options:
            names = ", ".join(one.names)
            limits = code(one.limits.removeprefix("default: ")) if one.limits else ""
            yield f"| {code(f'{names} {one.metavar}'.strip())} | {prose(one.help)} | {limits} |\n"

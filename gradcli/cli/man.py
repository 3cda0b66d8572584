"""gradcli man: the manual, from the commands themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options, streams
from gradcli.cli.choices import by_name, one_format

_FORMATS = ("man", "markdown")
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help=f"One of {', '.join(_FORMATS)}; else as the file's name says, or man."
    ),
]


def run(format: Format = None, output: options.Output = None) -> None:
    """Print the manual: all commands and all their options.

    As a page for `man`, or as a reference in Markdown:

    \b
      gradcli man | man -l -
      gradcli man -o gradcli.1
      gradcli man -o reference.md
    """
    named = by_name(output, _FORMATS)
    chosen = one_format(_FORMATS, named if named in _FORMATS else "man", format)
    # Imported here, since both walk over all commands.
    if chosen == "man":
        from gradcli.cli.about import roff

        streams.deliver(roff.page(), output)
    else:
        from gradcli.cli.about import markdown

        streams.deliver(markdown.page(), output)

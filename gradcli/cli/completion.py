"""gradcli completion: a script that completes command lines, for a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import streams
from gradcli.errors import UsageError
from gradcli.printable import shorten

SHELLS = ("bash", "zsh", "fish")


def run(
    shell: Annotated[
        str | None, typer.Argument(metavar="SHELL", show_default=False, help=f"One of {', '.join(SHELLS)}.")
    ] = None,
) -> None:
    """Print a script that completes commands, options and files.

    The shell reads it once; nothing is started while one types:

    \b
      source <(gradcli completion bash)
      gradcli completion zsh > _gradcli
      gradcli completion fish > ~/.config/fish/completions/gradcli.fish
    """
    if shell not in SHELLS:
        what = "there is no shell" if shell is None else f"there is no completion for {shorten(shell)}"
        raise UsageError(what, hint=f"the shells are {', '.join(SHELLS)}: gradcli completion bash")
    # Imported here, since they walk over all commands.
    from gradcli.cli.about import bash, fish, zsh

    streams.emit({"bash": bash, "zsh": zsh, "fish": fish}[shell].script())

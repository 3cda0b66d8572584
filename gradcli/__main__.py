"""The process: python -m gradcli, and the installed program."""

from __future__ import annotations

import gc

TYPE_CHECKING = False  # as in gradcli itself
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    # The process lives for a moment and its data is flat: looking for cycles would only slow the imports down.
    gc.disable()
    from gradcli.cli import signals

    signals.end_at_once()
    from gradcli.cli import app

    app.main()


if __name__ == "__main__":
    main()

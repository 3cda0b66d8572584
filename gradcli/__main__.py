"""The process: python -m gradcli, and the installed program."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    # The process lives for a moment and its data is flat: looking for cycles would only slow the imports down.
    gc.disable()
    from gradcli.cli import app

    app.main()


if __name__ == "__main__":
    main()

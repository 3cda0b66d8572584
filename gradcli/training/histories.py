"""The epochs of a training as a table in a file.

Enters: a result, a binary file, a format of tables. Leaves: a row per entry of the history. Invariant: numbers are
whole; a row lacks a number that its epoch does not have as nan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from gradcli.render.training import history_columns
from gradcli.tables.writing import open_writer

if TYPE_CHECKING:
    from gradcli.training.results import Training


def write_history(result: Training, sink: BinaryIO, format: str) -> None:
    """Write it.

    Raises:
        GradcliError: it could not be written, or the format needs what is not installed.
    """
    columns = {name: np.array(numbers, np.float64) for name, numbers in history_columns(result).items()}
    writer = open_writer(sink, format, None, list(columns))
    writer.write(None, columns, None)
    writer.close()

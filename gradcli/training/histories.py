"""The epochs of a training, or its parameters, as a table in a file.

Enters: a result, a binary file, a format of tables. Leaves: a row per entry of the history, or per number that was
learnt. Invariant: numbers are whole; a number that an epoch does not have is nan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from gradcli.render.training import history_columns
from gradcli.tables.texts import texts
from gradcli.tables.writing import open_writer
from gradcli.training.layout import Layout

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


def write_parameters(result: Training, sink: BinaryIO, format: str) -> None:
    """Write what was learnt: the columns parameter and value and, of a fit, standard_error.

    Raises:
        GradcliError: it could not be written, or the format needs what is not installed.
    """
    layout = Layout({name: np.shape(x) for name, x in result.parameters.items()})
    columns = {"value": layout.vector(result.parameters)}
    if result.fit is not None:
        columns["standard_error"] = np.array(result.fit.standard_errors, np.float64)
    schema, names = texts("parameter", layout.elements())
    writer = open_writer(sink, format, schema, list(columns))
    writer.write(names, columns, None)
    writer.close()

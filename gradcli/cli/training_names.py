"""Names of a program that trains, and what is said where one is nothing: no column, no parameter and no constant.

Enters: the inputs that are neither parameters nor constants, the data's columns. Leaves: a `Source` per input, or an
error. Invariant: every error has a way out that would work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from gradcli.batch import columns
from gradcli.batch.columns import Source
from gradcli.batch.looking import Data
from gradcli.errors import BindingError, GradcliError
from gradcli.printable import shorten

_OF_SEVERAL = re.compile(r"did you mean --map \S+=\S+,\S+\?")
_NO_SOURCE = "no column and no value for "  # how `columns.sources` begins


def sources_of(
    inputs: Collection[str], values: Collection[str], mapped: Mapping[str, str], data: Data, held: Collection[str]
) -> dict[str, Source]:
    """The columns of all inputs that are neither parameters nor constants. held: as for `unknown`."""
    if data.columns is None:
        raise without_rows(data)
    try:
        return columns.sources(inputs, values, mapped, data.columns)
    except BindingError as error:
        if not error.message.startswith(_NO_SOURCE):
            raise
        found: dict[str, Source] = {}
        for name in inputs:
            if name not in values and name not in mapped:
                try:
                    found |= columns.sources([name], (), {}, data.columns)
                except BindingError:
                    continue
        missing = [name for name in inputs if name not in values and name not in mapped and name not in found]
        raise unknown(missing, error, held) from None


def unknown(missing: Sequence[str], error: BindingError | None, held: Collection[str] = ()) -> BindingError:
    """Names that are nothing.

    Args:
        error: what the data's columns say to that; None without data.
        held: the names in files of --param that the program does not use.
    """
    some, first = listed(missing), shorten(missing[0])
    file = f"the file of --param holds {listed(held)}; " if held else ""
    if error is None:
        hint = f"--param {first}=0 makes it a parameter, --{first} VALUE a constant; --data FILE has columns"
        return BindingError(f"neither a parameter nor a value: {some}", hint=file + hint)
    hint, parameter = error.hint or "", f"--param {first}=0 makes it a parameter"
    if _OF_SEVERAL.match(hint):
        hint = f"{hint}; {parameter}"
    elif not hint.endswith("(…)"):  # a function that is not called
        hint = f"{parameter}; {hint}"
    return BindingError(f"neither a column, a parameter nor a value: {some}", hint=file + hint)


def refuse_plain(name: str, sources: Collection[str], there: Sequence[str]) -> None:
    """Refuse a name of a penalty that is no parameter and no constant."""
    shown = shorten(name)
    if name in sources or columns.hidden({name}, there):
        raise BindingError(f"--penalty is of parameters, and {shown} is a column", hint="add it to the loss instead")
    raise BindingError(f"--penalty: neither a parameter nor a value: {shown}", hint=f"write --{shown} VALUE")


def listed(names: Collection[str]) -> str:
    return shorten(", ".join(map(shorten, names)), 200)


def without_rows(data: Data) -> GradcliError:
    from gradcli.training.data import without_rows as told

    return told([table.name for table in data.tables])

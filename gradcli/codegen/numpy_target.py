"""NumPy: a function of arrays, elementwise, without warnings.

Enters: a File. Leaves: a module with one function that returns the value and a dict of gradients. Invariant: float64
throughout; what NumPy lacks comes with the file, and only if it is needed.
"""

from __future__ import annotations

from gradcli.codegen import arrays, error_function
from gradcli.codegen.array_layout import layout
from gradcli.codegen.arrays import Library
from gradcli.codegen.python_target import identifier
from gradcli.codegen.structural import Words, with_arrays
from gradcli.codegen.target import Helper, Target, Text, Writer, square_or

LIBRARY = Library(
    alias="np",
    imports=("import numpy as np",),
    arrays="arrays",
    one="np.float64({})",
    many="np.asarray({}, dtype=np.float64)",
    full="filled({}, {})",
    truth="np.where({}, 1.0, 0.0)",
    optional_imports={"functools": "import functools"},
    context='with np.errstate(all="ignore"):',
)


def _power(by_library: Writer, by_file: Writer) -> Writer:
    """NumPy's own where it is known to obey IEEE 754."""

    def written(x: Text, a: Text) -> Text:
        return (by_library if a.number not in (None, 0.5) or arrays.is_literal(x) else by_file)(x, a)

    return square_or(written)


WRITERS = {
    **arrays.writers(LIBRARY, arrays.NUMPY_NAMES),
    "pow": _power(arrays.function(LIBRARY, "power"), arrays.helper(LIBRARY, "power")),
    "erf": arrays.helper(LIBRARY, "erf"),
    "erfc": arrays.helper(LIBRARY, "erfc"),
}

HELPERS: dict[str, Helper] = {
    **arrays.helpers("np"),
    "power": Helper(
        '''def power(x, a):
    """x to the a. Where a is 0.5, np.power takes the square root, which differs at -inf and -0."""
    differs = (a == 0.5) & ((x == 0.0) | (x == -np.inf))
    return np.where(differs, np.abs(x), np.power(x, a))
'''
    ),
    **error_function.helpers("np"),
    "filled": Helper(
        '''def filled(x, shape):
    """x as a new array of that shape."""
    return np.positive(np.broadcast_to(x, shape))
'''
    ),
}

_NUMBERS = Target(
    "numpy", WRITERS, HELPERS, arrays.reserved("np", "exp_minus_square", "polynomial"), identifier, LIBRARY.literal,
    LIBRARY.as_number, LIBRARY.as_condition, layout(LIBRARY, HELPERS), function=lambda name: arrays.own(LIBRARY, name),
)  # fmt: skip

_PUT = "    found = np.zeros(shape)\n    found[block] = x\n    return found"

_WORDS = Words(constant="np.array({})", filled="np.full({}, {})", put=_PUT, counted="np.arange({})")

_ARRAYS = with_arrays(_NUMBERS, LIBRARY, _WORDS)

TARGET = _NUMBERS._replace(arrays=_ARRAYS._replace(layout=layout(LIBRARY, _ARRAYS.helpers)))

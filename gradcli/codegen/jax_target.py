"""JAX: a pure function of arrays, elementwise, for `jax.jit` and `jax.vmap`.

Enters: a File. Leaves: a module with one function that returns the value and a dict of gradients. Invariant: no value
decides what is run; numbers are doubles if JAX is set to them, which a module leaves to its user.

Compiled, JAX computes a/b/b as a/(b*b), which overflows or vanishes for b beyond 1e154 or below 1e-154.
"""

from __future__ import annotations

from gradcli.codegen import arrays, error_function
from gradcli.codegen.array_layout import layout
from gradcli.codegen.arrays import Library
from gradcli.codegen.python_target import identifier
from gradcli.codegen.structural import Words, with_arrays
from gradcli.codegen.target import Helper, Target

LIBRARY = Library(
    alias="jnp",
    imports=("import jax.numpy as jnp",),
    arrays="arrays",
    one="jnp.asarray({})",
    many="jnp.asarray({}, dtype=float)",
    full="jnp.broadcast_to({}, {})",
    truth="jnp.where({}, 1.0, 0.0)",
    optional_imports={
        "functools": "import functools",
        "softmax": "import jax",
        "erf": "from jax.scipy.special import erf",
    },
    before_test=(
        "import jax",
        "",
        'jax.config.update("jax_enable_x64", True)  # gradcli computes with doubles',
    ),
)

WRITERS = {
    **arrays.writers(LIBRARY, arrays.NUMPY_NAMES),
    "erf": arrays.helper(LIBRARY, "erf"),
    "erfc": arrays.helper(LIBRARY, "erfc"),
}

HELPERS: dict[str, Helper] = {
    **arrays.helpers("jnp"),
    **error_function.helpers("jnp", erf=Helper("")),
}

_NUMBERS = Target(
    "jax", WRITERS, HELPERS, arrays.reserved("jnp", "jax", "exp_minus_square", "polynomial"), identifier,
    LIBRARY.literal, LIBRARY.as_number, LIBRARY.as_condition, layout(LIBRARY, HELPERS),
    function=lambda name: arrays.own(LIBRARY, name),
)  # fmt: skip

_PUT = "    return jnp.zeros(shape).at[block].set(x)"

_WORDS = Words(
    constant="jnp.array({})", filled="jnp.full({}, {})", put=_PUT, counted="jnp.arange({})", softmax="jax.nn.softmax"
)  # fmt: skip

_ARRAYS = with_arrays(_NUMBERS, LIBRARY, _WORDS)

TARGET = _NUMBERS._replace(arrays=_ARRAYS._replace(layout=layout(LIBRARY, _ARRAYS.helpers)))

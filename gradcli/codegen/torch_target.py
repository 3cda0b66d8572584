"""PyTorch: a function of tensors with both passes written out; it neither needs nor touches autograd.

Enters: a File. Leaves: a module with one function that returns the value and a dict of gradients. Invariant: float64
throughout; functions of the library are given tensors, never Python's numbers, whose type they would guess.
"""

from __future__ import annotations

from gradcli.codegen import arrays
from gradcli.codegen.array_layout import layout
from gradcli.codegen.arrays import Library
from gradcli.codegen.python_target import identifier
from gradcli.codegen.structural import Words, with_arrays
from gradcli.codegen.target import Helper, Target, Text, Writer, call, square_or

LIBRARY = Library(
    alias="torch",
    imports=("import torch",),
    arrays="tensors",
    one="tensor({})",
    many="torch.as_tensor({}, dtype=torch.float64)",
    full="filled({}, {})",
    truth="{}.double()",
    optional_imports={"functools": "import functools"},
    strict=True,
)

_NAMES = (
    "exp expm1 log log2 log10 log1p sqrt sin cos tan asin acos atan atan2 hypot sinh cosh tanh asinh acosh atanh"
    " erf erfc abs floor ceil round logaddexp pow"
)


def _power(write: Writer) -> Writer:
    """torch.pow takes 0.5 as a number for a square root, which makes nan of -inf, and 0.5 as a tensor by the letter."""

    def written(x: Text, a: Text) -> Text:
        return write(x, LIBRARY.array(a) if a.number in (0.5, -0.5) else a)

    return written


WRITERS = {
    **arrays.writers(LIBRARY, {**{name: name for name in _NAMES.split()}, "mod": "remainder"}),
    "pow": square_or(_power(arrays.given(LIBRARY, arrays.apart(LIBRARY, call("torch.pow")), arrays=False))),
    "cbrt": arrays.helper(LIBRARY, "cbrt"),
}

HELPERS: dict[str, Helper] = {
    **arrays.helpers("torch"),
    "tensor": Helper(
        '''def tensor(x):
    """A number as a tensor."""
    return torch.tensor(x, dtype=torch.float64)
'''
    ),
    "cbrt": Helper(
        '''def cbrt(x):
    """The cube root, also of negative numbers."""
    size = torch.abs(x)
    root = torch.pow(size, 1.0 / 3.0)
    better = root - (root - size / (root * root)) / 3.0  # 1/3 was rounded
    return torch.copysign(torch.where((size > 0.0) & (size < torch.inf), better, root), x)
'''
    ),
    "filled": Helper(
        '''def filled(x, shape):
    """x as a new tensor of that shape."""
    return torch.as_tensor(x, dtype=torch.float64).expand(shape).clone()
'''
    ),
}

_NUMBERS = Target(
    "torch", WRITERS, HELPERS, arrays.reserved("torch"), identifier, LIBRARY.literal, LIBRARY.as_number,
    LIBRARY.as_condition, layout(LIBRARY, HELPERS), function=lambda name: arrays.own(LIBRARY, name),
)  # fmt: skip

_PUT = "    found = torch.zeros(shape, dtype=torch.float64)\n    found[block] = x\n    return found"

_WORDS = Words(
    constant="tensor({})", filled="torch.full({}, {}, dtype=torch.float64)", put=_PUT,
    counted="torch.arange({}, dtype=torch.float64)", softmax="torch.softmax", axis="dim", keepdims="keepdim",
    largest="amax", smallest="amin", concatenate="cat", permute="permute", many_axes=False,
)  # fmt: skip

_ARRAYS = with_arrays(_NUMBERS, LIBRARY, _WORDS)

TARGET = _NUMBERS._replace(arrays=_ARRAYS._replace(layout=layout(LIBRARY, _ARRAYS.helpers)))

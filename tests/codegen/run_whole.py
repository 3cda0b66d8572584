"""Run generated functions of whole arrays and print their numbers: `python run_whole.py LIBRARY FOLDER`.

For the interpreter that has the library, which need not have gradcli. The folder has `case_0.py`, `case_1.py` … with a
function of that name each, and `values.json`: for each of them its inputs by name, numbers and lists in lists, in the
order of the parameters. Out: the value, and by name the gradients. jax-jit is JAX with every function compiled; python
is given lists.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def library_of(name: str) -> tuple[Any, Any]:
    """What makes an array of lists, and what prepares a function."""
    if name == "python":
        return lambda x: x, lambda function: function
    if name == "numpy":
        import numpy as np

        return lambda x: np.array(x, dtype=float), lambda function: function
    if name == "torch":
        import torch

        return lambda x: torch.tensor(x, dtype=torch.float64), lambda function: function
    import jax

    jax.config.update("jax_enable_x64", True)
    return lambda x: jax.numpy.array(x, dtype=float), jax.jit if name == "jax-jit" else lambda f: f


def main(name: str, folder: Path) -> None:
    array, prepared = library_of(name)
    sys.path.insert(0, str(folder))
    results = []
    for position, inputs in enumerate(json.loads((folder / "values.json").read_text())):
        own = f"case_{position}"
        given = {one: array(x) for one, x in inputs.items()}
        value, gradients = prepared(getattr(importlib.import_module(own), own))(*given.values())
        if name != "python":
            assert tuple(value.shape) == (), own
            for one, gradient in gradients.items():
                assert gradient.shape == given[one].shape, (own, one, gradient.shape)
                assert str(gradient.dtype).endswith("float64"), (own, one)
            value, gradients = value.tolist(), {one: gradient.tolist() for one, gradient in gradients.items()}
        results.append([value, {one: gradients[one] for one in inputs}])  # jax.jit sorts the keys
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""Run generated functions of arrays and print their numbers: `python run_arrays.py LIBRARY FOLDER`.

For the interpreter that has the library, which need not have gradcli. The folder has `case_0.py`, `case_1.py` … with a
function of that name each, and `points.json`: for each of them its inputs, and the places to call it at. All places go
in as one array per input. jax-jit is JAX with every function compiled.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def library_of(name: str) -> tuple[Any, Any]:
    """What makes an array of a list of floats, and what prepares a function."""
    if name == "numpy":
        import numpy as np

        return np.array, lambda function: function
    if name == "torch":
        import torch

        def without_autograd(function: Any) -> Any:
            def called(*arguments: Any) -> Any:
                with torch.no_grad():
                    return function(*arguments)

            return called

        return lambda numbers: torch.tensor(numbers, dtype=torch.float64), without_autograd
    import jax

    jax.config.update("jax_enable_x64", True)
    return lambda numbers: jax.numpy.array(numbers, dtype=float), jax.jit if name == "jax-jit" else lambda f: f


def main(name: str, folder: Path) -> None:
    array, prepared = library_of(name)
    sys.path.insert(0, str(folder))
    results = []
    cases = json.loads((folder / "points.json").read_text())
    length = max(len(places) for _, places in cases) if name == "jax" else 0  # it compiles operations once per length
    for position, (inputs, places) in enumerate(cases):
        if not inputs:  # a case that this run leaves out
            results.append([])
            continue
        own = f"case_{position}"
        function = prepared(getattr(importlib.import_module(own), own))
        every = places + places[:1] * (length - len(places))
        columns = [array([float(x) for x in column]) for column in zip(*every, strict=True)]
        value, gradients = function(*columns)
        assert {*gradients} == {*inputs}, own
        found = [value, *(gradients[one] for one in inputs)]  # jax.jit sorts the keys
        for one in found:
            assert one.shape == columns[0].shape, (own, one.shape)
            assert str(one.dtype).endswith("float64"), (own, one.dtype)
        results.append([list(row) for row in zip(*(one.tolist() for one in found), strict=True)][: len(places)])
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

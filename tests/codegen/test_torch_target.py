"""Generated PyTorch is run: without autograd it has gradcli's own numbers, with both passes written out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import array_runs
import pytest
from generated import KNOWN
from peers import interpreter


@pytest.fixture(scope="session")
def torch() -> str:
    """The Python that has PyTorch."""
    return interpreter("torch")


def test_numbers(tmp_path: Path, torch: str) -> None:
    """Every function at its samples and kinks, all samples, equations and test functions, to 1e-12, under no_grad."""
    assert array_runs.differences(array_runs.run("torch", "torch", tmp_path, torch)) == KNOWN


def test_self_test(tmp_path: Path, torch: str) -> None:
    array_runs.check_self_test("torch", tmp_path, torch)


_PROPERTIES = """
import torch, warnings
from product import product
from doubled import doubled
warnings.simplefilter("error")
x, y, z = torch.ones(3, 1), torch.ones(2, dtype=torch.int64), 2
value, gradients = product(x, y, z)
assert value.shape == gradients["z"].shape == (3, 2) and value.dtype == torch.float64
gradients["x"] += 1.0
assert torch.equal(gradients["y"], torch.full((3, 2), 2.0, dtype=torch.float64))
leaf = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
value, gradients = doubled(leaf)
value.sum().backward()
assert torch.allclose(leaf.grad, gradients["x"], rtol=1e-14)
print(1)
"""


def test_properties(tmp_path: Path, torch: str) -> None:
    """Arguments are broadcast and stay what they are; autograd, if it is on, has the same gradient."""
    for name, text in (("product", "(x + y)*z"), ("doubled", "tanh(x)*sigmoid(2*x) + where(x > 0, x^3, exp(x))")):
        array_runs.write(tmp_path / f"{name}.py", text, "torch", name)
    (tmp_path / "driver.py").write_text(_PROPERTIES)
    assert array_runs.output_of([torch, str(tmp_path / "driver.py")]) == 1


def test_text(golden: Callable[[str, str], None]) -> None:
    array_runs.check_text("torch", golden)

"""Generated JAX is run, as it is and compiled by jax.jit: it has gradcli's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import array_runs
import pytest
from generated import KNOWN, published_cases
from peers import interpreter


@pytest.fixture(scope="session")
def jax() -> str:
    """The Python that has JAX."""
    return interpreter("jax")


# The compiler makes a/(b*b) of a/b/b, which overflows or vanishes beyond 1e±154.
_COMPILED = {
    "div_2": [(1e200, 1e200), (1e-200, 1e-200)],
    "atan2_2": [(1e-200, 1e-200), (1e200, 1e200)],
}


def test_numbers(tmp_path: Path, jax: str) -> None:
    """Every function at its samples and kinks, all samples, equations and test functions, to 1e-12."""
    assert array_runs.differences(array_runs.run("jax", "jax", tmp_path, jax)) == KNOWN


def test_compiled_numbers(tmp_path: Path, jax: str) -> None:
    """The same under jax.jit, but for the published equations, which would take a minute to compile."""
    without = {case.name for case in published_cases()}
    assert array_runs.differences(array_runs.run("jax-jit", "jax", tmp_path, jax, without)) == KNOWN | _COMPILED


def test_self_test(tmp_path: Path, jax: str) -> None:
    array_runs.check_self_test("jax", tmp_path, jax)


_PROPERTIES = """
import jax, jax.numpy as jnp
from product import product
value, gradients = product(jnp.ones((3, 1)), [1.0, 2.0], 2)
assert value.shape == gradients["z"].shape == (3, 2) and value.dtype == jnp.float32, "doubles are its user's choice"
jax.config.update("jax_enable_x64", True)
value, gradients = jax.jit(jax.vmap(product, (0, None, None)))(jnp.arange(3.0), 1.0, 2.0)
assert value.tolist() == [2.0, 4.0, 6.0] and gradients["z"].tolist() == [1.0, 2.0, 3.0]
print(1)
"""


def test_properties(tmp_path: Path, jax: str) -> None:
    """Arguments are broadcast; functions can be compiled and mapped; the settings of JAX are left alone."""
    array_runs.write(tmp_path / "product.py", "(x + y)*z", "jax", "product")
    (tmp_path / "driver.py").write_text(_PROPERTIES)
    assert array_runs.output_of([jax, str(tmp_path / "driver.py")]) == 1


def test_text(golden: Callable[[str, str], None]) -> None:
    array_runs.check_text("jax", golden)

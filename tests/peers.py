"""Other libraries to compare with, which need not be installed beside gradcli."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def interpreter(module: str) -> str:
    """The Python that has a module: this one, or that of GRADCLI_PEERS, which must have it and need not have gradcli.

    Where no Python is named and this one lacks the module, the test is skipped: few people have these libraries.
    """
    python = os.path.abspath(os.environ.get("GRADCLI_PEERS", sys.executable))  # not resolved: it may be a venv's link
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True, text=True, timeout=120, check=False)
    if found.returncode != 0:
        assert "GRADCLI_PEERS" not in os.environ, found.stderr
        pytest.skip(f"no {module} to compare with: GRADCLI_PEERS names no Python that has it")
    return python

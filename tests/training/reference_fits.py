"""NIST's Statistical Reference Datasets for nonlinear regression: data, models, starts and certified values.

All 27 problems, as published at itl.nist.gov/div898/strd, a work of the US government. The models are written in
gradcli's language, the numbers are NIST's.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradcli.graph.lower import lower
from gradcli.kernels import Kernel, kernel
from gradcli.language.parser import parse

PLACE = Path(__file__).parent / "nist"
NAMES = sorted(path.stem for path in PLACE.glob("*.json"))


class Reference(NamedTuple):
    case: dict[str, Any]
    columns: dict[str, Any]
    target: Any

    @property
    def names(self) -> list[str]:
        return list(self.case["certified"])

    def start(self, number: int) -> Any:
        return np.array(list(self.case[f"start{number}"].values()), dtype=np.float64)


def reference(name: str) -> Reference:
    case = json.loads((PLACE / f"{name}.json").read_text(encoding="utf-8"))
    with (PLACE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    target = columns.pop("y")
    return Reference(case, columns, np.log(target) if case["response"] == "log(y)" else target)


def model(text: str, names: list[str]) -> Kernel:
    """The kernel of a model by those of the parameters that it uses."""
    graph = lower(parse(text))
    used = [name for name in names if name in graph.inputs]
    return kernel(graph, {}, used, varying=used)


def digits(found: float, certified: float) -> float:
    """Significant digits that agree: the log relative error; NIST gives 11."""
    return 15.0 if found == certified else -math.log10(abs(found - certified) / abs(certified))

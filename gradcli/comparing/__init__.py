"""Two programs: the same function? And where they are, does float64 keep the same digits of both?

Enters: two graphs and points. Leaves: a `Comparison`. Invariant: whether they are the same function is decided in
multiprecision alone; float64 decides only where their results part.
"""

from gradcli.comparing.comparison import Comparison, compare
from gradcli.comparing.pointwise import Compared, Quantity

__all__ = ["Compared", "Comparison", "Quantity", "compare"]

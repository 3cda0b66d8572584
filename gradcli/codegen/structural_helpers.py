"""Functions of a file that work on whole arrays, for what a library lacks or has in a form that overflows or cancels.

Enters: what a library calls things. Leaves: helpers. Invariant: they have gradcli's own numbers to the last digits, at
logits of any size and where elements are equal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gradcli.codegen.python_helpers import ALL_AGREE
from gradcli.codegen.target import Helper

if TYPE_CHECKING:
    from gradcli.codegen.structural import Words

_SOFTMAX = '''def softmax(x, axis):
    """exp(x) divided by its sum along an axis."""
    e = np.exp(x - np.amax(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)
'''

_TAIL = '''def tail(x, largest, axis):
    """log(sum(exp(x - largest))). The largest elements add 1 each: small ones keep their digits."""
    others = np.where(x == largest, 0.0, np.exp(x - largest))
    ties = np.sum(np.where(x == largest, 1.0, 0.0), axis=axis, keepdims=True)
    return np.log1p(np.sum(others, axis=axis, keepdims=True) + (ties - 1.0))
'''

_LOGSOFTMAX = '''def logsoftmax(x, axis):
    """log(softmax(x)), exact in both tails; nan where the largest element is infinite."""
    largest = np.amax(x, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, np.nan)
    return x - largest - tail(x, largest, axis)
'''

_LOGSUMEXP = '''def logsumexp(x, axis, keepdims=False):
    """log(sum(exp(x))) without overflow."""
    largest = np.amax(x, axis=axis, keepdims=True)
    y = np.where(np.isfinite(largest), largest + tail(x, largest, axis), largest)
    return y if keepdims else np.squeeze(y, axis)
'''

_NORM = '''def norm(x, axis, keepdims=False):
    """The square root of the sum of squares, none of which overflows or vanishes."""
    largest = np.amax(np.abs(x), axis=axis, keepdims=True)
    scale = np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
    y = scale * np.sqrt(np.sum((x / scale) ** 2, axis=axis, keepdims=True))
    infinite = np.sum(np.where(np.isinf(x), 1.0, 0.0), axis=axis, keepdims=True) > 0.0
    y = np.where(infinite, np.inf, y)
    return y if keepdims else np.squeeze(y, axis)
'''

_DEVIATIONS = '''def deviations(x, axis):
    """x minus its mean, measured from the first element: equal elements give exactly 0."""
    moved = x - x[tuple(slice(0, 1) if k in axis else slice(None) for k in range(x.ndim))]
    return moved - np.mean(moved, axis=axis, keepdims=True)
'''

_CROSS_ENTROPY = '''def cross_entropy(logits, targets):
    """Mean over examples of -sum(targets*logsoftmax(logits))."""
    return np.mean(np.sum(chain(targets, -logsoftmax(logits, -1)), axis=-1))
'''

_CLASSES = '''def classes(x, count):
    """Class numbers as probabilities; nan for a number that is no class."""
    p = one_hot(x, count)
    return np.where(np.sum(p, axis=-1, keepdims=True) > 0.0, p, np.nan)
'''

_ONE_HOT = '''def one_hot(x, count):
    """For each class number 0, 1, … a 1 at its place among count."""
    return np.where(x[..., None] == {count}, 1.0, 0.0)
'''

_SCATTER = '''def scatter(x, shape, starts):
    """Zeros of a shape with the block x at starts."""
    block = tuple(slice(start, start + n) for start, n in zip(starts, x.shape))
{put}
'''


def helpers(alias: str, truth: str, words: Words) -> dict[str, Helper]:
    """These functions in the words of a library.

    Args:
        alias: of its module.
        truth: what makes numbers of a condition, with {} for it.
    """
    sources: dict[str, tuple[str, tuple[str, ...]]] = {
        "tail": (_TAIL, ()),
        "logsoftmax": (_LOGSOFTMAX, ("tail",)),
        "logsumexp": (_LOGSUMEXP, ("tail",)),
        "norm": (_NORM, ()),
        "deviations": (_DEVIATIONS, ()),
        "cross_entropy": (_CROSS_ENTROPY, ("chain", "logsoftmax")),
        "one_hot": (_ONE_HOT.replace("{count}", words.counted.format("count")), ()),
        "classes": (_CLASSES, ("one_hot",)),
        "scatter": (_SCATTER.replace("{put}", words.put), ()),
        "softmax": (_SOFTMAX if words.softmax is None else "", ()),
    }
    found = {name: Helper(_worded(source, alias, truth, words), needs) for name, (source, needs) in sources.items()}
    return {**found, "all_agree": ALL_AGREE}


def _worded(source: str, alias: str, truth: str, words: Words) -> str:
    """A function written for NumPy in the words of another library."""
    found = source.replace("np.amax", f"np.{words.largest}").replace("keepdims", words.keepdims)
    found = re.sub(r"\bnp\.", f"{alias}.", found.replace("axis", words.axis))
    condition = rf"{alias}\.where\(([^()]+(?:\([^()]+\))?), 1\.0, 0\.0\)"
    return re.sub(condition, lambda match: truth.format(f"({match[1]})" if truth.startswith("{}") else match[1]), found)

"""Training and fitting: parameters moved against the gradient until a criterion says stop.

Enters: an objective (a loss over columns of data), start values, an optimiser. Leaves: a `Training`. Invariant: the
same program, data, options and seed give the same bits, in one run or in several that go on from checkpoints.
"""

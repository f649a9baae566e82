"""Bins for numbers of which nothing is known: latencies, a model's values.

The bins are the same everywhere, so that counts of many processes, machines and
versions add up. A power of ten is cut at 1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4,
5, 6, 7, 8 and 9: no bin is wider than a quarter of its lower edge, and each tenth of
a probability is an edge. They reach from 0.000001 to 1,000,000,000,000 on both sides
of zero; what is nearer to zero is in the bin of zero, what is farther in the last.

A bin is named by its edge towards zero, as text: ``0.25`` holds 0.25 up to 0.3, and
``-3`` holds -3 down to -3.5.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

__all__ = ["bin_of", "estimate_quantile", "upper_edge"]

_STEPS = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
# Read from text: 1.2 * 10**-3 is not the number that 0.0012 is.
_EDGES = [
    0.0,
    *(float(f"{step}e{power}") for power in range(-6, 12) for step in _STEPS),
    1e12,
]
_NAMES = [f"{edge:g}" for edge in _EDGES]
_NEGATIVE = ["0", *(f"-{name}" for name in _NAMES[1:])]
_NEXT = dict(zip(_EDGES, [*_EDGES[1:], 1e12], strict=True))


def bin_of(number: float) -> str:
    """Name the bin of a finite number."""
    if number < 0:
        return _NEGATIVE[bisect_right(_EDGES, -number) - 1]
    return _NAMES[bisect_right(_EDGES, number) - 1]


def upper_edge(lower: float) -> float:
    """Return where the bin of positive numbers ends that begins at `lower`.

    The last bin has no end; it gives its beginning.
    """
    return _NEXT[lower]


def estimate_quantile(counts: Mapping[str, int], share: float) -> float:
    """Estimate a quantile of numbers >= 0 from their counts per bin, one at least.

    Inside a bin numbers are taken to lie evenly, so that the estimate is off by less
    than the bin's width, a quarter of its lower edge.
    """
    bins = sorted((float(name), n) for name, n in counts.items())
    wanted = share * sum(n for _, n in bins)
    reached = accumulate(n for _, n in bins)
    for (lower, n), so_far in zip(bins, reached, strict=True):
        if so_far >= wanted and n:
            return lower + (upper_edge(lower) - lower) * (wanted - so_far + n) / n
    raise ValueError("a quantile needs one number at least")

# SPDX-License-Identifier: BSD-3-Clause
"""How much a figure drifts over a run, and how sure that is.

Theil and Sen: the slope is the median of the slopes between all pairs of points, so that a few bad minutes
move it little. Its interval follows from Kendall's rank statistic (Sen 1968), whose variance is known without
any assumption about the noise but that it is independent. Noise of a busy host is not: a neighbour's
job lasts for minutes. So the interval is widened by what the rests have in common with those before them.

Points of several series (a phase of the traffic, a path) can be asked together: only pairs within a
series count, each series in parts of its own level, and the answer is what they have in common.
"""

import dataclasses
import math
import statistics

POINTS_MIN = 9  # of all series: with fewer, no interval excludes anything
CONFIDENCE = 0.999  # of an interval: a run asks some tens of such questions, and a false alarm a month is too many

_Z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclasses.dataclass(frozen=True)
class Slope:
    """Per second, with the interval that has the true one with CONFIDENCE."""

    value: float
    low: float
    high: float
    points: int


def relative(points):
    """[(t, value)] with the values as parts of their median: a slope is then a share per second."""
    level = statistics.median(value for _, value in points) if points else 0
    return [(t, value / level) for t, value in points] if level else []


def of(*series):
    """The common slope of lists of (t, value); None if there are too few points to say anything."""
    series = [points for points in series if len(points) > 1]
    count = sum(map(len, series))
    if count < POINTS_MIN:
        return None
    slopes = sorted(
        (b[1] - a[1]) / (b[0] - a[0]) for points in series for n, a in enumerate(points) for b in points[n + 1 :] if b[0] != a[0]
    )
    value = statistics.median(slopes)
    variance = sum(n * (n - 1) * (2 * n + 5) / 18 for n in map(len, series))
    half = _Z * math.sqrt(variance) * _common(series, value) / 2
    first, last = math.floor(len(slopes) / 2 - half) - 1, math.ceil(len(slopes) / 2 + half)
    if first < 0 or last >= len(slopes):
        return Slope(value, -math.inf, math.inf, count)
    return Slope(value, slopes[first], slopes[last], count)


def _common(series, slope):
    """How much wider an interval is because a rest is like the one before it: 1 if they are independent."""
    products = squares = 0.0
    for points in series:
        level = statistics.median(value - slope * t for t, value in points)
        rests = [value - slope * t - level for t, value in points]
        products += sum(a * b for a, b in zip(rests, rests[1:]))
        squares += sum(rest * rest for rest in rests)
    alike = min(max(products / squares, 0.0), 0.9) if squares else 0.0
    return math.sqrt((1 + alike) / (1 - alike))

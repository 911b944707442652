# SPDX-License-Identifier: BSD-3-Clause
"""Counts of times in bins of fixed relative width, so that days of them take as little memory as a minute.

A bin is 1 % wide, from 1 µs up to 1000 s: at most 2083 of them, of which only those in use are kept.
"""

import math

_WIDTH = math.log(1.01)
RESOLUTION = 0.005  # of a percentile: half a bin
_LAST = math.floor(math.log(1e9) / _WIDTH)


class Histogram:
    def __init__(self):
        self.bins = {}  # of a bin: how many
        self.count = 0
        self.max = 0  # exact

    def add(self, us, count=1):
        at = min(math.floor(math.log(us) / _WIDTH), _LAST) if us > 1 else 0
        self.bins[at] = self.bins.get(at, 0) + count
        self.count += count
        self.max = max(self.max, us)

    def merge(self, other):
        for at, count in other.bins.items():
            self.bins[at] = self.bins.get(at, 0) + count
        self.count += other.count
        self.max = max(self.max, other.max)

    def percentile(self, per_cent):
        """A time that so many per cent do not exceed, right to 0.5 %; None if nothing was counted."""
        wanted = max(1, math.ceil(self.count * per_cent / 100 - 1e-9))
        seen = 0
        for at in sorted(self.bins):
            seen += self.bins[at]
            if seen >= wanted:
                return min(math.exp((at + 0.5) * _WIDTH), self.max)
        return None

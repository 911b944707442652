# SPDX-License-Identifier: BSD-3-Clause
"""A figure over time in bounded memory: buckets that double their width when they become too many."""

from .histogram import Histogram


class Mean:
    """Of what was added: sum, count, least and most."""

    def __init__(self):
        self.total = 0.0
        self.count = 0
        self.least = None
        self.most = None

    def add(self, value):
        self.total += value
        self.count += 1
        self.least = value if self.least is None else min(self.least, value)
        self.most = value if self.most is None else max(self.most, value)

    def merge(self, other):
        if other.count:
            self.total += other.total
            self.count += other.count
            self.least = other.least if self.least is None else min(self.least, other.least)
            self.most = other.most if self.most is None else max(self.most, other.most)

    @property
    def mean(self):
        return self.total / self.count


class Ratio:
    """Of two figures, each summed up by itself."""

    def __init__(self):
        self.numerator = self.denominator = 0

    def add(self, numerator, denominator):
        self.numerator += numerator
        self.denominator += denominator

    def merge(self, other):
        self.add(other.numerator, other.denominator)

    @property
    def mean(self):
        return self.numerator / self.denominator


class Buckets:
    """Cells (a Mean, a Histogram, whatever has add and merge) of equal width in time."""

    def __init__(self, make=Mean, most=256, width=1):
        self.make = make
        self.most = most
        self.width = width
        self.cells = {}  # of a bucket's number: its cell

    def at(self, t):
        """The cell for this time, in which something is going to be put."""
        number = int(t // self.width)
        if number not in self.cells:
            while len(self.cells) >= self.most:
                self.cells = self._paired()
                self.width *= 2
            number = int(t // self.width)
        return self.cells.setdefault(number, self.make())

    def _paired(self):
        pairs = {}
        for number, cell in self.cells.items():
            pairs.setdefault(number // 2, self.make()).merge(cell)
        return pairs

    def points(self, width=0):
        """[(middle in seconds, cell)], of buckets at least so wide."""
        times = max(1, -int(-width // self.width))
        wide = {}
        for number, cell in self.cells.items():
            wide.setdefault(number // times, self.make()).merge(cell)
        return [((number + 0.5) * times * self.width, wide[number]) for number in sorted(wide)]

    def filled(self, count):
        """The same for histograms, but each with at least so many entries: neighbours are joined, a rest is left out."""
        points, begun = [], []
        for t, cell in self.points():
            begun.append((t, cell))
            if sum(part.count for _, part in begun) >= count:
                joined = Histogram()
                for _, part in begun:
                    joined.merge(part)
                points.append((sum(t * part.count for t, part in begun) / joined.count, joined))
                begun = []
        return points

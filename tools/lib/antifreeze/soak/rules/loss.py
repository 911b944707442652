# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about traffic with a rate: what was lost at the rate that had been found without loss, and what was sent of what
was to be sent. A frame that the sender did not send although its slot came counts as lost."""

import math

from ..buckets import Buckets, Mean
from .base import Finding, Rule, source, too_short

WINDOW = 300  # seconds
WINDOWS_MIN = 3  # one lost frame in the only window says nothing about windows
UNSURE = 0.001  # how likely chance alone may be for a breach to be one


def at_least(count, mean):
    """How likely so many events or more are, if so many are expected (Poisson)."""
    term, less = math.exp(-mean), 0.0
    for n in range(count):
        less += term
        term *= mean / (n + 1)
    return max(0.0, 1 - less)


def surely(count):
    """The expectation that is surely exceeded where so many events were seen."""
    low, high = 0.0, float(count)
    if at_least(count, high) <= UNSURE:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_least(count, middle) <= UNSURE else (low, middle)
    return low


def counted(second):
    """(entry, packets intended, lost) of each quiet source that runs at the certified rate."""
    for entry in second.of("traffic"):
        record = entry.record
        if entry.quiet and record.get("certified") and "lost" in record:
            sent = record.get("sent", record.get("packets", 0) + record["lost"])
            intended = max(record.get("intended", sent), sent)
            yield entry, intended, record["lost"] + intended - sent


class LossRatio(Rule):
    name = "loss_ratio"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.intended = self.lost = 0
        self.first = None

    def second(self, second):
        for entry, intended, lost in counted(second):
            self.intended += intended
            self.lost += lost
            if lost and self.first is None:
                self.first = entry.end, source(entry)

    def finding(self):
        if not self.intended:
            return too_short("no traffic at the certified rate")
        low = surely(self.lost) / self.intended if self.lost else 0.0
        value = self.lost / self.intended
        why = f"{self.lost} of {self.intended} frames" + (f", first at {self.first[0]:.1f} s, {self.first[1]}" if self.first else "")
        if self.criterion.holds(low) and self.intended * self.criterion.limit < 1:
            return too_short(f"{why}; to tell a ratio of {self.criterion.limit:g} takes {1 / self.criterion.limit:.0f}")
        return Finding(value, f"{why}; surely {low:.2g} or more", bound=low, at=self.first and self.first[0])


class LossFreeWindows(Rule):
    name = "loss_free_windows"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.lost = Buckets(Mean, most=1 << 20, width=WINDOW)  # ten years

    def second(self, second):
        for _, _, lost in counted(second):
            self.lost.at(second.at).add(lost)

    def finding(self):
        cells = list(self.lost.cells.values())
        clean = sum(not cell.total for cell in cells)
        if len(cells) < WINDOWS_MIN:
            return too_short(f"{len(cells)} windows of {WINDOW} s with traffic at the certified rate, {WINDOWS_MIN} are needed")
        share = clean / len(cells)
        by_chance = at_least(len(cells) - clean, len(cells) * (1 - self.criterion.limit))
        bound = share if by_chance <= UNSURE else max(share, self.criterion.limit)
        return Finding(round(share, 5), f"{clean} of {len(cells)} windows; as many by chance: {by_chance:.2g}", bound=bound)


class Offered(Rule):
    """How far what was sent is from what was to be sent: the worst source, over the run."""

    name = "offered_error"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.sums = {}

    def second(self, second):
        for entry in second.of("traffic"):
            if entry.quiet and entry.record.get("intended") and "sent" in entry.record:
                sums = self.sums.setdefault((entry.record.get("path"), entry.record.get("dir"), second.mix(entry.record.get("path"))), [0, 0])
                sums[0] += entry.record["intended"]
                sums[1] += entry.record["sent"]

    def finding(self):
        if not self.sums:
            return too_short("no traffic with a rate in a quiet second")
        error, key, (intended, sent) = max((abs(sent - intended) / intended, key, (intended, sent)) for key, (intended, sent) in self.sums.items())
        return Finding(error, f"{sent} sent of {intended} to be sent, {' '.join(str(part) for part in key if part)}")


RULES = (LossRatio, LossFreeWindows, Offered)

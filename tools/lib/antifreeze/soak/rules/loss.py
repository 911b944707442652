# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about traffic with a rate: what was lost at the rate that had been found without loss, and what was sent of what
was to be sent. The two are apart: a slot that the sender missed is the sender's, and a host that does not run
it for a moment is not to pass for loss on the way. (In a search for a rate it counts as lost: search.py.)

Of traffic at any other rate a busy host loses some: who does not take a frame from a queue in time finds it gone. So it is not asked for all, but
for what goes on: what most of the seconds lose, and what bulk TCP carries in half of them.
"""

import math

from ..buckets import Buckets, Mean, Ratio
from ..histogram import Histogram
from .. import windows as records
from ..waits import MAIN, QEMU, SLICE, STEAL
from .base import BUSY, SINK, Finding, Rule, bulk, source, too_short

WINDOW = 300  # seconds
WINDOWS_MIN = 3  # one lost frame in the only window says nothing about windows
PARTS_MIN = 10  # of a source's time, for a tenth to be left out, or for what most of them have
NOT_RUN = 0.1  # seconds of waiting in one, of a program that receives datagrams: its socket has room for those of half as long
QUEUED = 0.5  # seconds: what comes in so long has room in the queues before the guest
STARVED = 0.8  # of these, in which QEMU's main loop or the guest's CPU waited for one of the host's: there is no room for what comes then
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


class _Certified(Rule):
    """Sees what quiet sources at the certified rate have sent. Left out is what came when the host did not let QEMU empty its queues,
    which then overflow at any rate."""

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.left_out = 0  # packets

    def second(self, second):
        for entry in second.of("traffic"):
            record = entry.record
            if entry.quiet and record.get("certified") and "lost" in record:
                sent = record.get("sent", record.get("packets", 0) + record["lost"])
                if self._starved(entry):
                    self.left_out += sent
                else:
                    self.counted(second, entry, sent, record["lost"])

    def _starved(self, entry):
        """True if the host starved QEMU for so long at a time: while these came, or before, when the queues filled."""
        waited = lambda begin, end: self.windows.waits.longest(begin, end, (QEMU, MAIN, STEAL))
        return records.most(entry.begin - QUEUED, entry.end, QUEUED - SLICE, waited) >= STARVED * QUEUED

    def _but(self):
        """How much was left out, in words."""
        return f"; {self.left_out} more came when the host starved QEMU" if self.left_out else ""

    def counted(self, second, entry, sent, lost):
        raise NotImplementedError


class LossRatio(_Certified):
    name = "loss_ratio"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.sent = self.lost = 0
        self.first = None

    def counted(self, second, entry, sent, lost):
        self.sent += sent
        self.lost += lost
        if lost and self.first is None:
            self.first = entry.end, source(entry)

    def finding(self):
        if not self.sent:
            return too_short(f"no traffic at the certified rate{self._but()}")
        low = surely(self.lost) / self.sent if self.lost else 0.0
        value = self.lost / self.sent
        why = f"{self.lost} of {self.sent} frames" + (f", first at {self.first[0]:.1f} s, {self.first[1]}" if self.first else "") + self._but()
        if self.criterion.holds(low) and self.sent * self.criterion.limit < 1:
            return too_short(f"{why}; to tell a ratio of {self.criterion.limit:g} takes {1 / self.criterion.limit:.0f}")
        return Finding(value, f"{why}; surely {low:.2g} or more", bound=low, at=self.first and self.first[0])


class LossFreeWindows(_Certified):
    name = "loss_free_windows"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.lost = Buckets(Mean, most=1 << 20, width=WINDOW)  # ten years

    def counted(self, second, entry, sent, lost):
        self.lost.at(second.at).add(lost)

    def finding(self):
        cells = list(self.lost.cells.values())
        clean = sum(not cell.total for cell in cells)
        if len(cells) < WINDOWS_MIN:
            return too_short(f"{len(cells)} windows of {WINDOW} s with traffic at the certified rate, {WINDOWS_MIN} are needed{self._but()}")
        share = clean / len(cells)
        by_chance = at_least(len(cells) - clean, len(cells) * (1 - self.criterion.limit))
        bound = share if by_chance <= UNSURE else max(share, self.criterion.limit)
        return Finding(round(share, 5), f"{clean} of {len(cells)} windows; as many by chance: {by_chance:.2g}{self._but()}", bound=bound)


class Offered(Rule):
    """How far what was sent is from what was to be sent, of the worst source: in all its parts of the run but the tenth
    that is the worst. A slot that passed while the host did not run the sender, or who takes its frames, is no fault of it."""

    name = "offered_error"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.sources = {}

    def second(self, second):
        for entry in second.of("traffic"):
            record = entry.record
            if entry.quiet and record.get("answering", True) and record.get("intended") and "sent" in record:
                key = record.get("path"), record.get("dir"), second.phase
                share = self.windows.excuse(entry.begin, entry.end, record) / (entry.end - entry.begin)
                missed = max(0, record["intended"] - record["sent"])
                sent = record["sent"] + min(missed, record["intended"] * share)
                self.sources.setdefault(key, Buckets(Ratio)).at(second.at).add(sent, record["intended"])

    def finding(self):
        worst = None
        for key, buckets in self.sources.items():
            parts = sorted(buckets.cells.values(), key=_error)
            kept = Ratio()
            for part in parts[: len(parts) - math.ceil(len(parts) / 10)]:
                kept.merge(part)
            if len(parts) >= PARTS_MIN and (worst is None or _error(kept) > _error(worst[0])):
                worst = kept, key
        if worst is None:
            return too_short(f"no traffic with a rate in {PARTS_MIN} quiet seconds")
        kept, key = worst
        said = " ".join(str(part) for part in key if part)
        return Finding(round(_error(kept), 6), f"{kept.numerator:.0f} sent or excused of {kept.denominator} to be sent, {said}; without the worst tenth of the time")


def _error(offered):
    """How far frames sent are from frames to be sent, as a share of these."""
    return abs(offered.numerator - offered.denominator) / offered.denominator


class SteadyLoss(Rule):
    """What share of the datagrams of each source and probe does not come in four of five of its quiet seconds, and in those in which a fault
    is done to another path: the worst of these. Left out is a second in which the host did not run the program that receives them: what
    comes meanwhile has no room in its socket. What the guest has counted no program here received."""

    name = "steady_loss"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.sources = {}  # of each: Histogram of lost datagrams in a million

    def second(self, second):
        if second.busy >= BUSY:
            return
        faults = {mark.name for mark in second.marks if mark.name and second.at < mark.over}
        for entry in (*second.of("traffic"), *second.of("probe")):
            record = entry.record
            sent = record.get("sent", record.get("packets", 0) + record.get("lost", 0))
            if entry.quiet and record.get("answering", True) and "lost" in record and sent:
                name = record.get("name") or f"probe@{record.get('path')}"
                if not name.endswith(SINK) and self.windows.not_run(entry.begin, entry.end, name.partition(".")[0]) >= NOT_RUN:
                    continue
                for key in (name, *(f"{name} during {fault} elsewhere" for fault in faults)):
                    self.sources.setdefault(key, Histogram()).add(1e6 * record["lost"] / sent)

    def finding(self):
        shares = [(lost.percentile(80) / 1e6, key, lost.count) for key, lost in self.sources.items() if lost.count >= PARTS_MIN]
        if not shares:
            return too_short(f"no datagrams in {PARTS_MIN} quiet seconds")
        value, key, count = max(shares)
        return Finding(round(value, 5), f"four of five of {count} seconds of {key} lost no more")


class TcpRate(Rule):
    """The median of what bulk TCP carries in a quiet second, of the slowest source."""

    name = "tcp_mbps"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.sources = {}  # of each: Histogram of kbit/s

    def second(self, second):
        if second.wait >= BUSY:
            return
        for entry in second.of("traffic"):
            record = entry.record
            if bulk(record) and entry.quiet and record.get("answering", True):
                kbps = 8 * record["bytes"] / record.get("seconds", 1) / 1000
                self.sources.setdefault(source(entry), Histogram()).add(kbps)

    def finding(self):
        medians = [(rates.percentile(50) / 1000, key, rates.count) for key, rates in self.sources.items() if rates.count >= PARTS_MIN]
        if not medians:
            return too_short(f"no bulk TCP in {PARTS_MIN} quiet seconds")
        value, key, count = min(medians)
        return Finding(round(value, 3), f"the median of {count} seconds of {key}, the slowest")


RULES = (LossRatio, LossFreeWindows, Offered, SteadyLoss, TcpRate)

# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about what the guest says of itself: the stalls that it counts, what it calls an error, and its verdict.

It knows of the faults that it was asked for, and leaves them out. Of those that others inject it knows nothing, so that a fault explains here
what its kind says (kinds.py): stalls of its causes, and where the host does not read, that frames stay where they are.
"""

import math

from .. import windows as records
from ..kinds import PATHS
from ..waits import MAIN, STEAL
from .base import BUSY, Count

_BLOCKED = "backend_blocked"
_TIMES = ("tx_gap_max_us", "stalls", "max_gap_us")  # of a second guest: its host's, too, and nothing beside it tells how far


def _causes(entry):
    """Of stalls that the faults about then explain."""
    return frozenset().union(*(mark.causes for mark in entry.marks))


class Unexplained:
    """The stalls for which the guest says that it or its device answers, and that nobody explains: a fault those of its causes, a host that
    did not run QEMU's main loop for most of a second that each back-end was blocked in it."""

    def __init__(self, windows):
        self.windows = windows
        self.judged = {}  # of each cause, so far

    def more(self, entry, judged):
        """{cause: how many} since the statistics before these. There may be less after a snapshot was loaded."""
        before, self.judged = self.judged, judged
        new = {cause: n - before.get(cause, 0) for cause, n in judged.items() if n > before.get(cause, 0)}
        explained = dict.fromkeys(_causes(entry), math.inf)
        if _BLOCKED in new and _not_run(self.windows, entry.begin - 1, entry.end, 1) >= BUSY:
            seconds = self.windows.waits.of(entry.begin - 1, entry.end, (STEAL, MAIN))
            explained.setdefault(_BLOCKED, len(PATHS) * max(1, int(seconds)))
        left = {cause: n - explained.get(cause, 0) for cause, n in new.items()}
        return {cause: n for cause, n in left.items() if n > 0}


def _not_run(windows, begin, end, seconds):
    """The most that the host did not run what empties the transmit rings in so many seconds of that time. The guest's own
    clock leaves out the time in which the guest itself was not run."""
    return records.most(begin, end, seconds, lambda since, until: windows.waits.of(since, until, (STEAL, MAIN)))


def _judged(stats):
    """Of each cause; older guests do not tell them apart."""
    return stats.get("stalls_judged_by_cause", {"cause not known": stats.get("stalls_judged", 0)})


class Stalls(Count):
    """Those that the guest itself says it or its device answers for."""

    name = "stalls"
    nothing = "no statistics of the guest"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.unexplained = Unexplained(windows)

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats:
                self.looked = True
                more = self.unexplained.more(entry, _judged(stats))
                if more:
                    faults = ", ".join(sorted({mark.name for mark in entry.marks if mark.name}))
                    said = ", ".join(f"{n} {cause}" for cause, n in more.items())
                    self.found(entry.end, said + (f", which {faults} does not explain" if faults else ""), sum(more.values()))


class GuestVerdict(Count):
    """What does not hold in the guest's own verdict, and its errors. What a fault or the host explains is known from the statistics
    of before: when there were more stalls, and when the longest time became longer in which the device took no frame."""

    name = "guest_verdict"
    nothing = "the guest gave no verdict"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.stalls = Unexplained(windows)
        self.unexplained = 0  # stalls
        self.gap_us = None  # the longest so far
        self.left_us = 0  # and of those that nobody explains

    def second(self, second):
        for entry in second.of("guest"):
            guest = entry.record.get("guest", records.DUT)
            error, verdict = records.guest_record(entry, "error"), records.guest_record(entry, "verdict")
            stats = records.guest_record(entry, "stats", records.DUT)
            if error:
                self.found(entry.end, f"{guest}: {error.get('message', '')}")
            if stats:
                self._see(entry, _judged(stats), stats.get("gap_max_us", {}).get("tx", 0))
            if verdict:
                self._judge(entry, guest, verdict)

    def _see(self, entry, judged, gap_us):
        self.unexplained += sum(self.stalls.more(entry, judged).values())
        before, self.gap_us = self.gap_us, gap_us
        if before is not None and gap_us > before and _BLOCKED not in _causes(entry):
            gap = gap_us / 1e6  # without the time in which the guest was not run
            self.left_us = max(self.left_us, gap_us - 1e6 * _not_run(self.windows, entry.begin - gap, entry.end, gap))

    def _judge(self, entry, guest, verdict):
        broken = {one["name"]: one for one in verdict.get("criteria", ()) if not one["ok"]}
        if guest == records.DUT:
            self.looked = True
            values = {name: one["value"] for name, one in broken.items()}
            self.gap_us = self.gap_us or 0
            late = {"since its statistics": values.get("stalls", 0) - sum(self.stalls.judged.values())}
            self._see(entry, self.stalls.judged | late, values.get("tx_gap_max_us", self.gap_us))
            left = {"stalls": self.unexplained, "tx_gap_max_us": self.left_us}
            broken = {name: one for name, one in broken.items() if left.get(name, one["limit"] + 1) > one["limit"]}
        else:
            broken = {name: one for name, one in broken.items() if name not in _TIMES}
        for name, one in broken.items():
            self.found(entry.end, f"{guest} says {verdict.get('status')}: {name} is {one['value']}, its limit {one['limit']}")


RULES = (Stalls, GuestVerdict)

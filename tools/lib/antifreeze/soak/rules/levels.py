# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about how full the guest's pools are: what is kept free under load, and what is left at the end."""

from .. import windows as records
from .base import Finding, Rule, too_short

_COME_AND_GO = ("lwip.MLD6_GROUP",)  # multicast groups belong to addresses, which are formed in their own time
_IN_FLIGHT = 8  # frames that may be on their way out when an idle guest says how it is, its own answer's among them
MUCH = 0.25  # seconds of a silence that the host explains: without it, it would be too long


class PoolReserve(Rule):
    """Frame buffers that a control message would find: free ones to send from; to receive, also those on the ring."""

    name = "pool_reserve"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.least = None

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats and entry.quiet:
                for name, owners in stats.get("buffers", {}).items():
                    room = owners["free"] + (owners["device"] if name.endswith(".rx") else 0)
                    if self.least is None or room < self.least[0]:
                        self.least = room, entry.end, name

    def finding(self):
        if self.least is None:
            return too_short("no statistics of the guest from a quiet second")
        room, at, name = self.least
        return Finding(room, f"{name} at {at:.1f} s", at=at)


class PoolsLeft(Rule):
    """Buffers and objects that are still in use when the guest is idle again, and were not before."""

    name = "pools_left"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.due = False  # the next statistics are those of an idle guest
        self.before = None
        self.after = None

    def second(self, second):
        for entry in second.entries:
            if entry.record.get("src") == "soak" and entry.record.get("what") == "idle":
                self.due = True
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats and self.due:
                self.due = False
                if self.before is None:
                    self.before = in_use(stats)
                else:
                    self.after = in_use(stats), entry.end

    def finding(self):
        if self.after is None:
            return too_short("the idle guest was not seen before the traffic and after it")
        after, at = self.after
        more = {name: used - self.before.get(name, 0) for name, used in after.items() if used > self.before.get(name, 0)}
        said = ", ".join(f"{name} {count} more than before" for name, count in more.items())
        return Finding(sum(more.values()), said or "all as before", at=at if more else None)


def in_use(stats):
    """{what: how many}. Of frame buffers those in the hands of the stack, those missing on a receive ring, and those on a
    transmit ring, where what was sent is not taken back."""
    frames = stats.get("buffers", {})
    used = {pool["name"]: pool["used"] for pool in stats.get("pools", ()) if pool["name"] not in (*frames, *_COME_AND_GO)}
    for name, owners in frames.items():
        used[name] = owners["stack"] + owners["held"]
        if name.endswith(".tx"):
            used[f"{name} with the device"] = max(0, owners["device"] - _IN_FLIGHT)
    for queue in stats.get("queues", ()):
        if queue["queue"].startswith("rx"):
            used[f"{queue['nic']} {queue['queue']} entries without a buffer"] = queue["size"] - queue["posted"]
    return used


class QuietShare(Rule):
    """How much of the run was judged at all: a second of which the host excuses a silence that would be too long was not."""

    name = "quiet_share"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.seconds = self.quiet = self.paused = self.excused = 0

    def second(self, second):
        self.seconds += 1
        excused = not second.marks and second.excuse > MUCH
        self.excused += excused
        self.quiet += not second.marks and not excused
        self.paused += any(not mark.name for mark in second.marks)

    def finding(self):
        if not self.seconds:
            return too_short("there are no records")
        why = f"{self.quiet} of {self.seconds} seconds; the host paused in {self.paused}, and {self.excused} more had a silence that it explains"
        return Finding(round(self.quiet / self.seconds, 4), why)


RULES = (PoolReserve, PoolsLeft, QuietShare)

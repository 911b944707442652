# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about how full the guest's pools are: what is kept free under load, and what is left at the end."""

from .. import windows as records
from .base import Finding, Rule, too_short

_COME_AND_GO = ("lwip.MLD6_GROUP",)  # multicast groups belong to addresses, which are formed in their own time
_IN_FLIGHT = 8  # frames that may be on their way out when an idle guest says how it is, its own answer's among them
FRAMES = 1000  # of a NIC, of which one may be the limit
MUCH = 0.25  # seconds of a silence that the host explains: without it, it would be too long


class PoolReserve(Rule):
    """Buffers that a control message would find. To be received into: the fewest that the device ever had, which the guest tells
    exactly, in faults too. To be sent from: those that were free each time that it was asked, in quiet seconds. The fewest ever are none, as acknowledgements of
    bulk data may take the reserve while a device is not run; what became of a frame then TransmitFull counts."""

    name = "pool_reserve"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.least = None

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            for room, name in self._rooms(stats, entry.quiet) if stats else ():
                if self.least is None or room < self.least[0]:
                    self.least = room, entry.end, name

    @staticmethod
    def _rooms(stats, quiet):
        for queue in stats.get("queues", ()):
            if queue["queue"].startswith("rx"):
                yield queue["posted_min"], f"{queue['nic']} {queue['queue']}, the fewest ever"
        for name, owners in stats.get("buffers", {}).items():
            if quiet and name.endswith(".tx"):
                yield owners["free"], f"{name}, then"

    def finding(self):
        if self.least is None:
            return too_short("no statistics of the guest")
        room, at, name = self.least
        return Finding(room, f"{name}, at {at:.1f} s", at=at)


class TransmitFull(Rule):
    """What share of the frames that a NIC was to send in quiet seconds found no room on its way: each of them is counted by the guest. The worst NIC."""

    name = "transmit_full"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.before = {}  # of a NIC: frames sent, and frames without room
        self.sums = {}  # the same of quiet seconds

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            for queue in stats.get("queues", ()) if stats else ():
                if queue["queue"].startswith("tx"):
                    self._count(queue["nic"], (queue["packets"], queue["drops"].get("full", 0)), entry.quiet)

    def _count(self, nic, now, quiet):
        more = [new - old for new, old in zip(now, self.before.get(nic, now))]
        self.before[nic] = now
        if quiet and min(more) >= 0:  # else a snapshot was loaded
            self.sums[nic] = [total + one for total, one in zip(self.sums.get(nic, (0, 0)), more)]

    def finding(self):
        shares = [(full / (sent + full), nic, sent, full) for nic, (sent, full) in self.sums.items() if sent + full >= FRAMES]
        if not shares:
            return too_short(f"no NIC that was to send {FRAMES} frames in quiet seconds")
        share, nic, sent, full = max(shares)
        return Finding(round(share, 7), f"{full} of {sent + full} frames of {nic}, the worst")


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


RULES = (PoolReserve, TransmitFull, PoolsLeft, QuietShare)

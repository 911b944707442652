# SPDX-License-Identifier: BSD-3-Clause
"""Criteria that are promises: events that must not happen even once, and the buffers' accounts."""

import collections

from .. import windows as records
from .base import Count, source


class AllocFailures(Count):
    name = "alloc_failures"
    nothing = "no statistics of a guest"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.before = {}

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats")
            if stats and "alloc_failures" in stats:
                self.looked = True
                guest = entry.record.get("guest", records.DUT)
                more = stats["alloc_failures"] - self.before.get(guest, 0)
                self.before[guest] = stats["alloc_failures"]
                if more > 0:  # less after a snapshot was loaded
                    pools = [pool["name"] for pool in stats.get("pools", ()) if pool.get("failures")]
                    self.found(entry.end, f"{guest}, {', '.join(pools) or 'which pool is not known'}", more)


class Panics(Count):
    name = "panics"
    nothing = "no guest said anything"

    def second(self, second):
        for entry in second.of("guest"):
            self.looked = True
            panic = records.guest_record(entry, "panic")
            if panic:
                self.found(entry.end, f"{entry.record.get('guest', records.DUT)}: {panic.get('message', '')}")


class GuestsGone(Count):
    name = "guests_gone"
    nothing = "no guest said anything"

    def second(self, second):
        self.looked = self.looked or bool(second.of("guest"))
        for entry in second.of("soak"):
            if entry.record.get("what") == "gone":
                self.looked = True
                self.found(entry.end, f"{entry.record.get('guest', records.DUT)}: {entry.record.get('why', 'ended')}")


class FaultsUndone(Count):
    """A fault that could not be injected proves nothing, nor does one that was planned and never begun in a soak that
    had its whole time."""

    name = "faults_undone"
    nothing = "no fault was injected"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.planned = collections.Counter()  # by name: those that have not begun

    def second(self, second):
        for entry in second.entries:
            getattr(self, f"_{entry.record.get('src')}", lambda *_: None)(entry.record, entry.end)

    def _soak(self, record, t):
        if record.get("what") == "begin":
            self.planned.update(fault["name"] for fault in record.get("plan", {}).get("faults", ()))
        elif record.get("what") == "end" and record.get("why") == "done":
            for name, count in (+self.planned).items():
                self.looked = True
                self.found(t, f"{name}: it never began", count)

    def _fault(self, record, t):
        self.looked = True
        if record.get("what") == "begin":
            self.planned[record.get("name")] -= 1
        if record.get("error"):
            self.found(t, f"{record.get('name')}: {record['error']}")


class _Frames(Count):
    """Frames of a kind that nobody sent."""

    nothing = "no traffic whose receiver looks for that"

    def second(self, second):
        for entry in second.of("traffic"):
            if self.field in entry.record:
                self.looked = True
                if entry.record[self.field]:
                    self.found(entry.end, source(entry), entry.record[self.field])


class Corrupt(_Frames):
    name = field = "corrupt"


class Duplicates(_Frames):
    name = "duplicates"
    field = "duplicate"


class ProgramsFailed(Count):
    """A program that ended by itself or says nothing any more, and is started again as long as it does: in between nobody is
    there who could be silent. A connection of curl's that was refused, cut off or not served in time."""

    name = "programs_failed"
    nothing = "no traffic in a quiet second"

    def second(self, second):
        for entry in [*second.of("traffic"), *second.of("probe")]:
            if entry.quiet:
                self.looked = True
                if entry.record.get("failed"):
                    self.found(entry.end, f"{source(entry)} {entry.record.get('error', '')}".strip(), entry.record["failed"])


class _Increments(Count):
    """A counter of the guest's statistics that must not rise while no fault is there to explain it."""

    nothing = "no statistics of the guest"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.before = None

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats:
                self.looked = True
                now = self.counter(stats)
                if self.before is not None and now > self.before and entry.quiet:
                    self.found(entry.end, self.what(stats), now - self.before)
                self.before = now


class LostSignals(_Increments):
    """Work that was found although nobody had told of it: an interrupt that did not come, a doorbell that was not heard."""

    name = "lost_signals"

    def counter(self, stats):
        causes = stats.get("stalls_by_cause", {})
        return causes.get("lost_irq", 0) + causes.get("lost_kick", 0)

    def what(self, stats):
        return ", ".join(f"{stats['stalls_by_cause'].get(cause, 0)} {cause} so far" for cause in ("lost_irq", "lost_kick"))


class DeviceResets(_Increments):
    name = "device_resets"

    def counter(self, stats):
        return sum(queue.get("resets", 0) for queue in stats.get("queues", ()))

    def what(self, stats):
        reasons = {queue["nic"]: queue.get("first_error", "") for queue in stats.get("queues", ()) if queue.get("resets")}
        return ", ".join(f"{nic} {error}".strip() for nic, error in reasons.items())


class DeviceErrors(_Increments):
    name = "device_errors"

    def counter(self, stats):
        return stats.get("device_errors", 0)

    def what(self, stats):
        return f"{stats['device_errors']} so far"


class RingAccounts(Count):
    """At each check: buffers by owner sum to their pool's size, a queue has no more of them than entries."""

    name = "ring_accounts"
    nothing = "no statistics of the guest"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.violations = 0

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats:
                self.looked = True
                wrong = list(self._wrong(stats))
                if wrong:
                    self.found(entry.end, "; ".join(wrong))
                self.violations = stats.get("conservation_violations", 0)

    def _wrong(self, stats):
        for name, owners in stats.get("buffers", {}).items():
            total = sum(count for owner, count in owners.items() if owner != "size")
            if total != owners["size"]:
                yield f"{name} has {owners['size']} buffers, and {total} have an owner"
        for queue in stats.get("queues", ()):
            if not 0 <= queue["posted"] <= queue["size"]:
                yield f"{queue['nic']} {queue['queue']} has {queue['size']} entries and {queue['posted']} in flight"
        if stats.get("conservation_violations", 0) > self.violations:
            yield "the guest itself found a buffer with no owner, or two"


class CountersFall(Count):
    """A counter of a queue that is less than it was. After a snapshot was loaded it may be: that is a fault."""

    name = "counters_fall"
    nothing = "no statistics of the guest"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.before = {}

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            for queue in stats.get("queues", ()) if stats else ():
                self.looked = True
                for counter in ("packets", "bytes"):
                    key = f"{queue['nic']} {queue['queue']} {counter}"
                    now = queue.get(counter, 0)
                    if now < self.before.get(key, 0) and entry.quiet:
                        self.found(entry.end, f"{key} was {self.before[key]} and is {now}")
                    self.before[key] = now


RULES = (
    AllocFailures, Panics, GuestsGone, FaultsUndone, ProgramsFailed, Corrupt, Duplicates, LostSignals, DeviceResets,
    DeviceErrors, RingAccounts, CountersFall,
)  # fmt: skip

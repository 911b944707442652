# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about silence: in quiet seconds, and after faults.

A silence counts in the second in which it ends or still lasts, from its true begin. Sources whose peer is not there
(`answering` false: it is being started, or was killed) are not judged.
"""

import math
import statistics

from ..histogram import RESOLUTION, Histogram
from ..kinds import USER
from .base import Count, Finding, Rule, Worst, source, too_short

ENOUGH = 100  # seconds, for the longest gap of 99 in 100 of them
MOSTLY = 0.5  # of a gap
PROBES = 5  # of one second, all lost: no accident
NEW_GAP_MS = 250  # a silence that begins after a fault counts as the fault's if the host leaves so much of it unexplained
USER_ASKS = 6  # seconds after which QEMU's user network asks for a connection a second time
BURST = 0.15  # seconds: a stream that iperf3 saw move in one tenth only
SHORT = 0.5  # seconds: the last record of a program that is ended tells of less, in which nothing need come
AFTER = 5  # seconds behind a fault in which latency is compared
FAULTS = 8  # of a kind, or of any and paths, for the median of how latency changed


def judged(second, *kinds):
    """The entries of these kinds (traffic, probe) whose peer was there."""
    return [entry for kind in kinds for entry in second.of(kind) if entry.record.get("answering", True)]


def _excused(entry):
    """How much of a silence is left out, in words."""
    if entry.unexplained == entry.record["gap_ms"]:
        return ""
    return f" ({entry.record['gap_ms']:.0f} ms, in {1000 * entry.excuse:.0f} of which the host did not run it)"


class Gap(Worst):
    name = "gap_ms"
    nothing = "no traffic in a quiet second"

    def second(self, second):
        for entry in judged(second, "traffic", "probe"):
            if not entry.faulty and entry.unexplained is not None:
                self.figure(entry.unexplained, entry.end, (source(entry) or "probe") + _excused(entry))


class UsualGap(Rule):
    """What 99 of 100 seconds of some sources keep, each with its longest gap. One beyond the limit that the host explains for the
    most part is left out: whose the rest of it was nobody can tell."""

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.gaps = Histogram()
        self.left_out = 0

    def gap(self, gap_ms, unexplained_ms):
        """One second's longest."""
        if not self.criterion.holds(gap_ms) and unexplained_ms < MOSTLY * gap_ms:
            self.left_out += 1
        else:
            self.gaps.add(1000 * unexplained_ms)

    def finding(self):
        if self.gaps.count < ENOUGH:
            return too_short(f"{self.gaps.count} quiet seconds of such traffic, {ENOUGH} are needed; {self.left_out} were the host's")
        value = self.gaps.percentile(99) / 1000
        return Finding(round(value, 2), bound=value / (1 + RESOLUTION), why=f"99 of 100 in {self.gaps.count} seconds; the longest had {self.gaps.max / 1000:.1f}; {self.left_out} were the host's")


class TcpGap(UsualGap):
    """By the programs: curl tells exactly, iperf3 in tenths."""

    name = "tcp_gap_ms"

    def second(self, second):
        for entry in judged(second, "traffic"):
            if not entry.faulty and entry.unexplained is not None and entry.record.get("proto") == "tcp":
                self.gap(entry.record["gap_ms"], entry.unexplained)


class ZeroSeconds(Count):
    name = "zero_seconds"
    nothing = "no traffic in a quiet second"

    def second(self, second):
        for entry in judged(second, "traffic"):
            if entry.quiet and "bytes" in entry.record and _due(entry.record):
                self.looked = True
                if not entry.record["bytes"]:
                    self.found(entry.end, source(entry))
        for entry in judged(second, "probe"):
            if entry.quiet and entry.record.get("sent", 0) >= PROBES and entry.record.get("lost") == entry.record["sent"]:
                self.looked = True
                self.found(entry.end, f"probe {source(entry)}".strip())


def _due(record):
    """True if something had to come in the time that this one tells of: it is long enough, its program has read what came, and has asked
    for something. A program that was told to end means to send nothing (`intended` 0), and waits a second for the last answers."""
    return record.get("seconds", 1) >= SHORT and not record.get("unread") and record.get("intended") != 0


class _Recovery(Worst):
    """Seconds from a fault's end until what it silenced moves again. A sender of TCP, here or there, doubles its time-out with
    each segment that is lost [RFC 6298, 5.5], so that it may wait as long again as the fault had silenced it. What falls silent
    while the fault goes on at less strength is judged from then on.

    The guest's peer takes no round trip from what it has sent twice, and keeps the doubled time-out until it has one [RFC 6298, 3]. When the
    one segment comes that was missing, all that was behind it moves at once; if the fault, or what goes on of it, takes the next that is missing
    as well, nothing moves for as long as before."""

    nothing = "no fault of this kind is over"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.moved = set()  # (when a fault was over, a source that has moved since then)
        self.silences = {}  # of a stream to the guest: (begin, end) of its last silence and of the one before
        self.of_faults = {}  # of a fault's name and begin: {path: (seconds judged, of how many silent)}, the worst source's

    def settles(self, mark):
        raise NotImplementedError

    def second(self, second):
        entries = judged(second, "traffic", "probe")
        for entry in entries:
            self._follow(entry)
            for mark in self.windows.watched():
                if self.settles(mark) and second.at + 1 > mark.over:
                    self._look(mark, entry)

    def _follow(self, entry):
        """Remembers a silence of what the guest's peer sends."""
        record = entry.record
        if record.get("proto") == "tcp" and record.get("dir") == "rx" and record.get("gap_ms") and "gap_at" in record:
            silence = record["gap_at"], record["gap_at"] + record["gap_ms"] / 1000
            last, before = self.silences.get(source(entry), (None, None))
            if last and round(last[0], 3) != round(silence[0], 3):
                before = last
            self.silences[source(entry)] = silence, before

    def _look(self, mark, entry):
        record = entry.record
        if mark.paths and record.get("path") not in mark.paths:
            return
        begin, end = self._silence(mark, entry)
        took = silent = end - begin
        if took:
            took -= self.windows.of_silence(begin, end, record)
        if took:
            took = max(0.0, took - self._backed_off(mark, entry))
        self.figure(took, entry.end, f"{source(entry) or 'probe'} after {mark.name}")
        paths = self.of_faults.setdefault((mark.name, mark.begin), {})
        paths[record.get("path", "")] = max((took, silent), paths.get(record.get("path", ""), (0.0, 0.0)))

    def _silence(self, mark, entry):
        """From when to when behind the fault's end this source was silent because of it."""
        record = entry.record
        if "gap_at" in record:
            begin, end = record["gap_at"], record["gap_at"] + record.get("gap_ms", 0) / 1000
            of_it = begin <= mark.over or (begin < mark.end and (entry.unexplained or 0) > NEW_GAP_MS)
            since = mark.over if begin <= mark.over + mark.settle else begin
            return since, max(since, end) if of_it else since
        key = mark.over, record["src"], source(entry)
        nothing = not record["bytes"] if "bytes" in record else record.get("sent") and record.get("lost") == record["sent"]
        if not nothing:
            self.moved.add(key)
        return mark.over, max(mark.over, entry.end) if key not in self.moved else mark.over

    def _backed_off(self, mark, entry):
        """Seconds of a silence behind a fault in which a sender of TCP that the fault had silenced may still wait for its time-out."""
        record = entry.record
        if record.get("proto") != "tcp":
            return 0.0
        held = max(0.0, mark.over - max(record.get("gap_at", mark.begin), mark.begin))
        if held and record.get("name", "").startswith("connections@") and record.get("path") == USER:
            held = max(held, USER_ASKS)
        still = held or mark.end > mark.over + mark.settle
        return max(held, self._silent_before(mark, entry)) if still else 0.0

    def _silent_before(self, mark, entry):
        """For how long a fault had silenced a stream that moved for a moment only before this silence."""
        _, before = self.silences.get(source(entry), (None, None))
        if not before or not mark.begin < before[1] or not 0 <= entry.record.get("gap_at", math.inf) - before[1] <= BURST:
            return 0.0
        return before[1] - max(before[0], mark.begin)


class Recovery(_Recovery):
    name = "recovery_s"

    def settles(self, mark):
        return mark.settle < 2


class RecoveryReset(_Recovery):
    name = "recovery_reset_s"

    def settles(self, mark):
        return mark.settle >= 2


class LatencyAfterFault(Rule):
    """The median round trip right behind a fault as a multiple of what is usual for that path with that traffic: the median over
    all faults and paths, and over all faults of each kind, with the interval that ranks give; the worst of these. The paths of one fault
    share what the host does meanwhile, so that of a kind they are one figure."""

    name = "latency_after_fault"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.usual = {}  # of a path and what it carries: Histogram
        self.after = {}  # of a fault, a path and what it carries: Histogram

    def second(self, second):
        faults = [mark for mark in self.windows.watched() if mark.end <= second.at < mark.end + AFTER]
        for entry in judged(second, "probe"):
            if not entry.quiet:
                continue
            path = entry.record.get("path")
            key = path, second.phase
            for us in entry.record.get("rtt_us", ()):
                self.usual.setdefault(key, Histogram()).add(us)
                for mark in faults:
                    if not mark.paths or path in mark.paths:
                        self.after.setdefault((mark.name, mark.over, *key), Histogram()).add(us)

    def finding(self):
        faults = {}  # of a kind and when it was over: the ratio of each path
        for key, after in self.after.items():
            faults.setdefault(key[:2], []).append(after.percentile(50) / self.usual[key[2:]].percentile(50))
        groups = {"any": [ratio for ratios in faults.values() for ratio in ratios]}
        for (name, _), ratios in faults.items():
            groups.setdefault(name, []).append(statistics.median(ratios))
        found = [(sorted(ratios)[_rank(len(ratios))], name, ratios) for name, ratios in groups.items() if len(ratios) >= FAULTS]
        if not found:
            return too_short(f"{len(self.after)} faults and paths to compare, {FAULTS} are needed")
        low, name, ratios = max(found)
        why = f"median of {len(ratios)} figures after {name} fault; surely {low:.3f} or more"
        return Finding(round(statistics.median(ratios), 3), why, bound=low)


def _rank(count):
    """The greatest rank that is below the median of what these are a sample of with 99 %."""
    rank, share = -1, 0.0
    term = 0.5**count
    while share + term <= 0.01:
        share += term
        rank += 1
        term *= (count - rank) / (rank + 1)
    return max(rank, 0)


RECOVERY = (Recovery, RecoveryReset)
RULES = (Gap, TcpGap, ZeroSeconds, Recovery, RecoveryReset, LatencyAfterFault)

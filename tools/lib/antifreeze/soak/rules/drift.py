# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about what changes slowly. Each is a slope over the whole run with its interval (slope.py), and
fails only if the whole interval is beyond the limit.

Figures of different traffic are not compared with each other: each path with what it carries is a series. Judged is
each series, and what all of them have in common, which shows a slow decay of everything best. In half an hour each traffic comes
three or four times, so that only all series together have figures enough.

A host whose other work becomes more over the run slows everything down, too, and with less of it the share of the time that it had for the
guest is another measure. Where QEMU surely waits for a CPU for more of the time in the end than in the beginning, or for less, a breach of
rate or latency is not judged and said to be not.
"""

import math

from .. import slope, windows as records
from ..buckets import Buckets, Mean, Ratio
from ..histogram import Histogram
from .base import BUSY, Finding, Rule, bulk, too_short

POINTS = 24  # means of 5 min over two hours; a shorter run has as many shorter ones
LONGEST = 300  # seconds of a mean
SHIFT = 0.05  # of the time: with so much more waiting, or less, a rate is not compared with that of before
SAMPLES = 1000  # round trips for a 99.9th percentile


class _Drift(Rule):
    """Buckets of each series, and the slopes of all."""

    make = Mean
    of_the_host = True  # it depends on how fast the host is

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.busy = Buckets(Mean)  # share of the time in which QEMU waited for a CPU
        self.series = {}  # of a path and what it carries: Buckets
        self.first = self.last = None

    def cell(self, t, *key):
        self.first = t if self.first is None else self.first
        self.last = t
        return self.series.setdefault(key, Buckets(self.make)).at(t)

    def points(self, buckets):
        """[(t, value)] of a series."""
        return [(t, cell.mean) for t, cell in buckets.points(self.width)]

    def change(self, found):
        """(value, nearer end of its interval) over the run, in the criterion's unit; more is worse."""
        return 100 * found.value * self.span, 100 * found.low * self.span

    prepare = staticmethod(slope.relative)

    def prepared(self):
        """{key: points} that are compared."""
        return {key: self.prepare(self.points(buckets)) for key, buckets in self.series.items()}

    @staticmethod
    def together(key):
        """The name of those series that are also judged as one."""
        return "all together"

    def second(self, second):
        self.busy.at(second.at).add(second.busy)

    def _shift(self):
        """By how much the share has surely become more over the run, or less if it is negative."""
        found = slope.of([(t, cell.mean) for t, cell in self.busy.points(self.width)])
        return (max(found.low, 0) or min(found.high, 0)) * self.span if found else 0

    @property
    def span(self):
        return self.last - self.first + 1

    @property
    def width(self):
        return min(LONGEST, self.span / POINTS)

    def finding(self):
        if self.first is None:
            return too_short("no such figure from a quiet second")
        series = self.prepared()
        asked = {" ".join(filter(None, key)): [points] for key, points in series.items()}
        for key, points in series.items():
            asked.setdefault(self.together(key), []).append(points)
        found = {name: slope.of(*lists) for name, lists in asked.items()}
        changes = {name: (*self.change(one), one.points) for name, one in found.items() if one and math.isfinite(one.low) and math.isfinite(one.high)}
        if not changes:
            return too_short(f"too few figures for a slope in {self.span} s")
        name, (value, bound, points) = max(changes.items(), key=lambda item: item[1][1])
        if self.of_the_host and not self.criterion.holds(bound):
            shift = self._shift()
            if abs(shift) > SHIFT:
                told = f"surely {100 * abs(shift):.0f} % {'more' if shift > 0 else 'less'} of the time without a CPU"
                return too_short(f"{name} has changed by {value:.1f}, but the host's other work, too: {told}")
        why = f"{name}: over {self.span} s, from {points} figures; surely {bound:.2f} or more, with {100 * slope.CONFIDENCE:g} %"
        return Finding(round(value, 3), why, bound=bound)


class _Phased(_Drift):
    """Figures of phases: a series of each, whose key begins with its name."""

    def prepared(self):
        """One series for all that runs at a time, with a point for each time that it came (or for each part of it where that was
        long): what a neighbour does to the figures it does to all of them, and for as long."""
        phases = {}
        for (phase, *_), buckets in self.series.items():
            cells = [(t, cell.mean) for t, cell in buckets.points()]
            phases.setdefault((phase,), []).extend(self.prepare(self._joined(cells)))
        return {key: self._joined(sorted(points)) for key, points in phases.items()}

    def _joined(self, points):
        """Those that are within `width` of a first one as their mean, at its time."""
        parts = []
        for t, value in points:
            if not parts or t - parts[-1][0] >= self.width:
                parts.append((t, Mean()))
            parts[-1][1].add(value)
        return [(t, part.mean) for t, part in parts]


class Throughput(_Phased):
    """What bulk TCP carries in a second, of the time in which the host had a CPU for the guest: a decline. All other traffic has
    a rate that is asked for, which a guest keeps until it is far too slow."""

    name = "throughput_decline"

    def second(self, second):
        super().second(second)
        if second.wait >= BUSY:
            return
        for entry in second.of("traffic"):
            record = entry.record
            if bulk(record) and entry.quiet and record.get("answering", True) and record["bytes"]:
                rate = record["bytes"] / record.get("seconds", 1) / (1 - second.wait)
                self.cell(second.at, second.phase, record["name"]).add(rate)

    def change(self, found):
        return -100 * found.value * self.span, -100 * found.high * self.span


class Cost(_Phased):
    """CPU time that QEMU's thread of the guest's CPU used for a packet, of any traffic: a rise. A guest that becomes slower
    shows so even where it is not what holds the traffic up."""

    name = "cost_rise"
    make = Ratio

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.packets = None  # so far, by the statistics before
        self.used = 0.0  # CPU seconds since then; None: a fault touched one of them, or nothing told of it

    def second(self, second):
        super().second(second)
        host = second.of("host")
        if second.marks or not host or "cpu_guest" not in host[-1].record:
            self.used = None
        elif self.used is not None:
            self.used += host[-1].record["cpu_guest"]
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats:
                self._account(second, sum(queue["packets"] for queue in stats["queues"] if queue["queue"] != "ctrl"))

    def _account(self, second, packets):
        if self.used is not None and self.packets is not None and packets > self.packets:
            self.cell(second.at, second.phase).add(self.used, packets - self.packets)
        self.packets, self.used = packets, 0.0


class Latency(_Drift):
    name = "latency_rise"
    make = Histogram

    def second(self, second):
        super().second(second)
        for entry in second.of("probe"):
            if entry.quiet:
                path = entry.record.get("path")
                for us in entry.record.get("rtt_us", ()):
                    self.cell(second.at, path, second.phase).add(us)

    def points(self, buckets):
        return [(t, cell.percentile(99.9)) for t, cell in buckets.filled(SAMPLES)]


class PoolRise(_Drift):
    """How many more of a pool are in use at least in each part of the run: a leak lifts the floor."""

    name = "pool_rise"

    of_the_host = False
    prepare = staticmethod(lambda points: points)

    @staticmethod
    def together(key):
        return f"{key[0]} with any traffic"

    def second(self, second):
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats and entry.quiet:
                for pool in stats.get("pools", ()):
                    self.cell(second.at, pool["name"], second.phase).add(pool["used"])

    def points(self, buckets):
        return [(t, cell.least) for t, cell in buckets.points(self.width)]

    def change(self, found):
        return found.value * self.span, found.low * self.span


RULES = (Throughput, Cost, Latency, PoolRise)

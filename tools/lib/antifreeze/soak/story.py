# SPDX-License-Identifier: BSD-3-Clause
"""What a soak's report shows beside the verdict: figures over time, in as many buckets as a picture has room for, and tables.

Sees each closed second once, as the rules do, and takes as little memory.
"""

from . import windows as records
from .buckets import Buckets, Mean
from .histogram import Histogram

POINTS = 480  # of a picture


class Story:
    def __init__(self):
        self.rates = {}  # of a direction: bits a second
        self.gaps = {}  # of a path: ms
        self.round_trips = {}  # of a path: Histogram
        self.rings = {}  # of a queue: share of its entries in flight
        self.drops = {}  # of a queue and reason: frames a second
        self.host = {}  # of a figure of the host
        self.pauses = Buckets(Mean, POINTS)
        self.pools = {}  # of a pool: the statistics' entry, with the greatest `max`
        self.phases = []  # (t, name)
        self.begin = {}
        self._drops = None  # the counters of the last statistics, and when

    def _at(self, table, key, t, make=Mean):
        return table.setdefault(key, Buckets(make, POINTS)).at(t)

    def second(self, second):
        self._traffic(second)
        for entry in second.of("probe"):
            path = entry.record.get("path", "")
            for us in entry.record.get("rtt_us", ()):
                self._at(self.round_trips, path, second.at, Histogram).add(us)
            self._gap(second, entry.record)
        for entry in second.of("host"):
            for name in ("load1", "cpu_qemu", "cpu_peers", "cpu_soak"):
                if name in entry.record:
                    self._at(self.host, name, second.at).add(entry.record[name])
            if "waits" in entry.record:
                self._at(self.host, "wait_qemu", second.at).add(second.wait)
            self.pauses.at(second.at).add(entry.record.get("pause_ms", 0))
        for entry in second.of("guest"):
            stats = records.guest_record(entry, "stats", records.DUT)
            if stats:
                self._stats(entry.end, stats)
        for entry in second.of("soak"):
            self._soak(entry.record, entry.end)

    def _traffic(self, second):
        sums = {}
        for entry in second.of("traffic"):
            record = entry.record
            way = record.get("dir", "both")
            sums[way] = sums.get(way, 0) + 8 * record.get("bytes", 0) / record.get("seconds", 1)
            self._gap(second, record)
        for way, rate in sums.items():
            self._at(self.rates, way, second.at).add(rate)

    def _gap(self, second, record):
        if "gap_ms" in record and record.get("answering", True):
            self._at(self.gaps, record.get("path", ""), second.at).add(record["gap_ms"])

    def _stats(self, t, stats):
        for pool in stats.get("pools", ()):
            before = self.pools.get(pool["name"])
            if before is None or pool["max"] >= before["max"]:
                self.pools[pool["name"]] = pool
        drops = {}
        for queue in stats.get("queues", ()):
            name = f"{queue['nic']} {queue['queue']}"
            if not queue["queue"].startswith("ctrl"):
                self._at(self.rings, name, t).add(queue["posted"] / queue["size"])
            drops |= {f"{name} {reason}": count for reason, count in queue.get("drops", {}).items()}
        if self._drops:
            then, before = self._drops
            for name, count in drops.items():
                more = count - before.get(name, 0)
                if more > 0 or name in self.drops:
                    self._at(self.drops, name, t).add(max(more, 0) / max(t - then, 0.1))
        self._drops = t, drops

    def _soak(self, record, t):
        if record.get("what") == "begin":
            self.begin = record
        elif record.get("what") == "phase":
            self.phases.append((t, record.get("name", "")))

# SPDX-License-Identifier: BSD-3-Clause
"""TCP, and the datagrams that the guest sends, by the real iperf3, whose lines of a tenth of a second are read."""

import time

from ... import iperf
from .. import kinds
from .base import Source
from .datagrams import PPS, USER_BYTES

LONGEST = "86400"  # seconds that an iperf3 runs if nobody stops it: its own limit
STARTING_SECONDS = 2  # in which a program that has not said anything is still on its way


class Iperf3(Source):
    """iperf3's lines, ten a second, summed up. Times of silence are by its own clock."""

    WAYS = {"tcp_up": ("rx",), "tcp_down": ("tx",), "tcp_both": ("rx", "tx"), "udp_down": ("tx",)}

    def __init__(self, *words):
        super().__init__(*words)
        self.proto = self.kind[:3]
        self._ways = {way: _Way() for way in self.WAYS[self.kind]}

    def options(self):
        words = {("rx",): [], ("tx",): ["-R"], ("rx", "tx"): ["--bidir"]}[self.WAYS[self.kind]]
        if self.proto == "udp":
            size = USER_BYTES if self.path == kinds.USER else 1472
            words += ["-u", "-l", str(size), "-b", str(8 * size * PPS[self.path])]
        return words

    def start(self):
        host, port = self.address("iperf3")
        self._begun = time.monotonic()
        self._zero = None  # when its clock began
        self._said = ""
        for way in self._ways.values():
            way.begin()
        self.process = iperf.start(["iperf3", "-c", host, "-p", str(port), "-t", LONGEST, *self.options()], 0.1)
        self._follow(self.process.stdout)

    def take(self, line):
        if "error" in line:
            self._said = line.strip()
        found = iperf.interval(line)
        if found:
            zero = time.monotonic() - found.end
            self._zero = zero if self._zero is None else min(zero, self._zero)
            way = {"TX": "rx", "RX": "tx"}.get(found.role) or self.WAYS[self.kind][0]
            self._ways[way].take(found)

    def tick(self, now):
        over = self.ended()
        with self._lock:
            late = not over and self.unread()  # these lines tell of the time until now, with the next record
            for name, way in self._ways.items():
                self._write(name, way, now, over, late)
        if over and self.stopping is None:
            self.start()

    def _write(self, name, way, now, over, late):
        waiting = self._zero is None and now - self._begun < STARTING_SECONDS
        fields, gap, at = way.second(None if self._zero is None or over or late else now - self._zero)
        if self._zero is None and not over:  # it does not get through
            gap, at = now - self._begun, 0
        since = self._begun if self._zero is None else self._zero
        if late:
            fields |= {"unread": True}
        if over and self.stopping is None:
            fields |= {"failed": 1, "error": self._said or "it has ended"}
        self.rig.log.write(
            "traffic", name=self.name if len(self._ways) == 1 else f"{self.name}.{name}", path=self.path, proto=self.proto, dir=name,
            seconds=1.0, gap_ms=round(gap * 1000, 1), gap_at=round(self.rig.log.at(since + at), 4),
            answering=not (waiting or over or self.stopping is not None), **fields,
        )  # fmt: skip


class _Way:
    """What went one way of an iperf3 test, whose own clock starts with it."""

    OVERDUE = 0.3  # a line of a tenth of a second that is so late is silence, too

    def __init__(self):
        self.begin()

    def begin(self):
        self._moved = 0.0
        self._clear()

    def _clear(self):
        self._bytes, self._datagrams, self._lost, self._gap, self._gap_at = 0, 0, 0, 0.0, 0.0

    def take(self, line):
        self._datagrams += line.datagrams
        self._lost += line.lost
        if line.bps > 0:
            self._see(line.start)
            self._bytes += round(line.bps * (line.end - line.start) / 8)
            self._moved = line.end
        else:
            self._see(line.end)

    def _see(self, until):
        if until - self._moved > self._gap:
            self._gap, self._gap_at = until - self._moved, self._moved

    def second(self, now):
        """(fields of a record, longest gap, when it began) since the last call; `now` while it runs."""
        if now is not None and now - self._moved > self.OVERDUE:
            self._see(now)
        fields = {"bytes": self._bytes}
        if self._datagrams:
            fields |= {"packets": self._datagrams - self._lost, "lost": self._lost}
        said = fields, self._gap, self._gap_at
        self._clear()
        return said

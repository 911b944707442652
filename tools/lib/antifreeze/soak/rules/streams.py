# SPDX-License-Identifier: BSD-3-Clause
"""Criteria about what the guest itself says of iperf3's streams: the longest time without progress in each second, by its own clock and
to the microsecond, where iperf3 tells of tenths.

A test's `interval` records name only its job; whose it is its `result` says: its client's address is that of a path, and protocol and direction name
the program there. Until then what excuses each program of the phase is kept. A test of no such program, as one of a fault's own clients, is not judged, and
none without a result, as one that a snapshot took back.

Where in its second a silence was is not known. So the host is asked for that time of its length in which it explains most. The guest's
clock does without the time in which it was not run for long: that explains nothing again.
"""

from .. import windows as records
from ..waits import QEMU
from .gaps import UsualGap

_PROGRAMS = {("tcp", "rx"): "tcp_up", ("tcp", "tx"): "tcp_down", ("tcp", "both"): "tcp_both", ("udp", "tx"): "udp_down"}  # by result
_SECONDS = 3600  # of a test that are remembered


class _StreamGap(UsualGap):
    proto = ""

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.jobs = {}  # of each that goes on: (ms, {program: ms of it that are unexplained}) of its seconds; without those in faults
        self.paths = {}  # by the address that the guest sees its clients at

    def second(self, second):
        for entry in second.of("soak"):
            self.paths |= entry.record.get("clients", {})
        programs = [name for name in second.phase.split() if name.startswith(self.proto)]
        for entry in second.of("guest"):
            start, interval, result = (records.guest_record(entry, event, records.DUT) for event in ("start", "interval", "result"))
            if start:
                self.jobs[start["job"]] = []
            elif interval and interval["job"] in self.jobs:
                self.jobs[interval["job"]] += self._interval(entry.end, interval, programs)
                del self.jobs[interval["job"]][_SECONDS:]
            elif result:
                self._result(result, self.jobs.pop(result["job"], ()))

    def _interval(self, t, interval, programs):
        gap = interval["gap_max_us"] / 1e6
        begin = t - gap - (interval["end_us"] - interval["start_us"]) / 1e6
        calm = [name for name in programs if not any(mark.name and mark.touches(begin, t, _path(name)) for mark in self.windows.marks)]
        return [(1000 * gap, {name: self._unexplained(name, begin, t, gap) for name in calm})]

    def _unexplained(self, name, begin, end, gap):
        if self.criterion.holds(1000 * gap):
            return 1000 * gap
        record = {"src": "traffic", "name": name, "path": _path(name), "proto": self.proto}
        explained = lambda since, until: self.windows.of_silence(since, until, record) - self.windows.waits.whole(since, until, QEMU)
        return 1000 * (gap - max(0.0, records.most(begin, end, gap, explained)))

    def _result(self, result, seconds):
        program = f"{_PROGRAMS.get((result.get('proto'), result.get('dir')))}@{self.paths.get(result.get('client'))}"
        for gap_ms, unexplained in seconds:
            if program in unexplained:
                self.gap(gap_ms, unexplained[program])


def _path(program):
    return program.partition("@")[2]


class GuestTcpGap(_StreamGap):
    name = "guest_tcp_gap_ms"
    proto = "tcp"


class UdpSendGap(_StreamGap):
    name = "udp_send_gap_ms"
    proto = "udp"


RULES = (GuestTcpGap, UdpSendGap)

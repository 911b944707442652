# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams that are sent at a rate, whatever comes back, by build/datagrams, which counts each of them. A probe is the same,
seldom and all the time: how long an answer takes."""

import json

from ... import BUILD
from .. import kinds
from .base import Source

PROGRAM = BUILD / "datagrams"

PROBE_PPS = 50
PROBE_BYTES = 18

# Payloads: frames of 60, 590 and 1514 bytes. QEMU's user network carries no datagram that is larger than 1448.
SIZES = {
    "udp_64": (18,),
    "udp_imix": (18, 548, 18, 18, 548, 18, 1472, 18, 548, 18, 18, 548),
    "udp_1472": (1472,),
}
USER_BYTES = 1448

# Datagrams a second. Few enough that a host which is busy for 50 ms still has room for all in its queues: on
# QEMU's user network those are a socket's, of a few dozen.
PPS = {kinds.TAP: 2000, kinds.PLAIN: 2000, kinds.USER: 400}

MUTE_TICKS = 10  # without a line of a program that says one each second: it hangs
LEAST_SECONDS = 0.001  # of a record: a program may end right after its last one, and rates are by time


class Datagrams(Source):
    """Its own lines are the records: they have exact times."""

    proto = "udp"
    _mute = 0  # ticks since its last line

    def command(self):
        sizes = (min(size, USER_BYTES) if self.path == kinds.USER else size for size in SIZES[self.kind])
        return [PROGRAM, *self.address("echo"), PPS[self.path], ",".join(map(str, sizes))]

    def take(self, line):
        self._mute = 0
        said = json.loads(line)
        said["gap_at"] = round(self.rig.log.at(said["gap_at"]), 4)
        del said["end"]
        said["seconds"] = max(said["seconds"], LEAST_SECONDS)
        said["lost"] = max(0, said["lost"] - said["here"])
        self.tell(said)

    def tell(self, said):
        self.record(**said)

    def tick(self, now):
        over = self.ended()
        if self.stopping is not None:
            return
        with self._lock:
            self._mute += 1
            mute = self._mute > MUTE_TICKS
        if over or mute:
            self.tell({"seconds": 1.0, "answering": False, "failed": 1, "error": "it has ended" if over else "it says nothing"})
            self.close()
            self._mute = 0
            self.start()


class Probe(Datagrams):
    """The same, seldom and with every time."""

    def command(self):
        return [PROGRAM, *self.address("echo"), PROBE_PPS, PROBE_BYTES, "times"]

    def tell(self, said):
        self.rig.log.write("probe", path=self.path, **said)

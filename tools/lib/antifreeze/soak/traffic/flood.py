# SPDX-License-Identifier: BSD-3-Clause
"""A second guest, which fills the first one's sink at the soak's load."""

import contextlib
import time

from ... import Error
from ...bench import meter
from .. import load
from .base import Source

BOOTING_SECONDS = 20  # in which a guest that has not sent anything is still on its way


class Flood(Source):
    """A second guest: what it sent is in its records, what arrived in the first one's statistics. Those come when they come, so
    what they tell is a record of its own, over all the time in which it may have happened. Neither tells of silence: the probe of
    that path does."""

    proto, way = "udp", "rx"
    ARRIVED = {
        "bytes": "rx_bytes", "packets": "received", "lost": "lost", "late": "late", "duplicate": "duplicate", "corrupt": "corrupt",
    }  # fmt: skip

    def start(self):
        self._begun = time.monotonic()
        self.peer = self.rig.generator(self.rig.paths[self.path], f"rate={self.rig.load.pps}pps len={load.LENGTH}")
        self.process = self.peer.process
        self._vcpu = meter.vcpu(self.peer)
        self._told, self._sums = 0, {}
        self._stats, self._asked = self.rig.stats, self._begun
        self._others = {run["run"] for run in self._runs()}  # of a flood before this one
        self._mute, self._gone = 0, False

    def tasks(self):
        return [f"/proc/{self.process.pid}/task/{thread}" for thread in (self.process.pid, self._vcpu)]

    def tick(self, now):
        sent = self._sent()
        there = self._sums.get("intended") or now - self._begun > BOOTING_SECONDS
        over = self.ended()
        running = bool(there) and self.stopping is None and not over
        self._mute = 0 if sent["intended"] else self._mute + 1
        if running and self._mute >= BOOTING_SECONDS:
            self._mute = 0
            sent |= {"failed": 1, "error": "the second guest says nothing"}
        self.record(seconds=1.0, answering=running, **sent)
        if over and self.stopping is None and not self._gone:
            self._gone = True
            self.rig.log.write("soak", what="gone", guest="peer", why=f"the flood's QEMU ended with status {self.process.returncode}")
        if self.rig.stats is not self._stats:
            self._arrived(now, running)

    def _sent(self):
        """What the second guest says since the last call."""
        fields = {"intended": 0, "sent": 0}
        records = self.peer.records[self._told :]
        self._told += len(records)
        for record in records:
            self.rig.log.write("guest", guest="peer", record={key: value for key, value in record.items() if key != "data"})
            if record["event"] == "interval":
                fields["intended"] += self._since("intended", record["intended"])
                fields["sent"] += self._since("offered", record["offered"])
        return fields

    def _arrived(self, now, running):
        """There are new statistics: they were asked for up to a second ago, and so were those before them."""
        for run in self._runs():
            if run["run"] not in self._others:
                fields = {name: self._since(counted, run[counted]) for name, counted in self.ARRIVED.items()}
                self.rig.log.write(
                    "traffic", name=f"{self.name}.sink", path=self.path, proto=self.proto, dir=self.way,
                    seconds=round(now - self._asked + 1, 3), answering=running, certified=self.rig.load.certified, **fields,
                )  # fmt: skip
        self._stats, self._asked = self.rig.stats, now

    def _runs(self):
        """What the first guest counts and is not over."""
        runs = (self.rig.stats or {}).get("services", {}).get("sink", {}).get("runs", [])
        return [run for run in runs if not run["over"] and not run["reflected"]]

    def _since(self, name, value):
        before, self._sums[name] = self._sums.get(name, 0), value
        return max(0, value - before)

    def ended(self):
        return super().ended() and self.peer.console.closed

    def stop(self):
        if self.stopping is None:
            self.stopping = time.monotonic()
            with contextlib.suppress(Error):
                self.peer.qmp.command("system_powerdown")

    def close(self):
        self.peer.close()
        self.peer.net.close()

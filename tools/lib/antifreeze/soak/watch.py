# SPDX-License-Identifier: BSD-3-Clause
"""What is written down beside the traffic: the guest's records as they come, its statistics, and the host's load.

The statistics are asked for over HTTP, on another path when one does not answer: the guest is not silent because a fault
has taken one of its links. A guest that answers on none for a while shows as statistics that do not come.
"""

import contextlib
import http.client
import json
import os
import pathlib
import threading
import time

from .. import net
from ..bench import meter
from . import kinds
from .waits import MAIN, QEMU, Watch

STATS_SECONDS = 2  # that an answer may take


class Records(threading.Thread):
    """Writes down every record of a guest, without the part that repeats it in iperf3's words."""

    def __init__(self, log, guest, name):
        super().__init__(daemon=True)
        self._log, self._guest, self._name = log, guest, name
        self.start()

    def run(self):
        console, at = self._guest.console, 0
        while True:
            while at < len(console.records):
                record = {key: value for key, value in console.records[at].items() if key != "data"}
                self._log.write("guest", guest=self._name, record=record)
                at += 1
            if console.wait(None, 1, after=at) is None and console.closed and at == len(console.records):
                return


class Statistics(threading.Thread):
    """Asks for them each `period` seconds, until stop(); and whenever somebody else does, but one after the other: answers
    that cross would show counters that fall."""

    def __init__(self, rig, period):
        super().__init__(daemon=True)
        self._rig, self._period = rig, period
        self._addresses = [path.address("http") for path in reversed(rig.paths.values())]  # the last one has least to carry
        self._stopped = threading.Event()
        self._asking = threading.Lock()
        self.start()

    def ask(self):
        """The statistics, which are written down; None if no path leads to them in time."""
        with self._asking:
            return self._ask()

    def _ask(self):
        for _ in self._addresses:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                stats = json.loads(net.get(self._addresses[0], "/stats", STATS_SECONDS)[2])
                self._rig.log.write("guest", guest="dut", record={"event": "stats", **stats})
                self._rig.stats = stats
                return stats
            self._addresses.append(self._addresses.pop(0))
            if self._stopped.is_set():
                break
        return None

    def run(self):
        due = time.monotonic()
        while not self._stopped.wait(max(0, due - time.monotonic())):
            self.ask()
            due = max(due + self._period, time.monotonic())

    def stop(self):
        self._stopped.set()
        self.join()


def _pace():
    """Microseconds of CPU time for a piece of work that is always the same: how fast this CPU is just now. The least of a few."""
    took = []
    for _ in range(3):
        began = time.thread_time_ns()
        sum(range(10000))
        took.append(time.thread_time_ns() - began)
    return round(min(took) / 1000, 1)


class Host:
    """with Host(rig, traffic) as host: the load of this machine, and whose it is: shares of one CPU in the time since the
    last write()."""

    def __init__(self, rig, traffic):
        self._rig, self._traffic = rig, traffic
        self._pid = rig.guest.process.pid
        self._vcpu = meter.vcpu(rig.guest)
        self._qemu = {QEMU: [f"/proc/{self._pid}/task/{self._vcpu}"], MAIN: [f"/proc/{self._pid}/task/{self._pid}"]}
        self._qemu[kinds.WIRE] = [f"/proc/{rig.paths[kinds.WIRE].net.pid}"]
        self._waits = Watch(rig.log)
        self._peers = {}
        self.watch()
        self._last = time.monotonic(), self._now()

    def _now(self):
        tasks = pathlib.Path(f"/proc/{self._pid}")
        used = {"cpu_soak": time.process_time(), "cpu_qemu": 0.0, "cpu_guest": 0.0, "cpu_main": 0.0}
        with contextlib.suppress(OSError, IndexError):  # it has just ended
            used["cpu_qemu"] = meter.cpu(tasks)
            used["cpu_guest"] = meter.cpu(tasks / "task" / str(self._vcpu))
            used["cpu_main"] = meter.cpu(tasks / "task" / str(self._pid))
        return used

    def _peers_used(self):
        """CPU seconds since the last call of the programs that run now."""
        now = {}
        for pid in self._traffic.pids():
            with contextlib.suppress(OSError, IndexError):
                now[pid] = meter.cpu(pathlib.Path(f"/proc/{pid}"))
        used = sum(seconds - self._peers.get(pid, 0) for pid, seconds in now.items())
        self._peers = now
        return used

    def watch(self):
        """To be called when programs were started or have ended: it is their waits that are watched from now on."""
        self._waits.watch(self._qemu | self._traffic.tasks())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._waits.stop()

    def write(self, pause_ms):
        at, used = time.monotonic(), self._now()
        before, was = self._last
        seconds = max(at - before, 0.001)
        shares = {name: max(0.0, used[name] - was[name]) / seconds for name in used} | {"cpu_peers": self._peers_used() / seconds}
        self._last = at, used
        self._rig.log.write(
            "host", load1=round(os.getloadavg()[0], 2), pause_ms=round(pause_ms, 1), pace_us=_pace(), **{name: round(share, 4) for name, share in shares.items()},
            **self._waits.take(),
        )  # fmt: skip

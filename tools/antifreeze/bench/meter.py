# SPDX-License-Identifier: BSD-3-Clause
"""What a measurement cost the host: CPU seconds of QEMU's threads and of the programs at the other end."""

import dataclasses
import os
import pathlib
import resource
import time

_TICK = os.sysconf("SC_CLK_TCK")

# A main loop that has a CPU for so much of the time has none to spare: QEMU, not the guest, sets the pace.
SATURATED = 0.9


@dataclasses.dataclass
class Cost:
    """Shares of one CPU over the time of the measurement."""

    seconds: float = 0.0
    vcpu: float = 0.0
    main_loop: float = 0.0
    peer: float = 0.0  # processes of ours that have ended meanwhile: iperf3, the load generator
    waited: float = 0.0  # that QEMU's two threads could have run and had no CPU: the host was busy with other things

    @property
    def cpu_seconds(self):
        """What all of it used: on a host that is busy with other work, the steadier measure."""
        return self.seconds * (self.vcpu + self.main_loop + self.peer)

    @property
    def bounded_by_qemu(self):
        return self.main_loop >= SATURATED


class Meter:
    """with Meter(guest) as meter: …; then meter.cost."""

    def __init__(self, guest):
        self.cost = Cost()
        self._pid = guest.process.pid
        self._vcpu = guest.qmp.command("query-cpus-fast")[0]["thread-id"]

    def __enter__(self):
        self._start = time.monotonic(), self._now()
        return self

    def __exit__(self, *_):
        seconds = time.monotonic() - self._start[0]
        shares = [(after - before) / seconds for before, after in zip(self._start[1], self._now())]
        self.cost = Cost(seconds, *shares)

    def _now(self):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        waited = self._waited(self._vcpu) + self._waited(self._pid)
        return self._thread(self._vcpu), self._thread(self._pid), used.ru_utime + used.ru_stime, waited

    def _thread(self, tid):
        """CPU seconds so far; the fields behind the name, which may have blanks."""
        text = pathlib.Path(f"/proc/{self._pid}/task/{tid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def _waited(self, tid):
        """Seconds so far in a queue for a CPU."""
        return int(pathlib.Path(f"/proc/{self._pid}/task/{tid}/schedstat").read_text().split()[1]) / 1e9

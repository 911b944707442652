# SPDX-License-Identifier: BSD-3-Clause
"""What a measurement cost the host: CPU seconds of QEMU's threads and of the programs at the other end."""

import dataclasses
import os
import pathlib
import resource
import time

TICK = os.sysconf("SC_CLK_TCK")  # of a second: what /proc counts CPU time in

# A main loop that has work for so much of the time has none to spare: QEMU, not the guest, sets the pace.
SATURATED = 0.9


@dataclasses.dataclass
class Cost:
    """Shares of one CPU over the time of the measurement."""

    seconds: float = 0.0
    vcpu: float = 0.0
    main_loop: float = 0.0
    peer: float = 0.0  # processes of ours that have ended meanwhile: iperf3, the load generator
    vcpu_waited: float = 0.0  # the two threads of QEMU could have run and had no CPU: the host was busy with
    main_loop_waited: float = 0.0  # other things

    @property
    def cpu_seconds(self):
        """What all of it used: on a host that is busy with other work, the steadier measure."""
        return self.seconds * (self.vcpu + self.main_loop + self.peer)

    @property
    def bounded_by_qemu(self):
        return self.main_loop + self.main_loop_waited >= SATURATED

    @property
    def waited(self):
        """The mean of the two threads."""
        return (self.vcpu_waited + self.main_loop_waited) / 2


class Meter:
    """with Meter(guest) as meter: …; then meter.cost."""

    def __init__(self, guest):
        self.cost = Cost()
        self._guest = guest

    def __enter__(self):
        self._start = time.monotonic(), self._now()
        return self

    def __exit__(self, *_):
        seconds = time.monotonic() - self._start[0]
        shares = [(after - before) / seconds for before, after in zip(self._start[1], self._now())]
        self.cost = Cost(seconds, *shares)

    def _now(self):
        vcpu, main_loop, *waited = _used(self._guest)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return vcpu, main_loop, children.ru_utime + children.ru_stime, *waited


def since_start(guest, seconds):
    """The cost of the `seconds` since QEMU was started, without a peer."""
    vcpu, main_loop, *waited = (used / seconds for used in _used(guest))
    return Cost(seconds, vcpu, main_loop, 0.0, *waited)


def _used(guest):
    """Seconds so far: CPU of the first vCPU's thread and of the main loop, and the time of each in a queue for one."""
    pid = guest.process.pid
    tasks = [pathlib.Path(f"/proc/{pid}/task/{tid}") for tid in (vcpu(guest), pid)]
    return *(cpu(task) for task in tasks), *(waited(task) for task in tasks)


def vcpu(guest):
    """The id of the thread that is the guest's first CPU."""
    return guest.qmp.command("query-cpus-fast")[0]["thread-id"]


def schedstat(task):
    """Of a thread, by its folder in /proc: (seconds in which it could have run and had no CPU, how often it got one)."""
    fields = (task / "schedstat").read_text().split()
    return int(fields[1]) / 1e9, int(fields[2])


def waited(task):
    return schedstat(task)[0]


def state(task):
    """What a thread does, by its folder in /proc, as proc(5) has it: R runs or could, S sleeps, D is held in the kernel, mostly for the disk; empty if it has ended."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def cpu(task):
    """CPU seconds of a thread or process, by its folder in /proc: user and system time are the fields behind the name, which may have blanks."""
    fields = (task / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK

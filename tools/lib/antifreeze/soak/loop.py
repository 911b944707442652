# SPDX-License-Identifier: BSD-3-Clause
"""A soak from its begin to its end: the plan's phases over the rig, its faults, a tick each second, the last word.

Time counts from when the guest is ready and at rest. What happens is in the log and nowhere else. The soak ends when its
time is over, when it is interrupted, when a promise is broken for good, or when the guest has gone; in each case everybody
is asked to end first, the guest is looked at once more at rest, and gives its verdict.
"""

import contextlib
import time

from .. import Error, qemu
from . import watch
from .faults import Injector
from .traffic import Traffic

TICK = 1.0
QUIET_SECONDS = 8  # that the programs may take to end
IDLE_SECONDS = 10  # more than a connection may linger in the guest, by its own clock, on a busy host
HURRIED_SECONDS = 3  # the same when it was interrupted: whoever did that waits
ANSWER_SECONDS = 30  # that the guest, at rest, may take to say how it is; it is asked again and again
END_SECONDS = 30  # that the guest may take to end

STATS_PERIOD = 1
STATS_PERIOD_LONG = 5  # of soaks above LONG, whose records would be too many
LONG = 3600

DONE, INTERRUPTED, BROKEN = "done", "interrupted", "broken"


class Soak:
    def __init__(self, rig, plan, live, judge):
        """`rig` has its log."""
        self._rig, self._plan, self._live, self._judge = rig, plan, live, judge
        self._log = rig.log
        self._why = DONE
        self._gone = False

    def run(self):
        """Why it ended."""
        records = watch.Records(self._log, self._rig.guest, "dut")
        period = STATS_PERIOD if self._plan.seconds <= LONG else STATS_PERIOD_LONG
        with Traffic(self._rig) as traffic:
            self._traffic = self._rig.traffic = traffic
            self._log.write("soak", what="idle")
            statistics = watch.Statistics(self._rig, period)
            idle = statistics.ask()
            with watch.Host(self._rig, traffic) as self._host:
                injector = Injector(self._rig, self._plan.faults)
                try:
                    with injector:
                        self._until_over()
                except KeyboardInterrupt:
                    self._why = INTERRUPTED
                finally:
                    statistics.stop()
                if not self._has_ended():
                    self._calm_down(statistics, idle, injector.gone)
        self._last_word()
        records.join(5)
        self._log.write("soak", what="end", why=self._why)
        return self._why

    def _until_over(self):
        phases = list(self._plan.phases)
        begun = self._log.now()
        self._traffic.probe()
        self._host.watch()
        due = time.monotonic() + TICK
        while True:
            now = self._log.now()
            if phases and now >= phases[0].at:
                phase = phases.pop(0)
                self._log.write("soak", what="phase", name=phase.name, seconds=phase.seconds)
                self._traffic.switch(phase.sources)
                self._host.watch()
            if now - begun >= self._plan.seconds or self._over():
                return
            time.sleep(max(0, due - time.monotonic()))
            self._tick(max(0.0, time.monotonic() - due))
            due = max(due + TICK, time.monotonic() + TICK / 2)

    def _tick(self, pause):
        self._host.write(1000 * pause)
        self._traffic.tick(time.monotonic())
        self._host.watch()
        self._live.tick(self._log.now())

    def _over(self):
        """True if there is no use to go on."""
        if self._has_ended():
            return True
        broken = self._judge.broken()
        if broken:
            self._live.say(f"  ended early: {broken}")
            self._why = BROKEN
        return bool(broken)

    def _has_ended(self):
        """True if the guest is not there any more, which is told."""
        ended = not self._rig.guest.alive() or self._rig.guest.console.closed
        if ended:
            self._tell_gone(_how(self._rig.guest))
        return ended

    def _tell_gone(self, why):
        """Once: what else is missing follows from it."""
        if not self._gone:
            self._log.write("soak", what="gone", guest="dut", why=why)
            self._gone, self._why = True, BROKEN

    def _calm_down(self, statistics, idle, gone):
        """All traffic ends; then the guest is at rest, or never will be, when all that the faults left has gone. That is not known where
        nobody waited for it."""
        deadline = time.monotonic() + QUIET_SECONDS
        with contextlib.suppress(KeyboardInterrupt):  # once more: at once
            while not self._traffic.quiet() and time.monotonic() < deadline:
                time.sleep(0.1)
                self._traffic.tick(time.monotonic())
                self._host.write(0)
            hurried = self._why == INTERRUPTED
            deadline = time.monotonic() + (HURRIED_SECONDS if hurried else IDLE_SECONDS + max(gone - self._log.now(), 0))
            rests = False
            while idle and not rests and time.monotonic() < deadline:
                time.sleep(0.2)
                rests = _at_rest(statistics.ask(), idle)
            if rests or not hurried:
                self._log.write("soak", what="idle")
                self._look(statistics)

    def _look(self, statistics):
        """The statistics of the guest at rest: one that answers nobody is as good as gone."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while statistics.ask() is None:
            if self._has_ended():
                return
            if time.monotonic() > deadline:
                self._tell_gone(f"at rest it does not say how it is, in {ANSWER_SECONDS} s")
                return
            time.sleep(0.2)

    def _last_word(self):
        """The guest's own verdict, if it is there to give one; that it does not end in order is told."""
        guest = self._rig.guest
        with contextlib.suppress(KeyboardInterrupt):
            try:
                guest.qmp.command("system_powerdown", timeout=5)
                status = guest.wait_exit(END_SECONDS)
            except Error as error:
                self._tell_gone(f"asked to end: {str(error).partition(chr(10))[0]}")
            else:
                if status not in (qemu.STATUS_PASS, qemu.STATUS_FAIL):
                    self._tell_gone(f"asked to end: QEMU's status {status}")


def _at_rest(stats, idle):
    """True if no pool holds more than in the beginning. Multicast groups come and go with addresses."""
    if stats is None:
        return False
    before = {pool["name"]: pool["used"] for pool in idle["pools"]}
    return all(pool["used"] <= before[pool["name"]] for pool in stats["pools"] if pool["name"] != "lwip.MLD6_GROUP")


def _how(guest):
    """How a guest ended that was not asked to."""
    try:
        status = guest.wait_exit(5)
    except Error as error:
        return str(error)
    return {qemu.STATUS_PANIC: "panic", qemu.STATUS_FAIL: "it ended itself"}.get(status, f"QEMU's status {status}")

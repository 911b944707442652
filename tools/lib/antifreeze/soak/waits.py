# SPDX-License-Identifier: BSD-3-Clause
"""Who would have run and could not: what tells a starved host from a freeze.

Watch asks the kernel twenty times a second how long each thread on the way of the soak's traffic has waited for a CPU, and whether
it is held in the kernel (state D, mostly for the disk: for a page of QEMU's own that has to be read again, or a line of its log).
The host's record has it in slices. Waits reads these records: of a silence it says how much was waiting.

The kernel adds up a wait for a CPU when it is over. So what a slice has more than its length was in the slices before it. Who is held
at the end of a slice and had no CPU in it was held in all of it, as nobody begins to wait without a CPU: that is what the slice has of him.

The soak itself, which reads what programs say and writes it down, may be held up by its disk as well: then a slice ends too late.
"""

import bisect
import contextlib
import pathlib
import threading
import time

from ..bench import meter

SLICE = 0.05  # seconds
ALL_OF_IT = 0.98  # of a slice, or more: all of it
LATE = 2  # slices' lengths: one is longer only where the soak itself is held up
KEPT = 20 * 70  # slices: a minute of them, and some

HELD = "D"  # a thread's state in /proc

STEAL = "steal"  # what this machine's own host took from it; as a name among those of threads
SOAK = "soak"  # this process, which reads what programs say: how much too late a slice ended
QEMU, MAIN = "qemu", "main"  # the guest's CPU, and QEMU's main loop
ALL = (STEAL, QEMU, MAIN)  # on the way of everything

_TICK = meter.TICK
_SURE, _MAY_BE = 2, 3  # parts of a slice


class Watch(threading.Thread):
    """Takes the slices; `log` knows the time."""

    def __init__(self, log):
        super().__init__(daemon=True)
        self._log = log
        self._tasks = {}  # of a name: folders in /proc
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._clear()
        self._last, self._end = self._now(), log.now()
        self.start()

    def _clear(self):
        self._ends, self._slices = [], []

    def watch(self, tasks):
        """From now on these: {name: folders in /proc of its threads}."""
        with self._lock:
            self._tasks = tasks
            self._last = self._now() | self._last

    def _now(self):
        """{folder: (seconds so far, how often it got a CPU)}"""
        waited = {STEAL: (_stolen(), None)}
        for folder in (folder for folders in self._tasks.values() for folder in folders):
            with contextlib.suppress(OSError, IndexError):  # it has just ended
                waited[folder] = meter.schedstat(pathlib.Path(folder))
        return waited

    def _waited(self, folder, now):
        """(seconds that this one waited for a CPU since the last slice, whether it was held instead)"""
        if folder not in now or folder not in self._last:
            return 0.0, False
        (total, runs), (before, runs_before) = now[folder], self._last[folder]
        return max(0.0, total - before), runs is not None and runs == runs_before and _held(pathlib.Path(folder), runs)

    def run(self):
        while not self._ended.wait(SLICE):
            self._slice()

    def _slice(self):
        self._log.wait()
        with self._lock:
            now, end, tasks = self._now(), self._log.now(), {STEAL: [STEAL]} | self._tasks
            length = end - self._end
            one = {SOAK: length - SLICE if length > LATE * SLICE else 0.0}
            for name, folders in tasks.items():
                waits = [self._waited(folder, now) for folder in folders]
                one[name] = length if any(held for _, held in waits) else sum(seconds for seconds, _ in waits)
            self._last, self._end = now, end
            self._ends.append(round(end, 3))
            self._slices.append(one)

    def take(self):
        """Fields of a record, about the slices since the last call: when each ended, and of each name that waited how many
        milliseconds in each."""
        with self._lock:
            ends, slices = self._ends, self._slices
            self._clear()
        names = sorted({name for one in slices for name, seconds in one.items() if seconds > 0.0005})
        return {"slices": ends, "waits": {name: [round(1000 * one.get(name, 0), 1) for one in slices] for name in names}}

    def stop(self):
        self._ended.set()
        self.join()


def _held(folder, runs):
    """True if this thread is held, and has not run since it had run so often."""
    with contextlib.suppress(OSError, IndexError):  # it has just ended
        return meter.state(folder) == HELD and meter.schedstat(folder)[1] == runs
    return False


def _stolen():
    """Seconds so far, of the CPU that lost most."""
    with open("/proc/stat", encoding="ascii") as file:
        return max(int(line.split()[8]) for line in file if line.startswith("cpu") and line[3].isdigit()) / _TICK


class Waits:
    """The slices of the last minute, from the host's records. When in a slice a wait was over is not known, which says little unless the
    soak was held up and the slice came late: then all of it may have been before. So of such a wait there is who waited at that time for sure,
    and who may have."""

    def __init__(self):
        self._slices = []  # [begin, end, {name: seconds for sure}, {name: seconds that may be}], none of them more than the slice has

    def feed(self, record):
        ends, waits = record.get("slices") or (), record.get("waits") or {}
        for k, end in enumerate(ends):
            begin = min(self._slices[-1][1] if self._slices else end - SLICE, end)
            self._slices.append([begin, end, {}, {}])
            late = SOAK in waits and waits[SOAK][k] > 0
            for name, values in waits.items():
                self._spread(_SURE, name, values[k] / 1000)
                self._spread(_MAY_BE, name, values[k] / 1000, late)
        del self._slices[:-KEPT]

    def _spread(self, which, name, seconds, late=False):
        """Puts a wait that is over into the last slice, and what it has no room for into those before; of a late one, all of it."""
        for one in reversed(self._slices):
            if seconds <= 0:
                return
            waited = one[which]
            part = min(seconds, max(0.0, one[1] - one[0] - waited.get(name, 0)))
            waited[name] = waited.get(name, 0) + part
            if not late:
                seconds -= part
            late = False

    def _within(self, begin, end, which):
        """(seconds of it in this time, its own length, who waited in it) of each slice that has some."""
        k = bisect.bisect_left(self._slices, end, key=_begin)
        while k and self._slices[k - 1][1] > begin:
            k -= 1
            one = self._slices[k]
            overlap = min(one[1], end) - max(one[0], begin)
            if overlap > 0:
                yield overlap, one[1] - one[0], one[which]

    def of(self, begin, end, names):
        """Seconds of this time in which one of these may have waited: one after the other, as a packet finds them."""
        return sum(min(overlap, sum(waited.get(name, 0) for name in names)) for overlap, _, waited in self._within(begin, end, _MAY_BE))

    def longest(self, begin, end, names):
        """The same of those who wait at the same time: in each slice who waited most."""
        return sum(min(overlap, max(waited.get(name, 0) for name in names)) for overlap, _, waited in self._within(begin, end, _MAY_BE))

    def whole(self, begin, end, name):
        """Seconds of this time in slices in all of which it waited for sure."""
        return sum(overlap for overlap, length, waited in self._within(begin, end, _SURE) if waited.get(name, 0) >= ALL_OF_IT * length)

    def share(self, begin, end, names):
        """The same as a part of that time."""
        return min(1.0, self.of(begin, end, names) / (end - begin))


def _begin(one):
    return one[0]

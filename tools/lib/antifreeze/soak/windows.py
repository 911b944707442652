# SPDX-License-Identifier: BSD-3-Clause
"""The records of a soak, second by second, with what excuses them.

A second is closed, and handed on once, when three more have passed and the host's record tells of them: then every fault and every
pause of the host that touches it is known. What a record tells of is its span: the seconds before it was written, for statistics
of the guest those since the one before. A span is touched by

- a fault, on its paths, from its begin until `rest` and `settle` after its end are over;
- a pause of the host: the harness's own clock tick came late, or the guest says that it was not run, or slept for
  longer than it lets itself sleep, and QEMU did wait (waits.py) for as long. On every path.

Only what is touched by neither is quiet and judged as such; recovery from faults has criteria of its own. A record of a silence
in which somebody on its way waited for PAUSE_MS is touched by a pause as well. But no pause excuses more
of a silence than it lasted: what is left of it, `unexplained`, is judged in any case. And a QEMU that is not run silences all paths:
its waits excuse a silence of one no further than the probes of others show them. Path `wire` carries little but its probe: there
no longer than another was silent meanwhile. Others have their queues to work off, which takes a QEMU that is run now and then several times as
long as the one frame of a probe: there TIMES as long as another was silent about that time. What a fault silences on its own path shows nothing.

Memory does not grow with time: only open seconds and faults whose recovery is still watched are kept.
"""

import dataclasses
import math

from .kinds import WIRE
from .waits import ALL, QEMU, SLICE, SOAK, STEAL, Waits

SLACK = 3  # seconds after which nothing more is said about a second
PATIENCE = 60  # seconds that the host's record may be late, when the soak itself is not run
PAUSE_MS = 100  # later than that a tick is no matter of one time slice of the host's scheduler
SLEEP_US = 30000  # three times what the guest lets itself sleep
LATE_S = 0.1  # that the guest may take to say so
ABOUT = 1  # seconds before and after a silence in which others show whether QEMU was run: each probe tells of its longest in a second
TIMES = 4  # the longest that the probe of another path was silent about then
TCP_TIMES = 16  # the same for a stream, which begins again slowly, and whose program tells of it late when it has no CPU either
WATCHED = 60  # seconds after a fault in which a silence that it left behind is looked for
READ = "connections@"  # its silences begin and end where the soak reads a line; others look at their own clock
DUT = "dut"  # the name of the guest that is soaked; all others are peers


@dataclasses.dataclass
class Mark:
    """A time in which figures are not judged by the criteria of quiet seconds."""

    begin: float
    end: float  # infinite until it is known
    name: str = ""  # of the fault; empty: the host
    paths: frozenset = frozenset()  # empty: all
    over: float = math.inf  # when the fault itself ended; a mark lasts longer
    settle: float = 1
    causes: frozenset = frozenset()  # of stalls that it explains

    def touches(self, begin, end, path=None):
        return begin < self.end and end > self.begin and (not self.paths or path is None or path in self.paths)


HOST = Mark(-math.inf, math.inf)  # of a silence that the host explains


@dataclasses.dataclass(frozen=True)
class Entry:
    """A record with its span and the marks that touch it."""

    record: dict
    begin: float
    end: float
    marks: tuple
    excuse: float = 0.0  # seconds of its silence in which the host explains it

    @property
    def quiet(self):
        return not self.marks

    @property
    def faulty(self):
        """True if a fault touches it, or its recovery."""
        return any(mark.name for mark in self.marks)

    @property
    def unexplained(self):
        """Milliseconds of its silence for which the host has no excuse; None if it tells of none."""
        return max(0.0, self.record["gap_ms"] - 1000 * self.excuse) if "gap_ms" in self.record else None


@dataclasses.dataclass
class Second:
    at: int
    entries: list
    marks: tuple
    phase: str  # the name of what all paths carry
    wait: float = 0.0  # share of it in which the guest's CPU had work and the host none for it
    busy: float = 0.0  # the same of anybody on the way of everything

    def of(self, src):
        return [entry for entry in self.entries if entry.record.get("src") == src]

    @property
    def excuse(self):
        """Seconds that the host explains of the silence of which it explains most."""
        return max((entry.excuse for entry in self.entries), default=0.0)


class Windows:
    def __init__(self):
        self.marks = []
        self.now = 0.0
        self.told = None  # until when the host has told of itself
        self.phase = ""
        self._open = {}  # of a second: its records with their spans
        self._phases = {}  # of an open second: the phase of then
        self._faults = {}  # of a name and path: the mark of one that lasts
        self._stats = {}  # of a guest: when its statistics were read last
        self.waits = Waits()
        self._silences = {}  # of the last minute's probes: when each ended, by path and begin
        self._late = []  # marks of what may have been the host's, until the host's record of then is there

    def feed(self, record):
        """Takes a record; the seconds that are closed now, in order."""
        t = float(record.get("t", self.now))
        self.now = max(self.now, t)
        self._mark(record, t)
        second = int(t)
        self._phases.setdefault(second, self.phase)
        self._open.setdefault(second, []).append((record, *self._span(record, t)))
        told = self.now if self.told is None else max(self.told, self.now - PATIENCE)
        return self._closed(told - SLACK)

    def flush(self):
        """The seconds that are still open: nothing more will come."""
        return self._closed(math.inf)

    def _span(self, record, t):
        if record.get("src") == "guest":
            if _event(record) != "stats":
                return t - 1, t
            before = self._stats.get(record.get("guest"), t - 1)
            self._stats[record.get("guest")] = t
            return before, t
        begin = t - record.get("seconds", 1)
        return min(begin, record.get("gap_at", begin)), t

    def _mark(self, record, t):
        src = record.get("src")
        if src == "fault":
            self._fault(record, t)
        elif src == "host":
            self.told = t
            self.waits.feed(record)
            if record.get("pause_ms", 0) >= PAUSE_MS:
                self.marks.append(Mark(t - record["pause_ms"] / 1000, t))
        elif src == "probe" and "gap_at" in record:
            key = record.get("path"), round(record["gap_at"], 3)
            self._silences[key] = max(self._silences.get(key, 0), record["gap_at"] + record["gap_ms"] / 1000)
        elif src == "guest" and _event(record) == "stall":
            stall = record["record"]
            if stall.get("asleep_us", 0) >= SLEEP_US or stall.get("cause") == "guest_late":
                self._late.append(Mark(t - stall.get("stalled_us", 0) / 1e6 - LATE_S, t))
        elif src == "soak" and record.get("what") == "phase":
            self.phase = record.get("name", "")

    def _fault(self, record, t):
        key = record.get("name", "?"), record.get("path") or ""
        settle = record.get("settle", 1)
        if record.get("what") == "begin":
            paths = record.get("paths") or ([record["path"]] if record.get("path") else [])
            mark = Mark(t, math.inf, key[0], frozenset(paths), settle=settle, causes=frozenset(record.get("causes", ())))
            self._faults[key] = mark
            self.marks.append(mark)
        elif record.get("what") == "end" and key in self._faults:
            mark = self._faults.pop(key)
            mark.over = t
            mark.settle = max(mark.settle, settle)
            mark.end = t + max(mark.settle, record.get("rest", 0))

    def excuse(self, begin, end, record):
        """Seconds of this time in which the host did not run somebody on the way of that record, or paused."""
        return self._apart(begin, end, self._pauses(begin, end), (*ALL, *_own(record)))

    def not_run(self, begin, end, *names):
        """The same of those with these names alone."""
        return self._apart(begin, end, self._pauses(begin, end), (STEAL, *names))

    def of_silence(self, begin, end, record):
        """The same of a time in which nothing came, as far as others show it."""
        excuse, path = self.excuse(begin, end, record), record.get("path")
        if not excuse or not path:
            return excuse
        if path == WIRE:
            return min(excuse, self.waits.of(begin, end, _own(record)) + self._silent_elsewhere(begin, end, path))
        times = TCP_TIMES if record.get("proto") == "tcp" else TIMES
        return min(excuse, self._apart(begin, end, self._pauses(begin, end), _own(record)) + times * self._longest_elsewhere(begin, end, path))

    def _pauses(self, begin, end):
        return [mark for mark in self.marks if not mark.name and mark.touches(begin, end)]

    def _elsewhere(self, begin, end, path):
        """(path, begin, end) of each silence of another path's probe that touches this time and is not a fault's."""
        for (other, since), until in self._silences.items():
            if other != path and since < end and until > begin:
                if not any(mark.paths and mark.touches(since, until, other) for mark in self.marks):
                    yield other, since, until

    def _silent_elsewhere(self, begin, end, path):
        """Seconds of this time in which the probe of some other path was silent."""
        silent = {}
        for other, since, until in self._elsewhere(begin, end, path):
            silent[other] = silent.get(other, 0) + min(end, until) - max(begin, since)
        return max(silent.values(), default=0.0)

    def _longest_elsewhere(self, begin, end, path):
        """How long the probe of some other path was silent at once about this time."""
        return max((until - since for _, since, until in self._elsewhere(begin - ABOUT, end + ABOUT, path)), default=0.0)

    def _apart(self, begin, end, pauses, names):
        """The same; nothing counts twice."""
        if not pauses:
            return self.waits.of(begin, end, names)
        since, until = max(begin, pauses[0].begin), min(end, pauses[0].end)
        before = self._apart(begin, since, [mark for mark in pauses[1:] if mark.touches(begin, since)], names) if since > begin else 0.0
        behind = self._apart(until, end, [mark for mark in pauses[1:] if mark.touches(until, end)], names) if end > until else 0.0
        return before + (until - since) + behind

    def _explain(self, until):
        """Stalls of which the host's records are complete now."""
        known = [mark for mark in self._late if mark.end < until + SLACK]
        for mark in known:
            length = mark.end - mark.begin - LATE_S
            if length - self.excuse(mark.begin, mark.end, {}) <= PAUSE_MS / 1000:
                self.marks.append(mark)
        self._late = [mark for mark in self._late if mark not in known]

    def _entry(self, record, begin, end):
        marks = tuple(mark for mark in self.marks if mark.touches(begin, end, record.get("path")))
        gap = record.get("gap_ms", 0) / 1000
        since = record.get("gap_at", end - gap)
        excuse = self.of_silence(since, since + gap, record) if gap else 0.0
        return Entry(record, begin, end, (*marks, HOST) if 1000 * excuse >= PAUSE_MS else marks, excuse)

    def _closed(self, until):
        self._explain(until)
        closed = []
        for second in sorted(second for second in self._open if second + 1 <= until):
            phase = self._phases.pop(second)
            entries = [self._entry(*spanned) for spanned in self._open.pop(second)]
            marks = tuple(m for m in self.marks if m.touches(second, second + 1))
            closed.append(Second(second, entries, marks, phase, *(self.waits.share(second, second + 1, names) for names in ([QEMU], ALL))))
        if closed:
            self.marks = [m for m in self.marks if m.end > closed[-1].at - WATCHED]
            self._silences = {key: end for key, end in self._silences.items() if end > closed[-1].at - WATCHED}
        return closed

    def watched(self):
        """Faults that are over and whose recovery can still be seen."""
        return [m for m in self.marks if m.name and m.over < math.inf and m.over > self.now - WATCHED - SLACK - 1]


def _event(record):
    return (record.get("record") or {}).get("event")


def most(begin, end, length, excuse):
    """The most that `excuse(begin, end)` says of a time of that length between these, for which it is known only that it was there."""
    places = range(max(1, int((end - begin - length) / SLICE)))
    return max(excuse(begin + k * SLICE, begin + (k + 1) * SLICE + length) for k in places)


def _own(record):
    """The names of those who are on the way of that record only."""
    reader = (SOAK,) if record.get("name", "").startswith(READ) else ()
    return (_task(record), *reader, WIRE) if record.get("path") == WIRE else (_task(record), *reader)


def _task(record):
    """The name under which the program that wrote a record waits for a CPU: one may write two records."""
    return f"probe@{record.get('path')}" if record.get("src") == "probe" else record.get("name", "").partition(".")[0]


def guest_record(entry, event, guest=None):
    """The guest's own record in it if it is one of this kind; of this guest, if one is named."""
    record = entry.record
    if record.get("src") != "guest" or _event(record) != event or (guest and record.get("guest", DUT) != guest):
        return None
    return record["record"]

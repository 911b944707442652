# SPDX-License-Identifier: BSD-3-Clause
"""The records of a soak, second by second, with what excuses them.

A second is closed, and handed on once, when three more have passed: then every fault and every pause of the host that
touches it is known. What a record tells of is its span: the seconds before it was written, for statistics
of the guest those since the one before. A span is touched by

- a fault, on its paths, from its begin until `rest` and `settle` after its end are over;
- a pause of the host: the harness's own clock tick came late, or the guest says that it slept for
  longer than it lets itself sleep, or that it was not run, and QEMU did wait for a CPU for as long. On every path.

A record whose silence is no longer than QEMU waited for a CPU in the seconds of that silence is touched by such a pause as well:
nobody can tell then who was silent.

Only what is touched by neither is quiet and judged as such; recovery from faults has criteria of its own.
Memory does not grow with time: only open seconds and faults whose recovery is still watched are kept.
"""

import collections
import dataclasses
import math

SLACK = 3  # seconds after which nothing more is said about a second
PAUSE_MS = 100  # later than that a tick is no matter of one time slice of the host's scheduler
SLEEP_US = 30000  # three times what the guest lets itself sleep
WATCHED = 60  # seconds after a fault in which a silence that it left behind is looked for
DUT = "dut"  # the name of the guest that is soaked; all others are peers


@dataclasses.dataclass
class Mark:
    """A time in which figures are not judged by the criteria of quiet seconds."""

    begin: float
    end: float  # infinite until it is known
    name: str = ""  # of the fault; empty: the host
    paths: frozenset = frozenset()  # empty: all
    masks: frozenset = frozenset()  # criteria that it excuses although they hold in faults too
    over: float = math.inf  # when the fault itself ended; a mark lasts longer
    settle: float = 1

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

    @property
    def quiet(self):
        return not self.marks

    def excused(self, criterion):
        """Of something that faults do not excuse in general."""
        return any(criterion in mark.masks for mark in self.marks)


@dataclasses.dataclass
class Second:
    at: int
    entries: list
    marks: tuple
    mixes: dict  # of each path: what it carries; of None: the phase's name
    wait: float = 0.0  # share of it in which the guest's CPU had work and the host none for it

    def of(self, src):
        return [entry for entry in self.entries if entry.record.get("src") == src]

    def mix(self, path):
        return self.mixes.get(path, self.mixes.get(None, ""))


class Windows:
    def __init__(self):
        self.marks = []
        self.now = 0.0
        self.phase = {}
        self._open = {}  # of a second: its records with their spans
        self._phases = {}  # of an open second: the mixes of then
        self._faults = {}  # of a name and path: the mark of one that lasts
        self._stats = {}  # of a guest: when its statistics were read last
        self._waits = collections.deque(maxlen=2 * WATCHED)  # (begin, end, seconds in which QEMU waited for a CPU)
        self._late = []  # marks of what may have been the host's, until the host's record of then is there

    def feed(self, record):
        """Takes a record; the seconds that are closed now, in order."""
        t = float(record.get("t", self.now))
        self.now = max(self.now, t)
        self._mark(record, t)
        second = int(t)
        self._phases.setdefault(second, self.phase)
        self._open.setdefault(second, []).append((record, *self._span(record, t)))
        return self._closed(self.now - SLACK)

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
            self._waits.append((t - 1, t, max(record.get("wait_qemu", 0), record.get("wait_main", 0))))
            if record.get("pause_ms", 0) >= PAUSE_MS:
                self.marks.append(Mark(t - record["pause_ms"] / 1000, t))
        elif src == "guest" and _event(record) == "stall":
            stall = record["record"]
            mark = Mark(t - stall.get("stalled_us", 0) / 1e6 - 0.1, t)
            if stall.get("asleep_us", 0) >= SLEEP_US:
                self.marks.append(mark)
            elif stall.get("cause") == "guest_late":
                self._late.append(mark)
        elif src == "soak" and record.get("what") == "phase":
            self.phase = record.get("mixes") or {None: record.get("name", "")}

    def _fault(self, record, t):
        key = record.get("name", "?"), record.get("path") or ""
        settle = record.get("settle", 1)
        if record.get("what") == "begin":
            paths = record.get("paths") or ([record["path"]] if record.get("path") else [])
            mark = Mark(t, math.inf, key[0], frozenset(paths), frozenset(record.get("masks", ())), settle=settle)
            self._faults[key] = mark
            self.marks.append(mark)
        elif record.get("what") == "end" and key in self._faults:
            mark = self._faults.pop(key)
            mark.over = t
            mark.settle = max(mark.settle, settle)
            mark.end = t + max(mark.settle, record.get("rest", 0))

    def _waited(self, begin, end):
        """Seconds in which QEMU waited for a CPU, in the host's seconds that this touches."""
        return sum(wait for since, until, wait in self._waits if since < end and until > begin)

    def _explain(self, until):
        """Stalls of which the host's records are complete now."""
        known = [mark for mark in self._late if mark.end + 1 < until + SLACK]
        self.marks += [mark for mark in known if mark.end - mark.begin - 0.1 <= self._waited(mark.begin, mark.end)]
        self._late = [mark for mark in self._late if mark not in known]

    def _marks_of(self, record, begin, end):
        marks = tuple(mark for mark in self.marks if mark.touches(begin, end, record.get("path")))
        gap = record.get("gap_ms", 0) / 1000
        since = record.get("gap_at", end - gap)
        return (*marks, HOST) if 1000 * gap >= PAUSE_MS and gap <= self._waited(since, since + gap) else marks

    def _closed(self, until):
        self._explain(until)
        closed = []
        for second in sorted(second for second in self._open if second + 1 <= until):
            mixes = self._phases.pop(second)
            entries = [
                Entry(record, begin, end, self._marks_of(record, begin, end))
                for record, begin, end in self._open.pop(second)
            ]
            marks = tuple(m for m in self.marks if m.touches(second, second + 1))
            waits = [e.record["wait_qemu"] for e in entries if e.record.get("src") == "host" and "wait_qemu" in e.record]
            closed.append(Second(second, entries, marks, mixes, min(sum(waits), 1.0)))
        if closed:
            self.marks = [m for m in self.marks if m.end > closed[-1].at - WATCHED]
        return closed

    def watched(self):
        """Faults that are over and whose recovery can still be seen."""
        return [m for m in self.marks if m.name and m.over < math.inf and m.over > self.now - WATCHED - SLACK - 1]


def _event(record):
    return (record.get("record") or {}).get("event")


def guest_record(entry, event, guest=None):
    """The guest's own record in it if it is one of this kind; of this guest, if one is named."""
    record = entry.record
    if record.get("src") != "guest" or _event(record) != event or (guest and record.get("guest", DUT) != guest):
        return None
    return record["record"]

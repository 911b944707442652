# SPDX-License-Identifier: BSD-3-Clause
"""A criterion about those who look: whoever is mute sees no freeze.

Each program of a phase and each probe writes a record every second, whatever the guest does, in faults too: so no fault excuses
one that does not. The host does, as far as it did not run that program, or not the soak itself, whose threads write it down. The
sink of a flood is told of with the guest's statistics. Those a guest owes as well, each second or every 5: over whatever path, but in faults.
"""

from .. import windows as records
from ..waits import SOAK
from .base import SINK, Worst

_PROBE = "probe@"
_GUEST = "the guest's statistics"


class Mute(Worst):
    """Seconds without a record of one that has to be there: from its phase's begin to the next one's, or to the end of the last."""

    name = "mute_s"
    nothing = "no phase of traffic"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.last = {}  # of a program: when it wrote last, or began
        self.over = 0.0  # when the phase is
        self.paths = set()  # each of which has a probe

    def second(self, second):
        for entry in second.entries:
            look = {"soak": self._soak, "traffic": self._traffic, "probe": self._probe}.get(entry.record.get("src"))
            if look:
                look(entry.record, entry.end)
            elif records.guest_record(entry, "stats", records.DUT):
                self._wrote(_GUEST, entry.end)

    def _soak(self, record, t):
        self.paths.update(record.get("clients", {}).values())
        if record.get("what") == "phase":
            self._all(t)
            always = {name: since for name, since in self.last.items() if name.startswith(_PROBE) or name == _GUEST}
            self.last = dict.fromkeys((_GUEST, *(_PROBE + path for path in self.paths)), t) | always | dict.fromkeys(record.get("name", "").split(), t)
            self.over = t + record.get("seconds", 0)
        elif record.get("what") == "end" and record.get("why") == "done":
            self._all(self.over)

    def _traffic(self, record, t):
        name = record.get("name", "")
        if not name.endswith(SINK):
            self._wrote(name.partition(".")[0], t)

    def _probe(self, record, t):
        self._wrote(_PROBE + record.get("path", ""), t)

    def _wrote(self, name, t):
        if name in self.last:
            self._mute(name, t)
            self.last[name] = t

    def _all(self, t):
        """Their time is over, which those have not lived to see who were mute until then."""
        for name in self.last:
            self._mute(name, t)

    def _mute(self, name, until):
        since = self.last[name]
        for begin, end in self._between_faults(since, until) if name == _GUEST else [(since, until)]:
            host = self.windows.excuse(begin, end, {}) if name == _GUEST else self.windows.not_run(begin, end, SOAK, name)
            self.figure(end - begin - host, end, name)

    def _between_faults(self, since, until):
        """The parts of that time that no fault touches."""
        for mark in sorted((mark for mark in self.windows.marks if mark.name and mark.touches(since, until)), key=lambda mark: mark.begin):
            if mark.begin > since:
                yield since, mark.begin
            since = max(since, mark.end)
        if until > since:
            yield since, until


RULES = (Mute,)

# SPDX-License-Identifier: BSD-3-Clause
"""What people see while a soak runs: one line that is written over on a terminal, else a line now and then.

    02:10 of 05:00, 02:50 left   in 1.21 Gbit/s   out 903.45 Mbit/s   worst gap 41 ms (tap)   link on user 12 s ago

Rates are the sums of the last second. The worst gap is of the probes, outside of faults.
"""

from .. import show

LINES = 30  # about, of a soak without a terminal
AFTER_FAULT = 4  # seconds in which a gap is put down to the fault before


class Live:
    """feed() takes each record; tick() shows."""

    def __init__(self, seconds, out=None):
        self._progress = show.Progress(out)
        self._seconds = seconds
        self._every = 1 if self._progress.rewrite else max(5, seconds / LINES)
        self._next = 0.0
        self._bytes = {"rx": 0, "tx": 0}
        self._last = dict(self._bytes)
        self._gap, self._gap_path = 0.0, ""
        self._faults = {}  # those that are open: when they began
        self._fault, self._fault_at = "", None

    def say(self, text):
        self._progress.say(text)

    def show(self, text):
        """What goes on before the soak begins; too much for plain lines."""
        if self._progress.rewrite:
            self._progress.show(text)

    def feed(self, record):
        kind = record["src"]
        if kind == "traffic":
            for way in ("rx", "tx"):
                if record["dir"] in (way, "both"):
                    self._bytes[way] += record.get("bytes", 0)
        elif kind == "probe":
            quiet = not self._faults and (self._fault_at is None or record["t"] - self._fault_at > AFTER_FAULT)
            if quiet and record.get("gap_ms", 0) > self._gap:
                self._gap, self._gap_path = record["gap_ms"], record["path"]
        elif kind == "fault":
            self._take_fault(record)

    def _take_fault(self, record):
        name = record["name"] + (f" on {record['path']}" if record.get("path") else "")
        if record["what"] == "begin":
            self._faults[name] = record["t"]
        else:
            self._faults.pop(name, None)
        self._fault, self._fault_at = name, record["t"]
        if not self._progress.rewrite:
            self._progress.say(f"  {clock(record['t'])} {record['what']} of fault {name}")

    def tick(self, now):
        self._last, self._bytes = self._bytes, {"rx": 0, "tx": 0}
        if now >= self._next:
            self._next += self._every
            self._progress.show(self.line(now))

    def line(self, now):
        rates = f"in {show.rate_text(8 * self._last['rx']):>14}   out {show.rate_text(8 * self._last['tx']):>14}"
        gap = f"worst gap {self._gap:.0f} ms" + (f" ({self._gap_path})" if self._gap_path else "")
        if self._faults:
            fault = f"   now: {', '.join(self._faults)}"
        elif self._fault_at is not None:
            fault = f"   {self._fault} {now - self._fault_at:.0f} s ago"
        else:
            fault = ""
        left = max(0, self._seconds - now)
        return f"  {clock(now)} of {clock(self._seconds)}, {clock(left)} left   {rates}   {gap}{fault}"

    def close(self):
        self._progress.clear()


def clock(seconds):
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"

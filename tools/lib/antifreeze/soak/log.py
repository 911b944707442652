# SPDX-License-Identifier: BSD-3-Clause
"""What a soak saw, in the order in which it saw it: records.ndjson, one JSON object a line.

Each record has `t`, seconds since the soak began by a clock that nobody sets, and `src`, who says it: soak, guest,
traffic, probe, fault or host (docs/soak.md has the fields). A line is in the file when write() returns, so what a killed
soak has seen can still be judged and reported: from the file alone, as everything is.
"""

import json
import pathlib
import threading
import time

NAME = "records.ndjson"
SOURCES = ("soak", "guest", "traffic", "probe", "fault", "host")


class Log:
    """Writes the records of one run. Every thread may write; listeners are called one after the other, in the
    order of the file."""

    def __init__(self, folder, clock=time.monotonic):
        self._clock = clock
        self._begin = clock()
        self._last = 0.0
        self._file = open(pathlib.Path(folder) / NAME, "x", encoding="utf-8")
        self._lock = threading.RLock()  # a listener may write, too
        self._listeners = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def now(self):
        """Seconds since the soak began."""
        return self.at(self._clock())

    def at(self, monotonic):
        """The same of a moment by time.monotonic(), which is one clock for all processes of a host."""
        return monotonic - self._begin

    def listen(self, function):
        """Has function(record) called for each record from now on."""
        with self._lock:
            self._listeners.append(function)

    def write(self, src, **fields):
        """Appends a record and returns it. Its time is now; those of the file never go backwards."""
        if src not in SOURCES:
            raise ValueError(src)
        with self._lock:
            if self._file.closed:  # a reader of some program that ended last
                return None
            self._last = max(self._last, round(self.now(), 4))
            record = {"t": self._last, "src": src, **fields}
            self._file.write(json.dumps(record, separators=(",", ":")) + "\n")
            self._file.flush()
            for function in self._listeners:
                function(record)
            return record

    def wait(self):
        """Returns when nobody writes: as late as a record could be written now."""
        with self._lock:
            pass

    def close(self):
        with self._lock:
            self._file.close()


def read(folder):
    """Every record of a run's folder. The last line of a run that was killed may be torn: it is left out."""
    with open(pathlib.Path(folder) / NAME, encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            yield json.loads(line)

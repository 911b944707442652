# SPDX-License-Identifier: BSD-3-Clause
"""Short connections, one after the other at a rate, by the real curl. The guest sends the same bytes each time, and each of them is
compared with those of the first answer."""

import contextlib
import fcntl
import time

from .base import Source

PER_SECOND = 100
BYTES = 4000
SECONDS = 10  # that one may take
PIPE = 1 << 20  # bytes of answers that wait for who compares them: 2 s


class Connections(Source):
    """One curl, which opens a connection for each answer."""

    way = "tx"

    def __init__(self, *words):
        super().__init__(*words)
        self._served = self._failed = self._bytes = self._corrupt = 0
        self._answer = None  # the first whole one
        self._slowest = 0.0, 0.0  # how long it took, when it began

    def start(self):
        host, port = self.address("http")
        self._last = None
        self._begin(
            ["curl", "-s", "--rate", f"{PER_SECOND}/s", "--max-time", SECONDS, "-H", "Connection: close",
             "--no-buffer", "-o", "-", "-w", "%{stderr}%{http_code} %{size_download} %{time_total}\n",
             f"http://{host}:{port}/data?bytes={BYTES}#[1-99999999]"], "stderr", "stdout",
        )  # fmt: skip
        with contextlib.suppress(OSError):  # not every user may have so much: then it waits for who compares a little earlier
            fcntl.fcntl(self.process.stdout, fcntl.F_SETPIPE_SZ, PIPE)

    def take(self, line):
        status, size, took = line.split()
        answer = self._read_answer(int(size))
        if status == "200" and int(size) == BYTES:
            self._served += 1
            self._bytes += int(size)
            self._answer = self._answer or answer
            self._corrupt += answer != self._answer
        else:
            self._failed += 1
        self._last = time.monotonic()
        self._slowest = max(self._slowest, (float(took), self._last - float(took)))

    def _read_answer(self, size):
        """What curl has written before it said so."""
        return self.process.stdout.buffer.read(size)

    def tick(self, now):
        over = self.ended()
        with self._lock:
            self._failed += over and self.stopping is None
            due = (self._last or self._begun) + 1 / PER_SECOND
            gap, since = (0.0, now) if self.stopping else max(self._slowest, (now - due, due))
            self.record(
                seconds=1.0, bytes=self._bytes, packets=self._served, failed=self._failed, corrupt=self._corrupt, gap_ms=round(gap * 1000, 1),
                gap_at=round(self.rig.log.at(since), 4), answering=not over and self.stopping is None,
            )  # fmt: skip
            self._served = self._failed = self._bytes = self._corrupt = 0
            self._slowest = 0.0, 0.0
        if over and self.stopping is None:
            self.start()

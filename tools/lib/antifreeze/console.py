# SPDX-License-Identifier: BSD-3-Clause
"""The guest's serial console: a thread that reads it, keeps the records, and wakes who waits.

Lines beginning with `{` are records, one JSON object a line; everything else is for people. The text
goes to a log file as it comes, so it is complete whatever happens to this process.

Nothing here sleeps: wait() returns the moment the record is there, the console ends, or the
deadline passes.
"""

import json
import re
import threading
import time

from . import Error, reader

# Firmware moves its cursor and sets colours, also in front of the first record.
_TERMINAL_CODES = re.compile(rb"\x1b\[[0-9;=?]*[A-Za-z]")

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\uffff]")


class Console:
    """Reads `sock` until its end. `records` and `lines` only ever grow. If held, only from release() on: a
    reader that is late."""

    def __init__(self, sock, log_path, held=False):
        self.records = []
        self.lines = []
        self.malformed = []
        self.closed = False
        self._sock = sock
        self._log = open(log_path, "wb", buffering=0)
        self._changed = threading.Condition()
        self._released = threading.Event()
        if not held:
            self._released.set()
        self._thread = threading.Thread(target=self._read, name="console", daemon=True)
        self._thread.start()

    def wait(self, event, timeout, match=None, after=0):
        """The first record of this event (of any, if None) at or behind index `after` that match(record)
        accepts; None if the console ended or `timeout` seconds passed first."""
        deadline = time.monotonic() + timeout
        at = after
        with self._changed:
            while True:
                while at < len(self.records):
                    record = self.records[at]
                    at += 1
                    if event in (None, record.get("event")) and (match is None or match(record)):
                        return record
                left = deadline - time.monotonic()
                if self.closed or left <= 0:
                    return None
                self._changed.wait(left)

    def wait_closed(self, timeout):
        """True once the other side has closed the console."""
        with self._changed:
            return self._changed.wait_for(lambda: self.closed, timeout)

    def tail(self, n=12):
        """The last n lines, for error messages; what cannot be printed is shown as an escape."""
        with self._changed:
            last = [line[:400] for line in self.lines[-n:]]
        return "\n".join("    | " + _UNPRINTABLE.sub(lambda c: ascii(c[0])[1:-1], line) for line in last)

    def release(self):
        """Lets a held console be read."""
        self._released.set()

    def close(self):
        """Ends the thread; the other side has gone or is of no interest any more."""
        self._released.set()
        reader.end(self._sock, self._thread)

    def _read(self):
        self._released.wait()
        pending = b""
        for chunk in reader.chunks(self._sock):
            self._log.write(chunk)
            *whole, pending = (pending + chunk).split(b"\n")
            if whole:
                self._take(whole)
        if pending:
            self._take([pending], partial=True)
        self._log.close()
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _take(self, raw_lines, partial=False):
        with self._changed:
            for raw in raw_lines:
                line = _TERMINAL_CODES.sub(b"", raw).decode("utf-8", "replace").strip("\r\0")
                self.lines.append(line)
                if not line.startswith("{"):
                    continue
                try:
                    record = json.loads(line)
                    if not isinstance(record.get("event"), str):
                        raise ValueError("no event")
                except ValueError:
                    if not partial:  # a killed guest may leave half a line; a live one never does
                        self.malformed.append(line)
                    continue
                self.records.append(record)
            self._changed.notify_all()


class GuestError(Error):
    """The guest did not do what was waited for; the message ends in its last log lines."""

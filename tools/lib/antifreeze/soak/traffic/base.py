# SPDX-License-Identifier: BSD-3-Clause
"""What every source is: a program at the other end of a path, which is started, read and ended."""

import contextlib
import os
import select
import subprocess
import threading
import time

from ... import Error

ENDING_SECONDS = 5  # that a program may take to end


class Source:
    """One program, or more of the same, for one path. tick() is called each second until ended()."""

    proto, way = "tcp", "both"

    def __init__(self, rig, kind, path):
        self.name, self.kind, self.path = f"{kind}@{path}", kind, path
        self.rig = rig
        self.process, self.stopping = None, None
        self._lock = threading.Lock()
        self._stream, self._reader = None, None
        self._begun = time.monotonic()

    def start(self):
        self._begin(self.command())

    def _begin(self, words, stream="stdout", *more):
        """Starts the program; take(line) is called for each of its lines there. Of `more` streams it reads what it wants."""
        self._begun = time.monotonic()
        self.process = _spawn(words, stream, *more)
        self._follow(getattr(self.process, stream))

    def _follow(self, stream):
        self._stream = stream
        self._reader = threading.Thread(target=self._read, args=(self.process, stream), daemon=True)
        self._reader.start()

    def _read(self, process, stream):
        """Reads and takes lines under one lock: for whoever has it a line is either taken or unread()."""
        chunk, begun = None, b""
        with contextlib.suppress(ValueError, OSError):  # closed meanwhile
            while chunk != b"":
                select.select([stream], [], [])
                with self._lock:
                    chunk = os.read(stream.fileno(), 65536)
                    *lines, begun = (begun + chunk).split(b"\n")
                    for line in lines:
                        self.take(line.decode(errors="replace") + "\n")
        process.wait()

    def unread(self):
        """True if it has said something that was not taken, as the thread that does so had no CPU. With the lock held."""
        with contextlib.suppress(ValueError, OSError):  # closed
            return self._reader is not None and self._reader.is_alive() and bool(select.select([self._stream], [], [], 0)[0])
        return False

    def address(self, service):
        return self.rig.paths[self.path].address(service)

    def record(self, **fields):
        self.rig.log.write("traffic", name=self.name, path=self.path, proto=self.proto, dir=self.way, **fields)

    def tasks(self):
        """Folders in /proc of the threads that do its work, and of that which reads what it says."""
        return [f"/proc/{self.process.pid}", f"/proc/self/task/{self._reader.native_id}"]

    def stop(self):
        """Asks it to end, without waiting."""
        if self.stopping is None:
            self.stopping = time.monotonic()
            self.process.terminate()

    def ended(self):
        """True when it has, and all that it said is taken; one that was asked and does not is killed."""
        if self.process.poll() is None:
            if self.stopping and time.monotonic() - self.stopping > ENDING_SECONDS:
                self.process.kill()
            return False
        if self._reader:
            self._reader.join()
        return True

    def close(self):
        self.process.kill()
        self.process.wait()


def _spawn(words, *streams):
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | dict.fromkeys(streams, subprocess.PIPE)
    try:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, words)],
            stdin=subprocess.DEVNULL, text=True, errors="replace", process_group=0, **pipes,
        )  # fmt: skip
    except OSError as error:
        raise Error(f"{words[0]} cannot be run ({error}): run `make deps`") from None

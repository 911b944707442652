# SPDX-License-Identifier: BSD-3-Clause
"""Faults of the machine that the guest runs on: its host, by QEMU's monitor, and its back-end."""

import contextlib
import select
import subprocess
import threading
import time

from ... import Error, net
from .base import Fault, fault


@fault("link")
class Link(Fault):
    def start(self):
        self.qmp("set_link", name=self.path.device, up=False)

    def stop(self):
        self.qmp("set_link", name=self.path.device, up=True)

    def clean(self):
        with contextlib.suppress(Error):  # QEMU may have gone
            self.stop()
        super().clean()


class Paused(Fault):
    """The machine stands still at some time."""

    def clean(self):
        with contextlib.suppress(Error):
            if self.qmp("query-status")["status"] != "running":
                self.qmp("cont")
        super().clean()


@fault("stop")
class Stop(Paused):
    def start(self):
        self.qmp("stop")

    def stop(self):
        self.qmp("cont")


@fault("snapshot")
class Snapshot(Paused):
    """Saved and loaded while it stands still: what the peers were promised in between would be forgotten."""

    TAG = "soak"

    def start(self):
        self.qmp("stop")
        self._human(f"savevm {self.TAG}")

    def stop(self):
        self._human(f"loadvm {self.TAG}")
        self.qmp("cont")
        self._human(f"delvm {self.TAG}")

    def _human(self, line):
        said = self.qmp("human-monitor-command", command_line=line)
        if said.strip():
            raise Error(f"{line}: {said.strip()}")


def _read_on(pipe):
    with contextlib.suppress(OSError, ValueError):  # it was closed
        while pipe.read(65536):
            pass


DOWNLOAD_SECONDS = 10  # that the beginning of a download may take


@fault("blocked")
class Blocked(Fault):
    """A download fills what is between, then the back-end takes nothing more."""

    def start(self):
        host, port = self.path.address(net.PORTS["http"])
        url = f"http://{host}:{port}/data?bytes=1000000000000"
        curl = self.run("curl", "-sN", url, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
        end = time.monotonic() + DOWNLOAD_SECONDS
        for _ in range(100):
            there = select.select([curl.stdout], [], [], max(end - time.monotonic(), 0))[0]
            if not there or not curl.stdout.read(65536):
                raise Error("blocked: nothing could be downloaded before")
        threading.Thread(target=_read_on, args=[curl.stdout], daemon=True).start()
        self.path.net.pause()

    def stop(self):
        self.path.net.go_on()

    def clean(self):
        with contextlib.suppress(OSError):
            self.path.net.go_on()
        super().clean()

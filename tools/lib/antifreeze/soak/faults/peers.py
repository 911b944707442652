# SPDX-License-Identifier: BSD-3-Clause
"""Faults that the guest's clients make: real connections, from processes of their own."""

import signal
import subprocess

from ... import Error, net
from .base import Fault, fault


@fault("peer_killed")
class PeerKilled(Fault):
    """Data is queued at both ends; the process goes in the middle of it, and its kernel resets what it had."""

    def start(self):
        self._child = self.client("deaf", count=self.params.get("count", 1))

    def stop(self):
        self._child.kill()
        self._child.wait()


@fault("slow_readers")
class SlowReaders(Fault):
    """On every service that sends; and iperf3, which does not read at all until it goes on."""

    STREAMS = 16

    def start(self):
        self.client("slow")
        host, port = self.path.address(net.PORTS["iperf3"])
        mark = self.guest.mark()
        words = ["iperf3", "-c", host, "-p", port, "-R", "-P", self.STREAMS, "-t", 0, "-w", "16K"]
        self._iperf = self.run(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.guest.console.wait("interval", 3, after=mark)  # or it is busy: it is stopped in any case
        self._iperf.send_signal(signal.SIGSTOP)

    def stop(self):
        self.clean()


@fault("half_open")
class HalfOpen(Fault):
    """They hold as many places as they get; who has something to say is let in all the same."""

    def start(self):
        self.client("half")

    def stop(self):
        self.clean()

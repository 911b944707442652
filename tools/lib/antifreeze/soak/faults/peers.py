# SPDX-License-Identifier: BSD-3-Clause
"""Faults that the guest's clients make: real connections, from processes of their own."""

import signal
import subprocess

from ... import Error, net
from .base import Fault, fault


class Clients(Fault):
    """They go on until they are killed."""

    def stop(self):
        ended = self._clients.poll() is not None
        self.clean()
        if ended:
            raise Error(f"{self.name}: its clients have ended before")


@fault("peer_killed")
class PeerKilled(Clients):
    """Data is queued at both ends; the process goes in the middle of it, and its kernel resets what it had."""

    def start(self):
        self._clients = self.client("deaf", count=self.params.get("count", 1))


@fault("slow_readers")
class SlowReaders(Clients):
    """On every service that sends; and iperf3, which does not read at all until it goes on."""

    STREAMS = 16

    def start(self):
        self._clients = self.client("slow")
        host, port = self.path.address(net.PORTS["iperf3"])
        mark = self.guest.mark()
        words = ["iperf3", "-c", host, "-p", port, "-R", "-P", self.STREAMS, "-t", 0, "-w", "16K"]
        self._iperf = self.run(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.guest.console.wait("interval", 3, after=mark)  # or it is busy: it is stopped in any case
        self._iperf.send_signal(signal.SIGSTOP)


@fault("half_open")
class HalfOpen(Clients):
    """They hold as many places as they get; who has something to say is let in all the same."""

    def start(self):
        self._clients = self.client("half")

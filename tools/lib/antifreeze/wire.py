# SPDX-License-Identifier: BSD-3-Clause
"""A tap interface whose back-end can be blocked.

A tap takes whatever the guest sends, and so does the user network: neither ever makes QEMU wait. Here QEMU has a
socket instead, and a process carries frames between that and the tap. While it is stopped the socket fills up,
and the guest's transmit ring behind it.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys

from . import net, qemu

_CARRIER = pathlib.Path(__file__).with_name("carrier.py")

# Bytes from the guest, with what the kernel adds, that are on the way before QEMU waits: a few frames.
_FROM_GUEST = 1 << 14


class Wire(net.Tap):
    """To the host's programs a tap like another; one guest at a time."""

    kind = "wire"

    def __init__(self):
        super().__init__()
        self._carrier = None
        self._ours = None

    def nic(self, **options):
        self._end()
        theirs, self._ours = socket.socketpair()
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _FROM_GUEST)
        with theirs:
            self._carrier = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", sys.executable, _CARRIER, self.name, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
            )  # fmt: skip
        return qemu.Nic.socket(self._ours, self.mac, **options)

    @property
    def pid(self):
        """Of the process that carries frames."""
        return self._carrier.pid

    def pause(self):
        """Nobody reads what QEMU sends, or sends to it, until go_on()."""
        os.kill(self._carrier.pid, signal.SIGSTOP)

    def go_on(self):
        if self._carrier:
            os.kill(self._carrier.pid, signal.SIGCONT)

    def _end(self):
        if self._carrier:
            self._carrier.kill()
            self._carrier.wait()
            self._ours.close()
        self._carrier = self._ours = None

    def close(self):
        self._end()
        super().close()

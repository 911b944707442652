# SPDX-License-Identifier: BSD-3-Clause
"""Writes to a running guest's memory from outside, as a device that breaks the rules would.

    with Scribble(guest) as memory:
        memory.write(queue(guest, 0)["vring-used"] + 2, b"\\xff\\xff")

The hands are QEMU's gdb stub, started through QMP; the guest stands still between enter and exit. Where its
rings are QEMU says itself, so nothing of the guest's build is assumed.
"""

import pathlib
import re
import shutil
import socket
import tempfile

TIMEOUT = 60


def queue(guest, index):
    """QEMU's view of a queue of the guest's only virtio device: addresses, indices, size."""
    [device] = guest.qmp.command("x-query-virtio")
    return guest.qmp.command("x-query-virtio-queue-status", path=device["path"], queue=index)


class Scribble:
    """The guest's memory by physical address."""

    def __init__(self, guest):
        self._guest = guest
        self._folder = pathlib.Path(tempfile.mkdtemp())  # a socket's path has to be short
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(TIMEOUT)
        self._got = b""

    def __enter__(self):
        path = self._folder / "gdb"
        self._monitor(f"gdbserver unix:{path},server=on,wait=off")
        self._sock.connect(str(path))  # which stops the guest
        self._expect("qqemu.PhyMemMode", "0")
        self._expect("Qqemu.PhyMemMode:1", "OK")
        return self

    def __exit__(self, *_):
        try:
            self._expect("D", "OK")  # lets go of the guest, which runs on
            self._monitor("gdbserver none")
        finally:
            self._sock.close()
            shutil.rmtree(self._folder)

    def write(self, address, data):
        self._expect(f"M{address:x},{len(data):x}:{data.hex()}", "OK")

    def _monitor(self, line):
        self._guest.qmp.command("human-monitor-command", command_line=line)

    def _expect(self, packet, answer):
        said = self._ask(packet)
        assert said == answer, f"gdb stub: {packet}: {said}"

    def _ask(self, packet):
        """One packet and its answer: $text#sum, acknowledged by + both ways."""
        self._sock.sendall(b"$%s#%02x" % (packet.encode(), sum(packet.encode()) % 256))
        answer = self._packet()
        while answer.startswith("T"):  # the guest has stopped: said when it likes
            answer = self._packet()
        return answer

    def _packet(self):
        while not (found := re.match(rb"[^$]*\$([^#]*)#..", self._got, re.DOTALL)):
            chunk = self._sock.recv(4096)
            assert chunk, "gdb stub: closed"
            self._got += chunk
        self._got = self._got[found.end() :]
        self._sock.sendall(b"+")
        return found.group(1).decode()

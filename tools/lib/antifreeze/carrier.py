# SPDX-License-Identifier: BSD-3-Clause
"""Carries frames between a tap interface and a stream socket of QEMU's: python3 carrier.py TAP FD

On the socket each frame stands behind its length in four bytes, big-endian. Ends when the socket does. wire.py
starts it, and stops it to make a back-end that nobody reads.
"""

import fcntl
import os
import select
import socket
import struct
import sys

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_BATCH = 64  # frames from one side before the other has its turn


def _open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def _from_tap(tap, sock):
    """What the host sends, all of it in one piece."""
    out = bytearray()
    try:
        for _ in range(_BATCH):
            frame = os.read(tap, 65536)
            out += struct.pack("!I", len(frame)) + frame
    except OSError:
        pass  # no more of them, or the interface is down
    sock.sendall(out)


def _to_tap(pending, tap):
    """What the guest sends; returns the beginning of the next frame."""
    at = 0
    while len(pending) - at >= 4:
        length = int.from_bytes(pending[at : at + 4], "big")
        if len(pending) - at - 4 < length:
            break
        try:
            os.write(tap, pending[at + 4 : at + 4 + length])
        except OSError:
            pass  # nothing that an Ethernet carries, or the interface is down
        at += 4 + length
    return pending[at:]


def carry(name, sock):
    tap = _open_tap(name)
    pending = b""
    while True:
        ready, _, _ = select.select([tap, sock], [], [])
        if tap in ready:
            _from_tap(tap, sock)
        if sock in ready:
            chunk = sock.recv(1 << 18)
            if not chunk:
                return
            pending = _to_tap(pending + chunk, tap)


if __name__ == "__main__":
    try:
        carry(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
    except (ConnectionError, KeyboardInterrupt):
        pass  # QEMU, or the run, has ended

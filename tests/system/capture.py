# SPDX-License-Identifier: BSD-3-Clause
"""Everything that an interface passes on while a `with Capture(…)` lasts: frames, with times and VLAN tags.

By a ring in memory that the kernel fills and that is read afterwards: nothing is lost because somebody did not run, and
nothing is missing at the end. The layout is that of TPACKET_V2, linux/if_packet.h.
"""

import mmap
import pathlib
import re
import socket
import struct

_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _TPACKET_V2 = 5, 6, 10, 1
_BLOCK, _SLOT = 1 << 20, 2048
_SOL_PACKET = 263
_ALL = 0x0003
_VLAN_VALID = 0x10


class Capture:
    """.frames is there afterwards: (ns, bytes) of each."""

    def __init__(self, interface, most=32768):
        self._most = most
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        ring = struct.pack("IIII", _BLOCK, most * _SLOT // _BLOCK, _SLOT, most)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)
        self._memory = mmap.mmap(self._sock.fileno(), most * _SLOT)
        self._interface = interface

    def __enter__(self):
        self._sock.bind((self._interface, _ALL))
        return self

    def __exit__(self, *_):
        _, dropped = struct.unpack("II", self._sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self.frames = list(self._read())
        self._memory.close()
        self._sock.close()
        assert dropped == 0, f"{dropped} frames had no room"

    def _read(self):
        for at in range(0, self._most * _SLOT, _SLOT):
            status, length, kept, mac, _, seconds, ns, tci, tpid = struct.unpack_from("IIIHHIIHH", self._memory, at)
            if not status & 1:
                return
            assert length == kept
            frame = self._memory[at + mac : at + mac + length]
            if status & _VLAN_VALID:  # the kernel has taken it out
                frame = frame[:12] + struct.pack(">HH", tpid, tci) + frame[12:]
            yield seconds * 10**9 + ns, frame


def from_tap(tap):
    """(frames, bytes) that the kernel has counted from the guest."""
    line = re.search(rf"^ *{tap.name}: *(\d+) +(\d+)", pathlib.Path("/proc/net/dev").read_text(), re.M)
    return int(line[2]), int(line[1])

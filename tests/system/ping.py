# SPDX-License-Identifier: BSD-3-Clause
"""Pings through the host's own stack, many sizes at once: one raw ICMP socket, a window of requests.

Needs the right to open raw sockets, which the private world gives.
"""

import select
import socket
import struct
import time

from antifreeze import frames

_IDENT = 0x5053


def payload_of(size):
    """Different for each size, and within: a shifted or torn reply shows."""
    return bytes((size * 7 + k * 3 + (k >> 8)) & 0xFF for k in range(size))


def ping_sizes(host, sizes, timeout=30, window=16):
    """Sends one echo request for each payload size. Returns {size: what was wrong}; empty = all answered,
    each with its payload. `timeout` is for the whole lot since the last answer."""
    six = ":" in host
    family, proto = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    request, reply = (128, 129) if six else (8, 0)
    waiting = list(sizes)
    missing = {}  # sequence number: size
    wrong = {}
    with socket.socket(family, socket.SOCK_RAW, proto) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.connect((host, 0))
        seq = 0
        last = time.monotonic()
        while waiting or missing:
            while waiting and len(missing) < window:
                size = waiting.pop(0)
                seq += 1
                message = frames.icmp(request, 0, frames.echo(_IDENT, seq, payload_of(size)))
                missing[seq] = size
                sock.send(message)  # the kernel fills in the checksum of ICMPv6
            left = last + timeout - time.monotonic()
            if left <= 0 or not select.select([sock], [], [], left)[0]:
                break
            data = sock.recv(65536)
            data = data if six else data[(data[0] & 15) * 4 :]
            if data[0] != reply or struct.unpack("!H", data[4:6])[0] != _IDENT:
                continue
            size = missing.pop(struct.unpack("!H", data[6:8])[0], None)
            if size is None:
                continue
            last = time.monotonic()
            if data[8:] != payload_of(size):
                wrong[size] = f"{len(data) - 8} bytes came back, not the ones sent"
    wrong.update((size, "no answer") for size in missing.values())
    wrong.update((size, "not sent") for size in waiting)
    return wrong

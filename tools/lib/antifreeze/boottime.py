# SPDX-License-Identifier: BSD-3-Clause
"""How long from QEMU's start to the first ping reply, as a host on the guest's network sees it."""

import select
import socket
import struct
import time

from . import Error

_EVERY = 0.002  # seconds between requests: the measurement is that much too long at most


def measure(guest_class, tap, timeout=60, **arguments):
    """Starts guest_class(tap, **arguments) and pings its fixed address from the first moment. Returns
    (the running guest, seconds)."""
    tap.know_guest()
    request = _echo_request()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.connect((tap.guest4, 0))
        guest = guest_class(tap, **arguments)
        while time.monotonic() < guest.started + timeout and guest.alive():
            try:
                sock.send(request)
            except OSError:
                pass  # the interface has no other end yet
            while select.select([sock], [], [], _EVERY)[0]:
                data = sock.recv(2048)
                took = time.monotonic() - guest.started
                if data[(data[0] & 15) * 4] == 0:  # an echo reply
                    return guest, took
    failure = guest.error(f"no ping reply within {timeout} s")
    guest.close()
    raise failure


def _echo_request():
    head = struct.pack("!HHH", 0x0800, 0x4146, 1)
    total = sum(struct.unpack("!HHH", head))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!HHHH", 0x0800, ~total & 0xFFFF, 0x4146, 1)


def summary(seconds):
    """{"n", "min", "median", "max"} in milliseconds."""
    if not seconds:
        raise Error("nothing was measured")
    values = sorted(1000 * s for s in seconds)
    middle = len(values) // 2
    median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    return {
        "n": len(values), "min_ms": round(values[0], 1), "median_ms": round(median, 1),
        "max_ms": round(values[-1], 1),
    }  # fmt: skip

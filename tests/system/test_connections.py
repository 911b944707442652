# SPDX-License-Identifier: BSD-3-Clause
"""A thousand connections to each service, opened and closed in every way: every pool is back at its idle
level, and the guest still has all its places."""

import socket
import struct

import pytest

from pools import settled, used

COUNT = 1000
AT_ONCE = 8  # within every service's limit

# QEMU's user network queues one connection and lets the next client wait a second.
USER_NET_COUNT, USER_NET_AT_ONCE = 40, 1

HTTP_GET = b"GET /data?bytes=1000 HTTP/1.1\r\nHost: guest\r\n\r\n"

# What a client says first, and the least that it gets.
SERVICES = {
    "http": (HTTP_GET, 1000),
    "echo": (b"hello", 5),
    "discard": (b"hello", 0),
    "chargen": (b"", 74),
    "iperf3": (b"", 0),
}


def read(sock, n):
    got = 0
    while got < n:
        piece = sock.recv(65536)
        assert piece, f"closed after {got} bytes"
        got += len(piece)


def close(sock):
    """In order: FIN, then everything until the guest's FIN."""
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65536):
        pass
    sock.close()


def leave(sock):
    """Without a look at what is still coming."""
    sock.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.limit(300)
@pytest.mark.parametrize("end", [close, leave, reset])
@pytest.mark.parametrize("service", SERVICES)
def test_thousand_connections_leave_nothing_behind(guest, service, end):
    request, answer = SERVICES[service]
    count, at_once = (COUNT, AT_ONCE) if guest.net.kind == "tap" else (USER_NET_COUNT, USER_NET_AT_ONCE)
    before = guest.stats()
    for _ in range(count // at_once):
        socks = [socket.create_connection(guest.address(service), 30) for _ in range(at_once)]
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            read(sock, answer)
        for sock in socks:
            end(sock)
    over = settled(guest, used(before))
    assert not over, f"not given back (idle, now): {over}"
    after = guest.stats()
    assert after["alloc_failures"] == 0
    if service == "iperf3":
        return
    assert after["services"][service]["accepted"] - before["services"][service]["accepted"] >= count
    assert after["services"][service]["open"] == before["services"][service]["open"]

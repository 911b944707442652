# SPDX-License-Identifier: BSD-3-Clause
"""STAMP as a Session-Sender on this host sees it, its packets made from RFC 8762."""

import socket
import struct

import pytest

PORT = 862
REQUEST, ANSWER = struct.Struct(">IIIHH28x"), struct.Struct(">IIIHHIIIIIHxxB3x")
assert REQUEST.size == ANSWER.size == 44


def exchange(sock, seq, padding=b""):
    request = REQUEST.pack(seq, (1000 + seq) & 0xFFFFFFFF, 7, 0x8001, 0) + padding
    sock.send(request)
    answer = sock.recv(2000)
    assert len(answer) == len(request) and answer[ANSWER.size :] == padding
    return ANSWER.unpack(answer[: ANSWER.size])


@pytest.mark.parametrize("mode", ["stateless", "stateful"])
def test_requests_are_answered_with_times_and_numbers(boot, mode):
    guest = boot(f"stamp={mode}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 123)
        sock.connect((guest.net.guest4, PORT))
        last = 0
        for k, seq in enumerate((5, 9, 2**32 - 1)):
            back = exchange(sock, seq, b"padding" * k)
            number, s, fraction, error, ssid, came_s, came_fraction, *copied = back
            assert number == (seq if mode == "stateless" else k)
            sent, came = s << 32 | fraction, came_s << 32 | came_fraction
            assert last < came <= sent < came + 2**32
            assert error >> 14 == 0 and error & 0xFF != 0 and ssid == 0
            assert copied == [seq, (1000 + seq) & 0xFFFFFFFF, 7, 0x8001, 123]
            last = sent
    assert guest.stats()["services"]["stamp"]["reflected"] == 3

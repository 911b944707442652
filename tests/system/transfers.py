# SPDX-License-Identifier: BSD-3-Clause
"""Bytes there and back over real sockets, and each of them looked at."""

import functools
import socket
import struct
import threading
import time

PATTERN = 65536  # the guest's constant payload repeats after so many bytes

_WORD = (1 << 64) - 1


@functools.lru_cache(maxsize=None)
def pattern(seed):
    """What a guest with that seed= sends as GET /data: SplitMix64, little-endian (apps/pattern.c)."""
    words = []
    for _ in range(PATTERN // 8):
        seed = (seed + 0x9E3779B97F4A7C15) & _WORD
        z = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _WORD
        words.append(z ^ (z >> 31))
    return struct.pack(f"<{len(words)}Q", *words)


def connect(address, mss=0, buffer=0, seconds=60):
    """A TCP connection; with that MSS of ours, and that receive buffer, asked for before the first packet."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if mss:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(seconds)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def check_pattern(data, at, seed):
    """These bytes of the body, from that place on."""
    begin = at % PATTERN
    whole = pattern(seed) * (2 + len(data) // PATTERN)
    assert data == whole[begin : begin + len(data)], f"wrong bytes at {at} or a little behind"


class Body:
    """GET /data?bytes=N, read piece by piece; each byte is compared."""

    def __init__(self, address, size, seed, **options):
        self.size, self.seed, self.got = size, seed, 0
        self.longest = 0.0  # wait for a piece, in seconds
        self.sock = connect(address, **options)
        self.sock.sendall(b"GET /data?bytes=%d HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n" % size)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._receive(1)
        assert head.startswith(b"HTTP/1.1 200 "), head

    def _receive(self, most):
        start = time.monotonic()
        data = self.sock.recv(most)
        self.longest = max(self.longest, time.monotonic() - start)
        assert data, f"the connection ended after {self.got} bytes"
        return data

    def take(self, count=None, at_once=1 << 18):
        """So many bytes, or all that are left."""
        end = self.size if count is None else self.got + count
        while self.got < end:
            data = self._receive(min(at_once, end - self.got))
            check_pattern(data, self.got, self.seed)
            self.got += len(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def fetch(address, size, seed, **options):
    """All of GET /data, compared; returns the longest wait for a piece of it."""
    with Body(address, size, seed, **options) as body:
        body.take()
        assert body.sock.recv(1) == b"", "more came than was asked for"
        return body.longest


def echo(address, data, **options):
    """What comes back from the echo service."""
    with connect(address, **options) as sock:
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        got = bytearray()
        while piece := sock.recv(1 << 16):
            got += piece
        sender.join()
    return bytes(got)

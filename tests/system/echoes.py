# SPDX-License-Identifier: BSD-3-Clause
"""Traffic that counts itself: small datagrams and short connections to the echo service.

Each datagram bears its number and so many are on their way at once that no ring or queue between here and the guest
overflows: then every one must come back, in order, and both ends have counted the same.
"""

import contextlib
import pathlib
import select
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

# A frame of the least size: 18 bytes of UDP payload.
PAYLOAD = 18

WINDOW = 64


def answer_time(address, seconds=10):
    """From sending one datagram to its answer; None if that does not come."""
    with _socket(address) as sock:
        sock.settimeout(seconds)
        start = time.monotonic()
        try:
            sock.send(bytes(PAYLOAD))
            sock.recv(2048)
        except (TimeoutError, ConnectionError):
            return None
        return time.monotonic() - start


def _socket(address):
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(address)
    return sock


def starved(pids):
    """Seconds that the threads of these processes were ready to run and this host did not run them."""
    waited = 0
    for pid in pids:
        for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has just ended
                waited += int(thread.read_text().split()[1])
    return waited / 1e9


def exchange(address, count, window=WINDOW, seconds=60, pids=()):
    """`count` datagrams there and back; returns the longest wait for a batch of them, in seconds, without the time
    in which we or these processes had no processor.

    Fails when nothing comes back for `seconds`."""
    batch = max(1, window // 2)
    sent = got = 0
    longest = 0.0
    numbered = bytearray(PAYLOAD)
    with _socket(address) as sock:
        sock.settimeout(seconds)
        while got < count:
            while sent < min(count, got + window):
                struct.pack_into("!Q", numbered, 0, sent)
                sock.send(numbered)
                sent += 1
            start = time.monotonic() - starved(pids)
            for _ in range(min(batch, sent - got)):
                try:
                    answer = sock.recv(2048)
                except TimeoutError:
                    raise AssertionError(f"{got} of {sent} came back, then nothing for {seconds} s") from None
                assert len(answer) == PAYLOAD, f"number {got}: {len(answer)} bytes"
                number = struct.unpack_from("!Q", answer)[0]
                assert number == got, f"number {number} instead of {got}"
                got += 1
            longest = max(longest, time.monotonic() - starved(pids) - start)
        assert not select.select([sock], [], [], 0)[0], "more came back than was sent"
    return longest


def connections(address, count, parallel=16, seconds=60):
    """So many connections, opened, used and closed, a few at a time; each must be served."""

    def one(number):
        text = b"connection %d\n" % number
        with socket.create_connection(address, seconds) as sock:
            sock.sendall(text)
            got = b""
            while len(got) < len(text):
                piece = sock.recv(len(text) - len(got))
                assert piece, f"{number}: closed after {len(got)} bytes"
                got += piece
            assert got == text

    with ThreadPoolExecutor(parallel) as pool:
        for _ in pool.map(one, range(count)):
            pass

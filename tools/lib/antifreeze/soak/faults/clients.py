# SPDX-License-Identifier: BSD-3-Clause
"""Clients that behave badly: python3 clients.py WHAT HOST http=PORT echo=PORT … [SETTING=VALUE …]

    deaf    count connections in turn to HTTP and chargen that want everything and read nothing, and to
            HTTP and echo that send until nothing more is taken
    slow    as many as the services hold, of which a little is read now and then
    half    connections to iperf3 and HTTP that begin to say something

Prints one line, the number of connections, when they are there or patience is at an end, and goes on until it is
killed. Connections that the guest ends are made anew.
"""

import contextlib
import errno
import socket
import sys
import time

EVERYTHING = b"GET /data?bytes=1000000000000 HTTP/1.1\r\nHost: guest\r\n\r\n"
UPLOAD = b"PUT /data HTTP/1.1\r\nHost: guest\r\nContent-Length: 1000000000000\r\n\r\n"
COOKIE = b"a" * 36 + b"\0"
LITTLE = 4096  # bytes of receive buffer
PATIENCE = 1.5  # seconds; who is not let in until then may be later
PATIENCE_FIRST = 10  # the same for the first of them
AT_ONCE = 8  # who asks at one time: of more than 16 half-open ones a listener of the guest gives up the oldest, whoever that is


class Client:
    """One connection, again and again: it is asked for, says something, and then goes on as it does."""

    def __init__(self, address, say, go_on):
        self.address, self.say, self.go_on = address, say, go_on
        self._sock = None
        self._said = False

    @property
    def begun(self):
        return self._sock is not None

    @property
    def asks(self):
        """Has begun, and is not known to be let in."""
        return self.begun and not self._said

    def turn(self):
        """True if there is a connection."""
        if self._sock is None:
            self._begin()
            return False
        if self._said:
            open_ = self.go_on(self._sock)
        else:
            open_ = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and self._try_to_say()
        if not open_:
            self._sock.close()
            self._sock = None
        return open_ and self._said

    def _begin(self):
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        self._sock.setblocking(False)
        self._said = False
        with contextlib.suppress(OSError):  # it is on its way, or turn() finds out
            self._sock.connect(self.address)

    def _try_to_say(self):
        """False: it cannot be."""
        try:
            self._sock.getpeername()
            self._sock.send(self.say)
            self._said = True
        except OSError as error:
            return error.errno == errno.ENOTCONN
        return True


def fill(sock):
    """Sends until nothing more is taken."""
    with contextlib.suppress(OSError):
        while sock.send(bytes(65536)):
            pass


def read_a_little(sock):
    """False: it has ended."""
    try:
        return bool(sock.recv(400))
    except BlockingIOError:
        return True
    except OSError:
        return False


def is_open(sock):
    """What it says is left where it is."""
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def deaf(ports, count):
    """(port, first words, what is done with it again and again)"""
    ways = [
        (ports["http"], EVERYTHING, is_open), (ports["chargen"], b"", is_open),
        (ports["http"], UPLOAD, fill_on), (ports["echo"], b"", fill_on),
    ]  # fmt: skip
    return [ways[k % len(ways)] for k in range(count)]


def fill_on(sock):
    fill(sock)
    return is_open(sock)


def slow(ports, count):
    """All of chargen's places, and of HTTP's all but a few: somebody may want to ask how the guest is."""
    return [(ports["http"], EVERYTHING, read_a_little)] * 28 + [(ports["chargen"], b"", read_a_little)] * 32


def half(ports, count):
    ways = []
    for k in range(8):
        ways += [
            (ports["iperf3"], COOKIE[:20], is_open), (ports["iperf3"], b"", is_open), (ports["iperf3"], COOKIE, is_open),
            (ports["http"], b"GET /sta", is_open), (ports["http"], EVERYTHING[:-2], is_open), (ports["http"], b"", is_open),
            (ports["echo"], b"", is_open),
        ]  # fmt: skip
    return ways


def turn(clients, there):
    """Whether each of them is there, as far as it was not. Few begin at one time: many are another fault, a flood of SYNs."""
    asking = sum(client.asks for client in clients)
    now = []
    for client, known in zip(clients, there):
        if not known and (client.begun or asking < AT_ONCE):
            asking += not client.begun
            known = client.turn()
        now.append(known)
    return now


def main(what, host, *words):
    settings = {name: int(value) for name, _, value in (word.partition("=") for word in words)}
    ways = {"deaf": deaf, "slow": slow, "half": half}[what](settings, settings.get("count", 0))
    clients = [Client((host, port), say, go_on) for port, say, go_on in ways]
    begun = time.monotonic()
    there = turn(clients, [False] * len(clients))
    while not all(there) and time.monotonic() < begun + (PATIENCE if any(there) else PATIENCE_FIRST):
        time.sleep(0.01)
        there = turn(clients, there)
    print(sum(there), flush=True)
    while True:
        time.sleep(0.5)
        turn(clients, [False] * len(clients))


if __name__ == "__main__":
    main(*sys.argv[1:])

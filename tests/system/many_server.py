# SPDX-License-Identifier: BSD-3-Clause
"""A server for very many short connections: echo, or HTTP's GET /data?bytes=N and POST, in one process of its own.

    with serving(address, "echo") as server:
        …
        server.counts()   # connections accepted, bytes received, since it began

Behaviours that are none of a good server: "wrong" (an echo with one bit changed in each 20th answer), "reset" (each 20th
connection is reset when it has asked), "silent" (nothing is ever answered), "short" (the last byte is missing).
"""

import contextlib
import re
import select
import socket
import struct
import subprocess
import sys

EACH = 20  # connection that a bad server treats badly
_RESET = struct.pack("ii", 1, 0)
_GET = re.compile(rb"GET /data\?bytes=(\d+) ")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")


class _Server:
    def __init__(self, address, behaviour):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 80 if behaviour == "http" else 7))
        self.listener.listen(4096)
        self.listener.setblocking(False)
        self.behaviour, self.accepted, self.received = behaviour, 0, 0
        self.epoll = select.epoll()
        self.epoll.register(self.listener, select.EPOLLIN)
        self.epoll.register(sys.stdin, select.EPOLLIN)
        self.open = {}

    def accept(self):
        for _ in range(64):
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            self.accepted += 1
            self.open[sock.fileno()] = [sock, b"", self.accepted % EACH == 0]
            self.epoll.register(sock, select.EPOLLIN)

    def close(self, number):
        self.epoll.unregister(number)
        self.open.pop(number)[0].close()

    def http(self, entry, number):
        head, end, body = entry[1].partition(b"\r\n\r\n")
        if not end:
            return
        asked, length = _GET.match(head), _LENGTH.search(head)
        if length and len(body) < int(length[1]):
            return
        n = int(asked[1]) if asked else 0
        entry[0].send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % n + bytes(n))
        self.close(number)

    def echo(self, entry, data):
        chosen, behaviour = entry[2], self.behaviour
        if behaviour == "reset" and chosen:
            entry[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        if behaviour == "wrong" and chosen:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if behaviour == "short" and chosen:
            entry[0].send(data[:-1])
            return False
        if behaviour != "silent":
            entry[0].send(data)
        return True

    def serve(self, number):
        entry = self.open[number]
        try:
            data = entry[0].recv(65536)
            self.received += len(data)
            if not data:
                self.close(number)
            elif self.behaviour == "http":
                entry[1] += data
                self.http(entry, number)
            elif not self.echo(entry, data):
                self.close(number)
        except OSError:
            self.close(number)

    def run(self):
        print("listening", flush=True)
        while True:
            for number, _ in self.epoll.poll():
                if number == self.listener.fileno():
                    self.accept()
                elif number != sys.stdin.fileno():
                    self.serve(number)
                elif not sys.stdin.readline():
                    return
                else:
                    print(self.accepted, self.received, len(self.open), flush=True)


class Serving:
    def __init__(self, process):
        self.process = process

    def counts(self):
        """(connections accepted, bytes received, connections open)"""
        print(file=self.process.stdin, flush=True)
        return tuple(map(int, self.process.stdout.readline().split()))


@contextlib.contextmanager
def serving(address, behaviour):
    """It listens when this returns."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", sys.executable, __file__, address, behaviour],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "listening\n"
        yield Serving(process)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    _Server(*sys.argv[1:]).run()

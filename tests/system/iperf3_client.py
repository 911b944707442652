# SPDX-License-Identifier: BSD-3-Clause
"""An iperf3 client in pieces, for tests that stop in the middle, say something wrong, or say it twice.

    client = Client(guest)         connects and sends the cookie
    client.params(time=0)          reads 9, sends the block
    client.open_streams()          reads 10, opens them
    client.started()               reads 1 and 2
    client.end()                   4, 13, results both ways, 14, 16; our server's results
"""

import json
import random
import socket
import struct
import time

import pytest

TEST_START, TEST_RUNNING, TEST_END = 1, 2, 4
PARAM_EXCHANGE, CREATE_STREAMS, SERVER_TERMINATE, CLIENT_TERMINATE = 9, 10, 11, 12
EXCHANGE_RESULTS, DISPLAY_RESULTS, DONE = 13, 14, 16
ACCESS_DENIED, SERVER_ERROR = 0xFF, 0xFE

BAD_PARAMS, BAD_RESULTS, BAD_MESSAGE = 114, 117, 110

HELLO, REPLY = b"9876", b"6789"


class Refused(Exception):
    """The server said no; code is its iperf3 error, ACCESS_DENIED stands for itself."""

    def __init__(self, code):
        super().__init__(f"refused: {code}")
        self.code = code


def wait_idle(guest, seconds=15):
    """The server has given everything back, and the record of each test has arrived; its statistics."""
    end = time.monotonic() + seconds
    while True:
        mine = guest.stats()["services"]["iperf3"]
        busy = mine["sessions"] or mine["streams"] or mine["pending"]
        if not busy and len(guest.find("result")) == mine["done"] + mine["aborted"]:
            return mine
        assert time.monotonic() < end, f"not given back: {mine}"


def cookie():
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=36)).encode() + b"\0"


class Client:
    def __init__(self, guest, seconds=20, cookie_bytes=None):
        self.address = guest.address("iperf3")
        self.seconds = seconds
        self.cookie = cookie_bytes if cookie_bytes is not None else cookie()
        self.streams = []
        self.settings = {}
        self.control = self.connect()
        self.control.sendall(self.cookie)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self):
        sock = socket.create_connection(self.address, self.seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def close(self):
        for sock in (self.control, *self.streams):
            sock.close()

    def reset(self):
        """Closes everything the hard way: RST instead of FIN."""
        for sock in (self.control, *self.streams):
            if sock.type == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    # ---- control connection ----

    def read(self, n):
        data = b""
        while len(data) < n:
            piece = self.control.recv(n - len(data))
            if not piece:
                raise EOFError(f"closed after {data!r}")
            data += piece
        return data

    def expect(self, *states):
        """The next state byte, which has to be one of these."""
        state = self.read(1)[0]
        if state == SERVER_ERROR and state not in states:
            raise Refused(struct.unpack("!ii", self.read(8))[0])
        if state == ACCESS_DENIED and state not in states:
            raise Refused(ACCESS_DENIED)
        assert state in states, f"state {state} instead of {states}"
        return state

    def say(self, state):
        self.control.sendall(bytes([state]))

    def block(self, text):
        data = text if isinstance(text, bytes) else json.dumps(text).encode()
        self.control.sendall(struct.pack("!I", len(data)) + data)

    def closed(self):
        """True when the server has closed the connection; whatever it still says is thrown away."""
        try:
            while self.control.recv(4096):
                pass
        except ConnectionError:
            pass
        return True

    # ---- steps ----

    def params(self, text=None, **settings):
        self.settings = {"tcp": True, "time": 1, "parallel": 1, "len": 1400, "client_version": "3.12"} | settings
        if settings.get("udp"):
            del self.settings["tcp"]
        self.expect(PARAM_EXCHANGE)
        self.block(self.settings if text is None else text)

    @property
    def count(self):
        return self.settings["parallel"] * (2 if self.settings.get("bidirectional") else 1)

    def open_stream(self, hello=HELLO):
        if self.settings.get("udp"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.settimeout(self.seconds)
            sock.connect(self.address)
            sock.send(hello)
            answer = sock.recv(65536)
            assert answer == REPLY, answer
        else:
            sock = self.connect()
            sock.sendall(self.cookie)
        self.streams.append(sock)
        return sock

    def open_streams(self):
        self.expect(CREATE_STREAMS)
        for _ in range(self.count):
            self.open_stream()

    def started(self):
        self.expect(TEST_START)
        self.expect(TEST_RUNNING)

    def results(self, **changes):
        row = {"bytes": 0, "retransmits": -1, "jitter": 0, "errors": 0, "packets": 0, "start_time": 0, "end_time": 1}
        ids = [1, *range(3, self.count + 2)]
        return {
            "cpu_util_total": 1.5, "cpu_util_user": 1, "cpu_util_system": 0.5, "sender_has_retransmits": -1,
            "streams": [{"id": k} | row for k in ids],
        } | changes  # fmt: skip

    def exchange(self, text=None):
        """4, and results both ways up to 14; returns the server's."""
        self.say(TEST_END)
        self.expect(EXCHANGE_RESULTS)
        self.block(self.results() if text is None else text)
        prefix = self.read(4)
        if prefix[0] == SERVER_ERROR:
            raise Refused(struct.unpack("!ii", prefix[1:] + self.read(5))[0])
        theirs = json.loads(self.read(struct.unpack("!I", prefix)[0]))
        self.expect(DISPLAY_RESULTS)
        return theirs

    def end(self):
        theirs = self.exchange()
        self.say(DONE)
        return theirs

    def begin(self, **settings):
        """Everything up to the traffic."""
        self.params(**settings)
        self.open_streams()
        self.started()


def datagram(number, size=1400, wide=False, seconds=0, microseconds=0):
    head = struct.pack("!IIQ" if wide else "!III", seconds, microseconds, number)
    return head + bytes(size - len(head))


def good_client(guest):
    """A whole short test, both protocols."""
    with Client(guest) as client:
        client.begin()
        client.streams[0].sendall(bytes(100_000))
        assert client.end()["streams"][0]["id"] == 1
    with Client(guest) as client:
        client.begin(udp=True)
        client.streams[0].send(datagram(1))
        client.end()


def refused_with(client, code):
    """The server refuses the test with this code, and closes."""
    with pytest.raises(Refused) as refusal:
        client.expect(CREATE_STREAMS)
    assert refusal.value.code == code
    assert client.closed()

# SPDX-License-Identifier: BSD-3-Clause
"""The HTTP server before the real curl, and before clients that no curl would be.

After each bad client the next good one is served and every pool is back at its idle level.
"""

import json
import socket
import struct
import subprocess
import threading
import time

import pytest

from pools import settled, used

PATTERN = 65536  # /data repeats after so many bytes
HEAD_SECONDS = 10  # a request has to be complete within this time
HOST = b"Host: guest\r\n"
SILENT = ["-o", "/dev/null"]  # curl words


# ---- curl -----------------------------------------------------------------------------------------


def url(guest, path):
    host, port = guest.address("http")
    return f"http://{host}:{port}{path}"


def curl(guest, path, *words, data=None, timeout=60):
    """Runs curl on a path of the guest; returns what it prints."""
    command = ["curl", "-sS", "--max-time", str(timeout), *words, url(guest, path)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=timeout + 10)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout


def test_stats_have_the_documented_members(guest):
    stats = json.loads(curl(guest, "/stats"))
    for name in ("uptime_us", "alloc_failures", "refusals", "stalls", "recoveries"):
        assert isinstance(stats[name], int), name
    assert set(stats["gap_max_us"]) == {"rx", "tx", "late"}
    for pool in stats["pools"]:
        assert set(pool) == {"name", "size", "used", "max", "failures"}
        assert pool["used"] <= pool["max"] <= pool["size"] and pool["failures"] == 0
    for queue in stats["queues"]:
        assert {"nic", "queue", "size", "avail", "used", "last_seen", "posted", "posted_min", "kicks", "irqs",
                "packets", "bytes", "drops"} <= set(queue)  # fmt: skip
    for pool in stats["buffers"].values():
        assert sum(n for state, n in pool.items() if state != "size") == pool["size"]
    assert stats["alloc_failures"] == 0
    assert {"tcp", "udp", "ip"} <= set(stats["lwip"])
    assert set(stats["services"]) == {"iperf3", "echo", "discard", "chargen", "http", "sink", "stamp"}


def test_loop_accounts_for_all_its_time(boot):
    """That of a guest which has nothing to do is mostly sleep; before each sleep it had looked around."""
    guest = boot()
    before, _, after = guest.stats(), time.sleep(2), guest.stats()
    took = {name: after["loop"][name] - before["loop"][name] for name in after["loop"]}
    uptime_us = after["uptime_us"] - before["uptime_us"]
    assert sum(took[name] for name in ("busy_us", "idle_us", "asleep_us")) == pytest.approx(uptime_us, rel=0.2)
    assert took["asleep_us"] > uptime_us / 2
    assert 0 < took["sleeps"] <= took["idle_turns"] and 0 < took["idle_us"] and 0 < took["busy_turns"]


def test_head_of_stats_has_no_body(guest):
    answer = curl(guest, "/stats", "-I").decode()
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Type: application/json\r\n" in answer


@pytest.mark.parametrize("size", [0, 1, 1460, PATTERN, PATTERN + 1, 20_000_000])
def test_data_has_the_size_asked_for_and_the_pattern(guest, size):
    body = curl(guest, f"/data?bytes={size}")
    assert len(body) == size
    for at in range(0, size, PATTERN):
        assert body[at : at + PATTERN] == body[: min(PATTERN, size - at)]


def test_data_counts_in_64_bits(guest):
    answer = curl(guest, "/data?bytes=18446744073709551615", "-I").decode()
    assert "Content-Length: 18446744073709551615\r\n" in answer


def test_more_than_32_bits_of_data_can_be_begun(guest):
    with Client(guest) as client:
        client.say(b"GET /data?bytes=5000000000 HTTP/1.1\r\n" + HOST + b"\r\n")
        _, fields, _ = client.hear(with_body=False)
        assert fields["Content-Length"] == "5000000000"
        for _ in range(100):
            assert client.sock.recv(65536)


@pytest.mark.parametrize("size", [0, 1, 100_000, 20_000_000])
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(["-T", "-"], id="put-chunked"),
        pytest.param(["--data-binary", "@-"], id="post-with-length"),
        pytest.param(["-T", "-", "-H", "Expect: 100-continue"], id="put-that-asks"),
        pytest.param(["-0", "--data-binary", "@-"], id="post-of-http10"),
    ],
)
def test_what_is_sent_is_counted(guest, how, size):
    answer = json.loads(curl(guest, "/data", *how, data=bytes(size)))
    assert answer == {"bytes": size}


def test_upload_of_a_file_is_counted(guest, log_dir):
    log_dir.mkdir(parents=True, exist_ok=True)
    path = log_dir / "upload"
    path.write_bytes(bytes(3_000_000))
    assert json.loads(curl(guest, "/data", "-T", str(path))) == {"bytes": 3_000_000}
    path.unlink()


def test_one_connection_carries_many_requests(guest):
    more = [word for path in ("/data?bytes=100000", "/nope", "/stats") for word in (url(guest, path), *SILENT)]
    count = curl(guest, "/stats", *SILENT, "-w", "%{num_connects} ", *more)
    assert sum(map(int, count.split())) == 1


def test_http10_is_answered_and_closed(guest):
    assert b"\r\nConnection: close\r\n" in curl(guest, "/stats", "-0", "-i")


def test_offer_of_http2_is_ignored(guest):
    assert curl(guest, "/stats", "--http2", *SILENT, "-w", "%{http_code} %{http_version}") == b"200 1.1"


@pytest.mark.parametrize(
    "path, words, status",
    [
        ("/", [], 404),
        ("/stats/", [], 404),
        ("/nope", [], 404),
        ("/data", [], 400),
        ("/data?bytes=", [], 400),
        ("/data?bytes=junk", [], 400),
        ("/data?bytes=-1", [], 400),
        ("/data?bytes=1.5", [], 400),
        ("/data?bytes=18446744073709551616", [], 400),
        ("/data?bytes=1&bytes=2", [], 400),
        ("/data", ["-X", "DELETE"], 405),
        ("/stats", ["-X", "PUT", "-d", "x"], 405),
        ("/data", ["-X", "POST"], 411),
        ("/data", ["-X", "PROPFIND"], 501),
        ("/data", ["-X", "BREW"], 501),
        ("/" + "x" * 3000, [], 414),
        ("/stats", ["-H", "X: " + "x" * 10000], 431),
        ("/stats", ["-H", "Expect: miracles"], 417),
    ],
)
def test_status_of_what_cannot_be_done(guest, path, words, status):
    assert int(curl(guest, path, *SILENT, "-w", "%{http_code}", *words)) == status


def test_405_says_what_is_allowed(guest):
    assert b"\r\nAllow: GET, HEAD, PUT, POST\r\n" in curl(guest, "/data", "-i", "-X", "DELETE")


def test_statistics_answer_while_data_flows(guest):
    threads = []
    failures = []

    def load():
        try:
            assert len(curl(guest, "/data?bytes=30000000", timeout=100)) == 30_000_000
        except BaseException as error:
            failures.append(error)

    for _ in range(4):
        threads.append(threading.Thread(target=load))
        threads[-1].start()
    for _ in range(20):
        assert json.loads(curl(guest, "/stats"))["alloc_failures"] == 0
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


# ---- clients made of bytes --------------------------------------------------------------------------


class Client:
    """A connection on which anything can be said."""

    def __init__(self, guest, seconds=30):
        self.sock = socket.create_connection(guest.address("http"), seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def say(self, data):
        self.sock.sendall(data)

    def hear(self, with_body=True):
        """(status, fields, body) of the next reply."""
        while b"\r\n\r\n" not in self.pending:
            self._more()
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        line, *fields = head.decode().split("\r\n")
        fields = dict(field.split(": ", 1) for field in fields)
        n = int(fields.get("Content-Length", 0)) if with_body else 0
        while len(self.pending) < n:
            self._more()
        body, self.pending = self.pending[:n], self.pending[n:]
        return int(line.split()[1]), fields, body

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError(f"closed after {self.pending!r}")
        self.pending += piece

    def is_closed(self):
        """True if the guest ends the connection in order, with nothing more to say."""
        return self.pending == b"" and self.sock.recv(1) == b""

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@pytest.fixture
def unharmed(guest):
    """The guest; in the end the good client is served and nothing is held."""
    before = used(guest.stats())
    yield guest
    assert len(curl(guest, "/data?bytes=100000")) == 100000
    over = settled(guest, before, but=["lwip.TCP_PCB"])  # the last test of this file looks at those
    assert not over, f"not given back (idle, now): {over}"


BAD = {
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "zeros": (bytes(100), 400),
    "unknown method": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "lower case": (b"get /stats HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a letter for ever": (b"A" * 3000, 501),
    "http 0.9": (b"GET /stats\r\n\r\n", 505),
    "http 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "version of another": (b"GET /stats HTTP/7.7\r\n" + HOST + b"\r\n", 505),
    "no version": (b"GET /stats HTTPS\r\n" + HOST + b"\r\n", 400),
    "no host": (b"GET /stats HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /stats HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "no colon": (b"GET /stats HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n", 400),
    "folded field": (b"GET /stats HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", 400),
    "negative length": (b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n", 400),
    "length of 65 bits": (b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 18446744073709551616\r\n\r\n", 400),
    "two lengths": (b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
    "length and chunks": (
        b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks and length": (
        b"PUT /data HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "other coding": (b"PUT /data HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\nabc", 400),
    "bad chunk size": (b"PUT /data HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc", 400),
    "chunk too long": (b"PUT /data HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_request_is_refused_and_the_connection_closed(unharmed, what):
    request, status = BAD[what]
    with Client(unharmed) as client:
        client.say(request)
        got, fields, _ = client.hear()
        assert got == status
        assert fields["Connection"] == "close"
        assert client.is_closed()


def test_header_of_a_mebibyte_gets_its_431(unharmed):
    with Client(unharmed) as client:
        client.say(b"GET /stats HTTP/1.1\r\n" + HOST + b"X: " + b"x" * (1 << 20))
        assert client.hear()[0] == 431
        assert client.is_closed()


def test_request_without_a_newline_is_forgotten_with_its_client(unharmed):
    for text in (b"GET", b"GET /stats HTTP/1.1\r\nHost", b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc"):
        with Client(unharmed) as client:
            client.say(text)
            client.sock.shutdown(socket.SHUT_WR)
            assert client.is_closed()


def test_head_that_trickles_in_ends_with_408(unharmed):
    with Client(unharmed) as client:
        client.say(b"GET /stats HTTP/1.1\r\n" + HOST)
        client.sock.settimeout(1)
        for _ in range(4 * HEAD_SECONDS):
            try:
                client._more()
                break
            except TimeoutError:
                client.say(b"X: y\r\n")
        client.sock.settimeout(20)
        assert client.hear()[0] == 408
        assert client.is_closed()


def test_unwanted_body_is_answered_before_it_is_sent(unharmed):
    with Client(unharmed) as client:
        client.say(b"PUT /nope HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000000000\r\n\r\n")
        assert client.hear()[0] == 404
        assert client.is_closed()


def test_continue_is_said_before_the_body(unharmed):
    with Client(unharmed) as client:
        client.say(b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.hear()[0] == 100
        client.say(b"abc")
        assert client.hear()[2] == b'{"bytes":3}'


def test_requests_in_single_bytes_are_understood(unharmed):
    request = b"PUT /data HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with Client(unharmed) as client:
        for _ in range(3):
            for byte in request:
                client.say(bytes([byte]))
            assert client.hear()[2] == b'{"bytes":3}'


def test_pipelined_requests_are_answered_in_order(unharmed):
    sizes = [5, 0, 300_000, 1, 70_000] * 10
    with Client(unharmed) as client:
        client.say(b"".join(b"GET /data?bytes=%d HTTP/1.1\r\n" % n + HOST + b"\r\n" for n in sizes))
        for n in sizes:
            status, _, body = client.hear()
            assert (status, len(body)) == (200, n)


def test_half_closed_client_gets_everything(unharmed):
    with Client(unharmed) as client:
        client.say(b"GET /data?bytes=3000000 HTTP/1.1\r\n" + HOST + b"\r\n")
        client.sock.shutdown(socket.SHUT_WR)
        assert len(client.hear()[2]) == 3_000_000
        assert client.is_closed()


@pytest.mark.parametrize("how", ["reset", "closed"])
def test_client_that_goes_in_the_middle_leaves_nothing_behind(unharmed, how):
    requests = [
        b"GET /data?bytes=1000000000000 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000000000\r\n\r\n" + bytes(100_000),
        b"GET /stats HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /stats HTTP/1.1\r\n" + HOST,
    ]
    for k in range(40):
        client = Client(unharmed)
        client.say(requests[k % len(requests)])
        if k % 8 == 0:
            client.sock.recv(1000)
        if how == "reset":
            client.reset()
        else:
            client.sock.close()


def test_idle_connections_make_way_for_new_ones(unharmed):
    idle = []
    for _ in range(100):
        idle.append(Client(unharmed))
        idle[-1].say(b"GET /data?bytes=1 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert idle[-1].hear()[0] == 200
    for _ in range(3):
        assert json.loads(curl(unharmed, "/stats"))["services"]["http"]["open"] > 0
    for client in idle:
        client.sock.close()


def test_busy_connections_beyond_the_limit_are_refused_and_counted(unharmed):
    before = unharmed.stats()["refusals"]
    busy = []
    refused = 0
    for _ in range(50):
        try:
            client = Client(unharmed)
            client.say(b"PUT /data HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nabc")
            busy.append(client)
        except OSError:
            refused += 1
    served = 0
    for client in busy:
        try:
            client.say(b"d")
            assert client.hear()[2] == b'{"bytes":4}'
            served += 1
        except (OSError, EOFError):
            refused += 1
        client.sock.close()
    assert served > 0 and refused > 0
    stats = unharmed.stats()
    assert stats["refusals"] == before + refused
    assert any(r["what"] == "connection" for r in stats["refused"])


def test_no_connection_is_left_in_the_end(guest):
    over = settled(guest, used(guest.stats()) | {"lwip.TCP_PCB": 1})  # the one that asks
    assert not over, f"not given back (idle, now): {over}"
    assert guest.stats()["services"]["http"]["open"] == 1

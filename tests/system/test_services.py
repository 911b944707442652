# SPDX-License-Identifier: BSD-3-Clause
"""Echo, discard and chargen over TCP and UDP, IPv4 and IPv6."""

import os
import socket
import threading

import pytest

from pools import settled, used

SERVER_PORTS = [7, 19, 53, 123]  # senders that get no answer


@pytest.fixture(params=[4, 6])
def family(request, guest):
    if request.param == 6 and not getattr(guest.net, "has_ipv6", False):
        pytest.skip("needs a tap with IPv6")
    return request.param


@pytest.fixture
def on_tap(guest):
    if guest.net.kind != "tap":
        pytest.skip("needs a tap")
    return guest


@pytest.fixture(autouse=True)
def nothing_is_kept(guest):
    before = used(guest.stats())
    yield
    over = settled(guest, before, but=["lwip.TCP_PCB"])  # the last test of this file looks at those
    assert not over, f"not given back (idle, now): {over}"


def address(guest, service, family=4):
    return (guest.net.guest6, guest.address(service)[1]) if family == 6 else guest.address(service)


def connect(guest, service, family=4):
    return socket.create_connection(address(guest, service, family), 30)


def read_all(sock):
    data = bytearray()
    while piece := sock.recv(1 << 16):
        data += piece
    return bytes(data)


def open_connections(guest):
    services = guest.stats()["services"]
    return sum(services[name]["open"] for name in ("echo", "discard", "chargen"))


# ---- TCP --------------------------------------------------------------------------------------------


def echo(sock, data):
    """Sends data, then FIN, while reading; everything that comes."""

    def send():
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    got = read_all(sock)
    thread.join()
    return got


@pytest.mark.parametrize("size", [1, 1460, 100_000, 10_000_000])
def test_echo_returns_every_byte(guest, family, size):
    data = os.urandom(size)
    with connect(guest, "echo", family) as sock:
        assert echo(sock, data) == data


def test_echo_serves_several_at_once(guest):
    data = [os.urandom(1_000_000) for _ in range(8)]
    got = [None] * len(data)

    def client(k):
        with connect(guest, "echo") as sock:
            got[k] = echo(sock, data[k])

    threads = [threading.Thread(target=client, args=(k,)) for k in range(len(data))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == data


def test_echo_client_that_does_not_read_holds_up_nobody(guest):
    with connect(guest, "echo") as slow:
        slow.settimeout(3)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 30:
                sent += slow.send(bytes(65536))
        with connect(guest, "echo") as sock:
            assert echo(sock, b"hello") == b"hello"
        assert guest.stats()["alloc_failures"] == 0
        # It reads after all.
        slow.settimeout(30)
        slow.shutdown(socket.SHUT_WR)
        assert len(read_all(slow)) == sent


def test_discard_takes_everything(guest, family):
    before = guest.stats()["services"]["discard"]["rx_bytes"]
    with connect(guest, "discard", family) as sock:
        sock.sendall(bytes(10_000_000))
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    assert guest.stats()["services"]["discard"]["rx_bytes"] == before + 10_000_000


def test_chargen_lines_start_one_character_further_each(guest, family):
    printable = bytes(range(32, 127))
    with connect(guest, "chargen", family) as sock:
        with sock.makefile("rb") as lines:
            for k in range(20_000):
                k %= 95
                assert lines.readline() == (printable + printable)[k : k + 72] + b"\r\n"


def test_connections_beyond_the_limit_are_refused_and_counted(on_tap):
    guest = on_tap
    before = guest.stats()["refusals"]
    socks = []
    refused = 0
    for _ in range(64):
        try:
            sock = connect(guest, "echo")
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            socks.append(sock)
        except ConnectionError:
            refused += 1
    assert socks and refused
    assert guest.stats()["refusals"] == before + refused
    socks.pop().close()
    while open_connections(guest) >= len(socks) + 1:
        pass  # until the guest has seen it
    with connect(guest, "discard") as sock:
        sock.sendall(b"x")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b""
    for sock in socks:
        sock.close()


# ---- UDP --------------------------------------------------------------------------------------------


def datagrams(guest, service, family=4, seconds=20):
    sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    sock.settimeout(seconds)
    sock.connect(address(guest, service, family))
    return sock


def test_udp_echo_returns_datagrams_of_every_size(guest, family):
    most = 1472 if family == 4 else 1452
    with datagrams(guest, "echo", family) as sock:
        for size in [*range(0, most, 97), most - 1, most]:
            data = os.urandom(size)
            sock.send(data)
            assert sock.recv(2000) == data


def test_udp_chargen_answers_with_up_to_512_characters(guest, family):
    with datagrams(guest, "chargen", family) as sock:
        sizes = set()
        for _ in range(50):
            sock.send(b"")
            text = sock.recv(2000)
            assert all(32 <= c < 127 or c in b"\r\n" for c in text)
            sizes.add(len(text))
        assert max(sizes) <= 512 and len(sizes) > 10


def test_udp_discard_counts_and_says_nothing(guest):
    before = guest.stats()["services"]["discard"]["rx_datagrams"]
    with datagrams(guest, "discard", seconds=0.5) as sock:
        for _ in range(10):
            sock.send(b"x")
        with pytest.raises(TimeoutError):
            sock.recv(2000)
    assert guest.stats()["services"]["discard"]["rx_datagrams"] == before + 10


def echoed(sock, guest):
    """True if something comes back before the answer to a question asked later."""
    with datagrams(guest, "echo") as other:
        other.send(b"later")
        assert other.recv(2000) == b"later"
    sock.settimeout(0.05)
    try:
        sock.recv(2000)
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("port", SERVER_PORTS)
@pytest.mark.parametrize("service", ["echo", "chargen"])
def test_servers_get_no_answer(on_tap, service, port):
    before = on_tap.stats()["refusals"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((on_tap.net.host4, port))
        sock.sendto(b"x", on_tap.address(service))
        assert not echoed(sock, on_tap)
    assert on_tap.stats()["refusals"] == before + 1


def sent_to_many(guest):
    """How many datagrams the services have dropped because they came to a broadcast or multicast address."""
    return sum(r["count"] for r in guest.stats()["refused"] if r["reason"] == "sent to many")


@pytest.mark.parametrize("destination", ["subnet", "255.255.255.255"])
@pytest.mark.parametrize("service", ["echo", "chargen"])
def test_broadcasts_get_no_answer(on_tap, service, destination):
    before = sent_to_many(on_tap)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, on_tap.net.name.encode())
        sock.bind((on_tap.net.host4, 0))
        if destination == "subnet":
            destination = on_tap.net.host4.rsplit(".", 1)[0] + ".255"
        sock.sendto(b"x", (destination, on_tap.address(service)[1]))
        assert not echoed(sock, on_tap)
    assert sent_to_many(on_tap) == before + 1  # it came, and this is why there is silence


def test_multicasts_get_no_answer(on_tap):
    if not on_tap.net.has_ipv6:
        pytest.skip("this host has no IPv6")
    scope = socket.if_nametoindex(on_tap.net.name)
    before = sent_to_many(on_tap)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("ff02::1", 7, 0, scope))
        assert not echoed(sock, on_tap)
    assert sent_to_many(on_tap) == before + 1


def test_no_connection_is_left_in_the_end(guest):
    over = settled(guest, used(guest.stats()) | {"lwip.TCP_PCB": 1})  # the one that asks
    assert not over, f"not given back (idle, now): {over}"
    assert open_connections(guest) == 0

# SPDX-License-Identifier: BSD-3-Clause
"""STAMP, its packets made from RFC 8762: the guest as reflector, as sender, and both ends."""

import socket
import struct
import threading
import time

import pytest

from relay import Pair

PORT = 862
IP_RECVTTL = 12  # Linux; Python's module does not have it
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


# ---- run=stamp ------------------------------------------------------------------------------------


class Reflector(threading.Thread):
    """A stateful Session-Reflector on this host."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        if ":" in address:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        else:
            self.sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        self.sock.bind((address, PORT))
        self.packets = []  # (TTL, the packet)
        self.start()

    @staticmethod
    def now():
        return divmod(time.time_ns(), 10**9)[0], (time.time_ns() % 10**9 << 32) // 10**9

    def run(self):
        while True:
            packet, [(_, _, ttl)], _, sender = self.sock.recvmsg(2000, 100)
            came = self.now()
            ttl = int.from_bytes(ttl, "little")
            number = len(self.packets)
            self.packets.append((ttl, packet))
            head = REQUEST.unpack(packet[: REQUEST.size])
            answer = ANSWER.pack(number, *self.now(), 0x8001, 0, *came, *head[:4], ttl)
            self.sock.sendto(answer + packet[REQUEST.size :], sender)


@pytest.mark.parametrize("version", [4, 6])
def test_sender_asks_a_reflector_of_this_host(boot, tap, version):
    address = tap.host6 if version == 6 else tap.host4
    reflector = Reflector(address)
    target = f"[{address}]" if version == 6 else address
    words = f"run=stamp target={target} rate=200pps count=100 time=0 len=80 reflector=stateful max_lost=0 max_p99=5s"
    guest = boot(words, net=tap, ready=False, healthy=False)
    assert guest.wait_exit(60) == 0, guest.error("no PASS")
    result = guest.find("result")[0]
    assert (result["job"], result["end"]) == ("stamp-1", "done")
    assert result["sent"] + result["slipped"] == 100  # given up: the host did not run the guest
    assert result["sent"] == result["received"] == result["rx_packets"] == len(reflector.packets) > 50
    assert not any(result[name] for name in ("lost", "lost_there", "lost_back", "reordered", "duplicate", "stray"))
    assert 0 < result["round_trip"]["min_us"] <= result["round_trip_from_due"]["max_us"]
    times = []
    for number, (ttl, packet) in enumerate(reflector.packets):
        seq, s, fraction, error, ssid = REQUEST.unpack(packet[: REQUEST.size])
        assert (seq, ttl, len(packet), ssid) == (number, 255, 80, 0)
        assert error >> 14 == 0 and error & 0xFF != 0 and packet[16:] == bytes(64)
        times.append(s << 32 | fraction)
    assert times == sorted(set(times))


@pytest.mark.parametrize("mode", ["stateful", "stateless"])
def test_sender_tells_on_which_way_packets_were_lost(boot, tap, mode):
    """Between two guests; the last packets are dropped on neither way."""
    there, back = f"a>b dport {PORT}", f"b>a sport {PORT}"
    with Pair() as pair:
        pair.relay.rule(f"{there} frames 11-40 drop", f"{back} frames 101-130 drop", f"{back} frames 11-20 dup 1", "b>a latency 20")
        reflector = boot(f"stamp={mode}", net=pair.right, healthy=False)
        words = f"run=stamp target={pair.right.guest4} rate=200pps count=305 reflector={mode} max_p50=20ms"
        guest = boot(words, net=pair.left, ready=False, healthy=False)
        assert guest.wait_exit(60) == 3, guest.error("a median of 20 ms passed")
        assert [pair.relay.fired("a>b"), pair.relay.fired("b>a"), pair.relay.fired("b>a", 1)] == [30, 30, 10]
        reflector.qmp.command("system_powerdown")
        reflected = reflector.wait("stats", 30)["services"]["stamp"]["reflected"]
    result = guest.find("result")[0]
    assert result["sent"] == 305 - result["slipped"] == reflected + 30
    assert (result["received"], result["lost"], result["duplicate"]) == (reflected - 30, 60, 10)
    assert (result.get("lost_there"), result.get("lost_back")) == ((30, 30) if mode == "stateful" else (None, None))
    assert result["round_trip"]["count"] == result["received"]
    assert result["round_trip"]["min_us"] >= 20_000
    assert [each["name"] for each in result["criteria"] if not each["ok"]] == ["max_p50_us"]

# SPDX-License-Identifier: BSD-3-Clause
"""What is on the wire, seen beside it: large segments between the guest and its tap, and what becomes of them.

Frames are taken at a guest's tap with the header that says how they are to be cut, and again behind a relay,
where there is no such header any more."""

import socket
import struct
import time

import pytest

import relay
import transfers
from antifreeze import Error, frames
from conftest import need_taps

SEED = 4711
SIZE = 1_000_000
ROUTER = b"\2" + bytes(5)  # a hardware address

_PACKET_VNET_HDR = 15  # <linux/if_packet.h>, as are SOL_PACKET and the size of the header
_SOL_PACKET = 263
_HEADER = 10
_RCVBUFFORCE = 33
_TCP = {4: 1, 6: 4}  # gso_type by family


class Tape:
    """Every frame that passes an interface, with the tap's header: (gso type, gso size, needs checksum, frame)."""

    def __init__(self, interface):
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._sock.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, 64 << 20)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        self._sock.bind((interface, 0x0003))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._sock.close()

    def frames(self):
        """What is on it so far."""
        while True:
            try:
                data = self._sock.recv(1 << 17, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            flags, gso, _, size, _, _ = struct.unpack_from("<BBHHHH", data)
            yield gso & 0x7F, size, flags & 1, data[_HEADER:]


class Segment:
    """A TCP segment as it lies in a frame; None of what is no segment."""

    def __init__(self, frame):
        self.ip = frame[14:]
        if frame[12:14] == b"\x08\x00":
            self.family, at, length, proto = 4, 4 * (self.ip[0] & 15), int.from_bytes(self.ip[2:4], "big"), self.ip[9]
            self.addresses = self.ip[12:20]
        else:
            self.family, at, length, proto = 6, 40, 40 + int.from_bytes(self.ip[4:6], "big"), self.ip[6]
            self.addresses = self.ip[8:40]
        assert proto == frames.TCP and length <= len(self.ip)
        self.ip_header = self.ip[:at]
        self.tcp = self.ip[at:length]
        self.sport, self.dport, self.seq = struct.unpack_from("!HHI", self.tcp)
        self.flags = self.tcp[13]
        self.payload = self.tcp[4 * (self.tcp[12] >> 4) :]

    def check_sums(self):
        pseudo = self.addresses + struct.pack("!II", len(self.tcp), frames.TCP)
        assert frames.checksum(pseudo + self.tcp) == 0
        assert self.family == 6 or frames.checksum(self.ip_header) == 0


def sent(tape, mac):
    """(gso type, gso size, needs checksum, length, segment) of the TCP payload that this address sent."""
    for gso, size, partial, frame in tape.frames():
        if frame[6:12] == frames.mac(mac) and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
            if frame[23 if frame[12] == 8 else 20] == frames.TCP:
                segment = Segment(frame)
                if segment.payload:
                    yield gso, size, partial, len(frame), segment


def stream(segments):
    """Their payload, one behind the other; each byte once."""
    data, end = bytearray(), None
    for segment in segments:
        assert end in (None, segment.seq), "a hole, or bytes that came twice"
        data += segment.payload
        end = segment.seq + len(segment.payload) & 0xFFFFFFFF
    return bytes(data)


@pytest.fixture
def net():
    need_taps()
    with relay.Relayed() as net:
        yield net


@pytest.mark.parametrize("family", [4, 6])
def test_guest_sends_large_segments_that_the_host_cuts_into_right_ones(boot, net, family):
    boot(f"seed={SEED}", net=net)
    mss = {4: 1460, 6: 1440}[family]
    with Tape(net.end.qemu) as near, Tape(net.name) as far:
        transfers.fetch((net.guest4 if family == 4 else net.guest6, 80), SIZE, SEED)
        large, wire = list(sent(near, net.mac)), list(sent(far, net.mac))
    net.relay.counts()
    cut = [(size, length) for gso, size, _, length, _ in large if gso]
    assert len(cut) > 10 and {size for size, _ in cut} == {mss}
    assert max(length for _, length in cut) > 20 * mss
    assert {gso for gso, _, _, _, _ in large} <= {0, _TCP[family]}
    assert all(partial for _, _, partial, _, _ in large)
    assert all(gso == 0 and not partial and length <= 1514 for gso, _, partial, length, _ in wire)
    for *_, segment in wire:
        segment.check_sums()
    data = stream(segment for *_, segment in large)
    assert data == stream(segment for *_, segment in wire)
    assert data.endswith(transfers.pattern(SEED)[: SIZE % transfers.PATTERN])
    assert len(wire) < SIZE / mss * 1.1


@pytest.mark.parametrize("features", ["-tso", "-csum"])
def test_guest_cuts_for_a_device_that_does_not(boot, net, features):
    """And finishes the checksums where the device does not."""
    boot(f"seed={SEED} features={features}", net=net)
    with Tape(net.end.qemu) as near:
        transfers.fetch((net.guest4, 80), SIZE, SEED)
        own = list(sent(near, net.mac))
    assert all(gso == 0 and partial == (features != "-csum") and length <= 1514 for gso, _, partial, length, _ in own)
    if features == "-csum":
        for *_, segment in own:
            segment.check_sums()
    stream(segment for *_, segment in own)


def test_large_segments_stay_whole_where_the_way_carries_them(boot):
    need_taps()
    with relay.Relayed(whole=True) as net:
        boot(f"seed={SEED}", net=net)
        with pytest.raises(Error):
            net.relay.rule("a>b corrupt 1")
        net.relay.rule("a>b tcp payload longer 20000 frames 7 drop")
        transfers.fetch((net.guest4, 80), 5 * SIZE, SEED)
        data = transfers.pattern(SEED) * 10
        assert transfers.echo((net.guest4, 7), data) == data
        counts = net.relay.counts()
    assert counts["a>b"]["gso"] > 50 and counts["a>b"]["longest"] > 50_000
    assert counts["b>a"]["gso"] > 5
    assert counts["a>b"]["rules"][0]["fired"] == 1


# ---- a path that becomes narrower -------------------------------------------------------------------


def test_connection_goes_on_when_its_path_becomes_narrower(boot, net):
    """A link behind us carries 1280 bytes: what is longer is lost, and its sender told so [RFC 8201]."""
    guest = boot(f"seed={SEED}", net=net)
    link = net.relay
    with transfers.Body((net.guest6, 80), 4 * SIZE, SEED) as body, Tape(net.end.qemu) as tape:
        body.take(SIZE)
        link.rule("a>b ip6 tcp longer 1294 drop")
        while link.fired("a>b") < 3:
            body.take(1)
        long = next(segment for *_, segment in sent(tape, net.mac) if len(segment.payload) > 1220)
        too_big = frames.icmp6(net.host6, net.guest6, 2, rest=struct.pack("!I", 1280) + long.ip[:1200])
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            sock.bind((net.name, 0))
            packet = frames.ip6(net.host6, net.guest6, frames.ICMPV6, too_big)
            sock.send(frames.eth(frames.mac(net.mac), ROUTER, frames.IPV6, packet))
        start = time.monotonic()
        body.take()
        assert time.monotonic() - start < 5
    assert guest.stats()["alloc_failures"] == 0

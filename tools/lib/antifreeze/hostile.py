# SPDX-License-Identifier: BSD-3-Clause
"""Frames that no honest host sends, by name: cut short, too long, and headers that lie.

Each family is for a frames.Station: it is said to be the one that sends them.
"""

import ipaddress
import itertools
import struct

from . import frames as f

OPEN_PORTS = (5201, 7, 9, 19, 80)


def ethernet(p):
    """Lengths and types."""
    for n in (1, 5, 12, 13, 14, 15, 17, 18, 33, 59):
        yield f"zeros of {n} bytes", bytes(n)
        yield f"IPv4 cut to {n} bytes", p.packet4(f.UDP, f.udp(p.ip4, p.guest4, 1, 7))[:n]
    for n in (1515, 1519, 2035, 2048, 2049, 4096, 9014, 16384, 65535):
        yield f"ones of {n} bytes for us", p.eth(0xFFFF, b"\xff" * (n - 14))
        yield f"IPv4 of {n} bytes", p.packet4(f.UDP, f.udp(p.ip4, p.guest4, 1, 7, bytes(n - 42)))
    for kind in (0, 1, 46, 1500, 1536, 0x88CC, 0x8847, 0x8863, 0x88A8, 0xFFFF):
        yield f"type {kind:#x}", p.eth(kind, b"\xa5" * 46)
    yield "VLAN without content", p.eth(f.VLAN, b"")
    yield "VLAN cut in the tag", p.eth(f.VLAN, b"\0")
    yield "ten VLAN tags", p.eth(f.VLAN, b"\0\1\x81\0" * 10 + b"\x08\0" + bytes(40))
    inner = f.ip4(p.ip4, p.guest4, f.ICMP, f.icmp(8, 0, f.echo(1, 1)))
    yield "from ourselves", f.eth(f.mac(p.guest_mac), f.mac(p.guest_mac), f.IPV4, inner)
    yield "from the broadcast address", f.eth(f.mac(p.guest_mac), f.BROADCAST, f.IPV4, inner)
    yield "from nobody", f.eth(f.mac(p.guest_mac), bytes(6), f.IPV4, inner)


def arp(p):
    us, them = f.mac(p.mac), f.mac(p.guest_mac)
    good = f.arp(1, us, f.ip(p.ip4), bytes(6), f.ip(p.guest4))
    for n in (0, 1, 7, 8, 14, 27):
        yield f"ARP cut to {n} bytes", p.eth(f.ARP, good[:n])
    for field, value in (
        *itertools.product(("htype", "ptype"), (0, 2, 0xFFFF)),
        *itertools.product(("hlen", "plen"), (0, 1, 5, 7, 255)),
    ):
        lie = f.arp(1, us, f.ip(p.ip4), bytes(6), f.ip(p.guest4), **{field: value})
        yield f"ARP {field} {value}", p.eth(f.ARP, lie)
    for op in (0, 3, 8, 0xFFFF):
        yield f"ARP operation {op}", p.eth(f.ARP, f.arp(op, us, f.ip(p.ip4), them, f.ip(p.guest4)))
    yield "ARP claims the guest's address", p.eth(f.ARP, f.arp(2, us, f.ip(p.guest4), them, f.ip(p.guest4)))
    yield "ARP from the broadcast hardware address", p.eth(
        f.ARP, f.arp(2, f.BROADCAST, f.ip(p.near4(77)), them, f.ip(p.guest4))
    )
    for k in range(300):
        sender = f.ip(p.near4(3 + k % 250))
        question = f.arp(1, us, sender, bytes(6), f.ip(p.guest4))
        yield f"ARP storm {k}", p.eth(f.ARP, question, "ff:ff:ff:ff:ff:ff")


def ipv4(p):
    body = f.udp(p.ip4, p.guest4, 1000, 7, b"x" * 32)

    def packet(name, **fields):
        return f"IPv4 {name}", p.packet4(f.UDP, body, **fields)

    for version in (0, 1, 5, 6, 15):
        yield packet(f"version {version}", version=version)
    for ihl in (0, 1, 4, 6, 15):
        yield packet(f"header length {ihl}", ihl=ihl)
    for length in (0, 1, 19, 20, 27, 61, 1500, 65535):
        yield packet(f"total length {length}", length=length)
    yield packet("bad checksum", check=0x1234)
    yield packet("time to live 0", ttl=0)
    for source in (
        "0.0.0.0", "255.255.255.255", p.near4(255), "224.0.0.1", "127.0.0.1", p.guest4, "240.0.0.1",
    ):  # fmt: skip
        yield packet(f"from {source}", src=source)
    for target in ("0.0.0.0", "127.0.0.1", p.near4(99), "192.0.2.1", "224.0.0.251", "255.255.255.255"):
        yield packet(f"to {target}", dst=target)
    for proto in (0, 2, 4, 41, 47, 50, 89, 132, 255):
        yield f"IPv4 protocol {proto}", p.packet4(proto, body)
    for name, options in {
        "length 0": b"\x44\0\0\0", "length 1": b"\x44\1\0\0", "beyond the header": b"\x07\xff\4\0",
        "source route": b"\x83\x07\x04\x0a\x58\0\x63\0", "router alert": b"\x94\4\0\0", "all ends": b"\0" * 40,
        "all no-ops": b"\1" * 40, "nonsense": b"\xff" * 40,
    }.items():  # fmt: skip
        yield packet(f"option {name}", options=options)
    yield packet("first fragment only", flags=1, ident=7)
    yield packet("last fragment only", offset=1480, ident=8)
    yield packet("fragment beyond 65535", offset=65528, ident=9)
    yield packet("fragment of 0 bytes", flags=1, length=20, ident=10)
    yield packet("overlapping fragment", offset=8, flags=1, ident=7)
    yield packet("reserved and do-not-fragment bits", flags=6)
    for k in range(300):
        yield packet(f"never completed {k}", flags=1, ident=1000 + k)


def icmp4(p):
    def packet(name, message):
        return f"ICMP {name}", p.packet4(f.ICMP, message)

    whole = f.icmp(8, 0, f.echo(1, 1, b"x" * 32))
    for n in range(0, 8):
        yield packet(f"cut to {n} bytes", whole[:n])
    yield packet("bad checksum", f.icmp(8, 0, f.echo(1, 1), check=1))
    yield "ICMP echo to a broadcast", p.packet4(f.ICMP, whole, dst=p.near4(255))
    for kind in (0, 3, 4, 5, 9, 10, 11, 12, 13, 15, 17, 40, 255):
        yield packet(f"type {kind}, empty", f.icmp(kind))
        yield packet(f"type {kind}, cut inner header", f.icmp(kind, 4, b"\0\0\0\0\x45\0\0"))
        inner = f.ip4(p.guest4, p.ip4, f.TCP, f.tcp(p.guest4, p.ip4, 5201, 40000, f.ACK)[:8], length=65535)
        yield packet(f"type {kind}, about a connection that is not", f.icmp(kind, 1, b"\0\0\0\0" + inner))
    inner = f.ip4(p.guest4, p.ip4, f.UDP, b"", ihl=15)
    yield packet("unreachable, inner header beyond the end", f.icmp(3, 3, b"\0\0\0\0" + inner))
    yield packet("fragmentation needed, MTU 0", f.icmp(3, 4, b"\0\0\0\0" + f.ip4(p.guest4, p.ip4, 6, bytes(8))))


def udp(p):
    pairs = {4: (p.ip4, p.guest4), 6: (p.ip6, p.guest6)}
    for family, (src, dst) in pairs.items():
        send = p.packet4 if family == 4 else p.packet6

        def packet(name, data, send=send, family=family):
            return f"UDP/IPv{family} {name}", send(f.UDP, data)

        whole = f.udp(src, dst, 1000, 7, b"x" * 32)
        for n in range(0, 8):
            yield packet(f"cut to {n} bytes", whole[:n])
        for length in (0, 1, 7, 9, 39, 41, 1480, 65535):
            yield packet(f"length {length}", f.udp(src, dst, 1000, 7, b"x" * 32, length=length))
        yield packet("bad checksum", f.udp(src, dst, 1000, 7, b"x" * 32, check=0x1234))
        yield packet("no checksum", f.udp(src, dst, 1000, 9, b"x" * 32, check=0))
        for sport, dport in ((0, 7), (7, 0), (0, 0), (7, 7), (19, 7), (1000, 65535), (67, 68), (53, 1000)):
            yield packet(f"ports {sport} to {dport}", f.udp(src, dst, sport, dport, b"y" * 12))
        for n in (0, 1, 3, 4, 11, 12, 36):
            yield packet(f"iperf3 port, {n} bytes", f.udp(src, dst, 1000, 5201, b"\xff" * n))
    for n in (0, 1, 235, 236, 240, 300):
        lie = (b"\2\1\6\0" + bytes(232) + b"\x63\x82\x53\x63" + b"\x35\xff" * 40)[:n]
        yield f"DHCP answer of {n} bytes", p.packet4(f.UDP, f.udp(p.ip4, p.guest4, 67, 68, lie))


def tcp(p):
    for family, (src, dst) in {4: (p.ip4, p.guest4), 6: (p.ip6, p.guest6)}.items():
        send = p.packet4 if family == 4 else p.packet6

        def packet(name, data, send=send, family=family):
            return f"TCP/IPv{family} {name}", send(f.TCP, data)

        whole = f.tcp(src, dst, 40000, 80, f.SYN)
        for n in (0, 1, 4, 8, 12, 13, 16, 19):
            yield packet(f"cut to {n} bytes", whole[:n])
        for doff in (0, 1, 4, 6, 15):
            yield packet(f"header length {doff}", f.tcp(src, dst, 40001, 80, f.SYN, doff=doff))
        yield packet("bad checksum", f.tcp(src, dst, 40002, 80, f.SYN, check=1))
        for flags, port in itertools.product(
            (0, f.FIN, f.RST, f.URG, f.ACK, f.SYN | f.FIN, f.SYN | f.RST, f.FIN | f.PSH | f.URG, 0x3F, 0xFF),
            (80, 81),
        ):
            segment = f.tcp(src, dst, 40003, port, flags, urgent=0xFFFF)
            yield packet(f"flags {flags:#x} to {port}", segment)
        for name, options in {
            "length 0": b"\2\0\0\0", "length 1": b"\2\1\0\0", "beyond": b"\2\x28\5\xb4", "cut": b"\1\1\1\2",
            "MSS 0": b"\2\4\0\0", "MSS 1": b"\2\4\0\1", "MSS 65535": b"\2\4\xff\xff", "scale 255": b"\3\3\xff\0",
            "short scale": b"\3\2\0\0", "SACK of nothing": b"\5\2\0\0", "odd SACK": b"\5\x0b" + b"\xff" * 10,
            "short time stamp": b"\x08\2\0\0", "all no-ops": b"\1" * 40, "nonsense": b"\xfe" * 40,
        }.items():  # fmt: skip
            yield packet(f"SYN, option {name}", f.tcp(src, dst, 40004, 80, f.SYN, options=options))
        for port in OPEN_PORTS:
            yield packet(f"SYN with data to {port}", f.tcp(src, dst, 40005, port, f.SYN, payload=b"z" * 900))
        yield packet("from port 0", f.tcp(src, dst, 0, 80, f.SYN))
        yield packet("to port 0", f.tcp(src, dst, 40006, 0, f.SYN))
    yield "TCP land attack", p.packet4(f.TCP, f.tcp(p.guest4, p.guest4, 80, 80, f.SYN), src=p.guest4)
    everybody = p.near4(255)
    yield "TCP SYN to a broadcast", p.packet4(f.TCP, f.tcp(p.ip4, everybody, 1, 80, f.SYN), dst=everybody)
    for k in range(400):
        source = p.near4(3 + k % 250)
        syn = f.tcp(source, p.guest4, 1024 + k, OPEN_PORTS[k % 5], f.SYN, seq=k)
        yield f"TCP SYN flood {k}", p.packet4(f.TCP, syn, src=source)


def ipv6(p):
    body = f.udp(p.ip6, p.guest6, 1000, 9, b"x" * 32)
    whole = p.packet6(f.UDP, body)
    for n in (14, 15, 30, 53, 54, 55):
        yield f"IPv6 cut to {n} bytes", whole[:n]
    for version in (0, 4, 7, 15):
        yield f"IPv6 version {version}", p.packet6(f.UDP, body, version=version)
    for length in (0, 1, 7, 39, 41, 1500, 65535):
        yield f"IPv6 payload length {length}", p.packet6(f.UDP, body, length=length)
    yield "IPv6 hop limit 0", p.packet6(f.UDP, body, hops=0)
    for source in ("::", "::1", "ff02::1", p.guest6, "fe80::1", f"::ffff:{p.ip4}"):
        yield f"IPv6 from {source}", p.packet6(f.UDP, body, src=source)
    for target in ("::", "::1", "ff01::1", "ff02::1", "ff02::2", p.near6(0x99), f"::ffff:{p.guest4}"):
        yield f"IPv6 to {target}", p.packet6(f.UDP, body, dst=target)
    for head in (0, 43, 44, 50, 51, 59, 60, 135, 139, 253, 255):
        for n in (0, 1, 7, 8):
            yield f"IPv6 next header {head} of {n} bytes", p.packet6(head, b"\x3b\0\1\4\0\0\0\0"[:n])
        yield f"IPv6 next header {head}, length beyond the end", p.packet6(head, b"\x3b\xff" + bytes(30))
        yield f"IPv6 next header {head}, option of length 255", p.packet6(head, b"\x3b\0\x1e\xff\0\0\0\0")
    for head in (0, 43, 60):
        chain = bytes([head, 0, 1, 4, 0, 0, 0, 0]) * 100 + b"\x3b\0" + bytes(6)
        yield f"IPv6 a hundred headers {head}", p.packet6(head, chain)
    yield "IPv6 jumbo payload", p.packet6(0, b"\x3b\0\xc2\4\xff\xff\xff\xff", length=0)
    for offset in (0, 1, 8, 0xFFF8, 0xFFFF):
        yield f"IPv6 fragment field {offset}", p.packet6(44, struct.pack("!BBHI", 17, 0, offset, 7) + body)


def icmp6(p):
    def packet(name, kind, rest, code=0, hops=255, dst=None, check=None, n=None):
        dst = dst or p.guest6
        message = f.icmp6(p.ip6, dst, kind, code, rest, check)
        return f"ICMPv6 {name}", p.packet6(f.ICMPV6, message[:n], hops=hops, dst=dst)

    us, them, our_mac = f.ip(p.ip6), f.ip(p.guest6), f.mac(p.mac)
    yield packet("bad checksum", 128, f.echo(1, 1), check=1)
    for n in range(0, 8):
        yield packet(f"echo cut to {n} bytes", 128, f.echo(1, 1, b"x" * 8), n=n)
    for kind in (1, 2, 3, 4, 127, 130, 131, 132, 133, 134, 135, 136, 137, 143, 200, 255):
        for n in (0, 1, 3, 4, 8, 12, 16, 19):
            yield packet(f"type {kind} with {n} zero bytes", kind, bytes(n))
        yield packet(f"type {kind}, nonsense", kind, b"\xff" * 60)
    heads = {
        133: bytes(4), 134: b"\x40\0\x07\x08" + bytes(8), 135: bytes(4) + them, 136: b"\x60\0\0\0" + us,
        137: bytes(4) + them + us,
    }  # fmt: skip
    for kind, head in heads.items():
        for name, option in {
            "of length 0": b"\1\0" + our_mac,
            "cut": b"\1\1" + our_mac[:2],
            "beyond the end": b"\2\xff" + our_mac,
            "unknown": b"\x99\1" + our_mac,
            "a hundred": (b"\1\1" + our_mac) * 100,
            "prefix of length 1": b"\3\1\x40\xc0\0\0\0\0",
            "prefix of 200 bits": b"\3\4\xc8\xc0" + b"\xff" * 12 + us,
            "prefix link-local": b"\3\4\x40\xc0" + b"\xff" * 12 + f.ip("fe80::"),
            "MTU 0": b"\5\1" + bytes(6),
            "MTU 4 billion": b"\5\1\0\0\xff\xff\xff\xff",
            "name servers, cut": b"\x19\3\0\0\xff\xff\xff\xff" + us[:8],
            "route, short": b"\x18\1\x80\0\0\0\0\0",
        }.items():
            yield packet(f"type {kind}, option {name}", kind, head + option)
    yield packet("hop limit 64 on a solicitation", 135, bytes(4) + them, hops=64)
    yield packet("solicitation for a multicast address", 135, bytes(4) + f.ip("ff02::1"))
    claim = b"\x20\0\0\0" + them + b"\2\1" + our_mac
    yield packet("advertisement of the guest's own address", 136, claim, dst="ff02::1")
    inner = f.ip6(p.guest6, p.ip6, f.TCP, bytes(8))
    for mtu in (0, 1, 68, 1279, 0xFFFFFFFF):
        yield packet(f"packet too big, MTU {mtu}", 2, struct.pack("!I", mtu) + inner)
    yield packet("query with maximum delay", 130, b"\xff\xff\0\0" + bytes(16), dst="ff02::1", hops=1)


def reset(p, frame):
    """What ends the connection that this frame may have half opened; None if it cannot have."""
    if len(frame) < 54:
        return None
    family, at = (4, 14 + 4 * (frame[14] & 15)) if frame[12:14] == b"\x08\0" else (6, 54)
    proto_at, src_at, dst_at, size = (23, 26, 30, 4) if family == 4 else (20, 22, 38, 16)
    segment = frame[at : at + 20]
    if len(segment) < 20 or frame[proto_at] != f.TCP or segment[13] & (f.SYN | f.ACK) != f.SYN:
        return None
    src, dst = (str(ipaddress.ip_address(frame[k : k + size])) for k in (src_at, dst_at))
    sport, dport, seq = struct.unpack("!HHI", segment[:8])
    send = p.packet4 if family == 4 else p.packet6
    return send(f.TCP, f.tcp(src, dst, sport, dport, f.RST, seq=seq + 1), src=src, dst=dst)


def noise(p, generator, n):
    """Right frames with a few bytes changed, and pure noise; the generator's seed repeats them."""
    models = [frame for family in FAMILIES.values() for _, frame in family(p)]
    for k in range(n):
        if generator.random() < 0.1:
            frame = generator.randbytes(generator.randint(1, 1514))
        else:
            changed = bytearray(generator.choice(models)[:1514])
            for _ in range(generator.randint(1, 6)):
                # headers rather than payload
                at = min(int(generator.expovariate(1 / 30)), len(changed) - 1)
                changed[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
            if generator.random() < 0.2:
                del changed[generator.randint(1, len(changed)) :]
            frame = bytes(changed)
        yield f"noise {k}", frame


FAMILIES = {
    "ethernet": ethernet, "arp": arp, "ipv4": ipv4, "icmp": icmp4, "udp": udp, "tcp": tcp, "ipv6": ipv6,
    "icmpv6": icmp6,
}  # fmt: skip

# SPDX-License-Identifier: BSD-3-Clause
"""Builds frames byte by byte, right and wrong ones: every header field can be given a value of its own."""

import ipaddress
import struct

ARP, IPV4, IPV6, VLAN = 0x0806, 0x0800, 0x86DD, 0x8100
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
BROADCAST = b"\xff" * 6


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    """Packed bytes, 4 or 16 of them."""
    return ipaddress.ip_address(text).packed


def checksum(data):
    """The Internet's."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(dst, src, kind, payload):
    return dst + src + struct.pack("!H", kind) + payload


def arp(op, sha, spa, tha, tpa, htype=1, ptype=IPV4, hlen=6, plen=4):
    return struct.pack("!HHBBH", htype, ptype, hlen, plen, op) + sha + spa + tha + tpa


def ip4(src, dst, proto, payload, *, version=4, ihl=None, tos=0, length=None, ident=1, flags=0, offset=0,
        ttl=64, check=None, options=b""):  # fmt: skip
    """offset in bytes; flags: 1 more fragments, 2 do not fragment."""
    words = 5 + len(options) // 4
    header = struct.pack(
        "!BBHHHBBH4s4s", version << 4 | (words if ihl is None else ihl), tos,
        20 + len(options) + len(payload) if length is None else length, ident,
        flags << 13 | offset // 8, ttl, proto, 0, ip(src), ip(dst),
    ) + options  # fmt: skip
    if check is None:
        check = checksum(header)
    return header[:10] + struct.pack("!H", check) + header[12:] + payload


def ip6(src, dst, proto, payload, *, version=6, length=None, hops=64):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", version << 28, length, proto, hops) + ip(src) + ip(dst) + payload


def _pseudo(src, dst, proto, length):
    if len(ip(src)) == 4:
        return ip(src) + ip(dst) + struct.pack("!BBH", 0, proto, length)
    return ip(src) + ip(dst) + struct.pack("!IHBB", length, 0, 0, proto)


def icmp(kind, code=0, rest=b"\0" * 4, check=None):
    data = struct.pack("!BBH", kind, code, 0) + rest
    return data[:2] + struct.pack("!H", checksum(data) if check is None else check) + data[4:]


def icmp6(src, dst, kind, code=0, rest=b"\0" * 4, check=None):
    data = struct.pack("!BBH", kind, code, 0) + rest
    if check is None:
        check = checksum(_pseudo(src, dst, ICMPV6, len(data)) + data)
    return data[:2] + struct.pack("!H", check) + data[4:]


def echo(ident, seq, payload=b""):
    """The rest of an ICMP echo, for icmp() and icmp6()."""
    return struct.pack("!HH", ident, seq) + payload


def udp(src, dst, sport, dport, payload=b"", *, length=None, check=None):
    length = 8 + len(payload) if length is None else length
    data = struct.pack("!HHHH", sport, dport, length, 0) + payload
    if check is None:
        check = checksum(_pseudo(src, dst, UDP, len(data)) + data) or 0xFFFF
    return data[:6] + struct.pack("!H", check) + data[8:]


FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def tcp(src, dst, sport, dport, flags, *, seq=0, ack=0, window=65535, options=b"", payload=b"", doff=None,
        check=None, urgent=0):  # fmt: skip
    options += b"\0" * (-len(options) % 4)
    doff = 5 + len(options) // 4 if doff is None else doff
    data = struct.pack(
        "!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, doff << 4, flags, window, 0, urgent
    ) + options + payload  # fmt: skip
    if check is None:
        check = checksum(_pseudo(src, dst, TCP, len(data)) + data)
    return data[:16] + struct.pack("!H", check) + data[18:]


class Station:
    """A sender on the guest's own network, and the guest: addresses as texts, and frames from the one to the other."""

    def __init__(self, mac, ip4, ip6, guest_mac, guest4, guest6):
        self.mac, self.ip4, self.ip6 = mac, ip4, ip6
        self.guest_mac, self.guest4, self.guest6 = guest_mac, guest4, guest6

    def near4(self, host):
        """Another address of the network, which is a /24; near6() of the /64."""
        return f"{self.guest4.rpartition('.')[0]}.{host}"

    def near6(self, host):
        return str(ipaddress.ip_address(ip(self.guest6)[:8] + host.to_bytes(8, "big")))

    def eth(self, kind, payload, dst=None, src=None):
        return eth(mac(dst or self.guest_mac), mac(src or self.mac), kind, payload)

    def packet4(self, proto, payload, src=None, dst=None, **fields):
        return self.eth(IPV4, ip4(src or self.ip4, dst or self.guest4, proto, payload, **fields))

    def packet6(self, proto, payload, src=None, dst=None, **fields):
        return self.eth(IPV6, ip6(src or self.ip6, dst or self.guest6, proto, payload, **fields))

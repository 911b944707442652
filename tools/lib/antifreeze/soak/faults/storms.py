# SPDX-License-Identifier: BSD-3-Clause
"""Faults made of frames that no socket would send."""

import random
import struct
import time

from ... import Error, frames as f, hostile
from .base import Fault, fault

PORTS = (80, 5201, 7, 9, 19)  # of TCP

# A second. More than any honest network has of them, and far below what starves a core shared with QEMU.
STORM_PPS = 5000


def station(net, host=66):
    """A sender on the guest's network that is not the host, in whose name nothing wrong shall be said."""
    own = f.Station(f"52:54:00:66:00:{host:02x}", "", "", net.mac, net.guest4, net.guest6)
    own.ip4, own.ip6 = own.near4(host), own.near6(0x6600 + host)
    return own


def some_mac(chance):
    return ":".join(f"{byte:02x}" for byte in (2, *chance.randbytes(5)))


class Frames(Fault):
    """One of a kind, at STORM_PPS."""

    def start(self):
        chance = random.Random(f"{self.rig.seed} {self.planned.at}")
        self._storm = self.storm(self.frames(station(self.path.net), chance))
        self._storm.rate(STORM_PPS)

    def stop(self):
        self._storm.rate(0)
        sent, refused = self._storm.counts()
        self.figures |= {"sent": sent, "refused": refused}
        if not sent and not self.hurry:
            raise Error(f"{self.name}: not one frame was sent")

    def frames(self, own, chance):
        raise NotImplementedError


@fault("arp_storm")
class ArpStorm(Frames):
    """Everybody asks everybody, and says who he is."""

    def frames(self, own, chance):
        for k in range(2000):
            sender, mac = own.near4(chance.randrange(3, 255)), some_mac(chance)
            op, target = chance.choice(((1, own.guest4), (1, own.near4(chance.randrange(3, 255))), (2, own.guest4)))
            packet = f.arp(op, f.mac(mac), f.ip(sender), bytes(6), f.ip(target))
            yield own.eth(f.ARP, packet, "ff:ff:ff:ff:ff:ff" if op == 1 else None, mac)


@fault("nd_storm")
class NdStorm(Frames):
    """The same by IPv6: solicitations for the guest and for others, and advertisements that nobody asked for."""

    def frames(self, own, chance):
        for k in range(2000):
            sender, mac = own.near6(chance.randrange(0x1000, 0x5000)), some_mac(chance)
            if k % 3 < 2:
                target = own.guest6 if k % 3 else own.near6(chance.randrange(0x1000, 0x5000))
                rest = bytes(4) + f.ip(target) + b"\1\1" + f.mac(mac)
                message = f.icmp6(sender, own.guest6, 135, 0, rest)
            else:
                rest = b"\x20\0\0\0" + f.ip(sender) + b"\2\1" + f.mac(mac)
                message = f.icmp6(sender, own.guest6, 136, 0, rest)
            yield own.eth(f.IPV6, f.ip6(sender, own.guest6, f.ICMPV6, message, hops=255), None, mac)


@fault("fragments")
class Fragments(Frames):
    """First pieces, each of another datagram."""

    def frames(self, own, chance):
        datagram = f.udp(own.ip4, own.guest4, 1000, 7, chance.randbytes(1400), length=3000)
        for k in range(4000):
            if self.params.get("family") == 6:
                yield own.packet6(44, struct.pack("!BBHI", f.UDP, 0, 1, k) + datagram)
            else:
                yield own.packet4(f.UDP, datagram, flags=1, ident=k)


@fault("syn_flood")
class SynFlood(Frames):
    """From addresses of the network, which the guest asks for, or of others, which it answers by its gateway."""

    def frames(self, own, chance):
        for k in range(4000):
            far = self.params.get("senders") == "far"
            sender = f"198.18.{k % 256}.{1 + k // 256}" if far else own.near4(chance.randrange(3, 255))
            segment = f.tcp(sender, own.guest4, 1024 + k, PORTS[k % len(PORTS)], f.SYN, seq=chance.getrandbits(32))
            yield own.packet4(f.TCP, segment, src=sender)


def believed(own, host):
    """Recognises what any station must believe, and would be cut off by: frames in the host's own name, which move
    its hardware address, and news of routers."""
    names = [f.ip(host.host4), f.ip(host.host6)]

    def is_believed(frame):
        router = frame[12:14] == b"\x86\xdd" and frame[54:55] in (b"\x86", b"\x89")  # 134, 137
        return router or any(name in frame for name in names)

    return is_believed


@fault("noise")
class Noise(Frames):
    """Right frames with a few wrong bytes, cut ones, and bytes that are nothing at all."""

    def frames(self, own, chance):
        is_believed = believed(own, self.path.net)
        wrong = [frame for family in hostile.FAMILIES.values() for _, frame in family(own) if len(frame) <= 1514]
        wrong += [frame for _, frame in hostile.noise(own, chance, 4000)]
        return [frame for frame in chance.sample(wrong, len(wrong)) if len(frame) >= 14 and not is_believed(frame)]


# ---- overload -------------------------------------------------------------------------------------

MEASURED_S = 1


@fault("overload")
class Overload(Fault):
    """Datagrams that are thrown away: for a second as fast as they are taken, which is what the guest can; then
    half as many again; then, from stop() on, half of it."""

    def start(self):
        own = station(self.path.net)
        size = self.params.get("size", 60)
        datagrams = [f.udp(own.ip4, own.guest4, 1024 + k, 9, bytes(size - 42)) for k in range(256)]
        self._storm = self.storm(own.packet4(f.UDP, datagram) for datagram in datagrams)
        before, start = self._taken(), time.monotonic()
        self._storm.rate(None)
        time.sleep(MEASURED_S)
        taken, took = self._taken() - before, time.monotonic() - start
        self._full_pps = taken / took
        self._storm.rate(1.5 * self._full_pps)
        self._begun, self._offered = time.monotonic(), sum(self._storm.counts())

    def stop(self):
        took, (sent, refused) = time.monotonic() - self._begun, self._storm.counts()
        self._storm.rate(0.5 * self._full_pps)
        self.figures |= {
            "full_pps": round(self._full_pps), "offered_pps": round((sent + refused - self._offered) / took),
            "sent": sent, "refused": refused,
        }  # fmt: skip
        if not self.figures["offered_pps"] and not self.hurry:
            raise Error(f"{self.name}: no load was offered")

    def _taken(self):
        """Frames that QEMU has taken from the interface."""
        with open("/proc/net/dev", encoding="ascii") as file:
            line = next(line for line in file if line.strip().startswith(self.path.net.name + ":"))
        return int(line.partition(":")[2].split()[9])

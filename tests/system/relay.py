# SPDX-License-Identifier: BSD-3-Clause
"""Networks on which things go wrong by script, with build/relay between their two ends.

    with Relayed() as net:                     # guest <-> relay <-> this host
        guest = boot(net=net)
        net.relay.rule("a>b tcp payload every 100 drop")     # a is the guest's end
        …
        net.relay.counts()                     # see tests/relay/relay.c; nothing was lost but by rules

A guest's tap is one port of a bridge, a tap of the relay's the other. The kernel cuts large segments on the
way to a relay that offers no offloads, so each frame of the wire is one for the rules; `whole=True` has
them carried as they are.
"""

import json
import os
import struct
import subprocess
import time

from antifreeze import BUILD, Error, qemu
from antifreeze import net as networks

QUEUE = 20000  # frames that wait in a tap's queue
CARRIER_SECONDS = 10  # the kernel needs up to one
DIRECTIONS = ("a>b", "b>a")
_TRACE = struct.Struct("<QQII104s")


class Relay:
    """The program between two taps that exist."""

    def __init__(self, a, b, whole=False, also=()):
        self._also = also  # more interfaces on the way
        words = [str(BUILD / "relay"), *(["whole"] if whole else []), a, b]
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._expect_ok(self._process.stdout.readline())
        for name in (a, b):
            _wait_for_carrier(name)
        self._missed = self._missed_elsewhere()

    def _say(self, line):
        self._process.stdin.write(line + "\n")
        return self._process.stdout.readline()

    @staticmethod
    def _expect_ok(answer):
        if answer != "ok\n":
            raise Error(f"the relay says {answer!r}")

    def rule(self, *lines):
        """Each is "DIRECTION RULE", "DIRECTION latency MS", "DIRECTION patience MS" or "seed N"; in force at once."""
        for line in lines:
            self._expect_ok(self._say(line))

    def clear(self):
        """Forgets the rules."""
        self._expect_ok(self._say("clear"))

    def trace(self, path):
        """Notes each frame that leaves from now on."""
        self._expect_ok(self._say(f"trace {path}"))
        self._traced = path

    def traced(self):
        """What was noted: (direction, came in and left by CLOCK_MONOTONIC in ns, its first bytes)."""
        self.counts()
        with open(self._traced, "rb") as file:
            for came, left, way, length, frame in _TRACE.iter_unpack(file.read()):
                yield DIRECTIONS[way], came, left, frame[:length]

    def counts(self):
        """Of both directions. Fails if a frame was lost that no rule names."""
        counts = json.loads(self._say("counts"))
        for name in DIRECTIONS:
            way = counts[name]
            assert way["overrun"] == way["refused"] == 0, (name, way)
            assert way["in"] + way["copies"] == way["out"] + way["drop"] + way["waiting"], (name, way)
        assert self._missed_elsewhere() == self._missed
        return counts

    def fired(self, direction, k=0):
        """How often the direction's rule k was due."""
        return self.counts()[direction]["rules"][k]["fired"]

    def _missed_elsewhere(self):
        """Frames that found a queue full at those other interfaces."""
        done = subprocess.run(["ip", "-j", "-s", "link"], capture_output=True, text=True, check=True)
        links = {link["ifname"]: link["stats64"]["tx"]["dropped"] for link in json.loads(done.stdout)}
        return {name: links[name] for name in self._also}

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _wait_for_carrier(name):
    """A tap that somebody has opened carries frames only once the kernel has noticed: until then it drops them."""
    end = time.monotonic() + CARRIER_SECONDS
    while True:
        done = subprocess.run(["ip", "-j", "link", "show", name], capture_output=True, text=True, check=True)
        if json.loads(done.stdout)[0]["operstate"] != "DOWN":
            return
        if time.monotonic() > end:
            raise Error(f"{name} has no carrier after {CARRIER_SECONDS} s")
        time.sleep(0.005)


class _GuestEnd:
    """A tap for QEMU and one for the relay, bridged: qK, rK, bK."""

    def __init__(self, name):
        self.qemu, self.relay, self.bridge = f"q{name}", f"r{name}", f"b{name}"
        networks.ip(
            f"link add {self.bridge} type bridge mcast_snooping 0 ageing_time 0 forward_delay 0",
            *(
                command
                for tap in (self.qemu, self.relay)
                for command in (
                    f"tuntap add dev {tap} mode tap",
                    f"link set dev {tap} txqueuelen {QUEUE}",
                    f"link set dev {tap} master {self.bridge} up",
                )
            ),
            f"link set dev {self.bridge} up",
        )
        for name in (self.qemu, self.relay, self.bridge):
            silence(name)

    def close(self):
        networks.ip(*(f"link del dev {name}" for name in (self.qemu, self.relay, self.bridge)))


def silence(name):
    """No IPv6 of this host's: the interface only carries."""
    path = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("1")


class Relayed(networks.Tap):
    """As networks.Tap, with the relay between the guest and this host's interface."""

    def __init__(self, whole=False):
        super().__init__()
        networks.ip(f"link set dev {self.name} txqueuelen {QUEUE}")
        self.end = _GuestEnd(self.name[3:])
        self.relay = Relay(self.end.relay, self.name, whole, also=(self.end.qemu,))

    def nic(self, **options):
        nic = super().nic(**options)
        nic.netdev = nic.netdev.replace(self.name, self.end.qemu)
        return nic

    def close(self):
        self.relay.close()
        self.end.close()
        super().close()


class Side:
    """The network of one of two guests that have nothing but the relay between them: no host is on it."""

    kind = "tap"

    def __init__(self, end, index, net):
        self.end, self._index = end, index
        self.mac = f"52:54:00:78:{net:02x}:{index:02x}"
        self.guest4, self.guest6 = f"10.78.{net}.{index}", f"fd78:{net}::{index}"

    def nic(self, **options):
        return qemu.Nic.tap(self.end.qemu, self.mac, **options)

    def config(self, nic="net0"):
        return f"{nic}.ip={self.guest4}/24 {nic}.ip6={self.guest6}/64"

    def address(self, port):
        return self.guest4, port

    def close(self):
        self.end.close()


class Pair:
    """guest <-> relay <-> guest: boot(net=pair.left), boot(net=pair.right); a is the left one's end."""

    _next = 1

    def __init__(self, whole=False):
        k = Pair._next
        Pair._next += 1
        ends = [_GuestEnd(f"{k}{side}") for side in "ab"]
        self.left, self.right = (Side(end, 1 + i, k) for i, end in enumerate(ends))
        self.relay = Relay(ends[0].relay, ends[1].relay, whole, also=[end.qemu for end in ends])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.relay.close()
        self.left.close()
        self.right.close()

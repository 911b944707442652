# SPDX-License-Identifier: BSD-3-Clause
"""The network of the replay: a bridge that has the host's address, and a tap on it for each guest."""

from .. import net, qemu

_BRIDGE = "replay0"
_SUBNET = "10.76.0"
# As said to QEMU in those years: a transitional device, of which only the legacy interface is left.
LEGACY = ("virtio-net-pci.disable-modern=on", "virtio-net-pci.disable-legacy=off")


class Port:
    """A guest's tap, with what net.NetGuest wants of a network."""

    kind = "bridged tap"
    has_ipv6 = False

    def __init__(self, number):
        self.name = f"replay_tap{number}"
        self.mac = f"52:54:00:76:00:{number:02x}"
        self.host4, self.guest4 = f"{_SUBNET}.1", f"{_SUBNET}.{number + 1}"
        net.ip(f"tuntap add dev {self.name} mode tap", f"link set dev {self.name} master {_BRIDGE} up")

    def nic(self, **_options):
        return qemu.Nic.tap(self.name, self.mac, classic=True)

    def config(self):
        return f"net0.ip={self.guest4}/24 net0.gw={self.host4} net0.ip6=off"

    def address(self, port):
        return self.guest4, port


class Bridge:
    """A context manager; .ports has as many taps as asked for."""

    def __init__(self, taps):
        self.taps = taps
        self.ports = []

    def __enter__(self):
        net.ip(f"link add {_BRIDGE} type bridge", f"link set {_BRIDGE} up", f"addr add {_SUBNET}.1/24 dev {_BRIDGE}")
        self.ports = [Port(k + 1) for k in range(self.taps)]
        return self

    def __exit__(self, *_):
        net.ip(*(f"link del {port.name}" for port in self.ports), f"link del {_BRIDGE}")

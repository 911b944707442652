# SPDX-License-Identifier: BSD-3-Clause
"""The rig of a soak: one guest with a NIC for each path, in the private world.

    tap     with all offloads: frames of up to 64 KiB, checksums left to the other side
    plain   without any: every frame is one of the wire
    user    QEMU's own network, a TCP proxy in its main loop
    wire    a tap behind a process that can be stopped: a back-end that blocks QEMU. No phase has traffic on it,
            only its probe, the statistics, and what fills it before it blocks

The guest is booted once and serves on all of them until the soak ends. A second guest, whose tap the host routes to the
others, sends test frames where the mix asks for them.
"""

import dataclasses
import http.client
import pathlib
import subprocess

from .. import Error, net, world
from ..wire import Wire
from . import kinds
from .load import Load

READY_SECONDS = 60
MEMORY_MIB = 64

# Of a device that can do nothing for the guest but carry frames.
NO_OFFLOADS = {
    name: "off"
    for name in ("csum", "gso", "host_tso4", "host_tso6", "host_ecn", "host_ufo",
                 "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo")
}  # fmt: skip

_STATE_SIZE = "512M"  # of the disk for snapshots; it grows as needed


class _PlainTap(net.Tap):
    """Without the header in front of each frame that offloads need."""

    def __init__(self, netdev):
        super().__init__(netdev="vnet_hdr=off" + ("," + netdev if netdev else ""))

    def nic(self, **options):
        return super().nic(**(NO_OFFLOADS | options))


@dataclasses.dataclass
class Path:
    name: str
    index: int  # of the NIC
    net: object

    @property
    def nic(self):
        """As the guest calls it."""
        return f"net{self.index}"

    @property
    def device(self):
        """As QEMU calls it; its other end is `netdev`."""
        return f"nic{self.index}"

    @property
    def netdev(self):
        return f"n{self.index}"

    def address(self, service):
        """(host, port) at which a client on this host reaches a service, by name or port."""
        return self.net.address(net.PORTS.get(service, service))

    def config(self):
        if self.net.kind == "user":
            return f"{self.nic}.ip=dhcp {self.nic}.ip6=off"
        return self.net.config(self.nic)


class Rig:
    """with Rig(folder, seed, …) as rig: rig.guest is ready and rig.paths lead to it. `log` is set by who
    has one, `stats` by who asked for them last, and `load` by who searched for one."""

    def __init__(self, folder, seed, words="", nic=None, netdev="", more=(), image=None):
        """`words` are more of the guest's configuration; `nic` are options of every device, `netdev` is behind each tap's
        text, `more` are QEMU's arguments, and `image` is another guest than the built one."""
        if world.why_no_taps():
            raise Error(f"a soak needs taps: {world.why_no_taps()}")
        self.folder, self.seed, self.log = pathlib.Path(folder), seed, None
        self.stats = None
        self.load = Load()
        self._open = []
        try:
            self._boot(words, nic or {}, netdev, more=tuple(more), image=image)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _boot(self, words, options, netdev, **machine):
        # The second guest's frames come over a tap of its own.
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        networks = {kinds.TAP: lambda: net.Tap(netdev=netdev), kinds.PLAIN: lambda: _PlainTap(netdev), kinds.USER: net.UserNet, kinds.WIRE: Wire}
        self.paths = {name: Path(name, k, self._keep(make())) for k, (name, make) in enumerate(networks.items())}
        self.state = self.folder / "state.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", self.state, _STATE_SIZE], check=True)
        first, *others = self.paths.values()
        self.guest = self._keep(
            net.NetGuest(
                first.net, self.folder / "dut", " ".join([*(path.config() for path in others), f"seed={self.seed} fault=allow", words]), options,
                more_nics=[path.net.nic(**options) for path in others], memory_mib=MEMORY_MIB, state=self.state, **machine,
            )
        )  # fmt: skip
        self.guest.wait("ready", READY_SECONDS)
        for path in self.paths.values():
            if path.net.kind != "user":
                path.net.know_guest()  # no peer is to wait for an answer that a fault has eaten
            self._try(path)

    def _try(self, path):
        """Each path leads to the guest, and the guest knows the way back."""
        try:
            net.get(path.address("http"), "/stats", READY_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise self.guest.error(f"path {path.name} does not lead to the guest: {error!r}") from None

    def _keep(self, thing):
        self._open.append(thing)
        return thing

    def generator(self, path, words):
        """A guest of its own that floods the guest on that path; the caller closes it, and then its tap (.net)."""
        network = net.Tap()
        try:
            return net.NetGuest(
                network, self.folder / "peer", f"run=flood target={path.net.guest4} time=0 {words}", memory_mib=MEMORY_MIB
            )
        except BaseException:
            network.close()
            raise

    def close(self):
        """Ends the guest and takes the taps away; may be called twice."""
        while self._open:
            self._open.pop().close()
        if getattr(self, "state", None):
            self.state.unlink(missing_ok=True)

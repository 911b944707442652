# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of virtio-net that QEMU can be asked for carries traffic, every packet of it.

A cell says what to ask for and what the `nic` record has to say then. In each the guest boots, small datagrams
go there and back without loss, connections are opened, served and closed, every buffer is where it belongs
afterwards, and the run ends in PASS. `make test` has a few cells, in which each value of each option appears
at least once, with small numbers; `make test-long` has them all, with large ones.
"""

import contextlib
import dataclasses
import itertools
import time

import pytest
from books import carriers, check_books, power_off
from echoes import WINDOW, connections, exchange
from pools import settled, used

from antifreeze import net as networks, world


@dataclasses.dataclass(frozen=True)
class Cell:
    """Cells can be joined with `|`, the right one's wishes win."""

    name: str
    options: dict = dataclasses.field(default_factory=dict)  # of each device
    machine: dict = dataclasses.field(default_factory=dict)  # fields of qemu.Machine
    append: str = ""
    nics: int = 1
    mtu: int = 1500  # of the host's end
    says: dict = dataclasses.field(default_factory=dict)  # what the `nic` record has
    accepted: frozenset = frozenset()  # features that are in it
    masked: frozenset = frozenset()  # features that are not

    def __or__(self, other):
        return Cell(
            f"{self.name},{other.name}",
            self.options | other.options,
            self.machine | other.machine,
            f"{self.append} {other.append}".strip(),
            max(self.nics, other.nics),
            max(self.mtu, other.mtu),
            self.says | other.says,
            self.accepted - other.masked | other.accepted,
            self.masked - other.accepted | other.masked,
        )

    def check(self, nic):
        wrong = {key: nic[key] for key, value in self.says.items() if nic[key] != value}
        assert not wrong, f"{self.says} was asked for, but: {wrong}"
        features = set(nic["features"])
        assert self.accepted <= features and not self.masked & features, nic["features"]


def option(name, value, **expected):
    """One option of the device."""
    for key in ("accepted", "masked"):
        expected[key] = frozenset(expected.get(key, ()))
    return Cell(f"{name}-{value}", {name: value}, **expected)


def feature(name, value, *features):
    """An option that offers features, or takes them back."""
    return option(name, value, **{"accepted" if value == "on" else "masked": features})


# ---- the product of what rings and interrupts can be ---------------------------------------------

EVENT_IDX = [feature("event_idx", value, "event_idx") for value in ("on", "off")]
PACKED = [
    option("packed", "on", says={"ring": "packed"}, accepted=["packed"]),
    option("packed", "off", says={"ring": "split"}, masked=["packed"]),
]
VECTORS = [
    option("vectors", 0, says={"irq": "intx", "vectors": 0}),
    option("vectors", 1, says={"irq": "msix", "vectors": 1}),
    option("vectors", 3, says={"irq": "msix", "vectors": 3}),
]
RINGS = [
    Cell("rings-4", append="rx_ring=4 tx_ring=4", says={"rx_ring": 4, "tx_ring": 4}),
    option("rx_queue_size", 256, says={"rx_ring": 256, "tx_ring": 256}),
    option("rx_queue_size", 1024, says={"rx_ring": 1024, "tx_ring": 256}),
]

# Without merged segments, whose large buffers are too many for a long ring.
NO_TSO = Cell("", append="features=-tso", masked=frozenset({"guest_tso4", "guest_tso6"}))


def product(*choice):
    cell = choice[0] | choice[1] | choice[2] | choice[3]
    if cell.options.get("rx_queue_size", 0) > 256:
        cell = cell | NO_TSO
    return dataclasses.replace(cell, name=cell.name.rstrip(","))


PRODUCT = [product(*choice) for choice in itertools.product(EVENT_IDX, PACKED, VECTORS, RINGS)]

# ---- one thing at a time -------------------------------------------------------------------------

MODERN = Cell("disable-legacy-on", {"disable-legacy": "on"}, says={"transport": "modern"})
EFI = Cell("efi", machine={"boot": "efi", "memory_mib": 256})
JUMBO = option("host_mtu", 9000, says={"mtu": 9000}, accepted=["mtu"])

SINGLE = [
    MODERN,
    option("disable-legacy", "off", says={"transport": "modern"}),
    option("disable-modern", "on", says={"transport": "legacy"}, masked=["version_1"]),
    dataclasses.replace(
        MODERN | feature("iommu_platform", "on", "access_platform"), name="iommu_platform-on"
    ),
    option("page-per-vq", "on"),
    option("modern-pio-notify", "on"),
    option("indirect_desc", "off"),
    option("queue_reset", "off"),
    # A static IPv6 address needs an MTU of 1280.
    dataclasses.replace(
        option("host_mtu", 576, says={"mtu": 576}, accepted=["mtu"]) | Cell("", append="ip6=off"), name="host_mtu-576"
    ),
    option("host_mtu", 1500, says={"mtu": 1500}, accepted=["mtu"]),
    dataclasses.replace(JUMBO, mtu=9000),
    feature("status", "off", "status"),
    option("ctrl_vq", "off"),
    option("mq", "on"),
    option("tx", "timer"),
    option("x-txburst", 1),
    option("ioeventfd", "off"),
    option("mrg_rxbuf", "off", masked=["mrg_rxbuf"]),
    Cell("smp-2", machine={"cpus": 2}),
    Cell("nics-2", nics=2),
    Cell("nics-4", nics=4),
    Cell("pvh-q35"),
    Cell("pvh-pc", machine={"machine": "pc"}),
    EFI,
    dataclasses.replace(EFI | Cell("", machine={"machine": "pc"}), name="efi-pc"),
]


def named(name):
    return next(cell for cell in SINGLE if cell.name == name)


def together(name, *names):
    """Options that do not disturb one another, in one cell."""
    cell = named(names[0])
    for other in names[1:]:
        cell = cell | named(other)
    return dataclasses.replace(cell, name=name)


# Each value of each option above is in one of these at least.
SAMPLE = [
    product(EVENT_IDX[0], PACKED[0], VECTORS[0], RINGS[0]),
    product(EVENT_IDX[1], PACKED[0], VECTORS[2], RINGS[2]),
    product(EVENT_IDX[1], PACKED[1], VECTORS[1], RINGS[0]),
    product(EVENT_IDX[0], PACKED[1], VECTORS[2], RINGS[1]),
    together("modern", "iommu_platform-on", "page-per-vq-on", "mq-on", "tx-timer", "host_mtu-576", "smp-2", "pvh-q35"),
    together("transitional", "disable-legacy-off", "modern-pio-notify-on", "status-off", "ctrl_vq-off", "mrg_rxbuf-off",
             "x-txburst-1", "ioeventfd-off", "host_mtu-1500", "nics-2", "efi"),
    together("legacy", "disable-modern-on", "indirect_desc-off", "queue_reset-off", "host_mtu-9000", "pvh-pc"),
    together("many", "nics-4", "efi-pc"),
]  # fmt: skip


# ---- what is done with a cell --------------------------------------------------------------------


@contextlib.contextmanager
def booted(boot, cell):
    """The guest, and the networks of its NICs."""
    if world.why_no_taps():
        pytest.skip(f"needs tap interfaces: {world.why_no_taps()}")
    with contextlib.ExitStack() as stack:
        nets = [stack.enter_context(networks.Tap(cell.mtu)) for _ in range(cell.nics)]
        more = [net.nic(**cell.options) for net in nets[1:]]
        words = " ".join(net.config(f"net{k}") for k, net in enumerate(nets) if k)
        guest = boot(f"{words} {cell.append}", net=nets[0], options=cell.options, more_nics=more, **cell.machine)
        try:
            yield guest, nets
        finally:
            guest.close()  # before its taps go


def check_cell(boot, cell, packets, tcp, figures):
    with booted(boot, cell) as (guest, nets):
        nics = guest.find("nic")
        assert len(nics) == cell.nics
        for nic in nics:
            cell.check(nic)
        idle = used(guest.stats())
        start = time.monotonic()
        for net, nic in zip(nets, nics):
            # half of what the guest can have on the way: the rest is for ARP and the like
            window = min(WINDOW, nic["tx_ring"] // 2)
            address = net.address(networks.PORTS["echo"])
            connections(address, tcp)  # first, so that both ends know each other's hardware address then
            exchange(address, packets, window)
        figures["seconds of traffic"] = round(time.monotonic() - start, 1)
        over = settled(guest, idle, but=["lwip.TCP_PCB"])  # the last closed ones stay in TIME_WAIT
        assert not over, f"not given back (idle, now): {over}"
        stats = check_books(guest)
        for queue in carriers(stats):
            assert queue["packets"] >= packets, queue
        figures["packets"] = " ".join(f"{queue['queue']}:{queue['packets']}" for queue in carriers(stats))
        figures["connections"] = tcp * len(nets)
        figures["posted_min"] = min(queue["posted_min"] for queue in carriers(stats) if queue["queue"] == "rx")
        figures["tx gap ms"] = round(stats["gap_max_us"]["tx"] / 1000, 1)
        figures["late"] = stats["stalls_by_cause"]["guest_late"]
        power_off(guest)
        figures["verdict"] = "PASS"


@pytest.mark.long
@pytest.mark.limit(900)
@pytest.mark.parametrize("cell", PRODUCT + SINGLE, ids=lambda cell: cell.name)
def test_cell_carries_200000_packets_and_1000_connections(boot, cell, figures):
    check_cell(boot, cell, 200_000, 1000, figures)


@pytest.mark.limit(240)
@pytest.mark.parametrize("cell", SAMPLE, ids=lambda cell: cell.name)
def test_sample_carries_traffic(boot, cell, figures):
    check_cell(boot, cell, 5000, 50, figures)


def test_sample_has_each_value_of_each_option():
    def values(cells):
        found = {(key, str(value)) for cell in cells for key, value in (cell.options | cell.machine).items()}
        return found | {("append", word) for cell in cells for word in cell.append.split()}

    assert values(SAMPLE) >= values(PRODUCT + SINGLE)
    assert {cell.nics for cell in SAMPLE} == {cell.nics for cell in SINGLE}

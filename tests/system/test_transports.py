# SPDX-License-Identifier: BSD-3-Clause
"""Every transport that QEMU's virtio-net has: each boots, says what it uses, and carries traffic."""

import re

import pytest

from antifreeze import BUILD, iperf, net as networks, qemu, world
from peer import RawPeer
from ping import ping_sizes

LONG = pytest.mark.long
MACHINES = ["q35", pytest.param("pc", marks=LONG)]  # the classic line below is one of a pc


def assert_carries(guest):
    """Frames of all sizes, a connection each way, and nothing lost on the way."""
    if guest.net.kind == "tap":
        assert not ping_sizes(guest.net.guest4, [*range(0, 1473, 59), 1472])
    for direction in ([], ["-R"]):
        result = iperf.run(guest.iperf3("-t", "1", *direction), 60)
        assert result.ok, guest.error(result.output)
        assert result.received_bps > 0
    stats = guest.stats()
    assert stats["alloc_failures"] == 0
    assert {queue["resets"] for queue in stats["queues"]} == {0}


def nic_of(guest):
    return guest.find("nic")[0]


# ---- legacy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("vectors", [3, 0])
def test_legacy_device(boot, machine, vectors):
    guest = boot(machine=machine, options={"disable-modern": "on", "vectors": vectors})
    nic = nic_of(guest)
    assert nic["irq"] == ("msix" if vectors else "intx")
    assert nic["transport"] == "legacy"
    assert "version_1" not in nic["features"] and "any_layout" in nic["features"]
    assert (nic["rx_ring"], nic["tx_ring"]) == (256, 256)
    assert_carries(guest)


@pytest.mark.limit(240)
def test_legacy_device_that_the_firmware_has_used(boot):
    """OVMF has a driver for it, and leaves the device in a state of its own."""
    guest = boot(boot="efi", memory_mib=256, options={"disable-modern": "on"})
    assert nic_of(guest)["transport"] == "legacy"
    assert_carries(guest)


@pytest.mark.parametrize("vectors", [3, 0])
def test_legacy_device_that_wants_the_header_apart(boot, vectors):
    guest = boot(options={"disable-modern": "on", "any_layout": "off", "vectors": vectors})
    nic = nic_of(guest)
    assert nic["transport"] == "legacy" and "any_layout" not in nic["features"]
    assert_carries(guest)


def test_transitional_device_is_legacy_when_asked(boot):
    guest = boot(append="features=-version_1")
    assert nic_of(guest)["transport"] == "legacy"
    assert_carries(guest)


def test_modern_device_cannot_be_made_legacy(boot):
    guest = boot(append="features=-version_1", options={"disable-legacy": "on"}, ready=False, healthy=False)
    assert guest.wait_exit(60) == qemu.STATUS_FAIL
    assert "no legacy interface" in guest.find("error")[0]["message"]


@pytest.mark.parametrize("size", [512, 1024])
def test_legacy_device_with_long_receive_queue(boot, size):
    guest = boot(options={"disable-modern": "on", "rx_queue_size": size})
    assert nic_of(guest)["rx_ring"] == size
    assert_carries(guest)


def test_legacy_device_with_jumbo_frames(boot):
    if world.why_no_taps():
        pytest.skip(f"needs a tap interface: {world.why_no_taps()}")
    with networks.Tap(mtu=9000) as tap:
        guest = boot(net=tap, options={"disable-modern": "on", "host_mtu": 9000, "rx_queue_size": 1024})
        assert nic_of(guest)["rx_ring"] == 1024
        assert not ping_sizes(tap.guest4, [*range(1400, 8900, 97), *range(8900, 8973)])
        assert guest.stats()["alloc_failures"] == 0
        guest.close()


def test_lean_build_drives_a_legacy_device(boot):
    guest = boot(image=qemu.image_path("pvh", BUILD / "lean"), options={"disable-modern": "on"})
    assert nic_of(guest)["transport"] == "legacy"
    assert_carries(guest)


@pytest.mark.parametrize("kind", ["user", "tap"])
@pytest.mark.parametrize("append", ["", "features=-version_1"], ids=["modern", "legacy"])
def test_classic_command_line(boot, request, kind, append):
    """-net nic,model=virtio -net user or tap, on machine pc: the line of the first reports of a freeze."""
    net = request.getfixturevalue("tap") if kind == "tap" else networks.UserNet()
    guest = boot(net=net, machine="pc", append=append, options={"classic": True})
    assert nic_of(guest)["transport"] == ("legacy" if append else "modern")
    assert_carries(guest)


# ---- modern -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"disable-legacy": "on"},
        {"modern-pio-notify": "on"},
        {"page-per-vq": "on"},
        {"iommu_platform": "on", "disable-legacy": "on"},
        {"modern-pio-notify": "on", "page-per-vq": "on", "vectors": 0},
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()),
)
@pytest.mark.parametrize("machine", MACHINES)
def test_modern_device(boot, machine, options):
    guest = boot(machine=machine, options=options)
    nic = nic_of(guest)
    assert nic["transport"] == "modern"
    assert ("access_platform" in nic["features"]) == ("iommu_platform" in options)
    assert_carries(guest)


@pytest.mark.limit(240)
def test_bar_above_4_gib(boot):
    """OVMF places 64-bit BARs behind a PCI Express port there."""
    port = "pcie-root-port,id=port0,chassis=1,slot=1"
    guest = boot(boot="efi", memory_mib=256, devices=(port,), options={"bus": "port0"})
    bars = guest.qmp.command("human-monitor-command", command_line="info pci")
    places = [int(at, 16) for at in re.findall(r"BAR4: 64 bit prefetchable memory at (0x[0-9a-f]+)", bars)]
    assert places and places[0] >= 1 << 32, bars
    assert nic_of(guest)["transport"] == "modern"
    assert_carries(guest)


# ---- interrupts ---------------------------------------------------------------------------------


def interrupts(guest):
    return sum(queue["irqs"] for queue in guest.stats()["queues"])


@pytest.mark.parametrize("vectors,used", [(1, 1), pytest.param(2, 2, marks=LONG), (3, 3), pytest.param(8, 3, marks=LONG)])
def test_msix_vectors(boot, vectors, used):
    guest = boot(options={"vectors": vectors})
    nic = nic_of(guest)
    assert (nic["irq"], nic["vectors"]) == ("msix", used)
    assert_carries(guest)
    assert interrupts(guest) > 0


INTX = [("pvh", "q35"), ("efi", "pc")]


@pytest.mark.limit(240)
@pytest.mark.parametrize("how,machine", INTX, ids=["-".join(row) for row in INTX])
def test_interrupt_line(boot, how, machine):
    memory = 64 if how == "pvh" else 256
    guest = boot(boot=how, machine=machine, memory_mib=memory, options={"vectors": 0})
    assert nic_of(guest)["irq"] == "intx"
    assert_carries(guest)
    assert interrupts(guest) > 0
    assert {queue["irq"] for queue in guest.stats()["queues"]} == {"intx"}


@pytest.mark.parametrize("irq", ["msix", "intx", "poll"])
def test_interrupts_by_hand(boot, irq):
    guest = boot(append=f"irq={irq}")
    assert nic_of(guest)["irq"] == irq
    assert_carries(guest)
    assert (interrupts(guest) > 0) == (irq != "poll")


def test_vectors_that_are_asked_for_and_not_there_are_refused(boot):
    guest = boot(append="irq=msix", options={"vectors": 0}, ready=False, healthy=False)
    assert guest.wait_exit(60) == qemu.STATUS_FAIL
    assert "irq=msix" in guest.find("error")[0]["message"]


def test_two_devices_share_a_line(boot):
    """Slots four apart have the same line on both machines."""
    with RawPeer() as peer:
        peer.mac, peer.guest_mac = "52:54:00:89:00:01", "52:54:00:89:00:02"
        peer.ip4, peer.guest4 = "10.89.0.1", "10.89.0.2"
        peer.ip6, peer.guest6 = "fd89::1", "fd89::2"
        second = peer.nic(vectors=0, addr="0x9")
        guest = boot(machine="pc", append=peer.config("net1"), more_nics=[second],
                     options={"vectors": 0, "addr": "0x5"})  # fmt: skip
        assert [nic["irq"] for nic in guest.find("nic")] == ["intx", "intx"]
        assert peer.wait_reachable(4)
        assert_carries(guest)
        assert peer.wait_reachable(4)
        counts = {queue["irqs"] for queue in guest.stats()["queues"] if queue["queue"] in ("rx", "tx")}
        assert len(counts) == 1, f"not one line: {counts}"
        assert {queue["irq"] for queue in guest.stats()["queues"]} == {"intx"}


def test_four_devices_of_four_kinds(boot):
    kinds = [{"disable-modern": "on", "vectors": 0}, {"packed": "on", "vectors": 2}, {"modern-pio-notify": "on"}]
    peers = [RawPeer() for _ in kinds]
    try:
        words = ["net3.irq=poll"]
        for k, peer in enumerate(peers, 1):
            peer.guest_mac, peer.mac = f"52:54:00:8a:{k:02x}:02", f"52:54:00:8a:{k:02x}:01"
            peer.ip4, peer.guest4 = f"10.90.{k}.1", f"10.90.{k}.2"
            peer.ip6, peer.guest6 = f"fd90:{k}::1", f"fd90:{k}::2"
            words.append(peer.config(f"net{k}"))
        nics = [peer.nic(**kind) for peer, kind in zip(peers, kinds)]
        guest = boot(append=" ".join(words), more_nics=nics)
        said = [(nic["transport"], nic["ring"], nic["irq"], nic["vectors"]) for nic in guest.find("nic")]
        assert said == [
            ("modern", "split", "msix", 3), ("legacy", "split", "intx", 0),
            ("modern", "packed", "msix", 2), ("modern", "split", "poll", 0),
        ]  # fmt: skip
        for _ in range(2):
            for peer in peers:
                assert peer.wait_reachable(4), f"{peer.guest4} does not answer"
            assert_carries(guest)
    finally:
        for peer in peers:
            peer.__exit__()


def test_line_whose_interrupts_were_lost_is_used_again(boot):
    """Dropped on purpose, they are nobody's fault: when they come again, so does everything else."""
    guest = boot(append="irq=intx fault=drop_irq:1@1s+3s")
    result = iperf.run(guest.iperf3("-t", "5"), 60)
    assert result.ok, guest.error(result.output)
    over = guest.wait("fault", 60, lambda record: record.get("state") == "over")
    assert over["count"] > 10
    before = interrupts(guest)
    assert_carries(guest)
    assert interrupts(guest) > before
    assert {queue["irq"] for queue in guest.stats()["queues"]} == {"intx"}

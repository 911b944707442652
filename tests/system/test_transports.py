# SPDX-License-Identifier: BSD-3-Clause
"""Every transport that QEMU's virtio-net has: each boots, says what it uses, and carries traffic."""

import pytest

from antifreeze import BUILD, iperf, net as networks, qemu, world
from ping import ping_sizes

MACHINES = ["q35", "pc"]


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
    assert stats["recoveries"] == 0


def nic_of(guest):
    return guest.find("nic")[0]


# ---- legacy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("vectors", [3, 0])
def test_legacy_device(boot, machine, vectors):
    guest = boot(machine=machine, options={"disable-modern": "on", "vectors": vectors})
    nic = nic_of(guest)
    assert nic["transport"] == "legacy"
    assert "version_1" not in nic["features"] and "any_layout" in nic["features"]
    assert (nic["rx_ring"], nic["tx_ring"]) == (256, 256)
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

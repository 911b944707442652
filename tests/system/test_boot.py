# SPDX-License-Identifier: BSD-3-Clause
"""Every way to boot, on every machine, and what the guest says of itself first."""

import re

import pytest

from antifreeze import BUILD, boottime, net as networks, qemu
from peer import RawPeer
from ping import ping_sizes

SERVICES = ["iperf3", "echo", "discard", "chargen", "http", "sink", "stamp"]
LEAN = BUILD / "lean"
# Where segments may come merged, buffers are large and the ring is 256 at most.
NO_MERGED = {"guest_tso4": "off", "guest_tso6": "off"}


def assert_serves(guest):
    """It is reachable, and its statistics are those of an untroubled guest."""
    stats = guest.stats()
    assert stats["alloc_failures"] == 0
    assert stats["uptime_us"] > 0
    if guest.net.kind == "tap":
        assert not ping_sizes(guest.net.guest4, [56])


@pytest.mark.limit(240)
@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize("way", ["pvh", "efi", "disk"])
def test_boots_and_serves(boot, way, machine):
    guest = boot(boot=way, machine=machine, memory_mib=64 if way == "pvh" else 256)
    record = guest.find("boot")[0]
    assert record["entry"] == ("pvh" if way == "pvh" else "uefi")
    assert guest.find("nic")[0]["transport"] == "modern"
    assert_serves(guest)


def test_boot_record_comes_first_and_is_complete(boot):
    guest = boot(append="log=debug")
    record = guest.records[0]
    assert record["event"] == "boot"
    assert re.fullmatch(r"\d+\.\d+\.\d+", record["version"])
    assert record["t_us"] < 1_000_000
    assert record["cmdline"].endswith("log=debug")
    assert 48 * 1024 < record["mem_kb"] <= 64 * 1024
    assert 0 < record["image_kb"] < 1024
    assert record["image_kb"] <= record["static_kb"] < record["mem_kb"]


def test_every_record_has_event_and_time_in_order(boot):
    guest = boot(append="interval=100ms")
    guest.stats()
    times = [record["t_us"] for record in guest.records]
    assert times == sorted(times)
    assert all(isinstance(t, int) for t in times)


def test_nic_record_describes_the_device(boot, net):
    guest = boot(options={"rx_queue_size": 512, **NO_MERGED})
    nic = guest.find("nic")[0]
    assert nic["nic"] == "net0"
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", nic["mac"])
    if net.kind == "tap":
        assert nic["mac"] == net.mac
    assert (nic["transport"], nic["ring"], nic["irq"]) == ("modern", "split", "msix")
    assert (nic["rx_ring"], nic["tx_ring"]) == (512, 256)
    assert "version_1" in [name.lower() for name in nic["features"]]


def test_ready_is_said_once_and_names_addresses_and_services(boot, net):
    guest = boot(append="exit=2s", options={})
    ready = guest.find("ready")[0]
    if net.kind == "tap":
        assert ready["ip"] == f"{net.guest4}/{net.prefix4}"
        # IPv4 is enough to be ready; an IPv6 address is named once nobody else turned out to have it
        assert ready["ip6"] in ("", f"{net.guest6}/{net.prefix6}")
    assert ready["services"] == SERVICES
    assert guest.wait_exit(60) == qemu.STATUS_PASS
    assert len(guest.find("ready")) == 1


def test_lean_build_boots_and_serves_with_16_mib(boot):
    guest = boot(image=qemu.image_path("pvh", LEAN), memory_mib=16)
    assert_serves(guest)


def test_reset_from_outside_boots_again(boot):
    """Whatever it was saying then: what it says next begins on a line of its own."""
    guest = boot(reboot=True)
    assert guest.console.lines[0] == ""
    mark = guest.mark()
    guest.qmp.command("system_reset")
    guest.wait("boot", 60, after=mark)
    guest.wait("ready", 60, after=mark)
    assert_serves(guest)


def test_too_little_memory_is_said_in_one_sentence(boot):
    guest = boot(memory_mib=8, ready=False, healthy=False)
    assert guest.wait_exit(60) == qemu.STATUS_FAIL
    assert "memory" in guest.find("error")[0]["message"]


@pytest.mark.parametrize(
    "options",
    [
        {"vectors": 0},
        {"event_idx": "off"},
        {"rx_queue_size": 1024, "tx_queue_size": 256, **NO_MERGED},
        {"page-per-vq": "on"},
        {"modern-pio-notify": "on"},
        {"mrg_rxbuf": "off", "ctrl_vq": "off"},
        {"disable-legacy": "on"},
        {"host_mtu": 1400},
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()),
)
def test_device_option(boot, options):
    guest = boot(options=options)
    nic = guest.find("nic")[0]
    if "vectors" in options:
        assert nic["irq"] == "intx"
    if "event_idx" in options:
        assert "event_idx" not in [name.lower() for name in nic["features"]]
    if "rx_queue_size" in options:
        assert nic["rx_ring"] == 1024
    assert_serves(guest)


def test_four_nics_work_at_once(boot):
    peers = [RawPeer() for _ in range(3)]
    try:
        words = []
        for k, peer in enumerate(peers, 1):
            peer.guest_mac, peer.mac = f"52:54:00:88:{k:02x}:02", f"52:54:00:88:{k:02x}:01"
            peer.ip4, peer.guest4 = f"10.88.{k}.1", f"10.88.{k}.2"
            peer.ip6, peer.guest6 = f"fd88:{k}::1", f"fd88:{k}::2"
            words.append(peer.config(f"net{k}"))
        guest = boot(append=" ".join(words), more_nics=[peer.nic() for peer in peers])
        macs = [record["mac"] for record in guest.find("nic")]
        assert macs[1:] == [peer.guest_mac for peer in peers]
        for peer in peers:
            assert peer.wait_reachable(4), f"{peer.guest4} does not answer"
            assert peer.wait_reachable(6), f"{peer.guest6} does not answer"
        assert_serves(guest)
    finally:
        for peer in peers:
            peer.__exit__()


def test_first_ping_is_answered_soon_after_qemu_starts(tap, log_dir):
    guest, seconds = boottime.measure(networks.NetGuest, tap, log_dir=log_dir)
    guest.close()
    print(f"QEMU start to first ping reply: {seconds * 1000:.1f} ms")
    assert seconds < 20  # catches a boot that waits for something; the figure is make bench-boot's business

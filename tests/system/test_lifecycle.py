# SPDX-License-Identifier: BSD-3-Clause
"""What a hypervisor does to a running guest: link down, pause, reset, unplug, snapshot, migration.

Each with traffic before and after, over the modern interface with MSI-X and the legacy one with its
interrupt line.
"""

import pathlib
import subprocess
import time

import pytest

from antifreeze import Error, iperf
from ping import ping_sizes

WAYS = {"modern": {}, "legacy": {"disable-modern": "on", "vectors": 0}}


@pytest.fixture(params=WAYS)
def options(request):
    return WAYS[request.param]


def assert_alive(guest, direction=()):
    """The guest answers, and a new connection carries data."""
    if guest.net.kind == "tap":
        # One alone first: a guest that has just started asks who we are and keeps one answer meanwhile.
        assert not ping_sizes(guest.net.guest4, [56])
        assert not ping_sizes(guest.net.guest4, [56] * 20)
    mark = guest.mark()
    result = iperf.run(guest.iperf3("-t", "1", *direction), 60)
    assert result.ok and result.received_bps > 0, guest.error(result.output)
    guest.wait("result", 30, after=mark)  # or what comes next might cut it in two
    stats = guest.stats()
    assert stats["alloc_failures"] == 0
    return stats


def resets(stats):
    return max(queue["resets"] for queue in stats["queues"])


def packets(stats):
    return stats["totals"]["rx_packets"]


def uptime_s(guest):
    return guest.stats()["uptime_us"] / 1e6


# ---- link, pause, reset -------------------------------------------------------------------------


def test_link_down_and_up_again_and_again(boot, options):
    guest = boot(options=options)
    for _ in range(20):
        guest.qmp.command("set_link", name="nic0", up=False)
        guest.qmp.command("set_link", name="nic0", up=True)
    assert resets(assert_alive(guest)) == 0


def test_nothing_passes_while_the_link_is_down(boot, tap, options):
    guest = boot(net=tap, options=options)
    assert_alive(guest)
    guest.qmp.command("set_link", name="nic0", up=False)
    assert ping_sizes(tap.guest4, [56], timeout=1)
    guest.qmp.command("set_link", name="nic0", up=True)
    assert resets(assert_alive(guest)) == 0


def test_pause_is_survived_and_takes_no_time(boot, options):
    """A paused machine's clock stands still, so its timers have nothing to catch up with."""
    guest = boot(options=options)
    assert_alive(guest)
    for _ in range(20):
        guest.qmp.command("stop")
        guest.qmp.command("cont")
    before, began = uptime_s(guest), time.monotonic()
    guest.qmp.command("stop")
    paused = time.monotonic()
    while time.monotonic() < paused + 3:  # the pause itself is what is tested
        assert guest.qmp.command("query-status")["status"] == "paused"
    guest.qmp.command("cont")
    after, ended = uptime_s(guest), time.monotonic()
    assert after - before < ended - began - 2.5
    assert resets(assert_alive(guest)) == 0


def test_reset_from_outside_starts_over(boot, options):
    guest = boot(options=options, reboot=True)
    for _ in range(2):
        assert_alive(guest)
        mark = guest.mark()
        guest.qmp.command("system_reset")
        guest.wait("ready", 60, after=mark)
    nic = guest.find("nic")
    assert nic[0]["transport"] == nic[-1]["transport"] and nic[0]["irq"] == nic[-1]["irq"]
    assert_alive(guest, ["-R"])


# ---- unplugging ---------------------------------------------------------------------------------

# What QEMU does with device_del: it refuses by itself where the bus has no hotplug, else it asks the
# guest, through ACPI or the slot's own registers, and waits for the guest to let go. The guest drives no
# hotplug controller and keeps its NIC.
PORT = "pcie-root-port,id=port0,chassis=1,slot=1"
NATIVE = "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
UNPLUGGED = {
    "pc, ACPI": dict(machine="pc"),
    "q35, no hotplug": dict(machine="q35"),
    "q35, root port, ACPI": dict(machine="q35", devices=(PORT,), options={"bus": "port0"}),
    "q35, root port, native": dict(machine="q35", devices=(PORT,), settings=(NATIVE,), options={"bus": "port0"}),
}


@pytest.mark.parametrize("how", UNPLUGGED)
def test_unplugging_is_asked_for_and_not_done(boot, how):
    guest = boot(**UNPLUGGED[how])
    assert_alive(guest)
    try:
        guest.qmp.command("device_del", id="nic0")
    except Error as refused:
        assert "hotplug" in str(refused) and how == "q35, no hotplug"
    assert resets(assert_alive(guest)) == 0
    assert_alive(guest, ["-R"])
    assert not [event for event in guest.qmp.events if event["event"].startswith("DEVICE_")]
    assert "nic0" in guest.qmp.command("human-monitor-command", command_line="info qtree")


# ---- snapshots and migration --------------------------------------------------------------------


def human(guest, line):
    """A command of QEMU's human monitor; what it says is an error."""
    said = guest.qmp.command("human-monitor-command", timeout=60, command_line=line)
    assert not said.strip(), said


def test_snapshot_is_gone_back_to(boot, options, log_dir):
    log_dir.mkdir(parents=True, exist_ok=True)
    state = log_dir / "state.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", state, "256M"], check=True)
    guest = boot(options=options, state=state)
    assert_alive(guest)
    human(guest, "savevm first")
    saved = packets(guest.stats())
    for _ in range(2):
        assert packets(assert_alive(guest)) > saved + 500
        human(guest, "loadvm first")
        assert packets(guest.stats()) < saved + 500  # it remembers nothing of what came later
        assert resets(assert_alive(guest, ["-R"])) == 0
    state.unlink()


def save(guest, path):
    guest.qmp.command("migrate", uri=f"exec:cat >{path}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = guest.qmp.command("query-migrate").get("status")
        if status not in ("setup", "active", "device"):
            break
    assert status == "completed", f"migration: {status}"


def test_migration_to_a_file_and_back(boot, net, options, log_dir):
    log_dir.mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(log_dir) / "machine"
    first = boot(options=options)
    before = assert_alive(first)
    save(first, path)
    assert first.qmp.command("query-status")["status"] == "postmigrate"
    first.close()
    second = boot(options=options, incoming=path, ready=False)
    second.wait_running()
    stats = assert_alive(second)
    assert resets(stats) == 0
    assert stats["uptime_us"] > before["uptime_us"]
    assert stats["totals"]["rx_packets"] > before["totals"]["rx_packets"]  # it is the same guest
    assert_alive(second, ["-R"])
    path.unlink()

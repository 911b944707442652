# SPDX-License-Identifier: BSD-3-Clause
"""Every fault of the soak happens, ends, and leaves nothing behind; also if it is cut short."""

import os
import random
import socket
import time

import pools
import pytest
from interrupted import descendants
from pools import settled
from soakfaults import ORDERED, TOO_LONG, Notes, Rig, answers, do, planned, rise, stalled, taken, told, used, wait_for, wholly

from antifreeze import frames, net as networks
from antifreeze.soak import faults, kinds
from antifreeze.soak.faults import clients
from conftest import check_health, log_directory, need_taps

pytestmark = pytest.mark.limit(120)


@pytest.fixture(scope="module")
def shared(request):
    need_taps()
    rig = Rig(log_directory(request.node))
    yield rig
    rig.close()


@pytest.fixture
def rig(request, shared):
    request.node.guests = [shared.guest]
    shared.log = Notes()
    for path in shared.paths.values():
        assert answers(path, 30), path
    yield shared
    check_health(shared.guest)
    stats = shared.guest.stats()
    assert stats["alloc_failures"] == 0 and stats["conservation_violations"] == 0
    judged = stats["stalls_judged_by_cause"]
    assert {cause for cause, n in judged.items() if n} <= {"backend_blocked"} and sum(judged.values()) == stats["stalls_judged"], judged


@pytest.fixture(autouse=True)
def nothing_is_left(rig):
    """No process of a fault, and no path on which nothing moves."""
    before = set(descendants(os.getpid()))
    yield
    assert set(descendants(os.getpid())) == before
    for path in rig.paths.values():
        assert answers(path, 5), path


# ---- that it happens -----------------------------------------------------------------------------


def test_every_kind_has_its_fault():
    assert set(faults.REGISTRY) == set(kinds.KINDS)


@pytest.mark.parametrize("path", ["tap", "user"])
def test_a_link_is_down_and_up_again(rig, path):
    mark = rig.guest.mark()
    with do(rig, "link", path=path):
        stalled(rig, mark, cause="link_down", nic=rig.paths[path].nic)
        assert not answers(rig.paths[path], 0.2) and answers(rig.paths["plain"], 5)
    told(rig)


def test_a_machine_stands_still_and_goes_on(rig):
    with do(rig, "stop"):
        wait_for(lambda: rig.guest.qmp.command("query-status")["status"] == "paused")
        assert not answers(rig.paths["tap"], 0.2)
    told(rig)


def test_a_backend_is_blocked(rig):
    mark = rig.guest.mark()
    with do(rig, "blocked"):
        found = stalled(rig, mark, cause="backend_blocked", nic="net3", queue="tx")
        assert found["avail"] != found["used"]
        assert answers(rig.paths["tap"], 5)
    told(rig)


def test_a_peer_goes_with_data_queued(rig):
    before = rig.guest.stats()
    with do(rig, "peer_killed", count=16):
        wait_for(lambda: taken(rig, "TCP_SEG") >= used(before, "lwip.TCP_SEG") + 100)
    assert told(rig)["connections"] == 16
    assert not settled(rig.guest, pools.used(before), 20)


@pytest.mark.long
@pytest.mark.limit(300)
def test_a_peer_goes_that_takes_nothing_behind_the_user_network(rig):
    """QEMU goes on for it, and tells nobody."""
    before = rig.guest.stats()
    with do(rig, "peer_killed", path="user", count=16):
        wait_for(lambda: taken(rig, "TCP_SEG") >= used(before, "lwip.TCP_SEG") + 100)
    assert told(rig)["connections"] == 16
    assert not settled(rig.guest, pools.used(before), 20 + kinds.KINDS["peer_killed"].lingers_user)
    assert rig.guest.stats()["services"]["echo"]["timed_out"] > before["services"]["echo"]["timed_out"]


def test_everybody_reads_slowly(rig):
    before = rig.guest.stats()
    with do(rig, "slow_readers"):
        wait_for(lambda: taken(rig, "TCP_PCB") >= 60 + faults.peers.SlowReaders.STREAMS)
    assert told(rig)["connections"] == 60
    assert not settled(rig.guest, pools.used(before), 20)


def test_few_clients_ask_at_one_time():
    """Of many at once a listener would give up the oldest, which may be somebody else's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        asking = [clients.Client(listener.getsockname(), b"", clients.is_open) for _ in range(3 * clients.AT_ONCE)]
        there = [False] * len(asking)
        for rounds in range(3):
            there = clients.turn(asking, there)
            assert sum(client.begun for client in asking) == (rounds + 1) * clients.AT_ONCE
            assert sum(there) == rounds * clients.AT_ONCE
            there = clients.turn(asking, there)  # those who have asked are let in
        assert all(there)


def test_connections_are_half_open(rig):
    before = rig.guest.stats()
    with do(rig, "half_open"):
        wait_for(lambda: taken(rig, "TCP_PCB") >= 40)
    assert told(rig)["connections"] > 40
    assert not settled(rig.guest, pools.used(before), 20)


# What the guest counts of a storm.
STORMS = {
    "arp_storm": "lwip.etharp.recv", "nd_storm": "lwip.nd6.recv", "fragments": "lwip.ip.drop",
    "syn_flood": "lwip.tcp.drop", "noise": "lwip.ip.chkerr",
}  # fmt: skip


@pytest.mark.parametrize("path", ["tap", "plain"])
@pytest.mark.parametrize("name", STORMS)
def test_a_storm_comes_in(rig, name, path):
    seen = rise(rig, STORMS[name])
    with do(rig, name, path=path):
        seen(500)
    assert told(rig)["sent"] >= 500


@pytest.mark.parametrize("name,params,counter", [
    ("fragments", {"family": 6}, "lwip.ip6.drop"), ("syn_flood", {"senders": "far"}, "lwip.tcp.drop"),
])  # fmt: skip
def test_a_storm_of_another_kind(rig, name, params, counter):
    seen = rise(rig, counter)
    with do(rig, name, **params):
        seen(500)
    assert told(rig)["sent"] >= 500


def test_nothing_is_said_in_the_hosts_name(rig):
    net = rig.paths["tap"].net
    fault = faults.make(rig, planned(rig, "noise", 1))
    sent = list(fault.frames(faults.storms.station(net), random.Random(1)))
    assert len(sent) > 3000
    for name in (net.host4, net.host6):
        assert not any(frames.ip(name) in frame for frame in sent)


@pytest.mark.parametrize("size", [60, 1514])
def test_an_overload_is_one_and_then_half(rig, size):
    fault = faults.make(rig, planned(rig, "overload", 1, size=size))
    try:
        fault.start()
        time.sleep(1)  # the overload itself
        fault.stop()
        # A busy host does not run the sender all the time: then it is not half as much again that is offered.
        assert fault.figures["offered_pps"] > 0.5 * fault.figures["full_pps"] > 500, fault.figures
        assert fault.figures["refused"] > 0, fault.figures
        offered, start = sum(fault._storm.counts()), time.monotonic()
        time.sleep(0.5)  # half of it
        half = (sum(fault._storm.counts()) - offered) / (time.monotonic() - start)
        assert half < 0.6 * fault.figures["full_pps"], fault.figures
    finally:
        fault.clean()


@pytest.mark.parametrize("name,kind", [("lost_kicks", "drop_kick"), ("lost_irqs", "drop_irq")])
def test_doorbells_and_interrupts_are_lost(rig, name, kind):
    with do(rig, name, ORDERED):
        while "end" not in [record["what"] for record in rig.log.records]:
            answers(rig.paths["tap"], 1)
    assert told(rig)["struck"] > 0
    [counted] = [fault for fault in rig.guest.stats()["faults"] if fault["fault"] == kind]
    assert counted["count"] > 0 and not counted["open"]


def test_devices_break_and_come_back(rig):
    mark = rig.guest.mark()
    wholly(rig, "broken_device")
    for path in rig.paths.values():
        assert stalled(rig, mark, cause="device_broken", nic=path.nic)["injected"]
        rig.guest.wait("recovered", 30, lambda r: r["nic"] == path.nic, mark)
    assert told(rig)["struck"] == len(rig.paths)


def test_features_are_agreed_on_anew(rig):
    mark, agreed = rig.guest.mark(), {record["nic"]: record["features"] for record in rig.guest.find("nic")}
    wholly(rig, "renegotiate")
    for path in (rig.paths["tap"], rig.paths["plain"]):  # the others have no checksums to do without
        others = rig.guest.wait("nic", 30, lambda r: r["nic"] == path.nic, mark)["features"]
        assert set(others) < set(agreed[path.nic])
        rig.guest.wait("nic", 30, lambda r: (r["nic"], r["features"]) == (path.nic, agreed[path.nic]), mark)
    assert told(rig)["struck"] >= len(rig.paths)


def test_a_snapshot_is_saved_and_loaded(rig):
    before = rig.guest.stats()["uptime_us"]
    events = len(rig.guest.qmp.events)
    with socket.create_connection(rig.paths["tap"].address(networks.PORTS["echo"]), 10) as sock:
        sock.sendall(b"before")
        assert sock.recv(6, socket.MSG_WAITALL) == b"before"
        wholly(rig, "snapshot")
        sock.sendall(b"behind")  # the connection has lived through it
        assert sock.recv(6, socket.MSG_WAITALL) == b"behind"
    assert {"STOP", "RESUME"} <= {event["event"] for event in rig.guest.qmp.events[events:]}
    told(rig)
    assert "soak" not in rig.guest.qmp.command("human-monitor-command", command_line="info snapshots")
    assert rig.guest.stats()["uptime_us"] > before


# ---- that it ends -------------------------------------------------------------------------------


def test_what_cannot_be_done_is_told(rig):
    rig.paths["user"].device, right = "nothing", rig.paths["user"].device
    try:
        wholly(rig, "link", path="user")
    finally:
        rig.paths["user"].device = right
    assert "nothing" in rig.log.records[-1]["error"]


@pytest.mark.long
@pytest.mark.parametrize("name", kinds.KINDS)
def test_a_fault_is_cut_short_at_any_moment(rig, name):
    for k in range(8):
        rig.log = Notes()
        mark = rig.guest.mark()
        seconds = ORDERED if faults.REGISTRY[name].__module__.endswith("orders") else TOO_LONG
        with do(rig, name, seconds):
            time.sleep(0.02 * 2**k)  # from its very beginning to its middle
        assert {record.get("error") for record in rig.log.records} == {None}
        if seconds == ORDERED:  # it is over when the guest says so
            rig.guest.wait("fault", 30, lambda r: r["fault"] == faults.REGISTRY[name].guests_name and r["state"] == "over",
                           mark)  # fmt: skip

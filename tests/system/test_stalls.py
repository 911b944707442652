# SPDX-License-Identifier: BSD-3-Clause
"""The watchdog in QEMU: a back-end that blocks, links that go, guests that are stopped, and silence."""

import os
import signal
import socket
import time

import pytest
from books import bar, power_off

from antifreeze import net as networks, qemu
from peer import RawPeer

OTHERS = ("guest_late",)  # may happen on a busy host, and is nobody's fault here


def find(records, **wanted):
    return [r for r in records if all(r.get(key) == value for key, value in wanted.items())]


def nothing_stalled(guest):
    """Neither a stall nor a reset so far, whatever this host did to the guest."""
    stats = guest.stats()
    by_cause = {c: n for c, n in stats["stalls_by_cause"].items() if n and c not in OTHERS}
    assert not by_cause, by_cause
    assert not any(q["resets"] for q in stats["queues"])
    assert not [r for r in guest.find("stall") if r["cause"] not in OTHERS]


def block(peer):
    """The wire to the peer gets full."""
    peer.hold()
    for _ in range(300):  # whose answers fill it
        peer.send_echo(bytes(1400))


def blocks_seen(guest):
    """A count: records are not written for each where there are many."""
    return guest.stats()["stalls_by_cause"]["backend_blocked"]


@pytest.mark.alone
def test_blocked_backend_is_named_and_fails_the_run(boot):
    with RawPeer(from_guest=1 << 16) as peer:
        guest = boot(append=peer.config("net1"), more_nics=[peer.nic()])
        assert peer.wait_reachable(4)
        block(peer)
        stall = guest.wait("stall", 60, lambda r: r["nic"] == "net1")
        assert (stall["cause"], stall["queue"], stall["dir"]) == ("backend_blocked", "tx", "tx")
        assert not stall["injected"]
        assert stall["stalled_us"] < 300_000  # 250 ms, and the lateness that does not count as such
        assert stall["posted"] > 0 and stall["avail"] != stall["used"] == stall["last_seen"]
        assert stall["kicks_repeated"] > 0
        while guest.stats()["stalls_judged"] == 0:
            pass  # not over after a second
        assert guest.stats()["stalls_judged_by_cause"] == dict.fromkeys(guest.stats()["stalls_by_cause"], 0) | {"backend_blocked": 1}
        peer.release()
        recovered = guest.wait("recovered", 10, lambda r: r["nic"] == "net1")
        peer.forget()
        assert peer.ping(), "no answer after the back-end went on"
        assert (recovered["cause"], recovered["queue"]) == ("backend_blocked", "tx")
        assert recovered["after_us"] >= stall["stalled_us"]
        guest.qmp.command("system_powerdown")
        assert guest.wait_exit() == qemu.STATUS_FAIL
        verdict = guest.find("verdict")[0]
        assert verdict["status"] == "FAIL"
        criteria = {c["name"]: c for c in verdict["criteria"]}
        assert criteria["stalls"]["value"] >= 1 and not criteria["stalls"]["ok"]
        assert criteria["conservation_violations"]["ok"] and criteria["alloc_failures"]["ok"]


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.limit(1200)
@pytest.mark.alone
def test_traffic_goes_on_within_a_second_after_a_block(boot, times, figures):
    recoveries = []
    with RawPeer(from_guest=1 << 16) as peer:
        guest = boot(append=peer.config("net1"), more_nics=[peer.nic()])
        assert peer.wait_reachable(4)
        for k in range(times):
            block(peer)
            while blocks_seen(guest) == k:
                pass  # the test's limit ends it
            peer.release()
            start = time.monotonic()
            assert peer.ping(timeout=10)
            recoveries.append(time.monotonic() - start)
            peer.forget()
        bar(figures, "back-end blocked", 1.0, recoveries)
        stats = guest.stats()
        assert stats["alloc_failures"] == 0
        assert stats["stalls_by_cause"]["backend_blocked"] == times


@pytest.mark.alone
def test_host_that_does_not_run_the_guest_is_named(boot):
    guest = boot()
    with socket.create_connection(guest.address("http"), timeout=60) as client:
        client.sendall(b"GET /data?bytes=300000000 HTTP/1.1\r\nHost: guest\r\n\r\n")
        assert client.recv(65536)
        os.kill(guest.process.pid, signal.SIGSTOP)
        time.sleep(2)  # which is measured below
        os.kill(guest.process.pid, signal.SIGCONT)
        assert client.recv(65536)
    late = guest.wait("stall", 30, lambda r: r["cause"] == "guest_late" and r["stalled_us"] > 1_900_000)
    assert (late["nic"], late["queue"], late["dir"]) == ("net0", "all", "both")
    assert 0 <= late["asleep_us"] <= late["stalled_us"]
    assert len(guest.get("/data?bytes=100000", timeout=60)) == 100000
    stats = guest.stats()
    assert stats["gap_max_us"]["late"] > 1_900_000
    assert stats["gap_max_us"]["tx"] < 1_000_000
    power_off(guest)


@pytest.mark.parametrize(
    "options",
    [{}, *(pytest.param(options, marks=pytest.mark.long) for options in ({"packed": "on"}, {"queue_reset": "off"}))],
    ids=["split", "packed", "no-ring-reset"],
)
def test_silent_peer_is_told_from_a_stall(boot, tap, options):
    guest = boot(net=tap, options=options)
    with socket.create_connection(guest.address("http"), timeout=30) as client:
        client.sendall(b"GET /data?bytes=4000000000 HTTP/1.1\r\nHost: guest\r\n\r\n")
        client.recv(65536)
        tap.set_up(False)  # whatever the guest sends now is lost, and it is owed acknowledgements
        stall = guest.wait("stall", 60, lambda r: r["cause"] == "peer_silent")
        assert (stall["queue"], stall["dir"]) == ("rx", "rx")
        assert 4_000_000 < stall["stalled_us"] < 18_000_000  # about 9 s, without time in which the guest was not run
        tap.set_up(True)
        back = guest.wait("recovered", 120, lambda r: r["cause"] == "peer_silent")
        assert back["action"] == "none"
    assert len(guest.get("/data?bytes=100000", timeout=60)) == 100000
    stats = guest.stats()
    assert stats["recoveries_by_action"]["reset"] == 0  # it was tried, and did not help
    assert not any(q["resets"] for q in stats["queues"])  # which is no fault of the device
    tried = 0 if "queue_reset" in options else 1
    restarts = {q["queue"]: q["restarts"] for q in stats["queues"] if q["queue"] in ("rx", "tx")}
    assert restarts == {"rx": tried, "tx": 0}  # of the receive queue alone, before
    assert stats["stalls_judged"] == 0


def be_silent(idle, down, stopped, seconds):
    down.qmp.command("set_link", name="n0", up=False)
    down.wait("stall", 10, lambda r: r["cause"] == "link_down")
    stopped.qmp.command("stop")
    time.sleep(seconds)
    stopped.qmp.command("cont")
    down.qmp.command("set_link", name="n0", up=True)
    back = down.wait("recovered", 10, lambda r: r["cause"] == "link_down")
    assert back["action"] == "none" and back["after_us"] >= 0.9 * seconds * 1_000_000
    for guest in (idle, down, stopped):
        assert len(guest.get("/data?bytes=100000")) == 100000
    assert idle.stats()["uptime_us"] >= seconds * 1_000_000
    nothing_stalled(idle)
    nothing_stalled(stopped)
    stats = down.stats()
    assert stats["stalls_by_cause"]["link_down"] == len(find(down.find("stall"), cause="link_down")) == 1
    assert not any(q["resets"] for q in stats["queues"])


@pytest.mark.parametrize("seconds", [8, pytest.param(600, marks=pytest.mark.long)])
@pytest.mark.limit(900)
def test_silence_is_no_stall(boot, net, seconds):
    """Of three guests at once: nobody talks to one, another has no link, the third is stopped."""
    with networks.best() as second, networks.best() as third:
        idle, down, stopped = boot(net=net), boot(net=second), boot(net=third)
        be_silent(idle, down, stopped, seconds)


@pytest.mark.parametrize("times", [20, pytest.param(500, marks=pytest.mark.long)])
@pytest.mark.limit(900)
def test_links_that_flap_and_stops_leave_nothing_behind(boot, times):
    guest = boot()
    for k in range(times):
        guest.qmp.command("set_link", name="n0", up=False)
        guest.qmp.command("set_link", name="n0", up=True)
        guest.qmp.command("stop")
        guest.qmp.command("cont")
        if k % 10 == 0:
            assert len(guest.get("/data?bytes=50000", timeout=60)) == 50000
    assert len(guest.get("/data?bytes=50000", timeout=60)) == 50000
    stats = guest.stats()
    assert stats["alloc_failures"] == 0
    assert not any(q["resets"] for q in stats["queues"])
    assert all(n == 0 for c, n in stats["stalls_by_cause"].items() if c not in (*OTHERS, "link_down"))

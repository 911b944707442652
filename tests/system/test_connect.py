# SPDX-License-Identifier: BSD-3-Clause
"""run=connect: connections by the thousand, and held ones, against servers whose own counts are compared."""

import pathlib

import pytest

from antifreeze import net as networks
from http_jobs import jobs
from many_server import EACH, serving
from pools import settled, used

PERCENTILES = ("p50_us", "p90_us", "p99_us", "max_us")


@pytest.fixture
def net(tap):
    return tap


def run(boot, net, words, status=0):
    """The result of a guest that ends with its job."""
    guest = boot(f"run=connect target={net.host4} {words}", ready=False, healthy=False)
    assert guest.wait_exit(60) == status, guest.error("another status")
    assert guest.find("stats")[-1]["alloc_failures"] == 0
    result = guest.find("result")[-1]
    assert result["intended"] == result["started"] + result["slipped"]
    assert result["started"] == result["completed"] + result["failed"]
    assert result["failed"] == sum(result[why] for why in ("refused", "reset", "timed_out", "wrong", "no_room"))
    return result


@pytest.mark.parametrize(
    "behaviour, words",
    [("echo", "len=200"), ("http", "port=80 len=3000"), ("http", "port=80 request=post len=3000")],
)
def test_each_connection_is_right_and_counted(boot, net, behaviour, words):
    with serving(net.host4, behaviour) as server:
        result = run(boot, net, f"{words} rate=200 time=2s min_cps=50 max_p99=5s")
        accepted, received, is_open = server.counts()
    assert (result["end"], result["status"]) == ("done", "PASS")
    assert result["intended"] == 400 and result["completed"] == result["started"] > 100
    # One more finds the way. It has asked nothing.
    assert (accepted, received, is_open) == (result["started"] + 1, result["tx_bytes"], 0)
    assert result["connect"]["count"] == result["transaction"]["count"] == result["completed"]
    for name in PERCENTILES:
        assert 0 < result["connect"][name] <= result["transaction"][name]
    if behaviour == "echo":
        assert result["tx_bytes"] == result["rx_bytes"] == 200 * result["completed"]


@pytest.mark.parametrize("behaviour, reason", [("wrong", "wrong"), ("short", "wrong"), ("reset", "reset")])
def test_failures_are_counted_by_reason(boot, net, behaviour, reason):
    with serving(net.host4, behaviour):
        result = run(boot, net, "rate=200 time=1s", status=3)
    assert (result["end"], result["status"]) == ("connections failed", "FAIL")
    # The first, which is not counted, is the server's, too.
    assert result[reason] == result["failed"] == (result["started"] + 1) // EACH > 5


def test_nobody_there_is_said_at_once(boot, net):
    result = run(boot, net, "rate=200 time=1s", status=3)
    assert result["end"] == "connection_refused" and result["started"] == 0


def test_held_connections_are_checked(boot, net):
    with serving(net.host4, "echo") as server:
        result = run(boot, net, "streams=100 hold=200ms time=2s len=500")
        accepted, received, _ = server.counts()
    assert (result["end"], result["completed"], result["dropped"], result["corrupt"]) == ("done", 100, 0, 0)
    assert result["checks"] * 500 == result["tx_bytes"] == result["rx_bytes"] == received
    assert 800 <= result["checks"] <= 1000 and accepted == 101


def check_load(boot, net, seconds, rate):
    """Asked for more than it can do, the guest ends with nothing lost and every pool as it was."""
    guest = boot("")
    with serving(net.host4, "echo") as server:
        before = used(guest.stats())
        asked = {"run": "connect", "target": net.host4, "rate": rate, "time": f"{seconds}s"}
        assert jobs(guest, "POST", body=asked)[0] == 201
        result = guest.wait("result", 60 + 2 * seconds)
        accepted, received, _ = server.counts()
    assert (result["end"], result["failed"]) == ("done", 0)
    assert accepted == result["completed"] + 1 and received == result["tx_bytes"]
    over = settled(guest, before)
    assert not over, f"not given back (idle, now): {over}"
    assert guest.stats()["alloc_failures"] == 0
    return result


def test_more_connections_than_places_leave_every_pool_idle(boot, net):
    result = check_load(boot, net, 3, 10000)
    assert result["completed"] > 1000  # twice what the stack has room for, TIME_WAIT included


def test_guest_against_guest(boot, net):
    """Across a host that forwards: the server is the other guest, and each of its pools is idle afterwards as well."""
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    with networks.Tap() as other:
        server = boot("", net=other)
        before = used(server.stats())
        for words in "rate=500", "port=80 rate=200", "streams=30 rate=200 hold=200ms":
            run(boot, net, f"target={other.guest4} time=1s {words}")
        over = settled(server, before)
        assert not over, f"not given back (idle, now): {over}"
        assert server.stats()["alloc_failures"] == 0 and not server.find("refused")


@pytest.mark.long
@pytest.mark.limit(300)
def test_a_minute_of_ten_thousand_a_second(boot, net, figures):
    result = check_load(boot, net, 60, 10000)
    figures["connections/s"] = result["completed_per_s"]
    figures["p99 ms"] = round(result["transaction"]["p99_us"] / 1000, 1)

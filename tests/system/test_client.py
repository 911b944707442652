# SPDX-License-Identifier: BSD-3-Clause
"""run=client: the guest's iperf3 client against the real server, and against servers that are none."""

import socket
import subprocess

import pytest

from antifreeze import iperf, qemu
from iperf3_server import PORT, server

SECONDS = 60  # that a run may take on a busy machine
IN_SOCKET = 6 << 20  # bytes that a connection may have in the kernel's buffers


@pytest.fixture
def net(tap):
    return tap


def client(boot, net, words, **more):
    return boot(append=f"run=client target={net.host4} services=off {words}", ready=False, healthy=False, **more)


def verdict(guest):
    return {(c.get("job"), c["name"]): c for c in guest.find("verdict")[0]["criteria"]}


def agree(ours, theirs):
    """Within half a percent, and what the end of the test cut off."""
    assert abs(ours - theirs) <= 0.005 * theirs + IN_SOCKET, (ours, theirs)


def check(guest, words, dropped_before):
    """It was what the words asked for, and both ends say the same of it."""
    assert guest.wait_exit(SECONDS) == qemu.STATUS_PASS, guest.find("verdict")
    dropped_here = iperf.socket_drops() - dropped_before  # the server was too slow to read
    asked = dict(word.split("=") for word in words.split())
    result = guest.find("result")[0]
    sends, receives = asked.get("dir", "tx") != "rx", asked.get("dir", "tx") != "tx"
    streams = int(asked.get("streams", 1)) * (2 if sends and receives else 1)
    assert (result["job"], result["end"], result["status"]) == ("client-1", "done", "PASS")
    assert result["proto"] == asked.get("proto", "tcp")
    assert result["streams"] == len(result["per_stream"]) == streams
    assert (result["tx_bytes"] > 0, result["rx_bytes"] > 0) == (sends, receives)
    if "bytes" not in asked:
        assert 0.9 < result["duration_us"] / 1e6 / int(asked["time"][:-1]) < 1.5
    udp = result["proto"] == "udp"
    for stream in result["per_stream"] if streams <= 8 else []:
        if not udp or stream["dir"] == "rx":
            agree(stream["bytes"], stream["peer_bytes"])
    if udp:
        assert result["lost"] <= 0.005 * result["rx_packets"]
        assert result.get("peer_lost", 0) - dropped_here <= 0.005 * result["tx_packets"]
    assert guest.find("stats")[0]["alloc_failures"] == 0
    return result


SHORT = [
    "dir=both streams=4 time=1s",
    "proto=udp dir=both rate=20M time=1s",
    "dir=rx bytes=20M",
]
LONG = [
    "dir=tx time=3s",
    "dir=rx time=3s",
    "dir=tx bytes=100M",
    "dir=tx time=3s rate=50M streams=3",
    "dir=both time=3s rate=50M",
    "dir=tx time=3s omit=1s",
    "dir=rx time=3s omit=1s",
    "dir=tx time=2s len=200 rate=10M",
    "dir=tx time=3s streams=128",
    "dir=rx time=3s streams=128",
    "dir=both time=3s streams=128",
    "proto=udp dir=tx time=3s rate=50M",
    "proto=udp dir=rx time=3s rate=50M",
    "proto=udp dir=tx time=3s rate=5kpps len=200",
    "proto=udp dir=tx bytes=1M rate=20M",
    "proto=udp dir=tx time=3s omit=1s rate=20M",
    "proto=udp dir=both time=3s rate=20M streams=8",
    "proto=udp dir=both time=3s rate=12800k streams=128",
]


@pytest.mark.parametrize("words", SHORT)
def test_client_does_what_was_asked(boot, net, words):
    with server(net):
        check(client(boot, net, words), words, iperf.socket_drops())


@pytest.mark.long
@pytest.mark.parametrize("words", LONG)
def test_client_does_all_that_can_be_asked(boot, net, words):
    with server(net):
        check(client(boot, net, words), words, iperf.socket_drops())


def test_endless_test_ends_with_the_run(boot, net):
    with server(net):
        guest = client(boot, net, "time=0 exit=1500ms interval=200ms")
        assert guest.wait_exit(SECONDS) == qemu.STATUS_PASS
    result = guest.find("result")[0]
    assert (result["end"], result["status"]) == ("done", "PASS")
    intervals = guest.find("interval")
    assert len(intervals) >= 3
    assert sum(r["tx_bytes"] for r in intervals) == result["tx_bytes"] > 0
    assert intervals[-1]["data"]["sum"]["bytes"] == intervals[-1]["tx_bytes"]


@pytest.mark.long
@pytest.mark.parametrize("words", ["dir=both time=1s", "proto=udp dir=both rate=10M time=1s"])
def test_server_may_have_an_ipv6_address(boot, net, words):
    if not net.has_ipv6:
        pytest.skip("needs a tap interface with IPv6")
    with server(net):
        guest = boot(append=f"run=client target=[{net.host6}] services=off {words}", ready=False, healthy=False)
        check(guest, words, iperf.socket_drops())


# ---- servers that are none ----------------------------------------------------------------------


def fails(guest, end, event):
    """It ends, says why, and fails for nothing else."""
    assert guest.wait_exit(SECONDS) == qemu.STATUS_FAIL
    result = guest.find("result")[0]
    assert (result["end"], result["status"]) == (end, "FAIL")
    assert end in guest.find(event)[0]["message" if event == "error" else "reason"]
    assert [name for name, c in verdict(guest).items() if not c["ok"]] == [("client-1", "unfinished")]
    assert guest.find("stats")[0]["alloc_failures"] == 0


def test_nobody_listens(boot, net):
    fails(client(boot, net, ""), "connection_refused", "error")


def test_server_is_busy(boot, net):
    with server(net):
        host = ["setpriv", "--pdeathsig", "KILL", "iperf3", "-c", net.host4, "-p", str(PORT), "-t", "60", "--forceflush"]
        with subprocess.Popen(host, stdout=subprocess.PIPE, text=True) as other:
            assert any("connected to" in line for line in other.stdout)
            fails(client(boot, net, ""), "server_busy", "refused")
            other.kill()


def test_server_is_killed_in_mid_test(boot, net):
    with server(net) as process:
        guest = client(boot, net, "interval=200ms")
        guest.wait("interval", SECONDS)
        process.kill()
        assert guest.wait_exit(SECONDS) == qemu.STATUS_FAIL
    assert guest.find("result")[0]["end"] in ("server_reset", "server_closed")
    assert guest.find("result")[0]["tx_bytes"] > 0


@pytest.mark.long
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_server_says_nothing(boot, net, proto):
    with socket.create_server((net.host4, PORT)):
        fails(client(boot, net, f"proto={proto}"), "server_silent", "error")


@pytest.mark.long
def test_nobody_is_there(boot, net):
    guest = boot(append=f"run=client target={net.host4[:-1]}77", ready=False, healthy=False)
    fails(guest, "no_answer", "error")


def test_guest_that_is_killed_has_said_all_but_the_last_interval(boot, net):
    with server(net):
        guest = client(boot, net, "time=0 interval=200ms")
        for _ in range(3):
            last = guest.wait("interval", SECONDS, after=guest.mark())
        guest.process.kill()
        guest.console.wait_closed(10)
    ends = [r["end_us"] for r in guest.find("interval")]
    assert ends[-1] >= last["end_us"] and len(ends) >= 3
    assert not guest.console.malformed

# SPDX-License-Identifier: BSD-3-Clause
"""The guest's iperf3 server against the real client."""

import json
import signal
import subprocess
import threading

import pytest
from iperf3_cases import CASES, CASES_V6, Case
from iperf3_client import wait_idle

from antifreeze import iperf, net as networks

# ---- running a client ---------------------------------------------------------------------------


def command(guest, words, v6=False):
    """The client's command line, JSON out."""
    full = guest.iperf3(*words.split(), "-J")
    if v6:
        full[full.index("-c") + 1] = guest.net.guest6
    return full


def run(guest, words, seconds, v6=False):
    """The client's report. 3.12 exits 0 on errors when it writes JSON: look for the key."""
    done = subprocess.run(command(guest, words, v6), capture_output=True, text=True, timeout=seconds)
    assert done.stdout, f"status {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


# ---- what has to come out -----------------------------------------------------------------------


def sums(case, end):
    """[(what the sender says it sent, what the receiver says it received, its UDP figures)], one for each
    direction, the client's sending first."""
    if not case.bidir:
        return [(end["sum_sent"], end["sum_received"], end.get("sum"))]
    return [
        (end["sum_sent"], end["sum_received"], end.get("sum")),
        (end["sum_sent_bidir_reverse"], end["sum_received_bidir_reverse"], end.get("sum_bidir_reverse")),
    ]


def check_rate(case, received):
    if case.bps:
        wanted = case.bps * case.parallel
        assert abs(received["bits_per_second"] - wanted) < 0.15 * wanted


def check_loss(case, udp, dropped_here):
    assert 0 <= udp["lost_packets"] <= udp["packets"]
    if case.loss_max is not None:
        assert udp["lost_packets"] - dropped_here <= case.loss_max * udp["packets"] + (1 if case.loss_max else 0)


def check(case, report, record, dropped_here):
    """Client and guest agree, and it is what was asked for. What this host has dropped at its own full sockets,
    iperf3 being too slow to read them, was received here."""
    assert "error" not in report, report["error"]
    assert record["end"] == "done"
    assert record["proto"] == ("udp" if case.udp else "tcp")
    assert record["dir"] == ("both" if case.bidir else "tx" if case.reverse else "rx")
    assert record["streams"] == len(record["per_stream"]) == case.parallel * (2 if case.bidir else 1)
    ids = [stream["id"] for stream in record["per_stream"]]
    assert ids == [1, *range(3, len(ids) + 2)]
    starving = [stream["id"] for stream in record["per_stream"] if stream["bytes"] == 0]
    assert not starving, f"moved nothing: {starving}"

    for k, (sent, received, udp) in enumerate(sums(case, report["end"])):
        guest_sends = case.reverse or k == 1
        assert received["bytes"] >= max(case.moved, 1)
        if not guest_sends:  # both numbers are the guest's
            assert received["bytes"] == record["rx_bytes"]
        elif not case.udp:  # acknowledged is received, but for what the end of the test cut off
            assert record["tx_bytes"] <= sent["bytes"]
        check_rate(case, received)
        if case.udp:
            check_loss(case, udp or received, dropped_here)
    assert record["tx_bytes"] == sum(s["bytes"] for s in record["per_stream"] if s["dir"] == "tx")
    assert record["rx_bytes"] == sum(s["bytes"] for s in record["per_stream"] if s["dir"] == "rx")


def one(guest, case, v6=False):
    if case.tap and guest.net.kind != "tap":
        pytest.skip("needs a tap interface")
    before = guest.mark()
    drops = iperf.socket_drops()
    report = run(guest, case.words, case.seconds, v6)
    drops = iperf.socket_drops() - drops
    if case.refused:
        assert case.refused in report["error"]
        assert guest.wait("refused", 5, after=before)["what"] == "iperf3 test"
        assert not [r for r in guest.records[before:] if r["event"] == "result"]
    else:
        check(case, report, guest.wait("result", 20, after=before), drops)
    wait_idle(guest)
    return report


def parameters(cases):
    return [pytest.param(case, id=case.name, marks=[pytest.mark.long] if case.long else []) for case in cases]


@pytest.mark.parametrize("case", parameters(CASES))
def test_client(guest, case):
    one(guest, case)


@pytest.mark.parametrize("case", parameters(CASES_V6))
def test_client_over_ipv6(guest, case):
    if not getattr(guest.net, "has_ipv6", False):
        pytest.skip("needs a tap interface with IPv6")
    one(guest, case, v6=True)


# ---- more than one line of the table can say ----------------------------------------------------


@pytest.mark.parametrize("words", ["-t 1", "-t 1 -R", "-u -t 1 -l 1400 --bidir"])
def test_server_output_comes_with_the_results(guest, words):
    report = run(guest, words + " --get-server-output", 30)
    assert "error" not in report
    assert "antifreeze" in report["server_output_text"]
    assert "failed allocations 0" in report["server_output_text"]


@pytest.mark.parametrize("words", ["-t 0", "-t 0 -R", "-u -t 0 -b 1M -l 1400 --bidir"])
def test_endless_test_ends_with_the_clients_interrupt(guest, words):
    before = guest.mark()
    with subprocess.Popen(command(guest, words), stdout=subprocess.PIPE, text=True) as client:
        guest.wait("interval", 20, after=before)
        guest.wait("interval", 20, after=guest.mark())
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=20)
    record = guest.wait("result", 20, after=before)
    assert record["end"] == "client_terminated"
    assert record["duration_us"] > 1_000_000
    assert record["tx_bytes"] + record["rx_bytes"] > 0
    wait_idle(guest)


def test_intervals_add_up_to_the_result(guest):
    before = guest.mark()
    run(guest, "-t 3", 30)
    record = guest.wait("result", 20, after=before)
    intervals = [r for r in guest.records[before:] if r["event"] == "interval" and r["job"] == record["job"]]
    assert len(intervals) >= 2
    assert intervals[0]["start_us"] == 0
    for a, b in zip(intervals, intervals[1:]):
        assert a["end_us"] == b["start_us"]
    assert sum(r["rx_bytes"] for r in intervals) <= record["rx_bytes"]
    assert max(r["gap_max_us"] for r in intervals) <= record["gap_max_us"]
    for r in intervals:
        assert r["tx_bytes"] == 0 and r["rx_bytes"] > 0 and r["bps_rx"] > 0


def clients(guest, all_words, seconds):
    """Runs clients at the same time; their reports."""
    reports = [None] * len(all_words)

    def client(k, words):
        reports[k] = run(guest, words, seconds)

    threads = [threading.Thread(target=client, args=item) for item in enumerate(all_words)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports


def test_several_clients_are_served_at_once(guest):
    before = guest.mark()
    words = ["-t 2", "-t 2 -R", "-t 2 --bidir -P 2", "-u -t 2 -l 1400", "-u -t 2 -l 1400 -R", "-u -t 2 -l 1400 -P 4 --bidir"]  # fmt: skip
    for report in clients(guest, words, 60):
        assert report and "error" not in report, report
    wait_idle(guest)
    jobs = set()
    for _ in words:
        jobs.add(guest.wait("result", 10, lambda r: r["job"] not in jobs, before)["job"])
    assert all(r["end"] == "done" for r in guest.records[before:] if r["event"] == "result")


def test_clients_beyond_the_sessions_are_told_that_the_server_is_busy(guest):
    reports = clients(guest, ["-t 3"] * 12, 60)
    errors = [report["error"] for report in reports if "error" in report]
    assert all("the server is busy" in error for error in errors), errors
    assert len(errors) == 12 - 8
    wait_idle(guest)


def test_streams_beyond_the_table_are_told_that_the_server_is_busy(guest):
    with subprocess.Popen(
        command(guest, "-t 0 -b 10K -l 1K -P 128 --bidir"), stdout=subprocess.DEVNULL
    ) as first:
        before = guest.mark()
        guest.wait("interval", 60, after=before)
        second = run(guest, "-t 1 -P 9 --bidir", 30)
        third = run(guest, "-t 1 -P 8 --bidir", 30)
        first.send_signal(signal.SIGINT)
        first.wait(20)
    assert "the server is busy" in second["error"]
    assert "error" not in third
    wait_idle(guest)


@pytest.mark.usefixtures("tap")
def test_jumbo_datagrams_fit_a_jumbo_mtu(boot):
    with networks.Tap(mtu=9000) as jumbo:
        guest = boot(net=jumbo, options={"host_mtu": 9000})
        one(guest, Case("jumbo", "-u -t 1 -l 8972 -b 20M", bps=20e6, loss_max=0.01))
        one(guest, Case("jumbo-reverse", "-u -t 1 -l 8972 -b 20M -R", bps=20e6, loss_max=0.01))
        one(guest, Case("too-long", "-u -t 1 -l 8973", refused="block size invalid"))
        one(guest, Case("jumbo-tcp", "-t 1"))
        one(guest, Case("jumbo-tcp-reverse", "-t 1 -R"))
        guest.close()

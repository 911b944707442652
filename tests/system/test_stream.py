# SPDX-License-Identifier: BSD-3-Clause
"""The records of a test as a stream: in the form of `iperf3 --json-stream`, and worth reading although QEMU was killed."""

import os
import signal

import pytest

import testframe
from capture import Capture, from_tap

FOREIGN = "52:54:00:00:99:99"
STREAM = ("start", "interval", "end")
RATE = 2000
INTERVAL_MS = 200
PAUSE_NS = 10e6  # between two frames: longer ones are the host's, which did not run the guest
WRITING_NS = 50e6  # a record leaves a little each turn


def stream(guest, job):
    """What a tool for iperf3's stream sees: events and their data."""
    return [(record["event"], record["data"]) for record in guest.records if record["event"] in STREAM and record["job"] == job]


def check_stream(events, bytes_sent):
    (first, begin), *intervals, (last, end) = events
    assert (first, last) == ("start", "end")
    assert begin["test_start"]["interval"] == 0.1 and begin["version"].startswith("antifreeze ")
    assert len(intervals) > 2 and all(event == "interval" for event, _ in intervals)
    at = 0
    for _, data in intervals:
        assert data["sum"]["start"] == at
        assert data["sum"]["seconds"] == pytest.approx(data["sum"]["end"] - at, abs=1e-5)
        at = data["sum"]["end"]
    assert sum(data["sum"]["bytes"] for _, data in intervals) <= end["sum_sent"]["bytes"] == bytes_sent
    assert end["sum_sent"]["sender"] and end["streams"] == []


def test_a_job_is_a_stream(boot, tap):
    words = f"run=flood target={tap.host4} dst_mac={FOREIGN} rate={RATE}pps time=500ms interval=100ms"
    guest = boot(words, net=tap, ready=False, healthy=False)
    assert guest.wait_exit(60) == 0
    result = guest.find("result")[-1]
    check_stream(stream(guest, "flood-1"), result["tx_bytes"])
    assert sum(data["sum"]["bytes"] for event, data in stream(guest, "flood-1") if event == "interval") == result["tx_bytes"]


def test_a_served_test_is_a_stream(boot, net):
    guest = boot("interval=100ms", net=net)
    with os.popen(" ".join(guest.iperf3("-t", 1, "-R"))) as client:
        client.read()
    result = guest.wait("result", 20)
    guest.wait("end", 20)
    check_stream(stream(guest, "iperf3-1"), result["tx_bytes"])


def test_there_is_none_without_intervals(boot, tap):
    words = f"run=flood target={tap.host4} dst_mac={FOREIGN} rate={RATE}pps time=200ms interval=0"
    guest = boot(words, net=tap, ready=False, healthy=False)
    assert guest.wait_exit(60) == 0
    assert not any(guest.find(event) for event in STREAM)


def ran_ns(times):
    """The time from the first to the last without that in which the guest was not run."""
    return sum(min(after - before, PAUSE_NS) for before, after in zip(times, times[1:]))


@pytest.mark.parametrize("frames", [430, 590, 799])
def test_a_killed_qemu_takes_one_interval_with_it_at_most(boot, tap, frames):
    """At any moment: what the wire had from the guest behind the last interval that was said is no more than an interval's."""
    words = f"run=flood target={tap.host4} dst_mac={FOREIGN} rate={RATE}pps time=0 interval={INTERVAL_MS}ms"
    with Capture(tap.name) as capture:
        guest = boot(words, net=tap, ready=False, healthy=False)
        guest.wait("start", 60)
        while from_tap(tap)[0] < frames:
            pass
        guest.process.send_signal(signal.SIGKILL)
        assert guest.console.wait_closed(20)
    assert not guest.console.malformed
    seen = [test for test in (testframe.read(frame[42:]) for _, frame in capture.frames if len(frame) == 60) if test]
    said = guest.find("interval")
    until_ns = said[-1]["t_us"] * 1000 if said else seen[0].time_ns
    assert sum(record["tx_packets"] for record in said) <= len(seen)
    assert len(seen) >= frames - 10 and len(said) >= 1
    assert ran_ns([until_ns, *(test.time_ns for test in seen if test.time_ns > until_ns)]) < INTERVAL_MS * 1e6 + WRITING_NS

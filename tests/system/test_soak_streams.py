# SPDX-License-Identifier: BSD-3-Clause
"""What the guest itself says of iperf3's streams is judged for the path that its result tells, and excused by what happened there."""

import pytest
import soakrecords as records
from soakjudged import QUIET, SHORT, failed, long_guest_gaps, one, verdict_on

TCP, UDP = "iperf3-1", "iperf3-2"
LONG = long_guest_gaps(TCP, 150)  # each twentieth second


def of_job(record, event, job=TCP):
    said = record.get("record", {})
    return said.get("event") == event and said.get("job") == job


def faults(path):
    """One that lasts from the begin to the end."""
    mark = {"src": "fault", "name": "link", "path": path, "paths": [path] if path else [], "settle": 1}
    return lambda record: [record, {"t": 0.36, "what": "begin"} | mark] if of_job(record, "start") else None


@pytest.mark.parametrize("path,judged", [("tap", False), ("plain", True), ("", False)])
def test_a_fault_excuses_the_streams_of_its_path(path, judged):
    found = one(verdict_on(LONG, faults(path)), "guest_tcp_gap_ms")
    assert found["ok"] is (False if judged else None)


@pytest.mark.parametrize("result,judged", [
    ({}, True), ({"dir": "tx"}, False), ({"proto": "udp"}, False), ({"proto": None}, False), ({"client": records.CLIENTS["plain"]}, False), ({"client": "10.9.9.9"}, False),
])  # fmt: skip
def test_a_result_names_the_program_of_its_phase_and_path(result, judged):
    """One on another path is of a fault's client, which reads slowly."""
    said = lambda record: records.guest(record["t"], record["record"] | result) if of_job(record, "result") else None
    assert one(verdict_on(LONG, said), "guest_tcp_gap_ms")["ok"] is (False if judged else None)


@pytest.mark.parametrize("event", ["start", "interval", "result"])
def test_a_test_of_which_the_guest_does_not_tell_is_not_judged(event):
    verdict = verdict_on(LONG, lambda record: [] if of_job(record, event) else None)
    assert one(verdict, "guest_tcp_gap_ms")["ok"] is None and failed(verdict) == []
    assert one(verdict, "udp_send_gap_ms")["ok"]


def test_a_job_that_comes_again_is_another_one():
    """As after a snapshot was loaded: what was before has no result."""
    again = lambda record: [record, records.guest(record["t"] + 0.01, {"event": "start", "job": TCP})] if of_job(record, "interval") and records.at(record, QUIET) else None
    assert one(verdict_on(again), "guest_tcp_gap_ms")["why"].startswith("99 of 100 in 242 seconds")  # without 7 of a fault


@pytest.mark.parametrize("share,fails", [([0.9] * 2 + [0.0] * 8, False), ([0.25] * 10, True), ([0.9] + [0.0] * 9, True)])
def test_the_host_explains_a_silence_by_the_time_of_its_length_in_which_it_waited_most(share, fails):
    """As much of it as not; it may have been anywhere in its second."""
    host = lambda record: record | records.sliced(record["t"], main=share) if record["src"] == "host" else None
    verdict = verdict_on(long_guest_gaps(TCP, 290 if fails else 150), host)
    assert failed(verdict) == (["guest_tcp_gap_ms"] if fails else [])


@pytest.mark.parametrize("share,fails", [(0.9, False), (1.0, True)])
def test_the_time_in_which_the_guest_was_not_run_for_long_is_in_no_gap_of_its_own(share, fails):
    """Nor does it explain one; short waits, of less than a slice, are in them."""
    host = lambda record: record | records.sliced(record["t"], qemu=share) if record["src"] == "host" else None
    verdict = verdict_on(long_guest_gaps(TCP, 290), host)
    assert one(verdict, "guest_tcp_gap_ms")["ok"] is not fails


@pytest.mark.parametrize("gap_ms,fails", [(10, False), (11, True)])
def test_ten_milliseconds_are_told_from_eleven(gap_ms, fails):
    assert failed(verdict_on(long_guest_gaps(UDP, gap_ms))) == (["udp_send_gap_ms"] if fails else [])

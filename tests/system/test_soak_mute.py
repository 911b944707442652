# SPDX-License-Identifier: BSD-3-Clause
"""A program or probe without records sees no freeze, and fails the soak whatever else happens, but for a host that does not run it."""

import pytest
import soakrecords as records
from soakjudged import DURING, QUIET, SHORT, failed, one, verdict_of, verdict_on

LIMIT = 8
END = 400


def is_of(record, name):
    said = {"probe": f"probe@{record.get('path')}", "traffic": record.get("name", "").partition(".")[0]}
    return said.get(record["src"]) == name


def mute(name, begin, end):
    """No record of it in this time."""
    return lambda record: [] if is_of(record, name) and begin < record["t"] < end else None


@pytest.mark.parametrize("name", ["tcp_up@tap", "probe@plain"])
@pytest.mark.parametrize("begin,end,seconds", [(QUIET, QUIET + 8, 9), (DURING - 4, DURING + 5, 10), (QUIET, QUIET + 6, 7), (END - 10, END, 10)])
def test_who_writes_nothing_is_mute(name, begin, end, seconds):
    verdict = verdict_on(mute(name, begin, end))
    assert one(verdict, "mute_s")["value"] == pytest.approx(seconds, abs=0.8) and name in one(verdict, "mute_s")["why"]
    assert failed(verdict) == (["mute_s"] if seconds > LIMIT else [])


def test_who_says_nothing_from_the_begin_is_mute():
    assert one(verdict_on(mute("tcp_up@tap", 0, 9)), "mute_s")["value"] == pytest.approx(9, abs=0.2)


@pytest.mark.parametrize("why,fails", [("done", True), ("interrupted", False)])
def test_nobody_has_to_write_when_the_soak_was_interrupted(why, fails):
    stream = [record | {"why": why} if record.get("what") == "end" and record["src"] == "soak" else record for record in SHORT]
    assert failed(verdict_of(record for record in stream if not (is_of(record, "tcp_up@tap") and record["t"] > 350))) == (["mute_s"] if fails else [])


@pytest.mark.parametrize("name,ok", [("tcp_up@tap udp_64@user", False), ("tcp_up@tap", True), ("", True)])
def test_who_is_planned_and_never_writes_is_mute(name, ok):
    named = lambda record: record | {"name": name} if record.get("what") == "phase" else None
    verdict = verdict_on(named)
    assert one(verdict, "mute_s")["ok"] is ok
    assert ok or "udp_64@user" in one(verdict, "mute_s")["why"]


@pytest.mark.parametrize("before,fails", [(100, False), (90, True)])
def test_who_is_not_of_the_next_phase_any_more_may_be_silent(before, fails):
    def change(record):
        if before < record["t"] < 100 and is_of(record, "tcp_up@tap"):
            return []
        if record["t"] > 100 and is_of(record, "tcp_up@tap"):
            return record | {"name": "tcp_down@tap.rx"}
        next_one = {"t": 100.1, "src": "soak", "what": "phase", "name": "tcp_down@tap", "seconds": END - 100.1}
        return [next_one, record] if records.at(record, 100) and record["src"] == "host" else None

    assert failed(verdict_on(change)) == (["mute_s"] if fails else [])


@pytest.mark.parametrize("path", ["tap", "plain"])
def test_a_probe_that_never_says_anything_is_mute(path):
    verdict = verdict_on(mute(f"probe@{path}", 0, END))
    assert one(verdict, "mute_s")["value"] > END - 2 and f"probe@{path}" in one(verdict, "mute_s")["why"]


def test_a_probe_is_there_from_one_phase_to_the_next():
    next_one = {"t": 100.1, "src": "soak", "what": "phase", "name": "tcp_up@tap udp_down@plain", "seconds": END - 100.1}
    change = lambda record: [next_one, record] if records.at(record, 100) and record["src"] == "host" else mute("probe@plain", 95, 104)(record)
    assert failed(verdict_on(change)) == ["mute_s"]


@pytest.mark.parametrize("begin,end,fails", [
    (QUIET, QUIET + 9, True), (QUIET, QUIET + 6, False), (199, 209, False), (199, 216, True), (END - 10, END, True), (191, 207, True), (193, 212, False), (0.3, END, True),
])  # fmt: skip
def test_the_guest_says_how_it_is_but_in_faults(begin, end, fails):
    """The fault is done to it all from 200 to 206."""
    verdict = verdict_on(lambda record: [] if records.is_stats(record) and begin < record["t"] < end else None)
    assert failed(verdict) == (["mute_s"] if fails else [])
    assert not fails or "the guest's statistics" in one(verdict, "mute_s")["why"]


def test_what_the_sink_has_counted_is_no_record_of_its_flood():
    name = lambda record: record | {"name": "flood@tap"} if record.get("what") == "phase" else record | {"name": "flood@tap.sink"} if record.get("proto") == "udp" else None
    assert one(verdict_on(name), "mute_s")["value"] > LIMIT


@pytest.mark.parametrize("host,seconds", [
    (lambda t: records.sliced(t, **{"tcp_up@tap": 0.6}), 5.6), (lambda t: records.sliced(t, qemu=1.0, main=1.0), 13), (lambda t: {"pause_ms": 600}, 5.6),
])  # fmt: skip
def test_a_host_that_does_not_run_it_is_left_out(host, seconds):
    busy = lambda record: record | host(record["t"]) if record["src"] == "host" and QUIET - 1 < record["t"] < QUIET + 14 else None
    verdict = verdict_on(busy, lambda record: mute("tcp_up@tap", QUIET, QUIET + 12)(record))
    assert one(verdict, "mute_s")["value"] == pytest.approx(seconds, abs=0.7)

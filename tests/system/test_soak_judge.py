# SPDX-License-Identifier: BSD-3-Clause
"""The soak's judge: good records pass, each way to be bad fails by the criterion that is about it, and by that one only, and
what there is too little of is not judged."""

import pytest
import soakrecords as records
from soakjudged import (
    DURING, GOOD, QUIET, SHORT, added, changed, dearer, failed, later, leak_slowly, long_gaps, long_guest_gaps, no_reserve, of_udp, often_full, one, own_verdict, silent_after, slower, verdict_of, with_fields, with_stats,
)  # fmt: skip

from antifreeze.soak import judge, rules


def test_good_records_pass_and_every_criterion_is_judged():
    verdict = verdict_of(GOOD)
    assert failed(verdict) == []
    assert verdict["not_judged"] == []
    assert (verdict["status"], verdict["end"]) == ("PASS", "done")
    assert {each["name"] for each in verdict["criteria"]} == set(rules.ALL)
    for each in verdict["criteria"]:
        assert {"name", "limit", "value", "ok", "why", "unit"} <= set(each)


def lose_a_buffer(stats, t):
    stats["buffers"]["net0.rx"]["free"] -= 1


def keep_at_the_end(stats, t):
    stats["pools"][1]["used"] += 1


def keep_on_a_ring(stats, t):
    stats["queues"][0]["posted"] -= 1
    stats["buffers"]["net0.rx"].update(free=61, device=255)


def slow_behind_faults(record):
    behind = any(0 <= record["t"] - end < 8 for _, end, _ in records.faults())
    if record["src"] == "probe" and behind:
        return record | {"rtt_us": [int(us * 1.4) for us in record["rtt_us"]]}
    return None


def often_lossy(record):
    """One frame of 1.8e7 in each of two windows."""
    return record | {"lost": 1} if record.get("proto") == "udp" and int(record["t"]) in (QUIET, 700) else None


def paused_mostly(record):
    return record | {"pause_ms": 600} if record["src"] == "host" and int(record["t"]) % 20 else None


BAD = {
    "alloc_failures": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(alloc_failures=2)),
    "panics": added(QUIET, {"src": "guest", "guest": "dut", "record": {"event": "panic", "message": "netbuf.c:1"}}),
    "guests_gone": added(QUIET, {"src": "soak", "what": "gone", "guest": "dut", "why": "exit status 7"}),
    "guest_verdict": own_verdict(device_errors=1),
    "corrupt": of_udp(DURING, corrupt=1),
    "duplicates": of_udp(DURING, duplicate=1),
    "ring_accounts": with_stats(lambda t: int(t) == DURING, lose_a_buffer),
    "counters_fall": with_stats(lambda t: int(t) == QUIET, lambda stats, t: stats["queues"][1].update(bytes=0)),
    "stalls": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(stalls_judged=1, stalls_judged_by_cause={"device_broken": 1})),
    "lost_signals": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(stalls_by_cause={"lost_irq": 4})),
    "device_resets": with_stats(lambda t: t > QUIET, lambda stats, t: stats["queues"][0].update(resets=1)),
    "device_errors": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(device_errors=1)),
    "pool_reserve": with_stats(lambda t: int(t) == QUIET, no_reserve),
    "transmit_full": with_stats(lambda t: True, often_full),
    "pool_rise": with_stats(lambda t: True, leak_slowly),
    "pools_left": with_stats(lambda t: t > records.SECONDS, keep_at_the_end),
    "gap_ms": with_fields("probe", QUIET, gap_ms=251),
    "tcp_gap_ms": long_gaps("tcp", 150),
    "guest_tcp_gap_ms": long_guest_gaps("iperf3-1", 150),
    "udp_send_gap_ms": long_guest_gaps("iperf3-2", 20),
    "zero_seconds": with_fields("traffic", QUIET, bytes=0),
    "recovery_s": silent_after(203.0, 3200),
    "recovery_reset_s": silent_after(1003.0, 4200),
    "latency_after_fault": slow_behind_faults,
    "loss_ratio": of_udp(QUIET, lost=20),
    "loss_free_windows": often_lossy,
    "offered_error": lambda record: record | {"sent": records.PACKETS - 20} if record.get("proto") == "udp" else None,
    "steady_loss": lambda record: record | {"lost": 1} if record["src"] == "probe" and record["path"] == "plain" else None,
    "tcp_mbps": lambda record: record | {"bytes": record["bytes"] // 100} if record.get("proto") == "tcp" else None,
    "throughput_decline": slower,
    "cost_rise": dearer,
    "latency_rise": later,
    "quiet_share": paused_mostly,
    "programs_failed": with_fields("traffic", QUIET, answering=False, failed=1, error="iperf3: error - the server has terminated"),
    "mute_s": lambda record: [] if record.get("name") == "tcp_up@tap" and QUIET < record["t"] < QUIET + 9 else None,
    "faults_undone": lambda record: record | {"error": "tc: no such device"} if record["src"] == "fault" and record["t"] == 205 else None,
}


def keep_in_a_hand(stats, t):
    stats["buffers"]["net0.rx"].update(free=59, held=5)


def keep_what_was_sent(stats, t):
    stats["buffers"]["net0.tx"].update(free=247, device=9)


@pytest.mark.parametrize("keep", [keep_on_a_ring, keep_in_a_hand, keep_what_was_sent])
def test_a_buffer_that_is_not_where_it_was_is_left_too(keep):
    assert failed(verdict_of(changed(with_stats(lambda t: t > records.SECONDS, keep)))) == ["pools_left"]


@pytest.mark.parametrize("fewest,fails", [(1, False), (0, True)])
def test_the_fewest_buffers_that_a_device_ever_had_count_in_faults_too(fewest, fails):
    verdict = verdict_of(changed(with_stats(lambda t: t > DURING, lambda stats, t: stats["queues"][0].update(posted_min=fewest)), SHORT))
    assert failed(verdict) == (["pool_reserve"] if fails else [])
    assert one(verdict, "pool_reserve")["value"] == fewest and "net0 rx, the fewest ever" in one(verdict, "pool_reserve")["why"]


@pytest.mark.parametrize("full,fails", [(lambda t: t, False), (lambda t: 1000 * (205 > t > 201), False), (lambda t: 1000 * (t > QUIET), True), (lambda t: 300 * (t > QUIET), False)])
def test_one_frame_in_a_thousand_may_find_no_room_in_quiet_seconds(full, fails):
    verdict = verdict_of(changed(with_stats(lambda t: True, lambda stats, t: stats["queues"][1]["drops"].update(full=int(full(t)))), SHORT))
    assert failed(verdict) == (["transmit_full"] if fails else [])


def test_groups_that_came_with_addresses_are_not_left():
    group = {"name": "lwip.MLD6_GROUP", "size": 8, "max": 2, "failures": 0}
    formed = with_stats(lambda t: True, lambda stats, t: stats["pools"].append(group | {"used": 1 if t < 1 else 2}))
    assert verdict_of(changed(formed))["status"] == "PASS"


def test_each_criterion_has_its_bad_records():
    assert set(BAD) == set(rules.ALL)


@pytest.mark.parametrize("name", BAD)
def test_bad_records_fail_by_their_criterion_alone(name):
    verdict = verdict_of(changed(BAD[name]))
    assert failed(verdict) == [name], one(verdict, name)
    assert verdict["status"] == "FAIL"
    assert one(verdict, name)["why"]


def test_a_sender_that_was_not_run_for_a_moment_is_no_bad_sender():
    held_up = lambda record: record | {"sent": 7000} if record.get("proto") == "udp" and int(record["t"]) % 100 == 50 else None
    assert verdict_of(changed(held_up))["status"] == "PASS"


# ---- what is not judged -------------------------------------------------------------------------


def test_a_short_soak_says_what_it_is_too_short_for():
    verdict = verdict_of(list(records.good(seconds=30)))
    assert verdict["status"] == "PASS"
    assert {"loss_ratio", "loss_free_windows", "latency_after_fault", "recovery_s", "tcp_gap_ms"} <= set(verdict["not_judged"])
    for each in verdict["criteria"]:
        assert (each["ok"] is None) == each["why"].startswith("not judged: ")
        assert (each["ok"] is None) == (each["value"] is None)


def test_records_without_an_end_are_incomplete():
    verdict = verdict_of(GOOD[: len(GOOD) // 2])
    assert verdict["status"] == "INCOMPLETE"
    assert "pools_left" in verdict["not_judged"]
    assert verdict_of([])["status"] == "INCOMPLETE"
    assert verdict_of(changed(lambda record: [] if record["src"] == "soak" and record["what"] == "end" else None))["status"] == "INCOMPLETE"


def test_a_failure_is_one_before_the_end_too():
    half = list(changed(BAD["alloc_failures"]))[: len(GOOD) // 2]
    assert verdict_of(half)["status"] == "FAIL"


@pytest.mark.parametrize("name", ["alloc_failures", "panics", "guests_gone", "corrupt", "duplicates"])
def test_a_broken_promise_is_told_at_once(name):
    early = judge.Judge()
    for record in changed(BAD[name]):
        assert record["t"] < DURING + 5, "nobody said so"
        early.feed(record)
        if early.broken():
            assert early.broken().startswith(name)
            break


def test_nothing_else_ends_a_soak_early():
    early = judge.Judge()
    for record in changed(BAD["zero_seconds"]):
        early.feed(record)
    assert early.broken() is None


def test_a_counter_may_fall_when_a_snapshot_is_loaded():
    back = with_stats(lambda t: QUIET < t < 203, lambda stats, t: stats.update(device_errors=1) if t > 201 else None)
    assert verdict_of(changed(back))["status"] == "PASS"


def test_failed_allocations_of_a_peer_count():
    peer = {"src": "guest", "guest": "generator", "record": records.stats(alloc_failures=1)}
    assert failed(verdict_of(changed(added(QUIET, peer)))) == ["alloc_failures"]

# SPDX-License-Identifier: BSD-3-Clause
"""The soak's judge: good records pass, and each way to be bad fails by the criterion that is about it, and by that one only."""

import copy
import math
import random

import pytest
import soakrecords as records

from antifreeze import Error
from antifreeze.soak import criteria, judge, plan, rules

GOOD = list(records.good())
QUIET = 150  # a second without a fault
DURING = 202  # one with


def verdict_of(stream):
    one = judge.Judge()
    for record in stream:
        one.feed(record)
    return one.verdict()


def changed(change):
    """The good records, each through `change`, which returns nothing, or what comes instead: a record or a list."""
    for record in GOOD:
        new = change(record)
        yield from [record] if new is None else new if isinstance(new, list) else [new]


def failed(verdict):
    return [one["name"] for one in verdict["criteria"] if one["ok"] is False]


def one(verdict, name):
    return next(each for each in verdict["criteria"] if each["name"] == name)


def with_fields(src, t, **fields):
    """Of all records from there in a second, with these fields."""
    return lambda record: record | fields if record["src"] == src and records.at(record, t) else None


def with_stats(where, edit):
    """The guest's statistics of the seconds that `where` chooses, changed by `edit`."""

    def change(record):
        if not records.is_stats(record) or not where(record["t"]):
            return None
        new = copy.deepcopy(record)
        edit(new["record"], record["t"])
        return new

    return change


def added(t, *new):
    """More records, behind those of a second."""
    return lambda record: [record, *({"t": t + 0.9} | each for each in new)] if records.is_stats(record) and records.at(record, t) else None


def of_udp(t, **fields):
    return lambda record: record | fields if record.get("proto") == "udp" and records.at(record, t) else None


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


def no_reserve(stats, t):
    stats["buffers"]["net0.tx"] = {"size": 256, "free": 0, "stack": 100, "held": 0, "device": 156}


def leak_slowly(stats, t):
    if 1 < t < records.SECONDS:
        stats["pools"][1]["used"] += int(t / 100)


def keep_at_the_end(stats, t):
    stats["pools"][1]["used"] += 1


def keep_on_a_ring(stats, t):
    stats["queues"][0]["posted"] -= 1
    stats["buffers"]["net0.rx"].update(free=61, device=255)


def slower(record):
    if record.get("proto") == "tcp":
        return record | {"bytes": int(record["bytes"] * (1 - 0.03 * record["t"] / records.SECONDS))}
    return None


def later(record):
    if record["src"] == "probe":
        return record | {"rtt_us": [int(us * (1 + 0.6 * record["t"] / records.SECONDS)) for us in record["rtt_us"]]}
    return None


def slow_behind_faults(record):
    behind = any(0 <= record["t"] - end < 8 for _, end, _ in records.faults())
    if record["src"] == "probe" and behind:
        return record | {"rtt_us": [int(us * 1.4) for us in record["rtt_us"]]}
    return None


def often_lossy(record):
    """One frame of 1.8e7 in each of two windows."""
    return record | {"lost": 1} if record.get("proto") == "udp" and int(record["t"]) in (QUIET, 700) else None


def long_gaps(proto, gap_ms):
    def change(record):
        return record | {"gap_ms": gap_ms} if record.get("proto") == proto and int(record["t"]) % 20 == 0 else None

    return change


def silent_after(begin, gap_ms, paths=("tap",)):
    """The probes of these paths are silent from a moment in a fault until so long after its end."""

    def change(record):
        if record["src"] == "probe" and record["path"] in paths and begin + 1 <= record["t"] <= begin + gap_ms / 1000 + 1:
            so_far = min(gap_ms, int(1000 * (record["t"] - begin)))
            return record | {"gap_at": begin, "gap_ms": so_far, "lost": 10, "rtt_us": record["rtt_us"][:10]}
        return None

    return change


def paused_mostly(record):
    return record | {"pause_ms": 600} if record["src"] == "host" and int(record["t"]) % 20 else None


BAD = {
    "alloc_failures": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(alloc_failures=2)),
    "panics": added(QUIET, {"src": "guest", "guest": "dut", "record": {"event": "panic", "message": "netbuf.c:1"}}),
    "guests_gone": added(QUIET, {"src": "soak", "what": "gone", "guest": "dut", "why": "exit status 7"}),
    "corrupt": of_udp(DURING, corrupt=1),
    "duplicates": of_udp(DURING, duplicate=1),
    "ring_accounts": with_stats(lambda t: int(t) == DURING, lose_a_buffer),
    "counters_fall": with_stats(lambda t: int(t) == QUIET, lambda stats, t: stats["queues"][1].update(bytes=0)),
    "stalls": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(stalls_judged=1, stalls_by_cause={"lost_irq": 1})),
    "lost_signals": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(stalls_by_cause={"lost_irq": 4})),
    "device_resets": with_stats(lambda t: t > QUIET, lambda stats, t: stats["queues"][0].update(resets=1)),
    "device_errors": with_stats(lambda t: t > QUIET, lambda stats, t: stats.update(device_errors=1)),
    "pool_reserve": with_stats(lambda t: int(t) == QUIET, no_reserve),
    "pool_rise": with_stats(lambda t: True, leak_slowly),
    "pools_left": with_stats(lambda t: t > records.SECONDS, keep_at_the_end),
    "gap_ms": with_fields("probe", QUIET, gap_ms=251),
    "tcp_gap_ms": long_gaps("tcp", 150),
    "udp_send_gap_ms": long_gaps("udp", 20),
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
    "latency_rise": later,
    "quiet_share": paused_mostly,
    "programs_failed": with_fields("traffic", QUIET, answering=False, failed=1, error="iperf3: error - the server has terminated"),
    "faults_undone": lambda record: record | {"error": "tc: no such device"} if record["src"] == "fault" and record["t"] == 205 else None,
}


def keep_in_a_hand(stats, t):
    stats["buffers"]["net0.rx"].update(free=59, held=5)


def keep_what_was_sent(stats, t):
    stats["buffers"]["net0.tx"].update(free=247, device=9)


@pytest.mark.parametrize("keep", [keep_on_a_ring, keep_in_a_hand, keep_what_was_sent])
def test_a_buffer_that_is_not_where_it_was_is_left_too(keep):
    assert failed(verdict_of(changed(with_stats(lambda t: t > records.SECONDS, keep)))) == ["pools_left"]


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


# ---- what is excused ----------------------------------------------------------------------------


@pytest.mark.parametrize("change", [
    with_fields("probe", DURING, gap_ms=900), with_fields("traffic", DURING, answering=False, failed=1), with_fields("traffic", DURING, bytes=0), of_udp(DURING, lost=500, sent=9000),
    with_stats(lambda t: t > DURING, lambda stats, t: stats.update(stalls_judged=1, device_errors=1)),
    with_stats(lambda t: int(t) == DURING, no_reserve),
])  # fmt: skip
def test_a_fault_excuses_what_recovery_is_judged_for(change):
    assert verdict_of(changed(change))["status"] == "PASS"


def test_a_fault_excuses_nothing_on_other_paths():
    def change(record):
        if record["src"] == "fault":
            return record | {"path": "tap", "paths": ["tap"]}
        return of_udp(DURING, bytes=0)(record)

    assert failed(verdict_of(changed(change))) == ["zero_seconds"]


def test_a_fault_may_excuse_a_promise_by_name():
    masked = lambda record: record | {"masks": ["corrupt"]} if record["src"] == "fault" else of_udp(DURING, corrupt=1)(record)
    assert verdict_of(changed(masked))["status"] == "PASS"


def held_up(t, gap_ms, **host):
    """The probes are silent in a second, of which the host says so much."""

    def change(record):
        if record["src"] == "host" and records.at(record, t):
            return record | {"t": t + 0.3} | host
        return with_fields("probe", t, gap_ms=gap_ms, gap_at=t + 0.3 - gap_ms / 1000)(record)

    return changed(change)


@pytest.mark.parametrize("gap_ms,name", [(900, None), (1100, None), (1200, "gap_ms")])
def test_a_pause_of_the_host_excuses_as_much_as_it_lasted(gap_ms, name):
    assert failed(verdict_of(held_up(QUIET, gap_ms, pause_ms=900))) == ([name] if name else [])


WAITED = {
    "the guest": {"qemu": 0.9}, "the main loop": {"main": 0.9}, "one after the other": {"qemu": 0.4, "main": 0.4},
    "not enough": {"qemu": 0.3}, "nobody": {}, "somebody else": {"wire": 0.9},
}  # fmt: skip


@pytest.mark.parametrize("who", WAITED)
def test_a_silence_is_the_hosts_as_far_as_somebody_on_its_way_waited(who):
    name = None if WAITED[who] and sum(WAITED[who].values()) > 0.7 and "wire" not in WAITED[who] else "gap_ms"
    verdict = verdict_of(held_up(QUIET, 700, **records.sliced(QUIET + 0.3, **WAITED[who])))
    assert failed(verdict) == ([name] if name else [])


def test_a_busy_host_is_no_excuse_for_a_freeze():
    """It waits in every second, as much as not; a silence in one of them is longer than that."""

    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], qemu=0.3, main=0.2)
        return with_fields("probe", QUIET, gap_ms=660, gap_at=QUIET - 0.06)(record)

    verdict = verdict_of(changed(change))
    assert failed(verdict) == ["gap_ms"] and one(verdict, "gap_ms")["value"] == pytest.approx(330, abs=25)


def test_recovery_does_not_count_the_time_in_which_the_host_did_not_run_it():
    def change(record):
        if record["src"] == "host" and 205 <= record["t"] < 207:
            return record | records.sliced(record["t"], main=wait)
        return silent_after(203.0, 3200, ("tap", "plain"))(record)

    wait = 0.9
    assert failed(verdict_of(changed(change))) == []
    wait = 0.1
    late = verdict_of(changed(change))
    assert failed(late) == ["recovery_s"] and one(late, "recovery_s")["value"] == pytest.approx(1.07, abs=0.02)


@pytest.mark.parametrize("wait,name", [(0.5, None), (0.01, "offered_error")])
def test_a_sender_that_had_no_cpu_is_no_bad_sender(wait, name):
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], **{"flood-1": wait})
        return record | {"sent": int(0.95 * records.PACKETS)} if record.get("proto") == "udp" else None

    assert failed(verdict_of(changed(change))) == ([name] if name else [])


@pytest.mark.parametrize("share,told", [(lambda t: 0.1 + 0.3 * t / records.SECONDS, "more"), (lambda t: 0.4 - 0.3 * t / records.SECONDS, "less"), (lambda t: 0.3, None)])
@pytest.mark.parametrize("change,name", [(slower, "throughput_decline"), (later, "latency_rise")])
def test_a_host_whose_other_work_changes_is_told_and_not_taken_for_a_guest_that_becomes_slower(change, name, share, told):
    def busier(record):
        return record | records.sliced(record["t"], main=share(record["t"])) if record["src"] == "host" else change(record)

    verdict = verdict_of(changed(busier))
    assert failed(verdict) == ([] if told else [name])
    assert (name in verdict["not_judged"]) is bool(told)
    assert not told or f"% {told} of the time without a CPU" in one(verdict, name)["why"]


@pytest.mark.parametrize("change,words", [
    (lambda record: record | {"lost": records.PACKETS // 2} if record.get("proto") == "udp" and record["t"] % 4 < 3 else None, "flood-1"),
    (lambda record: record | {"path": "tap", "paths": ["tap"]} if record["src"] == "fault" else
     record | {"lost": 10} if record["src"] == "probe" and record["path"] == "plain" and during_a_fault(record["t"]) else None, "probe@plain during fault1 elsewhere"),
])  # fmt: skip
def test_loss_that_goes_on_is_found_whoever_has_it(change, words):
    verdict = verdict_of(record | {"certified": False} if "certified" in record else record for record in changed(change))
    assert failed(verdict) == ["steady_loss"] and words in one(verdict, "steady_loss")["why"]


def during_a_fault(t):
    return any(begin <= t < end for begin, end, _ in records.faults())


@pytest.mark.parametrize("change", [
    lambda record: record | {"lost": 20} if record["src"] == "probe" and int(record["t"]) % 10 == 7 and record["path"] == "tap" else None,
    lambda record: record | records.sliced(record["t"], main=0.95) if record["src"] == "host" and 300 < record["t"] < 700 else
    record | {"lost": 10} if record["src"] == "probe" and 300 < record["t"] < 700 else None,
])  # fmt: skip
def test_loss_of_a_second_now_and_then_and_of_a_busy_host_is_not_steady(change):
    assert one(verdict_of(changed(change)), "steady_loss")["ok"]


def test_one_kind_of_fault_that_leaves_latency_is_found():
    """Two kinds take turns; half of the figures are as usual, and so is the median of all."""
    turns = {end: n % 2 for n, (_, end, _) in enumerate(records.faults(2 * records.SECONDS))}
    one_kind = lambda t: any(0 <= t - end < 8 and turn for end, turn in turns.items())

    def change(record):
        if record["src"] == "fault":
            return record | {"name": "bad" if int(record["t"] / 200) % 2 == 0 else "harmless"}
        return record | {"rtt_us": [10 * us for us in record["rtt_us"]]} if record["src"] == "probe" and one_kind(record["t"]) else record

    found = one(verdict_of(map(change, records.good(2 * records.SECONDS))), "latency_after_fault")
    assert found["ok"] is False and found["value"] > 5 and "after bad fault" in found["why"]


def test_a_leak_is_one_on_a_busier_host_too():
    def busier(record):
        return record | records.sliced(record["t"], main=record["t"] / records.SECONDS) if record["src"] == "host" else BAD["pool_rise"](record)

    assert failed(verdict_of(changed(busier))) == ["pool_rise"]


@pytest.mark.parametrize("wait,fails", [(0.8, False), (0.3, True)])
def test_a_usual_gap_that_is_mostly_the_hosts_is_left_out(wait, fails):
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], main=wait)
        return long_gaps("udp", 100)(record)

    verdict = verdict_of(changed(change))
    assert failed(verdict) == (["udp_send_gap_ms"] if fails else [])
    assert one(verdict, "udp_send_gap_ms")["why"].endswith(f"; {0 if fails else 81} were the host's")


def test_a_gap_of_the_limit_holds_it():
    assert failed(verdict_of(changed(long_gaps("tcp", 100)))) == []
    assert failed(verdict_of(changed(long_gaps("tcp", 102)))) == ["tcp_gap_ms"]


@pytest.mark.parametrize("wait,passes", [(0.8, True), (0.2, False)])
def test_a_guest_that_was_not_run_is_believed_if_it_waited_for_a_cpu(wait, passes):
    stall = {"src": "guest", "guest": "dut", "record": {"event": "stall", "cause": "guest_late", "asleep_us": 0, "stalled_us": 500000}}

    def change(record):
        if record["src"] == "host" and int(record["t"]) in (QUIET, QUIET + 1):
            return record | records.sliced(record["t"], qemu=wait)
        return added(QUIET, stall)(record) or with_fields("traffic", QUIET, bytes=0)(record)

    verdict = verdict_of(changed(change))
    assert (failed(verdict) == []) is passes


def test_a_peer_that_is_not_there_is_not_judged():
    assert verdict_of(changed(with_fields("traffic", QUIET, bytes=0, gap_ms=999, answering=False)))["status"] == "PASS"


def test_tcp_may_take_as_long_again_as_the_outage_lasted():
    def silent(until):
        def change(record):
            if record.get("proto") == "tcp" and 201 <= record["t"] <= until + 1:
                return record | {"gap_at": 200.2, "gap_ms": 1000 * (min(record["t"], until) - 200.2), "bytes": 0 if record["t"] < until else 9}
            return None

        return change

    assert failed(verdict_of(changed(silent(205.9)))) == []
    late = verdict_of(changed(silent(211.5)))
    assert failed(late) == ["recovery_s"]
    assert one(late, "recovery_s")["value"] == pytest.approx(1.7)


def silent_tcp(begin, end, **fields):
    """The TCP of path tap is silent for this time, about a fault that is over at 205."""

    def change(record):
        if record.get("proto") == "tcp" and begin + 0.4 < record["t"] < end + 1:
            return record | {"gap_at": begin, "gap_ms": 1000 * (min(record["t"], end) - begin), "bytes": 0 if record["t"] < end else 9} | fields
        return None

    return change


CONNECTIONS = {"dir": "tx", "name": "connections@tap"}


@pytest.mark.parametrize("begin,end,fields,value", [
    (204.5, 206.4, {}, 0.9), (204.5, 207, {}, 1.5), (205.4, 207, {}, 2), (199.5, 206.4, {}, 0), (203, 206.4, {"dir": "tx"}, 0), (204.5, 207, {"dir": "tx"}, 1.5), (203, 206.9, CONNECTIONS, 0), (204.5, 207, CONNECTIONS, 1.5),
    (204.5, 210, CONNECTIONS, 4.5), (204.5, 210, CONNECTIONS | {"name": "connections@user", "path": "user"}, 0),
    (205.4, 208, CONNECTIONS | {"name": "connections@user", "path": "user"}, 3),
])  # fmt: skip
def test_a_tcp_sender_may_wait_as_long_again_as_the_fault_had_silenced_it(begin, end, fields, value):
    verdict = verdict_of(changed(silent_tcp(begin, end, **fields)))
    assert one(verdict, "recovery_s")["value"] == pytest.approx(value, abs=0.06)
    assert ("recovery_s" in failed(verdict)) is (value > 1)


@pytest.mark.parametrize("begin,gap_ms,value", [(209.0, 900, 0.9), (209.0, 3000, 3), (205.5, 1600, 2.1), (214.5, 1500, 1.5), (209.0, 240, 0)])
def test_a_silence_in_the_half_load_after_a_fault_is_judged_from_its_own_begin(begin, gap_ms, value):
    def change(record):
        if record["src"] == "fault" and record["t"] == 205:
            return record | {"rest": 10}
        if record["src"] == "probe" and record["path"] == "tap" and begin + gap_ms / 1000 <= record["t"] < begin + gap_ms / 1000 + 1:
            return record | {"gap_at": begin, "gap_ms": gap_ms}
        return None

    verdict = verdict_of(changed(change))
    assert one(verdict, "recovery_s")["value"] == pytest.approx(value, abs=0.06)
    assert failed(verdict) == (["recovery_s"] if value > 1 else [])


@pytest.mark.parametrize("seconds,fails", [(0.001, False), (0.49, False), (0.5, True), (1.0, True)])
def test_the_last_record_of_a_program_may_tell_of_a_moment_in_which_nothing_came(seconds, fails):
    verdict = verdict_of(changed(with_fields("traffic", QUIET, bytes=0, seconds=seconds)))
    assert failed(verdict) == (["zero_seconds"] if fails else [])


@pytest.mark.parametrize("paths,fails", [(("tap",), True), (("tap", "plain"), False)])
def test_a_path_that_freezes_alone_is_not_the_busy_hosts(paths, fails):
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], qemu=0.6, main=0.6)
        return silent_after(QUIET, 2000, paths)(record)

    verdict = verdict_of(changed(change))
    assert failed(verdict) == (["gap_ms"] if fails else [])


def test_seconds_of_which_the_host_excuses_a_freeze_are_not_quiet():
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], qemu=1)
        return record | {"gap_ms": gap_ms} if record["src"] == "probe" else None

    gap_ms = 260
    assert failed(verdict_of(changed(change))) == ["quiet_share"]
    gap_ms = 240
    assert failed(verdict_of(changed(change))) == []


def test_a_silence_without_its_begin_is_measured_in_seconds():
    def silent(record):
        if record["src"] != "probe":
            return None
        record = {name: value for name, value in record.items() if name != "gap_at"}
        return record | {"lost": 20, "rtt_us": []} if 203 <= record["t"] < 208 else record

    late = verdict_of(changed(silent))
    assert "recovery_s" in failed(late)
    assert 2 < one(late, "recovery_s")["value"] < 3


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
    back = with_stats(lambda t: QUIET < t < 203, lambda stats, t: stats.update(stalls_judged=1, device_errors=1) if t > 201 else None)
    assert verdict_of(changed(back))["status"] == "PASS"


def test_failed_allocations_of_a_peer_count():
    peer = {"src": "guest", "guest": "generator", "record": records.stats(alloc_failures=1)}
    assert failed(verdict_of(changed(added(QUIET, peer)))) == ["alloc_failures"]


# ---- the file -----------------------------------------------------------------------------------


def test_every_limit_has_a_reason_and_a_rule():
    limits = criteria.load(names=rules.ALL)
    assert set(limits) == set(rules.ALL)
    assert all(len(limit.why) > 20 for limit in limits.values())
    assert limits["quiet_share"].holds(0.5) and not limits["quiet_share"].holds(0.1)
    assert limits["gap_ms"].holds(250) and not limits["gap_ms"].holds(250.1)


@pytest.mark.parametrize("text,word", [
    ("[gap_ms]\nmost = 1\nunit = 'ms'\nwhy = 'w'\nlimit = 3", "unknown key 'limit'"),
    ("[gap]\nmost = 1\nunit = 'ms'\nwhy = 'w'", "no criterion is called 'gap'"),
    ("[gap_ms]\nunit = 'ms'\nwhy = 'w'", "`most` or `least`"),
    ("[gap_ms]\nmost = 1\nleast = 1\nunit = 'ms'\nwhy = 'w'", "only one"),
    ("[gap_ms]\nmost = -1\nunit = 'ms'\nwhy = 'w'", "makes no sense"),
    ("[gap_ms]\nmost = nan\nunit = 'ms'\nwhy = 'w'", "makes no sense"),
    ("[gap_ms]\nmost = '1'\nunit = 'ms'\nwhy = 'w'", "wrong type"),
    ("[gap_ms]\nmost = true\nunit = 'ms'\nwhy = 'w'", "wrong type"),
    ("[gap_ms]\nmost = 1\nunit = 'ms'", "`why` is missing"),
    ("[gap_ms]\nmost = 1\nwhy = 'w'\nunit = ' '", "`unit` is missing"),
    ("gap_ms = 1", "is no table"),
    ("[gap_ms", "cannot be read"),
    ("", "there is no limit for gap_ms"),
])  # fmt: skip
def test_a_senseless_file_is_refused(tmp_path, text, word):
    path = tmp_path / "criteria.toml"
    path.write_text(text)
    with pytest.raises(Error, match=str(path)) as refused:
        criteria.load(path, names={"gap_ms"})
    assert word in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(Error, match="cannot be read"):
        criteria.load(tmp_path / "none.toml")


def test_ranks_bound_a_median():
    from antifreeze.soak.rules import gaps

    for count in (8, 9, 30, 101):
        rank = gaps._rank(count)
        below = sum(math.comb(count, k) for k in range(rank + 1)) / 2**count
        assert below <= 0.01 < below + math.comb(count, rank + 1) / 2**count


# ---- drift, with the phases that a soak really has ----------------------------------------------


def half_an_hour(slower, noise, seed):
    """Bytes of each path in each second of a planned soak. Only the rate of bulk TCP declines, by so much a minute."""
    chance = random.Random(seed)
    rates = {}
    for phase in plan.make(1800, seed, []).phases:
        yield {"t": phase.at, "src": "soak", "what": "phase", "name": phase.name}
        neighbours = chance.lognormvariate(0, noise[0])  # a busy host, for as long as the phase lasts
        for t in range(math.ceil(phase.at), int(phase.at + phase.seconds)):
            for kind, path in phase.sources:
                rate = rates.setdefault((kind, path), 10 ** chance.uniform(6.5, 8))
                if kind.startswith("tcp_"):
                    rate *= neighbours * chance.lognormvariate(0, noise[1]) / (1 + slower * t / 60)
                yield {"t": t + 0.5, "src": "traffic", "name": f"{kind}@{path}", "path": path, "proto": kind[:3], "dir": "rx", "bytes": int(rate), "gap_ms": 1}
    yield {"t": 1800, "src": "soak", "what": "end", "why": "done"}


def decline(*args):
    return one(verdict_of(half_an_hour(*args)), "throughput_decline")


@pytest.mark.parametrize("seed", range(1, 9))
def test_one_per_cent_a_minute_is_seen_in_half_an_hour(seed):
    found = decline(0.01, (0.02, 0.1), seed)
    assert found["ok"] is False and found["value"] > 15, found
    for noise in ((0.02, 0.1), (0.1, 0.1), (0.3, 0.15)):
        assert decline(0, noise, seed)["ok"], noise


def test_a_rate_that_is_asked_for_is_no_figure_of_speed():
    """A share of the time is taken off, of which a guest with little to do needed none."""
    host = lambda record: [record, {"t": record["t"] + 0.1, "src": "host"} | records.sliced(record["t"], qemu=0.5 - 0.4 * record["t"] / 1800)]
    flat = lambda record: host(record | {"bytes": 10**6}) if record["src"] == "traffic" and not record["name"].startswith("tcp_") else []
    stream = [new for record in half_an_hour(0, (0, 0), 1) for new in (flat(record) if record["src"] == "traffic" else [record])]
    assert one(verdict_of(stream), "throughput_decline")["ok"] is None

# SPDX-License-Identifier: BSD-3-Clause
"""What the soak's judge does not hold against a guest, and how far: faults, the time in which the host did not run somebody, a
sender's time-out; and what is no excuse."""

import re

import pytest
import soakrecords as records
from soakjudged import (
    DURING, QUIET, SHORT, added, changed, failed, later, leak_slowly, long_gaps, long_guest_gaps, no_reserve, of_udp, one, only, silent_after, slower, verdict_of, verdict_on, with_fields, with_stats,
)  # fmt: skip


@pytest.mark.parametrize("change", [
    with_fields("probe", DURING, gap_ms=900), with_fields("traffic", DURING, answering=False, failed=1), with_fields("traffic", DURING, bytes=0), of_udp(DURING, lost=500, sent=9000),
    with_stats(lambda t: t > DURING, lambda stats, t: stats.update(device_errors=1)),
    with_stats(lambda t: int(t) == DURING, no_reserve),
])  # fmt: skip
def test_a_fault_excuses_what_recovery_is_judged_for(change):
    assert verdict_on(change)["status"] == "PASS"


def test_a_fault_excuses_nothing_on_other_paths():
    def change(record):
        if record["src"] == "fault":
            return record | {"path": "tap", "paths": ["tap"]}
        return of_udp(DURING, bytes=0)(record)

    assert failed(verdict_on(change)) == ["zero_seconds"]


def held_up(t, gap_ms, **host):
    """The probes are silent in a second, of which the host says so much."""

    def change(record):
        if record["src"] == "host" and records.at(record, t):
            return record | {"t": t + 0.3} | host
        return with_fields("probe", t, gap_ms=gap_ms, gap_at=t + 0.3 - gap_ms / 1000)(record)

    return changed(change, SHORT)


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


@pytest.mark.parametrize("src,program,late,name", [
    ("traffic", "connections@tap", 0.7, None), ("traffic", "connections@tap", 0.3, "gap_ms"), ("traffic", "tcp_up@tap", 0.7, "gap_ms"), ("traffic", "udp_64@tap", 0.7, "gap_ms"),
    ("probe", None, 0.7, "gap_ms"),
])  # fmt: skip
def test_what_the_soak_reads_may_be_read_as_late_as_it_was_held_up(src, program, late, name):
    """Of short connections, that is; iperf3, datagrams and probes tell of silence by their own clock."""

    def change(record):
        if record["src"] == "host" and records.at(record, QUIET):
            return record | records.sliced(record["t"], soak=[0] * 9 + [10 * late])
        if record["src"] == src and record["path"] == "tap" and records.at(record, QUIET):
            return record | {"gap_at": QUIET + 0.3 - 0.8, "gap_ms": 800} | ({"name": program} if program else {})
        return None

    assert failed(verdict_on(change)) == ([name] if name else [])


def test_a_busy_host_is_no_excuse_for_a_freeze():
    """It waits in every second, as much as not; a silence in one of them is longer than that."""

    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], qemu=0.3, main=0.2)
        return with_fields("probe", QUIET, gap_ms=660, gap_at=QUIET - 0.06)(record)

    verdict = verdict_on(change)
    assert failed(verdict) == ["gap_ms"] and one(verdict, "gap_ms")["value"] == pytest.approx(330, abs=25)


def test_recovery_does_not_count_the_time_in_which_the_host_did_not_run_it():
    def change(record):
        if record["src"] == "host" and 205 <= record["t"] < 207:
            return record | records.sliced(record["t"], main=wait)
        return silent_after(203.0, 3200, ("tap", "plain"))(record)

    wait = 0.9
    assert failed(verdict_on(change)) == []
    wait = 0.1
    late = verdict_on(change)
    assert failed(late) == ["recovery_s"] and one(late, "recovery_s")["value"] == pytest.approx(1.07, abs=0.02)


@pytest.mark.parametrize("wait,name", [(0.5, None), (0.01, "offered_error")])
def test_a_sender_that_had_no_cpu_is_no_bad_sender(wait, name):
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], **{"udp_down@plain": wait})
        return record | {"sent": int(0.95 * records.PACKETS)} if record.get("proto") == "udp" else None

    assert failed(verdict_on(change)) == ([name] if name else [])


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
    (lambda record: record | {"lost": records.PACKETS // 2} if record.get("proto") == "udp" and record["t"] % 4 < 3 else None, "udp_down@plain"),
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
    assert only("steady_loss", changed(change))["ok"]


@pytest.mark.parametrize("seconds", [1, 6])
@pytest.mark.parametrize("waits,counted", [
    ({}, True), ({"main": 0.85}, False), ({"qemu": 0.85}, False), ({"main": 0.7}, True), ({"main": 0.5, "qemu": 0.5}, True),
    ({"main": [0] * 4 + [1] * 6}, False), ({"main": [0] * 7 + [1] * 3}, True), ({"udp_down@plain": 1}, True),
])  # fmt: skip
def test_loss_at_a_queue_that_the_host_did_not_let_qemu_empty_is_not_counted(waits, counted, seconds):
    """The guest tells of it in statistics about the second of the loss, or about that and five others."""
    t = 350

    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], **(waits if records.at(record, t) else {}))
        return record | {"name": "flood@plain.sink", "seconds": seconds, "lost": 20 * records.at(record, t), "gap_ms": 0} if record.get("certified") else None

    verdict = verdict_on(change)
    ratio = one(verdict, "loss_ratio")
    assert (ratio["ok"] is False) is counted and ratio["why"].startswith("20 of ") is counted
    assert ("more came when the host starved QEMU" in ratio["why"]) is not counted


def test_loss_may_come_of_a_queue_that_filled_before():
    def change(record):
        if record["src"] == "host":
            waits = {349: [0] * 7 + [1] * 3, 350: [1] * 2 + [0] * 8}.get(int(record["t"]), 0)  # from 349.0 to 349.5
            return record | records.sliced(record["t"], main=waits)
        return of_udp(350, lost=20)(record)

    assert one(verdict_on(change), "loss_ratio")["ok"] is not False


@pytest.mark.parametrize("main,clean", [(0.85, 6), (0.7, 5)])
def test_a_window_is_free_of_loss_that_is_not_counted(main, clean):
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], main=main) if records.at(record, QUIET) else None
        return of_udp(QUIET, lost=20)(record)

    found = only("loss_free_windows", changed(change))
    assert found["why"].startswith(f"{clean} of 6 windows") and ("starved" in found["why"]) is (clean == 6)


@pytest.mark.parametrize("wait,suffix,judged", [(0.3, "", False), (0.02, "", True), (0.3, ".sink", True)])
def test_loss_of_a_program_that_was_not_run_says_nothing(wait, suffix, judged):
    """What the guest's sink has counted is the guest's, whether the sender was run or not."""

    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], **{"udp_down@plain": wait})
        return record | {"lost": 200, "name": record["name"] + suffix} if record.get("proto") == "udp" else None

    stream = [record | {"certified": False} if "certified" in record else record for record in changed(change, SHORT)]
    assert ("steady_loss" in failed(verdict_of(stream))) is judged


def test_one_kind_of_fault_that_leaves_latency_is_found():
    """Two kinds take turns; half of the figures are as usual, and so is the median of all."""
    turns = {end: n % 2 for n, (_, end, _) in enumerate(records.faults(2 * records.SECONDS))}
    one_kind = lambda t: any(0 <= t - end < 8 and turn for end, turn in turns.items())

    def change(record):
        if record["src"] == "fault":
            return record | {"name": "bad" if int(record["t"] / 200) % 2 == 0 else "harmless"}
        return record | {"rtt_us": [10 * us for us in record["rtt_us"]]} if record["src"] == "probe" and one_kind(record["t"]) else record

    found = only("latency_after_fault", map(change, records.good(2 * records.SECONDS)))
    assert found["ok"] is False and found["value"] > 5 and "after bad fault" in found["why"]


def test_a_leak_is_one_on_a_busier_host_too():
    leaky = with_stats(lambda t: True, leak_slowly)

    def busier(record):
        return record | records.sliced(record["t"], main=record["t"] / records.SECONDS) if record["src"] == "host" else leaky(record)

    assert failed(verdict_of(changed(busier))) == ["pool_rise"]


@pytest.mark.parametrize("name,change", [("tcp_gap_ms", long_gaps("tcp", 150)), ("guest_tcp_gap_ms", long_guest_gaps("iperf3-1", 150)), ("udp_send_gap_ms", long_guest_gaps("iperf3-2", 50))])
@pytest.mark.parametrize("wait,fails", [(0.8, False), (0.1, True)])
def test_a_usual_gap_that_is_mostly_the_hosts_is_left_out(wait, fails, name, change):
    busy = lambda record: record | records.sliced(record["t"], main=wait) if record["src"] == "host" else change(record)
    verdict = verdict_on(busy)
    assert failed(verdict) == ([name] if fails else [])
    left = int(re.search(r"; (\d+) were the host's$", one(verdict, name)["why"])[1])
    assert (left == 0) if fails else left in (18, 19)


def test_a_gap_of_the_limit_holds_it():
    assert failed(verdict_on(long_gaps("tcp", 100))) == []
    assert failed(verdict_on(long_gaps("tcp", 102))) == ["tcp_gap_ms"]


@pytest.mark.parametrize("wait,passes", [(0.8, True), (0.2, False)])
def test_a_guest_that_was_not_run_is_believed_if_it_waited_for_a_cpu(wait, passes):
    stall = {"src": "guest", "guest": "dut", "record": {"event": "stall", "cause": "guest_late", "asleep_us": 0, "stalled_us": 500000}}

    def change(record):
        if record["src"] == "host" and int(record["t"]) in (QUIET, QUIET + 1):
            return record | records.sliced(record["t"], qemu=wait)
        return added(QUIET, stall)(record) or with_fields("traffic", QUIET, bytes=0)(record)

    verdict = verdict_on(change)
    assert (failed(verdict) == []) is passes


def test_a_peer_that_is_not_there_is_not_judged():
    assert verdict_on(with_fields("traffic", QUIET, bytes=0, gap_ms=999, answering=False))["status"] == "PASS"


def test_tcp_may_take_as_long_again_as_the_outage_lasted():
    def silent(until):
        def change(record):
            if record.get("proto") == "tcp" and 201 <= record["t"] <= until + 1:
                return record | {"gap_at": 200.2, "gap_ms": 1000 * (min(record["t"], until) - 200.2), "bytes": 0 if record["t"] < until else 9}
            return None

        return change

    assert failed(verdict_on(silent(205.9))) == []
    late = verdict_on(silent(211.5))
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
    verdict = verdict_on(silent_tcp(begin, end, **fields))
    assert one(verdict, "recovery_s")["value"] == pytest.approx(value, abs=0.06)
    assert ("recovery_s" in failed(verdict)) is (value > 1)


def half_load(record):
    return record | {"rest": 10} if record["src"] == "fault" and record["t"] == 205 else None


@pytest.mark.parametrize("first,second,fields,rest,value", [
    ((200.2, 206.6), (206.7, 212), {}, half_load, 0), ((200.2, 206.6), (206.7, 219), {}, half_load, 5.9), ((200.2, 206.6), (206.9, 212), {}, half_load, 5.1),
    ((200.2, 206.6), (206.7, 212), {"dir": "tx"}, half_load, 5.3), ((200.2, 205.3), (205.4, 210), {}, None, 5), ((199.2, 206.6), (207.1, 212), {}, half_load, 4.9),
    ((199.2, 206.6), (206.7, 213.5), {}, half_load, 0.2), ((200.2, 204.5), (204.6, 210), {}, None, 0.7), ((200.2, 204.5), (204.8, 210), {}, None, 4.8),
])  # fmt: skip
def test_a_peer_whose_stream_moved_for_a_moment_may_wait_as_long_once_more(first, second, fields, rest, value):
    """In a fault that is over at 205, or goes on with half of the load."""

    def change(record):
        if record.get("proto") != "tcp" or not first[0] + 0.4 < record["t"] < second[1] + 1:
            return None
        begin, until = first if record["t"] < first[1] + 1 else second
        gap_ms = 1000 * (min(record["t"], until) - begin)
        seen = record | fields | {"gap_at": begin, "gap_ms": gap_ms, "bytes": 0 if record["t"] < until else 9}
        unread = seen | {"t": record["t"] + 0.01, "seconds": 0.01, "gap_at": 150, "gap_ms": 0, "unread": True}
        return [seen, unread]

    verdict = verdict_on(*filter(None, (rest, change)))
    assert one(verdict, "recovery_s")["value"] == pytest.approx(value, abs=0.06)
    assert ("recovery_s" in failed(verdict)) is (value > 1)


@pytest.mark.parametrize("busy,value", [(range(210, 212), 1), (range(205, 208), 3)])
def test_a_silence_behind_a_fault_is_the_hosts_as_far_as_that_was_busy_then(busy, value):
    """The probes of both paths are silent for three seconds of the half load."""

    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], main=1 if int(record["t"] - 0.31) in busy else 0)
        if record["src"] == "probe" and 211 <= record["t"] < 214:
            return record | {"gap_at": 210.0, "gap_ms": 1000 * (min(record["t"], 213) - 210)}
        return None

    assert one(verdict_on(half_load, change), "recovery_s")["value"] == pytest.approx(value, abs=0.2)


@pytest.mark.parametrize("begin,gap_ms,value", [(209.0, 900, 0.9), (209.0, 3000, 3), (205.5, 1600, 2.1), (214.5, 1500, 1.5), (209.0, 240, 0)])
def test_a_silence_in_the_half_load_after_a_fault_is_judged_from_its_own_begin(begin, gap_ms, value):
    def change(record):
        if record["src"] == "probe" and record["path"] == "tap" and begin + gap_ms / 1000 <= record["t"] < begin + gap_ms / 1000 + 1:
            return record | {"gap_at": begin, "gap_ms": gap_ms}
        return None

    verdict = verdict_on(half_load, change)
    assert one(verdict, "recovery_s")["value"] == pytest.approx(value, abs=0.06)
    assert failed(verdict) == (["recovery_s"] if value > 1 else [])


@pytest.mark.parametrize("waited,value", [(0.2, 0), (0.02, 1.23), (0.0, 1.25)])
def test_a_new_silence_behind_a_fault_is_not_its_if_the_host_leaves_little_of_it(waited, value):
    """It begins when the fault was over for 0.97 s."""

    def change(record):
        if record["src"] == "host" and records.at(record, 206):
            return record | records.sliced(record["t"], main=[0] * 7 + [waited / 0.2] * 2 + [0])
        return with_fields("probe", 206, gap_at=205.97, gap_ms=280)(record)

    verdict = verdict_on(change)
    assert one(verdict, "recovery_s")["value"] == pytest.approx(value, abs=0.02)
    assert failed(verdict) == (["recovery_s"] if value > 1 else [])


@pytest.mark.parametrize("seconds,fails", [(0.001, False), (0.49, False), (0.5, True), (1.0, True)])
def test_the_last_record_of_a_program_may_tell_of_a_moment_in_which_nothing_came(seconds, fails):
    verdict = verdict_on(with_fields("traffic", QUIET, bytes=0, seconds=seconds))
    assert failed(verdict) == (["zero_seconds"] if fails else [])


@pytest.mark.parametrize("intended,fails", [(0, False), (1, True)])
def test_who_has_asked_for_nothing_waits_for_nothing(intended, fails):
    verdict = verdict_on(of_udp(QUIET, intended=intended, sent=intended, packets=0, bytes=0, gap_ms=0))
    assert ("zero_seconds" in failed(verdict)) is fails


@pytest.mark.parametrize("unread,fails", [({"unread": True}, False), ({}, True)])
def test_a_second_of_which_nobody_has_read_yet_is_none_in_which_nothing_came(unread, fails):
    verdict = verdict_on(with_fields("traffic", QUIET, bytes=0, gap_ms=0, **unread))
    assert failed(verdict) == (["zero_seconds"] if fails else [])


@pytest.mark.parametrize("paths,fails", [(("tap",), True), (("tap", "plain"), False)])
def test_a_path_that_freezes_alone_is_not_the_busy_hosts(paths, fails):
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], qemu=0.6, main=0.6)
        return silent_after(QUIET, 2000, paths)(record)

    verdict = verdict_on(change)
    assert failed(verdict) == (["gap_ms"] if fails else [])


def test_seconds_of_which_the_host_excuses_a_freeze_are_not_quiet():
    def change(record):
        if record["src"] == "host":
            return record | records.sliced(record["t"], qemu=1)
        return record | {"gap_ms": gap_ms} if record["src"] == "probe" else None

    gap_ms = 260
    assert failed(verdict_on(change)) == ["quiet_share"]
    gap_ms = 240
    assert failed(verdict_on(change)) == []


def test_a_silence_without_its_begin_is_measured_in_seconds():
    def silent(record):
        if record["src"] != "probe":
            return None
        record = {name: value for name, value in record.items() if name != "gap_at"}
        return record | {"lost": 20, "rtt_us": []} if 203 <= record["t"] < 208 else record

    late = verdict_on(silent)
    assert "recovery_s" in failed(late)
    assert 2 < one(late, "recovery_s")["value"] < 3

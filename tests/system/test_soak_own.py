# SPDX-License-Identifier: BSD-3-Clause
"""What the guest says of itself fails a soak: a stall that it answers for, an error, its verdict. A fault explains what its kind
says, and no more."""

import pytest
import soakrecords as records
from soakjudged import DURING, QUIET, added, failed, one, own_verdict, verdict_on, with_stats

BLOCKED = ["backend_blocked"]


def of_faults(causes):
    return lambda record: record | {"causes": causes} if record["src"] == "fault" else None


def stalled(judged, since=DURING, short=0):
    """From then on the statistics say so of each cause, as the verdict does; and of so many stalls that were over in time."""
    total = sum(judged.values())
    by_cause = {cause: judged.get(cause, 0) + short for cause in ("backend_blocked", "lost_irq", "device_broken", "link_down")}
    fields = {"stalls_judged": total, "stalls_judged_by_cause": judged, "stalls_by_cause": by_cause}
    stats = with_stats(lambda t: t > since, lambda stats, t: stats.update(fields))
    return lambda record: stats(record) or own_verdict(stalls=total)(record)


@pytest.mark.parametrize("short", [0, 5])
@pytest.mark.parametrize("causes,judged,more", [
    (BLOCKED, {"backend_blocked": 1}, {}), (BLOCKED, {"backend_blocked": 2}, {}), (BLOCKED, {"backend_blocked": 1, "device_broken": 1}, {"device_broken": 1}),
    (BLOCKED, {"device_broken": 2}, {"device_broken": 2}), (["link_down"], {"backend_blocked": 1}, {"backend_blocked": 1}),
    ([], {"backend_blocked": 3}, {"backend_blocked": 3}),
])  # fmt: skip
def test_a_fault_explains_the_stalls_of_its_causes_and_no_others(causes, judged, more, short):
    verdict = verdict_on(of_faults(causes), stalled(judged, short=short))
    assert failed(verdict) == (["guest_verdict", "stalls"] if more else [])
    assert one(verdict, "stalls")["value"] == sum(more.values())
    if more:
        assert ", ".join(f"{n} {cause}" for cause, n in more.items()) + ", which fault1 does not explain" in one(verdict, "stalls")["why"]
        assert f"stalls is {sum(judged.values())}" in one(verdict, "guest_verdict")["why"]


BUSY_MAIN = {"main": [1.0] * 10}


@pytest.mark.parametrize("cause,host,fails", [
    ("backend_blocked", records.sliced(0, **BUSY_MAIN)["waits"], False), ("backend_blocked", {"main": [50] * 10}, True), ("backend_blocked", {"qemu": [100] * 10}, True),
    ("backend_blocked", {}, True), ("device_broken", records.sliced(0, **BUSY_MAIN)["waits"], True),
])  # fmt: skip
def test_a_host_that_does_not_run_the_device_explains_that_it_is_blocked(cause, host, fails):
    """A clock tick of the soak that comes late explains nothing."""
    busy = lambda record: record | records.sliced(record["t"]) | {"pause_ms": 150, "waits": host} if record["src"] == "host" and QUIET - 3 < record["t"] < QUIET + 2 else None
    verdict = verdict_on(busy, stalled({cause: 1}, QUIET))
    assert failed(verdict) == (["guest_verdict", "stalls"] if fails else [])


@pytest.mark.parametrize("stalls,left", [(4, 0), (7, 3)])
def test_a_second_in_which_the_device_was_not_run_explains_one_stall_of_each_path(stalls, left):
    """Statistics come every five seconds."""
    busy = lambda record: record | records.sliced(record["t"], main=1.0) if records.at(record, QUIET) and record["src"] == "host" else None
    seldom = lambda record: [] if records.is_stats(record) and int(record["t"]) % 5 and 5 < record["t"] < 395 else None
    verdict = verdict_on(busy, seldom, stalled({"backend_blocked": stalls}, QUIET))
    assert one(verdict, "stalls")["value"] == left
    assert failed(verdict) == (["guest_verdict", "stalls"] if left else [])


def test_an_older_guest_does_not_tell_causes_apart():
    def older(stats, t):
        del stats["stalls_judged_by_cause"]
        stats.update(stalls_judged=int(t > QUIET))

    verdict = verdict_on(with_stats(lambda t: True, older), own_verdict(stalls=1))
    assert failed(verdict) == ["guest_verdict", "stalls"] and "1 cause not known" in one(verdict, "stalls")["why"]


def test_a_fault_explains_no_stall_after_it():
    verdict = verdict_on(of_faults(BLOCKED), stalled({"backend_blocked": 1}, QUIET))
    assert failed(verdict) == ["guest_verdict", "stalls"]


def test_stalls_that_a_snapshot_takes_back_may_come_again():
    def back(stats, t):
        seen = int(201 < t < 202) + int(t > 203) + int(t > 300)
        stats.update(stalls_judged=seen, stalls_judged_by_cause={"backend_blocked": seen})

    verdict = verdict_on(of_faults(BLOCKED), with_stats(lambda t: True, back), own_verdict(stalls=2))
    assert set(failed(verdict)) == {"stalls", "guest_verdict"}
    assert one(verdict, "stalls")["value"] == 1 and one(verdict, "stalls")["at"] == pytest.approx(300.8)


def long_gap(seconds, since=DURING):
    """Frames stay with the device for so long, which the statistics tell from then on, and the verdict."""
    stats = with_stats(lambda t: t > since, lambda stats, t: stats["gap_max_us"].update(tx=int(1e6 * seconds)))
    return lambda record: stats(record) or own_verdict(tx_gap_max_us=int(1e6 * seconds))(record)


@pytest.mark.parametrize("causes,since,fails", [(BLOCKED, DURING, False), (["link_down"], DURING, True), (BLOCKED, QUIET, True)])
def test_frames_stay_with_a_device_whose_host_does_not_read(causes, since, fails):
    verdict = verdict_on(of_faults(causes), long_gap(5, since))
    assert failed(verdict) == (["guest_verdict"] if fails else [])


ALL_SLICES, FIRST_HALF = [1.0] * 10, [1.0] * 5 + [0.0] * 5


@pytest.mark.parametrize("who,wait,seconds,fails", [
    ("main", ALL_SLICES, 1.5, False), ("main", [0.3] * 10, 1.5, True), ("main", FIRST_HALF, 1.5, False), ("main", FIRST_HALF, 2.6, True),
    ("qemu", ALL_SLICES, 1.5, True), ("soak", ALL_SLICES, 1.5, True), ("pause", [], 1.5, True),
])  # fmt: skip
def test_frames_stay_with_a_device_that_is_not_run(who, wait, seconds, fails):
    """As much of that time as may have been the host's has to leave no more than the guest's own limit; time in which the guest itself was
    not run is none of its gap."""
    said = lambda t: {"pause_ms": 900} if who == "pause" else records.sliced(t, **{who: wait})
    host = lambda record: record | said(record["t"]) if record["src"] == "host" and QUIET - 5 < record["t"] < QUIET + 2 else None
    verdict = verdict_on(host, long_gap(seconds, QUIET))
    assert failed(verdict) == (["guest_verdict"] if fails else [])


def test_a_longest_time_that_was_there_before_the_soak_is_not_its_own():
    before = with_stats(lambda t: True, lambda stats, t: stats["gap_max_us"].update(tx=1500000))
    assert failed(verdict_on(before, own_verdict(tx_gap_max_us=1500000))) == []


@pytest.mark.parametrize("name", [name for name in records.OWN if name not in ("stalls", "tx_gap_max_us")])
def test_nothing_explains_what_else_the_verdict_says(name):
    verdict = verdict_on(of_faults(list(records.OWN)), own_verdict(**{name: 2}))
    assert failed(verdict) == ["guest_verdict"]
    assert one(verdict, "guest_verdict")["why"].endswith(f"dut says FAIL: {name} is 2, its limit {records.OWN[name]}")


def test_a_stall_that_only_the_verdict_tells_of_is_found():
    assert failed(verdict_on(own_verdict(stalls=1))) == ["guest_verdict"]


@pytest.mark.parametrize("values,fails", [({"device_errors": 1}, True), ({"stalls": 1, "tx_gap_max_us": 2000000}, False)])
def test_of_a_second_guest_times_are_its_hosts_too(values, fails):
    verdict = verdict_on(added(QUIET, {"src": "guest", "guest": "peer", "record": records.verdict(**values)}))
    assert failed(verdict) == (["guest_verdict"] if fails else [])


@pytest.mark.parametrize("guest", ["dut", "peer"])
def test_an_error_of_a_guest_is_found(guest):
    verdict = verdict_on(added(DURING, {"src": "guest", "guest": guest, "record": {"event": "error", "message": "no NIC"}}))
    assert failed(verdict) == ["guest_verdict"] and f"{guest}: no NIC" in one(verdict, "guest_verdict")["why"]


def without_verdict(record):
    return [] if record.get("record", {}).get("event") == "verdict" else None


def test_a_soak_whose_guest_gives_no_verdict_is_incomplete():
    verdict = verdict_on(without_verdict)
    assert (verdict["status"], verdict["missing"]) == ("INCOMPLETE", ["guest_verdict"])


def test_a_gap_that_only_the_verdict_tells_of_is_found():
    verdict = verdict_on(lambda record: [] if records.is_stats(record) else None, own_verdict(tx_gap_max_us=5 * 10**6))
    assert "guest_verdict" in failed(verdict)


@pytest.mark.parametrize("guest,said", [("dut", {"event": "error", "message": "no NIC"}), ("peer", records.verdict(device_errors=1))])
def test_what_is_wrong_counts_without_the_guests_verdict(guest, said):
    verdict = verdict_on(without_verdict, added(QUIET, {"src": "guest", "guest": guest, "record": said}))
    assert (verdict["status"], failed(verdict)) == ("FAIL", ["guest_verdict"])

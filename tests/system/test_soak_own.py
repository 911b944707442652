# SPDX-License-Identifier: BSD-3-Clause
"""What the guest says of itself fails a soak: a stall that it answers for, an error, its verdict. A fault explains what its kind
says, and no more."""

import pytest
import soakrecords as records
from soakjudged import DURING, QUIET, SHORT, added, failed, one, own_verdict, verdict_of, verdict_on, with_stats

BLOCKED = ["backend_blocked"]


def of_faults(causes):
    return lambda record: record | {"causes": causes} if record["src"] == "fault" else None


def stalled(judged, by_cause, since=DURING):
    """From then on the statistics say so, as the verdict does."""
    stats = with_stats(lambda t: t > since, lambda stats, t: stats.update(stalls_judged=judged, stalls_by_cause=by_cause))
    return lambda record: stats(record) or own_verdict(stalls=judged)(record)


@pytest.mark.parametrize("causes,judged,by_cause,more", [
    (BLOCKED, 1, {"backend_blocked": 1}, 0), (BLOCKED, 2, {"backend_blocked": 2, "lost_irq": 1}, 0), (BLOCKED, 2, {"backend_blocked": 1, "lost_irq": 1}, 1),
    (["link_down"], 1, {"link_down": 1, "backend_blocked": 1}, 1), (["link_down"], 1, {"link_down": 1}, 1), ([], 3, {"backend_blocked": 3}, 3),
])  # fmt: skip
def test_a_fault_explains_the_stalls_of_its_causes_and_no_others(causes, judged, by_cause, more):
    verdict = verdict_on(of_faults(causes), stalled(judged, by_cause))
    assert failed(verdict) == (["guest_verdict", "stalls"] if more else [])
    assert one(verdict, "stalls")["value"] == more
    if more:
        assert "fault1 does not explain" in one(verdict, "stalls")["why"]
        assert f"stalls is {judged}" in one(verdict, "guest_verdict")["why"]


def test_a_fault_explains_no_stall_after_it():
    verdict = verdict_on(of_faults(BLOCKED), stalled(1, {"backend_blocked": 1}, QUIET))
    assert failed(verdict) == ["guest_verdict", "stalls"]


def test_stalls_that_a_snapshot_takes_back_may_come_again():
    def back(stats, t):
        seen = int(201 < t < 202) + int(t > 203) + int(t > 300)
        stats.update(stalls_judged=seen, stalls_by_cause={"backend_blocked": seen})

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


@pytest.mark.parametrize("wait,fails", [(1, False), (0.3, True)])
def test_frames_stay_with_a_device_that_is_not_run(wait, fails):
    host = lambda record: record | records.sliced(record["t"], main=wait) if record["src"] == "host" and QUIET - 3 < record["t"] < QUIET + 2 else None
    verdict = verdict_on(host, long_gap(1.5, QUIET))
    assert failed(verdict) == (["guest_verdict"] if fails else [])


def test_a_longest_time_that_was_there_before_the_soak_is_not_its_own():
    before = with_stats(lambda t: True, lambda stats, t: stats["gap_max_us"].update(tx=1500000))
    assert failed(verdict_on(before, own_verdict(tx_gap_max_us=1500000))) == []


@pytest.mark.parametrize("name", [name for name in records.OWN if name not in ("stalls", "tx_gap_max_us")])
def test_nothing_explains_what_else_the_verdict_says(name):
    verdict = verdict_on(of_faults(list(records.OWN)), own_verdict(**{name: 2}))
    assert failed(verdict) == ["guest_verdict"]
    assert one(verdict, "guest_verdict")["why"].endswith(f"dut says FAIL: {name} is 2, its limit 0")


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


def test_a_soak_whose_guest_gives_no_verdict_is_incomplete():
    verdict = verdict_of(record for record in SHORT if record.get("record", {}).get("event") != "verdict")
    assert (verdict["status"], verdict["missing"]) == ("INCOMPLETE", ["guest_verdict"])

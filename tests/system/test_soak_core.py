# SPDX-License-Identifier: BSD-3-Clause
"""What a soak has to have seen before it can be called a pass, and what is told of programs and faults that were not there."""

import pytest
import soakrecords as records
from soakjudged import verdict_of

SECONDS = 300
GOOD = list(records.good(SECONDS))


def failed(verdict):
    return {one["name"]: one["why"] for one in verdict["criteria"] if one["ok"] is False}


def ended(why, until=SECONDS):
    """The records until then, with the guest's last word; it is not seen at rest once more."""
    said = records.guest(until + 0.4, records.verdict())
    return [record for record in GOOD if record["t"] < until] + [said, {"t": until + 0.5, "src": "soak", "what": "end", "why": why}]


@pytest.mark.parametrize("why,until,status,missing", [
    ("done", SECONDS, "INCOMPLETE", ["pools_left"]), ("interrupted", SECONDS, "PASS", []), ("interrupted", 30, "PASS", []),
    ("interrupted", 5, "INCOMPLETE", ["10 seconds at least"]),
])  # fmt: skip
def test_an_interrupted_soak_has_passed_if_the_core_was_judged(why, until, status, missing):
    verdict = verdict_of(ended(why, until))
    assert (verdict["status"], verdict["missing"]) == (status, missing)


@pytest.mark.parametrize("src,missing", [("traffic", ["zero_seconds"]), ("guest", ["alloc_failures", "panics", "guests_gone", "ring_accounts", "pools_left"])])
def test_without_a_criterion_of_the_core_nothing_has_passed(src, missing):
    """Nor has one without phases, whose programs nobody misses."""
    verdict = verdict_of(record for record in GOOD if record["src"] != src and record.get("what") != "phase")
    assert verdict["status"] == "INCOMPLETE" and set(missing) <= set(verdict["missing"]), verdict["missing"]


def test_a_failure_is_none_the_less_one():
    broken = {"t": 4.5, "src": "soak", "what": "gone", "guest": "peer", "why": "status 1"}
    verdict = verdict_of([*ended("interrupted", 4)[:-1], broken, {"t": 5, "src": "soak", "what": "end", "why": "interrupted"}])
    assert verdict["status"] == "FAIL" and list(failed(verdict)) == ["guests_gone"]


def with_plan(*names):
    """The good records, begun with a plan of these faults besides those that they have."""
    mine = [record["name"] for record in GOOD if record["src"] == "fault" and record["what"] == "begin"]
    plan = {"faults": [{"name": name} for name in (*mine, *names)]}
    return [record | {"plan": plan} if record.get("what") == "begin" and record["src"] == "soak" else record for record in GOOD]


def test_a_planned_fault_that_never_began_is_undone():
    assert failed(verdict_of(with_plan())) == {}
    assert "noise: it never began" in failed(verdict_of(with_plan("noise")))["faults_undone"]
    assert "fault1: it never began" in failed(verdict_of(with_plan("fault1")))["faults_undone"]
    interrupted = [record | {"why": "interrupted"} if record.get("what") == "end" and record["src"] == "soak" else record for record in with_plan("noise")]
    assert failed(verdict_of(interrupted)) == {}


def test_no_fault_at_all_is_undone_too():
    calm = [record for record in with_plan() if record["src"] != "fault"]
    assert list(failed(verdict_of(calm))) == ["faults_undone"]


@pytest.mark.parametrize("src", ["traffic", "probe"])
def test_a_program_that_failed_is_told_whoever_it_was(src):
    one = {"t": 150.9, "src": src, "name": "udp_64@tap", "path": "tap", "seconds": 1.0, "answering": False, "failed": 1, "error": "it says nothing"}
    if src == "probe":
        del one["name"]
    verdict = verdict_of(sorted([*GOOD, one], key=lambda record: record["t"]))
    assert list(failed(verdict)) == ["programs_failed"] and "tap it says nothing" in failed(verdict)["programs_failed"]

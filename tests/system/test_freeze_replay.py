# SPDX-License-Identifier: BSD-3-Clause
"""The replay of the classic freeze: its clocks, its table, its verdict on our guest, and a short one."""

import pytest

from antifreeze.replay import bridge, guests, report, run, traffic


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(traffic.time, "monotonic", lambda: self.now)


def test_gaps_are_from_one_progress_to_the_next(monkeypatch):
    clock = Clock(monkeypatch)
    gaps = traffic.Gaps()
    for step in (0.1, 0.3, 0.01):
        clock.now += step
        gaps.moved()
    assert gaps.report() == {"longest_gap_ms": 300.0, "gaps_over_250_ms": [[0.1, 0.3]]}


def test_gap_that_has_not_ended_counts(monkeypatch):
    clock = Clock(monkeypatch)
    gaps = traffic.Gaps()
    clock.now += 7
    assert gaps.report() == {"longest_gap_ms": 7000.0, "gaps_over_250_ms": [[0.0, 7.0]]}


def result(**changes):
    memory = {"alloc_failures": 0, "stalls_judged": 0}
    return {"memory": memory, "complaints": {}, "failure": "", "alive_after": True, "line": "qemu …"} | changes


def of_ours(**changes):
    return {"seconds": 1, "guests": {guests.OURS: result(**changes)}}


def test_our_guest_that_kept_its_promises_is_not_broken():
    assert report.broken(of_ours()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"memory": {"alloc_failures": 1, "stalls_judged": 0}}, "alloc_failures"),
        ({"memory": {"alloc_failures": 0, "stalls_judged": 1}}, "stalls_judged"),
        ({"memory": None}, "did not answer"),
        ({"failure": "status 1"}, "ended"),
        ({"alive_after": False}, "no file"),
    ],
)
def test_broken_promise_of_our_guest_is_said(changes, word):
    (sentence,) = report.broken(of_ours(**changes))
    assert word in sentence


def test_what_linux_suffers_is_shown_and_no_failure_of_ours():
    suffered = result(memory=None, complaints={"oom_kills": 5}, failure="status 0", alive_after=False, silent=9)
    results = of_ours()
    results["guests"][guests.THEIRS] = suffered
    text = "\n".join(report.table(results))
    assert "| after the load, a file within 10 s | yes | no |" in text
    assert "- no answer" in text and "- oom_kills: 5" in text and "- the guest ended: status 0" in text
    assert report.broken(results) == []


@pytest.mark.limit(120)
def test_our_guest_outlives_the_load(tap, log_dir):
    """Needs no figure: this machine may be busy. Everything of the load was there, and the promises were kept."""
    with bridge.Bridge(2) as network, guests.Antifreeze(network.ports[0], log_dir, guests.MEMORY[guests.OURS]) as guest:
        guest.wait("ready", guests.BOOT_SECONDS)
        assert guest.find("nic")[0]["transport"] == "legacy"
        ours = run.measure(guest, 3, log_dir)
    assert report.broken({"guests": {guests.OURS: ours}}) == []
    assert ours["ftp"]["bytes"] > 0 and ours["ftp"]["failed"] == 0, ours["ftp"]
    assert ours["rsync"]["up_failed"] == 0, ours["rsync"]
    assert ours["flood"]["sent"] > 0 and ours["slow"]["held_most"] > 0 and ours["probe"]["sent"] > 0

# SPDX-License-Identifier: BSD-3-Clause
"""When faults are done; and that those which could not be, or did nothing, are told as such, whatever went wrong. Without a guest."""

import dataclasses
import subprocess
import sys
import time
import types

import pytest

from antifreeze import Error, net as networks
from antifreeze.soak import faults, kinds, log, plan


class Rig:
    """The path of a fault leads to nobody."""

    seed = 1

    def __init__(self, folder):
        self.log = log.Log(folder)
        path = types.SimpleNamespace(address=lambda service: ("127.0.0.1", 9), net=types.SimpleNamespace(go_on=lambda: None, pause=lambda: None))
        self.paths = dict.fromkeys(("tap", "plain", "user", "wire"), path)


@pytest.fixture(autouse=True)
def short_recovery(monkeypatch):
    """A fault that goes wrong needs no time in which its recovery is seen."""
    monkeypatch.setitem(kinds.KINDS, "link", dataclasses.replace(kinds.KINDS["link"], settle=0.02))
    monkeypatch.setattr(plan, "JUDGED", 0.03)


@pytest.fixture
def rig(tmp_path):
    with (rig := Rig(tmp_path)).log:
        yield rig


def planned(name, at=0.0, seconds=0.01):
    kind = kinds.KINDS[name]
    return plan.Fault(at, seconds, 0, name, kind.paths[0] if kind.paths else "", {})


# ---- when ---------------------------------------------------------------------------------------


class Nothing(faults.Fault):
    kind = kinds.KINDS["link"]

    def start(self):
        pass

    def stop(self):
        pass


def test_plan_is_done_in_its_order_and_time(rig, tmp_path, monkeypatch):
    monkeypatch.setitem(faults.REGISTRY, "link", Nothing)
    with faults.Injector(rig, [planned("link", 0.5, 0.2), planned("link", 0.1, 0.3)]) as injector:
        injector.finish()
    records = list(log.read(tmp_path))
    assert [(record["what"], record["seconds"]) for record in records] == [("begin", 0.3), ("end", 0.3), ("begin", 0.2), ("end", 0.2)]
    for record, due in zip(records, (0.1, 0.4, 0.5, 0.7)):
        assert due <= record["t"], records


def test_what_is_still_to_come_does_not(rig, tmp_path):
    with faults.Injector(rig, [planned("link", at=3600)]):
        pass
    assert not list(log.read(tmp_path))


class Slow(faults.Fault):
    """Takes longer to begin than it is to last."""

    kind = kinds.KINDS["link"]

    def start(self):
        time.sleep(0.5)
        self.begun = time.monotonic()

    def stop(self):
        self.figures["lasted"] = time.monotonic() - self.begun


def test_fault_that_is_slow_to_begin_keeps_its_length(rig, tmp_path, monkeypatch):
    monkeypatch.setitem(faults.REGISTRY, "link", Slow)
    with faults.Injector(rig, [planned("link", seconds=0.2)]) as injector:
        injector.finish()
    begin, end = log.read(tmp_path)
    assert end["lasted"] >= 0.2 and end["took_s"] >= 0.5
    assert end["t"] - begin["t"] >= 0.7  # what it did in between is nobody's but its own


def test_next_fault_waits_until_recovery_from_a_late_one_was_seen(rig, tmp_path, monkeypatch):
    monkeypatch.setitem(faults.REGISTRY, "link", Slow)
    monkeypatch.setattr(plan, "JUDGED", 0.3)
    late = dataclasses.replace(planned("link"), rest=0.1)
    with faults.Injector(rig, [late, planned("link", 0.2), planned("link", 0.3)]) as injector:
        injector.finish()
    times = [record["t"] for record in log.read(tmp_path)]
    assert times[2] - times[1] >= 0.4  # its rest, which is longer than it may take to recover
    assert times[4] - times[3] >= 0.32


@pytest.mark.parametrize("stands", [False, True])
def test_what_lingers_does_so_from_when_the_fault_was_over_and_by_the_guests_clock(rig, tmp_path, monkeypatch, stands):
    """The second fault lasts for half a second more than was planned."""
    monkeypatch.setitem(faults.REGISTRY, "link", Nothing)
    monkeypatch.setitem(faults.REGISTRY, "stop", Slow)
    monkeypatch.setitem(kinds.KINDS, "link", dataclasses.replace(kinds.KINDS["link"], lingers=5))
    monkeypatch.setitem(kinds.KINDS, "stop", dataclasses.replace(kinds.KINDS["stop"], lingers=3, stands=stands))
    with faults.Injector(rig, [planned("link"), planned("stop")]) as injector:
        injector.finish()
    begun, over, stopped, went_on = (record["t"] for record in log.read(tmp_path))
    stood = went_on - stopped if stands else 0
    assert stood == 0 or stood >= 0.5
    assert over + 5 + stood <= injector.gone < over + 5.4 + stood + (over - begun)


# ---- that could not be done ---------------------------------------------------------------------


class Wrong(faults.Fault):
    kind = kinds.KINDS["link"]
    where, error = "start", ValueError("too many values")

    def __init__(self, rig, planned):
        super().__init__(rig, planned)
        self.at("make")

    def at(self, where):
        if where == self.where:
            raise self.error

    def start(self):
        self.figures["connections"] = 1
        self.at("start")

    def stop(self):
        self.at("stop")

    def clean(self):
        self.at("clean")


@pytest.mark.parametrize("error", [ValueError("too many values"), AttributeError(), ConnectionError(), Error("two\nlines")])
@pytest.mark.parametrize("where", ["make", "start", "stop", "clean"])
def test_whatever_goes_wrong_is_told_and_the_next_fault_comes(rig, tmp_path, monkeypatch, where, error):
    monkeypatch.setitem(faults.REGISTRY, "link", type("Link", (Wrong,), {"where": where, "error": error}))
    with faults.Injector(rig, [planned("link"), planned("link", 0.02)]) as injector:
        injector.finish()
    records = list(log.read(tmp_path))
    assert [record["what"] for record in records if "error" not in record or where != "clean"].count("begin") == 2
    ends = [record for record in records if record.get("error")]
    assert len(ends) == 2 and all(record["what"] == "end" for record in ends), records
    assert ends[0]["error"] == ("two" if isinstance(error, Error) else repr(error))
    assert ("connections" in ends[0]) is (where != "make")


class Child:
    """A program whose output is a pipe that nobody fills."""

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.PIPE, bufsize=0)
        self.stdout, self.stdin = self._process.stdout, None
        self.kill, self.wait = self._process.kill, self._process.wait


def test_download_that_never_comes_does_not_hold_up_the_soak(rig, monkeypatch):
    monkeypatch.setattr(faults.machine, "DOWNLOAD_SECONDS", 0.2)
    fault = faults.make(rig, planned("blocked"))
    fault.run = lambda *_, **__: fault._children.append(Child()) or fault._children[-1]
    begun = time.monotonic()
    try:
        with pytest.raises(Error, match="nothing could be downloaded"):
            fault.start()
    finally:
        fault.clean()
    assert 0.2 <= time.monotonic() - begun < 30


# ---- that did nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lost_kicks", "lost_irqs", "broken_device", "renegotiate"])
@pytest.mark.parametrize("count", [0, 3])
def test_fault_of_the_guest_that_struck_nothing_is_none(rig, monkeypatch, name, count):
    rig.guest = types.SimpleNamespace(mark=lambda: 0, address=lambda _: None, wait=lambda *_: {"count": count})
    monkeypatch.setattr(networks, "order_fault", lambda *_: 200)
    fault = faults.make(rig, planned(name))
    fault.start()
    if count:
        fault.stop()
        return
    with pytest.raises(Error, match="struck nothing"):
        fault.stop()


@pytest.mark.parametrize("what", ["peer_killed", "slow_readers", "half_open"])
def test_clients_that_nobody_let_in_are_no_fault(rig, monkeypatch, what):
    monkeypatch.setattr(faults.base, "CLIENTS", "/dev/null")
    fault = faults.make(rig, planned(what))
    fault.run = lambda *_, **__: types.SimpleNamespace(stdout=types.SimpleNamespace(readline=lambda: "0\n"))
    with pytest.raises(Error, match="no connection was taken"):
        fault.start()


@pytest.mark.parametrize("what", ["peer_killed", "slow_readers", "half_open"])
@pytest.mark.parametrize("ended", [False, True])
def test_clients_that_do_not_go_on_are_no_fault(rig, what, ended):
    fault = faults.make(rig, planned(what))
    fault._clients = fault.run("sleep", 60)
    if not ended:
        fault.stop()
        assert fault._clients.poll() is not None
        return
    fault._clients.kill()
    fault._clients.wait()
    with pytest.raises(Error, match="its clients have ended before"):
        fault.stop()


class Storm:
    def __init__(self, sent):
        self.sent = sent

    def rate(self, pps):
        pass

    def counts(self):
        return self.sent, 0


@pytest.mark.parametrize("sent,hurry", [(0, False), (0, True), (9, False)])
@pytest.mark.parametrize("name", ["arp_storm", "nd_storm", "fragments", "syn_flood", "noise", "overload"])
def test_storm_that_sent_nothing_is_none(rig, name, sent, hurry):
    fault = faults.make(rig, planned(name))
    fault._storm, fault.hurry = Storm(sent), hurry
    fault._begun, fault._offered, fault._full_pps = time.monotonic() - 1, 0, 1000
    if sent or hurry:
        fault.stop()
        return
    with pytest.raises(Error, match="not one frame was sent|no load was offered"):
        fault.stop()

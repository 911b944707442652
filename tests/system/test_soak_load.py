# SPDX-License-Identifier: BSD-3-Clause
"""The load of a soak: searched for before it where there is time, and said as a share of what was found."""

import contextlib

import pytest

from antifreeze import Error
from antifreeze.soak import estimate, load, log, search, throughput
from antifreeze.soak.traffic import Flood


class Silent:
    def show(self, text):
        pass


class Bench:
    """In place of two guests; carries `most` frames a second."""

    most = 30000

    def __init__(self, folder, length, **guest):
        assert (folder, length, guest) == ("folder", "imix", {"image": "this"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def fastest(self):
        return 60000

    def trial(self, pps, seconds):
        intended = round(pps * seconds)
        return intended, min(intended, round(self.most * seconds))


@pytest.fixture
def found(monkeypatch):
    """found(seconds, most) -> the load of such a soak of a guest that takes so many frames a second."""

    def find(seconds, most=30000):
        bench = type("Bench", (Bench,), {"most": most})
        monkeypatch.setattr(throughput, "Bench", bench)
        return load.find("folder", seconds, Silent(), {"image": "this"})

    return find


def test_a_short_soak_has_a_stated_load_that_nothing_was_measured_for(found):
    short = found(299)
    assert (short.pps, short.certified, short.measured) == (load.MOST, False, "")
    assert short.words.startswith("2000 frames/s (imix), not a share of a measured rate")


@pytest.mark.parametrize("seconds,off", [(300, 0.2), (1800, 0.05)])
def test_the_load_is_a_share_of_the_rate_without_loss(found, seconds, off):
    for most, pps in ((30000, load.MOST), (1000, 500)):
        one = found(seconds, most)
        assert one.certified and one.ndr == pytest.approx(most, rel=off) and one.fastest == 60000
        assert one.pps == pytest.approx(pps, rel=off) and one.pps <= load.SHARE * one.ndr + 1
        for rate, of in ((one.ndr, f"of the NDR of {one.ndr}"), (one.pdr, f"of the PDR of {one.pdr}"), (one.critical, "of the load at which one frame")):
            assert f"{100 * one.pps / rate:.1f} % {of}" in one.words
        assert one.critical == pytest.approx(most, rel=max(off, 0.05)) and f"{one.critical} ± {one.critical_stdev}, estimated from" in one.words
        assert "; measured at 2" in one.words and one.critical_trials > 0


def test_critical_load_that_is_none_is_no_figure():
    """On a busy host each load loses some frames now and then."""
    one = load.Load(2000, 237704, 237704, critical=load.LEAST_CRITICAL, critical_trials=35, measured="2026-11-23 21:45:12Z")
    assert "0.8 % of the NDR of 237704" in one.words and "of no load is it known" in one.words and "the 35 trials lost" in one.words
    assert "±" not in one.words and "200000" not in one.words and one.words.endswith("; measured at 2026-11-23 21:45:12Z")


def test_the_critical_load_is_searched_for_before_a_very_long_soak(found, monkeypatch):
    def searched(_trial, _least, most, seconds, start):
        assert start == pytest.approx(30000, rel=0.05) and most == 60000
        return estimate.Estimate(seconds, 7.4, 50)

    monkeypatch.setattr(estimate, "search", searched)
    assert found(21599).critical != 300
    one = found(21600)
    assert (one.critical, one.critical_stdev, one.critical_trials) == (300, 7, 50)


def test_a_guest_that_loses_at_every_load_certifies_none(found):
    one = found(300, 0)
    assert not one.certified and one.pps == load.MOST and "no rate without loss was found" in one.words


def test_a_search_that_fails_is_told_and_the_soak_goes_on(monkeypatch):
    @contextlib.contextmanager
    def bench(*_, **__):
        raise Error("no guest\nand more")
        yield

    monkeypatch.setattr(throughput, "Bench", bench)
    one = load.find("folder", 300, Silent(), {})
    assert not one.certified and one.words.endswith("so loss is not judged: no guest")


def test_the_search_takes_longer_before_a_longer_soak():
    assert load.effort(299) is None
    [quick, _], [close, loose] = (load.goals(load.effort(seconds)) for seconds in (300, 1800))
    assert (quick.loss_ratio, loose.loss_ratio) == (search.NDR.loss_ratio, search.PDR.loss_ratio)
    assert quick.sum_seconds < close.sum_seconds and quick.width > close.width


# ---- what a flood at that rate writes down ------------------------------------------------------


class Rig:
    def __init__(self, folder, pps, ndr):
        self.log, self.load, self.stats = log.Log(folder), load.Load(pps, ndr, ndr, ndr, measured="then"), None
        self.count(9, 5000, 7)  # of a flood before

    def count(self, run, received, lost, over=False, **more):
        """The statistics of now have this run as well."""
        runs = self.stats["services"]["sink"]["runs"][:1] if self.stats else []
        counts = {"rx_bytes": 100 * received, "received": received, "lost": lost, "late": 0, "duplicate": 0, "corrupt": 0} | more
        self.stats = {"services": {"sink": {"runs": [*runs, {"run": run, "over": over, "reflected": False, **counts}]}}}


class Monitor:
    def command(self, name):
        return [{"thread-id": 1}]


@pytest.fixture
def flood(tmp_path):
    def make(pps, ndr):
        rig = Rig(tmp_path, pps, ndr)
        made = Flood(rig, "flood", "tap")
        made.ended = lambda: False
        peer = type("Peer", (), {"process": None, "records": [], "qmp": Monitor()})()
        rig.generator = lambda path, words: made.words.append(words) or peer
        rig.paths, made.words = {"tap": None}, []
        made.start()
        return made, rig, lambda: [r for r in log.read(tmp_path) if r["name"].endswith(".sink")]

    return make


def test_what_arrived_is_told_when_there_are_statistics_and_of_all_the_time_before(flood):
    made, rig, told = flood(700, 1400)
    assert made.words == ["rate=700pps len=imix"]
    begun = made._begun
    made.tick(begun + 1)
    assert told() == []  # nothing new, and nothing of the flood before this one
    rig.count(10, 900, 2)
    made.tick(begun + 2)
    made.tick(begun + 3)
    rig.count(10, 2900, 2, corrupt=1)
    made.tick(begun + 7)
    first, second = told()
    assert (first["packets"], first["lost"], first["certified"], first["seconds"]) == (900, 2, True, 3)
    assert (second["packets"], second["lost"], second["corrupt"], second["seconds"]) == (2000, 0, 1, 6)


def test_loss_is_not_certified_where_no_rate_was_found(flood):
    made, rig, told = flood(2000, 0)
    rig.count(10, 900, 2)
    made.tick(made._begun + 1)
    assert [r["certified"] for r in told()] == [False]

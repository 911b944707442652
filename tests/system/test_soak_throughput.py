# SPDX-License-Identifier: BSD-3-Clause
"""The search for a rate on two real guests, and the words for it."""

import argparse

import pytest

from antifreeze import Error, world
from antifreeze.soak import search, throughput


def words(*said):
    top = argparse.ArgumentParser()
    throughput.options(top.add_subparsers(dest="run"), "")
    return top.parse_args(["throughput", *said])


def test_goals_are_those_of_the_rules_unless_said():
    assert throughput.goals(words()) == [search.NDR, search.PDR]
    ndr, pdr = throughput.goals(words("--trial", "0.5", "--sum", "2", "--width", "0.1"))
    assert (ndr.seconds, ndr.sum_seconds, ndr.width, ndr.loss_ratio) == (0.5, 2, 0.1, 0)
    assert pdr.loss_ratio == search.PDR.loss_ratio


@pytest.mark.parametrize("said", [("--trial", "0"), ("--trial", "2", "--sum", "1"), ("--width", "0"), ("--width", "1"), ("--width", "nan")])
def test_senseless_goals_are_refused(said):
    with pytest.raises(Error, match=said[0]):
        throughput.goals(words(*said))


class Simulated:
    """In place of two guests: carries 5000 a second of what the generator sends."""

    def fastest(self):
        return 80000

    def trial(self, pps, seconds):
        intended = round(pps * seconds)
        return intended, min(intended, round(5000 * seconds))


class Silent:
    def show(self, text):
        assert "lost" in text


def test_result_has_all_three_rates():
    result = throughput.measure(Simulated(), [search.NDR, search.PDR], 20, Silent())
    assert result["ndr"]["pps"] == pytest.approx(5000, rel=0.01)
    assert result["pdr"]["lower"] == pytest.approx(5000 / 0.995, rel=0.01)
    assert result["critical"]["pps"] == pytest.approx(5000, rel=0.05)
    said = throughput.table(result)
    assert all(word in said for word in ("80000 pps", "NDR", "PDR", "1e-07, estimated"))
    assert "critical" not in throughput.measure(Simulated(), [search.NDR, search.PDR], None, Silent())


def test_critical_load_costs_no_trials_where_those_of_the_search_are_taken():
    made = []

    class Counted(Simulated):
        def trial(self, pps, seconds):
            made.append(pps)
            return super().trial(pps, seconds)

    result = throughput.measure(Counted(), [search.NDR, search.PDR], 0, Silent())
    assert result["critical"]["trials"] == len(made)
    assert result["critical"]["pps"] == pytest.approx(5000, rel=0.05) and 0 < result["critical"]["stdev"] < 500
    assert (words().critical, words("--critical", "0").critical) == (None, 0)


@pytest.mark.skipif(bool(world.why_no_taps()), reason="needs taps")
def test_trials_of_two_guests_are_counted(tmp_path):
    with throughput.Bench(tmp_path, "60,590", "sndbuf=1M", {"packed": "on"}, "rx_ring=64") as bench:
        words = [" ".join(guest.machine.plain_command()) for guest in (bench.guest, bench.generator)]
        assert all((of in words[0]) and (of not in words[1]) for of in ("sndbuf=1M", "packed=on", "rx_ring=64"))
        flood, counts = bench.flood, []
        bench.flood = lambda *words: counts.append(flood(*words)) or counts[-1]
        for rate, seconds in ((500, 0.4), (1000, 0.2)):  # what came before is not counted again
            assert bench.trial(rate, seconds) == (200, counts[-1]["offered"])
        assert bench.fastest() > 0
        intended, received = bench.trial(5_000_000, 0.3)  # which nobody sends
        assert intended == 1_500_000 and 0 < received < intended  # unsent is lost
        with pytest.raises(Error, match="rate=2Tpps is not accepted"):
            bench.flood("2Tpps", 0.1)

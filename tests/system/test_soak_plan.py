# SPDX-License-Identifier: BSD-3-Clause
"""The plan of a soak: what is in it, when, and that a seed repeats it."""

import itertools
import re

import pytest

from antifreeze import Error
from antifreeze.soak import kinds, plan
from conftest import TOP

SEEDS = range(300)
LENGTHS = {words: plan.duration(words) for words in (*plan.LEVELS[:4], "10s", "90s", "47m", "1h30m")}


@pytest.mark.parametrize(
    "words,seconds", [("30s", 30), ("5m", 300), ("24h", 86400), ("7d", 604800), ("1h30m", 5400), ("90s", 90)]
)
def test_durations_are_read(words, seconds):
    assert plan.duration(words) == seconds
    assert plan.duration(plan.words(seconds)) == seconds


@pytest.mark.parametrize("words", ["", "30", "s", "5 m", "-5m", "1.5h", "5m ", "10x", "9s", "0s"])
def test_what_is_no_duration_is_refused(words):
    with pytest.raises(Error, match="at least" if words in ("9s", "0s") else "is no duration"):
        plan.duration(words)


def test_the_same_seed_makes_the_same_plan():
    for seconds in LENGTHS.values():
        assert plan.make(seconds, 7) == plan.make(seconds, 7)
    assert plan.make(1800, 7) != plan.make(1800, 8)


def test_half_an_hour_has_every_fault_once():
    for seed in SEEDS:
        names = [fault.name for fault in plan.make(1800, seed).faults]
        assert sorted(names) == sorted(kinds.KINDS), seed


def test_every_half_hour_of_a_long_one_has_every_fault_once():
    for seed, hours in ((1, 6), (2, 24)):
        faults = plan.make(hours * 3600, seed).faults
        for start in range(0, hours * 3600, 1800):
            names = [fault.name for fault in faults if start <= fault.at < start + 1800]
            assert sorted(names) == sorted(kinds.KINDS)


def test_five_minutes_have_most_faults_and_half_a_minute_some():
    for seed in SEEDS:
        assert len(plan.make(300, seed).faults) >= 10, seed
        assert 1 <= len(plan.make(30, seed).faults) <= 4, seed


def test_each_fault_is_in_some_half_minute():
    names = {fault.name for seed in SEEDS for fault in plan.make(30, seed).faults}
    assert names == set(kinds.KINDS)


@pytest.mark.parametrize("seconds", LENGTHS.values(), ids=LENGTHS)
def test_between_faults_there_is_time_in_which_recovery_is_seen(seconds):
    for seed in SEEDS if seconds <= 1800 else range(10):
        faults = plan.make(seconds, seed).faults
        for fault in faults:
            assert fault.at >= 4 and fault.over <= seconds - 3.8
            assert fault.over >= fault.end + kinds.KINDS[fault.name].settle
        for one, next_ in itertools.pairwise(faults):
            assert next_.at - one.over >= 3.8, (seed, one, next_)


@pytest.mark.parametrize("seconds", LENGTHS.values(), ids=LENGTHS)
def test_phases_follow_each_other_and_never_begin_in_a_fault(seconds):
    for seed in SEEDS if seconds <= 1800 else range(10):
        whole = plan.make(seconds, seed)
        assert whole.phases[0].at == 0
        for one, next_ in itertools.pairwise(whole.phases):
            assert one.at + one.seconds == pytest.approx(next_.at)
            assert not [f for f in whole.faults if f.at <= next_.at < f.over], (seed, next_)
        assert whole.phases[-1].at + whole.phases[-1].seconds == pytest.approx(seconds)
        assert min(phase.seconds for phase in whole.phases) >= 5


def plain(kind, path):
    """One of MIXES, whoever sends it."""
    return next((mix for (mix, at), ours in plan.OURS.items() if (ours, at) == (kind, path)), kind)


def test_the_mix_goes_round():
    for seed in SEEDS:
        short, long = plan.make(30, seed).phases, plan.make(1800, seed).phases
        for phase in (*short, *long):
            assert [path for _, path in phase.sources] == list(kinds.NICS)
            assert len({plain(*source) for source in phase.sources}) == len(phase.sources)
        if len(short) >= 3:
            assert {plain(*source) for phase in short for source in phase.sources} == set(plan.MIXES)
        for k, path in enumerate(kinds.NICS):
            carried = [phase.sources[k][0] for phase in long[:8]]
            assert {plain(kind, path) for kind in carried} == set(plan.MIXES)
            assert ("flood" in carried) == (path == "tap")
        assert long[0].name.count("@") == len(kinds.NICS)
        assert [phase.name for phase in long[8:]] == [long[k % 8].name for k in range(8, len(long))]


def test_a_fault_is_done_to_a_path_that_can_have_it():
    seen = {}
    for seed in SEEDS:
        for fault in plan.make(1800, seed).faults:
            kind = kinds.KINDS[fault.name]
            assert fault.path in kind.paths or (fault.path == "" and not kind.paths)
            for name, value in fault.params.items():
                assert value in kind.choices[name]
            seen.setdefault(fault.name, set()).add((fault.path, *fault.params.values()))
    for name, kind in kinds.KINDS.items():  # and in the course of time to each of them
        ways = len(kind.paths or [""])
        for values in kind.choices.values():
            ways *= len(values)
        assert len(seen[name]) == ways, name


def test_only_faults_that_are_wanted():
    assert plan.make(1800, 1, names=[]).faults == ()
    assert {fault.name for fault in plan.make(300, 1, names=["link", "noise"]).faults} == {"link", "noise"}
    with pytest.raises(Error, match="no fault nothing: there are overload, "):
        plan.make(300, 1, names=["nothing"])


def test_clients_linger_behind_the_user_network_until_the_guest_gives_up_on_them():
    assert kinds.IDLE == int(re.search(r"CONFIG_IDLE_MS +(\d+)", (TOP / "kernel/config.h").read_text())[1]) / 1000
    lingers = set()
    for seed in SEEDS:
        [killed] = plan.make(1800, seed, names=["peer_killed"]).faults
        lingers.add((killed.path, kinds.KINDS[killed.name].linger(killed.path)))
    assert lingers == {("tap", 3), ("plain", 3), ("user", kinds.IDLE + 5)}


def test_an_overload_is_a_minute_and_then_half_the_load():
    [overload] = plan.make(1800, 3, names=["overload"]).faults
    assert (overload.seconds, overload.rest) == (60, 20)
    assert overload.end >= overload.at + 1 + 60  # it is measured first how much the guest takes
    assert overload.over >= overload.end + 20

# SPDX-License-Identifier: BSD-3-Clause
"""The searches for a rate, over simulated systems whose answer is known."""

import dataclasses
import math
import random

import pytest

from antifreeze.soak import estimate, search
from antifreeze.soak.search import NDR, PDR, Goal, Trials

LEAST, MOST = 1000, 1000000


class System:
    """Carries up to `limit` frames a second; tells how long it was measured."""

    def __init__(self, limit):
        self.limit, self.seconds, self.trials = limit, 0.0, 0

    def __call__(self, pps, seconds):
        self.seconds += seconds
        self.trials += 1
        intended = round(pps * seconds)
        return intended, min(intended, self.carry(pps, seconds, intended))

    def carry(self, pps, seconds, intended):
        return math.ceil(self.limit * seconds)


class Noisy(System):
    """Its limit is another one in each trial, and now and then a frame is lost at any load."""

    def __init__(self, limit, noise=0.02, often=0.2, seed=1):
        super().__init__(limit)
        self.noise, self.often, self.chance = noise, often, random.Random(seed)

    def carry(self, pps, seconds, intended):
        limit = self.limit * (1 - abs(self.chance.gauss(0, self.noise)))
        return min(intended, int(limit * seconds)) - (self.chance.random() < self.often)


@pytest.mark.parametrize("limit", [1500, 33333, 271828, 999000])
def test_a_steady_system_has_its_limit_found(limit):
    ndr, pdr = search.search(System(limit), [NDR, PDR], LEAST, MOST)
    assert ndr.lower <= limit < ndr.upper
    assert (ndr.upper - ndr.lower) / ndr.upper <= NDR.width
    assert ndr.pps == ndr.lower
    # half a per cent of loss is where the limit is that much below the load
    if limit / 0.995 < MOST:
        assert pdr.lower <= limit / 0.995 * 1.0001 and pdr.upper > limit / 0.995
        assert pdr.pps == pytest.approx(limit, rel=0.006)


def test_a_search_is_short():
    system = System(271828)
    search.search(system, [NDR], LEAST, MOST)
    assert system.seconds < 60  # its two last bounds alone take 22 trials of a second


def test_loss_now_and_then_does_not_hide_the_rate():
    """One trial in five loses a frame: less often than the exceed ratio lets pass."""
    for seed in range(5):
        ndr, pdr = search.search(Noisy(200000, noise=0, often=0.2, seed=seed), [NDR, PDR], LEAST, MOST)
        assert ndr.pps == pytest.approx(200000, rel=0.01)
        assert pdr.pps == pytest.approx(200000, rel=0.01)


def test_loss_in_most_trials_is_loss():
    (ndr,) = search.search(Noisy(200000, noise=0, often=0.9), [NDR], LEAST, MOST)
    assert (ndr.lower, ndr.upper, ndr.pps) == (None, LEAST, 0.0)


def test_a_noisy_system_has_its_median_found():
    # half of the trials carry less than limit * (1 - 0.6745 * noise)
    found = [search.search(Noisy(200000, noise=0.02, often=0, seed=seed), [NDR], LEAST, MOST)[0].pps for seed in range(9)]
    assert sorted(found)[4] == pytest.approx(200000 * (1 - 0.6745 * 0.02), rel=0.01)


def test_what_the_sender_does_not_send_is_lost():
    """A sender that manages 5000 a second, over a network that loses nothing."""
    (ndr,) = search.search(System(5000), [NDR], LEAST, MOST)
    assert ndr.pps <= 5000


def test_more_than_the_most_is_not_asked_for():
    (ndr,) = search.search(System(2 * MOST), [NDR], LEAST, MOST)
    assert (ndr.lower, ndr.upper, ndr.pps) == (MOST, None, MOST)


def test_senseless_limits_are_refused():
    for least, most in ((0, 10), (10, 10), (10, 5)):
        with pytest.raises(ValueError):
            search.search(System(7), [NDR], least, most)


# ---- the rules ----------------------------------------------------------------------------------


def judged(goal, *said):
    """How a load with these trials is judged: (seconds, ratio lost) each."""
    answers = iter(said)
    trials = Trials(lambda pps, seconds: (10000, round(10000 * (1 - next(answers)[1]))))
    for seconds, _ in said:
        trials.measure(100, seconds)
    return trials.judge(100, goal), trials


GOAL = Goal("g", 0.001, seconds=1, sum_seconds=4, exceed_ratio=0.5)


@pytest.mark.parametrize("said,verdict", [
    ([(1, 0)], None), ([(1, 0)] * 2, True), ([(1, 0), (1, 0.5), (1, 0)], True), ([(1, 0.5)] * 2, None), ([(1, 0.5)] * 3, False),
    ([(1, 0.001)] * 2, True), ([(1, 0.0011)] * 3, False),
    ([(0.5, 0)] * 20, None), ([(0.5, 0.5)] * 5, False), ([(0.5, 0.5)] * 4, None),
    ([(0.5, 0.5)] * 5 + [(0.5, 0)] * 5, None),  # short ones that excuse each other
    ([(0.5, 0)] * 9 + [(1, 0)] * 2, True),
])  # fmt: skip
def test_loads_are_judged_by_the_rules(said, verdict):
    assert judged(GOAL, *said)[0] is verdict


def test_an_exceed_ratio_of_nothing_needs_all_the_time():
    strict = dataclasses.replace(GOAL, exceed_ratio=0)
    assert judged(strict, *[(1, 0)] * 3)[0] is None
    assert judged(strict, *[(1, 0)] * 4)[0] is True
    assert judged(strict, *[(1, 0)] * 3, (1, 0.5))[0] is False


def test_conditional_throughput_is_that_of_the_worst_trial_that_counts():
    _, trials = judged(GOAL, (1, 0), (1, 0.0005), (1, 0.0004), (1, 0.5))
    assert trials.throughput(100, GOAL) == pytest.approx(100 * (1 - 0.0004))


def test_a_load_below_a_bad_one_bounds_it():
    answers = {100: 0, 200: 0.5, 300: 0}
    trials = Trials(lambda pps, seconds: (1000, round(1000 * (1 - answers[pps]))))
    for load in answers:
        for _ in range(3):
            trials.measure(load, 1)
    assert trials.bounds(GOAL) == (100, 200)  # 300 passed, but is above one that did not


# ---- the critical load --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", estimate.SHAPES)
def test_shapes_are_rates_of_loss(shape):
    rate, spread = 100000.0, 3000.0
    losses = [math.exp(shape(load, rate, spread)) for load in range(1000, 300000, 500)]
    steps = [b - a for a, b in zip(losses, losses[1:])]
    assert all(a <= b * (1 + 1e-9) for a, b in zip(losses, losses[1:]))
    assert all(b >= a - 1e-6 for a, b in zip(steps, steps[1:]))  # convex
    for load in (200000, 400000):  # in the end what arrives is the rate
        assert load - math.exp(shape(load, rate, spread)) == pytest.approx(rate, rel=1e-3)
    assert shape(50000, rate, 1.0) < -700 and math.isfinite(shape(50000, rate, 1.0))


def test_erf_has_no_step_where_its_formula_changes():
    below, above = estimate._log_gauss(-7.0001), estimate._log_gauss(-6.9999)
    assert above - below == pytest.approx(0.0002 * 2 * 7.15, rel=0.05)


class Poisson(System):
    """Loses frames by chance, on average as a shape says."""

    def __init__(self, shape, rate, spread, seed):
        super().__init__(rate)
        self.shape, self.spread, self.chance = shape, spread, random.Random(seed)

    def carry(self, pps, seconds, intended):
        mean = seconds * math.exp(self.shape(pps, self.limit, self.spread))
        return intended - (round(self.chance.gauss(mean, mean**0.5)) if mean > 50 else self._few(mean))

    def _few(self, mean):
        count, left = 0, math.exp(-mean)
        product = self.chance.random()
        while product > left:
            product *= self.chance.random()
            count += 1
        return count


@pytest.mark.parametrize("shape", estimate.SHAPES)
def test_the_critical_load_is_found_with_its_deviation(shape):
    rate, spread = 200000.0, 4000.0
    true = estimate.critical(shape, rate, spread, 1e-7, MOST)
    found = estimate.search(Poisson(shape, rate, spread, seed=1), LEAST, MOST, 60)
    assert abs(found.mean - true) < 3 * found.stdev, (true, found)
    assert found.stdev < 0.2 * true


@pytest.mark.parametrize("shape", estimate.SHAPES)
def test_critical_load_is_concluded_from_trials_for_other_rates(shape):
    """Trials of half a second, of which many are at one load."""
    rate, spread = 100000.0, 2500.0
    system, trials = Poisson(shape, rate, spread, seed=3), []

    def trial(pps, seconds):
        intended, received = system(pps, seconds)
        trials.append((pps, seconds, intended - received))
        return intended, received

    search.search(trial, [Goal("ndr", 0.0, 0.5, 4, 0.5, 0.05), Goal("pdr", 0.005, 0.5, 4, 0.5, 0.05)], LEAST, MOST)
    true = estimate.critical(shape, rate, spread, 1e-7, MOST)
    found = estimate.of(trials, LEAST, MOST)
    assert abs(found.mean - true) < 3 * found.stdev < 0.3 * true, (true, found)
    assert found.trials == len(trials) > len({load for load, _, _ in trials})


def test_trials_at_one_load_are_one_longer_trial():
    apart, together, fewer = (
        estimate.of([*trials, (120000, 1, 20000)], LEAST, MOST)
        for trials in ([(90000, 0.5, 4), (90000, 0.5, 0)], [(90000, 1.0, 4)], [(90000, 0.5, 0)])
    )
    assert (apart.mean, apart.stdev) == (together.mean, together.stdev) and (apart.trials, together.trials) == (3, 2)
    assert apart.mean < fewer.mean


def test_a_longer_search_is_surer():
    system = Poisson(estimate.log_loss_erf, 200000.0, 4000.0, 5)
    short, long = (estimate.search(system, LEAST, MOST, seconds) for seconds in (12, 60))
    assert long.stdev < short.stdev and long.trials > short.trials


def test_a_hard_limit_is_the_critical_load():
    found = estimate.search(System(150000), LEAST, MOST, 60)
    assert found.mean == pytest.approx(150000, rel=0.03)
    assert found.stdev < 0.05 * 150000


def test_a_system_that_loses_nothing_is_not_limited():
    found = estimate.search(System(2 * MOST), LEAST, MOST, 30)
    assert found.mean > 0.8 * MOST


def test_critical_load_has_its_loss():
    for shape in estimate.SHAPES:
        load = estimate.critical(shape, 100000.0, 2000.0, 1e-7, MOST)
        assert math.exp(shape(load, 100000.0, 2000.0)) / load == pytest.approx(1e-7, rel=1e-3)

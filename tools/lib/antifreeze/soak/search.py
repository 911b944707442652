# SPDX-License-Identifier: BSD-3-Clause
"""The highest rates that pass, by the rules of Multiple Loss Ratio Search (MLRsearch, IETF's Benchmarking Methodology group).

    result = search(trial, [NDR, PDR], least, most)

trial(pps, seconds) -> (intended, received): frames that the schedule of the trial had, and frames that arrived. What the
sender did not send in its slot counts as lost, or a sender that freezes would pass for a perfect network.

A goal is a loss ratio with conditions. Trials at one load are judged together: a load is a lower bound for a goal if, whatever
further trials showed, no more than the exceed ratio of the duration sum would have more loss than the goal's; an upper bound if
more of it has already; else it takes more trials. Full trials are those of the final duration; shorter ones only speak against
a load, by as much as their bad time exceeds what the exceed ratio lets their good time excuse. The search ends
when the bounds are closer than the width.

Which loads are tried is not part of the rules. Here each goal is approached through coarser ones with shorter
trials, and between bounds by halves of their ratio.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Goal:
    name: str
    loss_ratio: float  # of a trial that is good
    seconds: float = 1.0  # of a full trial
    sum_seconds: float = 21.0  # of full trials that a verdict needs
    exceed_ratio: float = 0.5  # of that time which may be bad
    width: float = 0.005  # between the bounds, as a share of the upper one


NDR = Goal("ndr", 0.0)
PDR = Goal("pdr", 0.005)

COARSER = 3  # targets before the goal itself: each with twice the width of the next
SHORTEST = 0.25  # seconds of the first of them
EVEN_SHORTER = 0.5  # each is so much of the next one's


@dataclasses.dataclass(frozen=True)
class Trial:
    load: int
    seconds: float
    intended: int
    received: int

    @property
    def lost(self):
        return max(0, self.intended - self.received)

    @property
    def loss_ratio(self):
        return self.lost / self.intended if self.intended else 0.0


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search says of one goal. lower is None if even the least load is too much; upper if the most passes."""

    goal: Goal
    lower: int | None
    upper: int | None
    pps: float  # conditional throughput: the lower bound less what is lost at it by the goal's exceed ratio; 0 without one


class Trials:
    """All that was measured, by load."""

    def __init__(self, trial):
        self._trial = trial
        self.loads = {}

    def measure(self, load, seconds):
        intended, received = self._trial(load, seconds)
        one = Trial(load, seconds, intended, received)
        self.loads.setdefault(load, []).append(one)
        return one

    def judge(self, load, goal):
        """True: a lower bound; False: an upper one; None: not known yet."""
        good = bad = short_good = short_bad = 0.0
        for one in self.loads.get(load, ()):
            fine, full = one.lost <= goal.loss_ratio * one.intended, one.seconds >= goal.seconds
            good += one.seconds * (fine and full)
            bad += one.seconds * (full and not fine)
            short_good += one.seconds * (fine and not full)
            short_bad += one.seconds * (not fine and not full)
        excused = short_good * goal.exceed_ratio / (1 - goal.exceed_ratio)
        bad += max(0.0, short_bad - excused)
        whole = max(good + bad, goal.sum_seconds)
        missing = whole - good - bad
        if (bad + missing) / whole <= goal.exceed_ratio:
            return True
        return False if bad / whole > goal.exceed_ratio else None

    def bounds(self, goal):
        """(greatest lower bound below every upper one, least upper bound), None where there is none."""
        judged = {load: self.judge(load, goal) for load in self.loads}
        upper = min((load for load, good in judged.items() if good is False), default=None)
        lower = max((load for load, good in judged.items() if good and (upper is None or load < upper)), default=None)
        return lower, upper

    def throughput(self, load, goal):
        """Conditional: the load less the loss that the exceed ratio's part of the time is above."""
        trials = sorted((one for one in self.loads[load] if one.seconds >= goal.seconds), key=lambda one: one.loss_ratio)
        whole = max(sum(one.seconds for one in trials), goal.sum_seconds)
        left, ratio = whole * (1 - goal.exceed_ratio), 1.0
        for one in trials:
            left -= one.seconds
            ratio = one.loss_ratio
            if left <= 0:
                break
        return load * (1 - ratio)


def search(trial, goals, least, most):
    """[Found] of each goal, strictest first, or in whatever order they are given."""
    if not 0 < least < most:
        raise ValueError(f"nothing to search between {least} and {most}")
    trials = Trials(trial)
    first = trials.measure(most, SHORTEST)
    hint = max(least, min(most, round(most * (1 - first.loss_ratio))))
    found = []
    for goal in goals:
        for target in (*_coarser(goal), goal):
            lower, upper = _approach(trials, target, least, most, hint)
            hint = lower or least
        found.append(Found(goal, lower, upper, trials.throughput(lower, goal) if lower else 0.0))
    return found


def _coarser(goal):
    for step in range(COARSER, 0, -1):
        seconds = min(goal.seconds, max(SHORTEST, goal.seconds * EVEN_SHORTER**step))
        yield dataclasses.replace(goal, seconds=seconds, sum_seconds=seconds, width=goal.width * 2**step)


def _approach(trials, goal, least, most, hint):
    """Measures until the goal's bounds are close enough; (lower, upper). A step away from a bound on one side doubles until
    there is one on the other."""
    step = goal.width
    while True:
        lower, upper = trials.bounds(goal)
        if lower is None and upper is None:
            load = hint
        elif upper is None:
            if lower == most:
                return lower, None
            load, step = min(most, _away(lower, 1 + step)), 2 * step
        elif lower is None:
            if upper == least:
                return None, upper
            load, step = max(least, _away(upper, 1 - min(step, 0.5))), 2 * step
        elif upper - lower <= max(1, goal.width * upper):
            return lower, upper
        else:
            load = min(max(round((lower * upper) ** 0.5), lower + 1), upper - 1)
        while trials.judge(load, goal) is None:
            trials.measure(load, goal.seconds)


def _away(load, factor):
    """So many times the load, but never itself."""
    return max(load + 1, round(load * factor)) if factor > 1 else min(load - 1, round(load * factor))

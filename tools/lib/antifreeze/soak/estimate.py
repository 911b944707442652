# SPDX-License-Identifier: BSD-3-Clause
"""The load at which one frame in ten million is lost, with how sure that is: after PLRsearch
(draft-vpolak-bmwg-plrsearch).

Such a loss cannot be measured in the time that there is; it is concluded from trials around it. Loss is taken for Poisson's
noise on an average that rises with the load in one of two shapes, each with two parameters: the rate that arrives in the
end, and how gradually the loss begins. All parameters are weighted by how well they explain all trials, and the
critical load is the average over them, with its standard deviation. The two shapes differ where nothing was measured; what they
differ by is part of the deviation.

For each way in which loss may begin, the rate that explains the trials best is found, and the weights around it are
summed; a single trial far above the critical load fixes that rate so sharply that no fixed grid would meet it. Logarithms are
used throughout: an average loss of e^-700 is a number like any other here.
"""

import dataclasses
import math

TARGET = 1e-7
SPREADS, RATES = 24, 12  # points of a sum: of spreads, and of rates for each
NEGLIGIBLE = 12  # a weight of e to the minus that, relative to the greatest, adds nothing
LAYERS = 4  # of ever closer spreads, at most
SEVERAL = 10  # lost frames expected in every other trial: at the critical load nearly all trials say nothing
FIRST_SECONDS, MORE_SECONDS = 5.1, 0.1  # of a trial, and how much longer each is than the one before

_HALF_LOG_PI = 0.5 * math.log(math.pi)


@dataclasses.dataclass(frozen=True)
class Estimate:
    mean: float
    stdev: float
    trials: int


def _log_softplus(x):
    """ln ln (1 + e^x)"""
    return x if x < -30 else math.log(math.log1p(math.exp(x)) if x < 30 else x)


def _log_gauss(x):
    """ln of the integral of 1 + erf from minus infinity to x, halved where that has no effect: grows from e^-x² to 2x."""
    if x > -7:
        return math.log(math.exp(-x * x - _HALF_LOG_PI) + x * math.erfc(-x))
    t = x * x
    return -t - _HALF_LOG_PI + math.log(1 / (2 * t) - 3 / (4 * t * t) + 15 / (8 * t**3) - 105 / (16 * t**4))


def _log_difference(a, b):
    """ln (e^a - e^b)"""
    return a + math.log(-math.expm1(b - a)) if b < a else -math.inf


def log_loss_stretch(load, rate, spread):
    """ln of the frames lost in a second: the integral of a logistic function, which is 0 at no load."""
    lost = _log_difference(_log_softplus((load - rate) / spread), _log_softplus(-rate / spread))
    return math.log(spread) + math.log1p(math.exp(-rate / spread)) + lost


def log_loss_erf(load, rate, spread):
    """The same of the normal distribution."""
    lost = _log_difference(_log_gauss((load - rate) / spread), _log_gauss(-rate / spread))
    return math.log(spread) + lost - math.log1p(math.erf(rate / spread))


SHAPES = (log_loss_stretch, log_loss_erf)


def critical(shape, rate, spread, target, most):
    """The load at which that part of the frames is lost: `most` if it is beyond, one frame a second if any load loses more."""
    low, high = 1.0, most
    if shape(high, rate, spread) - math.log(high) < math.log(target):
        return most
    for _ in range(50):
        middle = (low * high) ** 0.5 if high > 2 * low else (low + high) / 2
        if shape(middle, rate, spread) - math.log(middle) < math.log(target):
            low = middle
        else:
            high = middle
    return low


def _likelihood(shape, rate, spread, trials):
    """ln of how likely these trials are, [(load, seconds, lost)], up to a constant."""
    total = 0.0
    for load, seconds, lost in trials:
        log_mean = shape(load, rate, spread) + math.log(seconds)
        if log_mean == -math.inf:
            if lost:
                return -math.inf
            continue
        total += lost * log_mean - math.exp(min(log_mean, 700))
    return total


def _likely(shape, power, trials, most):
    """ln of the weight of ln rate, for spreads that are the rate to this power: any rate up to `most` is about as likely
    beforehand, a greater one less and less."""

    def weight(log_rate):
        rate = math.exp(log_rate)
        return log_rate - 2 * math.log1p(rate / most) + _likelihood(shape, rate, rate**power, trials)

    return weight


def _top(function, low, high):
    """Where a function with one top has it."""
    part = (5**0.5 - 1) / 2
    a, b = high - part * (high - low), low + part * (high - low)
    at_a, at_b = function(a), function(b)
    for _ in range(50):
        if at_a < at_b:
            low, a, at_a = a, b, at_b
            b = low + part * (high - low)
            at_b = function(b)
        else:
            high, b, at_b = b, a, at_a
            a = high - part * (high - low)
            at_a = function(a)
    return (low + high) / 2


def _edge(function, top, end):
    """How far from its top towards this end a function is not negligible."""
    enough = function(top) - NEGLIGIBLE
    if function(end) >= enough:
        return end
    for _ in range(40):
        middle = (top + end) / 2
        if abs(end - top) < 1e-12:
            break
        top, end = (middle, end) if function(middle) >= enough else (top, middle)
    return end


def posterior(shape, trials, least, most):
    """[(weight, rate, spread)], the weights summing to 1. The spread is the rate to a power between 0 and 1."""
    low, high = 0.0, 1.0
    ends = math.log(least / 10), math.log(4 * most)
    for _ in range(LAYERS):
        step = (high - low) / SPREADS
        points = []
        for power in (low + step * (n + 0.5) for n in range(SPREADS)):
            weight = _likely(shape, power, trials, most)
            top = _top(weight, *ends)
            first, last = (_edge(weight, top, end) for end in ends)
            width = (last - first) / RATES
            rates = (first + width * (n + 0.5) for n in range(RATES))
            points += [(weight(log_rate) + math.log(width), log_rate, power) for log_rate in rates]
        best = max(points)[0]
        points = [point for point in points if point[0] > best - NEGLIGIBLE]
        closer = max(low, min(p for _, _, p in points) - step), min(high, max(p for _, _, p in points) + step)
        if closer[1] - closer[0] > 0.5 * (high - low):
            break
        low, high = closer
    weights = [math.exp(weight - best) for weight, _, _ in points]
    total = sum(weights)
    return [(weight / total, math.exp(rate), math.exp(rate * power)) for weight, (_, rate, power) in zip(weights, points)]


def estimate(posteriors, most, target=TARGET, trials=0):
    """Estimate from the posterior of each shape."""
    means, variances = [], []
    for shape, points in zip(SHAPES, posteriors):
        loads = [(weight, critical(shape, rate, spread, target, most)) for weight, rate, spread in points]
        means.append(sum(weight * load for weight, load in loads))
        variances.append(sum(weight * (load - means[-1]) ** 2 for weight, load in loads))
    mean = sum(means) / len(means)
    apart = sum((one - mean) ** 2 for one in means) / len(means)
    return Estimate(mean, math.sqrt(sum(variances) / len(variances) + apart), trials)


def of(trials, least, most):
    """Estimate from trials that were made to find something else, [(load, seconds, lost)]. Those at one load are one longer trial."""
    together = {}
    for load, seconds, lost in trials:
        before = together.get(load, (0, 0))
        together[load] = before[0] + seconds, before[1] + lost
    together = [(load, *sums) for load, sums in together.items()]
    return estimate([posterior(shape, together, least, most) for shape in SHAPES], most, trials=len(trials))


def search(trial, least, most, seconds, start=None, target=TARGET):
    """Measures for so many seconds in all, each trial at the load that is critical as far as is known, or at one that
    should lose several frames, in turn. trial(pps, seconds) -> (intended, received); Estimate."""
    trials, left, length, load = [], seconds, FIRST_SECONDS, start or most
    while left > 0:
        intended, received = trial(round(load), length)
        trials.append((round(load), length, max(0, intended - received)))
        left -= length
        length += MORE_SECONDS
        posteriors = [posterior(shape, trials, least, most) for shape in SHAPES]
        found = estimate(posteriors, most, target, len(trials))
        wanted = found.mean
        if len(trials) % 2:
            wanted = estimate(posteriors, most, max(target, SEVERAL / (max(wanted, least) * length))).mean
        load = min(max(wanted, least), most)
    return found

# SPDX-License-Identifier: BSD-3-Clause
"""Arithmetic of the benchmark: medians, ratios, the search for the highest rate. No QEMU, no clock."""

import statistics

_AS_ASKED = 0.95  # of the rate that was asked for: less, and the sender was at its own limit
_FASTER = 2  # what the exponent of a search's step grows by


def spread(values):
    """{"median", "min", "max", "n"}."""
    values = list(values)
    if not values:
        raise ValueError("nothing was measured")
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}


def ratios(ours, theirs):
    """Ours to theirs, pair by pair: what disturbs the machine for a while disturbs both of a pair. None where theirs
    is 0: nothing was found there, and there is nothing to compare with."""
    if len(ours) != len(theirs):
        raise ValueError("not as many of ours as of theirs")
    return [a / b if b else None for a, b in zip(ours, theirs)]


def percentile(values, per_cent):
    """The smallest value that so many per cent do not exceed."""
    values = sorted(values)
    if not values:
        raise ValueError("nothing was measured")
    return values[max(0, -(-len(values) * per_cent // 100) - 1)]


def highest(trial, guess, trials, step=1.5):
    """The highest offered rate that passes. trial(rate) -> (True if it passed, what was measured). Climbs or falls
    from `guess`, by `step` and then by more and more, until one rate has passed and one has failed, then halves between
    them, as often as `trials` allows in all; where the sender gives less than it was asked for, more is no use.
    Returns what the best passing trial measured; 0 if none passed."""
    passed = failed = None
    best = 0.0
    rate = guess
    for _ in range(trials):
        ok, measured = trial(rate)
        if ok:
            passed = rate
            best = max(best, measured)
            if measured < _AS_ASKED * rate:
                break
        else:
            failed = rate
        if passed and failed:
            rate = (passed * failed) ** 0.5
        else:
            rate = rate * step if passed else rate / step
            step **= _FASTER
    return best

# SPDX-License-Identifier: BSD-3-Clause
"""What a packet costs in instructions of the guest, held against the committed figures."""

import pytest

from antifreeze.bench import icount


def test_no_path_costs_more_instructions_than_the_baseline_allows():
    why = icount.why_not()
    if why:
        pytest.skip(why)
    known = icount.baseline()
    if known["compiler"] != icount.compiler():
        pytest.skip(f"the baseline was made with {known['compiler']}")
    found = icount.measure(1, lambda *_: None, icount.CHECKED)
    worse, _ = icount.judge(found, known["paths"])
    assert not worse, "; ".join(worse) + ": mend it, or say why in the commit that brings the figures up to date"


def _changed(factor):
    """The baseline as if every path cost `factor` times as much, and itself."""
    known = icount.baseline()["paths"]
    return {name: {unit: cost * factor for unit, cost in costs.items()} for name, costs in known.items()}, known


def test_more_than_the_tolerance_is_found_on_every_checked_path():
    tight = [path for path in icount.CHECKED if path.tolerance == icount.TOLERANCE]
    worse, better = icount.judge(*_changed(1 + icount.TOLERANCE + 0.01))
    assert len(worse) == len(tight) > 0
    assert not better
    assert len(icount.judge(*_changed(1 + icount.FED + 0.01))[0]) == len(icount.CHECKED) > len(tight)


def test_four_per_cent_more_or_less_are_noise():
    assert icount.judge(*_changed(1.04)) == ([], [])
    assert icount.judge(*_changed(0.96)) == ([], [])


def test_a_cheaper_path_is_told_apart_and_fails_nothing():
    worse, better = icount.judge(*_changed(0.5))
    assert not worse
    assert len(better) == len(icount.CHECKED)


def test_a_path_that_the_baseline_lacks_is_found():
    found, known = _changed(1)
    known.pop(icount.title(icount.CHECKED[0]))
    assert len(icount.judge(found, known)[0]) == 1

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
    found = icount.measure(1, lambda *_: None)
    worse, _ = icount.judge(found, known["paths"])
    assert not worse, "; ".join(worse) + ": mend it, or say why in the commit that brings the figures up to date"


def _changed(factor):
    """The baseline as if every path cost `factor` times as much, and itself."""
    known = icount.baseline()["paths"]
    return {name: {unit: cost * factor for unit, cost in costs.items()} for name, costs in known.items()}, known


def test_every_path_is_checked_but_that_whose_cost_is_the_hosts():
    assert [icount.title(path) for path in icount.PATHS if not path.checked] == ["raw-out"]


CHECKS = sum(len(path.checked) for path in icount.PATHS)


def test_more_than_the_tolerance_is_found_on_every_path():
    worse, better = icount.judge(*_changed(1 + icount.TOLERANCE + 0.01))
    assert len(worse) == CHECKS
    assert not better


def test_four_per_cent_more_or_less_are_noise():
    assert icount.judge(*_changed(1.04)) == ([], [])
    assert icount.judge(*_changed(0.96)) == ([], [])


def test_a_cheaper_path_is_told_apart_and_fails_nothing():
    worse, better = icount.judge(*_changed(0.5))
    assert not worse
    assert len(better) == CHECKS


def test_a_path_that_the_baseline_lacks_is_found():
    found, known = _changed(1)
    known.pop(icount.title(icount.PATHS[0]))
    assert len(icount.judge(found, known)[0]) == 1


@pytest.mark.parametrize("name,count", [("tcp-out", 1150), ("tcp-in", 1300)])
def test_an_acknowledgement_to_the_guest_is_half_a_packet(name, count):
    path = next(path for path in icount.PATHS if icount.title(path) == name)
    assert path.packets(sent=1000, received=300) == count


def test_how_turns_fall_does_not_change_what_a_packet_costs():
    """1000 packets of 60 bytes and 130 instructions each; a turn has 1500."""

    def found(busy_turns, idle_turns):
        busy = 1000 * 130 + busy_turns * 1500
        return icount.cost(icount.Counts(0, busy, busy_turns, idle_turns * 1500, idle_turns), 1000, 60000)

    few, many = found(5, 7), found(1000, 100000)
    assert (few["per_packet"], few["turn"], few["with_turns"]) == (130, 1500, 138)
    assert (many["per_packet"], many["turn"], many["with_turns"]) == (130, 1500, 1630)
    assert few["per_mib"] == many["per_mib"] == round(130 / 60 * icount.MIB)

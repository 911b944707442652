# SPDX-License-Identifier: BSD-3-Clause
"""tools/soak-mutants: every planted defect can still be built, one of them is soaked and caught, and what it says of a soak
that does not notice."""

import importlib.machinery
import importlib.util

import pytest

from antifreeze.soak import criteria
from conftest import TOP, need_taps


def _tool():
    loader = importlib.machinery.SourceFileLoader("soak_mutants", str(TOP / "tools/soak-mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("soak_mutants", loader))
    loader.exec_module(module)
    return module


tool = _tool()


@pytest.mark.limit(300)
@pytest.mark.parametrize("mutant", tool.table().values(), ids=lambda mutant: mutant.name)
def test_every_mutant_applies_and_builds(mutant):
    """No other guest, nor the one without the defect."""
    image = tool.build(mutant)
    assert image.read_bytes() != (tool.BUILD / "antifreeze.elf").read_bytes()


def test_criteria_of_mutants_are_those_of_the_soak():
    assert {name for mutant in tool.table().values() for name in mutant.criteria} <= set(criteria.load())


def mutant(*names):
    return tool.Mutant("planted", "30s", list(names), "")


def test_mutant_that_passes_is_a_defect_of_the_soak():
    assert tool.judge(mutant("corrupt"), {}) == "was not noticed at all"


def test_mutant_has_to_fail_on_its_own_criterion():
    assert tool.judge(mutant("corrupt", "gap_ms"), {"gap_ms": (300, ""), "stalls": (1, "")}) is None
    assert tool.judge(mutant("corrupt"), {"gap_ms": (300, "")}) == "failed on gap_ms instead of corrupt"


def test_guest_without_a_defect_must_not_fail_likewise():
    mutants = [mutant("corrupt"), mutant("gap_ms")]
    assert tool.judge_healthy(mutants, {"throughput_decline": (2, "")}) is None
    assert tool.judge_healthy(mutants, {"gap_ms": (300, "")}) == "fails without a defect, too: gap_ms"


@pytest.mark.limit(200)
def test_sample_is_caught():
    need_taps()
    sleep = tool.table()["sleep"]
    failed = tool.soak(sleep.name, tool.build(sleep), "10s")
    assert tool.judge(sleep, failed) is None, failed

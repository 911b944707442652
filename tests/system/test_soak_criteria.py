# SPDX-License-Identifier: BSD-3-Clause
"""The file of the soak's criteria, and the bound of a median that some are judged by."""

import math

import pytest

from antifreeze import Error
from antifreeze.soak import criteria, rules


def test_every_limit_has_a_reason_and_a_rule():
    limits = criteria.load(names=rules.ALL)
    assert set(limits) == set(rules.ALL)
    assert all(len(limit.why) > 20 for limit in limits.values())
    assert limits["quiet_share"].holds(0.5) and not limits["quiet_share"].holds(0.1)
    assert limits["gap_ms"].holds(250) and not limits["gap_ms"].holds(250.1)


@pytest.mark.parametrize("text,word", [
    ("[gap_ms]\nmost = 1\nunit = 'ms'\nwhy = 'w'\nlimit = 3", "unknown key 'limit'"),
    ("[gap]\nmost = 1\nunit = 'ms'\nwhy = 'w'", "no criterion is called 'gap'"),
    ("[gap_ms]\nunit = 'ms'\nwhy = 'w'", "`most` or `least`"),
    ("[gap_ms]\nmost = 1\nleast = 1\nunit = 'ms'\nwhy = 'w'", "only one"),
    ("[gap_ms]\nmost = -1\nunit = 'ms'\nwhy = 'w'", "makes no sense"),
    ("[gap_ms]\nmost = nan\nunit = 'ms'\nwhy = 'w'", "makes no sense"),
    ("[gap_ms]\nmost = '1'\nunit = 'ms'\nwhy = 'w'", "wrong type"),
    ("[gap_ms]\nmost = true\nunit = 'ms'\nwhy = 'w'", "wrong type"),
    ("[gap_ms]\nmost = 1\nunit = 'ms'", "`why` is missing"),
    ("[gap_ms]\nmost = 1\nwhy = 'w'\nunit = ' '", "`unit` is missing"),
    ("gap_ms = 1", "is no table"),
    ("[gap_ms", "cannot be read"),
    ("", "there is no limit for gap_ms"),
])  # fmt: skip
def test_a_senseless_file_is_refused(tmp_path, text, word):
    path = tmp_path / "criteria.toml"
    path.write_text(text)
    with pytest.raises(Error, match=str(path)) as refused:
        criteria.load(path, names={"gap_ms"})
    assert word in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(Error, match="cannot be read"):
        criteria.load(tmp_path / "none.toml")


def test_ranks_bound_a_median():
    from antifreeze.soak.rules import gaps

    for count in (8, 9, 30, 101):
        rank = gaps._rank(count)
        below = sum(math.comb(count, k) for k in range(rank + 1)) / 2**count
        assert below <= 0.01 < below + math.comb(count, rank + 1) / 2**count

# SPDX-License-Identifier: BSD-3-Clause
"""TCP over links that lose, repeat, delay, reorder and corrupt: every byte right, and never a wait that the
protocol's timers do not explain.

The relay (relay.py) does it by script, so a test says which frames, and knows how often each rule was due.
a>b is what the guest sends. A download is the guest's constant payload, in large segments that the host's
kernel cuts on the way; an echo goes both ways, and its segments leave the guest with the wire's size.
"""

import random

import pytest

import relay
import transfers
from books import check_books
from relay import Relayed

SEED = 4711
NETWORK = Relayed
WORDS = f"seed={SEED}"

# The longest wait that one lost segment explains: the guest's time-out is up to a second, this host has to get
# its turn, too.
ONE_TIMEOUT = 2.5


@pytest.fixture
def link(guest):
    """The relay, without rules; afterwards nothing was lost but by rules, and the guest is well."""
    link = guest.net.relay
    link.rule("seed 1")
    try:
        yield link
        link.counts()
    finally:
        link.clear()
    check_books(guest)


def addresses(guest):
    return [guest.net.guest4, *([guest.net.guest6] if guest.net.has_ipv6 else [])]


def download(guest, size, family=0, **options):
    """The longest wait."""
    return transfers.fetch((addresses(guest)[family], 80), size, SEED, **options)


def echo(guest, size, family=0, **options):
    data = random.Random(size).randbytes(size)
    assert transfers.echo((addresses(guest)[family], 7), data, **options) == data


def test_link_without_rules_changes_nothing(guest, link):
    before = link.counts()
    download(guest, 3_000_000)
    echo(guest, 1_000_000)
    after = link.counts()
    for way in relay.DIRECTIONS:
        assert after[way]["longest"] == 1514 and after[way]["gso"] == 0
        assert after[way]["pass"] - before[way]["pass"] == after[way]["in"] - before[way]["in"] > 500


# name -> rules, bytes down, bytes there and back, longest wait
CASES = {
    "loss 1 % of what the guest sends": (["a>b tcp payload chance 0.01 drop"], 3_000_000, 300_000, ONE_TIMEOUT),
    "loss 1 % of what it gets": (["b>a tcp chance 0.01 drop"], 3_000_000, 1_000_000, ONE_TIMEOUT),
    "reordering by 3": (["a>b tcp payload every 50 reorder 3"], 3_000_000, 300_000, ONE_TIMEOUT),
    "reordering by 20": (["a>b tcp payload every 100 reorder 20"], 3_000_000, 300_000, ONE_TIMEOUT),
    "reordering of what it gets": (["b>a tcp every 20 reorder 7"], 1_000_000, 1_000_000, ONE_TIMEOUT),
    "copies": (["a>b tcp every 5 dup 1", "b>a tcp every 4 dup 3"], 2_000_000, 1_000_000, ONE_TIMEOUT),
    "delays": (["a>b tcp every 100 delay 30", "b>a tcp every 100 delay 30"], 1_000_000, 500_000, ONE_TIMEOUT),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_byte_arrives(guest, link, name):
    rules, down, around, patience = CASES[name]
    link.rule(*rules)
    for family in range(len(addresses(guest))):
        assert download(guest, down, family) < patience
        echo(guest, around, family)
    counts = link.counts()
    assert all(rule["fired"] > 10 for way in relay.DIRECTIONS for rule in counts[way]["rules"])

# SPDX-License-Identifier: BSD-3-Clause
"""Hostile frames: each is a counted drop, every buffer comes back, and the next good request is answered.

The guest has two NICs: net0 for statistics over HTTP, net1 on a wire where every byte is ours.
"""

import random
import time

import pytest

import hostile
from conftest import check_health
from peer import RawPeer

SEED = 20240607
NOISE = 20000


@pytest.fixture
def wired(boot):
    """(guest, peer): the guest's net1 is wired to the peer."""
    with RawPeer() as peer:
        guest = boot(append=peer.config("net1"), more_nics=[peer.nic()])
        for family in (4, 6):
            assert peer.wait_reachable(family), "no answer before anything was done to it"
        yield guest, peer


def settled(guest, baseline, seconds=120):
    """Waits until every pool is at its idle level again; {} or {pool: (idle, now)} of those that are not."""
    deadline = time.monotonic() + seconds
    while True:
        now = used(guest.stats())
        over = {name: (baseline[name], n) for name, n in now.items() if n > baseline[name]}
        if not over or time.monotonic() > deadline:
            return over


def used(stats):
    return {pool["name"]: pool["used"] for pool in stats["pools"]}


def drops(stats):
    """Everything that was counted as dropped, refused or wrong, anywhere."""
    total = 0
    for name, counters in stats["lwip"].items():
        if isinstance(counters, dict):
            total += sum(n for key, n in counters.items() if key not in ("xmit", "recv"))
    for interface in stats["lwip"]["interfaces"]:
        total += sum(n for key, n in interface.items() if key.startswith("rx_"))
    for queue in stats["queues"]:
        total += sum(queue["drops"].values())
    return total


@pytest.mark.parametrize("family", hostile.FAMILIES)
@pytest.mark.limit(300)
def test_hostile_frames_are_dropped_and_counted(wired, family):
    guest, peer = wired
    before = guest.stats()
    for name, frame in hostile.FAMILIES[family](peer):
        peer.send(frame)
    assert peer.ping(b"still there?"), f"no answer after hostile {family} frames"
    assert peer.ping(b"still there?", family=6), f"no answer over IPv6 after hostile {family} frames"
    peer.forget()
    after = guest.stats()
    assert drops(after) > drops(before), "nothing was counted"
    assert after["alloc_failures"] == 0
    over = settled(guest, used(before))
    assert not over, f"not given back (idle, now): {over}"
    check_health(guest)


@pytest.mark.limit(300)
def test_changed_and_random_frames_do_no_harm(wired):
    guest, peer = wired
    before = guest.stats()
    generator = random.Random(SEED)
    last = []
    for k, (_, frame) in enumerate(hostile.noise(peer, generator, NOISE)):
        peer.send(frame)
        last = [*last[-99:], frame]
        if k % 100 == 99:
            assert guest.alive(), guest.error(f"one of these: {[frame.hex() for frame in last]}")
            peer.forget()
    assert peer.ping(), "no answer after noise"
    over = settled(guest, used(before))
    assert not over, f"not given back (idle, now): {over}"
    assert guest.stats()["alloc_failures"] == 0
    check_health(guest)

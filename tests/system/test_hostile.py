# SPDX-License-Identifier: BSD-3-Clause
"""Hostile frames: each is a counted drop, every buffer comes back, and the next good request is answered.

The guest has two NICs: net0 for statistics over HTTP, net1 on a wire where every byte is ours.
"""

import random
import time

import pytest

from antifreeze import hostile, net as networks
from conftest import BOOT_SECONDS, STRICT, check_health, log_directory
from peer import RawPeer

SEED = 20240607
NOISE = 20000


@pytest.fixture(scope="module")
def one_for_all(request):
    with RawPeer() as peer, networks.best() as net:
        words = f"{STRICT} {peer.config('net1')}"
        with networks.NetGuest(net, log_directory(request.node), words, more_nics=[peer.nic()]) as guest:
            guest.wait("ready", BOOT_SECONDS)
            for family in (4, 6):
                assert peer.wait_reachable(family), "no answer before anything was done to it"
            yield guest, peer


@pytest.fixture
def wired(request, one_for_all):
    """(guest, peer): the guest's net1 is wired to the peer."""
    guest, peer = one_for_all
    request.node.guests = [guest]
    assert guest.alive(), "it did not live through an earlier test"
    peer.forget()
    return guest, peer


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


# Half-open connections have 20 s to be completed: the short form ends them.
PATIENCE = pytest.mark.parametrize("patient", [False, pytest.param(True, marks=pytest.mark.long)], ids=["ended", "timed-out"])


def end_half_open(peer, sent):
    for frame in sent:
        end = hostile.reset(peer, frame)
        if end:
            peer.send(end)


@PATIENCE
@pytest.mark.parametrize("family", hostile.FAMILIES)
@pytest.mark.limit(300)
def test_hostile_frames_are_dropped_and_counted(wired, family, patient):
    guest, peer = wired
    before = guest.stats()
    sent = [frame for _, frame in hostile.FAMILIES[family](peer)]
    for frame in sent:
        peer.send(frame)
    assert peer.ping(b"still there?"), f"no answer after hostile {family} frames"
    assert peer.ping(b"still there?", family=6), f"no answer over IPv6 after hostile {family} frames"
    peer.forget()
    after = guest.stats()
    assert drops(after) > drops(before), "nothing was counted"
    assert after["alloc_failures"] == 0
    if not patient:
        end_half_open(peer, sent)
    over = settled(guest, used(before))
    assert not over, f"not given back (idle, now): {over}"
    check_health(guest)


@PATIENCE
@pytest.mark.limit(300)
def test_changed_and_random_frames_do_no_harm(wired, patient):
    guest, peer = wired
    before = guest.stats()
    generator = random.Random(SEED)
    sent = []
    for k, (_, frame) in enumerate(hostile.noise(peer, generator, NOISE)):
        peer.send(frame)
        sent.append(frame)
        if k % 100 == 99:
            assert guest.alive(), guest.error(f"one of these: {[frame.hex() for frame in sent[-100:]]}")
            peer.forget()
    assert peer.ping(), "no answer after noise"
    if not patient:
        end_half_open(peer, sent)
    over = settled(guest, used(before))
    assert not over, f"not given back (idle, now): {over}"
    assert guest.stats()["alloc_failures"] == 0
    check_health(guest)

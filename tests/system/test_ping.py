# SPDX-License-Identifier: BSD-3-Clause
"""Echo requests of every size, each answered with every byte."""

import pytest

from antifreeze import net as networks, world
from ping import ping_sizes


@pytest.fixture
def on_tap(guest):
    if guest.net.kind != "tap":
        pytest.skip("needs a tap: QEMU's user network passes no echo requests in")
    return guest


def test_every_payload_up_to_the_mtu_over_ipv4(on_tap):
    assert not ping_sizes(on_tap.net.guest4, range(0, 1473))


def test_every_payload_up_to_the_mtu_over_ipv6(on_tap):
    if not on_tap.net.has_ipv6:
        pytest.skip("this host has no IPv6")
    assert not ping_sizes(on_tap.net.guest6, range(0, 1453))


def test_jumbo_frames_of_every_size_class(boot):
    if world.why_no_taps():
        pytest.skip(f"needs a tap interface: {world.why_no_taps()}")
    with networks.Tap(mtu=9000) as tap:
        guest = boot(net=tap, options={"host_mtu": 9000})
        assert not ping_sizes(tap.guest4, [*range(1400, 8900, 97), *range(8900, 8973)])
        assert guest.stats()["alloc_failures"] == 0
        guest.close()


def test_a_flood_of_pings_leaves_every_pool_as_it_was(on_tap):
    before = used(on_tap.stats())
    assert not ping_sizes(on_tap.net.guest4, [56] * 2000, window=64)
    assert used(on_tap.stats()) == before


def used(stats):
    return {pool["name"]: pool["used"] for pool in stats["pools"]}

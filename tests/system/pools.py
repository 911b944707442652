# SPDX-License-Identifier: BSD-3-Clause
"""What the guest holds, and waiting until it holds no more than when it was idle."""

import socket
import time


def used(stats):
    return {pool["name"]: pool["used"] for pool in stats["pools"]}


def idle(guest):
    """What the guest holds for itself, its IPv6 address included, which it takes some time to be sure of."""
    if getattr(guest.net, "has_ipv6", False):
        socket.create_connection((guest.net.guest6, guest.address("http")[1]), 30).close()
    return used(guest.stats())


def settled(guest, baseline, seconds=120, but=()):
    """Waits until every pool, but those, is at its idle level again; {} or {pool: (idle, now)} of those that
    are not. Closed connections keep their control block, and nothing else, for the 2 s of TIME_WAIT."""
    deadline = time.monotonic() + seconds
    while True:
        now = used(guest.stats())
        over = {name: (baseline[name], n) for name, n in now.items() if name not in but and n > baseline[name]}
        if not over or time.monotonic() > deadline:
            return over

# SPDX-License-Identifier: BSD-3-Clause
"""What the guest holds, and waiting until it holds no more than when it was idle."""

import time

# Follows the guest's IPv6 addresses, which come and go without any client.
_UNRELATED = "lwip.MLD6_GROUP"


def used(stats):
    return {pool["name"]: pool["used"] for pool in stats["pools"] if pool["name"] != _UNRELATED}


def settled(guest, baseline, seconds=60, but=()):
    """Waits until every pool, but those, is at its idle level again; {} or {pool: (idle, now)} of those that
    are not. Closed connections keep their control block, and nothing else, for the 2 s of TIME_WAIT."""
    deadline = time.monotonic() + seconds
    while True:
        now = used(guest.stats())
        over = {name: (baseline[name], n) for name, n in now.items() if name not in but and n > baseline[name]}
        if not over or time.monotonic() > deadline:
            return over

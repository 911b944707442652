# SPDX-License-Identifier: BSD-3-Clause
"""The guests of the row raw-out that send from boot on and so stand beside the pair: ours with run=flood, and the
ceiling's, of which ours is to reach a share."""

import contextlib

from .. import net
from . import ceiling, pairs, raw

# Where Linux's generator sends to as well; its frames are counted and checkable one by one, as always.
FLOOD = f"run=flood target=10.99.99.99 dst_mac={raw.FOREIGN_MAC} len=60 time=0 interval=0"


@contextlib.contextmanager
def guests():
    """{name: guest}, all of them ready."""
    with net.Tap() as tap, ceiling.guest("60") as upper:
        folder = pairs.LOGS / f"{pairs.OURS}-flood"
        with pairs.OurGuest(tap, folder, FLOOD, memory_mib=pairs.MEMORY_MIB) as ours:
            ours.wait("ready", pairs.BOOT_SECONDS)
            yield {pairs.OURS: ours, pairs.CEILING: upper}

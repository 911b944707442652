# SPDX-License-Identifier: BSD-3-Clause
"""What it takes to have a guest at all: the time from QEMU's start to the first ping reply, and memory."""

from .. import boottime, net
from . import memory, pairs
from .meter import Cost, since_start
from .rows import Row

TIME = Row("boot", "boot to first ping", "ms", None, bar=0.1, more_is_better=False)
MEMORY = Row("ram", "least memory that serves", "MiB", None, more_is_better=False)
ROWS = (TIME, MEMORY)

READY_SECONDS = 120
_MOST_MIB, _STEP_MIB = 256, {pairs.OURS: 1, pairs.THEIRS: 8}  # Linux takes so long to boot that fewer tries must do


def time_row(count, progress):
    """Boots both in turn, each on a fresh tap."""
    samples = {name: [] for name in pairs.GUESTS}
    for number in range(count):
        for name, kind in pairs.GUESTS.items():
            with net.Tap() as tap:
                log_dir = pairs.LOGS / f"{name}-boot"
                guest, took = boottime.measure(kind, tap, READY_SECONDS, log_dir=log_dir, memory_mib=pairs.MEMORY_MIB)
                with guest:
                    samples[name].append(pairs.Sample(1000 * took, since_start(guest, took)))
            progress(TIME.name, number, name, 1000 * took, TIME.unit)
    return pairs.summary(TIME, True, samples)


def memory_row(progress):
    """One figure each: it is the same every time."""
    samples = {}
    for name, kind in pairs.GUESTS.items():

        def serving(mib, kind=kind, name=name):
            return memory.serves(kind, pairs.LOGS / f"{name}-memory", mib, READY_SECONDS)

        found = memory.least(serving, _MOST_MIB, _STEP_MIB[name])
        samples[name] = [pairs.Sample(found or _MOST_MIB, Cost())]
        progress(MEMORY.name, 0, name, found or _MOST_MIB, MEMORY.unit)
    return pairs.summary(MEMORY, True, samples)

# SPDX-License-Identifier: BSD-3-Clause
"""The upper limit: a guest that does nothing but ring work (tests/bench/ceiling.c), on the same QEMU line."""

import contextlib

from .. import BUILD, net
from . import figures, load, pairs, raw
from .meter import Meter

IMAGE = BUILD / "bench" / "ceiling.elf"


def _taken(guest, seconds):
    frames, took = load.raw_frames(guest, seconds)
    return frames / took / 1000


MODES = (
    ("60", "60-byte frames sent", raw.sent),
    ("1514", "1514-byte frames sent", raw.sent),
    ("tso", "64 KiB segments sent", raw.sent),
    ("rx", "60-byte frames received", _taken),
)


class CeilingGuest(net.NetGuest):
    """With what a row asks of a guest before it measures."""

    def settle(self):
        """It has no more to do than ever."""


@contextlib.contextmanager
def guest(mode):
    with net.Tap() as tap:
        folder = pairs.LOGS / f"ceiling-{mode}"
        machine = {"image": IMAGE, "memory_mib": pairs.MEMORY_MIB}
        with CeilingGuest(tap, folder, f"ceiling={mode}", **machine) as running:
            running.wait("ready", 30)
            yield running


def measure(count, seconds, progress):
    """One entry for each mode, ready for JSON."""
    found = []
    for mode, title, figure in MODES:
        with guest(mode) as running:
            figure(running, 1)
            samples = []
            for number in range(count):
                with Meter(running) as meter:
                    value = figure(running, seconds)
                samples.append(pairs.Sample(value, meter.cost))
                progress(f"ceiling {mode}", number, "ceiling", value, "kpps")
            if not running.alive():
                raise running.error("the ceiling guest has ended")
        values = [sample.value for sample in samples]
        entry = {"mode": mode, "title": title, "unit": "kpps", "values": values, "cost": pairs.cost(samples)}
        found.append(entry | figures.spread(values))
    return found

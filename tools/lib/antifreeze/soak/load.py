# SPDX-License-Identifier: BSD-3-Clause
"""The rate of a soak's flood: a stated share of what the guest takes without loss, which is searched for first.

The search is that of `tools/antifreeze throughput`, with the guest of the soak and a generator of their own, before the soak begins.
It takes its time, so a longer soak has a closer one and a short one none: its flood runs at a rate that is few frames for any
guest, and what it loses is not judged. Nor is it where nothing was found: on a very busy host every load loses something.
"""

import dataclasses
import time

from .. import Error
from . import search, throughput

MOST = 2000  # frames a second: those of half a second find room in a tap's queue and the ring, when the host is busy
SHARE = 0.5  # at most, of the rate without loss
LENGTH = "imix"

# Of a soak of so many seconds or more: a full trial, their sum, the width between the bounds.
EFFORTS = ((1800, 0.5, 4.0, 0.05), (300, 0.25, 1.5, 0.2))


@dataclasses.dataclass(frozen=True)
class Load:
    """`ndr` and `pdr` are 0 where nothing was measured or found, and then the load is not certified."""

    pps: int = MOST
    ndr: int = 0
    pdr: int = 0
    fastest: int = 0  # what the generator manages
    measured: str = ""  # when, UTC
    failed: str = ""  # why it could not be

    @property
    def certified(self):
        """True: less than what went through without loss."""
        return 0 < self.pps < self.ndr

    @property
    def words(self):
        """For people, in one line."""
        if self.failed:
            return f"{self.pps} frames/s ({LENGTH}): the search for a rate failed, so loss is not judged: {self.failed}"
        if not self.measured:
            return f"{self.pps} frames/s ({LENGTH}), not a share of a measured rate: none is searched for in so short a soak, and loss is not judged"
        if not self.certified:
            return f"{self.pps} frames/s ({LENGTH}): no rate without loss was found at {self.measured}, so loss is not judged"
        return (
            f"{self.pps} frames/s ({LENGTH}), {100 * self.pps / self.ndr:.1f} % of the NDR of {self.ndr} and "
            f"{100 * self.pps / self.pdr:.1f} % of the PDR of {self.pdr} measured at {self.measured}"
        )

    def fields(self):
        """For a record."""
        return dataclasses.asdict(self) | {"len": LENGTH, "certified": self.certified, "words": self.words}


def goals(seconds):
    """Those of the search before a soak of that length; none: there is no search."""
    for least, trial, total, width in EFFORTS:
        if seconds >= least:
            return [dataclasses.replace(goal, seconds=trial, sum_seconds=total, width=width) for goal in (search.NDR, search.PDR)]
    return []


def find(folder, seconds, progress, guest):
    """The load of a soak of that length. `guest` are throughput.Bench's words for the guest that is asked."""
    wanted = goals(seconds)
    if not wanted:
        return Load()
    measured = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    try:
        with throughput.Bench(folder, LENGTH, **guest) as bench:
            return of(throughput.measure(bench, wanted, 0, progress), measured)
    except Error as error:
        return Load(measured=measured, failed=str(error).partition("\n")[0])


def of(rates, measured):
    """The load for what throughput.measure() has found."""
    ndr, pdr = (int(rates[name]["pps"]) for name in ("ndr", "pdr"))
    share = int(SHARE * ndr)
    return Load(min(MOST, share) if share else MOST, ndr, pdr, rates["fastest"], measured)

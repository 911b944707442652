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

LEAST_CRITICAL = 1  # estimate.critical() says that where any load is estimated to lose more
CRITICAL = "one frame in ten million"  # is lost at the critical load


@dataclasses.dataclass(frozen=True)
class Effort:
    """What the search before a soak of so many seconds or more is worth."""

    least: int
    trial: float  # seconds of a full one
    total: float  # of all trials at a bound
    width: float  # between the bounds
    critical: float  # seconds for the critical load; 0: from the trials for the other rates


EFFORTS = (Effort(6 * 3600, 0.5, 4.0, 0.05, 300), Effort(1800, 0.5, 4.0, 0.05, 0), Effort(300, 0.25, 1.5, 0.2, 0))


@dataclasses.dataclass(frozen=True)
class Load:
    """`ndr` and `pdr` are 0 where nothing was measured or found, and then the load is not certified."""

    pps: int = MOST
    ndr: int = 0
    pdr: int = 0
    critical: int = 0  # the estimated load at which CRITICAL is lost
    critical_stdev: int = 0
    critical_trials: int = 0  # from so many
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
        shares = f"{self.pps} frames/s ({LENGTH}), {self._share(self.ndr)} of the NDR of {self.ndr}, {self._share(self.pdr)} of the PDR of {self.pdr}"
        return f"{shares}, {self._critical()}; measured at {self.measured}"

    def _critical(self):
        if self.critical <= LEAST_CRITICAL:
            return f"and of no load is it known that so little as {CRITICAL} is lost: the {self.critical_trials} trials lost some here and there, as on a busy host"
        return (
            f"and {self._share(self.critical)} of the load at which {CRITICAL} is lost, {self.critical} ± {self.critical_stdev}, estimated from "
            f"{self.critical_trials} trials"
        )

    def _share(self, rate):
        return f"{100 * self.pps / max(rate, 1):.1f} %"

    def fields(self):
        """For a record."""
        return dataclasses.asdict(self) | {"len": LENGTH, "certified": self.certified, "words": self.words}


def effort(seconds):
    """That of a soak of that length; None: there is no search."""
    return next((one for one in EFFORTS if seconds >= one.least), None)


def goals(worth):
    """Of the search with that effort."""
    return [dataclasses.replace(goal, seconds=worth.trial, sum_seconds=worth.total, width=worth.width) for goal in (search.NDR, search.PDR)]


def find(folder, seconds, progress, guest):
    """The load of a soak of that length. `guest` are throughput.Bench's words for the guest that is asked."""
    worth = effort(seconds)
    if worth is None:
        return Load()
    measured = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    try:
        with throughput.Bench(folder, LENGTH, **guest) as bench:
            return of(throughput.measure(bench, goals(worth), worth.critical, progress), measured)
    except Error as error:
        return Load(measured=measured, failed=str(error).partition("\n")[0])


def of(rates, measured):
    """The load for what throughput.measure() has found."""
    ndr, pdr = (int(rates[name]["pps"]) for name in ("ndr", "pdr"))
    critical, share = rates["critical"], int(SHARE * ndr)
    return Load(
        min(MOST, share) if share else MOST, ndr, pdr, round(critical["pps"]), round(critical["stdev"]), critical["trials"], rates["fastest"], measured
    )

# SPDX-License-Identifier: BSD-3-Clause
"""What a soak does and when: phases of traffic and faults, all of it from a duration and a seed.

    plan = make(duration("30m"), seed=7)
    plan.phases     what every path carries, one after the other without a pause
    plan.faults     what goes wrong, one after the other with a pause

The same two give the same plan. A soak of half an hour or more is made of blocks of that length, each of
which has every kind of fault once; what is left of it, and a shorter soak, has as many as fit, with time
between them in which recovery is seen. No two faults overlap, and no phase begins while one is judged.
"""

import dataclasses
import random
import re

from .. import Error
from . import kinds

LEVELS = ("30s", "5m", "30m", "6h", "24h")

LEAST = 10  # shorter is no soak
BLOCK = 30 * 60  # has each kind of fault once
BRIEF = 20 * 60  # shorter blocks have short faults
JUDGED = 2  # after a fault's `settle`: in this time it is seen whether things are as before

# What a path carries, one after the other. `up` is to the guest, and so is UDP, which comes back.
MIXES = ("tcp_up", "tcp_down", "tcp_both", "udp_64", "udp_imix", "udp_1472", "udp_down", "connections")

# Where a guest of our own can be the sender it is one.
OURS = {("udp_imix", kinds.TAP): "flood"}

_APART = 3  # places in that list from one path to the next: in three phases there was everything

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclasses.dataclass(frozen=True)
class Phase:
    """From `at` on, for so many seconds, each path carries something."""

    at: float
    seconds: float
    sources: tuple  # of (one of MIXES or OURS, path)

    @property
    def name(self):
        return " ".join(f"{kind}@{path}" for kind, path in self.sources)


@dataclasses.dataclass(frozen=True)
class Fault:
    """It begins at `at`, and lasts for so many seconds from when it has begun; for `rest` more it goes on weaker."""

    at: float
    seconds: float
    rest: float
    name: str  # of kinds.KINDS
    path: str  # "" for the whole guest
    params: dict

    @property
    def end(self):
        """When it is over, where it takes no longer to begin than it should."""
        return self.at + kinds.KINDS[self.name].begins + self.seconds

    @property
    def over(self):
        """When recovery has to be complete and was seen."""
        return self.end + max(self.rest, kinds.KINDS[self.name].settle) + JUDGED


@dataclasses.dataclass(frozen=True)
class Plan:
    seconds: int
    seed: int
    phases: tuple
    faults: tuple

    def fields(self):
        """For a record: plain dictionaries."""
        return dataclasses.asdict(self)


def duration(words):
    """Seconds of `30s`, `5m`, `24h`, `7d` or `1h30m`; Error if it is none of that."""
    parts = re.findall(r"(\d+)([smhd])", words)
    if not parts or "".join(n + unit for n, unit in parts) != words:
        raise Error(f"{words!r} is no duration: say {', '.join(LEVELS)}, or another one, such as 90s or 1h30m")
    seconds = sum(int(n) * _UNITS[unit] for n, unit in parts)
    if seconds < LEAST:
        raise Error(f"a soak takes {LEAST}s at least, not {words}")
    return seconds


def words(seconds):
    """The other way round."""
    text = ""
    for unit, size in sorted(_UNITS.items(), key=lambda item: -item[1]):
        n, seconds = divmod(seconds, size)
        text += f"{n}{unit}" if n else ""
    return text or "0s"


def make(seconds, seed, names=None):
    """The plan. With names only these faults, with an empty list none."""
    unknown = set(names or ()) - set(kinds.KINDS)
    if unknown:
        raise Error(f"there is no fault {sorted(unknown)[0]}: there are {', '.join(kinds.KINDS)}")
    chosen = [kind for kind in kinds.KINDS.values() if names is None or kind.name in names]
    chance = random.Random(f"{seed} {seconds}")
    faults = []
    for start in range(0, seconds, BLOCK):
        faults += _block(start, min(BLOCK, seconds - start), chosen, chance)
    return Plan(seconds, seed, tuple(_phases(seconds, faults, chance)), tuple(faults))


def _pause(seconds):
    """Between two faults of a soak of that length, and around them all: nothing is wrong in it."""
    return min(max(seconds / 30, 4), 20)


def _block(start, seconds, chosen, chance):
    """As many of these faults as fit, each once."""
    pause = _pause(seconds)
    left = seconds - pause
    fitting = []
    for kind in chance.sample(chosen, len(chosen)):
        fault = _fault(kind, seconds < BRIEF, chance)
        if fault.over + pause <= left:
            left -= fault.over + pause
            fitting.append(fault)
    cuts = sorted(chance.uniform(0, left) for _ in fitting)
    at = start + pause
    for fault, slack in zip(fitting, cuts):
        yield dataclasses.replace(fault, at=round(at + slack, 1))
        at += fault.over + pause


def _fault(kind, brief, chance):
    """One at 0 s."""
    length, rest = kind.length(brief)
    path = chance.choice(kind.paths) if kind.paths else ""
    params = {name: chance.choice(values) for name, values in kind.choices.items()}
    return Fault(0, length, rest, kind.name, path, params)


def _phases(seconds, faults, chance):
    """Of about the same length; in eight of them each path has each mix once, and no two paths the same. Then the same eight
    come again: what changes with time is told from what changes with the traffic only by traffic that comes back."""
    length = min(max(seconds / 14, 10), 60)
    edges = [0.0]
    for k in range(1, int(seconds // length)):
        edge = round(k * length, 1)
        for fault in faults:
            if fault.at - JUDGED < edge < fault.over:
                edge = fault.over  # which is before the next fault
        if min(edge - edges[-1], seconds - edge) >= length / 2:
            edges.append(edge)
    mixes = chance.sample(MIXES, len(MIXES))
    for k, (edge, end) in enumerate(zip(edges, [*edges[1:], seconds])):
        carried = [(mixes[(k + _APART * i) % len(mixes)], path) for i, path in enumerate(kinds.NICS)]
        yield Phase(edge, round(end - edge, 1), tuple((OURS.get(one, one[0]), one[1]) for one in carried))

# SPDX-License-Identifier: BSD-3-Clause
"""What all rules have in common."""

import dataclasses

SINK = ".sink"  # how names end of traffic of which the guest has counted what came
BUSY = 0.9  # of a second in which the host did not run the guest: what it carried then says nothing


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a rule found. `bound` is what the limit is compared with where that is not the value itself: the end of its
    interval that is nearer to the limit, so that only a clear breach fails. A value of None is not judged."""

    value: float | None
    why: str
    bound: float | None = None
    at: float | None = None  # when the worst of it was


def too_short(why):
    return Finding(None, f"not judged: {why}")


class Rule:
    """One criterion's counting. `windows` tells what the closed seconds do not: the faults whose recovery is watched."""

    name = ""

    def __init__(self, criterion, windows):
        self.criterion = criterion
        self.windows = windows

    def second(self, second):
        """A closed second."""

    def finding(self):
        raise NotImplementedError


class Count(Rule):
    """A number of bad events, none of which is right. Subclasses find them; `looked` says that there was something to see."""

    nothing = "nothing told of it"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.count = 0
        self.looked = False
        self.first = None  # (when, what) of the first of them

    def found(self, at, what, count=1):
        self.looked = True
        self.count += count
        if self.first is None:
            self.first = at, what

    def finding(self):
        if not self.looked:
            return too_short(self.nothing)
        if self.first is None:
            return Finding(0, "none")
        at, what = self.first
        return Finding(self.count, f"first at {at:.1f} s: {what}", at=at)


class Worst(Rule):
    """The greatest of many figures, with where it was."""

    nothing = "nothing told of it"

    def __init__(self, criterion, windows):
        super().__init__(criterion, windows)
        self.worst = None

    def figure(self, value, at, what):
        if self.worst is None or value > self.worst[0]:
            self.worst = value, at, what

    def finding(self):
        if self.worst is None:
            return too_short(self.nothing)
        value, at, what = self.worst
        return Finding(round(value, 3), f"at {at:.1f} s: {what}", at=at)


def source(entry):
    """Whose traffic it is, in words."""
    record = entry.record
    return " ".join(str(record[key]) for key in ("name", "path", "dir") if record.get(key))


def bulk(record):
    """True of traffic whose rate is the guest's: TCP as fast as it goes."""
    return record.get("name", "").startswith("tcp_")

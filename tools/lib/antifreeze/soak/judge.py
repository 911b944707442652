# SPDX-License-Identifier: BSD-3-Clause
"""PASS or FAIL from the records of a soak.

    judge = Judge()
    for record in records: judge.feed(record)
    judge.broken()      a sentence as soon as a promise is broken for good: the soak may stop early
    judge.verdict()     each criterion with its limit, what was seen, and why

A criterion for which there is too little to say anything is `not judged` (`ok` is None), never a silent pass. The
verdict is INCOMPLETE if nothing failed but the records do not reach the end, or a criterion of CORE could not be judged.
"""

from . import certificate, criteria, rules
from .recoveries import Recoveries
from .windows import Windows

PASS, FAIL, INCOMPLETE = "PASS", "FAIL", "INCOMPLETE"

# Without these nobody knows whether the guest froze. What is left in the pools is not waited for in a soak that was interrupted.
CORE = ("alloc_failures", "panics", "guests_gone", "guest_verdict", "ring_accounts", "programs_failed", "gap_ms", "zero_seconds", "quiet_share")
CORE_AT_THE_END = ("pools_left",)
LEAST_SECONDS = 10  # as long as the shortest soak: less is no ground for a verdict


class Judge:
    def __init__(self, limits=None, watchers=()):
        """`watchers` see the same seconds as the rules."""
        limits = limits or criteria.load(names=rules.ALL)
        self.windows = Windows()
        self.rules = [rules.ALL[name](limit, self.windows) for name, limit in limits.items()]
        self.faults = Recoveries()
        self.watchers = [*self.rules, self.faults, *watchers]
        self.end = None  # why it ended, once it has
        self.load = self.certificate = None  # the records of them

    def feed(self, record):
        if record.get("src") == "soak":
            self._take(record)
        self._count(self.windows.feed(record))

    def _take(self, record):
        said = {name: value for name, value in record.items() if name not in ("t", "src", "what")}
        what = record.get("what")
        if what == "end":
            self.end = record.get("why", "done")
        elif what == "load":
            self.load = said
        elif what == "certificate":
            self.certificate = said

    def _count(self, seconds):
        for second in seconds:
            for watcher in self.watchers:
                watcher.second(second)

    def broken(self):
        """Why there is no use to go on; None if there is."""
        for rule in self.rules:
            if rule.criterion.stop:
                finding = rule.finding()
                if finding.value is not None and not _holds(rule.criterion, finding):
                    return f"{rule.name} {finding.value}: {finding.why}"
        return None

    def verdict(self):
        self._count(self.windows.flush())
        noise = certificate.worse(self.certificate, {rule.name: rule.criterion for rule in self.rules}) if self.certificate else {}
        found = [_judged(rule, noise.get(rule.name)) for rule in self.rules]
        return {
            "event": "verdict",
            "status": self._status(found),
            "end": self.end or "the records end in the middle",
            "seconds": round(self.windows.now, 3),
            "not_judged": [one["name"] for one in found if one["ok"] is None],
            "missing": self._missing(found),
            "load": self.load,
            "certificate": self.certificate,
            "noise": list(noise),
            "criteria": found,
            "faults": self.faults.table([rule for rule in self.rules if rule.name in rules.RECOVERY]),
        }

    def _status(self, found):
        if any(one["ok"] is False for one in found):
            return FAIL
        return INCOMPLETE if self._missing(found) else PASS

    def _missing(self, found):
        """Why a soak of which nothing failed has not passed either."""
        core = CORE + (() if self.end == "interrupted" else CORE_AT_THE_END)
        missing = [one["name"] for one in found if one["name"] in core and one["ok"] is None]
        if not self.end:
            missing.append("its end")
        if self.windows.now < LEAST_SECONDS:
            missing.append(f"{LEAST_SECONDS} seconds at least")
        return missing


def _holds(criterion, finding):
    return criterion.holds(finding.value if finding.bound is None else finding.bound)


def _judged(rule, noise):
    """A criterion's part of the verdict; with the noise of the instrument, which excuses nothing."""
    criterion, finding = rule.criterion, rule.finding()
    why = finding.why + (f"; {noise}" if noise else "")
    return {
        "name": rule.name, "limit": criterion.limit, "sign": criterion.sign, "value": finding.value, "unit": criterion.unit,
        "ok": None if finding.value is None else _holds(criterion, finding), "why": why, "at": finding.at, "reason": criterion.why,
    }  # fmt: skip

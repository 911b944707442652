# SPDX-License-Identifier: BSD-3-Clause
"""What was done to the guest and what came of it, fault by fault: a row of the verdict for each.

The recovery times are those that the criteria of recovery have measured (rules/gaps.py), kept apart by fault and path.
"""

_PLANNED = {"t", "seconds", "rest", "settle"}  # of a fault's record: all other numbers are what came of it


class Recoveries:
    """Sees each second once, as the rules do."""

    def __init__(self):
        self._faults = []
        self._open = {}  # by name and path: those that go on

    def second(self, second):
        for entry in second.of("fault"):
            record, key = entry.record, (entry.record.get("name", "?"), entry.record.get("path") or "")
            if record.get("what") == "begin":
                self._open[key] = {
                    "name": key[0], "path": key[1], "params": record.get("params") or {}, "at": entry.end, "seconds": None, "figures": {}, "error": None,
                }  # fmt: skip
                self._faults.append(self._open[key])
            elif record.get("what") == "end" and key in self._open:
                fault = self._open.pop(key)
                fault["seconds"] = round(entry.end - fault["at"], 4)
                fault["error"] = record.get("error")
                fault["figures"] = {name: value for name, value in record.items() if name not in _PLANNED and isinstance(value, (int, float))}

    def table(self, rules):
        """A row for each fault, in order of time; `rules` are those of recovery. `ok` is None where nobody can tell."""
        return [fault | _recovered(fault, rules) for fault in self._faults]


def _recovered(fault, rules):
    for rule in rules:
        paths = rule.of_faults.get((fault["name"], fault["at"]))
        if paths:
            slowest = max(paths, key=paths.get)
            return {
                "recovery_s": {path: round(took, 3) for path, (took, _) in paths.items()},
                "silent_s": {path: round(silent, 3) for path, (_, silent) in paths.items()},
                "slowest": slowest, "limit_s": rule.criterion.limit, "ok": None if fault["error"] else rule.criterion.holds(paths[slowest][0]),
            }  # fmt: skip
    return {"recovery_s": {}, "silent_s": {}, "slowest": None, "limit_s": None, "ok": None}

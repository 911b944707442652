# SPDX-License-Identifier: BSD-3-Clause
"""The good records of a soak, ways to make others of them, and what the judge says of those."""

import copy

import soakrecords as records

from antifreeze.soak import criteria, judge, rules

LIMITS = criteria.load(names=rules.ALL)
GOOD = list(records.good())
SHORT = list(records.good(400))  # with one fault
QUIET = 150  # a second without a fault
DURING = 202  # one with


def verdict_of(stream, limits=None):
    one = judge.Judge(limits)
    for record in stream:
        one.feed(record)
    return one.verdict()


def only(name, stream):
    """What this criterion says, where there is no other one: in less time."""
    return one(verdict_of(stream, {name: LIMITS[name]}), name)


def changed(change, stream=GOOD):
    """Good records, each through `change`, which returns nothing, or what comes instead: a record or a list."""
    for record in stream:
        new = change(record)
        yield from [record] if new is None else new if isinstance(new, list) else [new]


def verdict_on(*changes):
    """The verdict on a short soak, of which each change is told what those before it have left."""

    def change(record):
        for each in changes:
            new = each(record)
            if isinstance(new, list):
                return new
            record = new or record
        return record

    return verdict_of(changed(change, SHORT))


def failed(verdict):
    return [one["name"] for one in verdict["criteria"] if one["ok"] is False]


def one(verdict, name):
    return next(each for each in verdict["criteria"] if each["name"] == name)


def with_fields(src, t, **fields):
    """Of all records from there in a second, with these fields."""
    return lambda record: record | fields if record["src"] == src and records.at(record, t) else None


def with_stats(where, edit):
    """The guest's statistics of the seconds that `where` chooses, changed by `edit`."""

    def change(record):
        if not records.is_stats(record) or not where(record["t"]):
            return None
        new = copy.deepcopy(record)
        edit(new["record"], record["t"])
        return new

    return change


def added(t, *new):
    """More records, behind those of a second."""
    return lambda record: [record, *({"t": t + 0.9} | each for each in new)] if records.is_stats(record) and records.at(record, t) else None


def of_udp(t, **fields):
    return lambda record: record | fields if record.get("proto") == "udp" and records.at(record, t) else None


def no_reserve(stats, t):
    stats["buffers"]["net0.tx"] = {"size": 256, "free": 0, "stack": 100, "held": 0, "device": 156}


def often_full(stats, t):
    """Two frames of a thousand."""
    stats["queues"][1]["drops"] = {"full": int(2 * t)}


def leak_slowly(stats, t):
    if 1 < t < records.SECONDS:
        stats["pools"][1]["used"] += int(t / 100)


def slower(record):
    if record.get("proto") == "tcp":
        return record | {"bytes": int(record["bytes"] * (1 - 0.03 * record["t"] / records.SECONDS))}
    return None


def dearer(record):
    return record | {"cpu_guest": 0.4 * (1 + 0.03 * record["t"] / records.SECONDS)} if record["src"] == "host" else None


def later(record):
    if record["src"] == "probe":
        return record | {"rtt_us": [int(us * (1 + 0.6 * record["t"] / records.SECONDS)) for us in record["rtt_us"]]}
    return None


def long_gaps(proto, gap_ms):
    def change(record):
        return record | {"gap_ms": gap_ms} if record.get("proto") == proto and int(record["t"]) % 20 == 0 else None

    return change


def long_guest_gaps(job, gap_ms):
    """The same by the guest's own clock."""

    def change(record):
        said = record.get("record", {})
        if said.get("event") == "interval" and said["job"] == job and int(record["t"]) % 20 == 0:
            return record | {"record": said | {"gap_max_us": 1000 * gap_ms}}
        return None

    return change


def silent_after(begin, gap_ms, paths=("tap",)):
    """The probes of these paths are silent from a moment in a fault until so long after its end."""

    def change(record):
        if record["src"] == "probe" and record["path"] in paths and begin + 1 <= record["t"] <= begin + gap_ms / 1000 + 1:
            so_far = min(gap_ms, int(1000 * (record["t"] - begin)))
            return record | {"gap_at": begin, "gap_ms": so_far, "lost": 10, "rtt_us": record["rtt_us"][:10]}
        return None

    return change


def own_verdict(**values):
    """The guest says FAIL at its end, by these."""
    return lambda record: record | {"record": records.verdict(**values)} if record.get("record", {}).get("event") == "verdict" else None

# SPDX-License-Identifier: BSD-3-Clause
"""A guest that becomes slower is seen in half an hour, with the phases that a soak really has, and a busy host is not taken for it."""

import math
import random

import pytest
import soakrecords as records
from soakjudged import one, verdict_of

from antifreeze.soak import plan


def half_an_hour(slower, noise, seed):
    """Bytes of each path in each second of a planned soak. Only the rate of bulk TCP declines, by so much a minute."""
    chance = random.Random(seed)
    rates = {}
    for phase in plan.make(1800, seed, []).phases:
        yield {"t": phase.at, "src": "soak", "what": "phase", "name": phase.name}
        neighbours = chance.lognormvariate(0, noise[0])  # a busy host, for as long as the phase lasts
        for t in range(math.ceil(phase.at), int(phase.at + phase.seconds)):
            for kind, path in phase.sources:
                rate = rates.setdefault((kind, path), 10 ** chance.uniform(6.5, 8))
                if kind.startswith("tcp_"):
                    rate *= neighbours * chance.lognormvariate(0, noise[1]) / (1 + slower * t / 60)
                yield {"t": t + 0.5, "src": "traffic", "name": f"{kind}@{path}", "path": path, "proto": kind[:3], "dir": "rx", "bytes": int(rate), "gap_ms": 1}
    yield {"t": 1800, "src": "soak", "what": "end", "why": "done"}


def decline(*args):
    return one(verdict_of(half_an_hour(*args)), "throughput_decline")


@pytest.mark.parametrize("seed", range(1, 9))
def test_one_per_cent_a_minute_is_seen_in_half_an_hour(seed):
    found = decline(0.01, (0.02, 0.1), seed)
    assert found["ok"] is False and found["value"] > 15, found
    for noise in ((0.02, 0.1), (0.1, 0.1), (0.3, 0.15)):
        assert decline(0, noise, seed)["ok"], noise


def test_a_rate_that_is_asked_for_is_no_figure_of_speed():
    """A share of the time is taken off, of which a guest with little to do needed none."""
    host = lambda record: [record, {"t": record["t"] + 0.1, "src": "host"} | records.sliced(record["t"], qemu=0.5 - 0.4 * record["t"] / 1800)]
    flat = lambda record: host(record | {"bytes": 10**6}) if record["src"] == "traffic" and not record["name"].startswith("tcp_") else []
    stream = [new for record in half_an_hour(0, (0, 0), 1) for new in (flat(record) if record["src"] == "traffic" else [record])]
    assert one(verdict_of(stream), "throughput_decline")["ok"] is None

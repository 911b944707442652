# SPDX-License-Identifier: BSD-3-Clause
"""A guest that becomes slower is seen in half an hour, with the phases that a soak really has, and a busy host is not taken for it."""

import math
import random

import pytest
import soakrecords as records
from soakjudged import only

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
    return only("throughput_decline", half_an_hour(*args))


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
    assert only("throughput_decline", stream)["ok"] is None


# ---- what a packet costs --------------------------------------------------------------------------


def costs(slower, noise, seed, wait=lambda t: 0.1):
    """CPU time and packets of each second of a planned soak; a packet costs by so much more each minute."""
    chance = random.Random(seed)
    costs = {}
    packets = 0
    for phase in plan.make(1800, seed, []).phases:
        yield {"t": phase.at, "src": "soak", "what": "phase", "name": phase.name}
        neighbours = chance.lognormvariate(0, noise)  # more or fewer packets at once, for as long as the phase lasts
        rate, each = costs.setdefault(tuple(phase.sources), (chance.uniform(1e4, 2e5), chance.uniform(2e-6, 1e-5)))
        for t in range(math.ceil(phase.at), int(phase.at + phase.seconds)):
            now = rate * chance.lognormvariate(0, 0.2)  # whatever it carries
            packets += int(now)
            share = now * each * neighbours * (1 + slower * t / 60)
            yield {"t": t + 0.5, "src": "host", "cpu_guest": share} | records.sliced(t + 0.5, qemu=wait(t))
            yield records.guest(t + 0.6, records.stats(sent=packets))
    yield {"t": 1800, "src": "soak", "what": "end", "why": "done"}


def rise(*args):
    return only("cost_rise", costs(*args))


@pytest.mark.parametrize("seed", range(1, 9))
def test_packets_that_cost_more_and_more_are_seen_in_half_an_hour(seed):
    found = rise(0.01, 0.03, seed)
    assert found["ok"] is False and 15 < found["value"] < 45, found
    for noise in (0.02, 0.06, 0.2):
        assert rise(0, noise, seed)["ok"], noise
    assert rise(-0.01, 0.03, seed)["ok"]  # and nobody minds


def test_costs_on_a_host_that_becomes_calm_are_not_compared():
    """Which does less at once, and so more for each packet."""
    found = rise(0.01, 0.02, 1, lambda t: 0.5 - 0.4 * t / 1800)
    assert found["ok"] is None and "less of the time" in found["why"]


def test_seconds_that_a_fault_touches_cost_what_they_cost():
    def disturbed(stream):
        for record in stream:
            if record["src"] == "host" and record["t"] > 1000:
                record = record | {"cpu_guest": 10 * record["cpu_guest"]}
            yield record
            if record["t"] == 1000.6:
                yield {"t": 1000.7, "src": "fault", "what": "begin", "name": "stop", "path": ""}

    assert only("cost_rise", disturbed(costs(0, 0.02, 1)))["ok"]
    assert rise(0, 0.02, 1)["ok"]

# SPDX-License-Identifier: BSD-3-Clause
"""Records of a soak that never was: two paths, TCP in on the first, UDP at the certified rate out of the second, a probe on both,
a fault every 200 s. Good as they are; a test makes bad what it is about."""

import random

SECONDS = 1800
FAULT_EVERY, FAULT_LASTS = 200, 5
RESET_AT = 1000  # the fault that begins then takes the device down
PACKETS = 10000


def stats(used=0, **more):
    """The guest's statistics, as far as anybody reads them."""
    return {
        "event": "stats", "alloc_failures": 0, "stalls_judged": 0, "stalls_by_cause": {}, "device_errors": 0, "conservation_violations": 0,
        "gap_max_us": {"rx": 1000, "tx": 1000, "late": 0},
        "pools": [
            {"name": "net0.rx", "size": 320, "used": 260, "max": 270, "failures": 0},
            {"name": "lwip.TCP_SEG", "size": 1000, "used": 10 + used, "max": 500, "failures": 0},
        ],
        "queues": [
            {"nic": "net0", "queue": "rx", "size": 256, "posted": 256, "posted_min": 100, "packets": 1, "bytes": 1, "resets": 0, "drops": {"no_buffer": 0}},
            {"nic": "net0", "queue": "tx", "size": 256, "posted": 3, "posted_min": 0, "packets": 1, "bytes": 1, "resets": 0, "drops": {"full": 0}},
        ],
        "buffers": {
            "net0.rx": {"size": 320, "free": 60, "stack": 0, "held": 4, "device": 256},
            "net0.tx": {"size": 256, "free": 253, "stack": 0, "held": 0, "device": 3},
        },
    } | more  # fmt: skip


def guest(t, record):
    return {"t": t, "src": "guest", "guest": "dut", "record": record}


def faults(seconds=SECONDS):
    """(begin, end, settle) of each."""
    return [(t, t + FAULT_LASTS, 2 if t == RESET_AT else 1) for t in range(FAULT_EVERY, seconds - FAULT_LASTS, FAULT_EVERY)]


def good(seconds=SECONDS, seed=1):
    """All of them, in order."""
    chance = random.Random(seed)
    yield {"t": 0.0, "src": "soak", "what": "begin", "seconds": seconds, "seed": seed, "qemu": "qemu-system-x86_64 -M q35", "versions": {"qemu": "7.2"}}
    yield {"t": 0.1, "src": "soak", "what": "idle"}
    yield guest(0.2, stats())
    yield {"t": 0.3, "src": "soak", "what": "phase", "mixes": {"tap": "tcp_up", "plain": "udp_64"}}
    plan = {t: ("begin", settle) for t, _, settle in faults(seconds)} | {t: ("end", settle) for _, t, settle in faults(seconds)}
    for t in range(1, seconds):
        if t in plan:
            what, settle = plan[t]
            yield {"t": t + 0.0, "src": "fault", "name": f"fault{settle}", "what": what, "path": "", "paths": [], "settle": settle, "params": {}}
        yield {"t": t + 0.3, "src": "host", "load1": 2.0, "cpu_qemu": 0.9, "cpu_peers": 0.5, "cpu_soak": 0.05, "pause_ms": chance.uniform(0, 20)}
        yield {"t": t + 0.4, "src": "traffic", "name": "tcp_up@tap", "path": "tap", "proto": "tcp", "dir": "rx", "seconds": 1.0,
               "bytes": int(1e7 * chance.gauss(1, 0.05)), "gap_ms": chance.uniform(5, 40)}  # fmt: skip
        yield {"t": t + 0.5, "src": "traffic", "name": "flood-1", "path": "plain", "proto": "udp", "dir": "tx", "seconds": 1.0, "bytes": 60 * PACKETS,
               "gap_ms": chance.uniform(0.1, 4), "certified": True, "intended": PACKETS, "sent": PACKETS, "packets": PACKETS, "lost": 0, "duplicate": 0,
               "corrupt": 0}  # fmt: skip
        for path in ("tap", "plain"):
            yield {"t": t + 0.6, "src": "probe", "path": path, "seconds": 1.0, "sent": 20, "lost": 0, "gap_ms": 60, "gap_at": t + 0.2,
                   "rtt_us": [int(400 * chance.lognormvariate(0, 0.3)) for _ in range(20)]}  # fmt: skip
        yield guest(t + 0.8, stats(used=chance.randint(0, 5)))
    yield {"t": seconds + 0.1, "src": "soak", "what": "idle"}
    yield guest(seconds + 0.2, stats())
    yield {"t": seconds + 0.9, "src": "soak", "what": "end", "why": "done"}


def sliced(end, **waits):
    """Fields of the host's record about the second until `end`, in slices of a tenth: of each name the share of each that it waited."""
    shares = {name: share if isinstance(share, list) else [share] * 10 for name, share in waits.items()}
    return {
        "slices": [round(end - 1 + (k + 1) / 10, 3) for k in range(10)],
        "waits": {name: [100 * share for share in values] for name, values in shares.items()},
    }


def at(record, t):
    return int(record["t"]) == t


def is_stats(record):
    return record["src"] == "guest" and record["record"]["event"] == "stats"

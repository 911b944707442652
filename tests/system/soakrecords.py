# SPDX-License-Identifier: BSD-3-Clause
"""Records of a soak that never was: two paths, TCP in on the first, UDP at the certified rate out of the second, a probe on both,
a fault every 200 s. Good as they are; a test makes bad what it is about."""

import json
import random

from antifreeze.soak import log

SECONDS = 1800
FAULT_EVERY, FAULT_LASTS = 200, 5
RESET_AT = 1000  # the fault that begins then takes the device down
PACKETS = 10000
CLIENTS = {"tap": "10.77.1.1", "plain": "10.77.2.1"}  # the address of each path's
JOBS = {"iperf3-1": ("tcp", "rx", 40, "tap"), "iperf3-2": ("udp", "tx", 4, "plain")}  # protocol, direction, longest gap in ms, path
OWN = {"alloc_failures": 0, "conservation_violations": 0, "tx_gap_max_us": 10**6, "device_resets": 0, "device_errors": 0, "stalls": 0}  # a guest's own limits


def stats(used=0, sent=1, **more):
    """The guest's statistics, as far as anybody reads them."""
    return {
        "event": "stats", "alloc_failures": 0, "stalls_judged": 0, "stalls_by_cause": {}, "stalls_judged_by_cause": {}, "device_errors": 0, "conservation_violations": 0,
        "gap_max_us": {"rx": 1000, "tx": 1000, "late": 0},
        "pools": [
            {"name": "net0.rx", "size": 320, "used": 260, "max": 270, "failures": 0},
            {"name": "lwip.TCP_SEG", "size": 1000, "used": 10 + used, "max": 500, "failures": 0},
        ],
        "queues": [
            {"nic": "net0", "queue": "rx", "size": 256, "posted": 256, "posted_min": 100, "packets": 1, "bytes": 1, "resets": 0, "drops": {"no_buffer": 0}},
            {"nic": "net0", "queue": "tx", "size": 256, "posted": 3, "posted_min": 0, "packets": sent, "bytes": 1, "resets": 0, "drops": {"full": 0}},
        ],
        "buffers": {
            "net0.rx": {"size": 320, "free": 60, "stack": 0, "held": 4, "device": 256},
            "net0.tx": {"size": 256, "free": 253, "stack": 0, "held": 0, "device": 3},
        },
    } | more  # fmt: skip


def guest(t, record):
    return {"t": t, "src": "guest", "guest": "dut", "record": record}


def interval(job, t, chance):
    """What the guest says of a second of a test."""
    return {"event": "interval", "job": job, "start_us": 10**6 * (t - 1), "end_us": 10**6 * t, "gap_max_us": int(1000 * chance.uniform(0.1, JOBS[job][2]))}


def verdict(**values):
    """The guest's own, with these values."""
    criteria = [{"name": name, "limit": limit, "value": values.get(name, 0), "ok": values.get(name, 0) <= limit} for name, limit in OWN.items()]
    return {"event": "verdict", "status": "PASS" if all(one["ok"] for one in criteria) else "FAIL", "criteria": criteria}


def faults(seconds=SECONDS):
    """(begin, end, settle) of each."""
    return [(t, t + FAULT_LASTS, 2 if t == RESET_AT else 1) for t in range(FAULT_EVERY, seconds - FAULT_LASTS, FAULT_EVERY)]


def good(seconds=SECONDS, seed=1):
    """All of them, in order."""
    chance, streams = random.Random(seed), random.Random(seed)
    yield {"t": 0.0, "src": "soak", "what": "begin", "seconds": seconds, "seed": seed, "qemu": "qemu-system-x86_64 -M q35", "versions": {"qemu": "7.2"}, "clients": {address: path for path, address in CLIENTS.items()}}
    yield {"t": 0.1, "src": "soak", "what": "idle"}
    yield guest(0.2, stats())
    yield {"t": 0.3, "src": "soak", "what": "phase", "name": "tcp_up@tap udp_down@plain", "seconds": seconds - 0.3}
    yield from (guest(0.35, {"event": "start", "job": job}) for job in JOBS)
    plan = {t: ("begin", settle) for t, _, settle in faults(seconds)} | {t: ("end", settle) for _, t, settle in faults(seconds)}
    for t in range(1, seconds):
        if t in plan:
            what, settle = plan[t]
            yield {"t": t + 0.0, "src": "fault", "name": f"fault{settle}", "what": what, "path": "", "paths": [], "settle": settle, "params": {}}
        yield {"t": t + 0.3, "src": "host", "load1": 2.0, "cpu_qemu": 0.9, "cpu_guest": 0.4, "cpu_peers": 0.5, "cpu_soak": 0.05, "pause_ms": chance.uniform(0, 20)}
        yield {"t": t + 0.4, "src": "traffic", "name": "tcp_up@tap", "path": "tap", "proto": "tcp", "dir": "rx", "seconds": 1.0,
               "bytes": int(1e7 * chance.gauss(1, 0.05)), "gap_ms": chance.uniform(5, 40)}  # fmt: skip
        yield {"t": t + 0.5, "src": "traffic", "name": "udp_down@plain", "path": "plain", "proto": "udp", "dir": "tx", "seconds": 1.0, "bytes": 60 * PACKETS,
               "gap_ms": chance.uniform(0.1, 4), "certified": True, "intended": PACKETS, "sent": PACKETS, "packets": PACKETS, "lost": 0, "duplicate": 0,
               "corrupt": 0}  # fmt: skip
        for path in ("tap", "plain"):
            yield {"t": t + 0.6, "src": "probe", "path": path, "seconds": 1.0, "sent": 20, "lost": 0, "gap_ms": 60, "gap_at": t + 0.2,
                   "rtt_us": [int(400 * chance.lognormvariate(0, 0.3)) for _ in range(20)]}  # fmt: skip
        yield from (guest(t + 0.7, interval(job, t, streams)) for job in JOBS)
        yield guest(t + 0.8, stats(used=chance.randint(0, 5), sent=1000 * t))
    yield from (guest(seconds - 0.05, {"event": "result", "job": job, "proto": proto, "dir": way, "client": CLIENTS[path]}) for job, (proto, way, _, path) in JOBS.items())
    yield {"t": seconds + 0.1, "src": "soak", "what": "idle"}
    yield guest(seconds + 0.2, stats(sent=1000 * seconds))
    yield guest(seconds + 0.8, verdict())
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


def lines_of(stream):
    """As a file of records has them."""
    return "".join(json.dumps(record) + "\n" for record in stream)


def folder_with(path, text):
    """The folder of a soak that has these records."""
    path.mkdir(exist_ok=True)
    (path / log.NAME).write_text(text)
    return path

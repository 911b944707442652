# SPDX-License-Identifier: BSD-3-Clause
"""The guest's records as lines for people."""

import sys


class Progress:
    """One line that is written over on a terminal, and one line each elsewhere."""

    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.rewrite = self.out.isatty()

    def show(self, text):
        """Until the next one."""
        self.out.write(f"\r\x1b[K{text}" if self.rewrite else f"{text}\n")
        self.out.flush()

    def say(self, text):
        """For good."""
        self.clear()
        self.out.write(f"{text}\n")
        self.out.flush()

    def clear(self):
        if self.rewrite:
            self.out.write("\r\x1b[K")


def rate_text(bps):
    for unit, factor in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bps >= factor:
            return f"{bps / factor:.2f} {unit}"
    return f"{bps:.0f} bit/s"


def _way(name, record):
    """What went one way: nothing if nothing did."""
    if not record[f"{name}_bytes"]:
        return ""
    us = record["end_us"] - record["start_us"] if "end_us" in record else record["duration_us"]
    bps = 8e6 * record[f"{name}_bytes"] / us if us else 0
    pps = 1e6 * record[f"{name}_packets"] / us if us else 0
    return f"   {'sent' if name == 'tx' else 'received':8} {rate_text(bps):>14} {pps:>9.0f} packets/s"


def traffic(record):
    """An interval or result record."""
    at = record["end_us"] if "end_us" in record else record["duration_us"]
    both = _way("tx", record) + _way("rx", record) or "   nothing"
    return f"  {record['job']:10} {at / 1e6:7.1f} s{both}   longest gap {record['gap_max_us'] / 1000:.1f} ms"


def criteria(verdict):
    return "\n".join(
        f"  {'ok  ' if c['ok'] else 'FAIL'}  {c.get('job', ''):10} {c['name']:24} {c['value']:>14}   (limit {c['limit']})" for c in verdict["criteria"]
    )


# Counts of a result that say something where they are not 0.
_LOSSES = (
    "lost", "late", "reordered", "duplicate", "corrupt", "out_of_order", "slipped", "unsent",
    "failed", "refused", "reset", "timed_out", "wrong", "no_room", "dropped",
)  # fmt: skip

_LINES = {
    "boot": lambda r: f"booted by {r['entry']}, version {r['version']}, {r['static_kb'] / 1024:.0f} MiB of static memory",
    "nic": lambda r: f"{r['nic']}: {r['mac']}, {r['transport']}, {r['ring']} rings of {r['rx_ring']} and {r['tx_ring']}, {r['irq']}",
    "ready": lambda r: f"ready {r['t_us'] / 1000:.1f} ms after entry: {r['ip'] or r['ip6'] or 'no address'}",
    "result": lambda r: f"{traffic(r)}   {r['end']}" + "".join(f", {r[n]} {n}" for n in _LOSSES if r.get(n)),
    "stall": lambda r: f"STALL of {r['nic']} {r['queue']}: {r['cause']}, {r['stalled_us'] / 1000:.0f} ms so far",
    "recovered": lambda r: f"{r['nic']} {r['queue']} goes on after {r['after_us'] / 1000:.0f} ms: {r['cause']}, {r['action']}",
    "refused": lambda r: f"refused: {r['what']}: {r['reason']}",
    "fault": lambda r: f"fault {r['fault']}: {r.get('state', 'asked')}",
    "error": lambda r: f"error: {r['message']}",
    "panic": lambda r: f"PANIC: {r['message']}",
    "verdict": lambda r: f"{criteria(r)}\n{r['status']}",
}


def tell(record, progress):
    """Shows a record, if it is one for people."""
    if record["event"] == "interval":
        progress.show(traffic(record))
    elif record["event"] in _LINES:
        progress.say(_LINES[record["event"]](record))

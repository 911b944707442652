# SPDX-License-Identifier: BSD-3-Clause
"""What a replay came to: replay.json has everything, replay.md the two guests side by side, as they were."""

import json

from .guests import OURS, THEIRS

_ROWS = (
    ("memory of the machine, MiB", "memory_mib"),
    ("files by FTP-like streams: done / failed", ("ftp", "files"), ("ftp", "failed")),
    ("the same, Mbit/s through the guest", ("ftp", "mbps")),
    ("the same, longest time without a byte, ms", ("ftp", "longest_gap_ms")),
    ("times without a byte of 250 ms and more", ("ftp", "gaps_over_250_ms")),
    ("rsync into the guest: done / failed", ("rsync", "up_done"), ("rsync", "up_failed")),
    ("rsync out of it: done / failed", ("rsync", "down_done"), ("rsync", "down_failed")),
    ("small datagrams to a closed port, per second", ("flood", "pps")),
    ("connections that never read: held at most / turned away", ("slow", "held_most"), ("slow", "refused")),
    ("probe: sent / not answered", ("probe", "sent"), ("probe", "lost")),
    ("probe: median / 99th percentile, ms", ("probe", "p50_ms"), ("probe", "p99_ms")),
    ("probe: longest time without an answer, ms", ("probe", "longest_gap_ms")),
    ("longest pause of the measuring host itself, ms", ("probe", "host_pause_ms")),
    ("asked for its memory once a second: answers / silent", "answered", "silent"),
    ("after the load, a file within 10 s", "alive_after"),
)


def _value(result, where):
    for name in (where,) if isinstance(where, str) else where:
        result = result.get(name, "–") if isinstance(result, dict) else "–"
    if isinstance(result, list):
        return str(len(result))
    if isinstance(result, bool):
        return "yes" if result else "no"
    return str(result)


def table(results):
    """The lines of replay.md."""
    names = [name for name in (OURS, THEIRS) if name in results["guests"]]
    guests = [results["guests"][name] for name in names]
    lines = [
        "# The classic freeze, replayed",
        "",
        f"{results['seconds']} s for each guest, one after the other, on the same line: machine `pc`, `-net nic,model=virtio -net tap`,",
        "the device's legacy interface, a bridge with a tap for each. Everything at once: rsync and FTP-like streams through the",
        "guest's relay, 64-byte datagrams to a closed port, connections that never read. What happened, whatever it was:",
        "",
        "| | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for title, *wheres in _ROWS:
        cells = (" / ".join(_value(guest, where) for where in wheres) for guest in guests)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    for name, guest in zip(names, guests):
        lines += ["", f"## {name}: what it says of its memory", ""]
        said = (guest["memory"] or {"no answer": ""}) | guest["complaints"]
        lines += [f"- {key}: {value}" for key, value in said.items()]
        if guest["failure"]:
            lines += [f"- the guest ended: {guest['failure']}"]
        lines += ["", f"    {guest['line']}"]
    return lines


def broken(results):
    """What our guest promises and has not kept, as sentences."""
    guest = results["guests"].get(OURS)
    if guest is None:
        return []
    said = []
    if guest["failure"]:
        said.append(f"it ended: {guest['failure']}")
    if not guest["alive_after"]:
        said.append("no file came through it after the load")
    memory = guest["memory"]
    if memory is None:
        return [*said, "it did not answer"]
    for name in ("alloc_failures", "stalls_judged"):
        if memory[name]:
            said.append(f"{name} is {memory[name]}")
    return said


def write(results, folder):
    (folder / "replay.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "replay.md").write_text("\n".join(table(results)) + "\n")

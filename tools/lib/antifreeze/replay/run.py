# SPDX-License-Identifier: BSD-3-Clause
"""One guest under the replay's load, for so many seconds."""

import contextlib
import shlex
import time

from .. import Error
from . import guests, traffic


def _followed(guest, seconds, sources):
    """Once a second: bytes and answers so far, and the guest's own word on its memory, or None."""
    rows = []
    start = time.monotonic()
    while (at := time.monotonic() - start) < seconds and guest.alive():
        said = guests.asked(guest)
        ftp, probe = sources["ftp"], sources["probe"]
        rows.append({"at": round(at, 1), "ftp_bytes": ftp.arrived, "answers": len(probe.rtts), "memory": said})
        time.sleep(max(0, min(start + len(rows), start + seconds) - time.monotonic()))
    return rows


def _alive_after(guest):
    """A file goes through within ten seconds when the load is over."""
    with traffic.Ftp(guest, streams=1) as ftp:
        deadline = time.monotonic() + 10
        while ftp.files == 0 and time.monotonic() < deadline and guest.alive():
            time.sleep(0.05)
        return ftp.files > 0


def measure(guest, seconds, folder):
    """The guest is ready. Returns its part of the results."""
    sources = {
        "flood": traffic.Flood(guest), "slow": traffic.Slow(guest), "probe": traffic.Probe(guest),
        "rsync": traffic.Rsync(guest, folder / "rsync"), "ftp": traffic.Ftp(guest),
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        for source in sources.values():
            stack.enter_context(source)
        rows = _followed(guest, seconds, sources)
        report = {name: source.report() for name, source in sources.items()}
    report["ftp"]["mbps"] = round(report["ftp"]["bytes"] * 8 / 1e6 / max(seconds, 1), 1)
    report["alive_after"] = guest.alive() and _alive_after(guest)
    return report | {
        "memory_mib": guest.machine.memory_mib, "seconds": rows,
        "answered": sum(row["memory"] is not None for row in rows),
        "silent": sum(row["memory"] is None for row in rows),
        "memory": guests.asked(guest), "complaints": guest.complaints(),
        "failure": "" if guest.alive() else _why(guest),
        "line": shlex.join(guest.machine.plain_command()),
    }  # fmt: skip


def _why(guest):
    try:
        return f"status {guest.wait_exit(1)}"
    except Error as error:
        return str(error).splitlines()[0]

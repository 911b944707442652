# SPDX-License-Identifier: BSD-3-Clause
"""The two guests of the replay, on the same old line, and what each says of its memory when asked.

Ours needs 54 MiB and has 64. Linux has little more than its kernel, its first file system and an init need to get up
(MEMORY); which memory that is, is in the report. It runs a relay as one would write it for Linux: tests/bench/linux_relay.c.
"""

import re

from .. import Error, net
from ..bench import linux
from .bridge import LEGACY

OURS, THEIRS = "antifreeze", "linux"
MEMORY = {OURS: 64, THEIRS: 128}
BOOT_SECONDS = 180
RSYNC, FTP = 7000, 7001  # ports of the guest
RSYNC_AT, FTP_AT = 8730, 8731  # where it relays them: ports of the host

# Printed even with Linux's console at errors and warnings only.
_CONSOLE = {
    "page_allocation_failures": r"page allocation failure",
    "oom_kills": r"Out of memory: Killed process",
    "hung_tasks": r"blocked for more than \d+ seconds",
}
_VMSTAT = ("allocstall_", "oom_kill", "pgscan_direct", "compact_stall")
_NETSTAT = ("TCPAbortOnMemory", "TCPMemoryPressures", "PruneCalled", "RcvPruned", "TCPRcvQDrop", "TCPBacklogDrop")


def relays(port):
    """What both guests' command lines have."""
    return f"relay={RSYNC}:{port.host4}:{RSYNC_AT},{FTP}:{port.host4}:{FTP_AT}"


class Antifreeze(net.NetGuest):
    name = OURS

    def __init__(self, port, log_dir, memory_mib):
        machine = {"machine": "pc", "memory_mib": memory_mib, "settings": LEGACY}
        super().__init__(port, log_dir, relays(port), **machine)

    def memory(self):
        """Counters as they are now; Error if it does not answer."""
        stats = self.stats(timeout=5)
        full = [pool["name"] for pool in stats["pools"] if pool.get("failures")]
        return {
            "alloc_failures": stats["alloc_failures"], "pools_that_failed": full,
            "connections_refused": stats["refusals"], "stalls": stats["stalls"],
            "stalls_judged": stats["stalls_judged"], "gap_max_ms": stats["gap_max_us"]["rx"] / 1000,
        }  # fmt: skip

    def complaints(self):
        return {}


class Linux(linux.LinuxGuest):
    name = THEIRS

    def __init__(self, port, log_dir, memory_mib):
        machine = {"machine": "pc", "memory_mib": memory_mib, "settings": LEGACY}
        append = " ".join([*linux.SETTINGS, "loglevel=5", relays(port)])
        net.NetGuest.__init__(self, port, log_dir, append, image=linux.kernel(), initrd=linux.INITRD, **machine)

    def memory(self):
        vmstat = dict(line.split() for line in self.ask("get /proc/vmstat", 5).splitlines())
        said = {}
        for prefix in _VMSTAT:
            said[prefix.rstrip("_")] = sum(int(n) for name, n in vmstat.items() if name.startswith(prefix))
        netstat = self.ask("get /proc/net/netstat", 5).splitlines()
        for names, values in zip(netstat[::2], netstat[1::2]):
            said |= {name: int(n) for name, n in zip(names.split()[1:], values.split()[1:]) if name in _NETSTAT}
        meminfo = self.ask("get /proc/meminfo", 5)
        said["mem_available_kib"] = int(re.search(r"MemAvailable:\s*(\d+)", meminfo)[1])
        said["rx_dropped"] = int(self.ask("get /sys/class/net/eth0/statistics/rx_dropped", 5))
        return said

    def complaints(self):
        """What its kernel has printed, counted."""
        text = (self.log_dir / "console.log").read_text(errors="replace")
        return {name: len(re.findall(pattern, text)) for name, pattern in _CONSOLE.items()}


GUESTS = {OURS: Antifreeze, THEIRS: Linux}


def asked(guest):
    """guest.memory(), or None if there was no answer."""
    try:
        return guest.memory()
    except (Error, OSError, ValueError, LookupError, TypeError):
        return None
